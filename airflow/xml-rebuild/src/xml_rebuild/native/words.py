"""The words of a program that the C engine runs: those of program.h and engine.h, in the same order."""

from enum import IntEnum, IntFlag, auto


class Word(IntEnum):
    """A word whose number is its place in C's enumeration."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[int]) -> int:
        return count


class Reason(Word):
    """Why a chunk was left to the XSLT engine."""

    ACCEPTED = auto()
    NO_MEMORY = auto()
    TOO_LARGE = auto()
    TOO_DEEP = auto()
    ILLEGAL_CHARACTER = auto()
    ODD_REFERENCE = auto()
    ODD_NAME = auto()
    ODD_TAG = auto()
    ODD_ATTRIBUTE = auto()
    ODD_NAMESPACE = auto()
    ODD_MARKUP = auto()
    ODD_TEXT = auto()
    UNBALANCED = auto()
    STRAY = auto()
    ODD_VALUE = auto()


class Operation(Word):
    """What an expression does."""

    PATH = auto()
    UNION = auto()
    FILTER = auto()
    LITERAL = auto()
    FIRST_TEXT = auto()
    NUMBER_TEXT = auto()
    TRUTH_TEXT = auto()
    CONCAT = auto()
    SUBSTRING = auto()
    BEFORE = auto()
    AFTER = auto()
    NORMALIZED = auto()
    TRANSLATED = auto()
    LOCAL_NAME = auto()
    NUMBER = auto()
    POSITION = auto()
    LAST = auto()
    OUTER_POSITION = auto()
    COUNT = auto()
    LENGTH = auto()
    TEXT_NUMBER = auto()
    TRUTH_NUMBER = auto()
    ADD = auto()
    SUBTRACT = auto()
    MULTIPLY = auto()
    NEGATE = auto()
    AND = auto()
    OR = auto()
    NOT = auto()
    CONSTANT = auto()
    ANY_NODE = auto()
    ANY_TEXT = auto()
    NOT_ZERO = auto()
    CONTAINS = auto()
    STARTS = auto()
    COMPARE_TEXTS = auto()
    COMPARE_NUMBERS = auto()
    COMPARE_NODES_TEXT = auto()
    COMPARE_NODES_NUMBER = auto()
    COMPARE_NODES = auto()


class Relation(Word):
    """How two values are compared."""

    EQUAL = auto()
    UNEQUAL = auto()
    LESS = auto()
    LESS_EQUAL = auto()
    GREATER = auto()
    GREATER_EQUAL = auto()


class Axis(Word):
    """Where a step goes."""

    CHILD = auto()
    ATTRIBUTE = auto()
    SELF = auto()
    PARENT = auto()
    DESCENDANT = auto()
    DESCENDANT_OR_SELF = auto()


class Test(Word):
    """Which nodes a step takes."""

    NAMED = auto()
    IN_SPACE = auto()
    ANY_NAME = auto()
    IS_TEXT = auto()
    ANYTHING = auto()


class Kind(Word):
    """What a column makes of its expression."""

    PLAIN = auto()
    DATE = auto()
    YEAR = auto()
    MONTH = auto()
    DAY = auto()
    WORD = auto()
    ORCID = auto()
    JOIN = auto()
    LOWER = auto()
    UPPER = auto()
    ARRAY = auto()


class Check(Word):
    """Which texts a column takes as they are."""

    UNCHECKED = auto()
    SOME_TEXT = auto()
    INTEGER = auto()
    BIGINT = auto()
    NUMERIC = auto()
    CALENDAR_DATE = auto()
    TRUE_OR_FALSE = auto()


class Flag(IntFlag):
    """More of a column."""

    BARE = 1
    REQUIRED = 2
    STRIP = 4
    HAS_DEFAULT = 8


#: Namespaces that are numbered without being declared.
XML_SPACE = 1
FIRST_SPACE = 2
XML = "http://www.w3.org/XML/1998/namespace"
