"""MEDLINE XML as a stream of records: chunks of bytes in, one record or deletion at a time out, memory constant."""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser
from xml.parsers import expat

from pubmed_rebuild.bad_input import MalformedXML, WrongContent
from pubmed_rebuild.records import Deletion, Record, deletions_of, record_of

_ROOT = "PubmedArticleSet"
_CITATIONS = frozenset(("PubmedArticle", "DeleteCitation"))


def read_citations(chunks: Iterable[bytes], name: str) -> Iterator[Record | Deletion]:
    """The records and deletions of one file in document order; `name` is what messages call the file.

    Raises MalformedXML or WrongContent. External DTDs and entities are never fetched.
    """
    reader = _Reader(name)
    for chunk in chunks:
        yield from reader.feed(chunk)
    reader.close()


class _Reader:
    def __init__(self, name: str) -> None:
        self._name = name
        self._prolog = _Prolog(name)
        self._tree = _Tree()
        self._parser = XMLParser(target=self._tree)
        self._records = 0
        self._citations = 0
        self._last_pmid: int | None = None

    def feed(self, chunk: bytes) -> Iterator[Record | Deletion]:
        if not self._prolog.passed:
            self._prolog.feed(chunk)
        try:
            self._parser.feed(chunk)
        except ParseError as error:
            # What came before the error in this chunk is read, so that the message names the last good record.
            list(self._finished())
            raise self._malformed(error) from error
        yield from self._finished()

    def close(self) -> None:
        try:
            self._parser.close()
        except ParseError as error:
            raise self._malformed(error) from error
        if self._citations == 0:
            raise self._wrong("No citations", "PubmedArticle elements", "none")

    def _finished(self) -> Iterator[Record | Deletion]:
        for element in self._tree.finished:
            if element.tag == "PubmedArticle":
                yield self._record(element)
            else:
                yield from deletions_of(element)
            self._citations += 1
        self._tree.finished.clear()
        self._refuse_other_content()
        self._tree.free()

    def _record(self, element: Element) -> Record:
        self._records += 1
        try:
            record = record_of(element)
        except WrongContent as error:
            where = f"{error.where}, {self._place()}"
            raise WrongContent(error.what, where, error.expected, error.found, error.next_step) from error
        self._last_pmid = record.pmid
        return record

    def _refuse_other_content(self) -> None:
        root = self._tree.root
        if root is not None and root.tag != _ROOT:
            raise self._wrong("Not a MEDLINE citation file", f"root element {_ROOT}", root.tag)
        for child in root if root is not None else ():
            if child.tag not in _CITATIONS:
                raise self._wrong("Unknown content", "PubmedArticle or DeleteCitation", child.tag)

    def _place(self) -> str:
        last = f"after PMID {self._last_pmid}" if self._last_pmid is not None else "before any PMID"
        return f"{self._name} at record {self._records}, {last}"

    def _malformed(self, error: ParseError) -> MalformedXML:
        line, column = error.position
        last = f"last good PMID {self._last_pmid}" if self._last_pmid is not None else "no good record"
        where = f"{self._name} at line {line}, column {column} ({self._records} records read, {last})"
        return MalformedXML("Malformed XML", where, "well-formed XML", error.msg, "Fetch the file again.")

    def _wrong(self, what: str, expected: str, found: str) -> WrongContent:
        return WrongContent(what, self._place(), expected, found, "Give MEDLINE/PubMed citation files only.")


class _Tree:
    """Parser target that keeps each citation as it ends and can let go of what has been read.

    Public parser API only: events for every element, as iterparse makes them, take a fifth longer.
    """

    def __init__(self) -> None:
        self.finished: list[Element] = []
        builder = TreeBuilder()
        self._document = builder.start("document", {})
        self._end = builder.end
        self.start = builder.start
        self.data = builder.data

    @property
    def root(self) -> Element | None:
        return self._document[0] if len(self._document) else None

    def end(self, tag: str) -> None:
        element = self._end(tag)
        if tag in _CITATIONS:
            self.finished.append(element)

    def free(self) -> None:
        """Drop the finished children of the root; the last one may still be open."""
        root = self.root
        if root is not None:
            del root[:-1]


class _Prolog:
    """Reads up to the root element only, in order to refuse entity declarations in whatever encoding they are."""

    def __init__(self, name: str) -> None:
        self.passed = False
        self._name = name
        self._parser = expat.ParserCreate()
        self._parser.EntityDeclHandler = self._refuse
        self._parser.StartElementHandler = self._reach_root

    def feed(self, chunk: bytes) -> None:
        """Sets `passed` once the root element has begun: no declaration can follow."""
        try:
            self._parser.Parse(chunk, False)
        except expat.ExpatError:
            # The parser proper meets the same error in the same chunk and says it with the last good record.
            self.passed = True

    def _reach_root(self, _tag: str, _attributes: dict[str, str]) -> None:
        self.passed = True
        self._parser.EntityDeclHandler = None
        self._parser.StartElementHandler = None

    def _refuse(self, entity: str, *_declaration: object) -> None:
        where = f"the DTD of {self._name}, line {self._parser.CurrentLineNumber}"
        step = "Remove the declaration; MEDLINE files have none, and expanding entities can exhaust memory."
        raise WrongContent("Entity declaration refused", where, "no entity declarations", f"entity {entity!r}", step)
