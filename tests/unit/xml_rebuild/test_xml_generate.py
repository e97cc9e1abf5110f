"""Made documents: well-formed, of the size asked for, the same for a seed, and with the shapes that matter in them."""

import gzip
import io
import random
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

import pytest
from lxml import etree

from made_medline import citation, deletion, medline_file
from xml_rebuild.generate import __main__, onix, pubmed, unixref
from xml_rebuild.generate.output import Made, size_of, write

SEED = random.SystemRandom().randrange(1, 2**32)
_SOH = f"{{{onix.NAMESPACE}}}"
_RECORDS = {onix: f"{_SOH}HoldingsRecord", unixref: "doi_record"}
_REFERENCES = (
    "<ReferenceList><Reference><ArticleIdList>"
    '<ArticleId IdType="pubmed">77</ArticleId>'
    "</ArticleIdList></Reference></ReferenceList>"
)

each_kind = pytest.mark.parametrize("kind", [onix, unixref], ids=["onix", "unixref"])


def made(document: Made, size: int) -> bytes:
    print(f"seed {SEED}")
    out = io.BytesIO()
    write(document, size, out)
    return out.getvalue()


@each_kind
@pytest.mark.parametrize("size", [1, 100_000, 1_000_000])
def test_a_document_is_well_formed_and_barely_over_its_size(kind: ModuleType, size: int) -> None:
    content = made(kind.document(SEED), size)
    records = list(ElementTree.fromstring(content).iter(_RECORDS[kind]))
    assert size <= len(content)
    last = len(ElementTree.tostring(records[-1]))
    assert len(records) == 1 or len(content) - last < size


@each_kind
def test_what_is_said_to_be_written_is(kind: ModuleType) -> None:
    out = io.BytesIO()
    written = write(kind.document(SEED), 300_000, out)
    assert written.bytes == len(out.getvalue())
    assert written.records == len(list(ElementTree.fromstring(out.getvalue()).iter(_RECORDS[kind])))


@each_kind
def test_the_seed_decides_the_document(kind: ModuleType) -> None:
    assert made(kind.document(SEED), 200_000) == made(kind.document(SEED), 200_000)
    assert made(kind.document(SEED), 200_000) != made(kind.document(SEED + 1), 200_000)


@each_kind
def test_text_holds_several_scripts_and_everything_that_xml_escapes(kind: ModuleType) -> None:
    content = made(kind.document(SEED), 5_000_000)
    text = "".join(ElementTree.fromstring(content).itertext())
    assert all(sign in text for sign in "&<>\"'é研🧪\u00a0ж")
    assert all(reference in content for reference in (b"&amp;", b"&lt;", b"&#233;", b"&#x1F9EC;"))


def test_onix_has_the_importers_namespace_whatever_its_prefix() -> None:
    prefixed, default = (ElementTree.fromstring(made(onix.document(SEED, prefix), 200_000)) for prefix in ("oph", ""))
    assert prefixed.tag == f"{_SOH}ONIXPreservationHoldings"
    shared = zip(prefixed.iter(), default.iter(), strict=False)
    assert all((one.tag, one.text) == (other.tag, other.text) for one, other in shared)


def test_onix_issns_differ_and_have_their_check_digit() -> None:
    issns = {onix.issn(number) for number in range(50_000)}
    assert len(issns) == 50_000
    assert onix.issn(0) == "00000000"
    for number in random.Random(SEED).sample(sorted(issns), 500):
        values = [10 if digit == "X" else int(digit) for digit in number]
        assert sum(weight * value for weight, value in zip(range(8, 0, -1), values, strict=True)) % 11 == 0, SEED


def test_onix_has_records_with_and_without_each_optional_part() -> None:
    root = ElementTree.fromstring(made(onix.document(SEED), 4_000_000))
    records = list(root.iter(f"{_SOH}HoldingsRecord"))
    for part in ("Publisher", "TitleText", "Subtitle", "Website", "Sequence", "EpubFormat"):
        found = sum(record.find(f".//{_SOH}{part}") is not None for record in records)
        assert 0 < found < len(records), f"{part}, seed {SEED}"
    kinds = {element.text for element in root.iter(f"{_SOH}ResourceVersionIDType")}
    assert kinds == {"01", "07"}


