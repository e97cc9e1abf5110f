"""Random documents, cut into chunks of any size, give the rows that ElementTree gives without this library."""

import os
import random
import xml.etree.ElementTree as ElementTree
from typing import Any
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

import pytest
from copied_rows import Rows
from small_mappings import mapping_of

from xml_rebuild.document import Document, boundaries

SEED = int(os.environ.get("XML_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
MAPPING = mapping_of(
    """
name: random
root: root
ignore: [skip]
records:
  rec: {key: {id: {path: "@id", type: integer}}, tables: [main, child, leaf]}
  gone: {tables: [gone]}
tables:
  main:
    columns:
      title: a/title
      kind: {path: "@kind", default: none}
      number: {path: a/number, type: integer, invalid: "null"}
      texts: {path: a/b/text, transform: join, separator: "; "}
      tags: {path: a/tag, type: "text[]"}
      has_b: {path: a/b, type: boolean}
      kept: {path: a/title, strip: false}
  child:
    rows: a/b
    columns: {position: {path: position(), type: integer}, name: "@name", text: text, whole: .}
  leaf:
    rows: [a/b, text]
    primary_key: [id, b, position]
    columns: {b: {path: position(1), type: integer}, position: {path: position(), type: integer}, text: .}
  gone:
    columns: {id: {path: "@id", type: integer, required: true}}
"""
)
_PIECES = [
    "",
    " ",
    "\n",
    "a",
    "Zoë",
    "漢",
    "\u00a0",
    "x y",
    "&",
    "<",
    '"',
    "\\",
    "\x7f",
    "\r",
    "]]",
    "rec>",
    "</rec>",
    "\U0001f9ea",
    ",",
]


class Writer:
    """Writes one document, in whichever of XML's ways."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._ids = 0

    def document(self) -> str:
        records = "".join(self._record() + self._between() for _ in range(self._random.randrange(1, 40)))
        head = self._random.choice(
            ["", '<?xml version="1.0"?>\n', "<!-- <rec> -->", "<!DOCTYPE root [<!ELEMENT root ANY>]>"]
        )
        tail = self._random.choice(["", "\n", "<!-- rec -->"])
        return f"{head}<root{self._space()}>{self._between()}{records}</root{self._space()}>{tail}"

    def _between(self) -> str:
        return self._random.choice(
            ["", "\n", "  ", "<!-- </rec> <rec> -->", "<?x </rec>?>", "<skip><a/> text</skip>", "<skip/>"]
        )

    def _space(self) -> str:
        return self._random.choice(["", "", "", " ", "\n"])

    def _record(self) -> str:
        self._ids += 1
        identity = f'{self._space()} id="{self._ids}"{self._space()}'
        if self._random.random() < 0.1:
            return self._random.choice([f"<gone{identity}/>", f"<gone{identity}></gone{self._space()}>"])
        kind = f" kind={quoteattr(self._text())}" if self._random.random() < 0.5 else ""
        if self._random.random() < 0.1:
            return f"<rec{identity}{kind}/>"
        return f"<rec{identity}{kind}>{self._some(self._a)}</rec{self._space()}>"

    def _a(self) -> str:
        parts = [
            *(f"<title>{self._mixed()}</title>" for _ in range(self._random.choice([0, 1, 1, 2]))),
            *(
                f"<number>{self._random.choice(['1', ' 2 ', '-3', 'x', '', '99999999999', '1.5'])}</number>"
                for _ in range(self._random.choice([0, 1]))
            ),
            *(f"<tag>{self._mixed()}</tag>" for _ in range(self._random.randrange(4))),
            *(
                f"<b name={quoteattr(self._text())}>{self._some(lambda: f'<text>{self._mixed()}</text>')}</b>"
                for _ in range(self._random.randrange(3))
            ),
        ]
        self._random.shuffle(parts)
        return f"<a>{''.join(part + self._random.choice(['', chr(10)]) for part in parts)}</a>"

    def _some(self, write: Any) -> str:
        return "".join(write() for _ in range(self._random.choice([0, 1, 1, 2, 3])))

    def _mixed(self) -> str:
        return "".join(
            self._random.choice(["{}", "<i>{}</i>", "{}<!-- </rec> -->", "<u/>{}", "<?y ?>{}"]).format(self._written())
            for _ in range(self._random.randrange(4))
        )

    def _text(self) -> str:
        return "".join(self._random.choice(_PIECES) for _ in range(self._random.randrange(5))).replace("\r", "")

    def _written(self) -> str:
        text = "".join(self._random.choice(_PIECES) for _ in range(self._random.randrange(5)))
        if "\r" not in text and "]]" not in text and self._random.random() < 0.2:
            return f"<![CDATA[{text}]]>"
        if self._random.random() < 0.1:
            return "".join(f"&#{ord(character)};" for character in text)
        return escape(text).replace("\r", "&#xD;")


def said(element: Element | None) -> str | None:
    return ("".join(element.itertext()).strip() or None) if element is not None else None


def number_of(text: str | None) -> int | None:
    try:
        number = int(text or "")
    except ValueError:
        return None
    return number if abs(number) < 2**31 else None


class Oracle:
    """The rows as ElementTree reads them."""

    def __init__(self, content: str) -> None:
        self.tables: dict[str, list[tuple[Any, ...]]] = {"main": [], "child": [], "leaf": [], "gone": []}
        for element in ElementTree.fromstring(content.encode()):
            if element.tag == "rec":
                self._record(int(element.attrib["id"]), element)
            elif element.tag == "gone":
                self.tables["gone"].append((int(element.attrib["id"]),))

    def _record(self, identity: int, record: Element) -> None:
        children = record.findall("a/b")
        title = record.find("a/title")
        texts = [text for text in map(said, record.findall("a/b/text")) if text]
        self.tables["main"].append(
            (
                identity,
                said(title),
                (record.get("kind") or "").strip() or "none",
                number_of(said(record.find("a/number"))),
                "; ".join(texts) or None,
                [said(tag) for tag in record.findall("a/tag")],
                bool(children),
                ("".join(title.itertext()) or None) if title is not None else None,
            )
        )
        for position, child in enumerate(children, start=1):
            name = (child.get("name") or "").strip() or None
            self.tables["child"].append((identity, position, name, said(child.find("text")), said(child)))
            for inner, text in enumerate(child.findall("text"), start=1):
                self.tables["leaf"].append((identity, position, inner, said(text)))


@pytest.mark.parametrize("number", range(40))
def test_random_documents(number: int) -> None:
    seed = SEED + number
    print("seed", seed)
    content = Writer(seed).document()
    size = random.Random(seed).choice([1, 50, 300, 2000, 2**18])
    rows = Rows(content.encode(), MAPPING, size)
    assert rows.rejected == []
    assert {table: rows.plain(table) for table in rows.tables} == Oracle(content).tables


@pytest.mark.parametrize("number", range(20))
def test_random_documents_in_blocks_and_ranges(number: int) -> None:
    seed = SEED + number
    print("seed", seed)
    made = random.Random(seed)
    content = Writer(seed).document().encode()
    block, size = made.randrange(1, 200), made.choice([1, 50, 300, 2**18])
    blocks = (content[start : start + block] for start in range(0, len(content), block))
    whole = b"".join(chunk.data for chunk in Document(blocks, MAPPING, "made.xml", size))
    prolog, ranges = boundaries(lambda offset, length: content[offset : offset + length], len(content), MAPPING, 1)
    ((start, stop),) = ranges
    ranged = Document([content[start:stop]], MAPPING, "made.xml", size, prolog=prolog, start=start)
    assert content.count(whole) == 1
    assert b"".join(chunk.data for chunk in ranged) == whole
