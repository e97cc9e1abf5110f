"""Counts what a PubMed database must hold, from the XML files alone and without any code of the loader.

lxml and XPath over whole records, rules applied on sets in memory: slower, and plainly different.
"""

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

#: Table → XPath whose matches are its rows, from PubmedArticle.
ROWS = {
    "author": "MedlineCitation/Article/AuthorList/Author",
    "affiliation": "MedlineCitation/Article/AuthorList/Author/AffiliationInfo",
    "mesh_heading": "MedlineCitation/MeshHeadingList/MeshHeading",
    "mesh_qualifier": "MedlineCitation/MeshHeadingList/MeshHeading/QualifierName",
    "identifier": "PubmedData/ArticleIdList/ArticleId",
    "grant": "MedlineCitation/Article/GrantList/Grant",
    "citation": "PubmedData/ReferenceList//Reference",
    "publication_type": "MedlineCitation/Article/PublicationTypeList/PublicationType",
}
_PATHS = {table: etree.XPath(f"count({path})") for table, path in ROWS.items()}


@dataclass
class Seen:
    """One citation, or with `counts` None one withdrawal of it, in the order of the files."""

    pmid: str
    version: int
    nlm_id: str = ""
    counts: dict[str, int] | None = None


def expected(files: Iterable[Path]) -> dict[str, dict[str, int]]:
    """{"tables": rows by table, "rules": records by rule, "records": {"PubmedArticle": records in the files}}."""
    seen = [item for path in sorted(files, key=lambda path: path.name) for item in _seen(path)]
    rules: Counter[str] = Counter(older_versions=0, duplicates=0, deleted=0)
    versions: dict[str, list[Seen]] = {}
    for item in _not_withdrawn(seen, rules):
        versions.setdefault(item.pmid, []).append(item)
    kept = []
    for items in versions.values():
        newest = [item for item in items if item.version == max(other.version for other in items)]
        rules["older_versions"] += len(items) - len(newest)
        rules["duplicates"] += len(newest) - 1
        kept.append(newest[-1])
    tables: Counter[str] = Counter(article=len(kept), journal=len({item.nlm_id for item in kept} - {""}))
    for item in kept:
        tables.update(item.counts or {})
    records = {"PubmedArticle": sum(item.counts is not None for item in seen)}
    return {"tables": dict(tables), "rules": dict(rules), "records": records}


def _not_withdrawn(seen: list[Seen], rules: Counter[str]) -> list[Seen]:
    """From the last to the first, so that a withdrawal reaches only what came before it."""
    withdrawn: set[tuple[str, int]] = set()
    left = []
    for item in reversed(seen):
        if item.counts is None:
            withdrawn.add((item.pmid, item.version))
        elif (item.pmid, item.version) in withdrawn:
            rules["deleted"] += 1
        else:
            left.append(item)
    return left[::-1]


def _seen(path: Path) -> Iterator[Seen]:
    with gzip.open(path) as file:
        for _, element in etree.iterparse(file, tag=("PubmedArticle", "DeleteCitation")):
            if element.tag == "DeleteCitation":
                yield from (Seen(pmid.text or "", int(pmid.get("Version", "1"))) for pmid in element.iterfind("PMID"))
            else:
                yield _citation(element)
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]


def _citation(element: etree._Element) -> Seen:
    pmid = element.find("MedlineCitation/PMID")
    assert pmid is not None
    nlm_id = element.findtext("MedlineCitation/MedlineJournalInfo/NlmUniqueID") or ""
    counts = {table: int(count(element)) for table, count in _PATHS.items()}  # type: ignore[arg-type]
    return Seen(pmid.text or "", int(pmid.get("Version", "1")), nlm_id, counts)