def test_unixref_has_every_kind_of_work_and_every_namespace() -> None:
    root = ElementTree.fromstring(made(unixref.document(SEED), 6_000_000))
    tags = {element.tag for element in root.iter()}
    assert {"journal_article", "content_item", "conference_paper", "posted_content", "book_series_metadata"} <= tags
    assert {"organization", "unstructured_citation", "suffix", "i", "isbn"} <= tags
    spaces = {tag[1:].partition("}")[0] for tag in tags if tag.startswith("{")}
    assert len(spaces) == 4
    assert len(root.findall("doi_record/crossref/journal")) > len(list(root.iter("journal_article")))


def test_unixref_works_have_dois_of_their_own() -> None:
    root = ElementTree.fromstring(made(unixref.document(SEED), 2_000_000))
    dois = [record.findall(".//doi_data/doi")[-1].text for record in root]
    assert len({(doi or "").lower() for doi in dois}) == len(dois)


def medline(directory: Path, name: str, *pmids: int) -> Path:
    own = '<ArticleIdList><ArticleId IdType="pubmed">{}</ArticleId></ArticleIdList>'
    parts = (citation(pmid, title="T" * (pmid % 97), data=own.format(pmid) + _REFERENCES) for pmid in pmids)
    content = medline_file(deletion(5), *parts, doctype='<!DOCTYPE PubmedArticleSet SYSTEM "x.dtd">')
    path = directory / name
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def test_pubmed_records_come_again_with_pmids_of_their_own(tmp_path: Path) -> None:
    files = [medline(tmp_path, "a.xml", 7, 8, 77), medline(tmp_path, "b.xml.gz", 9)]
    root = etree.fromstring(made(pubmed.document(files), 10_000))
    records = root.findall("PubmedArticle")
    pmids = [int(record.findtext("MedlineCitation/PMID") or 0) for record in records]
    assert len(records) > 8
    assert pmids == list(range(10_000_000, 10_000_000 + len(records)))
    assert [int(record.findtext("PubmedData/ArticleIdList/ArticleId") or 0) for record in records] == pmids
    assert {record.findtext(".//Reference//ArticleId") for record in records} == {"77"}
    assert sorted({len(record.findtext(".//ArticleTitle") or "") for record in records}) == [7, 8, 9, 77]


def test_pubmed_records_of_all_files_are_mixed(tmp_path: Path) -> None:
    files = [medline(tmp_path, "a.xml", *range(1, 4000, 97)), medline(tmp_path, "b.xml", *range(2, 16000, 97))]
    root = etree.fromstring(made(pubmed.document(files), 10))
    assert len(root) == 1
    every = etree.fromstring(made(pubmed.document(files), sum(file.stat().st_size for file in files)))
    assert {len(title.text or "") for title in every.iter("ArticleTitle")} == {1, 2}


@pytest.mark.parametrize("content", [b"", b"<PubmedArticleSet></PubmedArticleSet>"])
def test_pubmed_files_without_records_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "empty.xml").write_bytes(content)
    with pytest.raises(ValueError, match=r"No <PubmedArticle> in .*empty\.xml"):
        pubmed.document([tmp_path / "empty.xml"])


@pytest.mark.parametrize(
    ("text", "size"), [("12345", 12345), ("200MB", 200 * 10**6), ("1.5 gb", 1_500_000_000), ("7k", 7000)]
)
def test_sizes(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-3GB", "3 pounds"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        size_of(text)


@each_kind
def test_the_command_writes_the_same_document(
    kind: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "made.xml"
    name = kind.__name__.rpartition(".")[2]
    assert __main__.main([name, "--size", "50KB", "--seed", str(SEED), "--out", str(out)]) == 0
    assert out.read_bytes() == made(kind.document(SEED), 50_000)
    assert re.search(rf"\d+ records, {out.stat().st_size} bytes", capsys.readouterr().err)


def test_the_command_takes_pubmed_files(tmp_path: Path) -> None:
    file = medline(tmp_path, "a.xml", 7)
    assert __main__.main(["pubmed", str(file), "--size", "1", "--out", str(tmp_path / "out.xml")]) == 0
    assert len(etree.parse(tmp_path / "out.xml").getroot()) == 1
