"""A mapping as one XSLT 1.0 stylesheet, which libxslt runs without the interpreter lock."""

from collections import Counter
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import quoteattr

from lxml import etree

from xml_rebuild.layout import QUOTE, SECTION, is_bare
from xml_rebuild.mapping import Column, Mapping, Record, Table
from xml_rebuild.transforms import (
    KEEP,
    SPACES,
    Cell,
    choose,
    for_each,
    literal,
    normal,
    value_of,
    variable,
    when,
    written,
)
from xml_rebuild.xpath import NO_ACCESS, beginnings, outer_positions, selects_nodes, with_positions

_XSL = "http://www.w3.org/1999/XSL/Transform"
_STRINGS = "http://exslt.org/strings"


Name = tuple[str, str]


def compiled(mapping: Mapping, names: tuple[Name, ...], present: tuple[Record, ...]) -> etree.XSLT:
    """The stylesheet for documents that hold no other records than `present`.

    Its parameters are `base`, what every record's number begins with, and `cr`, what stands for a CR.
    `names` are namespace and local name of each element around the records, the root first.
    """
    text = _Writer(mapping, names, present).stylesheet()
    return etree.XSLT(etree.fromstring(text.encode()), access_control=NO_ACCESS)


def sections(mapping: Mapping, record: Record) -> tuple[Table, ...]:
    """The tables whose lines follow a record's keys, in this order."""
    return tuple(mapping.tables[name] for name in record.tables)


