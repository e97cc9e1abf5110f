"""Mappings as files: what they become, and which fault is named where."""

from pathlib import Path

import pytest
from small_mappings import mapping_of

from xml_rebuild.errors import WrongMapping
from xml_rebuild.mapping import Column, ForeignKey, Mapping

FULL = """
name: library
root: x:library
namespaces: {x: "http://example.org/x"}
ignore: [x:head]
records:
  x:book: {key: {id: "@id"}, tables: [book, author, publisher]}
tables:
  book:
    comment: One row a book
    indexes: [[title], [title, price]]
    foreign_keys: {house: publisher}
    columns:
      title: x:title
      price: {path: x:price, type: numeric, invalid: null, default: 1}
      house: x:publisher/@id
  author:
    rows: x:author
    foreign_keys: {id: book}
    columns: {position: {path: position(), type: integer}, name: .}
  publisher:
    distinct: [id]
    when: x:publisher
    columns: {id: {path: x:publisher/@id, required: true}, name: x:publisher}
"""


def test_all_members_of_a_file_arrive() -> None:
    mapping = mapping_of(FULL)
    book, author, publisher = mapping.tables.values()
    assert (mapping.name, mapping.root, mapping.ignore) == ("library", "x:library", {"x:head"})
    assert mapping.record_tags == ("x:book",)
    assert book.columns[1] == Column("price", "x:price", type="numeric", invalid="null", default="1")
    assert book.indexes == (("title",), ("title", "price"))
    assert book.foreign_keys == (ForeignKey(("house",), "publisher"),)
    assert book.copy_columns == ("record_no", "id", "title", "price", "house")
    assert author.rows == ("x:author",)
    assert (publisher.distinct, publisher.when, publisher.key) == (("id",), "x:publisher", ())


def test_primary_keys_follow_from_the_record_and_the_rows() -> None:
    tables = mapping_of(FULL).tables
    assert [table.primary_key for table in tables.values()] == [("id",), ("id", "position"), ("id",)]


def test_a_key_column_is_never_null() -> None:
    assert mapping_of(FULL).tables["book"].column("id").required


@pytest.mark.parametrize("name", ["pubmed", "onix_serials", "unixref"])
def test_shipped_mappings_load_by_name(name: str) -> None:
    assert Mapping.load(name).name == name


def test_the_fingerprint_is_that_of_the_text() -> None:
    assert mapping_of(FULL).fingerprint == mapping_of(FULL).fingerprint
    assert mapping_of(FULL).fingerprint != mapping_of(FULL.replace("x:title\n", "x:subtitle\n")).fingerprint


def test_rules_come_from_the_file_beside(tmp_path: Path) -> None:
    (tmp_path / "rules.sql").write_text("INSERT INTO removed …", encoding="utf-8")
    path = tmp_path / "library.yml"
    path.write_text(f"rules: rules.sql\n{FULL}", encoding="utf-8")
    assert Mapping.load(path).rules == "INSERT INTO removed …"


FAULTS = [
    ("x:price, type: numeric", "x:price, type: money", ["table book, column price", "money"]),
    ("invalid: null", "invalid: skip", ["table book, column price", "skip"]),
    ("{path: x:price,", "{pth: x:price,", ["table book, column price", "pth"]),
    ("title: x:title", "title: 'x:title['", ["table book, column title", "x:title["]),
    ("title: x:title", "title: y:title", ["table book, column title", "y:title"]),
    ("title: x:title", "record_no: x:title", ["table book, column record_no"]),
    ("title: x:title", "title: {path: x:title, transform: rot13}", ["table book, column title", "rot13"]),
    ("title: x:title", "title: {path: string(x:title), type: 'text[]'}", ["table book, column title"]),
    ("title: x:title", "title: position(1)", ["table book, column title", "position(1)"]),
    ("title: x:title", "id: x:title", ["table book", "id"]),
    ("[title, price]]", "[titel]]", ["table book", "titel"]),
    ("{house: publisher}", "{house: publishers}", ["table book", "publishers"]),
    ("{house: publisher}", "{'house, title': publisher}", ["table book", "house, title"]),
    ("rows: x:author", "rows: string(x:author)", ["table author"]),
    ("rows: x:author", "rows: 7", ["table author", "7"]),
    ("when: x:publisher", "when: x:publisher(", ["table publisher, when"]),
    ("distinct: [id]", "distinct: [ident]", ["table publisher", "ident"]),
    ("tables: [book, author, publisher]", "tables: [book, author, publisher, editor]", ["record x:book", "editor"]),
    ("tables: [book, author, publisher]", "tables: [book, publisher]", ["table author"]),
    ("x:book: {", "y:book: {", ["y:book"]),
    ("name: library", "nam: library", ["the file", "nam"]),
    ("root: x:library", "", ["the file", "root"]),
    ("name: library", "name: [", ["small.yml"]),
    ("namespaces: {x:", "namespaces: {xsl: u, x:", ["namespaces", "xsl"]),
    ("name: library", "name: library\nrules: none.sql", ["none.sql"]),
]


@pytest.mark.parametrize(("written", "instead", "told"), FAULTS, ids=[instead for _, instead, _ in FAULTS])
def test_a_fault_is_named_by_file_table_and_column(written: str, instead: str, told: list[str]) -> None:
    assert written in FULL
    with pytest.raises(WrongMapping) as raised:
        mapping_of(FULL.replace(written, instead))
    assert [part for part in ["small.yml", *told] if part not in str(raised.value)] == []


def test_a_name_that_is_no_mapping_tells_the_shipped_ones() -> None:
    with pytest.raises(WrongMapping, match=r"pubmd.*pubmed"):
        Mapping.load("pubmd")
