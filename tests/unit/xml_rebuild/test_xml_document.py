"""Documents cut into chunks: every record arrives whole, and what is no document of the mapping is refused."""

import pickle
import random
import time
from collections.abc import Iterator

import pytest
from copied_rows import Rows
from small_mappings import ITEMS, mapping_of

from xml_rebuild.document import Chunk, Document, boundaries
from xml_rebuild.errors import BadInput, MalformedXML, WrongContent
from xml_rebuild.mapping import Mapping

SEED = random.SystemRandom().randrange(1, 2**32)
SIZES = [1, 7, 64, 2**18]


def blocks(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def chunks(content: bytes, size: int = 64, mapping: Mapping = ITEMS, max_record: int = 2**20) -> list[Chunk]:
    return list(Document(blocks(content, 50), mapping, "made.xml", size=size, max_record=max_record))


def ids(content: bytes, size: int = 64, mapping: Mapping = ITEMS) -> list[int]:
    rows = Rows(content, mapping, size)
    assert rows.rejected == []
    return [row["id"] for row in rows.tables["item"]]


def refused(content: bytes, mapping: Mapping = ITEMS) -> BadInput:
    """What every size of chunk is refused with."""
    errors = []
    for size in SIZES:
        with pytest.raises(BadInput) as raised:
            Rows(content, mapping, size)
        errors.append(raised.value)
    assert len({type(error) for error in errors}) == 1
    return errors[0]


@pytest.mark.parametrize("size", SIZES)
def test_chunks_are_the_document_in_order(size: int) -> None:
    records = "\n".join(f'<r id="{number}"><name>n{number}</name></r>' for number in range(50))
    content = f"<set>\n{records}\n</set>".encode()
    found = chunks(content, size)
    assert [chunk.number for chunk in found] == list(range(len(found)))
    assert all(content[chunk.offset :].startswith(chunk.data) for chunk in found)
    assert b"".join(chunk.data for chunk in found) == records.encode()
    assert ids(content, size) == list(range(50))


HIDDEN = [
    '<r id="1"><![CDATA[</r>]]></r><r id="2"/>',
    '<r id="1"><!-- </r> --></r><r id="2"/>',
    '<r id="1"><?pi </r> ?></r><r id="2"/>',
    '<!-- <r id="9"></r> --><r id="1"/><!-- </r> --><r id="2"/><!-- <r id="8"/> -->',
    '<r id="1"></r ><r id="2"></r\n\t>',
    '<r id="1"/><r id="2" />',
    '<r\n id="1"\n/>\n<r\tid="2"></r>',
    '<r id="1" note="a > b /> c"/><r id="2" note=\'">\'></r>',
    '<r id="1" note="two\nlines"><name>\n</name></r><r id="2"/>',
    '<r id="1"><rr></rr><r-x/><r.x/></r><r id="2"><xr></xr></r>',
]


@pytest.mark.parametrize("records", HIDDEN)
@pytest.mark.parametrize("size", SIZES)
def test_tags_are_told_from_what_looks_like_them(records: str, size: int) -> None:
    assert ids(f"<set>{records}</set>".encode(), size) == [1, 2]


@pytest.mark.parametrize("size", SIZES)
def test_a_record_larger_than_the_chunk_is_whole(size: int) -> None:
    large = "x" * 5000
    content = f'<set><r id="1"/><r id="2"><note>{large}</note></r><r id="3"/></set>'.encode()
    assert Rows(content, ITEMS, size).plain("item") == [(1, None, None), (2, None, large), (3, None, None)]


def test_a_record_over_the_maximum_is_refused() -> None:
    content = b'<set><r id="1"><note>' + b"x" * 20_000 + b"</note></r></set>"
    assert len(chunks(content, max_record=30_000)) == 1
    with pytest.raises(MalformedXML, match="Record too large"):
        chunks(content, max_record=10_000)


def endless(beginning: bytes, filler: bytes) -> Iterator[bytes]:
    yield beginning
    while True:
        yield filler


@pytest.mark.parametrize("beginning", [b'<set><r id="1"><note>', b'<set><r id="1"><![CDATA[', b'<set><r id="1"><!--'])
def test_a_stream_without_end_tags_ends_in_an_error(beginning: bytes) -> None:
    document = Document(endless(beginning, b"x" * 2**16), ITEMS, "made.xml", max_record=2**22)
    with pytest.raises(MalformedXML, match="Record too large"):
        list(document)


def test_a_stream_without_records_ends_in_an_error() -> None:
    document = Document(endless(b"<set>", b"<head/>" * 9000), ITEMS, "made.xml", max_record=2**22)
    with pytest.raises(WrongContent):
        list(document)


@pytest.mark.parametrize("content", [b"<set/>", b"<set></set>", b"<set>\n<!-- none -->\n</set>\n"])
def test_a_document_without_records_has_no_chunks(content: bytes) -> None:
    assert chunks(content) == []


MALFORMED = [
    b"",
    b"\n",
    b"not XML",
    b"\x1f\x8b\x08\x00",
    b"<set>",
    b'<set><r id="1"/>',
    b'<set><r id="1"></r>',
    b'<set><r id="1"></r></set',
    b'<set><r id="1"></r></sets>',
    b'<set><r id="1"></r><r id="2"></set>',
    b'<set><r id="1"></r><r id="2">',
    b'<set><r id="1"></r></set><set/>',
    b'<set><r id="1"></r></set>more',
    b"<set/><set/>",
    b'<set><r id="1"></r>&none;<r id="2"/></set>',
    b'<set><r id="1"></r></set><r id="2"/>',
]


@pytest.mark.parametrize("content", MALFORMED)
def test_what_is_no_whole_document_is_malformed(content: bytes) -> None:
    assert isinstance(refused(content), MalformedXML)


@pytest.mark.parametrize("length", range(60, 99))
def test_a_document_cut_off_anywhere_is_malformed(length: int) -> None:
    content = b'<set>\n<r id="1"><name>one</name></r>\n<r id="2"><name>two</name></r>\n</set>'
    cut_off = content[:length]
    if length >= len(content):
        assert ids(cut_off) == [1, 2]
    else:
        assert isinstance(refused(cut_off), MalformedXML)


WRONG = [
    (b'<sets><r id="1"/></sets>', "sets"),
    (b'<r id="1"/>', "r"),
    (b'<set xmlns="http://example.org/x"><r id="1"/></set>', "{http://example.org/x}set"),
    (b'<set><s id="1"/><r id="2"/></set>', "s"),
    (b'<set><r id="1"/><s id="2"/><r id="3"/></set>', "s"),
    (b'<set><r id="1"/><s/></set>', "s"),
    (b'<set><r id="1"/>text<r id="2"/></set>', "#text"),
    (b'<set>text<r id="2"/></set>', "#text"),
    (b'<set><r id="2"/>text</set>', "#text"),
    (b'<set><r id="1"/><r xmlns="u" id="2"/></set>', "r"),
]


@pytest.mark.parametrize(("content", "found"), WRONG)
def test_what_the_mapping_does_not_know_is_refused(content: bytes, found: str) -> None:
    error = refused(content)
    assert isinstance(error, WrongContent)
    assert error.found == found


@pytest.mark.parametrize("size", SIZES)
def test_records_inside_other_elements_than_the_first_one_are_refused(size: int) -> None:
    # Which of the two it is, depends on where the document is cut.
    with pytest.raises((WrongContent, MalformedXML)):
        Rows(b'<set><r id="1"/><s><r id="2"/></s><r id="3"/></set>', ITEMS, size)


def test_ignored_elements_may_stand_between_records() -> None:
    mapping = mapping_of(
        "{name: n, root: '*', ignore: [head], records: {r: {key: {id: {path: '@id', type: integer}}, tables: [item]}},"
        " tables: {item: {columns: {name: name}}}}"
    )
    content = b'<a><head><r id="7"/>x</head><r id="1"/><head/><r id="2"/><head>y</head></a>'
    assert [ids(content, size, mapping) for size in SIZES] == [[1, 2]] * len(SIZES)


BILLION_LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE set [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<set><r id="1"><name>&b;</name></r></set>"""
HOSTILE = [
    BILLION_LAUGHS,
    b'<!DOCTYPE set [<!ENTITY x SYSTEM "file:///etc/passwd">]><set><r id="1"><name>&x;</name></r></set>',
    b'<!DOCTYPE set [<!ENTITY % x SYSTEM "http://127.0.0.1:1/x.dtd"> %x;]><set><r id="1"/></set>',
    b'<!DOCTYPE set [<!ATTLIST r id CDATA "7">]><set><r/></set>',
    b'<!DOCTYPE set [<!ENTITY x "' + b"x" * 10_000_000 + b'">]><set><r id="1"/></set>',
]


@pytest.mark.parametrize("content", HOSTILE, ids=lambda content: content[:60].decode())
def test_declarations_in_the_document_type_are_refused_at_once(content: bytes) -> None:
    began = time.process_time()
    assert isinstance(refused(content), WrongContent)
    assert time.process_time() - began < 5


def test_a_document_type_is_not_fetched() -> None:
    content = b'<!DOCTYPE set PUBLIC "-//X" "http://127.0.0.1:1/x.dtd"><set><r id="1"/></set>'
    assert ids(content) == [1]


def test_an_entity_that_only_the_document_type_could_tell_rejects_its_record() -> None:
    content = b'<!DOCTYPE set SYSTEM "x.dtd"><set><r id="1"/><r id="2"><name>&eacute;</name></r></set>'
    rows = Rows(content, ITEMS)
    assert [row["id"] for row in rows.tables["item"]] == [1]
    assert [rejected.offset for rejected in rows.rejected] == [content.index(b'<r id="2">')]


TEXT = '<?xml version="1.0" encoding="{}"?>\n<set><r id="1"><name>Zoë Ærøskøbing</name></r><r id="2"/></set>'
ENCODINGS = ["utf-8", "UTF-8", "us-ascii", "ISO-8859-1", "windows-1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", SIZES)
def test_every_declared_encoding_is_read(encoding: str, size: int) -> None:
    text = TEXT.format(encoding)
    # Many documents that claim to be ASCII are in UTF-8, which it is a part of.
    content = text.encode("utf-8" if encoding == "us-ascii" else encoding)
    assert Rows(content, ITEMS, size).plain("item") == [(1, "Zoë Ærøskøbing", None), (2, None, None)]


def test_a_byte_order_mark_goes_before_what_is_declared() -> None:
    assert ids(b"\xef\xbb\xbf" + TEXT.format("ISO-8859-1").encode()) == [1, 2]


def test_offsets_are_those_of_the_document_in_utf8() -> None:
    text = TEXT.format("ISO-8859-1")
    assert chunks(text.encode("latin-1"))[0].offset == text.encode().index(b"<r ")


@pytest.mark.parametrize("encoding", ["klingon", "rot13", "unicode_escape", "zlib"])
def test_an_unknown_encoding_is_refused(encoding: str) -> None:
    assert isinstance(refused(TEXT.format(encoding).encode()), WrongContent)


def test_bytes_that_are_not_in_the_encoding_are_refused() -> None:
    assert isinstance(refused(TEXT.format("utf-16").encode("utf-16")[:-1]), MalformedXML)


def test_bytes_that_are_no_utf8_reject_their_record() -> None:
    rows = Rows(b'<set><r id="1"><name>\xff</name></r><r id="2"/></set>', ITEMS)
    assert [row["id"] for row in rows.tables["item"]] == [2]
    assert len(rows.rejected) == 1


NAMESPACED = """
name: spaced
root: p:set
namespaces: {p: "http://example.org/p"}
records: {p:r: {key: {id: {path: "@id", type: integer}}, tables: [item]}}
tables: {item: {columns: {name: p:name, lang: ancestor::p:set/@lang}}}
"""


@pytest.mark.parametrize(
    "content",
    [
        '<set xmlns="http://example.org/p" lang="a&amp;&quot;b"><r id="1"><name>x</name></r><r id="2"/></set>',
        '<q:set xmlns:q="http://example.org/p" lang="a&amp;&quot;b"><q:r id="1"><q:name>x</q:name></q:r><q:r id="2"/>'
        "</q:set>",
        "<q:set xmlns:q='http://example.org/p' lang='a&amp;\"b'><q:r id='1'><q:name>x</q:name></q:r>"
        "<r xmlns='http://example.org/p' id='2'></r></q:set>",
    ],
)
@pytest.mark.parametrize("size", SIZES)
def test_records_are_known_by_namespace_whatever_their_prefix(content: str, size: int) -> None:
    rows = Rows(content.encode(), mapping_of(NAMESPACED), size)
    assert rows.plain("item") == [(1, "x", 'a&"b'), (2, None, 'a&"b')]


WRAPPED = mapping_of(
    "{name: n, root: results, ignore: [head], records: {r: {key: {id: {path: '@id', type: integer}}, tables: [item]}},"
    " tables: {item: {columns: {name: name}}}}"
)


@pytest.mark.parametrize("size", SIZES)
def test_elements_around_records_may_close_and_open_between_them(size: int) -> None:
    queries = "".join(
        f'<query n="{number}">\n<head>h</head><body><r id="{number}">\n</r><r id="{number + 100}"/></body>\n</query>\n'
        for number in range(20)
    )
    found = ids(f"<results>\n{queries}</results>".encode(), size, WRAPPED)
    assert sorted(found) == [*range(20), *range(100, 120)]


@pytest.mark.parametrize(
    "between",
    ["</body><body>", "</body></query><other/><query><body>", "</body></query><query><body></body><tail/><body>"],
)
def test_only_the_elements_that_were_around_the_first_record_may(between: str) -> None:
    content = f'<results><query><body><r id="1"/>{between}<r id="2"/></body></query></results>'.encode()
    if between == "</body><body>":
        assert ids(content, 64, WRAPPED) == [1, 2]
    else:
        assert isinstance(refused(content, WRAPPED), WrongContent)


def test_elements_around_records_must_balance() -> None:
    content = b'<results><query><body><r id="1"/></query></body><query><body><r id="2"/></body></query></results>'
    assert isinstance(refused(content, WRAPPED), MalformedXML)


def document_of(seed: int, records: int = 400) -> bytes:
    made = random.Random(seed)
    lines = (f'<r id="{number}"><name>{"é" * made.randrange(40)}</name></r>' for number in range(records))
    return (
        "<set>\n" + "".join(line + made.choice(["", "\n", " <!-- x -->\n"]) for line in lines) + "</set>\n"
    ).encode()


@pytest.mark.parametrize("parts", [1, 2, 7, 1000])
def test_ranges_hold_every_record_once(parts: int) -> None:
    print("seed", SEED)
    content = document_of(SEED)
    prolog, ranges = boundaries(lambda offset, length: content[offset : offset + length], len(content), ITEMS, parts)
    found = []
    for start, stop in ranges:
        shard = Document(blocks(content[start:stop], 100), ITEMS, "made.xml", 256, prolog=prolog, start=start)
        for chunk in shard:
            assert content[chunk.offset :].startswith(chunk.data)
            found.append(chunk.data)
    assert 1 <= len(ranges) <= parts
    assert [stop for _, stop in ranges] == [*(start for start, _ in ranges[1:]), len(content)]
    assert b"".join(found).count(b"<r ") == 400


def test_ranges_cut_between_elements_around_records() -> None:
    queries = "".join(f'<query><body><r id="{number}">xyz</r></body></query>\n' for number in range(400))
    content = f"<results>{queries}</results>".encode()
    prolog, ranges = boundaries(lambda offset, length: content[offset : offset + length], len(content), WRAPPED, 4)
    shards = (Document([content[a:b]], WRAPPED, "made.xml", prolog=prolog, start=a) for a, b in ranges)
    assert (len(ranges), b"".join(chunk.data for shard in shards for chunk in shard).count(b"<r ")) == (4, 400)


def test_a_document_in_another_encoding_is_one_range() -> None:
    content = TEXT.format("utf-16").encode("utf-16")
    prolog, ranges = boundaries(lambda offset, length: content[offset : offset + length], len(content), ITEMS, 4)
    (chunk,) = Document([content], ITEMS, "made.xml", prolog=prolog, start=ranges[0][0])
    assert (ranges, chunk.data.count(b"<r ")) == ([(0, len(content))], 2)


def test_ranges_of_a_document_without_its_end_are_refused() -> None:
    content = document_of(SEED).removesuffix(b"</set>\n")
    with pytest.raises(MalformedXML, match="No end"):
        boundaries(lambda offset, length: content[offset : offset + length], len(content), ITEMS, 4)


def test_a_prolog_can_be_pickled() -> None:
    document = Document([b'<set a="&lt;"><r id="1"/></set>'], ITEMS, "made.xml")
    list(document)
    assert pickle.loads(pickle.dumps(document.prolog)) == document.prolog
