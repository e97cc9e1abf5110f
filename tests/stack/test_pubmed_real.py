"""The finished job's database (schema `pubmed`) against two readings of the same files that are not ours.

An independent count of every table, and what the library pubmed_parser extracts from a random sample of records. Where
the two mean different things (airflow/xml-rebuild/README.md, "PubMed"), the comparison says so here.
"""

import gzip
import os
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pubmed_parser
import pytest
from lxml import etree
from psycopg import Connection
from psycopg.rows import dict_row
from pubmed_parser.medline_parser import parse_grant_id

from independent_count import expected

SEED = int(os.environ.get("PUBMED_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
SAMPLE = int(os.environ.get("PUBMED_TEST_SAMPLE", "400"))
_RECORD = re.compile(rb"<PubmedArticle>.*?</PubmedArticle>", re.DOTALL)
_PMID = re.compile(rb'<PMID Version="(\d+)">(\d+)</PMID>')
_NOT_SHOWN = "For a full list of the authors' affiliations please see the Acknowledgements section."

Compared = tuple[object, object]


@pytest.fixture(scope="module")
def connection(warehouse_dsn: str) -> Iterator[Connection[dict[str, Any]]]:
    with psycopg.connect(warehouse_dsn, row_factory=dict_row, options="-c search_path=pubmed") as connection:
        yield connection


@pytest.fixture(scope="module")
def counted(sample_files: list[Path]) -> dict[str, dict[str, int]]:
    return expected(sample_files)


def test_every_table_has_the_rows_that_the_files_say(
    connection: Connection[dict[str, Any]], counted: dict[str, dict[str, int]]
) -> None:
    found = {}
    for table in counted["tables"]:
        row = connection.execute(f'SELECT count(*) AS rows FROM "{table}"').fetchone()
        assert row is not None
        found[table] = row["rows"]
    assert found == counted["tables"]


def test_articles_and_removed_records_are_all_the_records(counted: dict[str, dict[str, int]]) -> None:
    accounted = counted["tables"]["article"] + sum(counted["rules"].values())
    assert accounted == counted["records"]["PubmedArticle"] == 50_788


@pytest.fixture(scope="module")
def sample(
    connection: Connection[dict[str, Any]], sample_files: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[dict[str, Any], etree._Element]]:
    """What pubmed_parser says of SAMPLE records that are in the database, with the records themselves."""
    print(f"PUBMED_TEST_SEED={SEED}")
    versions = {(row["pmid"], row["version"]) for row in connection.execute("SELECT pmid, version FROM article")}
    records = [record for path in sample_files for record in _RECORD.findall(gzip.decompress(path.read_bytes()))]
    chosen = [record for record in random.Random(SEED).sample(records, SAMPLE) if _key(record) in versions]
    content = b"<PubmedArticleSet>" + b"".join(chosen) + b"</PubmedArticleSet>"
    path = tmp_path_factory.mktemp("sample") / "sample.xml.gz"
    path.write_bytes(gzip.compress(content))
    said = pubmed_parser.parse_medline_xml(
        str(path), year_info_only=False, author_list=True, reference_list=True, parse_downto_mesh_subterms=True
    )
    return list(zip(said, etree.fromstring(content), strict=True))


def _key(record: bytes) -> tuple[int, int]:
    match = _PMID.search(record)
    assert match is not None
    return int(match[2]), int(match[1])


class Stored:
    """The rows of one PMID."""

    def __init__(self, connection: Connection[dict[str, Any]], pmid: str) -> None:
        self._connection = connection
        self._pmid = pmid
        (self.article,) = self.rows("article", "pmid")

    def rows(self, table: str, order: str = "position") -> list[dict[str, Any]]:
        query = f'SELECT * FROM "{table}" WHERE pmid = %s ORDER BY {order}'
        return self._connection.execute(query, [self._pmid]).fetchall()


def title(said: dict[str, Any], stored: Stored, record: etree._Element) -> Compared | None:
    # pubmed_parser reads one level of markup only.
    return None if record.xpath(".//ArticleTitle/*/*") else (said["title"], stored.article["title"] or "")


def vernacular_title(said: dict[str, Any], stored: Stored, record: etree._Element) -> Compared:
    return said["vernacular_title"], stored.article["vernacular_title"] or ""


def abstract(said: dict[str, Any], stored: Stored, record: etree._Element) -> Compared | None:
    # Labels stand on lines of their own there, are left out where there is one section only or it says UNASSIGNED.
    sections = record.findall(".//Article/Abstract/AbstractText")
    if not sections or record.xpath(".//Article/Abstract/AbstractText/*/*"):
        return None
    kept = stored.article["abstract"] or ""
    if len(sections) == 1:
        kept = kept.removeprefix(f"{sections[0].get('Label')}: ")
    else:
        kept = kept.replace("UNASSIGNED: ", "")
        for section in sections:
            # A label whose section is empty heads nothing, and is not kept.
            if not "".join(map(str, section.itertext())).strip() and section.get("Label"):
                said = said | {"abstract": said["abstract"].replace(section.get("Label", ""), "", 1)}
    return re.sub(r"\W+", "", said["abstract"]), re.sub(r"\W+", "", kept)


def issue(said: dict[str, Any], stored: Stored, record: etree._Element) -> Compared:
    volume, number = stored.article["volume"], stored.article["issue"] or ""
    return said["issue"], f"{volume}({number})" if volume else ""


def pages(said: dict[str, Any], stored: Stored, record: etree._Element) -> Compared:
    return said["pages"], stored.article["pages"] or ""


def languages(said: dict[str, Any], stored: Stored, record: etree._Element) -> Compared:
    return said["languages"], ";".join(stored.article["languages"])


def pubdate(said: dict[str, Any], stored: Stored, record: etree._Element) -> Compared:
    year, month, day = (stored.article[part] for part in ("pub_year", "pub_month", "pub_day"))
    # A month range in MedlineDate gives no month there either.
    parts = [f"{year}" if year else "", f"{month:02}" if month else "", f"{day:02}" if day else ""]
    return said["pubdate"], "-".join(filter(None, parts))


def journal(said: dict[str, Any], stored: Stored, record: etree._Element) -> Compared:
    return said["nlm_unique_id"], stored.article["nlm_id"]


def doi(said: dict[str, Any], stored: Stored, record: etree._Element) -> Compared | None:
    # pubmed_parser takes the last ELocationID, whatever its type; an empty answer says nothing.
    kept = {row["value"] for row in stored.rows("identifier") if row["id_type"] == "doi"}
    return (True, said["doi"] in kept) if said["doi"] else None


def authors(said: dict[str, Any], stored: Stored, record: etree._Element) -> Compared:
    names = [(who["lastname"], who["forename"], who["initials"], _digits(who["identifier"])) for who in said["authors"]]
    columns = ("last_name", "fore_name", "initials", "orcid")
    kept = [tuple(row[column] or "" for column in columns) for row in stored.rows("author")]
    return names, [(*row[:3], _digits(row[3])) for row in kept]


def _digits(orcid: str) -> str:
    return re.sub(r"[^0-9X]", "", orcid)


def first_affiliations(said: dict[str, Any], stored: Stored, record: etree._Element) -> Compared | None:
    # pubmed_parser knows an author's first affiliation only, up to its first markup.
    if record.xpath(".//Author/AffiliationInfo/Affiliation/*"):
        return None
    rows = {row["author_position"]: row["affiliation"] for row in stored.rows("affiliation") if row["position"] == 1}
    kept = [(rows.get(place) or "").replace(_NOT_SHOWN, "") for place in range(1, len(said["authors"]) + 1)]
    return [who["affiliation"].strip() for who in said["authors"]], kept


def mesh(said: dict[str, Any], stored: Stored, record: etree._Element) -> Compared:
    # There, a star marks a major qualifier, never a major descriptor.
    headings = {row["position"]: f"{row['descriptor_ui']}:{row['descriptor']}" for row in stored.rows("mesh_heading")}
    for row in stored.rows("mesh_qualifier", "heading_position, position"):
        star = "*" if row["major_topic"] else ""
        headings[row["heading_position"]] += f" / {row['qualifier_ui']}:{row['qualifier']}{star}"
    return said["mesh_terms"], "; ".join(headings.values())


def publication_types(said: dict[str, Any], stored: Stored, record: etree._Element) -> Compared:
    kept = (f"{row['type_ui']}:{row['type']}" for row in stored.rows("publication_type"))
    return said["publication_types"], "; ".join(kept)


def grants(said: dict[str, Any], stored: Stored, record: etree._Element) -> Compared:
    columns = {"grant_id": "grant_id", "grant_acronym": "acronym", "agency": "agency", "country": "country"}
    kept = [{name: row[column] or "" for name, column in columns.items()} for row in stored.rows("grant")]
    found = parse_grant_id(record)
    return [{name: (value or "").strip() for name, value in grant.items()} for grant in found], kept


def references(said: dict[str, Any], stored: Stored, record: etree._Element) -> Compared:
    # pubmed_parser reads the first list without the lists inside it, and a citation up to its first markup.
    rows = stored.rows("citation")[: len(said["references"])]
    kept = [
        {"citation": (row["citation"] or "")[: len(reference["citation"])], "pmid": str(row["cited_pmid"] or "")}
        for row, reference in zip(rows, said["references"], strict=True)
    ]
    return said["references"], kept


@pytest.mark.parametrize(
    "compare",
    [title, vernacular_title, abstract, issue, pages, languages, pubdate, journal, doi, authors, first_affiliations,
     mesh, publication_types, grants, references],
    ids=lambda compare: compare.__name__,
)  # fmt: skip
def test_sample_equals_pubmed_parser(
    connection: Connection[dict[str, Any]],
    sample: list[tuple[dict[str, Any], etree._Element]],
    compare: Callable[[dict[str, Any], Stored, etree._Element], Compared | None],
) -> None:
    differences = {}
    compared = 0
    for said, record in sample:
        pair = compare(said, Stored(connection, said["pmid"]), record)
        compared += pair is not None
        if pair is not None and pair[0] != pair[1]:
            differences[said["pmid"]] = pair
    assert not differences
    assert compared > SAMPLE / 5
