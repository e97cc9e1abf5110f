"""Runs a mapping's stylesheets over documents; for one thread."""

from lxml import etree

from xml_rebuild.layout import SECTION
from xml_rebuild.mapping import Mapping, Record
from xml_rebuild.prolog import Prolog
from xml_rebuild.stylesheet import around, compiled

_LARGE = 8 * 2**20


class Engine:
    """Parses chunks and transforms them, with stylesheets made when they are first needed."""

    def __init__(self, mapping: Mapping, prolog: Prolog) -> None:
        self._mapping = mapping
        self._names = prolog.names()
        self._parser = _parser(large=False)
        self._large = _parser(large=True)
        inside = around(self._names)
        self._present = [
            (record, etree.XPath(f"boolean({inside}/{record.tag})", namespaces=dict(mapping.namespaces) or None))
            for record in mapping.records
        ]
        self._stylesheets: dict[tuple[str, ...], etree.XSLT] = {}

    def run(self, document: bytes, base: str, carriage_return: str = "") -> tuple[tuple[Record, ...], list[bytes]]:
        """The kinds of records in a document, and its sections; raises etree.XMLSyntaxError."""
        tree = self.parsed(document)
        present = tuple(record for record, is_there in self._present if is_there(tree))
        stylesheet = self._stylesheet(present or self._mapping.records[:1])
        lines = bytes(stylesheet(tree, base=f"'{base}'", cr=f"'{carriage_return}'"))
        return present, lines.split(SECTION.encode())

    def parsed(self, document: bytes) -> etree._Element:
        """The tree of a document; raises etree.XMLSyntaxError."""
        return etree.fromstring(document, self._large if len(document) > _LARGE else self._parser)

    def _stylesheet(self, present: tuple[Record, ...]) -> etree.XSLT:
        key = tuple(record.tag for record in present)
        if key not in self._stylesheets:
            self._stylesheets[key] = compiled(self._mapping, self._names, present)
        return self._stylesheets[key]


def _parser(large: bool) -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, collect_ids=False, huge_tree=large)
