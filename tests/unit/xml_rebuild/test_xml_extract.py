"""Records as rows: every character, every type and transform, and what becomes of records that do not fit."""

import pickle
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from xml.sax.saxutils import escape

import pytest
from copied_rows import Rows
from small_mappings import ITEMS, mapping_of, one_column

from xml_rebuild.document import Document
from xml_rebuild.errors import RebuildError, TooManyRejected, WrongMapping
from xml_rebuild.extract import Extractor
from xml_rebuild.mapping import Mapping

SEED = random.SystemRandom().randrange(1, 2**32)
NAME = one_column("name")
KEPT = one_column("name", "strip: false")


def values(content: str, mapping: Mapping, size: int = 2**18) -> list[Any]:
    rows = Rows(content.encode(), mapping, size)
    assert rows.rejected == []
    return [row["c"] for row in rows.tables["t"]]


def value(record: str, path: str, options: str = "") -> Any:
    (found,) = values(f"<set><r>{record}</r></set>", one_column(path, options))
    return found


def is_xml(code: int) -> bool:
    return code in (0x9, 0xA, 0xD) or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or code >= 0x10000


CHARACTERS = [chr(code) for code in range(sys.maxunicode + 1) if is_xml(code)]


def texts_of_all_characters() -> list[str]:
    shuffled = CHARACTERS.copy()
    random.Random(SEED).shuffle(shuffled)
    return ["".join(shuffled[start : start + 5000]) for start in range(0, len(shuffled), 5000)]


@pytest.mark.parametrize("written", ["as they are", "as references", "in CDATA"])
def test_every_character_of_xml_arrives(written: str) -> None:
    print("seed", SEED)
    texts = texts_of_all_characters()
    if written == "as references":
        names = ["".join(f"&#{ord(character)};" for character in text) for text in texts]
    elif written == "as they are":
        names = [escape(text).replace("\r", "&#xD;") for text in texts]
    else:
        texts = [text.replace("\r", "") for text in texts]
        names = [f"<![CDATA[{text.replace(']]>', '')}]]>" for text in texts]
    content = "<set>" + "".join(f"<r><name>|{name}|</name></r>" for name in names) + "</set>"
    assert values(content, NAME) == [f"|{text}|" for text in texts]


MEANING = ["\x7f", "\r", "\n", "\t", " ", "\\", "\\.", '"', ",", "!", "\x7f!", "!\r", "\r\r", ";", ";\r;", "\u0080"]


@pytest.mark.parametrize("character", MEANING)
@pytest.mark.parametrize("frame", ["{}", "a{}b", "{}{}", "\n{}\n", "a\n{}\nb", ",{},", "\x7f{}\x7f", "\r{}\r"])
def test_what_means_something_to_copy_is_data(character: str, frame: str) -> None:
    text = frame.replace("{}", character)
    written = escape(text).replace("\r", "&#13;")
    content = f"<set><r><name>{written}</name></r><r><name>next</name></r></set>"
    assert values(content, KEPT) == [text, "next"]
    assert values(content, NAME) == [text.strip() or None, "next"]


def test_references_in_cdata_and_comments_are_no_references() -> None:
    content = "<set><r><name><!-- &#13; --><![CDATA[&#13;&#127;\x7f]]>&#13;&#127;</name></r></set>"
    assert values(content, KEPT) == ["&#13;&#127;\x7f\r\x7f"]


@pytest.mark.parametrize("private", ["", "\ue000", "&#xE000;\ue001&#57346;"])
def test_private_characters_stay_what_they_are(private: str) -> None:
    content = f"<set><r><name>{private}|\x7f|&#13;|</name></r></set>"
    meant = private.replace("&#xE000;", "\ue000").replace("&#57346;", "\ue002")
    assert values(content, KEPT) == [f"{meant}|\x7f|\r|"]


WHITE = [character for character in CHARACTERS if character.isspace()]


