/* XPath 1.0: expressions whose types are known beforehand, over the tree of a chunk. */
#include <math.h>
#include <string.h>

#include "engine.h"
#include "program.h"

enum { MOST_REFERENCES = 1 << 24, LARGEST_INTEGER = 1000000000, MOST_DIGITS = 15 };

static double number_of(struct engine *engine, const struct context *context, int32_t expression);

static struct node *node_at(const struct engine *engine, reference at)
{
    return engine->nodes + (at >> 32);
}

static struct attribute *attribute_at(const struct engine *engine, reference at)
{
    return (uint32_t)at ? engine->attributes + (uint32_t)at - 1 : NULL;
}

static reference reference_to(uint32_t node)
{
    return (reference)node << 32;
}

/* ---- nodes ---- */

void push(struct engine *engine, reference at)
{
    if (engine->reference_count == engine->reference_room) {
        void *room = engine->reference_count >= MOST_REFERENCES
                         ? NULL
                         : enlarged(engine, engine->references, &engine->reference_room, engine->reference_count + 1,
                                    sizeof(reference));
        if (room == NULL) {
            refuse(engine, TOO_LARGE);
            return;
        }
        engine->references = room;
    }
    engine->references[engine->reference_count++] = at;
}

static bool passes(uint32_t test, uint32_t wanted, uint32_t key)
{
    switch (test) {
    case NAMED:
        return key == wanted;
    case IN_SPACE:
        return key != TEXT && SPACE_OF(key) == wanted;
    case ANY_NAME:
        return key != TEXT;
    case IS_TEXT:
        return key == TEXT;
    default:
        return true;
    }
}

/* The nodes of a step from one node go to `take` until it says that this is enough; whether it did. */
typedef bool taker(struct engine *engine, const void *more, reference at);

static bool along_children(struct engine *engine, const int32_t *step, reference from, taker *take, const void *more)
{
    uint32_t node = (uint32_t)(from >> 32), test = (uint32_t)step[1], key = (uint32_t)step[2];
    const struct node *nodes = engine->nodes;
    uint32_t end = attribute_at(engine, from) ? 0 : nodes[node].end;
    for (uint32_t child = node + 1; child < end; child = nodes[child].end)
        if (passes(test, key, nodes[child].key) && take(engine, more, reference_to(child)))
            return true;
    return false;
}

static bool along_attributes(struct engine *engine, const int32_t *step, reference from, taker *take, const void *more)
{
    const struct node *node = node_at(engine, from);
    if (attribute_at(engine, from) || node->key == TEXT)
        return false;
    for (uint32_t number = node[0].attributes; number < node[1].attributes; number++)
        if (passes((uint32_t)step[1], (uint32_t)step[2], engine->attributes[number].key) &&
            take(engine, more, from | (number + 1)))
            return true;
    return false;
}

static bool along_self(struct engine *engine, const int32_t *step, reference from, taker *take, const void *more)
{
    bool is_attribute = attribute_at(engine, from) != NULL;
    /* The name test of every axis but the attributes' finds elements only. */
    bool right = is_attribute ? step[1] == ANYTHING
                              : passes((uint32_t)step[1], (uint32_t)step[2], node_at(engine, from)->key);
    return right && take(engine, more, from);
}

static bool along_parent(struct engine *engine, const int32_t *step, reference from, taker *take, const void *more)
{
    reference parent = attribute_at(engine, from) ? from >> 32 << 32 : reference_to(node_at(engine, from)->parent);
    /* The node above the root is none of the tree's. */
    if (parent == reference_to(UINT32_MAX)) {
        refuse(engine, ODD_VALUE);
        return true;
    }
    return along_self(engine, step, parent, take, more);
}

static bool along_descendants(struct engine *engine, const int32_t *step, reference from, taker *take, const void *more)
{
    if (step[0] == DESCENDANT_OR_SELF && along_self(engine, step, from, take, more))
        return true;
    if (attribute_at(engine, from))
        return false;
    uint32_t node = (uint32_t)(from >> 32), end = engine->nodes[node].end;
    for (uint32_t inner = node + 1; inner < end; inner++)
        if (passes((uint32_t)step[1], (uint32_t)step[2], engine->nodes[inner].key) &&
            take(engine, more, reference_to(inner)))
            return true;
    return false;
}

