/* Bytes -> tree. The document is rewritten in place: a text is never longer than it was written. */
#include <string.h>

#include "engine.h"

enum { NAME_START = 1, NAME = 2, TEXT_STOP = 4, VALUE_STOP = 8, WHITE = 16, URI = 32 };

#define N (NAME | URI)
#define S (NAME | NAME_START | URI)
static const uint8_t CLASS[256] = {
    [0] = TEXT_STOP | VALUE_STOP, ['\t'] = WHITE | VALUE_STOP, ['\n'] = WHITE | VALUE_STOP, [' '] = WHITE,
    ['<'] = TEXT_STOP | VALUE_STOP, ['&'] = TEXT_STOP | VALUE_STOP, [']'] = TEXT_STOP, ['"'] = VALUE_STOP,
    ['\''] = VALUE_STOP, ['-'] = N, ['.'] = N, ['/'] = URI, ['_'] = S,
    ['0'] = N, ['1'] = N, ['2'] = N, ['3'] = N, ['4'] = N, ['5'] = N, ['6'] = N, ['7'] = N, ['8'] = N, ['9'] = N,
    ['A'] = S, ['B'] = S, ['C'] = S, ['D'] = S, ['E'] = S, ['F'] = S, ['G'] = S, ['H'] = S, ['I'] = S, ['J'] = S,
    ['K'] = S, ['L'] = S, ['M'] = S, ['N'] = S, ['O'] = S, ['P'] = S, ['Q'] = S, ['R'] = S, ['S'] = S, ['T'] = S,
    ['U'] = S, ['V'] = S, ['W'] = S, ['X'] = S, ['Y'] = S, ['Z'] = S,
    ['a'] = S, ['b'] = S, ['c'] = S, ['d'] = S, ['e'] = S, ['f'] = S, ['g'] = S, ['h'] = S, ['i'] = S, ['j'] = S,
    ['k'] = S, ['l'] = S, ['m'] = S, ['n'] = S, ['o'] = S, ['p'] = S, ['q'] = S, ['r'] = S, ['s'] = S, ['t'] = S,
    ['u'] = S, ['v'] = S, ['w'] = S, ['x'] = S, ['y'] = S, ['z'] = S,
};
#undef N
#undef S

/* A name as written: `prefix` bytes, a colon if these are not 0, the local name. */
struct name {
    uint8_t *at;
    uint32_t prefix, local;
};

/* An attribute of the start tag that is being read. */
struct written {
    struct name name;
    struct text value;
};

static bool refused(struct engine *engine, enum reason reason)
{
    refuse(engine, reason);
    return false;
}

static uint32_t offset(const struct engine *engine, const uint8_t *at)
{
    return (uint32_t)(at - engine->document);
}

static bool same(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    return is_same((struct text){a, a_size}, (struct text){b, b_size});
}

static bool is(const uint8_t *at, size_t size, const char *text)
{
    return is_same((struct text){at, size}, literal(text));
}

/* ---- characters ---- */

/* The bytes of one character beyond ASCII, or 0 if it is none that XML knows. */
static size_t character(const uint8_t *at, const uint8_t *end)
{
    size_t size = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || (size_t)(end - at) < size)
        return 0;
    uint32_t code = at[0] & (0xffu >> (size + 1));
    for (size_t number = 1; number < size; number++) {
        if ((at[number] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[number] & 0x3f);
    }
    static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
    bool legal = code >= LEAST[size] && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000);
    return legal && code != 0xfffe && code != 0xffff ? size : 0;
}

static bool plain(uint8_t byte)
{
    return (byte >= 0x20 && byte < 0x7f) || byte == '\t' || byte == '\n';
}

/* Whether all is UTF-8 and XML, without DEL and CR, which the output's layout takes for itself. */
static bool legal(const uint8_t *at, const uint8_t *end)
{
    enum { BLOCK = 64 };
    while (at < end) {
        if (end - at >= BLOCK) {
            uint8_t odd = 0;
            for (int number = 0; number < BLOCK; number++)
                odd |= (uint8_t)!plain(at[number]);
            if (!odd) {
                at += BLOCK;
                continue;
            }
        }
        const uint8_t *stop = end - at >= BLOCK ? at + BLOCK : end;
        while (at < stop) {
            size_t size = *at < 0x80 ? plain(*at) : character(at, end);
            if (size == 0)
                return false;
            at += size;
        }
    }
    return true;
}

