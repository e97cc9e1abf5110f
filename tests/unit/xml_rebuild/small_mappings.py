"""Mappings that a test writes down beside what it expects of them."""

import tempfile
from pathlib import Path

from xml_rebuild.mapping import Mapping


def mapping_of(text: str) -> Mapping:
    """The mapping that a YAML file of this text is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.yml"
        path.write_text(text, encoding="utf-8")
        return Mapping.load(path)


def one_column(path: str, options: str = "", more: str = "") -> Mapping:
    """A mapping of `r` below `set` with a table `t` of one column `c`; `more` are members of the file."""
    return mapping_of(
        f"name: small\nroot: set\n{more}records: {{r: {{tables: [t]}}}}\n"
        f'tables: {{t: {{columns: {{c: {{path: "{path}"{options and ", "}{options}}}}}}}}}\n'
    )


ITEMS = mapping_of(
    """
name: items
root: set
records:
  r: {key: {id: {path: "@id", type: integer}}, tables: [item, part]}
tables:
  item:
    columns: {name: name, note: note}
  part:
    rows: [part]
    columns: {position: {path: position(), type: integer}, size: "@size", value: .}
"""
)