static bool along(struct engine *engine, const int32_t *step, reference from, taker *take, const void *more)
{
    switch (step[0]) {
    case CHILD:
        return along_children(engine, step, from, take, more);
    case ATTRIBUTE:
        return along_attributes(engine, step, from, take, more);
    case SELF:
        return along_self(engine, step, from, take, more);
    case PARENT:
        return along_parent(engine, step, from, take, more);
    default:
        return along_descendants(engine, step, from, take, more);
    }
}

/* A path all of whose steps keep the document's order and whose predicates ask for no position: depth first. */
struct walk {
    const int32_t *step;
    int32_t left;
    bool only_first;
};

static bool walked(struct engine *engine, const void *more, reference at);

static bool descended(struct engine *engine, const struct walk *walk, reference at)
{
    if (walk->left == 0) {
        push(engine, at);
        return walk->only_first || engine->reason != ACCEPTED;
    }
    return along(engine, walk->step, at, walked, walk);
}

/* Goes on from a node that a step has found. */
static bool walked(struct engine *engine, const void *more, reference at)
{
    const struct walk *walk = more;
    const int32_t *predicates = walk->step + 4;
    const struct context inside = {at, 1, 1};
    for (int32_t number = 0; number < walk->step[3]; number++)
        if (!truth(engine, &inside, predicates[number]))
            return false;
    const struct walk rest = {predicates + walk->step[3], walk->left - 1, walk->only_first};
    return descended(engine, &rest, at);
}

static bool taken(struct engine *engine, const void *more, reference at)
{
    (void)more;
    push(engine, at);
    return false;
}

/* Leaves of the references from `start` on those that all predicates hold of. */
static void filter(struct engine *engine, size_t start, int32_t count, const int32_t *predicates)
{
    for (int32_t number = 0; number < count; number++) {
        size_t size = engine->reference_count - start, kept = start;
        for (size_t at = 0; at < size && engine->reason == ACCEPTED; at++) {
            reference found = engine->references[start + at];
            const struct context inside = {found, (uint32_t)at + 1, (uint32_t)size};
            if (truth(engine, &inside, predicates[number]))
                engine->references[kept++] = found;
        }
        engine->reference_count = kept;
    }
}

static void sift(reference *heap, size_t root, size_t size)
{
    for (size_t child; (child = 2 * root + 1) < size; root = child) {
        child += child + 1 < size && heap[child + 1] > heap[child];
        if (heap[root] >= heap[child])
            return;
        reference held = heap[root];
        heap[root] = heap[child];
        heap[child] = held;
    }
}

static void sort(reference *all, size_t size)
{
    for (size_t root = size / 2; root-- > 0;)
        sift(all, root, size);
    while (size > 1) {
        reference held = all[--size];
        all[size] = all[0];
        all[0] = held;
        sift(all, 0, size);
    }
}

/* Puts the references from `start` on into the document's order, each once. */
static void order(struct engine *engine, size_t start)
{
    size_t size = engine->reference_count - start, kept = 1, in_order = 1;
    if (size < 2)
        return;
    reference *all = engine->references + start;
    while (in_order < size && all[in_order - 1] < all[in_order])
        in_order++;
    if (in_order == size)
        return;
    sort(all, size);
    for (size_t at = 1; at < size; at++)
        if (all[at] != all[kept - 1])
            all[kept++] = all[at];
    engine->reference_count = start + kept;
}

/* Takes the references before `middle` away from those that begin at `start`. */
static void drop(struct engine *engine, size_t start, size_t middle)
{
    size_t size = engine->reference_count - middle;
    if (size)
        memmove(engine->references + start, engine->references + middle, size * sizeof(reference));
    engine->reference_count = start + size;
}

static const int32_t *walk_step(struct engine *engine, const int32_t *step, size_t start)
{
    size_t middle = engine->reference_count;
    for (size_t at = start; at < middle && engine->reason == ACCEPTED; at++) {
        size_t found = engine->reference_count;
        along(engine, step, engine->references[at], taken, NULL);
        filter(engine, found, step[3], step + 4);
    }
    drop(engine, start, middle);
    order(engine, start);
    return step + 4 + step[3];
}