@pytest.mark.parametrize(
    "white", [*WHITE, "".join(WHITE), " " * 5000], ids=lambda text: f"{ord(text[0]):x}-{len(text)}"
)
def test_white_space_goes_at_both_ends_only(white: str) -> None:
    written = white.replace("\r", "&#13;")
    content = f"<set><r><name>{written}a{written}b{written}</name></r><r><name>{written}</name></r><r/></set>"
    assert values(content, NAME) == [f"a{white}b", None, None]
    assert values(content, KEPT) == [f"{white}a{white}b{white}", white, None]


def test_text_is_that_of_all_elements_below() -> None:
    assert value("<name> a <i>b</i> <b><i>c</i></b>\n<!-- d --><?e f?><![CDATA[<g>]]></name>", "name") == "a b c\n<g>"


def test_the_first_node_counts() -> None:
    assert value("<name>a</name><name>b</name>", "name") == "a"


TYPED = [
    ("integer", "7", 7),
    ("integer", " -7 ", -7),
    ("integer", "+7", 7),
    ("integer", "007", 7),
    ("integer", "2147483647", 2147483647),
    ("integer", "-2147483648", -2147483648),
    ("bigint", "9223372036854775807", 9223372036854775807),
    ("numeric", "12.50", "12.50"),
    ("numeric", "-1e5", "-1e5"),
    ("date", "2024-02-29", "2024-02-29"),
    ("date", "20240229", "2024-02-29"),
    ("date", "2024-2-9", "2024-02-09"),
    ("date", "0001-01-01", "0001-01-01"),
]
MISFITS = [
    (
        "integer",
        ["x", "1.0", "1e3", "٣", "2147483648", "-2147483649", "1 2", "1,2", "1\n2", "--1", "9" * 5000, "\x7f1"],
    ),
    ("bigint", ["9223372036854775808", "0x10"]),
    ("numeric", ["1,5", "1.2.3", "e5", ".", "NaN", "1e9999"]),
    (
        "date",
        ["2023-02-29", "2024-13-01", "2024-00-01", "0000-01-01", "2024-04-31", "2024", "2024-01", "20240431", "x"],
    ),
]


@pytest.mark.parametrize(("type_", "text", "expected"), TYPED)
def test_values_of_a_type(type_: str, text: str, expected: Any) -> None:
    found = value(f"<name>{text}</name>", "name", f"type: {type_}")
    assert (found.isoformat() if type_ == "date" else found) == expected


@pytest.mark.parametrize(("type_", "text"), [(type_, text) for type_, texts in MISFITS for text in texts])
def test_a_value_that_does_not_fit_rejects_its_record_only(type_: str, text: str) -> None:
    record = f"<r><name>{text}</name></r>"
    content = f"<set><r><name/></r>\n{record}<r/></set>".encode()
    rows = Rows(content, one_column("name", f"type: {type_}"))
    assert [row["c"] for row in rows.tables["t"]] == [None, None]
    (rejected,) = rows.rejected
    assert (rejected.offset, rejected.excerpt) == (content.index(record.encode()), record[:2000])
    assert "t.c" in rejected.reason


@pytest.mark.parametrize(("type_", "text"), [(type_, text) for type_, texts in MISFITS for text in texts])
def test_or_it_becomes_null_where_the_mapping_says_so(type_: str, text: str) -> None:
    assert value(f"<name>{text}</name>", "name", f'type: {type_}, invalid: "null"') is None


def test_what_is_required_rejects_the_record_without_it() -> None:
    rows = Rows(b"<set><r><name>a</name></r><r><name> </name></r><r/></set>", one_column("name", "required: true"))
    assert ([row["c"] for row in rows.tables["t"]], len(rows.rejected)) == (["a"], 2)


@pytest.mark.parametrize(("record", "expected"), [("", "none"), ("<name> </name>", "none"), ("<name>a</name>", "a")])
def test_a_default_stands_for_nothing(record: str, expected: str) -> None:
    assert value(record, "name", "default: none") == expected


