/* From a document to its tables: the interface for native.py, memory, and what is done in which order. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "program.h"

enum { PADDING = 16, MOST_RECORDS = 999999, MOST_OUTPUT = 1 << 30, LEAST_ROOM = 1 << 12, LARGE = 1 << 21, NUMBER_DIGITS = 6 };

/* All else is hidden, so that no other library's name can come in between. */
#define INTERFACE __attribute__((visibility("default")))

/* What the caller gives. */
struct input {
    const uint8_t *before, *data, *after, *base;
    size_t before_size, size, after_size, base_size;
};

void *enlarged(struct engine *engine, void *items, size_t *room, size_t wanted, size_t item)
{
    if (wanted <= *room)
        return items;
    size_t larger = *room ? *room : LEAST_ROOM;
    while (larger < wanted && larger < MOST_OUTPUT)
        larger *= 2;
    if (larger < wanted || larger > MOST_OUTPUT / item) {
        refuse(engine, TOO_LARGE);
        return NULL;
    }
    void *moved = realloc(items, larger * item);
    if (moved == NULL)
        refuse(engine, NO_MEMORY);
    else
        *room = larger;
    return moved;
}

void put(struct engine *engine, struct section *out, const void *bytes, size_t size)
{
    void *room = enlarged(engine, out->bytes, &out->room, out->size + size, 1);
    if (size == 0 || room == NULL)
        return;
    out->bytes = room;
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

/* ---- rows ---- */

/* Where, in a record's section of keys, the beginning of its rows stands. */
struct head {
    const struct section *own;
    size_t start, number_size, size;
};

static void write_row(struct engine *engine, const struct context *context, const int32_t *table,
                      const struct head *head)
{
    const int32_t *columns = table + TABLE + table[ROW_LEVELS];
    struct section *out = engine->sections + table[SECTION];
    if (table[WHEN] >= 0) {
        engine->scratch_size = 0;
        if (!truth(engine, context, table[WHEN]))
            return;
    }
    put(engine, out, head->own->bytes + head->start, table[HAS_KEY] ? head->size : head->number_size);
    for (int32_t number = 0; number < columns[0]; number++) {
        put(engine, out, ",", 1);
        write_cell(engine, context, columns + 1 + number * COLUMN, out);
    }
    put(engine, out, "\r", 1);
    out->rows++;
}

static void write_rows(struct engine *engine, const struct context *context, const int32_t *table,
                       const struct head *head, int32_t level)
{
    if (level == table[ROW_LEVELS]) {
        write_row(engine, context, table, head);
        return;
    }
    engine->scratch_size = 0;
    size_t start = engine->reference_count, count = nodes_of(engine, context, table[TABLE + level]);
    for (size_t at = 0; at < count && engine->reason == ACCEPTED; at++) {
        const struct context inside = {engine->references[start + at], (uint32_t)at + 1, (uint32_t)count};
        engine->positions[level + 1] = inside.position;
        write_rows(engine, &inside, table, head, level + 1);
    }
    engine->reference_count = start;
}

/* ---- records ---- */

static void put_number(struct engine *engine, uint32_t number, struct section *out)
{
    uint8_t digits[NUMBER_DIGITS];
    for (int at = NUMBER_DIGITS; at-- > 0; number /= 10)
        digits[at] = (uint8_t)('0' + number % 10);
    put(engine, out, digits, NUMBER_DIGITS);
}

static struct head write_keys(struct engine *engine, const struct context *context, const int32_t *record,
                              const struct input *input)
{
    struct section *own = engine->sections + record[OWN_SECTION];
    struct head head = {own, own->size, 0, 0};
    put(engine, own, input->base, input->base_size);
    put_number(engine, context->position, own);
    head.number_size = own->size - head.start;
    for (int32_t number = 0; number < record[KEY_COLUMNS]; number++) {
        put(engine, own, ",", 1);
        write_cell(engine, context, record + RECORD + number * COLUMN, own);
    }
    head.size = own->size - head.start;
    put(engine, own, "\r", 1);
    own->rows++;
    return head;
}

static const int32_t *record_of(const struct engine *engine, uint32_t key)
{
    const int32_t *records = engine->code + engine->code[RECORDS];
    for (int32_t number = 0; number < engine->code[RECORD_COUNT]; number++)
        if (engine->code[records[number] + RECORD_NAME] == (int32_t)key)
            return engine->code + records[number];
    return NULL;
}

static void write_record(struct engine *engine, const struct context *context, const struct input *input)
{
    const int32_t *record = record_of(engine, engine->nodes[context->at >> 32].key);
    const struct head head = write_keys(engine, context, record, input);
    const int32_t *tables = record + RECORD + record[KEY_COLUMNS] * COLUMN;
    for (int32_t number = 0; number < tables[0] && engine->reason == ACCEPTED; number++)
        write_rows(engine, context, engine->code + tables[1 + number], &head, 0);
}

static bool is_among(const struct engine *engine, int32_t first, int32_t count, uint32_t key)
{
    const int32_t *keys = engine->code + engine->code[first];
    for (int32_t number = 0; number < engine->code[count]; number++)
        if (keys[number] == (int32_t)key)
            return true;
    return false;
}

static bool is_white(const struct engine *engine, const struct node *node)
{
    const uint8_t *at = engine->document + node->at;
    for (uint32_t number = 0; number < node->size; number++)
        if (!is_space(at[number]))
            return false;
    return true;
}

/* Adds the records below an element around them to the references; what is neither known nor ignored is refused. */
static void gather(struct engine *engine, uint32_t around, int32_t level)
{
    const int32_t *levels = engine->code + engine->code[LEVELS];
    bool innermost = level == engine->code[LEVEL_COUNT] - 1;
    for (uint32_t at = around + 1; at < engine->nodes[around].end; at = engine->nodes[at].end) {
        const struct node *node = engine->nodes + at;
        if (node->key == TEXT) {
            if (!is_white(engine, node))
                refuse(engine, STRAY);
        } else if (innermost && record_of(engine, node->key)) {
            push(engine, (reference)at << 32);
        } else if (!innermost && node->key == (uint32_t)levels[level + 1]) {
            gather(engine, at, level + 1);
        } else if (!is_among(engine, IGNORED, IGNORED_COUNT, node->key)) {
            refuse(engine, STRAY);
        }
    }
}

static void write_records(struct engine *engine, const struct input *input)
{
    engine->reference_count = 0;
    gather(engine, 0, 0);
    size_t count = engine->reference_count;
    if (count > MOST_RECORDS)
        refuse(engine, TOO_LARGE);
    for (size_t at = 0; at < count && engine->reason == ACCEPTED; at++) {
        const struct context context = {engine->references[at], (uint32_t)at + 1, (uint32_t)count};
        write_record(engine, &context, input);
    }
}

/* ---- the interface ---- */

static bool reserve(struct engine *engine, uint8_t **bytes, size_t *room, size_t size)
{
    void *moved = enlarged(engine, *bytes, room, size, 1);
    if (moved != NULL)
        *bytes = moved;
    return moved != NULL;
}

/* Gives back what the sections and trees of earlier chunks have taken. */
static void release(struct engine *engine)
{
    for (int32_t number = 0; engine->sections && number < engine->code[SECTION_COUNT]; number++) {
        free(engine->sections[number].bytes);
        engine->sections[number] = (struct section){0};
    }
    free(engine->document);
    free(engine->nodes);
    free(engine->attributes);
    free(engine->references);
    free(engine->scratch);
    engine->document = engine->scratch = NULL;
    engine->nodes = NULL;
    engine->attributes = NULL;
    engine->references = NULL;
    engine->document_room = engine->node_room = engine->attribute_room = 0;
    engine->reference_room = engine->scratch_room = 0;
}

static bool prepare(struct engine *engine, const struct input *input)
{
    engine->reason = ACCEPTED;
    for (int32_t number = 0; number < engine->code[SECTION_COUNT]; number++) {
        struct section *section = engine->sections + number;
        section->size = section->rows = section->unusual = 0;
    }
    if (input->size > MOST_BYTES || input->before_size > MOST_BYTES || input->after_size > MOST_BYTES) {
        refuse(engine, TOO_LARGE);
        return false;
    }
    engine->size = input->before_size + input->size + input->after_size;
    engine->scratch_size = 0;
    /* One large record must not hold for good what the others never need. */
    if (engine->document_room > LARGE && engine->size < LARGE / 2)
        release(engine);
    if (engine->size > MOST_BYTES)
        refuse(engine, TOO_LARGE);
    return engine->reason == ACCEPTED && reserve(engine, &engine->document, &engine->document_room, engine->size + PADDING) &&
           reserve(engine, &engine->scratch, &engine->scratch_room, 2 * engine->size + LEAST_ROOM);
}

/* Ends lines as XML reads them; the size that is left. A CR that is alone stays, and is refused. */
static size_t without_returns(uint8_t *at, size_t size)
{
    uint8_t *found = memchr(at, '\r', size);
    if (found == NULL)
        return size;
    uint8_t *to = found;
    for (const uint8_t *from = found; from < at + size; from++)
        if (*from != '\r' || from + 1 == at + size || from[1] != '\n')
            *to++ = *from;
    return (size_t)(to - at);
}

static void copy(struct engine *engine, const struct input *input)
{
    uint8_t *to = engine->document;
    memcpy(to, input->before, input->before_size);
    memcpy(to + input->before_size, input->data, input->size);
    memcpy(to + input->before_size + input->size, input->after, input->after_size);
    engine->size = without_returns(to, engine->size);
    memset(to + engine->size, 0, PADDING);
}

/* Makes the sections of a chunk between the tags around it; every record's number begins with `base`. */
INTERFACE int xml_rebuild_run(struct engine *engine, const struct input *input)
{
    if (prepare(engine, input)) {
        copy(engine, input);
        if (scan(engine))
            write_records(engine, input);
    }
    return (int)engine->reason;
}

/* The sections that the last run has made; they hold until the next one. */
INTERFACE const struct section *xml_rebuild_sections(const struct engine *engine)
{
    return engine->sections;
}

INTERFACE void xml_rebuild_free(struct engine *engine)
{
    release(engine);
    free(engine->strings);
    free(engine->buckets);
    free(engine->sections);
    free(engine);
}

static void fill_buckets(struct engine *engine)
{
    for (int32_t number = 0; number < engine->code[LOCAL_COUNT]; number++) {
        struct text name = engine->strings[engine->code[LOCALS] + number];
        uint32_t hash = hash_of(name.at, name.size);
        while (engine->buckets[hash & engine->bucket_mask])
            hash++;
        engine->buckets[hash & engine->bucket_mask] = (uint32_t)number + 1;
    }
}

/* An engine for a program, whose parts must outlive it: code, the bytes of all strings, and numbers. NULL when there is
   no memory. An engine is for one thread at a time. */
INTERFACE struct engine *xml_rebuild_new(const int32_t *code, const uint8_t *bytes, const uint32_t *sizes, uint32_t strings,
                               const double *numbers)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return NULL;
    engine->code = code;
    engine->numbers = numbers;
    engine->bucket_mask = 15;
    while (engine->bucket_mask < 4 * (uint32_t)code[LOCAL_COUNT])
        engine->bucket_mask = 2 * engine->bucket_mask + 1;
    engine->strings = calloc(strings + (size_t)1, sizeof *engine->strings);
    engine->buckets = calloc(engine->bucket_mask + (size_t)1, sizeof *engine->buckets);
    engine->sections = calloc((size_t)code[SECTION_COUNT] + 1, sizeof *engine->sections);
    if (engine->strings == NULL || engine->buckets == NULL || engine->sections == NULL) {
        xml_rebuild_free(engine);
        return NULL;
    }
    for (uint32_t number = 0; number < strings; bytes += sizes[number++])
        engine->strings[number] = (struct text){bytes, sizes[number]};
    fill_buckets(engine);
    engine->spaces[NO_SPACE] = (struct text){(const uint8_t *)"", 0};
    engine->spaces[XML_SPACE] = (struct text){(const uint8_t *)"http://www.w3.org/XML/1998/namespace", 36};
    for (int32_t number = 0; number < code[SPACE_COUNT]; number++)
        engine->spaces[FIRST_SPACE + number] = engine->strings[code[SPACES] + number];
    return engine;
}