static uint8_t *encoded(uint8_t *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (uint8_t)code;
    } else if (code < 0x800) {
        *to++ = (uint8_t)(0xc0 | code >> 6);
        *to++ = (uint8_t)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (uint8_t)(0xe0 | code >> 12);
        *to++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        *to++ = (uint8_t)(0x80 | (code & 0x3f));
    } else {
        *to++ = (uint8_t)(0xf0 | code >> 18);
        *to++ = (uint8_t)(0x80 | (code >> 12 & 0x3f));
        *to++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        *to++ = (uint8_t)(0x80 | (code & 0x3f));
    }
    return to;
}

static int digit(uint8_t byte, int base)
{
    int value = byte >= '0' && byte <= '9'   ? byte - '0'
                : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                             : 99;
    return value < base ? value : -1;
}

/* The character that stands at `*at` as &#…;, with `*at` put behind it; 0 if it is none to take. */
static uint32_t numeric(const uint8_t **at)
{
    const uint8_t *from = *at + 2;
    int base = *from == 'x' ? 16 : 10;
    from += base == 16;
    const uint8_t *first = from;
    uint32_t code = 0;
    while (digit(*from, base) >= 0 && code <= 0x10ffff)
        code = code * (uint32_t)base + (uint32_t)digit(*from++, base);
    bool closed = from > first && *from == ';';
    bool odd = (code < 0x20 && code != '\t' && code != '\n') || code == 0x7f || (code >= 0xd800 && code < 0xe000) ||
               code == 0xfffe || code == 0xffff || code > 0x10ffff;
    *at = from + 1;
    return closed && !odd ? code : 0;
}

/* The same for the references that need no declaration. */
static uint32_t referred(const uint8_t **at)
{
    static const struct {
        char text[7];
        uint8_t size, code;
    } KNOWN[] = {{"&amp;", 5, '&'}, {"&lt;", 4, '<'}, {"&gt;", 4, '>'}, {"&quot;", 6, '"'}, {"&apos;", 6, '\''}};
    if ((*at)[1] == '#')
        return numeric(at);
    for (size_t number = 0; number < sizeof KNOWN / sizeof *KNOWN; number++)
        /* The document ends with zeros enough. */
        if (memcmp(*at, KNOWN[number].text, KNOWN[number].size) == 0) {
            *at += KNOWN[number].size;
            return KNOWN[number].code;
        }
    return 0;
}

/* ---- names ---- */

uint32_t hash_of(const uint8_t *at, size_t size)
{
    uint32_t hash = (uint32_t)size;
    for (size_t number = 0; number < size; number++)
        hash = hash * 31 + at[number];
    return hash ^ hash >> 15;
}

/* The number of a local name among those of the mapping, or 0. */
static uint32_t local_number(const struct engine *engine, const uint8_t *at, size_t size)
{
    const struct text *locals = engine->strings + engine->code[LOCALS];
    for (uint32_t hash = hash_of(at, size);; hash++) {
        uint32_t number = engine->buckets[hash & engine->bucket_mask];
        if (number == 0 || same(at, size, locals[number - 1].at, locals[number - 1].size))
            return number;
    }
}

/* The name at `at`; NULL or the byte behind it. */
static uint8_t *read_name(struct engine *engine, uint8_t *at, struct name *name)
{
    uint8_t *from = at;
    *name = (struct name){at, 0, 0};
    if (!(CLASS[*at] & NAME_START))
        return refuse(engine, ODD_NAME), NULL;
    while (CLASS[*at] & NAME)
        at++;
    if (*at == ':') {
        name->prefix = (uint32_t)(at - from);
        from = ++at;
        if (!(CLASS[*at] & NAME_START))
            return refuse(engine, ODD_NAME), NULL;
        while (CLASS[*at] & NAME)
            at++;
    }
    name->local = (uint32_t)(at - from);
    if (at - name->at > LONGEST_NAME)
        return refuse(engine, ODD_NAME), NULL;
    return at;
}

static uint8_t *local_of(const struct name *name)
{
    return name->at + name->prefix + (name->prefix > 0);
}

static uint32_t written_size(const struct name *name)
{
    return name->prefix + (name->prefix > 0) + name->local;
}

/* The namespace that a prefix stands for, UINT32_MAX for none. */
static uint32_t space_of(const struct engine *engine, const uint8_t *prefix, uint32_t size)
{
    for (uint32_t number = engine->declaration_count; number-- > 0;) {
        const struct declaration *one = engine->declarations + number;
        if (same(prefix, size, engine->document + one->at, one->size))
            return one->space;
    }
    return size == 0 ? NO_SPACE : is(prefix, size, "xml") ? XML_SPACE : UINT32_MAX;
}