@pytest.mark.parametrize(
    ("path", "expected"), [("@a = 'Y'", True), ("@b = 'Y'", False), ("name", True), ("note", False)]
)
def test_a_boolean_is_the_truth_of_its_path(path: str, expected: bool) -> None:
    assert values("<set><r a='Y'><name/></r></set>", one_column(path, "type: boolean")) == [expected]


TRANSFORMED = [
    ("year", "integer", "1998", 1998),
    ("year", "integer", "1998 Dec-1999 Jan", 1998),
    ("year", "integer", "Spring 19987", 1998),
    ("year", "integer", "199", None),
    ("year", "integer", "", None),
    ("month", "integer", "Dec", 12),
    ("month", "integer", "september", 9),
    ("month", "integer", "MAY", 5),
    ("month", "integer", "03", 3),
    ("month", "integer", "12", 12),
    ("month", "integer", "13", None),
    ("month", "integer", "0", None),
    ("month", "integer", "Winter", None),
    ("month", "integer", "an=1", None),
    ("day", "integer", " 7 ", 7),
    ("day", "integer", "31", 31),
    ("day", "integer", "32", None),
    ("day", "integer", "x", None),
    ("boolean", "boolean", "Y", True),
    ("boolean", "boolean", "true", True),
    ("boolean", "boolean", "No", False),
    ("boolean", "boolean", "0", False),
    ("boolean", "boolean", " ", None),
    ("orcid", "text", "0000-0002-1825-009X", "0000-0002-1825-009X"),
    ("orcid", "text", "000000021825009X", "0000-0002-1825-009X"),
    ("orcid", "text", "https://orcid.org/0000-0002-1825-0097", "0000-0002-1825-0097"),
    ("orcid", "text", "http://orcid.org/0000-000218250097", "0000-0002-1825-0097"),
    ("orcid", "text", "0000-0002-1825-00977", "0000-0002-1825-00977"),
    ("orcid", "text", "X000-0002-1825-0097", "X000-0002-1825-0097"),
    ("orcid", "text", "00-0000-02-1825-0097", "00-0000-02-1825-0097"),
    ("orcid", "text", "ftp://orcid.org/0000-0002-1825-0097", "ftp://orcid.org/0000-0002-1825-0097"),
    ("lower", "text", "AbÇ", "abÇ"),
    ("upper", "text", "abçX", "ABçX"),
]


@pytest.mark.parametrize(("transform", "type_", "text", "expected"), TRANSFORMED)
def test_transforms(transform: str, type_: str, text: str, expected: Any) -> None:
    for path in ("name", "string(name)"):
        assert value(f"<name>{text}</name>", path, f"transform: {transform}, type: {type_}") == expected


def test_a_boolean_in_other_words_rejects_its_record() -> None:
    rows = Rows(b"<set><r><name>maybe</name></r></set>", one_column("name", "transform: boolean, type: boolean"))
    assert len(rows.rejected) == 1


@pytest.mark.parametrize(
    "record",
    [
        "<name><Year>2024</Year><Month>02</Month><Day>29</Day></name>",
        "<name>\n<year>2024</year><month>2</month><day>29</day></name>",
        "<name xmlns='u'><day>29</day><month>2</month><year>2024</year></name>",
        "<name> 2024-02-29 </name>",
    ],
)
def test_dates(record: str) -> None:
    found = value(record, "*[local-name() = 'name']", "transform: date, type: date")
    assert found.isoformat() == "2024-02-29"


@pytest.mark.parametrize(
    "record", ["<name><Year>2023</Year><Month>02</Month><Day>29</Day></name>", "<name><Year>2023</Year></name>"]
)
def test_a_date_that_is_none_rejects_its_record(record: str) -> None:
    rows = Rows(f"<set><r>{record}</r></set>".encode(), one_column("name", "transform: date, type: date"))
    assert len(rows.rejected) == 1


