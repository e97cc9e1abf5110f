/* A column's cell: what its transform makes of it, white space taken off, and whether it is plainly of its type. */
#include <string.h>

#include "engine.h"
#include "program.h"

static const struct text NOTHING = {(const uint8_t *)"", 0};
static const uint8_t QUOTE = 0x7f;

/* ---- white space ---- */

/* White space as Python's str.strip has it, one character: its bytes, or 0. */
static size_t white(const uint8_t *at, size_t size)
{
    if (size && is_space(at[0]))
        return 1;
    if (size > 1 && at[0] == 0xc2)
        return at[1] == 0x85 || at[1] == 0xa0 ? 2 : 0;
    if (size < 3 || at[0] < 0xe1 || at[0] > 0xe3)
        return 0;
    uint32_t code = (at[0] & 0xfu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
    bool is_white = code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 ||
                    code == 0x202f || code == 0x205f || code == 0x3000;
    return is_white ? 3 : 0;
}

static struct text stripped_left(struct text text)
{
    for (size_t size; (size = white(text.at, text.size)) > 0;) {
        text.at += size;
        text.size -= size;
    }
    return text;
}

/* The bytes of white space that `text` ends with, one character. */
static size_t trailing(struct text text)
{
    for (size_t size = 1; size <= 3 && size <= text.size; size++)
        if (white(text.at + text.size - size, size) == size)
            return size;
    return 0;
}

static struct text stripped_right(struct text text)
{
    for (size_t size; (size = trailing(text)) > 0;)
        text.size -= size;
    return text;
}

static struct text stripped(struct text text)
{
    return stripped_right(stripped_left(text));
}

static bool blank(struct text text)
{
    return stripped_left(text).size == 0;
}

/* Words with one space between them. */
static struct text normal(struct engine *engine, struct text text)
{
    text = stripped(text);
    uint8_t *to = text.size ? scratch(engine, text.size) : NULL;
    if (to == NULL)
        return NOTHING;
    struct text words = {to, 0};
    while (text.size) {
        size_t size = white(text.at, text.size);
        to[words.size++] = size ? ' ' : *text.at;
        struct text rest = {text.at + (size ? size : 1), text.size - (size ? size : 1)};
        text = size ? stripped_left(rest) : rest;
    }
    return words;
}

/* ---- transforms ---- */

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
}

static uint8_t upper(uint8_t byte)
{
    return byte >= 'a' && byte <= 'z' ? byte - 32 : byte;
}

static struct text mapped(struct engine *engine, struct text text, uint8_t (*of)(uint8_t))
{
    uint8_t *to = text.size ? scratch(engine, text.size) : NULL;
    if (to == NULL)
        return NOTHING;
    for (size_t at = 0; at < text.size; at++)
        to[at] = of(text.at[at]);
    return (struct text){to, text.size};
}

/* The marks of the reference's tables of words: what holds them is left to it. */
static struct text without_marks(struct engine *engine, struct text text)
{
    if (text.size && (memchr(text.at, '|', text.size) || memchr(text.at, '=', text.size)))
        refuse(engine, ODD_VALUE);
    return text;
}

static struct text year(struct text text)
{
    size_t run = 0;
    for (size_t at = 0; at < text.size; at++) {
        run = is_digit(text.at[at]) ? run + 1 : 0;
        if (run == 4)
            return (struct text){text.at + at - 3, 4};
    }
    return NOTHING;
}

/* A number of one or two digits from 1 to `largest`, without its leading zero. */
static struct text numbered(struct text text, int largest)
{
    if (text.size == 0 || text.size > 2 || !is_digit(text.at[0]) || !is_digit(text.at[text.size - 1]))
        return NOTHING;
    int number = text.size == 1 ? text.at[0] - '0' : (text.at[0] - '0') * 10 + text.at[1] - '0';
    if (number < 1 || number > largest)
        return NOTHING;
    size_t zeros = text.size == 2 && text.at[0] == '0';
    return (struct text){text.at + zeros, text.size - zeros};
}

