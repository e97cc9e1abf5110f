"""What can be told of a mapping's XPath expressions before any document is read."""

import re
from collections.abc import Mapping as Namespaces
from functools import cache
from xml.sax.saxutils import quoteattr

from lxml import etree

_DOWN = re.compile(r"(?:[^\W\d][\w.-]*(?::[^\W\d][\w.-]*)?/)+")
_OUTER_POSITION = re.compile(r"\bposition\(\s*(\d+)\s*\)")
_COUNT = re.compile(r"position\(\d*\)|\$position\d+|count\([^()]*\)")
#: No expression of a mapping reads or writes anything but the document.
NO_ACCESS = etree.XSLTAccessControl(  # type: ignore[call-arg]
    read_file=False, write_file=False, create_dir=False, read_network=False, write_network=False
)
_LEVELS = 10
_SAMPLE = etree.fromstring("<a><b/></a>")


def beginnings(path: str) -> list[str]:
    """What goes down by name at the expression's beginning, from the first step on: `a` and `a/b` of `a/b/c[1]`."""
    down = _DOWN.match(path)
    steps = down[0].split("/")[:-1] if down else []
    return ["/".join(steps[:count]) for count in range(1, len(steps) + 1)]


def is_count(path: str) -> bool:
    """Whether the expression can only be a whole number of at most nine digits."""
    return _COUNT.fullmatch(path) is not None


def outer_positions(path: str) -> set[int]:
    """The levels whose position the expression asks for with `position(level)`."""
    return {int(level) for level in _OUTER_POSITION.findall(path)}


def with_positions(path: str, levels: int) -> str:
    """The expression with `position(level)` as XSLT has it; the last of `levels` is the row's own."""
    return _OUTER_POSITION.sub(lambda m: "position()" if int(m[1]) == levels else f"$position{m[1]}", path)


def selects_nodes(path: str, namespaces: Namespaces[str, str]) -> bool:
    """Whether the expression's value is nodes, not a text, a number or true/false.

    Raises lxml.etree.XSLTError when it is no XPath expression.
    """
    return _selects_nodes(path, tuple(sorted(namespaces.items())))


@cache
def _selects_nodes(path: str, namespaces: tuple[tuple[str, str], ...]) -> bool:
    _evaluated(f"string({path})", namespaces)
    try:
        _evaluated(f"count({path})", namespaces)
    except etree.XSLTError:
        return False
    return True


def _evaluated(expression: str, namespaces: tuple[tuple[str, str], ...]) -> None:
    declared = "".join(f" xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in namespaces)
    variables = "".join(f'<xsl:variable name="position{level}" select="1"/>' for level in range(1, _LEVELS))
    stylesheet = (
        f'<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"{declared}>'
        f'<xsl:template match="/*">{variables}<xsl:value-of select={quoteattr(expression)}/></xsl:template>'
        "</xsl:stylesheet>"
    )
    etree.XSLT(etree.fromstring(stylesheet.encode()), access_control=NO_ACCESS)(_SAMPLE)
