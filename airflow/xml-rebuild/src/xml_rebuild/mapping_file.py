"""YAML → Mapping, with every fault named by file, table and column."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import fields, replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from lxml import etree

from xml_rebuild.errors import WrongMapping
from xml_rebuild.mapping import RECORD_NO, Column, ForeignKey, Mapping, Record, Table
from xml_rebuild.transforms import TRANSFORMS
from xml_rebuild.values import TYPES
from xml_rebuild.xpath import outer_positions, selects_nodes, with_positions

_STEP = "Correct the mapping."
_TOP = {"name", "root", "namespaces", "records", "rules", "tables", "ignore"}
_RECORD = {"key", "tables"}
_TABLE = {field.name for field in fields(Table)} - {"name"}
_COLUMN = {field.name for field in fields(Column)} - {"name"}
_LISTS_NODES = ("text[]",)
_RESERVED_PREFIXES = {"xsl", "str"}


def read(name_or_path: str | Path) -> Mapping:
    """The mapping of a shipped name or of a YAML file; raises WrongMapping."""
    file = _file(name_or_path)
    text = file.read_text(encoding="utf-8")
    try:
        form = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise WrongMapping("No YAML", str(file), "a YAML file", " ".join(str(error).split()), _STEP) from error
    return _Reader(file, text).mapping(form)


def _file(name_or_path: str | Path) -> Traversable:
    shipped = files("xml_rebuild") / "mappings" / f"{name_or_path}.yml"
    path = Path(name_or_path)
    if path.suffix not in (".yml", ".yaml") and shipped.is_file():
        return shipped
    if not path.is_file():
        folder = files("xml_rebuild") / "mappings"
        names = sorted(item.name[:-4] for item in folder.iterdir() if item.name.endswith(".yml"))
        expected = f"a YAML file or one of {', '.join(names)}"
        raise WrongMapping("No mapping", str(name_or_path), expected, "neither", "Correct the name.")
    return path


class _Reader:
    """Reads one file; knows where it is for the sake of messages."""

    def __init__(self, file: Traversable, text: str) -> None:
        self._file = file
        self._text = text
        self._where = str(file)
        self._namespaces: dict[str, str] = {}

    def mapping(self, form: Any) -> Mapping:
        top = self._members(form, _TOP, {"name", "root", "records", "tables"})
        self._namespaces = self._named_texts(top.get("namespaces"), "namespaces")
        self._check_prefixes([str(top["root"]), *self._dict(top["records"], "records")])
        records = tuple(self._record(tag, record) for tag, record in self._dict(top["records"], "records").items())
        by_table = {table: record for record in records for table in record.tables}
        named = self._dict(top["tables"], "tables")
        tables = {name: self._table(name, table, by_table) for name, table in named.items()}
        self._check_tables(records, tables)
        rules = self._rules(top.get("rules"))
        return Mapping(
            name=str(top["name"]),
            root=str(top["root"]),
            records=records,
            tables=tables,
            namespaces=self._namespaces,
            ignore=frozenset(self._texts(top.get("ignore"), "ignore")),
            rules=rules,
            fingerprint=hashlib.sha256(f"{self._text}\0{rules}".encode()).hexdigest(),
        )

    def _rules(self, name: Any) -> str | None:
        if name is None:
            return None
        path = Path(str(self._file)).parent / str(name)
        if not path.is_file():
            raise self._fault("No file of rules", "rules", "a file beside the mapping", str(path))
        return path.read_text(encoding="utf-8")

    def _record(self, tag: str, form: Any) -> Record:
        place = f"record {tag}"
        members = self._members(form or {}, _RECORD, {"tables"}, place)
        key = self._columns(members.get("key"), place, required=True)
        return Record(tag, key, self._texts(members["tables"], place))

    def _table(self, name: str, form: Any, by_table: dict[str, Record]) -> Table:
        place = f"table {name}"
        members = self._members(form, _TABLE, {"columns"}, place)
        if name not in by_table:
            raise self._fault("Table of no record", place, "its name in the tables of a record", "none")
        record = by_table[name]
        if members.get("record", record.tag) != record.tag:
            raise self._fault("Two records", place, f"the record {record.tag}", repr(members["record"]))
        rows = self._texts(members.get("rows"), place)
        distinct = self._texts(members.get("distinct"), place)
        table = Table(
            name=name,
            record=record.tag,
            key=record.key if members.get("key", not distinct) else (),
            columns=self._columns(members["columns"], place, levels=len(rows)),
            rows=rows,
            when=self._optional(members, "when"),
            primary_key=self._texts(members.get("primary_key"), place),
            foreign_keys=self._foreign_keys(members.get("foreign_keys"), place),
            indexes=tuple(self._texts(index, place) for index in members.get("indexes") or ()),
            distinct=distinct,
            published=bool(members.get("published", True)),
            comment=self._optional(members, "comment"),
        )
        self._check_paths(table, place)
        return _with_primary_key(table)

    def _columns(self, form: Any, place: str, required: bool = False, levels: int = 0) -> tuple[Column, ...]:
        named = self._dict(form or {}, place)
        return tuple(
            self._column(name, column, f"{place}, column {name}", required, levels) for name, column in named.items()
        )

    def _column(self, name: str, form: Any, place: str, required: bool, levels: int) -> Column:
        members = {"path": form} if isinstance(form, str) else self._members(form, _COLUMN, {"path"}, place)
        if members.get("default") is not None:
            members = {**members, "default": str(members["default"])}
        if "invalid" in members:
            members = {**members, "invalid": members["invalid"] or "null"}
        members = {**members, "path": str(members["path"]), "required": bool(members.get("required", required))}
        column = Column(name=name, **members)
        self._check_column(column, place, levels)
        return column

    def _check_column(self, column: Column, place: str, levels: int) -> None:
        if column.name == RECORD_NO:
            raise self._fault("Name in use", place, f"another name than {RECORD_NO}", column.name)
        self._check_choice(column.type, TYPES, "type", place)
        self._check_choice(column.invalid, ("reject", "null"), "invalid", place)
        if column.transform is not None:
            self._check_choice(column.transform, TRANSFORMS, "transform", place)
        nodes = self._check_path(column.path, place, levels)
        if not nodes and (column.type in _LISTS_NODES or column.transform == "join"):
            raise self._fault("Path of no nodes", place, "a path that finds elements or attributes", repr(column.path))
        if column.label is not None:
            self._check_path(column.label, place, levels)

    def _check_paths(self, table: Table, place: str) -> None:
        for level, path in enumerate(table.rows):
            if not self._check_path(path, f"{place}, rows", level):
                raise self._fault("Rows of no nodes", place, "a path that finds elements or attributes", repr(path))
        if table.when is not None:
            self._check_path(table.when, f"{place}, when", len(table.rows))

    def _check_path(self, path: str, place: str, levels: int) -> bool:
        missing = {level for level in outer_positions(path) if not 0 < level <= levels}
        if missing:
            found = f"position({min(missing)})"
            raise self._fault("Position of no level", place, f"position(1) to position({levels})", found)
        try:
            return selects_nodes(with_positions(path, levels), self._namespaces)
        except etree.XSLTError as error:
            raise self._fault("No XPath", place, "an XPath 1.0 expression", f"{path!r} ({error})") from error

    def _check_prefixes(self, names: Iterable[str]) -> None:
        reserved = _RESERVED_PREFIXES & set(self._namespaces)
        if reserved:
            raise self._fault("Prefix in use", "namespaces", "another prefix", min(reserved))
        for name in names:
            prefix = name.rpartition(":")[0]
            if prefix and prefix not in self._namespaces:
                raise self._fault("Unknown prefix", name, "a prefix of namespaces", repr(prefix))

    def _check_tables(self, records: tuple[Record, ...], tables: dict[str, Table]) -> None:
        for record in records:
            for name in record.tables:
                self._check_choice(name, tables, "table", f"record {record.tag}")
        for table in tables.values():
            self._check_references(table, tables)

    def _check_references(self, table: Table, tables: dict[str, Table]) -> None:
        place = f"table {table.name}"
        names = [column.name for column in table.all_columns]
        doubled = {name for name in names if names.count(name) > 1}
        if doubled:
            raise self._fault("Column twice", place, "each column once", min(doubled))
        keys = (key.columns for key in table.foreign_keys)
        for columns in (table.primary_key, table.distinct, *table.indexes, *keys):
            for column in columns:
                self._check_choice(column, names, "column", place)
        for key in table.foreign_keys:
            self._check_choice(key.parent, tables, "table", place)
            if len(key.columns) != len(tables[key.parent].primary_key):
                expected = f"as many columns as {key.parent}'s primary key"
                raise self._fault("Foreign key", place, expected, ", ".join(key.columns))

    def _check_choice(self, value: Any, choices: Collection[str], what: str, place: str) -> None:
        if value not in choices:
            raise self._fault(f"Unknown {what}", place, f"one of {', '.join(choices)}", repr(value))

    def _foreign_keys(self, form: Any, place: str) -> tuple[ForeignKey, ...]:
        named = self._named_texts(form, place)
        return tuple(
            ForeignKey(tuple(column.strip() for column in columns.split(",")), parent)
            for columns, parent in named.items()
        )

    def _members(self, form: Any, known: set[str], needed: set[str], place: str = "the file") -> dict[str, Any]:
        members = self._dict(form, place)
        for name in members:
            self._check_choice(name, sorted(known), "member", place)
        for name in sorted(needed - set(members)):
            raise self._fault("Missing member", place, name, ", ".join(members) or "none")
        return members

    def _dict(self, form: Any, place: str) -> dict[str, Any]:
        if not isinstance(form, dict):
            raise self._fault("Wrong form", place, "names with values", repr(form))
        for name in form:
            if not isinstance(name, str):
                raise self._fault("Wrong form", place, "names that are texts", f"{name!r}: put it in quotes")
        return form

    def _named_texts(self, form: Any, place: str) -> dict[str, str]:
        return {name: str(value) for name, value in self._dict(form or {}, place).items()}

    def _texts(self, form: Any, place: str) -> tuple[str, ...]:
        listed = [form] if isinstance(form, str) else form or []
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise self._fault("Wrong form", place, "a list of names", repr(form))
        return tuple(listed)

    def _optional(self, members: dict[str, Any], name: str) -> str | None:
        return None if members.get(name) is None else str(members[name])

    def _fault(self, what: str, place: str, expected: str, found: str) -> WrongMapping:
        return WrongMapping(what, f"{self._where}: {place}", expected, found, _STEP)


def _with_primary_key(table: Table) -> Table:
    if table.primary_key or not (table.key or table.distinct):
        return table
    names = tuple(column.name for column in table.key)
    if table.rows and any(column.name == "position" for column in table.columns):
        names = (*names, "position")
    return replace(table, primary_key=table.distinct or names)
