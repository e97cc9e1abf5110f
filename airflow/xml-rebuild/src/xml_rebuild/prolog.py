"""What comes before the first record of a document: read by expat, which looks at no entity and fetches nothing."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from lxml import etree

from xml_rebuild.errors import BadInput, MalformedXML, WrongContent
from xml_rebuild.mapping import Mapping

Name = tuple[str, str]

_XML = "http://www.w3.org/XML/1998/namespace"
_STEP = "Load the document with its own mapping, or correct this one."
_SLICE = 2**16
_UNIQUE_NAMES = 1000


@dataclass(frozen=True, slots=True)
class Prolog:
    """The open elements around the records, root first, as start tags with all their attributes."""

    open_tags: tuple[bytes, ...]
    close_tags: tuple[bytes, ...]

    def wrap(self, data: bytes) -> bytes:
        """`data` as a document of its own."""
        return b"".join((*self.open_tags, data, *self.close_tags))

    def names(self) -> tuple[Name, ...]:
        """Namespace and local name of each element around the records, the root first."""
        element: Any = etree.fromstring(self.wrap(b""))
        names = []
        while element is not None:
            name = etree.QName(element)
            names.append((name.namespace or "", name.localname))
            element = next(iter(element), None)
        return tuple(names)


@dataclass(slots=True)
class _Open:
    name: str
    attributes: list[str]
    namespaces: dict[str, str]

    @property
    def resolved(self) -> Name:
        return _resolved(self.name, self.namespaces)

    def tags(self) -> tuple[bytes, bytes]:
        pairs = zip(self.attributes[::2], self.attributes[1::2], strict=True)
        attributes = "".join(f" {name}={quoteattr(value)}" for name, value in pairs)
        return f"<{self.name}{attributes}>".encode(), f"</{self.name}>".encode()


class _FirstRecord(Exception):
    """Raised out of expat at the byte where the first record begins."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


@dataclass(slots=True)
class Beginning:
    """`rest` is what was read from the first record on, which is at byte `offset`; empty when there is no record."""

    prolog: Prolog
    offset: int
    rest: bytes


def read_prolog(blocks: Iterable[bytes], mapping: Mapping, name: str, limit: int) -> Beginning:
    """Read up to the first record; stops with the block that it is in.

    Raises WrongContent for another root, for elements that the mapping does not know beside its records and for what a
    document could do harm with; MalformedXML for no XML.
    """
    return _Reader(mapping, name, limit).read(blocks)


@dataclass(slots=True)
class _Reader:
    mapping: Mapping
    name: str
    limit: int
    data: bytearray = field(default_factory=bytearray)
    open: list[_Open] = field(default_factory=list)
    first: list[_Open] = field(default_factory=list)
    closed: set[tuple[int, Name]] = field(default_factory=set)
    records: frozenset[Name] = frozenset()
    ignored: frozenset[Name] = frozenset()
    skipped: int = 0

    def read(self, blocks: Iterable[bytes]) -> Beginning:
        self.records = frozenset(map(self.mapping.resolve, self.mapping.record_tags))
        self.ignored = frozenset(map(self.mapping.resolve, self.mapping.ignore))
        parser = self._parser()
        try:
            for block in blocks:
                self._feed(parser, block)
            parser.Parse(b"", True)
        except _FirstRecord as first:
            return Beginning(self._prolog(self.open), first.offset, bytes(self.data[first.offset :]))
        except expat.ExpatError as error:
            raise self._malformed(error) from error
        return Beginning(self._prolog(self.first[:1]), len(self.data), b"")

    def _parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate("utf-8")
        parser.ordered_attributes = True
        parser.specified_attributes = True
        parser.buffer_text = True
        parser.StartElementHandler = partial(self._start, parser)
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._entity
        parser.AttlistDeclHandler = self._attribute_list
        return parser

    def _feed(self, parser: expat.XMLParserType, block: bytes) -> None:
        self.data += block
        if len(self.data) > self.limit:
            expected = " or ".join(self.mapping.record_tags)
            raise self._wrong("No record", f"the first {self.limit} bytes", expected, "none")
        for start in range(0, len(block), _SLICE):
            parser.Parse(block[start : start + _SLICE], False)

    def _start(self, parser: expat.XMLParserType, name: str, attributes: list[str]) -> None:
        if self.skipped:
            self.skipped += 1
            return
        declared = self.open[-1].namespaces if self.open else {"xml": _XML}
        element = _Open(name, attributes, _declared(attributes, declared))
        resolved = element.resolved
        if not self.open:
            self._check_root(resolved)
        if resolved in self.records:
            self._check_closed()
            raise _FirstRecord(parser.CurrentByteIndex)
        if self.open and resolved in self.ignored:
            self.skipped = 1
            return
        self.open.append(element)
        self.first = [*self.open]

    def _end(self, _: str) -> None:
        if self.skipped:
            self.skipped -= 1
            return
        element = self.open.pop()
        self.first = self.first[:1]
        if self.open and len(self.closed) < _UNIQUE_NAMES:
            self.closed.add((len(self.open), element.resolved))

    def _text(self, text: str) -> None:
        if not self.skipped and self.open and not text.isspace() and len(self.closed) < _UNIQUE_NAMES:
            self.closed.add((len(self.open), ("", "#text")))

    def _check_root(self, root: Name) -> None:
        if self.mapping.root != "*" and root != self.mapping.resolve(self.mapping.root):
            raise self._wrong(
                "Wrong root element", "the root", _shown(self.mapping.resolve(self.mapping.root)), _shown(root)
            )

    def _check_closed(self) -> None:
        for depth, name in sorted(self.closed):
            if depth >= len(self.open) or name != self.open[depth].resolved:
                tags = ", ".join(self.mapping.record_tags)
                raise self._wrong(
                    "Unknown element", "what comes before the first record", f"{tags} or one of `ignore`", _shown(name)
                )

    def _entity(self, name: str, *_: Any) -> None:
        raise self._wrong("Entity declaration", "the document type", "none", f"<!ENTITY {name} …>")

    def _attribute_list(self, element: str, attribute: str, _: str, default: str | None, __: int) -> None:
        if default is not None:
            found = f"a default of {element}'s attribute {attribute}"
            raise self._wrong("Attribute default", "the document type", "none", found)

    def _prolog(self, elements: list[_Open]) -> Prolog:
        tags = [element.tags() for element in elements]
        return Prolog(tuple(opening for opening, _ in tags), tuple(closing for _, closing in reversed(tags)))

    def _wrong(self, what: str, place: str, expected: str, found: str) -> WrongContent:
        return WrongContent(what, f"{self.name}, {place}", expected, found, _STEP)

    def _malformed(self, error: expat.ExpatError) -> BadInput:
        where = f"{self.name}, line {error.lineno}, column {error.offset}"
        return MalformedXML(
            "No XML", where, "well-formed XML", expat.ErrorString(error.code), "Upload the document again."
        )


def _declared(attributes: list[str], outer: dict[str, str]) -> dict[str, str]:
    pairs = zip(attributes[::2], attributes[1::2], strict=True)
    inner = {re.sub("^xmlns:?", "", name): uri for name, uri in pairs if name == "xmlns" or name.startswith("xmlns:")}
    return {**outer, **inner} if inner else outer


def _resolved(name: str, namespaces: dict[str, str]) -> Name:
    prefix, _, local = name.rpartition(":")
    return namespaces.get(prefix, ""), local


def _shown(name: Name) -> str:
    uri, local = name
    return f"{{{uri}}}{local}" if uri else local
