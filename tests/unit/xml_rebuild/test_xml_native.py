"""The C engine: what it takes gives the bytes that the XSLT engine gives, and all else is left to that one."""

import io
import os
import random
import re
from enum import IntEnum
from pathlib import Path

import pytest
from random_mappings import random_mapping, random_records
from small_mappings import ITEMS, mapping_of, one_column
from test_xml_random import MAPPING as RANDOM
from test_xml_random import Writer

from made_medline import citation, deletion, medline_file
from xml_rebuild.document import Chunk, Document
from xml_rebuild.errors import RebuildError
from xml_rebuild.extract import Extracted, Extractor
from xml_rebuild.generate import onix, unixref
from xml_rebuild.generate.output import write
from xml_rebuild.mapping import Mapping
from xml_rebuild.native import build, choice, words
from xml_rebuild.native.library import library
from xml_rebuild.native.program import reason_against
from xml_rebuild.native.words import Reason
from xml_rebuild.prolog import Prolog

SEED = int(os.environ.get("XML_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
FULL = Path(__file__).parent / "fixtures" / "full_citation.xml"
SET = Prolog((b"<set>",), (b"</set>",))
NAME = one_column("name")
_BITS = (
    *(b"<", b">", b"&", b'"', b"'", b"/", b"=", b" ", b"\n", b"\r", b"\x7f", b"\0", b":", b"]]>", b"--", b"?>"),
    *(b"&amp;", b"&#13;", b"&#10;", b"&#38;", b"&#60;", b"&#0;", b"&#xFFFF;", b"&#x1F9EA;", b"&none;", b"<?a b?>"),
    *(b"<![CDATA[", b"<!--", b"-->", b"<i>", b"</i>", b"<i/>", b' a="1"', b' xml:lang="e"', b' xml:id="e"'),
    *(b' xmlns="u"', b' xmlns:a="http://x/y"', b"a:", "é漢\u2003\u00a0".encode(), b"\xff", b"\xed\xa0\x80", b"7", b"|"),
)


def outcome(extractor: Extractor, prolog: Prolog, data: bytes) -> Extracted | str:
    try:
        return extractor.extract(prolog, Chunk(0, 0, data), "1")
    except RebuildError as error:
        return repr(error)


class Both:
    """Both engines on one mapping."""

    def __init__(self, mapping: Mapping) -> None:
        self.native = Extractor(mapping)
        self.reference = Extractor(mapping, native=False)

    def compare(self, prolog: Prolog, data: bytes) -> Extracted | str:
        found = outcome(self.native, prolog, data)
        assert found == outcome(self.reference, prolog, data)
        return found


def made(kind: str) -> tuple[Mapping, bytes]:
    if kind == "pubmed":
        records = [citation(number, version=number % 3, title=f"<b>T</b> {number} é") for number in range(300)]
        return Mapping.load("pubmed"), medline_file(*records, deletion(1, 2, 3))
    if kind == "full":
        return Mapping.load("pubmed"), FULL.read_bytes()
    out = io.BytesIO()
    write((onix if kind == "onix_serials" else unixref).document(SEED), 500_000, out)
    return Mapping.load(kind), out.getvalue()


def chunks(content: bytes, mapping: Mapping, size: int) -> list[tuple[Prolog, bytes]]:
    document = Document([content], mapping, "made.xml", size)
    return [(document.prolog, chunk.data) for chunk in document]


@pytest.mark.parametrize("name", ["pubmed", "onix_serials", "unixref"])
def test_shipped_mappings_are_for_the_c_engine(name: str) -> None:
    assert library() is not None
    assert reason_against(Mapping.load(name)) is None


@pytest.mark.parametrize("kind", ["pubmed", "full", "onix_serials", "unixref"])
@pytest.mark.parametrize("size", [5_000, 2**18])
def test_no_chunk_of_a_shipped_kind_is_refused(kind: str, size: int) -> None:
    print("seed", SEED)
    mapping, content = made(kind)
    both = Both(mapping)
    for prolog, data in chunks(content, mapping, size):
        both.compare(prolog, data)
    assert both.native.refused == {}


@pytest.mark.parametrize("number", range(40))
def test_random_mappings(number: int) -> None:
    seed = SEED + number
    print("seed", seed)
    mapping = random_mapping(seed)
    both = Both(mapping)
    prolog = Prolog((b'<root xmlns:p="http://p/x">',), (b"</root>",))
    for document in range(3):
        both.compare(prolog, random_records(3 * seed + document).encode())
    assert set(both.native.refused) <= {Reason.ODD_VALUE}


def mutated(data: bytes, chosen: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chosen.choice([1, 1, 2, 4])):
        start = chosen.randrange(len(changed) + 1)
        stop = start + chosen.choice([0, 1, 3])
        other = chosen.randrange(len(changed) + 1)
        changed[start:stop] = chosen.choice(
            [
                b"",
                chosen.choice(_BITS),
                chosen.choice(_BITS),
                changed[other : other + 30],
                b"%c" % chosen.randrange(256),
            ]
        )
    return bytes(changed)


@pytest.mark.parametrize("kind", ["pubmed", "full", "onix_serials", "unixref", "random"])
def test_mutated_documents(kind: str) -> None:
    print("seed", SEED)
    chosen = random.Random(SEED)
    mapping, content = (RANDOM, Writer(SEED).document().encode()) if kind == "random" else made(kind)
    both, pieces = Both(mapping), chunks(content, mapping, 4000)
    for _ in range(150):
        prolog, data = chosen.choice(pieces)
        both.compare(prolog, mutated(data, chosen))


def deep(levels: int) -> str:
    return "<n>" * levels + "</n>" * levels


REFUSED = [
    (Reason.TOO_LARGE, "<r>" + "a" * 2**23 + "</r>"),
    (Reason.TOO_DEEP, f"<r>{deep(230)}</r>"),
    (Reason.ILLEGAL_CHARACTER, "<r><name>\x7f</name></r>"),
    (Reason.ILLEGAL_CHARACTER, "<r><name>\r</name></r>"),
    (Reason.ILLEGAL_CHARACTER, "<r><name>\x01</name></r>"),
    (Reason.ILLEGAL_CHARACTER, "<r><name>\ufffe</name></r>"),
    (Reason.ILLEGAL_CHARACTER, "<r><name>\x00</name></r>"),
    (Reason.ODD_REFERENCE, "<r><name>&#13;</name></r>"),
    (Reason.ODD_REFERENCE, "<r><name>&#x7F;</name></r>"),
    (Reason.ODD_REFERENCE, "<r><name>&#xD800;</name></r>"),
    (Reason.ODD_REFERENCE, "<r><name>&#99999999999999999999;</name></r>"),
    (Reason.ODD_REFERENCE, "<r><name>&none;</name></r>"),
    (Reason.ODD_REFERENCE, "<r a='&none;'/>"),
    (Reason.ODD_NAME, "<r><é/></r>"),
    (Reason.ODD_NAME, "<r><1/></r>"),
    (Reason.ODD_NAME, f"<r><{'n' * 1001}/></r>"),
    (Reason.ODD_TAG, "<r><name/ ></r>"),
    (Reason.ODD_TAG, "<r a='1'b='2'/>"),
    (Reason.ODD_TAG, "<r " + " ".join(f"a{number}=''" for number in range(70)) + "/>"),
    (Reason.ODD_ATTRIBUTE, "<r a='1' a='2'/>"),
    (Reason.ODD_ATTRIBUTE, "<r xmlns:p='http://u/' xmlns:q='http://u/' p:a='1' q:a='2'/>"),
    (Reason.ODD_ATTRIBUTE, "<r a/>"),
    (Reason.ODD_ATTRIBUTE, "<r a=b/>"),
    (Reason.ODD_ATTRIBUTE, "<r a='<'/>"),
    (Reason.ODD_ATTRIBUTE, "<r xml:id='a b'/>"),
    (Reason.ODD_NAMESPACE, "<r><p:name/></r>"),
    (Reason.ODD_NAMESPACE, "<r xmlns:p=''/>"),
    (Reason.ODD_NAMESPACE, "<r xmlns='not a URI'/>"),
    (Reason.ODD_NAMESPACE, "<r xmlns:xml='http://www.w3.org/XML/1998/namespace'/>"),
    (Reason.ODD_MARKUP, "<r><!-- a -- b --></r>"),
    (Reason.ODD_MARKUP, "<r><![CDATA[]]></r>"),
    (Reason.ODD_MARKUP, "<r><![CDATA[</r>"),
    (Reason.ODD_MARKUP, "<r><?xml version='1.0'?></r>"),
    (Reason.ODD_MARKUP, "<r><!DOCTYPE r></r>"),
    (Reason.ODD_TEXT, "<r>]]></r>"),
    (Reason.UNBALANCED, "<r><a></b></r>"),
    (Reason.UNBALANCED, "<r/></set><set>"),
    (Reason.UNBALANCED, "<r>"),
    (Reason.STRAY, "<r/><other/>"),
    (Reason.STRAY, "<r/>text"),
]


@pytest.mark.parametrize(("reason", "records"), REFUSED, ids=lambda given: str(given)[:30])
def test_what_is_odd_is_left_to_the_other_engine(reason: Reason, records: str) -> None:
    both = Both(NAME)
    both.compare(SET, records.encode())
    assert both.native.refused[reason] >= 1


@pytest.mark.parametrize("text", ["1e5", "-", ".", "1.", "9" * 20, "0." + "1" * 20, "1 2"])
def test_so_is_a_number_in_a_rare_form(text: str) -> None:
    both = Both(one_column("name > 1", "type: boolean"))
    both.compare(SET, f"<r><name>{text}</name></r>".encode())
    assert both.native.refused == {Reason.ODD_VALUE: 1}


TAKEN = [
    "<r><name a='&quot;&#x9;&#10;&lt;\t\n'>&amp;&lt;&gt;&quot;&apos;&#65;&#x41;</name></r>",
    "<r><name><![CDATA[<&]]]>]] ]><!-- - -->a<?pi?>b<?pi x?></name></r >",
    "<r xmlns:p='http://u/' xmlns=''><name p:a='1' a='2' xml:lang='x'/><p:name>no</p:name></r>",
    "<r\r\na='\r\n'>\r\n<name>a\r\n\r\nb<![CDATA[\r\n]]></name>\r\n</r>\r\n",
    "\n<!-- a --><r\t><name\n/></r\n>\n<r/>",
    f"<r>{deep(150)}<name>deep</name></r>",
    "<r><name>" + "<i>x</i>" * 1000 + "</name></r>",
    "<r xmlns='http://u/'><name>other</name></r><r><name>own</name></r>".replace("<r xmlns", "<r><x xmlns").replace(
        "</name></r><r>", "</name></x></r><r>"
    ),
]


@pytest.mark.parametrize("records", TAKEN, ids=lambda text: text[:30])
def test_what_is_plain_is_taken(records: str) -> None:
    both = Both(NAME)
    assert isinstance(both.compare(SET, records.encode()), Extracted)
    assert both.native.refused == {}


def test_no_text_is_stripped_but_of_what_python_strips() -> None:
    spaces = [chr(code) for code in range(0x80, 0xD800) if chr(code).isspace()]
    others = [chr(code) for code in range(0x80, 0xD800) if not chr(code).isspace()]
    records = "".join(f"<r><name>{one}a{one}</name></r>" for one in [*spaces, *others[::7]])
    both = Both(NAME)
    found = both.compare(SET, records.encode())
    assert isinstance(found, Extracted)
    assert found.copies["t"].count(b",\x7fa\x7f\r") == len(spaces)
    assert both.native.refused == {}


UNKNOWN = [
    "sum(a)",
    "a[count(string(.)) > 1]",
    "/set/r",
    "following-sibling::a",
    "a div 2",
    "comment()",
    "name()",
    ".//.",
]


@pytest.mark.parametrize("path", UNKNOWN)
def test_a_mapping_with_another_expression_is_for_the_other_engine(path: str) -> None:
    mapping = one_column(path)
    assert path in str(reason_against(mapping))
    assert path in choice.told(mapping)
    both = Both(mapping)
    both.compare(SET, b"<r><a>1</a></r>")
    assert both.native.refused == {}


def test_without_the_library_the_other_engine_does_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "library", lambda: None)
    assert choice.told(ITEMS) == "XSLT, since the C engine was not built"
    assert isinstance(Both(ITEMS).compare(SET, b"<r id='1'/>"), Extracted)


def test_a_library_of_other_sources_is_not_loaded(tmp_path: Path) -> None:
    assert build.target().is_file()
    assert build.target(tmp_path).name == build.target().name


def test_a_large_record_is_taken_among_small_ones() -> None:
    both = Both(NAME)
    for size in (10, 7_000_000, 10, 3_000_000, 10):
        both.compare(SET, f"<r><name>{'<i>x</i>' * (size // 8)}</name></r>".encode())
    assert both.native.refused == {}


def test_elements_around_the_records_may_come_again() -> None:
    mapping = mapping_of(
        "name: n\nroot: p:root\nnamespaces: {p: 'http://p/'}\nignore: [skip]\n"
        "records: {'p:r': {tables: [t]}}\ntables: {t: {columns: {c: 'p:a', d: '@p:b', e: 'p:*'}}}\n"
    )
    content = (
        "<x:root xmlns:x='http://p/'><list><x:r x:b='1'><x:a>1</x:a></x:r></list><skip/><list n='2'>"
        "<r xmlns='http://p/'><a>2</a></r></list></x:root>"
    )
    both = Both(mapping)
    ((prolog, data),) = chunks(content.encode(), mapping, 2**18)
    found = both.compare(prolog, data)
    assert isinstance(found, Extracted)
    assert (found.records, both.native.refused) == (2, {})


@pytest.mark.parametrize(
    "enumeration", [words.Reason, words.Operation, words.Relation, words.Axis, words.Test, words.Kind, words.Check]
)
def test_both_languages_have_the_same_words(enumeration: type[IntEnum]) -> None:
    headers = "".join((build.FOLDER / header).read_text() for header in ("engine.h", "program.h"))
    text = re.sub(r"/\*.*?\*/", "", headers, flags=re.DOTALL)
    found = re.search(rf"enum {enumeration.__name__.lower()} {{(.*?)}}", text, re.DOTALL)
    assert found is not None
    assert [word.strip() for word in found[1].split(",") if word.strip()] == [one.name for one in enumeration]
