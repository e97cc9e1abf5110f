"""The lines of one table: cleaned, checked, and with what does not fit its column taken out or told."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xml_rebuild.layout import END, has_marks, is_bare, is_checked
from xml_rebuild.mapping import Column
from xml_rebuild.reserved import Substitutes
from xml_rebuild.transforms import EDGE, KEEP
from xml_rebuild.values import TYPES
from xml_rebuild.whitespace import stripped, stripped_of

_END = END.encode()
_EDGE = EDGE.encode()
_KEEP = KEEP.encode()
_NUMBER = rb"[0-9]+"


@dataclass(frozen=True, slots=True)
class Misfit:
    """A record, by its number in the document, with a value that its column does not take."""

    record: int
    reason: str


class Cells:
    """Knows the columns of one kind of line: a record's keys, or a table's; `keys` of these were checked already."""

    def __init__(self, name: str, columns: Sequence[Column], keys: int = 0) -> None:
        self._name = name
        self._columns = columns
        self._marks = any(map(has_marks, columns))
        self._checked = [number >= keys and is_checked(column) for number, column in enumerate(columns)]
        count = len(columns) - self._checked[::-1].index(True) if any(self._checked) else 0
        usual = b",".join([_NUMBER, *map(_usual, columns[:count], self._checked)])
        self._usual = re.compile(usual) if count else None
        self._all_usual = re.compile(rb"(?:%b[^\r]*\r)*+\Z" % usual)
        self._line = re.compile(b",".join([rb"(%b)" % _NUMBER, *map(_any, self._columns)]), re.DOTALL)

    def cleaned(self, lines: bytes, substitutes: Substitutes | None) -> bytes:
        """`lines` without white space at the ends of texts, nor what marked them."""
        if not lines:
            return lines
        lines = stripped(lines) if substitutes is None else stripped_of(lines, substitutes.carriage_return)
        return lines.replace(_EDGE, b"").replace(_KEEP, b"") if self._marks else lines

    def checked(self, lines: bytes, misfits: list[Misfit]) -> bytes:
        """`lines` with unusual values as Postgres reads them; adds what does not fit to `misfits`."""
        if self._usual is None or self._all_usual.match(lines):
            return lines
        usual = self._usual.match
        rows = lines.split(_END)
        unusual = [number for number, row in enumerate(rows[:-1]) if not usual(row)]
        for number in unusual:
            rows[number] = self._mended(rows[number], misfits)
        return _END.join(rows) if unusual else lines

    def _mended(self, row: bytes, misfits: list[Misfit]) -> bytes:
        match = self._line.fullmatch(row)
        assert match is not None, row
        number, *cells = match.groups()
        mended = [
            self._cell(column, cell, int(number[-6:]), misfits) if is_checked else cell
            for column, cell, is_checked in zip(self._columns, cells, self._checked, strict=True)
        ]
        return b",".join([number, *mended])

    def _cell(self, column: Column, cell: bytes, record: int, misfits: list[Misfit]) -> bytes:
        text = cell[1:-1].decode()
        value = TYPES[column.type].canonical(text.strip()) if text else ""
        if value is None and column.invalid == "null":
            value = ""
        if value is None:
            misfits.append(
                Misfit(record, f"{self._named(column)}: expected {TYPES[column.type].expected}, found {text[:200]!r}")
            )
        elif not value and column.required:
            misfits.append(
                Misfit(record, f"{self._named(column)}: expected {TYPES[column.type].expected}, found nothing")
            )
        return b"\x7f%b\x7f" % (value or "").encode()

    def _named(self, column: Column) -> str:
        return f"{self._name}.{column.name}"


def count(lines: bytes) -> int:
    """How many rows there are."""
    return lines.count(_END)


def _usual(column: Column, checked: bool) -> bytes:
    if is_bare(column):
        return rb"[^,]*"
    if not checked:
        return rb"\x7f[^\x7f]*\x7f"
    return rb"\x7f(?:%b)%b\x7f" % (TYPES[column.type].usual, b"" if column.required else b"?")


def _any(column: Column) -> bytes:
    return rb"([^,]*)" if is_bare(column) else rb"(\x7f[^\x7f]*\x7f)"


def by_section(sections: list[bytes], width: int) -> Iterator[bytes]:
    """The lines of each of `width` sections that every record has, all records' together."""
    return (b"".join(sections[first::width]) for first in range(width))
