"""The PubMed mapping: every field from made citations, and from random ones the rows that they were written from."""

import os
import random
from datetime import date
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from copied_rows import Row, Rows

from made_medline import citation, deletion, medline_file
from xml_rebuild.mapping import Mapping

SEED = int(os.environ.get("PUBMED_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
FULL = Path(__file__).parent / "fixtures" / "full_citation.xml"
MAPPING = Mapping.load("pubmed")
_LETTERS = "abc XYZ123<>&\"'éß漢🧪\u00a0"


def read(*records: str) -> Rows:
    return Rows(medline_file(*records), MAPPING)


def only(rows: Rows, table: str) -> Row:
    assert rows.rejected == []
    (row,) = rows.tables[table]
    return row


def with_medline(content: str) -> str:
    return f"<PubmedArticle><MedlineCitation><PMID>5</PMID>{content}</MedlineCitation></PubmedArticle>"


@pytest.fixture(scope="module")
def full() -> Rows:
    return Rows(FULL.read_bytes(), MAPPING)


def test_article(full: Rows) -> None:
    assert only(full, "article") == {
        "record_no": only(full, "article")["record_no"],
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


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("journal", [("7700001", "Journal of Made Records", "J. Made Rec.", "J Made Rec", "8765-4321", "Sweden")]),
        (
            "author",
            [
                (101, 1, "Ångström", "Anna B", "AB", "Jr", None, "0000-0002-0000-123X", True, True),
                (101, 2, None, None, None, None, "Made Study Group", None, False, False),
                (101, 3, "Last", None, None, None, None, "not an iD", True, False),
            ],
        ),
        (
            "affiliation",
            [(101, 1, 1, "First Institute."), (101, 1, 2, "Second Institute."), (101, 3, 1, "First Institute.")],
        ),
        ("mesh_heading", [(101, 1, "D000001", "Growth", False), (101, 2, "D000002", "Bacteria", False)]),
        (
            "mesh_qualifier",
            [(101, 2, 1, "Q000001", "metabolism", True), (101, 2, 2, "Q000002", "genetics", False)],
        ),
        ("identifier", [(101, 1, "pubmed", "101"), (101, 2, "doi", "10.1000/own")]),
        ("grant", [(101, 1, "G-1", "GG", "NIH", "United States"), (101, 2, None, None, "Private", None)]),
        (
            "citation",
            [
                (101, 1, "First, 102 pages.", 11, "10.1000/reference", "PMC1"),
                (101, 2, "Nested.", None, None, None),
                (101, 3, None, None, None, None),
                (101, 4, "In a second list.", None, None, None),
            ],
        ),
        ("publication_type", [(101, 1, "D016428", "Journal Article"), (101, 2, "D016454", "Review")]),
        ("deletion", []),
    ],
)
def test_rows_of_the_full_citation(full: Rows, table: str, expected: list[tuple[Any, ...]]) -> None:
    assert full.plain(table) == expected


def test_a_citation_with_the_least_it_can_have() -> None:
    rows = read("<PubmedArticle><MedlineCitation><PMID>7</PMID></MedlineCitation></PubmedArticle>")
    article = only(rows, "article")
    assert {name: value for name, value in article.items() if value} == {
        "record_no": article["record_no"],
        "pmid": 7,
        "version": 1,
    }
    assert [table for table, found in rows.tables.items() if found] == ["article"]


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("<Year>1979</Year>", ("1979", 1979, None, None)),
        ("<Year>1979</Year><Month>06</Month>", ("1979 06", 1979, 6, None)),
        ("<Year>1979</Year><Month>Jun</Month><Day>9</Day>", ("1979 Jun 9", 1979, 6, 9)),
        ("<Year>1979</Year><Month>september</Month>", ("1979 september", 1979, 9, None)),
        ("<Year>1979</Year><Season>Spring</Season>", ("1979 Spring", 1979, None, None)),
        ("<MedlineDate>1978 Dec-1979 Jan</MedlineDate>", ("1978 Dec-1979 Jan", 1978, None, None)),
        ("<MedlineDate>Summer of 1978</MedlineDate>", ("Summer of 1978", 1978, None, None)),
        ("<MedlineDate>undated</MedlineDate>", ("undated", None, None, None)),
        ("<Year>1979</Year><Month>13</Month><Day>0</Day>", ("1979 13 0", 1979, None, None)),
        ("<Year>1979</Year><Month>1</Month><Day>32</Day>", ("1979 1 32", 1979, 1, None)),
        ("<Year>1979</Year><Month>1</Month><Day>1.5</Day>", ("1979 1 1.5", 1979, 1, None)),
        ("<Year>1979</Year><Month/><Day> 31 </Day>", ("1979 31", 1979, None, 31)),
        ("", (None, None, None, None)),
    ],
)
def test_publication_date(printed: str, expected: tuple[object, ...]) -> None:
    journal = f"<Journal><JournalIssue><PubDate>{printed}</PubDate></JournalIssue></Journal>"
    article = only(read(with_medline(f"<Article>{journal}</Article>")), "article")
    assert tuple(article[column] for column in ("pub_date", "pub_year", "pub_month", "pub_day")) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0000-0002-0000-1234", "0000-0002-0000-1234"),
        ("https://orcid.org/0000-0002-0000-1234", "0000-0002-0000-1234"),
        ("http://orcid.org/000000020000123X", "0000-0002-0000-123X"),
        ("0000-00020000-1234", "0000-0002-0000-1234"),
        ("0000-0002-0000-123", "0000-0002-0000-123"),
        ("0000-0002-0000-12345", "0000-0002-0000-12345"),
        ("orcid.org/0000-0002-0000-1234", "orcid.org/0000-0002-0000-1234"),
    ],
)
def test_orcid_is_canonical_where_it_can_be(written: str, expected: str) -> None:
    author = f'<Author><Identifier Source="ORCID">{written}</Identifier></Author>'
    rows = read(with_medline(f"<Article><AuthorList>{author}</AuthorList></Article>"))
    assert only(rows, "author")["orcid"] == expected


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ("<AbstractText>One.</AbstractText>", "One."),
        (
            '<AbstractText Label="AIM">One.</AbstractText><AbstractText Label=""> Two. </AbstractText>',
            "AIM: One.\nTwo.",
        ),
        ('<AbstractText Label="AIM"> </AbstractText><AbstractText>Two.</AbstractText>', "Two."),
        (
            '<AbstractText Label="AIM">\u2003One.\u00a0</AbstractText><AbstractText> \n Two.</AbstractText>',
            "AIM: One.\nTwo.",
        ),
        (
            '<AbstractText Label="AIM">\n  One.\n</AbstractText><AbstractText Label="NIL">\u2003</AbstractText>',
            "AIM: One.",
        ),
        ("<AbstractText/><CopyrightInformation>Mine.</CopyrightInformation>", None),
    ],
)
def test_abstract(sections: str, expected: str | None) -> None:
    rows = read(with_medline(f"<Article><Abstract>{sections}</Abstract></Article>"))
    assert only(rows, "article")["abstract"] == expected


