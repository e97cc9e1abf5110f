"""Every field of every table, from made citations."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from made_medline import citation, medline_file
from pubmed_rebuild.bad_input import WrongContent
from pubmed_rebuild.records import COLUMNS, JOURNAL_COLUMNS, Record
from pubmed_rebuild.xml_stream import read_citations

FULL = Path(__file__).parent / "fixtures" / "full_citation.xml"


def only_record(content: bytes) -> Record:
    (record,) = read_citations([content], "made.xml")
    assert isinstance(record, Record)
    return record


def named_rows(record: Record, table: str) -> list[dict[str, Any]]:
    return [dict(zip(COLUMNS[table], row, strict=True)) for row in record.rows[table]]


@pytest.fixture(scope="module")
def full() -> Record:
    return only_record(FULL.read_bytes())


def test_every_table_has_its_rows(full: Record) -> None:
    assert set(full.rows) == set(COLUMNS)


def test_article(full: Record) -> None:
    assert named_rows(full, "article") == [
        {
            "pmid": 101,
            "version": 2,
            "status": "MEDLINE",
            "pub_model": "Print-Electronic",
            "publication_status": "ppublish",
            "nlm_id": "7700001",
            "issn": "1234-5678",
            "issn_type": "Electronic",
            "volume": "12",
            "issue": "3 Pt 1",
            "pages": "1-9",
            "pub_date": "2019 Dec 05",
            "pub_year": 2019,
            "pub_month": 12,
            "pub_day": 5,
            "title": "Growth of E. coli at 106 cells & more.",
            "vernacular_title": "Croissance.",
            "abstract": "METHODS: We grew E. coli twice.\nIt x=1 grew.",
            "languages": ["eng", "fre"],
            "date_completed": date(2020, 2, 29),
            "date_revised": date(2021, 6, 7),
        }
    ]


def test_journal(full: Record) -> None:
    assert full.journal is not None
    assert dict(zip(JOURNAL_COLUMNS, full.journal, strict=True)) == {
        "nlm_id": "7700001",
        "title": "Journal of Made Records",
        "iso_abbreviation": "J. Made Rec.",
        "medline_ta": "J Made Rec",
        "issn_linking": "8765-4321",
        "country": "Sweden",
    }


def test_authors_in_order_and_no_investigators(full: Record) -> None:
    assert full.rows["author"] == [
        (101, 1, "Ångström", "Anna B", "AB", "Jr", None, "0000-0002-0000-123X", True, True),
        (101, 2, None, None, None, None, "Made Study Group", None, False, False),
        (101, 3, "Last", None, None, None, None, "not an iD", True, False),
    ]


def test_affiliations_belong_to_their_author(full: Record) -> None:
    assert full.rows["affiliation"] == [
        (101, 1, 1, "First Institute."),
        (101, 1, 2, "Second Institute."),
        (101, 3, 1, "First Institute."),
    ]


def test_mesh_headings_and_qualifiers(full: Record) -> None:
    assert full.rows["mesh_heading"] == [(101, 1, "D000001", "Growth", False), (101, 2, "D000002", "Bacteria", False)]
    assert full.rows["mesh_qualifier"] == [
        (101, 2, 1, "Q000001", "metabolism", True),
        (101, 2, 2, "Q000002", "genetics", False),
    ]


def test_identifiers_are_the_articles_own(full: Record) -> None:
    assert full.rows["identifier"] == [(101, 1, "pubmed", "101"), (101, 2, "doi", "10.1000/own")]


def test_grants(full: Record) -> None:
    assert full.rows["grant"] == [
        (101, 1, "G-1", "GG", "NIH", "United States"),
        (101, 2, None, None, "Private", None),
    ]


def test_references_of_every_list_and_depth(full: Record) -> None:
    assert full.rows["citation"] == [
        (101, 1, "First, 102 pages.", 11, "10.1000/reference", "PMC1"),
        (101, 2, "Nested.", None, None, None),
        (101, 3, None, None, None, None),
        (101, 4, "In a second list.", None, None, None),
    ]


def test_publication_types(full: Record) -> None:
    assert full.rows["publication_type"] == [(101, 1, "D016428", "Journal Article"), (101, 2, "D016454", "Review")]


def test_a_citation_with_the_least_it_can_have() -> None:
    record = only_record(
        medline_file("<PubmedArticle><MedlineCitation><PMID>7</PMID></MedlineCitation></PubmedArticle>")
    )
    assert (record.pmid, record.version, record.journal) == (7, 1, None)
    assert {table: len(rows) for table, rows in record.rows.items() if rows} == {"article": 1}


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("<Year>1979</Year>", ("1979", 1979, None, None)),
        ("<Year>1979</Year><Month>06</Month>", ("1979 06", 1979, 6, None)),
        ("<Year>1979</Year><Month>Jun</Month><Day>9</Day>", ("1979 Jun 9", 1979, 6, 9)),
        ("<Year>1979</Year><Season>Spring</Season>", ("1979 Spring", 1979, None, None)),
        ("<MedlineDate>1978 Dec-1979 Jan</MedlineDate>", ("1978 Dec-1979 Jan", 1978, None, None)),
        ("<MedlineDate>undated</MedlineDate>", ("undated", None, None, None)),
        ("<Year>1979</Year><Month>13</Month><Day>0</Day>", ("1979 13 0", 1979, None, None)),
        ("", (None, None, None, None)),
    ],
)
def test_publication_date(printed: str, expected: tuple[object, ...]) -> None:
    journal = f"<Journal><JournalIssue><PubDate>{printed}</PubDate></JournalIssue></Journal>"
    medline = f"<PMID>1</PMID><Article>{journal}</Article>"
    record = only_record(medline_file(f"<PubmedArticle><MedlineCitation>{medline}</MedlineCitation></PubmedArticle>"))
    (article,) = named_rows(record, "article")
    assert tuple(article[column] for column in ("pub_date", "pub_year", "pub_month", "pub_day")) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0000-0002-0000-1234", "0000-0002-0000-1234"),
        ("https://orcid.org/0000-0002-0000-1234", "0000-0002-0000-1234"),
        ("0000-0002-0000-123", "0000-0002-0000-123"),
    ],
)
def test_orcid_is_canonical_where_it_can_be(written: str, expected: str) -> None:
    author = f'<Author><Identifier Source="ORCID">{written}</Identifier></Author>'
    content = citation(1).replace("<Language>", f"<AuthorList>{author}</AuthorList><Language>")
    assert named_rows(only_record(medline_file(content)), "author")[0]["orcid"] == expected


@pytest.mark.parametrize("pmid", ["", "12a", "-1", "١٢", "2147483648"])
def test_a_pmid_that_is_no_number_is_refused(pmid: str) -> None:
    content = medline_file(citation(41), citation(42).replace(">42<", f">{pmid}<"))
    with pytest.raises(WrongContent, match=r"No PMID in a citation, made\.xml at record 2, after PMID 41"):
        list(read_citations([content], "made.xml"))


@pytest.mark.parametrize(("month", "day", "found"), [("02", "30", "2021-2-30"), ("x", "1", "'x'")])
def test_a_revision_date_that_is_none_is_refused(month: str, day: str, found: str) -> None:
    revised = f"<DateRevised><Year>2021</Year><Month>{month}</Month><Day>{day}</Day></DateRevised>"
    with pytest.raises(WrongContent, match=f"DateRevised of PMID 5.*found {found}"):
        only_record(medline_file(citation(5, medline=revised)))
