"""What a mapping makes of a document, read back from the COPY text as Postgres would read it."""

import csv
import io
from datetime import date
from typing import Any

from xml_rebuild.document import Document
from xml_rebuild.extract import QUOTE, Extractor, Rejected
from xml_rebuild.mapping import Column, Mapping

Row = dict[str, Any]


class Rows:
    """All rows of a document by table, and its rejected records; the same, to the byte, by both engines."""

    def __init__(self, content: bytes, mapping: Mapping, size: int = 2**20) -> None:
        self.mapping = mapping
        self.records = 0
        self.rejected: list[Rejected] = []
        self.tables: dict[str, list[Row]] = {table: [] for table in mapping.tables}
        document = Document([content], mapping, "made.xml", size=size)
        extractor, reference = Extractor(mapping), Extractor(mapping, native=False)
        for chunk in document:
            extracted = extractor.extract(document.prolog, chunk, f"{chunk.number:06}")
            assert extracted == reference.extract(document.prolog, chunk, f"{chunk.number:06}")
            self.records += extracted.records
            self.rejected += extracted.rejected
            for table, copied in extracted.copies.items():
                rows = copied_rows(copied, mapping, table)
                assert len(rows) == extracted.rows[table]
                self.tables[table] += rows

    def plain(self, table: str) -> list[tuple[Any, ...]]:
        """The rows of a table as tuples, without record_no."""
        return [tuple(row.values())[1:] for row in self.tables[table]]


def copied_rows(copied: bytes, mapping: Mapping, table: str) -> list[Row]:
    """The rows of one table from its COPY text."""
    columns = mapping.tables[table].all_columns
    text = io.StringIO(copied.decode(), newline="")
    rows = []
    for number, *cells in csv.reader(text, quotechar=QUOTE, strict=True):
        values = (_value(column, cell) for column, cell in zip(columns, cells, strict=True))
        rows.append({"record_no": int(number), **dict(zip((column.name for column in columns), values, strict=True))})
    return rows


def _value(column: Column, cell: str) -> Any:
    if cell == "":
        return None
    if column.type in ("integer", "bigint"):
        return int(cell)
    if column.type == "boolean":
        return {"true": True, "false": False}[cell]
    if column.type == "date":
        return date.fromisoformat(cell)
    if column.type == "text[]":
        return _array(cell)
    return cell


def _array(cell: str) -> list[str | None]:
    assert cell[0] == "{" and cell[-1] == "}", cell
    items = csv.reader([cell[1:-1]], quotechar='"', escapechar="\\", doublequote=False) if cell != "{}" else [[]]
    return [item or None for row in items for item in row]
