"""NLM's real records through the PubMed mapping against what the library pubmed_parser says of the same records.

Where the two mean different things (README.md of the library, "PubMed"), the comparison says so here.
"""

import gzip
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pubmed_parser
import pytest
from copied_rows import Row, Rows
from lxml import etree
from pubmed_parser.medline_parser import parse_grant_id

from independent_count import ROWS
from xml_rebuild.mapping import Mapping

SEED = int(os.environ.get("PUBMED_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
#: 50788 is every record of the two files that pubmed_parser brings along.
SAMPLE = int(os.environ.get("PUBMED_TEST_SAMPLE", "400"))
_FOLDER = Path(pubmed_parser.__file__).parent.parent / "data"
_FILES = ("pubmed20n0014.xml.gz", "pubmed21n1298.xml.gz")
_AT_A_TIME = 1000
_RECORD = re.compile(rb"<PubmedArticle>.*?</PubmedArticle>", re.DOTALL)
_NOT_SHOWN = "For a full list of the authors' affiliations please see the Acknowledgements section."

Compared = tuple[object, object]


@dataclass(frozen=True, slots=True)
class Citation:
    """One record: what pubmed_parser says, our rows by table, and the record itself."""

    said: dict[str, Any]
    rows: dict[str, list[Row]]
    record: etree._Element

    @property
    def article(self) -> Row:
        (article,) = self.rows["article"]
        return article


def title(one: Citation) -> Compared | None:
    # pubmed_parser reads one level of markup only.
    return None if one.record.xpath(".//ArticleTitle/*/*") else (one.said["title"], one.article["title"] or "")


def vernacular_title(one: Citation) -> Compared:
    return one.said["vernacular_title"], one.article["vernacular_title"] or ""


def abstract(one: Citation) -> Compared | None:
    # Labels stand on lines of their own there, are left out where there is one section only or it says UNASSIGNED.
    sections = one.record.findall(".//Article/Abstract/AbstractText")
    if not sections or one.record.xpath(".//Article/Abstract/AbstractText/*/*"):
        return None
    said, kept = one.said["abstract"], one.article["abstract"] or ""
    if len(sections) == 1:
        kept = kept.removeprefix(f"{sections[0].get('Label')}: ")
    else:
        kept = kept.replace("UNASSIGNED: ", "")
        for section in sections:
            # A label whose section is empty heads nothing, and is not kept.
            if not "".join(map(str, section.itertext())).strip() and section.get("Label"):
                said = said.replace(section.get("Label", ""), "", 1)
    return re.sub(r"\W+", "", said), re.sub(r"\W+", "", kept)


def issue(one: Citation) -> Compared:
    volume, number = one.article["volume"], one.article["issue"] or ""
    return one.said["issue"], f"{volume}({number})" if volume else ""


def pages(one: Citation) -> Compared:
    return one.said["pages"], one.article["pages"] or ""


def languages(one: Citation) -> Compared:
    return one.said["languages"], ";".join(one.article["languages"])


def pubdate(one: Citation) -> Compared:
    year, month, day = (one.article[part] for part in ("pub_year", "pub_month", "pub_day"))
    # A month range in MedlineDate gives no month there either.
    parts = [f"{year}" if year else "", f"{month:02}" if month else "", f"{day:02}" if day else ""]
    return one.said["pubdate"], "-".join(filter(None, parts))


def journal(one: Citation) -> Compared:
    (kept,) = one.rows["journal"]
    names = ("nlm_unique_id", "journal", "medline_ta", "issn_linking", "country")
    columns = ("nlm_id", "title", "medline_ta", "issn_linking", "country")
    return [one.said[name] for name in names], [kept[column] or "" for column in columns]


def doi(one: Citation) -> Compared | None:
    # pubmed_parser takes the last ELocationID, whatever its type; an empty answer says nothing.
    kept = {row["value"] for row in one.rows["identifier"] if row["id_type"] == "doi"}
    return (True, one.said["doi"] in kept) if one.said["doi"] else None


def authors(one: Citation) -> Compared:
    said = [
        (who["lastname"], who["forename"], who["initials"], _digits(who["identifier"])) for who in one.said["authors"]
    ]
    columns = ("last_name", "fore_name", "initials", "orcid")
    kept = [tuple(row[column] or "" for column in columns) for row in one.rows["author"]]
    return said, [(*row[:3], _digits(row[3])) for row in kept]


def _digits(orcid: str) -> str:
    return re.sub(r"[^0-9X]", "", orcid)


def first_affiliations(one: Citation) -> Compared | None:
    # pubmed_parser knows an author's first affiliation only, up to its first markup.
    if one.record.xpath(".//Author/AffiliationInfo/Affiliation/*"):
        return None
    rows = {row["author_position"]: row["affiliation"] for row in one.rows["affiliation"] if row["position"] == 1}
    kept = [(rows.get(place) or "").replace(_NOT_SHOWN, "") for place in range(1, len(one.said["authors"]) + 1)]
    return [who["affiliation"].strip() for who in one.said["authors"]], kept


def mesh(one: Citation) -> Compared:
    # There, a star marks a major qualifier, never a major descriptor.
    headings = {row["position"]: f"{row['descriptor_ui']}:{row['descriptor']}" for row in one.rows["mesh_heading"]}
    for row in one.rows["mesh_qualifier"]:
        star = "*" if row["major_topic"] else ""
        headings[row["heading_position"]] += f" / {row['qualifier_ui']}:{row['qualifier']}{star}"
    return one.said["mesh_terms"], "; ".join(headings.values())


def publication_types(one: Citation) -> Compared:
    kept = (f"{row['type_ui']}:{row['type']}" for row in one.rows["publication_type"])
    return one.said["publication_types"], "; ".join(kept)


def grants(one: Citation) -> Compared:
    columns = {"grant_id": "grant_id", "grant_acronym": "acronym", "agency": "agency", "country": "country"}
    kept = [{name: row[column] or "" for name, column in columns.items()} for row in one.rows["grant"]]
    found = parse_grant_id(one.record)
    return [{name: (value or "").strip() for name, value in grant.items()} for grant in found], kept


def references(one: Citation) -> Compared:
    # pubmed_parser reads the first list without the lists inside it, and a citation up to its first markup.
    said = one.said["references"]
    kept = [
        {"citation": (row["citation"] or "")[: len(reference["citation"])], "pmid": str(row["cited_pmid"] or "")}
        for row, reference in zip(one.rows["citation"], said, strict=False)
    ]
    return said, kept


def row_counts(one: Citation) -> Compared:
    # Not of pubmed_parser, which counts nothing, but of XPath over the record.
    counted = {table: int(one.record.xpath(f"count({path})")) for table, path in ROWS.items()}  # type: ignore[arg-type]
    return counted, {table: len(one.rows[table]) for table in ROWS}


COMPARISONS: tuple[Callable[[Citation], Compared | None], ...] = (
    title, vernacular_title, abstract, issue, pages, languages, pubdate, journal, doi, authors, first_affiliations,
    mesh, publication_types, grants, references, row_counts,
)  # fmt: skip


@dataclass
class Found:
    """How many records each comparison could compare, and the first differences of each."""

    records: int = 0
    compared: Counter[str] = field(default_factory=Counter)
    differences: dict[str, list[tuple[str, Compared]]] = field(default_factory=dict)

    def add(self, one: Citation) -> None:
        self.records += 1
        for compare in COMPARISONS:
            pair = compare(one)
            self.compared[compare.__name__] += pair is not None
            if pair is not None and pair[0] != pair[1]:
                self.differences.setdefault(compare.__name__, []).append((one.said["pmid"], pair))


def citations(records: list[bytes], folder: Path) -> Iterator[Citation]:
    content = b"<PubmedArticleSet>" + b"".join(records) + b"</PubmedArticleSet>"
    path = folder / "sample.xml.gz"
    path.write_bytes(gzip.compress(content, compresslevel=1))
    said = pubmed_parser.parse_medline_xml(
        str(path), year_info_only=False, author_list=True, reference_list=True, parse_downto_mesh_subterms=True
    )
    rows = Rows(content, Mapping.load("pubmed"))
    assert rows.rejected == []
    by_record = [{table: [] for table in rows.tables} | {"article": [article]} for article in rows.tables["article"]]  # type: list[dict[str, list[Row]]]
    places = {article["record_no"]: place for place, article in enumerate(rows.tables["article"])}
    for table in rows.tables.keys() - {"article"}:
        for row in rows.tables[table]:
            by_record[places[row["record_no"]]][table].append(row)
    yield from map(Citation, said, by_record, etree.fromstring(content))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    print(f"PUBMED_TEST_SEED={SEED}")
    records = [record for name in _FILES for record in _RECORD.findall(gzip.decompress((_FOLDER / name).read_bytes()))]
    chosen = random.Random(SEED).sample(records, SAMPLE)
    folder = tmp_path_factory.mktemp("sample")
    found = Found()
    for start in range(0, SAMPLE, _AT_A_TIME):
        for one in citations(chosen[start : start + _AT_A_TIME], folder):
            found.add(one)
    return found


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__name__)
def test_sample_equals_pubmed_parser(found: Found, compare: Callable[[Citation], Compared | None]) -> None:
    print(f"PUBMED_TEST_SEED={SEED}: {found.compared[compare.__name__]} of {found.records} records compared")
    assert found.differences.get(compare.__name__, [])[:5] == []
    assert found.records == SAMPLE
    assert found.compared[compare.__name__] > SAMPLE / 5