static bool key_of(struct engine *engine, const struct name *name, bool is_attribute, uint32_t *key)
{
    uint32_t space = is_attribute && name->prefix == 0 ? NO_SPACE : space_of(engine, name->at, name->prefix);
    if (space == UINT32_MAX)
        return refused(engine, ODD_NAMESPACE);
    *key = KEY(space, local_number(engine, local_of(name), name->local));
    return true;
}

/* ---- namespaces ---- */

/* Whether libxml2 takes it without a word; others do no harm, but are too rare to be told apart. */
static bool is_plain_uri(struct text uri)
{
    static const char *const SCHEMES[] = {"http://", "https://", "urn:"};
    for (size_t number = 0; number < sizeof SCHEMES / sizeof *SCHEMES; number++) {
        size_t start = strlen(SCHEMES[number]);
        if (uri.size <= start || memcmp(uri.at, SCHEMES[number], start) != 0)
            continue;
        for (size_t at = start; at < uri.size; at++)
            if (!(CLASS[uri.at[at]] & URI) && !(number == 2 && uri.at[at] == ':') &&
                !(uri.at[at] == '#' && at + 1 == uri.size))
                return false;
        return CLASS[uri.at[start]] & NAME_START;
    }
    return false;
}

static bool space_number(struct engine *engine, struct text uri, uint32_t *found)
{
    for (uint32_t number = 0; number < engine->space_count; number++)
        if (same(uri.at, uri.size, engine->spaces[number].at, engine->spaces[number].size)) {
            *found = number;
            return number != XML_SPACE || refused(engine, ODD_NAMESPACE);
        }
    if (!is_plain_uri(uri) || is(uri.at, uri.size, "http://www.w3.org/2000/xmlns/") ||
        engine->space_count == MOST_NAMESPACES)
        return refused(engine, ODD_NAMESPACE);
    *found = engine->space_count++;
    engine->spaces[*found] = uri;
    return true;
}

/* Takes `xmlns` and `xmlns:…` for what they declare. */
static bool declare(struct engine *engine, const struct written *one, uint32_t outer)
{
    struct declaration new = {offset(engine, local_of(&one->name)), one->name.prefix ? one->name.local : 0, NO_SPACE};
    const uint8_t *prefix = engine->document + new.at;
    if (is(prefix, new.size, "xml") || is(prefix, new.size, "xmlns") || (new.size && !one->value.size))
        return refused(engine, ODD_NAMESPACE);
    for (uint32_t number = outer; number < engine->declaration_count; number++)
        if (same(prefix, new.size, engine->document + engine->declarations[number].at,
                 engine->declarations[number].size))
            return refused(engine, ODD_NAMESPACE);
    if (!space_number(engine, one->value, &new.space) || engine->declaration_count == MOST_NAMESPACES)
        return refused(engine, ODD_NAMESPACE);
    engine->declarations[engine->declaration_count++] = new;
    return true;
}

static bool declares(const struct name *name)
{
    return name->prefix ? is(name->at, name->prefix, "xmlns") : is(name->at, name->local, "xmlns");
}

/* ---- start tags ---- */

/* The value that opens with the quote at `at`; NULL or the byte behind its end. */
static uint8_t *read_value(struct engine *engine, uint8_t *at, struct text *value)
{
    uint8_t quote = *at++, *to = at;
    if (quote != '"' && quote != '\'')
        return refuse(engine, ODD_ATTRIBUTE), NULL;
    value->at = at;
    for (;;) {
        const uint8_t *from = at;
        while (!(CLASS[*at] & VALUE_STOP))
            at++;
        if (to != from)
            memmove(to, from, (size_t)(at - from));
        to += at - from;
        if (*at == quote)
            break;
        if (*at == '&') {
            uint32_t code = referred((const uint8_t **)&at);
            if (code == 0)
                return refuse(engine, ODD_REFERENCE), NULL;
            to = encoded(to, code);
        } else if (*at == '<' || *at == 0) {
            return refuse(engine, ODD_ATTRIBUTE), NULL;
        } else {
            *to++ = CLASS[*at] & WHITE ? ' ' : *at;
            at++;
        }
    }
    value->size = (size_t)(to - value->at);
    return at + 1;
}

static uint8_t *skip_white(uint8_t *at)
{
    while (CLASS[*at] & WHITE)
        at++;
    return at;
}

static uint8_t *read_attribute(struct engine *engine, uint8_t *at, struct written *one)
{
    at = read_name(engine, at, &one->name);
    if (at == NULL)
        return NULL;
    at = skip_white(at);
    if (*at != '=')
        return refuse(engine, ODD_ATTRIBUTE), NULL;
    return read_value(engine, skip_white(at + 1), &one->value);
}