def test_joined_texts_keep_their_separator_and_lose_their_ends() -> None:
    record = "<name l='A'> a\n</name><name> </name><name l=''>b<i> </i>c</name><name l='C'/><name>d </name>"
    assert value(record, "name", "transform: join, separator: ' '") == "a b c d"
    assert value(
        record, "name", "transform: join, separator: '\\n', label: '@l'".replace("'\\n'", '"\\n"').replace('"', '"')
    ) == ("A: a\nb c\nd")


ITEM_TEXTS = ["", "a", "a b", 'a"b', "a\\b", "a,b", "{a}", "NULL", "a\nb", "\x7f", "漢", "\\", '"', "&<>"]


def test_arrays_hold_every_text() -> None:
    record = "".join(f"<name> {escape(text)}\n</name>" for text in ITEM_TEXTS)
    assert value(record, "name", "type: 'text[]'") == [text.strip() or None for text in ITEM_TEXTS]
    assert value("", "name", "type: 'text[]'") == []


NESTED = mapping_of(
    """
name: nested
root: set
records:
  r: {key: {id: {path: "@id", transform: lower}, num: {path: "@num", type: integer, default: 0}}, tables: [inner]}
tables:
  inner:
    rows: [a, b/c, "d[@x > position(1)]"]
    when: "not(@no)"
    primary_key: [id, num, a, c, d]
    columns:
      a: {path: position(1), type: integer}
      c: {path: position(2), type: integer}
      d: {path: position(3), type: integer}
      sum: {path: "position(1) + position(2) + position()", type: integer}
      x: "@x"
"""
)


def test_positions_count_within_each_level() -> None:
    record = (
        "<a><b><c><d x='1'/><d x='2'/></c></b><b><c><d x='3'/><d x='4' no=''/><d x='5'/></c></b></a><a/>"
        "<a><b><c><d x='3'/></c><c/><c><d x='9'/></c></b></a>"
    )
    rows = Rows(f"<set><r id='AB'>{record}</r><r id='C' num='5'/></set>".encode(), NESTED)
    assert rows.plain("inner") == [
        ("ab", 0, 1, 1, 1, 3, "2"),
        ("ab", 0, 1, 2, 1, 4, "3"),
        ("ab", 0, 1, 2, 3, 6, "5"),
        ("ab", 0, 3, 3, 1, 7, "9"),
    ]


TWO_KINDS = mapping_of(
    """
name: kinds
root: set
records:
  a: {key: {id: {path: "@id", type: integer}}, tables: [a, a_child]}
  b: {tables: [b]}
tables:
  a: {columns: {name: name}}
  a_child: {rows: [c], columns: {position: {path: position(), type: integer}, c: .}}
  b: {rows: [id], columns: {id: {path: ., type: integer, required: true}}}
"""
)


@pytest.mark.parametrize("size", [1, 60, 2**18])
def test_records_of_several_kinds_keep_their_order(size: int) -> None:
    content = (
        "<set><a id='1'><name>n</name><c>x</c><c>y</c></a><b><id>5</id><id>6</id></b><b/><a id='2'><c>z</c></a>"
        "<b><id>7</id></b><b><id>bad</id></b><a id='bad'/><a id='3'/></set>"
    )
    rows = Rows(content.encode(), TWO_KINDS, size)
    assert rows.plain("a") == [(1, "n"), (2, None), (3, None)]
    assert rows.plain("a_child") == [(1, 1, "x"), (1, 2, "y"), (2, 1, "z")]
    assert rows.plain("b") == [(5,), (6,), (7,)]
    numbers = {id_: row["record_no"] for table in ("a", "b") for row in rows.tables[table] for id_ in [row["id"]]}
    assert sorted(numbers, key=numbers.__getitem__) == [1, 5, 6, 2, 7, 3]
    assert [rejected.excerpt for rejected in rows.rejected] == ["<b><id>bad</id></b>", "<a id='bad'/>"]
    assert (rows.records, numbers[5]) == (6, numbers[6])


