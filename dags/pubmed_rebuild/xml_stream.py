"""MEDLINE XML as a stream of records: chunks of bytes in, one record or deletion at a time out, memory constant."""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element, ParseError, XMLPullParser
from xml.parsers import expat

from pubmed_rebuild.bad_input import MalformedXML, WrongContent
from pubmed_rebuild.records import Deletion, Record, deletions_of, record_of

_ROOT = "PubmedArticleSet"


def read_citations(chunks: Iterable[bytes], name: str) -> Iterator[Record | Deletion]:
    """The records and deletions of one file in document order; `name` is what messages call the file.

    Raises MalformedXML or WrongContent. External DTDs and entities are never fetched.
    """
    reader = _Reader(name)
    for chunk in chunks:
        yield from reader.feed(chunk)
    yield from reader.close()


class _Reader:
    def __init__(self, name: str) -> None:
        self._name = name
        self._prolog: _Prolog | None = _Prolog(name)
        # Start events cost a fifth of the speed, but give the root, without which emptied records pile up in it.
        self._parser = XMLPullParser(("start", "end"))
        self._root: Element | None = None
        self._records = 0
        self._citations = 0
        self._last_pmid: int | None = None

    def feed(self, chunk: bytes) -> Iterator[Record | Deletion]:
        if self._prolog is not None and self._prolog.feed(chunk):
            self._prolog = None
        try:
            self._parser.feed(chunk)
        except ParseError as error:
            raise self._malformed(error) from error
        yield from self._drain()

    def close(self) -> Iterator[Record | Deletion]:
        try:
            self._parser.close()
        except ParseError as error:
            raise self._malformed(error) from error
        yield from self._drain()
        if self._citations == 0:
            raise self._wrong("No citations", "PubmedArticle elements", "none")

    def _drain(self) -> Iterator[Record | Deletion]:
        for event, element in self._parser.read_events():
            if event == "start":
                if self._root is None:
                    self._root = self._accepted_root(element)
            elif element.tag == "PubmedArticle":
                yield self._record(element)
                self._free()
            elif element.tag == "DeleteCitation":
                for deletion in deletions_of(element):
                    self._citations += 1
                    yield deletion
                self._free()

    def _record(self, element: Element) -> Record:
        self._records += 1
        self._citations += 1
        try:
            record = record_of(element)
        except WrongContent as error:
            where = f"{error.where}, {self._place()}"
            raise WrongContent(error.what, where, error.expected, error.found, error.next_step) from error
        self._last_pmid = record.pmid
        return record

    def _free(self) -> None:
        assert self._root is not None
        for child in self._root:
            if child.tag not in ("PubmedArticle", "DeleteCitation"):
                raise self._wrong("Unknown content", "PubmedArticle or DeleteCitation", child.tag)
        self._root.clear()

    def _accepted_root(self, element: Element) -> Element:
        if element.tag != _ROOT:
            raise self._wrong("Not a MEDLINE file", f"root element {_ROOT}", element.tag)
        return element

    def _place(self) -> str:
        last = f"after PMID {self._last_pmid}" if self._last_pmid is not None else "before any PMID"
        return f"record {self._records} of {self._name}, {last}"

    def _malformed(self, error: ParseError) -> MalformedXML:
        line, column = error.position
        last = f"last good PMID {self._last_pmid}" if self._last_pmid is not None else "no record read"
        where = f"{self._name} at line {line}, column {column} ({self._records} records read, {last})"
        found = expat.ErrorString(error.code) or str(error)
        return MalformedXML("Malformed XML", where, "well-formed XML", found, "Fetch the file again.")

    def _wrong(self, what: str, expected: str, found: str) -> WrongContent:
        step = "Give the name of a MEDLINE/PubMed citation file, unpacked from nothing but gzip."
        return WrongContent(what, self._place(), expected, found, step)


class _Prolog:
    """Reads up to the root element only, in order to refuse entity declarations in whatever encoding they are."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._at_root = False
        self._parser = expat.ParserCreate()
        self._parser.EntityDeclHandler = self._refuse
        self._parser.StartElementHandler = self._reach_root

    def feed(self, chunk: bytes) -> bool:
        """True once the root element has begun: no declaration can follow."""
        try:
            self._parser.Parse(chunk, False)
        except expat.ExpatError:
            # The parser proper meets the same error in the same chunk and says it with the last good record.
            return True
        return self._at_root

    def _reach_root(self, _tag: str, _attributes: dict[str, str]) -> None:
        self._at_root = True
        self._parser.EntityDeclHandler = None
        self._parser.StartElementHandler = None

    def _refuse(self, entity: str, *_declaration: object) -> None:
        where = f"the DTD of {self._name}, line {self._parser.CurrentLineNumber}"
        step = "Remove the declaration; MEDLINE files have none, and expanding entities can exhaust memory."
        raise WrongContent("Entity declaration refused", where, "no entity declarations", f"entity {entity!r}", step)
