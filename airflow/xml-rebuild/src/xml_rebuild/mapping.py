"""What becomes of the records: the mapping as data, whatever file it was read from."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

#: The column that every staging table starts with and that `finish` drops: the record's place in the load order.
RECORD_NO = "record_no"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: an XPath from the row's node, and what its string value becomes.

    `invalid` says what a value that is not of the column's type does: "reject" the record, or become "null".
    `separator` and `label` (an XPath from each node) are for the transform `join`.
    """

    name: str
    path: str
    type: str = "text"
    transform: str | None = None
    separator: str = ""
    label: str | None = None
    default: str | None = None
    required: bool = False
    invalid: str = "reject"
    strip: bool = True
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`columns` of a table hold the primary key of `parent`."""

    columns: tuple[str, ...]
    parent: str


@dataclass(frozen=True, slots=True)
class Record:
    """The element that one record is, the columns that its tables start with, and the names of these tables."""

    tag: str
    key: tuple[Column, ...]
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    `rows` are the nested steps from the record to the row's node; none means one row a record. `when` is an XPath that
    must hold on that node. `distinct` names the columns of which the last row in record order stays. `key` is the
    record's, or empty where the table has none. A table that is not `published` is there for the rules only.
    """

    name: str
    record: str
    key: tuple[Column, ...]
    columns: tuple[Column, ...]
    rows: tuple[str, ...] = ()
    when: str | None = None
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    distinct: tuple[str, ...] = ()
    published: bool = True
    comment: str | None = None

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """The columns in the order of the table and of COPY's cells, without RECORD_NO."""
        return (*self.key, *self.columns)

    @property
    def copy_columns(self) -> tuple[str, ...]:
        """The names of the columns in the order of COPY's cells, RECORD_NO first."""
        return (RECORD_NO, *(column.name for column in self.all_columns))

    @property
    def nullable(self) -> tuple[str, ...]:
        """The columns in which an empty cell is NULL: what COPY's FORCE_NULL has to name."""
        return tuple(column.name for column in self.all_columns)

    def column(self, name: str) -> Column:
        """The column of this name, or KeyError."""
        return {column.name: column for column in self.all_columns}[name]


@dataclass(frozen=True)
class Mapping:
    """All records and tables of one kind of document. `fingerprint` changes whenever the mapping's text does."""

    name: str
    root: str
    records: tuple[Record, ...]
    tables: dict[str, Table]
    namespaces: dict[str, str] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()
    rules: str | None = None
    fingerprint: str = ""

    @staticmethod
    def load(name_or_path: str | Path) -> "Mapping":
        """The mapping of a shipped name ("pubmed") or of a YAML file.

        Raises WrongMapping, naming the file, the table and the column.
        """
        from xml_rebuild.mapping_file import read

        return read(name_or_path)

    @cached_property
    def record_tags(self) -> tuple[str, ...]:
        """The record elements' names, in the order of the mapping."""
        return tuple(record.tag for record in self.records)

    def resolve(self, name: str) -> tuple[str, str]:
        """Namespace and local name of an element as the mapping writes it; no prefix means no namespace."""
        prefix, _, local = name.rpartition(":")
        return (self.namespaces[prefix] if prefix else ""), local
