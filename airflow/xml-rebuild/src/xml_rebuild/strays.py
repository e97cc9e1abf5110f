"""Elements and text beside the records that the mapping does not know."""

from typing import Any

from lxml import etree

from xml_rebuild.mapping import Mapping

Name = tuple[str, str]


def stray(root: Any, names: tuple[Name, ...], mapping: Mapping) -> str | None:
    """The name of the first node below `root` that is neither ignored nor one of `names`, level by level."""
    ignored = frozenset(map(mapping.resolve, mapping.ignore))
    return _stray(root, names[1:], ignored)


def _stray(element: Any, inner: tuple[Name, ...], ignored: frozenset[Name]) -> str | None:
    if any(text and text.strip() for text in (element.text, *(child.tail for child in element))):
        return "#text"
    for child in element.iterchildren(etree.Element):
        name = etree.QName(child)
        resolved = (name.namespace or "", name.localname)
        if resolved in ignored:
            continue
        if not inner or resolved != inner[0]:
            return str(child.tag)
        found = _stray(child, inner[1:], ignored)
        if found is not None:
            return found
    return None
