"""What a document must become, counted by expat: a parser that neither lxml nor any contender shares code with."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

FIRST = "[1]"
BLOCK = 2**20


@dataclass(frozen=True)
class Rule:
    """`rows`: what is counted → the paths of its elements, from the root. A step with [1] is its parent's first such.

    `nested`: steps that may hold themselves, at any depth. `distinct`: what is counted → the path of elements whose
    texts count once each.
    """

    rows: dict[str, tuple[str, ...]]
    nested: tuple[str, ...] = ()
    distinct: dict[str, str] = field(default_factory=dict)
    namespace: str = ""


@dataclass
class _Place:
    """A path's element, and which of its children lead on."""

    children: dict[str, "_Place"] = field(default_factory=dict)
    firsts: dict[str, "_Place"] = field(default_factory=dict)
    counted: list[str] = field(default_factory=list)
    distinct: str = ""


def count(path: Path, rule: Rule) -> dict[str, int]:
    """How often each thing that the rule names is in the document."""
    reader = _Reader(_tree(rule))
    parser = expat.ParserCreate(namespace_separator=" " if rule.namespace else None)
    reader.listen_to(parser)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            parser.Parse(block)
    parser.Parse(b"", True)
    return {name: reader.counts[name] for name in rule.rows} | {name: len(reader.texts[name]) for name in rule.distinct}


def _tree(rule: Rule) -> _Place:
    root = _Place()
    for name, paths in rule.rows.items():
        for path in paths:
            _place(root, path, rule).counted.append(name)
    for name, path in rule.distinct.items():
        _place(root, path, rule).distinct = name
    return root


def _place(root: _Place, path: str, rule: Rule) -> _Place:
    at = root
    for step in path.split("/"):
        tag = f"{rule.namespace} {step}".lstrip().removesuffix(FIRST)
        known = at.firsts if step.endswith(FIRST) else at.children
        at = known.setdefault(tag, _Place())
        if step in rule.nested:
            at.children[tag] = at
    return at


class _Reader:
    """Goes down the tree of places as the document does; elements that lead nowhere are None."""

    def __init__(self, root: _Place) -> None:
        self.counts: Counter[str] = Counter()
        self.texts: dict[str, set[str]] = {}
        self._collect_names(root, set())
        self._open: list[_Place | None] = [root]
        self._first: list[_Place | None] = [None]
        self._seen: list[set[str]] = [set()]
        self._text: list[str] | None = None

    def _collect_names(self, place: _Place, known: set[int]) -> None:
        known.add(id(place))
        if place.distinct:
            self.texts[place.distinct] = set()
        for child in [*place.children.values(), *place.firsts.values()]:
            if id(child) not in known:
                self._collect_names(child, known)

    def listen_to(self, parser: expat.XMLParserType) -> None:
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    def _start(self, tag: str, _: dict[str, str]) -> None:
        parent, parents_first = self._open[-1], self._first[-1]
        place = parent.children.get(tag) if parent else None
        first = parents_first.children.get(tag) if parents_first else None
        if parent and tag in parent.firsts and tag not in self._seen[-1]:
            self._seen[-1].add(tag)
            first = parent.firsts[tag]
        for one in (place, first):
            if one:
                self._enter(one)
        self._open.append(place)
        self._first.append(first)
        if place and place.firsts:
            self._seen.append(set())

    def _enter(self, place: _Place) -> None:
        for name in place.counted:
            self.counts[name] += 1
        if place.distinct:
            self._text = []

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, _: str) -> None:
        place = self._open.pop()
        self._first.pop()
        if place and place.firsts:
            self._seen.pop()
        if place and place.distinct and self._text is not None:
            self.texts[place.distinct].add("".join(self._text).strip())
            self.texts[place.distinct].discard("")
            self._text = None


_ARTICLE = "PubmedArticleSet/PubmedArticle"
_CITATION = f"{_ARTICLE}/MedlineCitation"
_AUTHOR = f"{_CITATION}/Article/AuthorList/Author"
_HEADING = f"{_CITATION}/MeshHeadingList/MeshHeading"
_MEDLINE: dict[str, tuple[str, ...]] = {
    "article": (_ARTICLE,),
    "author": (_AUTHOR,),
    "mesh_heading": (_HEADING,),
    "mesh_qualifier": (f"{_HEADING}/QualifierName",),
    "grant": (f"{_CITATION}/Article/GrantList/Grant",),
    "publication_type": (f"{_CITATION}/Article/PublicationTypeList/PublicationType",),
}
_JOURNAL = {"journal": f"{_CITATION}/MedlineJournalInfo/NlmUniqueID"}
_HOLDING = "ONIXPreservationHoldings/HoldingsList/HoldingsRecord"
_COVERAGE = f"{_HOLDING}/ResourceVersion/OnlinePackage/PackageDetail"
_COVERED = f"{_COVERAGE}/Coverage/FixedCoverage"

RULES = {
    "pubmed": Rule(
        rows=_MEDLINE
        | {
            "affiliation": (f"{_AUTHOR}/AffiliationInfo",),
            "identifier": (f"{_ARTICLE}/PubmedData/ArticleIdList/ArticleId",),
            "citation": (f"{_ARTICLE}/PubmedData/ReferenceList/Reference",),
        },
        nested=("ReferenceList",),
        distinct=_JOURNAL,
    ),
    # pubmed_parser has an author's first affiliation, and the references of the first list.
    "pubmed_small": Rule(
        rows=_MEDLINE
        | {
            "affiliation": (f"{_AUTHOR}/AffiliationInfo{FIRST}",),
            "citation": (f"{_ARTICLE}/PubmedData/ReferenceList{FIRST}/Reference",),
        },
        distinct=_JOURNAL,
    ),
    "onix": Rule(
        rows={
            "holding": (_HOLDING,),
            "identifier": (f"{_HOLDING}/ResourceVersion/ResourceVersionIdentifier",),
            "title": (f"{_HOLDING}/ResourceVersion/Title",),
            "coverage": (_COVERAGE,),
            "release": (f"{_COVERED}/Release", f"{_COVERED}/Sequence"),
        },
        namespace="http://www.editeur.org/onix/serials/SOH",
    ),
}
