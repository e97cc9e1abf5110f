"""The example of the library's README.md: its mapping makes of its document the tables that it shows."""

import re
from pathlib import Path

import pytest
from copied_rows import Rows

import xml_rebuild
from xml_rebuild.mapping import Mapping

README = (Path(xml_rebuild.__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert match is not None
    return match[1]


def shown(table: str) -> list[dict[str, str]]:
    """The rows of the README's table whose first heading begins with the table's name."""
    match = re.search(rf"^\| {table}\.(.*?)\n\n", README, re.DOTALL | re.MULTILINE)
    assert match is not None
    heading, _, *rows = ([cell.strip() for cell in line.split("|")] for line in f"| {match[1]}".splitlines())
    return [dict(zip(heading[1:-1], row[1:-1], strict=True)) for row in rows]


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    path = tmp_path / "library.yml"
    path.write_text(block("yaml"), encoding="utf-8")
    return Rows(block("xml").encode(), Mapping.load(path))


@pytest.mark.parametrize("table", ["book", "author"])
def test_the_example_gives_the_tables_that_it_shows(rows: Rows, table: str) -> None:
    found = [{name: str(value or "") for name, value in row.items()} for row in rows.tables[table]]
    assert [{name: value for name, value in row.items() if name != "record_no"} for row in found] == shown(table)


def test_the_example_is_as_short_as_it_says(rows: Rows) -> None:
    assert len(block("yaml").splitlines()) <= 10
    assert (rows.records, rows.rejected) == (2, [])