static struct text month(struct engine *engine, struct text text)
{
    static const char *const NAMES[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                        "jul", "aug", "sep", "oct", "nov", "dec"};
    static const char *const NUMBERS[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"};
    text = mapped(engine, without_marks(engine, normal(engine, text)), lower);
    for (size_t number = 0; number < 12; number++)
        if (begins(text, literal(NAMES[number])))
            return literal(NUMBERS[number]);
    return numbered(text, 12);
}

static struct text word(struct engine *engine, struct text text)
{
    static const char *const YES[] = {"y", "yes", "true", "1"}, *const NO[] = {"n", "no", "false", "0"};
    text = without_marks(engine, normal(engine, text));
    struct text lowered = mapped(engine, text, lower);
    for (size_t number = 0; number < 4; number++) {
        if (is_same(lowered, literal(YES[number])))
            return literal("true");
        if (is_same(lowered, literal(NO[number])))
            return literal("false");
    }
    return text;
}

/* The 16 digits of an iD as written, with or without each hyphen; false if they are none. */
static bool orcid_digits(struct text text, uint8_t *digits)
{
    size_t count = 0, at = 0;
    for (; at < text.size && count < 16; at++) {
        if (text.at[at] == '-' && count % 4 == 0 && count > 0 && text.at[at - 1] != '-')
            continue;
        if (!is_digit(text.at[at]) && !(text.at[at] == 'X' && count == 15))
            return false;
        digits[count++] = text.at[at];
    }
    return count == 16 && at == text.size;
}

static struct text orcid(struct engine *engine, struct text text)
{
    static const char *const PREFIXES[] = {"https://orcid.org/", "http://orcid.org/"};
    enum { SIZE = 19 };
    text = without_marks(engine, normal(engine, text));
    struct text end = text;
    for (size_t number = 0; number < 2; number++)
        if (begins(text, literal(PREFIXES[number]))) {
            end.at = text.at + strlen(PREFIXES[number]);
            end.size = text.size - strlen(PREFIXES[number]);
        }
    uint8_t digits[16], *to;
    if (!orcid_digits(end, digits) || (to = scratch(engine, SIZE)) == NULL)
        return text;
    for (size_t at = 0; at < SIZE; at++)
        to[at] = at % 5 == 4 ? '-' : digits[at - at / 5];
    return (struct text){to, SIZE};
}

/* ---- dates ---- */

static bool is_called(const struct engine *engine, const struct node *node, const char *name, bool exactly)
{
    if (node->key == TEXT || node->size != strlen(name) || (exactly && SPACE_OF(node->key) != NO_SPACE))
        return false;
    for (size_t at = 0; at < node->size; at++) {
        uint8_t own = engine->document[node->at + at];
        if (exactly ? own != (uint8_t)name[at] : lower(own) != lower((uint8_t)name[at]))
            return false;
    }
    return true;
}

/* The first child of that name, or any element's if that is NULL; 0 for none. */
static uint32_t child_of(const struct engine *engine, uint32_t node, const char *name, bool exactly)
{
    for (uint32_t child = node + 1; child < engine->nodes[node].end; child = engine->nodes[child].end)
        if (name ? is_called(engine, engine->nodes + child, name, exactly) : engine->nodes[child].key != TEXT)
            return child;
    return 0;
}

static struct text date(struct engine *engine, reference at)
{
    static const char *const PARTS[] = {"Year", "Month", "Day"};
    uint32_t node = (uint32_t)(at >> 32);
    if ((uint32_t)at || engine->nodes[node].key == TEXT || !child_of(engine, node, NULL, false))
        return text_at(engine, at);
    bool exactly = child_of(engine, node, PARTS[0], true) > 0;
    struct text parts[3];
    size_t size = 2;
    for (int number = 0; number < 3; number++) {
        uint32_t child = child_of(engine, node, PARTS[number], exactly);
        parts[number] = child ? text_at(engine, (reference)child << 32) : NOTHING;
        size += parts[number].size;
    }
    uint8_t *to = scratch(engine, size);
    if (to == NULL)
        return NOTHING;
    struct text whole = {to, size};
    for (int number = 0; number < 3; number++) {
        if (number)
            *to++ = '-';
        memcpy(to, parts[number].at, parts[number].size);
        to += parts[number].size;
    }
    return whole;
}

/* ---- several nodes ---- */


/* The texts of the references from `start` on, those that are blank left out. */
static size_t without_blank(struct engine *engine, size_t start)
{
    size_t kept = start;
    for (size_t at = start; at < engine->reference_count; at++) {
        size_t before = engine->scratch_size;
        if (!blank(text_at(engine, engine->references[at])))
            engine->references[kept++] = engine->references[at];
        engine->scratch_size = before;
    }
    engine->reference_count = kept;
    return kept - start;
}

/* Of the text's ends only those within the cell lose their white space for sure. */
static void join_part(struct engine *engine, const int32_t *column, const struct context *item, struct section *out)
{
    bool strip = column[FLAGS] & STRIP, first = item->position == 1, last = item->position == item->size;
    if (!first)
        put(engine, out, engine->strings[column[SEPARATOR]].at, engine->strings[column[SEPARATOR]].size);
    bool labelled = column[LABELLED] >= 0 && truth(engine, item, column[LABELLED]);
    if (labelled) {
        struct text label = text_of(engine, item, column[LABEL]);
        label = first && !strip ? label : stripped_left(label);
        put(engine, out, label.at, label.size);
        put(engine, out, ": ", 2);
    }
    struct text text = text_at(engine, item->at);
    text = first && !strip && !labelled ? text : stripped_left(text);
    text = last && !strip ? text : stripped_right(text);
    put(engine, out, text.at, text.size);
}

static void put_joined(struct engine *engine, const struct context *context, const int32_t *column,
                       struct section *out)
{
    size_t start = engine->reference_count;
    nodes_of(engine, context, column[EXPRESSION]);
    size_t count = without_blank(engine, start);
    for (size_t at = 0; at < count && engine->reason == ACCEPTED; at++) {
        size_t before = engine->scratch_size;
        const struct context item = {engine->references[start + at], (uint32_t)at + 1, (uint32_t)count};
        join_part(engine, column, &item, out);
        engine->scratch_size = before;
    }
    engine->reference_count = start;
}

static void put_escaped(struct engine *engine, struct text text, struct section *out)
{
    size_t from = 0;
    for (size_t at = 0; at < text.size; at++)
        if (text.at[at] == '\\' || text.at[at] == '"') {
            put(engine, out, text.at + from, at - from);
            put(engine, out, "\\", 1);
            from = at;
        }
    put(engine, out, text.at + from, text.size - from);
}

static void put_array(struct engine *engine, const struct context *context, const int32_t *column, struct section *out)
{
    size_t start = engine->reference_count, count = nodes_of(engine, context, column[EXPRESSION]);
    put(engine, out, "{", 1);
    for (size_t at = 0; at < count && engine->reason == ACCEPTED; at++) {
        size_t before = engine->scratch_size;
        put(engine, out, at ? ",\"" : "\"", at ? 2 : 1);
        put_escaped(engine, stripped(text_at(engine, engine->references[start + at])), out);
        put(engine, out, "\"", 1);
        engine->scratch_size = before;
    }
    put(engine, out, "}", 1);
    engine->reference_count = start;
}

/* ---- types ---- */

static bool is_number(struct text text, size_t most, bool fraction)
{
    size_t at = text.size && text.at[0] == '-', first = at;
    while (at < text.size && is_digit(text.at[at]))
        at++;
    if (at == first || at - first > most)
        return false;
    if (fraction && at < text.size && text.at[at] == '.') {
        first = ++at;
        while (at < text.size && is_digit(text.at[at]))
            at++;
        if (at == first || at - first > most)
            return false;
    }
    return at == text.size;
}

/* The number of `count` digits at `at`, -1 if there is another character. */
static int whole(const uint8_t *at, int count)
{
    int number = 0;
    while (count-- > 0) {
        if (!is_digit(*at))
            return -1;
        number = number * 10 + *at++ - '0';
    }
    return number;
}

static bool is_date(struct text text)
{
    size_t dash = text.size == 10;
    if ((text.size != 8 && !dash) || (dash && (text.at[4] != '-' || text.at[7] != '-')))
        return false;
    int years = whole(text.at, 4), months = whole(text.at + 4 + dash, 2), days = whole(text.at + 6 + 2 * dash, 2);
    /* The 29th of February is looked at by whoever knows the calendar. */
    static const int DAYS[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return years > 0 && months > 0 && months <= 12 && days > 0 && days <= DAYS[months];
}

/* Whether the text needs nothing done to be a value of its column. */
static bool is_usual(struct text text, const int32_t *column)
{
    if (column[CHECK] == UNCHECKED)
        return true;
    if (text.size == 0)
        return !(column[FLAGS] & REQUIRED);
    switch (column[CHECK]) {
    case SOME_TEXT:
        return true;
    case INTEGER:
        return is_number(text, 9, false);
    case BIGINT:
        return is_number(text, 18, false);
    case NUMERIC:
        return is_number(text, 50, true);
    case CALENDAR_DATE:
        return is_date(text);
    default:
        return is_same(text, literal("true")) || is_same(text, literal("false"));
    }
}

/* ---- cells ---- */

static struct text simple(struct engine *engine, const struct context *context, const int32_t *column)
{
    reference found;
    if (column[KIND] == DATE)
        return first_of(engine, context, column[EXPRESSION], &found) ? date(engine, found) : NOTHING;
    struct text text = text_of(engine, context, column[EXPRESSION]);
    switch (column[KIND]) {
    case YEAR:
        return year(text);
    case MONTH:
        return month(engine, text);
    case DAY:
        return numbered(without_marks(engine, normal(engine, text)), 31);
    case WORD:
        return word(engine, text);
    case ORCID:
        return orcid(engine, text);
    case LOWER:
        return mapped(engine, text, lower);
    case UPPER:
        return mapped(engine, text, upper);
    default:
        return text;
    }
}

/* Puts the text of the cell behind what is in `out`. */
static void put_text(struct engine *engine, const struct context *context, const int32_t *column, struct section *out)
{
    if (column[KIND] == JOIN) {
        put_joined(engine, context, column, out);
    } else if (column[KIND] == ARRAY) {
        put_array(engine, context, column, out);
    } else {
        struct text text = simple(engine, context, column);
        if (column[FLAGS] & HAS_DEFAULT && blank(text))
            text = engine->strings[column[DEFAULT]];
        if (column[FLAGS] & STRIP)
            text = stripped(text);
        put(engine, out, text.at, text.size);
    }
}

static void put_default(struct engine *engine, const int32_t *column, struct section *out)
{
    struct text text = engine->strings[column[DEFAULT]];
    if (column[FLAGS] & STRIP)
        text = stripped(text);
    put(engine, out, text.at, text.size);
}

void write_cell(struct engine *engine, const struct context *context, const int32_t *column, struct section *out)
{
    bool bare = column[FLAGS] & BARE;
    engine->scratch_size = 0;
    if (!bare)
        put(engine, out, &QUOTE, 1);
    size_t start = out->size;
    put_text(engine, context, column, out);
    if (column[FLAGS] & HAS_DEFAULT && out->size == start)
        put_default(engine, column, out);
    if (!is_usual((struct text){out->bytes + start, out->size - start}, column))
        out->unusual = true;
    if (!bare)
        put(engine, out, &QUOTE, 1);
}