BROKEN = [
    '<r id="2"><name>a</nam></r>',
    '<r id="2"><name>a</r>',
    '<r id="2" id="3"></r>',
    '<r id="2"><name>&none;</name></r>',
    '<r id="2"><name>\x01</name></r>',
    '<r id="2"><name>&#1;</name></r>',
    '<r id="2"><p:name/></r>',
    '<r id="2"><name>a & b</name></r>',
    '<r id="2"><name>]]></name></r>',
    '<r id="2">' + "<n>" * 5000 + "</n>" * 5000 + "</r>",
    '<r id="two"/>',
    "<r/>",
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda text: text[:40])
@pytest.mark.parametrize("size", [1, 100, 2**18])
def test_a_broken_record_is_put_aside_with_its_place(broken: str, size: int) -> None:
    content = f'<set><r id="1"><part>p</part></r>\n{broken}\n<!-- ü --><r id="3"><part>q</part></r></set>'.encode()
    rows = Rows(content, ITEMS, size)
    assert rows.plain("item") == [(1, None, None), (3, None, None)]
    assert rows.plain("part") == [(1, 1, None, "p"), (3, 1, None, "q")]
    assert [(rejected.offset, rejected.excerpt) for rejected in rows.rejected] == [
        (content.index(broken.encode()), broken[:2000])
    ]
    assert rows.records == 2


def test_broken_and_unfit_records_go_in_the_order_of_the_document() -> None:
    records = ['<r id="x"/>', '<r id="1"/>', '<r id="2"><a></r>', '<r id=""/>', '<r id="3"/>', "<r><a></r>"]
    rows = Rows(f"<set>{''.join(records)}</set>".encode(), ITEMS)
    assert [row["id"] for row in rows.tables["item"]] == [1, 3]
    assert [rejected.excerpt for rejected in rows.rejected] == [records[0], records[2], records[3], records[5]]


def test_an_excerpt_is_2000_characters_at_most() -> None:
    rows = Rows(f"<set><r id='x'>{'é' * 5000}</r></set>".encode(), ITEMS)
    assert rows.rejected[0].excerpt == f"<r id='x'>{'é' * 1990}"


def test_an_expression_that_fails_is_the_mappings_fault() -> None:
    mapping = one_column("name[count(string(.)) > 1]")
    with pytest.raises(WrongMapping):
        Rows(b"<set><r><name/></r></set>", mapping)


@pytest.mark.parametrize("path", ["document('file:///etc/hostname')", "name[document('/etc/hostname')]"])
def test_a_mapping_reaches_no_other_document(path: str) -> None:
    with pytest.raises(WrongMapping):
        Rows(b"<set><r><name/></r></set>", one_column(path))


def test_one_extractor_serves_many_threads() -> None:
    content = b"<set>" + b"".join(b'<r id="%d"><name>n%d</name></r>' % (n, n) for n in range(2000)) + b"</set>"
    document = Document([content], ITEMS, "made.xml", size=500)
    extractor = Extractor(ITEMS)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda chunk: extractor.extract(document.prolog, chunk, f"{chunk.number}"), document))
    lines = b"".join(extracted.copies["item"] for extracted in found).split(b"\r")[:-1]
    assert [line.split(b"\x7f")[1] for line in lines] == [b"%d" % n for n in range(2000)]


@pytest.mark.parametrize("kind", [RebuildError, TooManyRejected, WrongMapping])
def test_errors_survive_pickling(kind: type[RebuildError]) -> None:
    error = kind("No X", "a.xml", "x", "y", "Do z.")
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), str(copied)) == (kind, "No X in a.xml: expected x, found y. Do z.")