static bool is_new(struct engine *engine, const struct written *all, uint32_t count)
{
    const struct name *new = &all[count].name;
    for (uint32_t number = 0; number < count; number++)
        if (same(new->at, written_size(new), all[number].name.at, written_size(&all[number].name)))
            return refused(engine, ODD_ATTRIBUTE);
    return true;
}

/* Whether no other attribute of this element has the same name under another prefix. */
static bool is_distinct(struct engine *engine, uint32_t first, const struct attribute *new)
{
    for (uint32_t number = first; number < engine->attribute_count; number++) {
        const struct attribute *other = engine->attributes + number;
        if (SPACE_OF(other->key) == SPACE_OF(new->key) &&
            same(engine->document + other->name_at, other->name_size, engine->document + new->name_at, new->name_size))
            return refused(engine, ODD_ATTRIBUTE);
    }
    return true;
}

static bool add_attribute(struct engine *engine, const struct written *one, uint32_t owner, uint32_t first)
{
    struct attribute new = {0, owner, offset(engine, one->value.at), (uint32_t)one->value.size,
                            offset(engine, local_of(&one->name)), one->name.local};
    if (!key_of(engine, &one->name, true, &new.key))
        return false;
    /* libxml2 looks at the values of xml:id and xml:space. */
    if (SPACE_OF(new.key) == XML_SPACE && !is(local_of(&one->name), one->name.local, "lang"))
        return refused(engine, ODD_ATTRIBUTE);
    if (one->name.prefix && !is_distinct(engine, first, &new))
        return false;
    void *room = enlarged(engine, engine->attributes, &engine->attribute_room, engine->attribute_count + (size_t)1,
                          sizeof new);
    if (room == NULL)
        return false;
    engine->attributes = room;
    engine->attributes[engine->attribute_count++] = new;
    return true;
}

static struct node *add_node(struct engine *engine, uint32_t key, uint32_t at, uint32_t size)
{
    void *room = enlarged(engine, engine->nodes, &engine->node_room, engine->node_count + (size_t)2,
                          sizeof *engine->nodes);
    if (room == NULL)
        return NULL;
    engine->nodes = room;
    uint32_t parent = engine->depth ? engine->open[engine->depth - 1].node : UINT32_MAX;
    struct node *node = engine->nodes + engine->node_count++;
    *node = (struct node){key, engine->node_count, parent, at, size, engine->attribute_count};
    return node;
}

static bool add_element(struct engine *engine, const struct name *name, const struct written *all, uint32_t count)
{
    uint32_t outer = engine->declaration_count, key = 0, first = engine->attribute_count;
    for (uint32_t number = 0; number < count; number++)
        if (declares(&all[number].name) && !declare(engine, all + number, outer))
            return false;
    if (!key_of(engine, name, false, &key))
        return false;
    uint32_t index = engine->node_count;
    if (add_node(engine, key, offset(engine, local_of(name)), name->local) == NULL)
        return false;
    for (uint32_t number = 0; number < count; number++)
        if (!declares(&all[number].name) && !add_attribute(engine, all + number, index, first))
            return false;
    if (engine->depth == MOST_DEPTH)
        return refused(engine, TOO_DEEP);
    engine->open[engine->depth++] = (struct open){index, offset(engine, name->at), written_size(name), outer};
    return true;
}

static void close_element(struct engine *engine)
{
    const struct open *open = engine->open + --engine->depth;
    engine->nodes[open->node].end = engine->node_count;
    engine->declaration_count = open->declarations;
}

static uint8_t *read_start(struct engine *engine, uint8_t *at)
{
    struct written all[MOST_ATTRIBUTES];
    struct name name;
    uint32_t count = 0;
    at = read_name(engine, at + 1, &name);
    while (at != NULL) {
        const uint8_t *before = at;
        at = skip_white(at);
        bool empty = *at == '/';
        if (*at == '>' || empty) {
            at += empty;
            if (*at != '>')
                return refuse(engine, ODD_TAG), NULL;
            if (!add_element(engine, &name, all, count))
                return NULL;
            if (empty)
                close_element(engine);
            return at + 1;
        }
        if (at == before || count == MOST_ATTRIBUTES)
            return refuse(engine, ODD_TAG), NULL;
        at = read_attribute(engine, at, all + count);
        if (at != NULL && !is_new(engine, all, count++))
            return NULL;
    }
    return NULL;
}

/* ---- all else ---- */

