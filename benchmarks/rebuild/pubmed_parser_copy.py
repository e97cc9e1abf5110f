"""pubmed_parser's `parse_medline_xml` into Postgres by psycopg's COPY: what one would pick off the shelf.

    python pubmed_parser_copy.py SOURCE.xml.gz DSN

Rows are gathered for a thousand records and copied table by table; keys and indexes come last. All is one transaction:
what goes into a table that the transaction made is logged once at most, where SET LOGGED would write it once more.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from pubmed_parser import parse_medline_xml

HERE = Path(__file__).parent
BATCH = 1000
LARGEST_INTEGER = 2**31 - 1

Rows = dict[str, list[tuple[Any, ...]]]
COLUMNS = {
    "article": (
        *("pmid", "nlm_id", "volume", "issue", "pages", "pub_year", "title", "vernacular_title", "abstract"),
        *("languages", "doi"),
    ),
    "author": ("pmid", "position", "last_name", "fore_name", "initials", "identifier"),
    "affiliation": ("pmid", "author_position", "affiliation"),
    "mesh_heading": ("pmid", "position", "descriptor_ui", "descriptor"),
    "mesh_qualifier": ("pmid", "heading_position", "position", "qualifier_ui", "qualifier", "major_topic"),
    "grant": ("pmid", "position", "grant_id", "acronym", "agency", "country"),
    "citation": ("pmid", "position", "citation", "cited_pmid"),
    "publication_type": ("pmid", "position", "type_ui", "type"),
    "journal": ("nlm_id", "title", "medline_ta", "issn_linking", "country"),
}


def main(source: str, dsn: str) -> None:
    journals: dict[str, tuple[Any, ...]] = {}
    records = parse_medline_xml(
        source, year_info_only=True, author_list=True, reference_list=True, parse_downto_mesh_subterms=True
    )
    with psycopg.connect(dsn) as connection:
        connection.execute((HERE / "small_tables.sql").read_text())
        while batch := list(islice(records, BATCH)):
            copy(connection, rows_of(batch, journals))
        copy(connection, {"journal": list(journals.values())})
        connection.execute((HERE / "small_keys.sql").read_text())


def copy(connection: psycopg.Connection, rows: Rows) -> None:
    for table, lines in rows.items():
        columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS[table]))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
        with connection.cursor() as cursor, cursor.copy(statement) as stream:
            for line in lines:
                stream.write_row(line)


def rows_of(records: Iterable[dict[str, Any]], journals: dict[str, tuple[Any, ...]]) -> Rows:
    rows: Rows = defaultdict(list)
    for record in records:
        pmid = int(record["pmid"])
        rows["article"].append(article(pmid, record))
        add_authors(rows, pmid, record["authors"])
        add_headings(rows, pmid, record["mesh_terms"])
        rows["grant"] += grants(pmid, record["grant_ids"])
        rows["citation"] += citations(pmid, record["references"])
        rows["publication_type"] += publication_types(pmid, record["publication_types"])
        if nlm_id := record["nlm_unique_id"]:
            journals[nlm_id] = journal(record)
    return rows


def article(pmid: int, record: dict[str, Any]) -> tuple[Any, ...]:
    volume, _, issue = record["issue"].rstrip(")").partition("(")
    return (
        pmid,
        record["nlm_unique_id"] or None,
        volume or None,
        issue or None,
        record["pages"] or None,
        int(record["pubdate"]) if record["pubdate"] else None,
        record["title"] or None,
        record["vernacular_title"] or None,
        record["abstract"] or None,
        record["languages"].split(";"),
        record["doi"] or None,
    )


def journal(record: dict[str, Any]) -> tuple[Any, ...]:
    names = ("nlm_unique_id", "journal", "medline_ta", "issn_linking", "country")
    return tuple(record[name] or None for name in names)


def add_authors(rows: Rows, pmid: int, authors: list[dict[str, str]]) -> None:
    for position, author in enumerate(authors, start=1):
        names = (author[name] or None for name in ("lastname", "forename", "initials", "identifier"))
        rows["author"].append((pmid, position, *names))
        if author["affiliation"]:
            rows["affiliation"].append((pmid, position, author["affiliation"]))


def add_headings(rows: Rows, pmid: int, terms: str) -> None:
    for position, term in enumerate(terms.split("; ") if terms else (), start=1):
        descriptor, *qualifiers = term.split(" / ")
        rows["mesh_heading"].append((pmid, position, *named(descriptor)))
        for place, qualifier in enumerate(qualifiers, start=1):
            major = qualifier.endswith("*")
            rows["mesh_qualifier"].append((pmid, position, place, *named(qualifier.rstrip("*")), major))


def named(text: str) -> tuple[str | None, str | None]:
    """A "UI:name" taken apart."""
    ui, _, name = text.partition(":")
    return ui or None, name or None


def grants(pmid: int, found: list[dict[str, str | None]]) -> Iterator[tuple[Any, ...]]:
    for position, grant in enumerate(found, start=1):
        names = (grant[name] or None for name in ("grant_id", "grant_acronym", "agency", "country"))
        yield pmid, position, *names


def citations(pmid: int, references: list[dict[str, str]]) -> Iterator[tuple[Any, ...]]:
    for position, reference in enumerate(references, start=1):
        cited = reference["pmid"]
        number = int(cited) if cited.isascii() and cited.isdigit() and int(cited) <= LARGEST_INTEGER else None
        yield pmid, position, reference["citation"] or None, number


def publication_types(pmid: int, types: str) -> Iterator[tuple[Any, ...]]:
    for position, one in enumerate(types.split("; ") if types else (), start=1):
        yield pmid, position, *named(one)


if __name__ == "__main__":
    main(*sys.argv[1:])
