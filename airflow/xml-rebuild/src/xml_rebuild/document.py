"""A stream of XML as chunks of whole records, found without parsing what is in them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from lxml import etree

from xml_rebuild.cuts import boundaries
from xml_rebuild.encoding import to_utf8
from xml_rebuild.errors import MalformedXML, WrongContent
from xml_rebuild.mapping import Mapping
from xml_rebuild.prolog import Prolog, read_prolog
from xml_rebuild.records import LastEnd, RecordTags
from xml_rebuild.strays import stray

__all__ = ["CHUNK", "LARGEST_RECORD", "Chunk", "Document", "Prolog", "boundaries"]

#: Bytes of a chunk: its tree, some ten times as large, and the text made of it stay in the processor's cache.
CHUNK = 2**18
LARGEST_RECORD = 2**26
_AGAIN = "Upload the document again."


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole records; `offset` is that of the first byte of `data` in the unpacked (UTF-8) document."""

    number: int
    offset: int
    data: bytes


class Document:
    """An iterable of Chunks, to be gone through once.

    `prolog` given means that `blocks` begin inside the document, at byte `start`, at a record (a shard); a `start` of 0
    is a whole document all the same. Raises while it is read: what `read_prolog` and `to_utf8` raise, and MalformedXML
    for an unclosed or too large record and for a document without its end.
    """

    def __init__(
        self,
        blocks: Iterable[bytes],
        mapping: Mapping,
        name: str,
        size: int = CHUNK,
        max_record: int = LARGEST_RECORD,
        prolog: Prolog | None = None,
        start: int = 0,
    ) -> None:
        self._whole = prolog is None or start == 0
        self._blocks = to_utf8(blocks, name) if self._whole else iter(blocks)
        self._mapping = mapping
        self._name = name
        self._size = size
        self._max_record = max_record
        self._prolog = None if self._whole else prolog
        self._offset = start
        self._tags = RecordTags(mapping.resolve(tag)[1] for tag in mapping.record_tags)

    @property
    def prolog(self) -> Prolog:
        """Known once the first chunk was read, or given."""
        if self._prolog is None:
            raise RuntimeError("the prolog is known once the first chunk was read")
        return self._prolog

    def __iter__(self) -> Iterator[Chunk]:
        blocks = self._begun() if self._prolog is None else self._blocks
        for number, data in enumerate(self._pieces(blocks)):
            yield Chunk(number, self._offset, data)
            self._offset += len(data)

    def _begun(self) -> Iterator[bytes]:
        beginning = read_prolog(self._blocks, self._mapping, self._name, self._max_record)
        self._prolog = beginning.prolog
        self._offset = beginning.offset
        # Of a document without records, expat has seen the end.
        rest = beginning.rest or b"".join(beginning.prolog.close_tags)
        return chain((rest,), self._blocks)

    def _pieces(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        finder, wanted = LastEnd(self._tags), self._size
        data = _at_least(wanted, b"", blocks)
        while len(data) >= wanted:
            position = 0
            for stop in self._stops(finder, data, wanted):
                yield data[position:stop]
                position = stop
            if position:
                data, wanted = data[position:], self._size
            else:
                self._check_size(wanted)
                wanted *= 2
            data = _at_least(wanted, data, blocks)
        yield from self._last(data)

    def _stops(self, finder: LastEnd, data: bytes, wanted: int) -> Iterator[int]:
        """Where `data` is cut; a record larger than a chunk is a chunk of its own."""
        stop = finder.find(data, 0, wanted) if wanted == self._size else finder.first(data)
        while stop:
            yield stop
            stop = finder.find(data, stop, stop + self._size) if len(data) - stop >= self._size else 0

    def _check_size(self, length: int) -> None:
        if length >= self._max_record:
            where = f"{self._name} after byte {self._offset}"
            expected = f"the end of a record within {self._max_record} bytes"
            raise MalformedXML("Record too large", where, expected, "none", _AGAIN)

    def _last(self, data: bytes) -> Iterator[bytes]:
        stop = self._tags.last_end(data)
        if stop:
            yield data[:stop]
        self._check_end(data[stop:])

    def _check_end(self, tail: bytes) -> None:
        if not self._whole and not tail.strip():
            return
        where = f"{self._name} after byte {self._offset}"
        try:
            root = etree.fromstring(b"".join((*self.prolog.open_tags, tail)), _tail_parser())
        except etree.XMLSyntaxError as error:
            what = "Unclosed record" if self._tags.starts(tail) else "No end"
            raise MalformedXML(what, where, "the end of the document", str(error.msg), _AGAIN) from error
        unknown = stray(root, self.prolog.names(), self._mapping)
        if unknown is not None:
            step = "Load the document with its own mapping, or name the element in the mapping's `ignore`."
            raise WrongContent("Unknown element", where, "no other than known elements", unknown, step)


def _tail_parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)


def _at_least(size: int, data: bytes, blocks: Iterator[bytes]) -> bytes:
    """`data` and as many of the following blocks as it takes to have `size` bytes."""
    gathered, length = [data], len(data)
    while length < size and (block := next(blocks, None)) is not None:
        gathered.append(block)
        length += len(block)
    return b"".join(gathered)
