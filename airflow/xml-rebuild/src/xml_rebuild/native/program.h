/* The words of a program, as program.py writes them: an expression is its operation and what that takes. */
#ifndef XML_REBUILD_PROGRAM_H
#define XML_REBUILD_PROGRAM_H

enum operation {
    /* Nodes. */
    PATH,   /* direct, base or -1, steps, then for each: axis, test, key, predicates, and these */
    UNION,  /* count, expressions */
    FILTER, /* nodes, predicates, and these */
    /* Texts. */
    LITERAL,
    FIRST_TEXT, /* of nodes */
    NUMBER_TEXT,
    TRUTH_TEXT,
    CONCAT, /* count, texts */
    SUBSTRING, /* text, start, length or -1 */
    BEFORE,
    AFTER,
    NORMALIZED,
    TRANSLATED,
    LOCAL_NAME,
    /* Numbers. */
    NUMBER,
    POSITION,
    LAST,
    OUTER_POSITION, /* level */
    COUNT,
    LENGTH,
    TEXT_NUMBER,
    TRUTH_NUMBER,
    ADD,
    SUBTRACT,
    MULTIPLY,
    NEGATE,
    /* Truths. */
    AND,
    OR,
    NOT,
    CONSTANT,
    ANY_NODE,
    ANY_TEXT,
    NOT_ZERO,
    CONTAINS,
    STARTS,
    COMPARE_TEXTS,      /* relation, text, text */
    COMPARE_NUMBERS,    /* relation, number, number */
    COMPARE_NODES_TEXT, /* relation, nodes, text */
    COMPARE_NODES_NUMBER,
    COMPARE_NODES,
};

/* Of a concatenation. */
enum { MOST_PARTS = 64 };

enum relation { EQUAL, UNEQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL };

enum axis { CHILD, ATTRIBUTE, SELF, PARENT, DESCENDANT, DESCENDANT_OR_SELF };

enum test { NAMED, IN_SPACE, ANY_NAME, IS_TEXT, ANYTHING };

/* A column: kind, expression, type to check for, flags, default's string, separator's, label's test, label. */
enum { KIND, EXPRESSION, CHECK, FLAGS, DEFAULT, SEPARATOR, LABELLED, LABEL, COLUMN };

enum kind { PLAIN, DATE, YEAR, MONTH, DAY, WORD, ORCID, JOIN, LOWER, UPPER, ARRAY };

enum check { UNCHECKED, SOME_TEXT, INTEGER, BIGINT, NUMERIC, CALENDAR_DATE, TRUE_OR_FALSE };

enum flag { BARE = 1, REQUIRED = 2, STRIP = 4, HAS_DEFAULT = 8 };

/* A table: section, expression that must hold or -1, whether it has the key, rows' levels, these, columns, these. */
enum { SECTION, WHEN, HAS_KEY, ROW_LEVELS, TABLE };

/* A record: key of its name, section of its keys, key columns, these, tables, these. */
enum { RECORD_NAME, OWN_SECTION, KEY_COLUMNS, RECORD };

#endif