static void walk_path(struct engine *engine, const struct context *context, const int32_t *code, bool only_first)
{
    const int32_t *step = code + 4;
    if (code[1]) {
        const struct walk walk = {step, code[3], only_first};
        descended(engine, &walk, context->at);
        return;
    }
    size_t start = engine->reference_count;
    if (code[2] < 0)
        push(engine, context->at);
    else
        nodes_of(engine, context, code[2]);
    for (int32_t number = 0; number < code[3]; number++)
        step = walk_step(engine, step, start);
}

size_t nodes_of(struct engine *engine, const struct context *context, int32_t expression)
{
    const int32_t *code = engine->code + expression;
    size_t start = engine->reference_count;
    switch (code[0]) {
    case PATH:
        walk_path(engine, context, code, false);
        break;
    case UNION:
        for (int32_t number = 0; number < code[1]; number++)
            nodes_of(engine, context, code[2 + number]);
        order(engine, start);
        break;
    default:
        nodes_of(engine, context, code[1]);
        filter(engine, start, code[2], code + 3);
    }
    return engine->reference_count - start;
}

bool first_of(struct engine *engine, const struct context *context, int32_t expression, reference *found)
{
    const int32_t *code = engine->code + expression;
    size_t start = engine->reference_count;
    if (code[0] == PATH)
        walk_path(engine, context, code, true);
    else
        nodes_of(engine, context, expression);
    bool any = engine->reference_count > start;
    if (any)
        *found = engine->references[start];
    engine->reference_count = start;
    return any;
}

/* ---- texts ---- */

static const struct text NOTHING = {(const uint8_t *)"", 0};

static struct text text_in(const struct engine *engine, uint32_t at, uint32_t size)
{
    return (struct text){engine->document + at, size};
}

struct text text_at(struct engine *engine, reference at)
{
    const struct attribute *attribute = attribute_at(engine, at);
    if (attribute)
        return text_in(engine, attribute->at, attribute->size);
    const struct node *node = node_at(engine, at), *end = engine->nodes + node->end;
    if (node->key == TEXT || (node + 2 == end && node[1].key == TEXT))
        return node->key == TEXT ? text_in(engine, node->at, node->size) : text_in(engine, node[1].at, node[1].size);
    size_t size = 0;
    for (const struct node *inner = node + 1; inner < end; inner++)
        size += inner->key == TEXT ? inner->size : 0;
    uint8_t *to = size ? scratch(engine, size) : NULL;
    if (to == NULL)
        return NOTHING;
    struct text whole = {to, size};
    for (const struct node *inner = node + 1; inner < end; inner++)
        if (inner->key == TEXT) {
            memcpy(to, engine->document + inner->at, inner->size);
            to += inner->size;
        }
    return whole;
}

uint8_t *scratch(struct engine *engine, size_t size)
{
    if (size > engine->scratch_room - engine->scratch_size) {
        refuse(engine, TOO_LARGE);
        return NULL;
    }
    uint8_t *room = engine->scratch + engine->scratch_size;
    engine->scratch_size += size;
    return room;
}