static uint8_t *read_end(struct engine *engine, uint8_t *at)
{
    const struct open *open = engine->open + engine->depth - 1;
    at += 2;
    size_t left = (size_t)(engine->document + engine->size - at);
    if (left <= open->size || memcmp(at, engine->document + open->at, open->size) != 0)
        return refuse(engine, UNBALANCED), NULL;
    at = skip_white(at + open->size);
    if (*at != '>')
        return refuse(engine, UNBALANCED), NULL;
    close_element(engine);
    return at + 1;
}

static uint8_t *find(uint8_t *at, const uint8_t *end, const char *mark, size_t size)
{
    while ((size_t)(end - at) >= size && (at = memchr(at, mark[0], (size_t)(end - at) - size + 1)) != NULL) {
        if (memcmp(at, mark, size) == 0)
            return at;
        at++;
    }
    return NULL;
}

static uint8_t *skip_comment(struct engine *engine, uint8_t *at)
{
    at = find(at + 4, engine->document + engine->size, "--", 2);
    if (at == NULL || at[2] != '>')
        return refuse(engine, ODD_MARKUP), NULL;
    return at + 3;
}

/* Takes no target that libxml2 has a word to say about. */
static uint8_t *skip_instruction(struct engine *engine, uint8_t *at)
{
    struct name target;
    uint8_t *behind = read_name(engine, at + 2, &target);
    if (behind == NULL)
        return NULL;
    bool is_reserved = (at[2] | 0x20) == 'x' && (at[3] | 0x20) == 'm' && (at[4] | 0x20) == 'l';
    uint8_t *stop = find(behind, engine->document + engine->size, "?>", 2);
    if (target.prefix || is_reserved || stop == NULL || (stop != behind && !(CLASS[*behind] & WHITE)))
        return refuse(engine, ODD_MARKUP), NULL;
    return stop + 2;
}

/* Adds a text as far as markup that ends it. Sections of CDATA and references are parts of one text. */
static uint8_t *read_text(struct engine *engine, uint8_t *at)
{
    uint8_t *first = at, *to = at;
    for (;;) {
        const uint8_t *from = at;
        while (!(CLASS[*at] & TEXT_STOP))
            at++;
        if (to != from)
            memmove(to, from, (size_t)(at - from));
        to += at - from;
        if (*at == '&') {
            uint32_t code = referred((const uint8_t **)&at);
            if (code == 0)
                return refuse(engine, ODD_REFERENCE), NULL;
            to = encoded(to, code);
        } else if (*at == ']') {
            if (at[1] == ']' && at[2] == '>')
                return refuse(engine, ODD_TEXT), NULL;
            *to++ = *at++;
        } else if (*at == '<' && memcmp(at, "<![CDATA[", 9) == 0) {
            uint8_t *stop = find(at + 9, engine->document + engine->size, "]]>", 3);
            /* An empty section is a text of its own for libxml2. */
            if (stop == NULL || stop == at + 9)
                return refuse(engine, ODD_MARKUP), NULL;
            memmove(to, at + 9, (size_t)(stop - at - 9));
            to += stop - at - 9;
            at = stop + 3;
        } else {
            break;
        }
    }
    if (to > first && add_node(engine, TEXT, offset(engine, first), (uint32_t)(to - first)) == NULL)
        return NULL;
    return at;
}

static uint8_t *read_markup(struct engine *engine, uint8_t *at)
{
    if (at[1] == '/')
        return read_end(engine, at);
    if (at[1] == '!' && at[2] == '-' && at[3] == '-')
        return skip_comment(engine, at);
    if (at[1] == '?')
        return skip_instruction(engine, at);
    if (at[1] == '!')
        return refuse(engine, ODD_MARKUP), NULL;
    return read_start(engine, at);
}

bool scan(struct engine *engine)
{
    uint8_t *at = engine->document, *end = at + engine->size;
    engine->node_count = engine->attribute_count = engine->declaration_count = engine->depth = 0;
    engine->space_count = FIRST_SPACE + (uint32_t)engine->code[SPACE_COUNT];
    if (!legal(at, end))
        return refused(engine, ILLEGAL_CHARACTER);
    if (*at != '<' || (at = read_start(engine, at)) == NULL)
        return refused(engine, ODD_TAG);
    while (engine->depth) {
        at = read_text(engine, at);
        if (at == end)
            return refused(engine, UNBALANCED);
        at = at == NULL ? NULL : read_markup(engine, at);
        if (at == NULL)
            return refused(engine, ODD_TAG);
    }
    /* One more for the end of the last one's attributes. */
    engine->nodes[engine->node_count].attributes = engine->attribute_count;
    return at == end || refused(engine, UNBALANCED);
}
