"""What a column's `transform` makes of its path: fragments of XSLT 1.0 that write one cell's text.

| name | of | writes |
| --- | --- | --- |
| date | an element with children Year, Month and Day (in any case and namespace), or an ISO date | YYYY-MM-DD |
| year | a text | its first four digits that stand together, or nothing |
| month | an English month's name or its first three letters, or 1 to 12 | 1 to 12, or nothing |
| day | a text | 1 to 31, or nothing |
| boolean | y, yes, true, 1, n, no, false or 0, in any case | true or false, or nothing when empty |
| orcid | an ORCID iD in any of its spellings | 0000-0000-0000-000X; what has another shape stays as written |
| join | several nodes | the texts that are not empty, `separator` between them, each led by "`label`: " if it has one |
| lower, upper | a text | its ASCII letters in that case |
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from xml.sax.saxutils import escape, quoteattr

from xml_rebuild.mapping import Column

#: In a cell, two ends of texts that white space is taken from: nothing, once it was.
EDGE = "\x7f\r\x7f"
#: In a cell, at either end of a text that keeps its white space.
KEEP = ";\r;"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_UPPER = _LOWER.upper()
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
#: White space that XPath itself does not know; the stylesheet's variable `spaces` has a CR's substitute as well.
SPACES = (
    "\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
_ORCID_SHAPES = "|".join(f"9999{a}9999{b}9999{c}9999" for a, b, c in product(("-", ""), repeat=3))


@dataclass(frozen=True, slots=True)
class Cell:
    """The column whose text is to be written, and a name for variables that no other cell has."""

    column: Column
    path: str
    nodes: bool
    variable: str


def value_of(expression: str) -> str:
    """Writes the expression's string value."""
    return f"<xsl:value-of select={quoteattr(expression)}/>"


def literal(text: str) -> str:
    """Writes `text`."""
    return f"<xsl:text>{escape(text, {chr(13): '&#13;'})}</xsl:text>"


def variable(name: str, expression: str) -> str:
    """Defines `name`, which must be new."""
    return f'<xsl:variable name="{name}" select={quoteattr(expression)}/>'


def when(test: str, content: str) -> str:
    """Writes `content` where `test` holds."""
    return f"<xsl:if test={quoteattr(test)}>{content}</xsl:if>"


def choose(*cases: tuple[str, str], otherwise: str = "") -> str:
    """Writes the content of the first case whose test holds."""
    tested = "".join(f"<xsl:when test={quoteattr(test)}>{content}</xsl:when>" for test, content in cases)
    return f"<xsl:choose>{tested}<xsl:otherwise>{otherwise}</xsl:otherwise></xsl:choose>"


def for_each(nodes: str, content: str) -> str:
    """Writes `content` for every node."""
    return f"<xsl:for-each select={quoteattr(nodes)}>{content}</xsl:for-each>"


def normal(expression: str) -> str:
    """The expression's text with single spaces between words and none around; empty if there is only white space."""
    return f"normalize-space(translate({expression}, $spaces, '{' ' * (len(SPACES) + 1)}'))"


def _plain(cell: Cell) -> str:
    return value_of(cell.path)


def _with_text(cell: Cell, content: Callable[[str], str]) -> str:
    """`content` of a variable that holds the text, if there is any: most often there is none, and nothing is tried."""
    name = f"${cell.variable}"
    if cell.nodes:
        return for_each(f"({cell.path})[1]", variable(cell.variable, normal(".")) + content(name))
    return variable(cell.variable, normal(cell.path)) + when(name, content(name))


def _date(cell: Cell) -> str:
    if not cell.nodes:
        return _plain(cell)
    lower = f"translate(local-name(), '{_UPPER}', '{_LOWER}')"
    usual = "-".join(value_of(part) for part in ("Year", "Month", "Day"))
    other = "-".join(value_of(f"*[{lower} = '{part}']") for part in ("year", "month", "day"))
    return for_each(f"({cell.path})[1]", choose(("Year", usual), ("*", other), otherwise=value_of(".")))


def _year(cell: Cell) -> str:
    def content(name: str) -> str:
        zeros = f"translate({name}, '123456789', '000000000')"
        start = f"string-length(substring-before({zeros}, '0000')) + 1"
        first = when(f"contains({zeros}, '0000')", value_of(f"substring({name}, {start}, 4)"))
        return choose((f"{zeros} = '0000'", value_of(name)), otherwise=first)

    return _with_text(cell, content)