@pytest.mark.parametrize(
    ("cited", "expected"), [("12", 12), ("2147483647", 2147483647), ("2147483648", None), ("1e3", None), ("", None)]
)
def test_a_cited_pmid_that_is_no_number_is_null(cited: str, expected: int | None) -> None:
    ids = f'<ArticleIdList><ArticleId IdType="pubmed">{cited}</ArticleId></ArticleIdList>'
    rows = read(citation(1, data=f"<ReferenceList><Reference>{ids}</Reference></ReferenceList>"))
    assert only(rows, "citation")["cited_pmid"] == expected


@pytest.mark.parametrize("pmid", ["", "12a", "-1", "١٢", "2147483648"])
def test_a_record_whose_pmid_is_no_number_is_put_aside(pmid: str) -> None:
    rows = read(citation(41), citation(42).replace(">42<", f">{pmid}<"), citation(43))
    (rejected,) = rows.rejected
    assert "pmid" in rejected.reason
    assert [article["pmid"] for article in rows.tables["article"]] == [41, 43]


@pytest.mark.parametrize(("month", "day"), [("02", "30"), ("x", "1"), ("1", "")])
def test_a_record_with_a_revision_date_that_is_none_is_put_aside(month: str, day: str) -> None:
    revised = f"<DateRevised><Year>2021</Year><Month>{month}</Month><Day>{day}</Day></DateRevised>"
    rows = read(citation(5, medline=revised), citation(6))
    (rejected,) = rows.rejected
    assert "date_revised" in rejected.reason
    assert [article["pmid"] for article in rows.tables["article"]] == [6]


def test_deletions_stand_in_record_order_among_the_articles() -> None:
    rows = read(citation(1), deletion(1, 2, version=3), citation(2), deletion(9))
    assert rows.plain("deletion") == [(1, 3), (2, 3), (9, 1)]
    numbers = [row["record_no"] for row in rows.tables["deletion"]]
    first, second = (row["record_no"] for row in rows.tables["article"])
    assert first < numbers[0] == numbers[1] < second < numbers[2]


