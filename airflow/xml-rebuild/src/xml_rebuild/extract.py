"""A chunk of records → COPY text of every table."""

from collections import Counter
from dataclasses import dataclass

from lxml import etree

from xml_rebuild.cells import Cells, Misfit, by_section, count
from xml_rebuild.document import Chunk, Prolog
from xml_rebuild.engine import Engine
from xml_rebuild.errors import MalformedXML, WrongContent, WrongMapping
from xml_rebuild.layout import QUOTE
from xml_rebuild.mapping import Mapping
from xml_rebuild.native.choice import NativeRoute
from xml_rebuild.native.library import Section
from xml_rebuild.native.words import Reason
from xml_rebuild.per_document import PerDocument
from xml_rebuild.records import RecordTags
from xml_rebuild.reserved import Substitutes, substituted

__all__ = ["QUOTE", "Extracted", "Extractor", "Rejected"]

_EXCERPT = 2000


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that was left out; `excerpt` is at most its first 2000 characters."""

    offset: int
    reason: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Extracted:
    """`copies`: table → COPY csv text, rows ended by CR (a line feed is data); `rows`: table → number of rows."""

    copies: dict[str, bytes]
    rows: dict[str, int]
    records: int
    rejected: list[Rejected]


@dataclass(frozen=True, slots=True)
class _Piece:
    offset: int
    data: bytes

    def rejected(self, reason: str) -> Rejected:
        # A character has up to four bytes.
        text = self.data[: 4 * _EXCERPT].decode(errors="replace")
        return Rejected(self.offset, reason, text[:_EXCERPT])


@dataclass(slots=True)
class _Read:
    copies: dict[str, bytes]
    rows: dict[str, int]
    records: int
    misfits: list[Misfit]


class Extractor:
    """Runs a mapping over chunks; one for all threads.

    The C engine does it where it can, the XSLT engine all else; without `native` the latter does everything.
    """

    def __init__(self, mapping: Mapping, native: bool = True) -> None:
        self._mapping = mapping
        self._native = NativeRoute(mapping) if native else None
        self._tags = RecordTags(mapping.resolve(tag)[1] for tag in mapping.record_tags)
        self._keys = {record.tag: Cells("key", record.key) for record in mapping.records}
        self._cells = {name: Cells(name, table.all_columns, len(table.key)) for name, table in mapping.tables.items()}
        self._engines = PerDocument(lambda prolog: Engine(mapping, prolog))

    def extract(self, prolog: Prolog, chunk: Chunk, record_prefix: str) -> Extracted:
        """The rows of all whole records in `chunk`; `record_prefix` and six digits are a row's record_no.

        Records that are not well-formed or do not fit are left out and told. Raises MalformedXML or WrongContent for
        what lies between records, WrongMapping when an expression of the mapping fails.
        """
        rejected: list[Rejected] = []
        pieces: list[_Piece] | None = None
        try:
            read = self._read(prolog, chunk.offset, chunk.data, record_prefix)
        except etree.XMLSyntaxError as error:
            pieces = self._well_formed(prolog, chunk, error, rejected)
            read = self._read_pieces(prolog, chunk, pieces, record_prefix)
        if read.misfits:
            pieces = self._fitting(self._pieces(chunk) if pieces is None else pieces, read, rejected)
            read = self._read_pieces(prolog, chunk, pieces, record_prefix)
        rejected.sort(key=lambda record: record.offset)
        return Extracted(read.copies, read.rows, read.records, rejected)

    @property
    def refused(self) -> Counter[Reason]:
        """How many chunks, or what was left of them, the C engine left to the other, by reason."""
        return Counter() if self._native is None else self._native.refused

    def _read_pieces(self, prolog: Prolog, chunk: Chunk, pieces: list[_Piece], base: str) -> _Read:
        return self._read(prolog, chunk.offset, b"".join(piece.data for piece in pieces), base)

    def _read(self, prolog: Prolog, offset: int, data: bytes, base: str) -> _Read:
        sections = None if self._native is None else self._native.run(prolog, data, base)
        if sections is None:
            return self._transformed(prolog, offset, data, base)
        return self._checked(sections)

    def _checked(self, sections: list[Section]) -> _Read:
        read, remaining = _Read({}, {}, 0, []), iter(sections)
        for record in self._mapping.records:
            own = next(remaining)
            read.records += own.rows
            if own.unusual:
                self._keys[record.tag].checked(own.lines, read.misfits)
            for table in record.tables:
                made = next(remaining)
                lines = self._cells[table].checked(made.lines, read.misfits) if made.unusual else made.lines
                read.copies[table], read.rows[table] = lines, made.rows
        return self._complete(read)

    def _transformed(self, prolog: Prolog, offset: int, data: bytes, base: str) -> _Read:
        data, substitutes = substituted(data)
        carriage_return = "" if substitutes is None else substitutes.carriage_return.decode()
        try:
            present, found = self._engines.of(prolog).run(prolog.wrap(data), base, carriage_return)
        except etree.XSLTError as error:
            what, step = "Failing expression", "Correct the mapping."
            raise WrongMapping(what, self._mapping.name, "an XPath that can be evaluated", str(error), step) from error
        *lines, strays, _ = found
        self._check_strays(strays, offset)
        read = _Read({}, {}, 0, [])
        groups = by_section(lines, sum(1 + len(record.tables) for record in present))
        for record in present:
            keys = self._keys[record.tag]
            own = keys.cleaned(next(groups), substitutes)
            read.records += count(own)
            keys.checked(own, read.misfits)
            for table in record.tables:
                self._add(read, table, next(groups), substitutes)
        return self._complete(read)

    def _add(self, read: _Read, table: str, lines: bytes, substitutes: Substitutes | None) -> None:
        cells = self._cells[table]
        lines = cells.checked(cells.cleaned(lines, substitutes), read.misfits)
        read.rows[table] = count(lines)
        read.copies[table] = lines if substitutes is None else substitutes.restored(lines)

    def _complete(self, read: _Read) -> _Read:
        for table in self._mapping.tables:
            read.copies.setdefault(table, b"")
            read.rows.setdefault(table, 0)
        return read

    def _check_strays(self, strays: bytes, offset: int) -> None:
        if strays:
            found = strays.decode().split("\r")[0]
            expected = f"nothing but {', '.join(self._mapping.record_tags)} and what `ignore` names"
            step = "Load the document with its own mapping, or name the element in the mapping's `ignore`."
            raise WrongContent("Unknown element", f"the records from byte {offset} on", expected, found, step)

    def _pieces(self, chunk: Chunk) -> list[_Piece]:
        return [_Piece(chunk.offset + start, chunk.data[start:stop]) for start, stop in self._tags.spans(chunk.data)]

    def _well_formed(
        self, prolog: Prolog, chunk: Chunk, error: etree.XMLSyntaxError, rejected: list[Rejected]
    ) -> list[_Piece]:
        good = []
        for piece in self._pieces(chunk):
            try:
                self._engines.of(prolog).parsed(prolog.wrap(piece.data))
                good.append(piece)
            except etree.XMLSyntaxError as fault:
                rejected.append(piece.rejected(f"not well-formed: {fault.msg}"))
        self._check_between(prolog, chunk, error)
        return good

    def _check_between(self, prolog: Prolog, chunk: Chunk, error: etree.XMLSyntaxError) -> None:
        between, position = [], 0
        for start, stop in self._tags.spans(chunk.data):
            between.append(chunk.data[position:start])
            position = stop
        between.append(chunk.data[position:])
        try:
            self._engines.of(prolog).parsed(prolog.wrap(b"".join(between)))
        except etree.XMLSyntaxError as fault:
            where = f"what lies between the records from byte {chunk.offset} on"
            step = "Upload the document again."
            raise MalformedXML("No XML", where, "well-formed XML", str(fault.msg), step) from error

    def _fitting(self, pieces: list[_Piece], read: _Read, rejected: list[Rejected]) -> list[_Piece]:
        if len(pieces) != read.records:
            where, found = f"the records from byte {pieces[0].offset} on", f"{read.records} of {len(pieces)}"
            step = "Load records of one kind at one depth."
            raise MalformedXML("Records in other places", where, "every record beside the others", found, step)
        reasons = {misfit.record: misfit.reason for misfit in reversed(read.misfits)}
        for number, reason in sorted(reasons.items()):
            rejected.append(pieces[number - 1].rejected(reason))
        return [piece for number, piece in enumerate(pieces, start=1) if number not in reasons]
