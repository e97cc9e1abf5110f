/* A chunk of records -> COPY text of every table. What is not plain beyond doubt is refused: another engine decides. */
#ifndef XML_REBUILD_ENGINE_H
#define XML_REBUILD_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Why a chunk was refused; native.py has the same names in the same order. */
enum reason {
    ACCEPTED,
    NO_MEMORY,
    TOO_LARGE,
    TOO_DEEP,
    ILLEGAL_CHARACTER,
    ODD_REFERENCE,
    ODD_NAME,
    ODD_TAG,
    ODD_ATTRIBUTE,
    ODD_NAMESPACE,
    ODD_MARKUP,
    ODD_TEXT,
    UNBALANCED,
    STRAY,
    ODD_VALUE,
};

enum { MOST_BYTES = 8 << 20, MOST_DEPTH = 200, MOST_LEVELS = 10, MOST_NAMESPACES = 200, MOST_ATTRIBUTES = 64, LONGEST_NAME = 1000 };

/* The key of a text node; an element's is made by KEY of its namespace and local name, 0 being a name of no interest. */
#define TEXT UINT32_MAX
#define KEY(space, local) ((uint32_t)(space) << 16 | (uint32_t)(local))
#define SPACE_OF(key) ((key) >> 16)

/* Namespaces that are there without being declared. */
enum { NO_SPACE, XML_SPACE, FIRST_SPACE };

/* Nodes stand in document order, so a node's descendants are those up to `end`. A text's, or a local name's, bytes are
   `size` from `at` on. Its attributes reach up to the next node's. */
struct node {
    uint32_t key, end, parent, at, size, attributes;
};

struct attribute {
    uint32_t key, owner, at, size, name_at, name_size;
};

struct text {
    const uint8_t *at;
    size_t size;
};

static inline struct text literal(const char *text)
{
    return (struct text){(const uint8_t *)text, strlen(text)};
}

static inline bool is_same(struct text a, struct text b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

static inline bool begins(struct text text, struct text with)
{
    return text.size >= with.size && (with.size == 0 || memcmp(text.at, with.at, with.size) == 0);
}

static inline bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* White space as XML has it, where no CR is left. */
static inline bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n';
}

/* A prefix of the start tags that are open; an empty one is the default. */
struct declaration {
    uint32_t at, size, space;
};

struct open {
    uint32_t node, at, size, declarations;
};

/* Of one section of the output: the rows of a table, or a record's keys. `unusual`: a cell has to be looked at. */
struct section {
    uint8_t *bytes;
    size_t size, room;
    uint32_t rows;
    bool unusual;
};

/* A node or, in the lower half, an attribute's number + 1: their order is that of the document. */
typedef uint64_t reference;

struct engine {
    const int32_t *code;
    const double *numbers;
    struct text *strings;
    uint32_t *buckets;
    uint32_t bucket_mask;

    uint8_t *document;
    size_t size, document_room;
    struct node *nodes;
    struct attribute *attributes;
    uint32_t node_count, attribute_count;
    size_t node_room, attribute_room;
    struct declaration declarations[MOST_NAMESPACES];
    uint32_t declaration_count;
    struct text spaces[MOST_NAMESPACES];
    uint32_t space_count;
    struct open open[MOST_DEPTH];
    uint32_t depth;

    reference *references;
    size_t reference_count, reference_room;
    uint8_t *scratch;
    size_t scratch_size, scratch_room;
    uint32_t positions[MOST_LEVELS + 1];
    struct section *sections;
    enum reason reason;
};

/* The header of the code. */
enum {
    LOCALS,
    LOCAL_COUNT,
    SPACES,
    SPACE_COUNT,
    LEVELS,
    LEVEL_COUNT,
    IGNORED,
    IGNORED_COUNT,
    RECORDS,
    RECORD_COUNT,
    SECTION_COUNT,
    HEADER,
};

/* Where a row is being made. */
struct context {
    reference at;
    uint32_t position, size;
};

/* Notes why the chunk is refused, if nothing was before; what is computed after that is of no use. */
static inline void refuse(struct engine *engine, enum reason reason)
{
    if (engine->reason == ACCEPTED)
        engine->reason = reason;
}

/* `items`, moved to where there is memory for `wanted` of them; NULL, with all as it was, when there is none. */
void *enlarged(struct engine *engine, void *items, size_t *room, size_t wanted, size_t item);

/* Adds a node to engine->references. */
void push(struct engine *engine, reference at);

/* Makes the tree of engine->document; false when the chunk is refused. */
bool scan(struct engine *engine);

/* Where the bucket of a local name is looked for. */
uint32_t hash_of(const uint8_t *at, size_t size);

/* Values of expressions; what they point at holds until the scratch is cleared. */
bool truth(struct engine *engine, const struct context *context, int32_t expression);
struct text text_of(struct engine *engine, const struct context *context, int32_t expression);
struct text text_at(struct engine *engine, reference at);
/* Adds the nodes of an expression, in document order, to engine->references; how many they are. */
size_t nodes_of(struct engine *engine, const struct context *context, int32_t expression);

/* The first of them; false if there is none. */
bool first_of(struct engine *engine, const struct context *context, int32_t expression, reference *found);

/* Room for `size` bytes of scratch, or NULL. */
uint8_t *scratch(struct engine *engine, size_t size);

/* Adds a column's cell to a row. */
void write_cell(struct engine *engine, const struct context *context, const int32_t *column, struct section *out);
void put(struct engine *engine, struct section *out, const void *bytes, size_t size);

#endif
