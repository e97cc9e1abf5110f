"""A smaller document has the first records of the larger one, and is whole."""

from pathlib import Path

import pytest
from lxml import etree

from windtunnel.bench import inputs
from windtunnel.bench.inputs import FORMATS, Document, beginning
from windtunnel.bench.size import shown, size_of
from windtunnel.errors import DiskFull, UsageError, WindtunnelError


def document(path: Path, records: int) -> Document:
    inside = "".join(f"<PubmedArticle><PMID>{number}</PMID></PubmedArticle>\n" for number in range(records))
    path.write_text(f"<PubmedArticleSet>\n{inside}</PubmedArticleSet>\n")
    return Document(FORMATS["pubmed"], path)


@pytest.mark.parametrize("size", [100, 1000, 5000])
def test_the_beginning_is_a_document_of_the_first_records(size: int, tmp_path: Path) -> None:
    whole = document(tmp_path / "whole.xml", 1000)
    part = beginning(whole, size)
    numbers = [int(one) for one in etree.parse(part.path).xpath("//PMID/text()")]
    assert numbers == list(range(part.records))
    assert size <= part.size < size + 100


def test_a_document_that_is_small_enough_stays_itself(tmp_path: Path) -> None:
    whole = document(tmp_path / "whole.xml", 3)
    assert beginning(whole, 10**6) == beginning(whole, None) == whole


def test_a_mark_on_the_edge_of_a_block_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = document(tmp_path / "whole.xml", 50)
    for block in range(3, 40):
        monkeypatch.setattr(inputs, "BLOCK", block)
        text, mark = whole.path.read_text(), "</PubmedArticle>"
        assert inputs._end_of_record(whole, 200) == text.index(mark, 200) + len(mark)


def test_a_document_without_another_record_says_so(tmp_path: Path) -> None:
    whole = document(tmp_path / "whole.xml", 1)
    with pytest.raises(WindtunnelError, match=r"expected </PubmedArticle> after byte"):
        beginning(whole, whole.size - 10)


@pytest.mark.parametrize(
    ("text", "size"), [("3GB", 3 * 10**9), ("50 mb", 5 * 10**7), ("1.5MB", 1500000), ("100000", 10**5)]
)
def test_a_size_is_read_as_written(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "3 TB", "GB", "-1MB", "3"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected at least 100KB"):
        size_of(text)


@pytest.mark.parametrize(("size", "text"), [(3 * 10**9, "3 GB"), (200_001_234, "200 MB"), (17, "17")])
def test_a_size_is_shown_in_its_own_unit(size: int, text: str) -> None:
    assert shown(size) == text


def test_too_little_disk_is_said_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "CACHE", tmp_path)
    with pytest.raises(DiskFull, match=r"expected at least 4e\+09 GB"):
        inputs.made("onix", 10**18, "/nowhere/python", print)
    assert list(tmp_path.iterdir()) == []


def test_documents_of_another_generator_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "CACHE", tmp_path)
    monkeypatch.setattr(inputs, "_need_room", lambda _: None)
    monkeypatch.setattr(inputs, "_generate", lambda *arguments: arguments[3].touch())
    for name in ("onix-0-5.xml", "onix-0-5.xml.gz", "pubmed-0-5.xml"):
        (tmp_path / name).touch()
    document = inputs.made("onix", 5, "/nowhere/python", print)
    assert {one.name for one in tmp_path.iterdir()} == {document.path.name, "pubmed-0-5.xml"}
