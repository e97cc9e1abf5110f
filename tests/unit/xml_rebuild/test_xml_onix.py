"""Every row of made ONIX holdings against a second reading of the same document, with ElementTree alone."""

import io
import random
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from copied_rows import Rows

from xml_rebuild.generate import onix
from xml_rebuild.generate.output import write
from xml_rebuild.mapping import Mapping

SEED = random.SystemRandom().randrange(1, 2**32)
_NAMES = {"": onix.NAMESPACE}

Tables = dict[str, list[tuple[Any, ...]]]


def made(seed: int, size: int, prefix: str = "oph") -> bytes:
    out = io.BytesIO()
    write(onix.document(seed, prefix), size, out)
    return out.getvalue()


class Read:
    """The tables of a document as ElementTree reads them."""

    def __init__(self, content: bytes) -> None:
        self.tables: Tables = {"holding": [], "identifier": [], "title": [], "coverage": [], "release": []}
        for record in ElementTree.fromstring(content).iterfind("HoldingsList/HoldingsRecord", _NAMES):
            version = record.find("ResourceVersion", _NAMES)
            assert version is not None
            self._read(said(record, "NotificationType"), version)

    def _read(self, notification: str | None, version: Element) -> None:
        identifiers = [
            (said(each, "ResourceVersionIDType"), said(each, "IDTypeName"), said(each, "IDValue"))
            for each in version.iterfind("ResourceVersionIdentifier", _NAMES)
        ]
        titles = [
            (said(each, "TitleType"), said(each, "TitleText"), said(each, "Subtitle"))
            for each in version.iterfind("Title", _NAMES)
        ]
        key = f"{identifiers[0][0]}:{identifiers[0][2]}"
        issn = next((value for kind, _, value in identifiers if kind == "07" and value), None)
        title = next((text for kind, text, _ in titles if kind == "01"), None)
        publisher, site = said(version, "Publisher/PublisherName"), said(version, "OnlinePackage/Website/WebsiteLink")
        issn = issn.replace("-", "") if issn else None
        self.tables["holding"].append((key, notification, issn, title, publisher, site))
        self.tables["identifier"] += [(key, place, *row) for place, row in enumerate(identifiers, 1)]
        self.tables["title"] += [(key, place, *row) for place, row in enumerate(titles, 1)]
        for place, detail in enumerate(version.iterfind("OnlinePackage/PackageDetail", _NAMES), 1):
            self.tables["coverage"].append((key, place, *coverage(detail)))
            self.tables["release"] += [(key, place, *row) for row in releases(detail)]


def said(element: Element, path: str) -> str | None:
    return (element.findtext(path, namespaces=_NAMES) or "").strip() or None


def coverage(detail: Element) -> Iterator[Any]:
    for path in ("CoverageDescriptionLevel", "SupplementInclusion", "IndexInclusion"):
        yield said(detail, f"Coverage/{path}")
    yield said(detail, "EpubFormat")
    status, dated = (
        said(detail, "PreservationStatus/PreservationStatusCode"),
        said(detail, "PreservationStatus/DateOfStatus"),
    )
    yield int(status) if status else None
    yield datetime.strptime(dated, "%Y%m%d").date() if dated else None
    verified = said(detail, "VerificationStatus")
    yield int(verified) if verified else None


def releases(detail: Element) -> Iterator[tuple[Any, ...]]:
    fixed = detail.find("Coverage/FixedCoverage", _NAMES)
    assert fixed is not None
    for place, element in enumerate(fixed, 1):
        run = element.tag.endswith("}Sequence")
        start = element.find("SequenceStart", _NAMES) if run else element
        end = element.find("SequenceEnd", _NAMES) if run else None
        yield place, run, *point(start), *point(end)


def point(element: Element | None) -> tuple[str | None, str | None, str | None]:
    if element is None:
        return None, None, None
    levels = {said(level, "Unit"): said(level, "Number") for level in element.iterfind("Enumeration/*", _NAMES)}
    return levels.get("Volume"), levels.get("Issue"), said(element, "NominalDate/Date")


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    return Mapping.load("onix_serials")


@pytest.mark.parametrize("size", [2_000, 5_000_000])
def test_every_row_of_every_table(mapping: Mapping, size: int) -> None:
    print(f"seed {SEED}")
    content = made(SEED, size)
    rows, read = Rows(content, mapping), Read(content)
    assert rows.rejected == []
    assert rows.records == len(read.tables["holding"])
    for table, expected in read.tables.items():
        assert rows.plain(table) == expected, table


def test_the_prefix_does_not_matter(mapping: Mapping) -> None:
    prefixed, default, other = (Rows(made(SEED, 300_000, prefix), mapping) for prefix in ("oph", "", "soh"))
    assert prefixed.records
    # Without its prefix a record is shorter, so that more of them fit.
    for table, rows in prefixed.tables.items():
        assert default.tables[table][: len(rows)] == other.tables[table][: len(rows)] == rows, f"{table}, seed {SEED}"


def test_small_chunks_give_the_same_rows(mapping: Mapping) -> None:
    content = made(SEED, 500_000)
    whole, cut = Rows(content, mapping), Rows(content, mapping, size=4_000)
    for table in mapping.tables:
        assert cut.plain(table) == whole.plain(table), f"{table}, seed {SEED}"


def test_a_date_of_status_that_is_only_a_year_is_null(mapping: Mapping) -> None:
    content = made(SEED, 100_000)
    dated = content.index(b"<oph:DateOfStatus>") + len(b"<oph:DateOfStatus>")
    rows = Rows(content[: dated + 4] + content[dated + 8 :], mapping)
    assert rows.rejected == []
    assert rows.records == Rows(content, mapping).records
    before = [row["status_date"] for row in Rows(content, mapping).tables["coverage"]]
    after = [row["status_date"] for row in rows.tables["coverage"]]
    changed = [place for place, (one, other) in enumerate(zip(before, after, strict=True)) if one != other]
    assert [after[place] for place in changed] == [None]
