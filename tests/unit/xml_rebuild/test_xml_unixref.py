"""Every row of made Crossref records against a second reading of the same document, with ElementTree alone."""

import io
import random
import re
import xml.etree.ElementTree as ElementTree
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from copied_rows import Rows

from xml_rebuild.generate import unixref
from xml_rebuild.generate.output import write
from xml_rebuild.mapping import Mapping

SEED = random.SystemRandom().randrange(1, 2**32)
_NAMES = {
    "jats": "http://www.ncbi.nlm.nih.gov/JATS1",
    "fr": "http://www.crossref.org/fundref.xsd",
    "ai": "http://www.crossref.org/AccessIndicators.xsd",
}
_ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4})-?(\d{4})-?(\d{4})-?(\d{3}[\dX])")


def made(seed: int, size: int) -> bytes:
    out = io.BytesIO()
    write(unixref.document(seed), size, out)
    return out.getvalue()


def text(element: Element | None) -> str | None:
    return ("".join(element.itertext()).strip() or None) if element is not None else None


def at(element: Element | None, path: str) -> str | None:
    return text(element.find(path, _NAMES)) if element is not None else None


def first(*values: str | None) -> str | None:
    return next((value for value in values if value is not None), None)


def number(value: str | None) -> int | None:
    return int(value) if value is not None else None


def lower(value: str | None) -> str | None:
    return value.lower() if value is not None else None


class Work:
    """One doi_record: `container` is what crossref holds, `item` the work in it."""

    def __init__(self, record: Element) -> None:
        ((self.container,),) = record
        self.record = record
        self.item = self.container if self.container.find("doi_data") is not None else self.container[-1]
        self.key = lower(at(self.item, "doi_data/doi"))

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """The rows of every table, without the key that each begins with."""
        return {
            "work": [self._work()],
            "contributor": [(place, *person(one)) for place, one in enumerate(self.contributors, 1)],
            "affiliation": [
                (place, number, text(each))
                for place, one in enumerate(self.contributors, 1)
                for number, each in enumerate(one.findall("affiliation"), 1)
            ],
            "citation": [
                (place, *cited(each)) for place, each in enumerate(self.item.iterfind("citation_list/citation"), 1)
            ],
            "issn": self._numbers("issn"),
            "isbn": self._numbers("isbn"),
            "funder": [
                (place, at(each, "*[@name='funder_name']"), at(each, "*[@name='award_number']"))
                for place, each in enumerate(self.item.iterfind("fr:program/fr:assertion", _NAMES), 1)
            ],
        }

    @property
    def contributors(self) -> list[Element]:
        return self.item.findall("contributors/*")

    def _numbers(self, kind: str) -> list[tuple[Any, ...]]:
        """Those of the container, not those of what the work cites."""
        found = [*self.container.findall(f"*/series_metadata/{kind}"), *self.container.findall(f"*/{kind}")]
        return [
            (place, each.get("media_type"), (text(each) or "").replace("-", "")) for place, each in enumerate(found, 1)
        ]

    def _work(self) -> tuple[Any, ...]:
        item, container = self.item, self.container
        dates = [self.item, self.container.find("journal_issue"), self.container.find("proceedings_metadata")]
        dates += [] if container is item else [container[0]]
        return (
            self.record.get("owner"),
            self.record.get("timestamp"),
            item.tag,
            container.tag,
            self._container_title(),
            at(container, "event_metadata/conference_name"),
            at(container, "*/publisher/publisher_name"),
            self._language(),
            at(item, "titles/title"),
            at(item, "titles/subtitle"),
            at(container, "journal_issue/journal_volume/volume"),
            at(container, "journal_issue/issue"),
            at(item, "pages/first_page"),
            at(item, "pages/last_page"),
            number(first(at(item, "posted_date/year"), *(at(each, "publication_date/year") for each in dates))),
            at(item, "jats:abstract"),
            at(item, "ai:program/ai:license_ref"),
            at(item, "doi_data/resource"),
        )

    def _container_title(self) -> str | None:
        if self.container.tag == "journal":
            return at(self.container, "journal_metadata/full_title")
        if self.container.tag == "book":
            return at(self.container[0], "titles/title")
        return at(self.container, "proceedings_metadata/proceedings_title")

    def _language(self) -> str | None:
        return first(*(each.get("language") for each in (self.container, *self.container)))


def person(element: Element) -> tuple[Any, ...]:
    organization = text(element) if element.tag == "organization" else None
    orcid = at(element, "ORCID")
    match = _ORCID.fullmatch(orcid) if orcid else None
    names = (at(element, part) for part in ("given_name", "surname", "suffix"))
    role, sequence = element.get("contributor_role"), element.get("sequence")
    return role, sequence, *names, organization, "-".join(match.groups()) if match else orcid


def cited(element: Element) -> tuple[Any, ...]:
    parts = (at(element, part) for part in ("journal_title", "author", "volume", "issue", "first_page"))
    year = number(at(element, "cYear"))
    doi = lower(at(element, "doi"))
    return element.get("key"), doi, *parts, year, at(element, "article_title"), at(element, "unstructured_citation")


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    return Mapping.load("unixref")


@pytest.mark.parametrize("size", [2_000, 5_000_000])
def test_every_row_of_every_table(mapping: Mapping, size: int) -> None:
    print(f"seed {SEED}")
    content = made(SEED, size)
    rows = Rows(content, mapping)
    works = [Work(record) for record in ElementTree.fromstring(content)]
    assert rows.rejected == []
    assert rows.records == len(works)
    for table in mapping.tables:
        expected = [(work.key, *row) for work in works for row in work.rows()[table]]
        assert rows.plain(table) == expected, table
    assert size < 10**6 or all(rows.tables.values())


def test_small_chunks_give_the_same_rows(mapping: Mapping) -> None:
    content = made(SEED, 500_000)
    whole, cut = Rows(content, mapping), Rows(content, mapping, size=4_000)
    for table in mapping.tables:
        assert cut.plain(table) == whole.plain(table), f"{table}, seed {SEED}"


def test_a_record_without_a_doi_is_put_aside(mapping: Mapping) -> None:
    content = made(SEED, 200_000)
    start = content.index(b"<doi_record ", 50_000)
    stop = content.index(b"</doi_record>", start)
    record = content[start:stop]
    without = re.sub(rb"<doi>[^<]*</doi>", b"", record)
    rows = Rows(content[:start] + without + content[stop:], mapping)
    (rejected,) = rows.rejected
    assert rejected.offset == start
    assert rejected.excerpt.startswith(record[:50].decode())
    assert rows.records == Rows(content, mapping).records - 1
