"""A mapping → the program that the C engine runs over the chunks of one document."""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xml_rebuild.layout import is_bare, is_checked
from xml_rebuild.mapping import Column, Mapping, Record, Table
from xml_rebuild.native.expressions import Code, Type, Unsupported, Value, as_text, as_truth, compiled
from xml_rebuild.native.words import Check, Flag, Kind
from xml_rebuild.xpath import with_positions

Name = tuple[str, str]

_HEADER = 11
_MOST_LEVELS = 9
_MOST_NAMES = 60000
_MOST_SPACES = 100
_RESERVED = ("\x7f", "\r")
_CHECKS = {
    "text": Check.SOME_TEXT,
    "text[]": Check.SOME_TEXT,
    "integer": Check.INTEGER,
    "bigint": Check.BIGINT,
    "numeric": Check.NUMERIC,
    "date": Check.CALENDAR_DATE,
    "boolean": Check.TRUE_OR_FALSE,
}
_KINDS = {
    "date": Kind.DATE,
    "year": Kind.YEAR,
    "month": Kind.MONTH,
    "day": Kind.DAY,
    "boolean": Kind.WORD,
    "orcid": Kind.ORCID,
    "join": Kind.JOIN,
    "lower": Kind.LOWER,
    "upper": Kind.UPPER,
}


@dataclass(frozen=True, slots=True)
class Program:
    """Words, strings (their bytes on end, and each one's size) and numbers."""

    words: "array[int]"
    text: bytes
    sizes: "array[int]"
    numbers: "array[float]"


def program(mapping: Mapping, names: Sequence[Name]) -> Program:
    """For documents whose records stand within elements of these names, the root's first; raises Unsupported."""
    return _Writer(mapping).program(names)


def reason_against(mapping: Mapping) -> str | None:
    """Why the mapping is left to the XSLT engine: the first expression that the C engine does not know."""
    try:
        program(mapping, (("", "root"),))
    except Unsupported as error:
        return str(error)
    return None


class _Writer:
    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._code = Code([0] * _HEADER)
        self._sections = 0

    def program(self, names: Sequence[Name]) -> Program:
        """Write everything."""
        code = self._code
        self._check_tables()
        records = self._list([self._record(record) for record in self._mapping.records])
        levels = self._list([code.key(*name) for name in names])
        ignored = self._list([code.key(*self._mapping.resolve(name)) for name in sorted(self._mapping.ignore)])
        spaces = list(code.spaces)[2:]
        if len(code.locals) > _MOST_NAMES or len(spaces) > _MOST_SPACES:
            raise Unsupported("so many names")
        strings = [*code.literals, *(name.encode() for name in code.locals), *(uri.encode() for uri in spaces)]
        first = len(code.literals)
        named = (first, len(code.locals), first + len(code.locals), len(spaces))
        code.words[:_HEADER] = [*named, *levels, *ignored, *records, self._sections]
        return Program(array("i", code.words), b"".join(strings), array("I", map(len, strings)), code.numbers)

    def _check_tables(self) -> None:
        counts = Counter(table for record in self._mapping.records for table in record.tables)
        if counts and max(counts.values()) > 1:
            raise Unsupported("a table of two records")

    def _list(self, words: Sequence[int]) -> tuple[int, int]:
        return self._code.add(*words), len(words)

    def _section(self) -> int:
        self._sections += 1
        return self._sections - 1

    def _record(self, record: Record) -> int:
        own = self._section()
        keys = [self._key(column) for column in record.key]
        tables = [self._table(self._mapping.tables[name]) for name in record.tables]
        name = self._code.key(*self._mapping.resolve(record.tag))
        return self._code.add(name, own, len(keys), *_flat(keys), len(tables), *tables)

    def _table(self, table: Table) -> int:
        if len(table.rows) > _MOST_LEVELS:
            raise Unsupported(f"the rows of {table.name}")
        section, levels = self._section(), len(table.rows)
        rows = [self._nodes(with_positions(path, level)).at for level, path in enumerate(table.rows)]
        when = -1
        if table.when is not None:
            when = as_truth(self._compiled(with_positions(table.when, levels)), self._code).at
        columns = [self._column(column, levels) for column in table.columns]
        head = (section, when, int(bool(table.key)), levels)
        return self._code.add(*head, *rows, len(columns), *_flat(columns))

    def _compiled(self, path: str) -> Value:
        return compiled(path, self._code, self._mapping.namespaces)

    def _nodes(self, path: str) -> Value:
        value = self._compiled(path)
        if value.type is not Type.NODES:
            raise Unsupported(f"{path!r}: rows that are no nodes")
        return value

    def _key(self, column: Column) -> list[int]:
        value = self._compiled(column.path)
        kind, value = self._made(column, value, as_string=True)
        return self._words(column, kind, value, Flag.STRIP, is_checked(column))

    def _column(self, column: Column, levels: int) -> list[int]:
        value = self._compiled(with_positions(column.path, levels))
        kind, value = self._made(column, value, as_string=column.default is not None)
        flags = (Flag.BARE if is_bare(column) else Flag(0)) | (Flag.STRIP if column.strip else Flag(0))
        return self._words(column, kind, value, flags, is_checked(column))

    def _made(self, column: Column, value: Value, as_string: bool) -> tuple[Kind, Value]:
        if column.type == "text[]":
            return Kind.ARRAY, value
        if column.transform == "join" or (column.transform == "date" and value.type is Type.NODES):
            return _KINDS[column.transform], value
        if column.transform is None and column.type == "boolean" and not as_string:
            value = as_truth(value, self._code)
        kind = _KINDS.get(column.transform or "", Kind.PLAIN)
        return Kind.PLAIN if kind is Kind.DATE else kind, as_text(value, self._code)

    def _words(self, column: Column, kind: Kind, value: Value, flags: Flag, checked: bool) -> list[int]:
        if kind in (Kind.ARRAY, Kind.JOIN) and value.type is not Type.NODES:
            raise Unsupported(f"{column.path!r}: a list of no nodes")
        flags |= (Flag.REQUIRED if column.required else Flag(0)) | (
            Flag.HAS_DEFAULT if column.default is not None else Flag(0)
        )
        check = _CHECKS[column.type] if checked else Check.UNCHECKED
        texts = (self._text(column.default or ""), self._text(column.separator))
        return [kind, value.at, check, int(flags), *texts, *self._label(column)]

    def _text(self, text: str) -> int:
        if any(mark in text for mark in _RESERVED):
            raise Unsupported(repr(text))
        return self._code.literal(text)

    def _label(self, column: Column) -> tuple[int, int]:
        if column.label is None or column.transform != "join":
            return -1, -1
        test = as_truth(self._compiled(f"{column.label} != ''"), self._code)
        return test.at, as_text(self._compiled(column.label), self._code).at


def _flat(lists: Iterable[list[int]]) -> list[int]:
    return [word for words in lists for word in words]
