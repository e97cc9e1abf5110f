"""Streams of citations: order, memory, and what is refused with which words."""

import gc
import re
from xml.etree.ElementTree import Element

import pytest

from made_medline import citation, deletion, in_chunks, medline_file
from pubmed_rebuild.bad_input import MalformedXML, WrongContent
from pubmed_rebuild.records import Deletion, Record
from pubmed_rebuild.xml_stream import read_citations

_BOMB = '<!DOCTYPE PubmedArticleSet [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>'


def read(content: bytes) -> list[Record | Deletion]:
    return list(read_citations(in_chunks(content), "made.xml"))


def test_document_order_with_deletions() -> None:
    found = read(medline_file(citation(1), citation(2, version=3), deletion(1, 9)))
    assert [(item.pmid, item.version) for item in found] == [(1, 1), (2, 3), (1, 1), (9, 1)]
    assert [type(item) for item in found] == [Record, Record, Deletion, Deletion]


def test_read_elements_are_freed() -> None:
    content = medline_file(*(citation(pmid) for pmid in range(1, 2001)))
    most = 0
    for number, _ in enumerate(read_citations(in_chunks(content), "made.xml")):
        if number % 200 == 0:
            most = max(most, sum(isinstance(thing, Element) for thing in gc.get_objects()))
    assert most < 200


def test_malformed_xml_says_where_and_after_which_record() -> None:
    content = medline_file(citation(17), "\n", citation(18), "\n<PubmedArticle></Oops>")
    with pytest.raises(MalformedXML, match=r"made\.xml at line 3, column 17 \(2 records read, last good PMID 18\)"):
        read(content)


@pytest.mark.parametrize("cut", [1, 30, 400])
def test_xml_that_ends_early_is_malformed(cut: int) -> None:
    with pytest.raises(MalformedXML, match=r"no element found|unclosed token"):
        read(medline_file(citation(1), citation(2))[:-cut])


def test_bytes_that_are_no_text_are_malformed() -> None:
    with pytest.raises(MalformedXML, match="invalid token"):
        read(medline_file(citation(1, title="bad \x01 character")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html><body/></html>", "root element PubmedArticleSet, found html"),
        (medline_file(), "No citations"),
        (medline_file("<PubmedBookArticle/>"), "Unknown content.*found PubmedBookArticle"),
        (medline_file(citation(1), "<PubmedBookArticle/>"), "after PMID 1.*found PubmedBookArticle"),
    ],
)
def test_other_content_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(WrongContent, match=message):
        read(content)


@pytest.mark.parametrize(
    "doctype",
    [
        _BOMB,
        '<!DOCTYPE PubmedArticleSet [<!ENTITY file SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE PubmedArticleSet [<!ENTITY % outside SYSTEM "http://dtd.invalid/x.dtd"> %outside;]>',
    ],
)
def test_entity_declarations_are_refused(doctype: str) -> None:
    with pytest.raises(WrongContent, match="Entity declaration refused"):
        read(medline_file(citation(1, title="&b;"), doctype=doctype))


def test_entity_declarations_are_refused_in_any_encoding() -> None:
    text = medline_file(citation(1), doctype=_BOMB).decode().replace("utf-8", "utf-16")
    with pytest.raises(WrongContent, match="Entity declaration refused"):
        read(text.encode("utf-16"))


def test_an_undeclared_entity_is_malformed() -> None:
    external = '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD" "http://dtd.invalid/pubmed.dtd">'
    with pytest.raises(MalformedXML, match=re.escape("undefined entity &nbsp;")):
        read(medline_file(citation(1, title="a&nbsp;b"), doctype=external))


def test_what_follows_the_root_is_not_taken_for_a_declaration() -> None:
    assert len(read(medline_file(citation(1, title="&lt;!ENTITY a 'b'&gt;")))) == 1