def _looked_up(key: str, values: dict[str, int]) -> str:
    """Writes the value of `key`, or nothing."""
    table = "|" + "".join(f"{known}={value}|" for known, value in values.items())
    return value_of(f"substring-before(substring-after('{table}', concat('|', {key}, '=')), '|')")


def _day(cell: Cell) -> str:
    return _looked_up(f"translate({normal(cell.path)}, '|=', '')", _numbers(31))


def _month(cell: Cell) -> str:
    names = {name: number for number, name in enumerate(_MONTHS, start=1)}
    key = f"translate(substring({normal(cell.path)}, 1, 3), '{_UPPER}|=', '{_LOWER}')"
    return _looked_up(key, names | _numbers(12))


def _numbers(largest: int) -> dict[str, int]:
    return {text: number for number in range(1, largest + 1) for text in (str(number), f"{number:02}")}


def _boolean(cell: Cell) -> str:
    def content(name: str) -> str:
        word = f"concat('|', translate({name}, '{_UPPER}', '{_LOWER}'), '|')"
        yes, no = (f"contains('{words}', {word})" for words in ("|y|yes|true|1|", "|n|no|false|0|"))
        return choose((yes, literal("true")), (no, literal("false")), otherwise=value_of(name))

    return _with_text(cell, content)


def _orcid(cell: Cell) -> str:
    def content(name: str) -> str:
        end = f"substring-after({name}, 'orcid.org/')"
        secure, plain = (f"starts-with({name}, '{scheme}://orcid.org/')" for scheme in ("https", "http"))
        return choose((f"{secure} or {plain}", _canonical_orcid(end, name)), otherwise=_canonical_orcid(name, name))

    return _with_text(cell, content)


def _canonical_orcid(text: str, written: str) -> str:
    digits = f"translate({text}, '-', '')"
    shape = f"concat('|', translate({text}, '0123456789X', '99999999999'), '|')"
    right = f"contains('|{_ORCID_SHAPES}|', {shape}) and not(contains(substring({digits}, 1, 15), 'X'))"
    parts = ", '-', ".join(f"substring({digits}, {start}, 4)" for start in (1, 5, 9, 13))
    return choose((right, value_of(f"concat({parts})")), otherwise=value_of(written))


def _join(cell: Cell) -> str:
    label = cell.column.label
    led = when(f"{label} != ''", value_of(label) + literal(f": {KEEP}{EDGE}")) if label else ""
    between = when("position() > 1", literal(EDGE + KEEP + cell.column.separator + KEEP + EDGE))
    # Most texts show in their first characters that they are not empty; the whole one may be long.
    is_text = f". != '' and ({normal('substring(., 1, 9)')} or {normal('.')})"
    return for_each(f"({cell.path})[{is_text}]", between + led + value_of("."))


def _lower(cell: Cell) -> str:
    return value_of(f"translate({cell.path}, '{_UPPER}', '{_LOWER}')")


def _upper(cell: Cell) -> str:
    return value_of(f"translate({cell.path}, '{_LOWER}', '{_UPPER}')")


TRANSFORMS: dict[str, Callable[[Cell], str]] = {
    "date": _date,
    "year": _year,
    "month": _month,
    "day": _day,
    "boolean": _boolean,
    "orcid": _orcid,
    "join": _join,
    "lower": _lower,
    "upper": _upper,
}
#: Those that write a number which fits every type, or nothing.
NUMBERS = frozenset({"year", "month", "day"})


def array(cell: Cell) -> str:
    """Writes the nodes' texts as an array in Postgres' notation."""
    marks = f"contains(., {_quoted(chr(92))}) or contains(., {_quoted(chr(34))})"
    escaped = "str:replace(str:replace(., '\\', '\\\\'), '\"', '\\\"')"
    item = choose((marks, value_of(escaped)), otherwise=value_of("."))
    between = when("position() > 1", literal(","))
    items = for_each(cell.path, between + literal('"' + EDGE) + item + literal(EDGE + '"'))
    return literal("{") + items + literal("}")


def _quoted(text: str) -> str:
    return f'"{text}"' if text != '"' else f"'{text}'"


def written(cell: Cell) -> str:
    """What writes the cell's text, without the marks around it."""
    if cell.column.type == "text[]":
        return array(cell)
    if cell.column.transform is not None:
        return TRANSFORMS[cell.column.transform](cell)
    if cell.column.type == "boolean":
        return value_of(f"boolean({cell.path})")
    return _plain(cell)