class _Writer:
    """Writes one stylesheet; every variable in it has a name of its own."""

    def __init__(self, mapping: Mapping, names: tuple[Name, ...], present: tuple[Record, ...]) -> None:
        self._mapping = mapping
        self._names = names
        self._present = present
        self._variables = 0

    def stylesheet(self) -> str:
        namespaces = {**self._mapping.namespaces, "xsl": _XSL, "str": _STRINGS}
        declared = " ".join(f"xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in namespaces.items())
        spaces = f"concat('{SPACES}', $cr)"
        return (
            f'<xsl:stylesheet version="1.0" {declared}><xsl:output method="text" encoding="UTF-8"/>'
            f'<xsl:param name="base"/><xsl:param name="cr"/>{variable("spaces", spaces)}'
            f'<xsl:template match="/">{self._records()}{self._strays()}</xsl:template></xsl:stylesheet>'
        )

    def _records(self) -> str:
        inside = around(self._names)
        tags = " | ".join(f"{inside}/{record.tag}" for record in self._present)
        if len(self._present) == 1:
            return for_each(tags, self._record(self._present[0]))
        return for_each(
            tags, choose(*((f"self::{record.tag}", self._among_others(record)) for record in self._present))
        )

    def _among_others(self, record: Record) -> str:
        """What is written of `record`, with the sections of the others empty."""
        return "".join(
            self._record(other) if other is record else literal(SECTION * (1 + len(other.tables)))
            for other in self._present
        )

    def _record(self, record: Record) -> str:
        tables = sections(self._mapping, record)
        shared = _Shared((path for table in tables for path in _from_record(table)), self)
        number = "concat($base, format-number(position(), '000000'))"
        keys = "".join(self._key(column, shared) for column in record.key)
        names = [f"$key_{column.name}" for column in record.key]
        head = "concat($record_no, ',', " + ", ',', ".join(f"'{QUOTE}', {name}, '{QUOTE}'" for name in names) + ")"
        return (
            shared.variables
            + variable("record_no", number)
            + keys
            + (variable("head", head) if names else "")
            + value_of("$head" if names else "$record_no")
            + literal("\r" + SECTION)
            + "".join(self._table(table, shared) + literal(SECTION) for table in tables)
        )

    def _key(self, column: Column, shared: "_Shared") -> str:
        name = f"key_{column.name}"
        if column.transform is None and column.default is None and column.type != "text[]":
            return variable(name, f"string({shared.path(column.path)})")
        content = self._text(column, shared.path(column.path), 0)
        return f'<xsl:variable name="{name}_text">{content}</xsl:variable>' + variable(name, f"string(${name}_text)")

    def _table(self, table: Table, shared: "_Shared") -> str:
        outer = shared
        if table.rows:
            shared = _Shared((column.path for column in table.columns), self)
        head = "$head" if table.key else "$record_no"
        cells = (literal(",") + self._cell(column, shared, len(table.rows)) for column in table.columns)
        row = (shared.variables if table.rows else "") + value_of(head) + "".join(cells) + literal("\r")
        if table.when is not None:
            row = when(shared.path(with_positions(table.when, len(table.rows))), row)
        return self._nested(table, row, outer)

    def _nested(self, table: Table, row: str, shared: "_Shared") -> str:
        asked = set().union(*(outer_positions(text) for text in _expressions(table)))
        for level in range(len(table.rows), 0, -1):
            if level in asked and level < len(table.rows):
                row = variable(f"position{level}", "position()") + row
            path = with_positions(table.rows[level - 1], level - 1)
            row = for_each(shared.path(path) if level == 1 else path, row)
        return row

    def _cell(self, column: Column, shared: "_Shared", levels: int) -> str:
        text = self._text(column, shared.path(with_positions(column.path, levels)), levels)
        if is_bare(column):
            return text
        kept = literal("" if column.strip else KEEP)
        return literal(QUOTE) + kept + text + kept + literal(QUOTE)

    def _text(self, column: Column, path: str, levels: int) -> str:
        nodes = selects_nodes(with_positions(column.path, levels), self._mapping.namespaces)
        text = written(Cell(column, path, nodes, self.fresh()))
        if column.default is None:
            return text
        name = self.fresh()
        content = f'<xsl:variable name="{name}">{text}</xsl:variable>'
        if column.transform is None and column.type != "text[]":
            content = variable(name, f"string({path})")
        return content + choose((normal(f"${name}"), value_of(f"${name}")), otherwise=literal(column.default))

    def fresh(self) -> str:
        """A name that no other variable has."""
        self._variables += 1
        return f"v{self._variables}"

    def _strays(self) -> str:
        levels = range(1, len(self._names) + 1)
        return "".join(self._strays_at(level) for level in levels) + literal(SECTION)

    def _strays_at(self, level: int) -> str:
        inside = around(self._names[:level])
        allowed = [*(_is_named(self._mapping.resolve(name)) for name in sorted(self._mapping.ignore))]
        if level < len(self._names):
            allowed.append(_is_named(self._names[level]))
        else:
            allowed += [f"self::{record.tag}" for record in self._mapping.records]
        elements = f"{inside}/*[not({' or '.join(allowed)})]"
        texts = f"{inside}/text()[normalize-space()]"
        return for_each(elements, value_of("name()") + literal("\r")) + for_each(texts, literal("#text\r"))


class _Shared:
    """Paths that several expressions begin with, found once."""

    def __init__(self, paths: Iterable[str], writer: _Writer) -> None:
        begun = Counter(beginning for path in paths for beginning in beginnings(path))
        self._names: dict[str, str] = {}
        self.variables = ""
        for beginning in sorted(begun, key=lambda beginning: beginning.count("/")):
            longer = (begun[other] for other in begun if other.startswith(f"{beginning}/"))
            if begun[beginning] > max(1, *longer, 1):
                self._define(beginning, writer.fresh())

    def _define(self, beginning: str, name: str) -> None:
        self.variables += variable(name, self.path(beginning))
        self._names[beginning] = f"${name}"

    def path(self, path: str) -> str:
        """The path, from the longest of the shared ones."""
        for beginning in reversed([*beginnings(path), path]):
            if beginning in self._names:
                return self._names[beginning] + path[len(beginning) :]
        return path


def _from_record(table: Table) -> Iterator[str]:
    """The expressions that are evaluated at the record itself."""
    if table.rows:
        yield table.rows[0]
    else:
        yield from (column.path for column in table.columns)
        yield from () if table.when is None else (table.when,)


def _expressions(table: Table) -> Iterator[str]:
    yield from table.rows
    yield from (column.path for column in table.columns)
    yield from (column.label for column in table.columns if column.label is not None)
    if table.when is not None:
        yield table.when


def around(names: tuple[Name, ...]) -> str:
    """The path to the elements around the records; that the root is one of them is known."""
    return "/*" + "".join(f"/*[{_is_named(name)}]" for name in names[1:])


def _is_named(name: tuple[str, str]) -> str:
    uri, local = name
    return f"(local-name() = '{local}' and namespace-uri() = '{uri}')"