class Writer:
    """Writes one citation and, beside it, the rows it must become."""

    def __init__(self, chance: random.Random, pmid: int) -> None:
        self.chance = chance
        self.pmid = pmid
        self.rows: dict[str, list[tuple[Any, ...]]] = {
            table: [] for table in ("author", "affiliation", "mesh_heading", "mesh_qualifier", "identifier", "citation")
        }

    def text(self) -> tuple[str, str | None]:
        """Mixed content, and the text of it."""
        runs = ["".join(self.chance.choices(_LETTERS, k=self.chance.randrange(6))) for _ in range(3)]
        written = f"{escape(runs[0])}<i>{escape(runs[1])}</i>{escape(runs[2])}" if runs[1] else escape("".join(runs))
        return written, "".join(runs).strip() or None

    def authors(self) -> str:
        parts = []
        for position in range(1, self.chance.randrange(5)):
            written, name = self.text()
            kind = self.chance.choice(("LastName", "CollectiveName"))
            names = (name, None, None, None, None) if kind == "LastName" else (None, None, None, None, name)
            self.rows["author"].append((self.pmid, position, *names, None, True, False))
            parts.append(f'<Author ValidYN="Y"><{kind}>{written}</{kind}>{self.affiliations(position)}</Author>')
        return f"<AuthorList>{''.join(parts)}</AuthorList>"

    def affiliations(self, author: int) -> str:
        parts = []
        for position in range(1, self.chance.randrange(4)):
            written, text = self.text()
            self.rows["affiliation"].append((self.pmid, author, position, text))
            parts.append(f"<AffiliationInfo><Affiliation>{written}</Affiliation></AffiliationInfo>")
        return "".join(parts)

    def mesh(self) -> str:
        parts = []
        for position in range(1, self.chance.randrange(4)):
            major = self.chance.random() < 0.5
            self.rows["mesh_heading"].append((self.pmid, position, f"D{position}", "Term", major))
            term = f'<DescriptorName UI="D{position}" MajorTopicYN="{"NY"[major]}">Term</DescriptorName>'
            for place in range(1, self.chance.randrange(3)):
                self.rows["mesh_qualifier"].append((self.pmid, position, place, f"Q{place}", "use", False))
                term += f'<QualifierName UI="Q{place}" MajorTopicYN="N">use</QualifierName>'
            parts.append(f"<MeshHeading>{term}</MeshHeading>")
        return f"<MeshHeadingList>{''.join(parts)}</MeshHeadingList>"

    def identifiers(self) -> str:
        kinds = self.chance.choices(("pubmed", "doi", "pii"), k=self.chance.randrange(4))
        self.rows["identifier"] = [(self.pmid, place, kind, f"v{place}") for place, kind in enumerate(kinds, start=1)]
        return "".join(f'<ArticleId IdType="{kind}">v{place}</ArticleId>' for place, kind in enumerate(kinds, start=1))

    def references(self, depth: int = 0) -> str:
        """Own references first, then deeper lists, which is the order the format allows."""
        parts = []
        for _ in range(self.chance.randrange(3)):
            written, text = self.text()
            cited = self.chance.choice((None, self.chance.randrange(1, 10**8)))
            self.rows["citation"].append((self.pmid, len(self.rows["citation"]) + 1, text, cited, None, None))
            ids = f'<ArticleIdList><ArticleId IdType="pubmed">{cited}</ArticleId></ArticleIdList>' if cited else ""
            parts.append(f"<Reference><Citation>{written}</Citation>{ids}</Reference>")
        if depth < 3:
            parts += [self.references(depth + 1) for _ in range(self.chance.randrange(3))]
        return f"<ReferenceList>{''.join(parts)}</ReferenceList>"

    def citation(self) -> str:
        return (
            f"<PubmedArticle><MedlineCitation><PMID>{self.pmid}</PMID><Article>{self.authors()}</Article>{self.mesh()}"
            f"</MedlineCitation><PubmedData><ArticleIdList>{self.identifiers()}</ArticleIdList>"
            f"{self.references()}</PubmedData></PubmedArticle>"
        )


@pytest.mark.parametrize("trial", range(40))
def test_rows_are_what_was_written(trial: int) -> None:
    print(f"PUBMED_TEST_SEED={SEED} trial {trial}")
    chance = random.Random(f"{SEED} {trial}")
    writers = [Writer(chance, pmid) for pmid in range(1, chance.randrange(2, 12))]
    content = medline_file(*(writer.citation() for writer in writers))
    rows = Rows(content, MAPPING, size=chance.choice((1, 1000, 10**6)))
    for table in writers[0].rows if writers else ():
        assert rows.plain(table) == [row for writer in writers for row in writer.rows[table]], table