/* The bytes of a character of a legal text. */
static size_t width(uint8_t first)
{
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static const uint8_t *position_of(struct text part, struct text whole)
{
    if (part.size == 0)
        return whole.at;
    const uint8_t *at = whole.at, *end = whole.at + whole.size;
    while ((size_t)(end - at) >= part.size &&
           (at = memchr(at, part.at[0], (size_t)(end - at) - part.size + 1)) != NULL) {
        if (memcmp(at, part.at, part.size) == 0)
            return at;
        at++;
    }
    return NULL;
}

static struct text normalized(struct engine *engine, struct text text)
{
    uint8_t *to = text.size ? scratch(engine, text.size) : NULL;
    if (to == NULL)
        return NOTHING;
    struct text words = {to, 0};
    bool between = false;
    for (size_t at = 0; at < text.size; at++) {
        if (is_space(text.at[at])) {
            between = words.size > 0;
            continue;
        }
        if (between)
            to[words.size++] = ' ';
        between = false;
        to[words.size++] = text.at[at];
    }
    return words;
}

/* What stands for a character: its place in `from` is counted in characters. */
static struct text substitute(const uint8_t *character, size_t size, struct text from, struct text to)
{
    for (size_t at = 0, other = 0; at < from.size; at += width(from.at[at])) {
        size_t step = other < to.size ? width(to.at[other]) : 0;
        if (size == width(from.at[at]) && memcmp(character, from.at + at, size) == 0)
            return (struct text){to.at + other, step};
        other += step;
    }
    return (struct text){character, size};
}

static struct text translated(struct engine *engine, struct text text, struct text from, struct text to)
{
    size_t widest = 1;
    for (size_t at = 0; at < to.size; at++)
        widest = to.at[at] < 0x80 ? widest : 4;
    uint8_t *room = text.size ? scratch(engine, text.size * widest) : NULL;
    if (room == NULL)
        return NOTHING;
    struct text result = {room, 0};
    for (size_t at = 0; at < text.size;) {
        size_t size = width(text.at[at]);
        struct text new = substitute(text.at + at, size, from, to);
        memcpy(room + result.size, new.at, new.size);
        result.size += new.size;
        at += size;
    }
    return result;
}

static size_t length(struct text text)
{
    size_t characters = 0;
    for (size_t at = 0; at < text.size; at++)
        characters += (text.at[at] & 0xc0) != 0x80;
    return characters;
}

/* A number that can only be meant as a place in a text. */
static bool is_place(struct engine *engine, double number)
{
    bool right = number == floor(number) && fabs(number) < LARGEST_INTEGER;
    if (!right)
        refuse(engine, ODD_VALUE);
    return right;
}

static struct text substring(struct engine *engine, const struct context *context, const int32_t *code)
{
    struct text text = text_of(engine, context, code[1]);
    double start = number_of(engine, context, code[2]);
    double stop = code[3] < 0 ? 2.0 * LARGEST_INTEGER : start + number_of(engine, context, code[3]);
    if (!is_place(engine, start) || (code[3] >= 0 && !is_place(engine, stop)))
        return NOTHING;
    size_t first = text.size, last = text.size;
    double place = 1;
    for (size_t at = 0; at < text.size; at += width(text.at[at]), place++) {
        if (place >= start && first == text.size)
            first = at;
        if (place >= stop) {
            last = at;
            break;
        }
    }
    return first < last ? (struct text){text.at + first, last - first} : NOTHING;
}

static struct text concatenated(struct engine *engine, const struct context *context, const int32_t *code)
{
    struct text parts[MOST_PARTS];
    size_t size = 0;
    for (int32_t number = 0; number < code[1]; number++) {
        parts[number] = text_of(engine, context, code[2 + number]);
        size += parts[number].size;
    }
    uint8_t *to = size ? scratch(engine, size) : NULL;
    if (to == NULL)
        return NOTHING;
    struct text whole = {to, size};
    for (int32_t number = 0; number < code[1]; number++) {
        memcpy(to, parts[number].at, parts[number].size);
        to += parts[number].size;
    }
    return whole;
}

static struct text number_text(struct engine *engine, double number)
{
    if (isnan(number))
        return literal("NaN");
    if (number != floor(number) || fabs(number) >= LARGEST_INTEGER || (number == 0 && signbit(number))) {
        refuse(engine, ODD_VALUE);
        return NOTHING;
    }
    enum { DIGITS = 11 };
    uint8_t *room = scratch(engine, DIGITS);
    if (room == NULL)
        return NOTHING;
    uint32_t left = (uint32_t)fabs(number);
    size_t at = DIGITS;
    do
        room[--at] = (uint8_t)('0' + left % 10);
    while ((left /= 10) > 0);
    if (number < 0)
        room[--at] = '-';
    return (struct text){room + at, DIGITS - at};
}

static struct text first_text(struct engine *engine, const struct context *context, int32_t expression)
{
    reference found;
    return first_of(engine, context, expression, &found) ? text_at(engine, found) : NOTHING;
}

static struct text local_name(struct engine *engine, const struct context *context, int32_t expression)
{
    reference found;
    if (!first_of(engine, context, expression, &found))
        return NOTHING;
    const struct attribute *attribute = attribute_at(engine, found);
    if (attribute)
        return text_in(engine, attribute->name_at, attribute->name_size);
    const struct node *node = node_at(engine, found);
    return node->key == TEXT ? NOTHING : text_in(engine, node->at, node->size);
}

static struct text around(struct engine *engine, const struct context *context, const int32_t *code)
{
    struct text whole = text_of(engine, context, code[1]), part = text_of(engine, context, code[2]);
    const uint8_t *at = position_of(part, whole);
    if (at == NULL)
        return NOTHING;
    if (code[0] == BEFORE)
        return (struct text){whole.at, (size_t)(at - whole.at)};
    return (struct text){at + part.size, whole.size - part.size - (size_t)(at - whole.at)};
}

struct text text_of(struct engine *engine, const struct context *context, int32_t expression)
{
    const int32_t *code = engine->code + expression;
    switch (code[0]) {
    case LITERAL:
        return engine->strings[code[1]];
    case FIRST_TEXT:
        return first_text(engine, context, code[1]);
    case NUMBER_TEXT:
        return number_text(engine, number_of(engine, context, code[1]));
    case TRUTH_TEXT:
        return literal(truth(engine, context, code[1]) ? "true" : "false");
    case CONCAT:
        return concatenated(engine, context, code);
    case SUBSTRING:
        return substring(engine, context, code);
    case BEFORE:
    case AFTER:
        return around(engine, context, code);
    case NORMALIZED:
        return normalized(engine, text_of(engine, context, code[1]));
    case TRANSLATED: {
        struct text text = text_of(engine, context, code[1]), from = text_of(engine, context, code[2]);
        return translated(engine, text, from, text_of(engine, context, code[3]));
    }
    default:
        return local_name(engine, context, code[1]);
    }
}

/* ---- numbers ---- */

/* Reads digits as a whole number; `*at` goes behind them, `*count` says how many there were. */
static double digits(struct text text, size_t *at, int *count)
{
    double number = 0;
    for (*count = 0; *at < text.size && is_digit(text.at[*at]); ++*at, ++*count)
        number = number * 10 + (text.at[*at] - '0');
    return number;
}

/* As libxml2 has it where all agree; exponents, lone signs and endless digits are left to it. */
static double text_number(struct engine *engine, struct text text)
{
    static const double POWERS[MOST_DIGITS + 1] = {1,   1e1, 1e2, 1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    size_t at = 0;
    while (at < text.size && is_space(text.at[at]))
        at++;
    if (at == text.size || !(is_digit(text.at[at]) || text.at[at] == '-' || text.at[at] == '.'))
        return NAN;
    bool negative = text.at[at] == '-';
    at += negative;
    int whole, part = 0;
    double number = digits(text, &at, &whole);
    if (at < text.size && text.at[at] == '.') {
        at++;
        double fraction = digits(text, &at, &part);
        number += part <= MOST_DIGITS ? fraction / POWERS[part] : 0;
        part = part ? part : MOST_DIGITS + 1;
    }
    while (at < text.size && is_space(text.at[at]))
        at++;
    if (whole == 0 || whole > MOST_DIGITS || part > MOST_DIGITS || at < text.size) {
        refuse(engine, ODD_VALUE);
        return NAN;
    }
    return negative ? -number : number;
}

static double counted(struct engine *engine, const struct context *context, int32_t expression)
{
    size_t start = engine->reference_count, count = nodes_of(engine, context, expression);
    engine->reference_count = start;
    return (double)count;
}

static double number_of(struct engine *engine, const struct context *context, int32_t expression)
{
    const int32_t *code = engine->code + expression;
    switch (code[0]) {
    case NUMBER:
        return engine->numbers[code[1]];
    case POSITION:
        return context->position;
    case LAST:
        return context->size;
    case OUTER_POSITION:
        return engine->positions[code[1]];
    case COUNT:
        return counted(engine, context, code[1]);
    case LENGTH:
        return (double)length(text_of(engine, context, code[1]));
    case TEXT_NUMBER:
        return text_number(engine, text_of(engine, context, code[1]));
    case TRUTH_NUMBER:
        return truth(engine, context, code[1]);
    case ADD:
        return number_of(engine, context, code[1]) + number_of(engine, context, code[2]);
    case SUBTRACT:
        return number_of(engine, context, code[1]) - number_of(engine, context, code[2]);
    case MULTIPLY:
        return number_of(engine, context, code[1]) * number_of(engine, context, code[2]);
    default:
        return -number_of(engine, context, code[1]);
    }
}

/* ---- truths ---- */

static bool relates(int32_t relation, double a, double b)
{
    switch (relation) {
    case EQUAL:
        return a == b;
    case UNEQUAL:
        return a != b;
    case LESS:
        return a < b;
    case LESS_EQUAL:
        return a <= b;
    case GREATER:
        return a > b;
    default:
        return a >= b;
    }
}

/* Whether two nodes' texts are in a relation. */
static bool are_related(struct engine *engine, int32_t relation, struct text a, struct text b)
{
    if (relation == EQUAL || relation == UNEQUAL)
        return is_same(a, b) == (relation == EQUAL);
    return relates(relation, text_number(engine, a), text_number(engine, b));
}

static bool compare_nodes_value(struct engine *engine, const struct context *context, const int32_t *code)
{
    struct text text = NOTHING;
    double number = 0;
    if (code[0] == COMPARE_NODES_TEXT)
        text = text_of(engine, context, code[3]);
    else
        number = number_of(engine, context, code[3]);
    size_t start = engine->reference_count, count = nodes_of(engine, context, code[2]);
    bool found = false;
    for (size_t at = 0; at < count && !found && engine->reason == ACCEPTED; at++) {
        size_t before = engine->scratch_size;
        struct text own = text_at(engine, engine->references[start + at]);
        found = code[0] == COMPARE_NODES_TEXT ? are_related(engine, code[1], own, text)
                                              : relates(code[1], text_number(engine, own), number);
        engine->scratch_size = before;
    }
    engine->reference_count = start;
    return found;
}

static bool compare_nodes(struct engine *engine, const struct context *context, const int32_t *code)
{
    size_t start = engine->reference_count;
    size_t count = nodes_of(engine, context, code[2]), others = nodes_of(engine, context, code[3]);
    bool found = false;
    for (size_t at = 0; at < count && !found && engine->reason == ACCEPTED; at++)
        for (size_t other = 0; other < others && !found && engine->reason == ACCEPTED; other++) {
            size_t before = engine->scratch_size;
            struct text a = text_at(engine, engine->references[start + at]);
            struct text b = text_at(engine, engine->references[start + count + other]);
            found = are_related(engine, code[1], a, b);
            engine->scratch_size = before;
        }
    engine->reference_count = start;
    return found;
}

static bool contains(struct engine *engine, const struct context *context, const int32_t *code)
{
    struct text whole = text_of(engine, context, code[1]), part = text_of(engine, context, code[2]);
    if (code[0] == CONTAINS)
        return position_of(part, whole) != NULL;
    return begins(whole, part);
}

static bool decided(struct engine *engine, const struct context *context, const int32_t *code)
{
    reference found;
    double number;
    switch (code[0]) {
    case AND:
        return truth(engine, context, code[1]) && truth(engine, context, code[2]);
    case OR:
        return truth(engine, context, code[1]) || truth(engine, context, code[2]);
    case NOT:
        return !truth(engine, context, code[1]);
    case CONSTANT:
        return code[1];
    case ANY_NODE:
        return first_of(engine, context, code[1], &found);
    case ANY_TEXT:
        return text_of(engine, context, code[1]).size > 0;
    case NOT_ZERO:
        number = number_of(engine, context, code[1]);
        return number != 0 && !isnan(number);
    case CONTAINS:
    case STARTS:
        return contains(engine, context, code);
    case COMPARE_TEXTS: {
        struct text text = text_of(engine, context, code[2]);
        return are_related(engine, code[1], text, text_of(engine, context, code[3]));
    }
    case COMPARE_NUMBERS:
        number = number_of(engine, context, code[2]);
        return relates(code[1], number, number_of(engine, context, code[3]));
    case COMPARE_NODES_TEXT:
    case COMPARE_NODES_NUMBER:
        return compare_nodes_value(engine, context, code);
    default:
        return compare_nodes(engine, context, code);
    }
}

bool truth(struct engine *engine, const struct context *context, int32_t expression)
{
    size_t before = engine->scratch_size;
    bool result = decided(engine, context, engine->code + expression);
    engine->scratch_size = before;
    return result;
}
