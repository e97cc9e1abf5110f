"""Crossref's UNIXREF: one doi_record per work, as its members deposited it.

Articles, chapters, whole books, papers of conferences, preprints and journals. The bibliography is in no namespace;
abstracts, funding, licences and formulas are each in their own, declared where they begin.
"""

import random
from collections.abc import Iterator

from xml_rebuild.generate.onix import issn
from xml_rebuild.generate.output import Made
from xml_rebuild.generate.vocabulary import Vocabulary

_JATS = 'xmlns:jats="http://www.ncbi.nlm.nih.gov/JATS1"'
_FUNDREF = 'xmlns:fr="http://www.crossref.org/fundref.xsd"'
_ACCESS = 'xmlns:ai="http://www.crossref.org/AccessIndicators.xsd"'
_MATHML = 'xmlns:mml="http://www.w3.org/1998/Math/MathML"'
_LICENCE = "https://creativecommons.org/licenses/by/4.0/"


def document(seed: int) -> Made:
    """A `doi_records` document."""
    works = (work.encode() for work in _Works(random.Random(seed)))
    return Made(b'<?xml version="1.0" encoding="UTF-8"?>\n<doi_records>\n', works, b"</doi_records>\n")


def _element(name: str, content: str, **attributes: str) -> str:
    written = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<{name}{written}>{content}</{name}>\n"


def _group(name: str, *parts: str, **attributes: str) -> str:
    return _element(name, "\n" + "".join(parts), **attributes)


class _Works:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._text = Vocabulary(chance)
        self._number = 0

    def __iter__(self) -> Iterator[str]:
        kinds = (self._article, self._chapter, self._book, self._paper, self._preprint, self._journal_itself)
        while True:
            self._number += 1
            (kind,) = self._chance.choices(kinds, weights=(75, 8, 4, 9, 3, 1))
            owner = f"10.{5000 + self._number % 97}"
            stamp = f"{self._year()}-{self._two(12)}-{self._two(28)} {self._two(23)}:{self._two(59)}:{self._two(59)}"
            yield _group("doi_record", _group("crossref", kind(owner)), owner=owner, timestamp=stamp)

    def _some(self, share: float, text: str) -> str:
        return text if self._chance.random() < share else ""

    def _two(self, most: int) -> str:
        return f"{self._chance.randint(1, most):02}"

    def _year(self) -> str:
        return str(self._chance.randint(1950, 2024))

    def _language(self) -> dict[str, str]:
        return self._chance.choice(({"language": "en"}, {"language": "en"}, {"language": "ru"}, {}))

    # Kinds of work

    def _article(self, owner: str) -> str:
        article = (
            self._titles(),
            self._some(0.95, self._contributors("author")),
            self._some(0.5, self._abstract()),
            self._dates("publication_date"),
            self._some(0.8, self._pages()),
            self._some(0.2, self._funding()),
            self._some(0.3, self._licence()),
            self._doi_data(owner, f"j.{self._number}"),
            self._some(0.7, self._citations()),
        )
        return _group(
            "journal",
            self._journal_metadata(),
            self._some(0.9, self._journal_issue(owner)),
            _group("journal_article", *article, publication_type="full_text", **self._language()),
        )

    def _chapter(self, owner: str) -> str:
        chapter = (
            self._some(0.9, self._contributors("author")),
            self._titles(),
            self._some(0.5, _element("component_number", f"Chapter {self._two(30)}")),
            self._some(0.8, self._pages()),
            self._doi_data(owner, f"c.{self._number}"),
            self._some(0.5, self._citations()),
        )
        item = _group("content_item", *chapter, component_type="chapter", level_sequence_number="1")
        return _group("book", self._book_metadata(owner, f"b.of.{self._number}"), item, book_type="edited_book")

    def _book(self, owner: str) -> str:
        return _group("book", self._book_metadata(owner, f"b.{self._number}"), book_type="monograph")

    def _paper(self, owner: str) -> str:
        event = (
            _element("conference_name", self._text.phrase()),
            self._some(0.6, _element("conference_acronym", self._text.name())),
            self._some(0.6, _element("conference_location", self._text.phrase())),
        )
        proceedings = (
            _element("proceedings_title", self._text.phrase()),
            _group("publisher", _element("publisher_name", self._text.phrase())),
            self._dates("publication_date"),
            self._some(0.7, _element("isbn", f"978{self._chance.randrange(10**10):010}", media_type="print")),
        )
        paper = (
            self._some(0.95, self._contributors("author")),
            self._titles(),
            self._some(0.7, self._dates("publication_date")),
            self._some(0.8, self._pages()),
            self._doi_data(owner, f"p.{self._number}"),
            self._some(0.7, self._citations()),
        )
        return _group(
            "conference",
            self._some(0.3, self._contributors("chair")),
            _group("event_metadata", *event),
            _group("proceedings_metadata", *proceedings, **self._language()),
            _group("conference_paper", *paper, publication_type="full_text"),
        )

    def _preprint(self, owner: str) -> str:
        parts = (
            self._some(0.5, _element("group_title", self._text.phrase())),
            self._contributors("author"),
            self._titles(),
            _group("posted_date", _element("month", self._two(12)), _element("year", self._year())),
            self._abstract(),
            self._doi_data(owner, f"x.{self._number}"),
        )
        return _group("posted_content", *parts, type="preprint", **self._language())

    def _journal_itself(self, owner: str) -> str:
        return _group("journal", self._journal_metadata(self._doi_data(owner, f"journal.{self._number}")))

    # What they are made of

    def _journal_metadata(self, doi_data: str = "") -> str:
        number = 2 * self._chance.randrange(5000)
        other = issn(number + 1)
        parts = (
            _element("full_title", self._text.phrase()),
            self._some(0.7, _element("abbrev_title", self._text.phrase())),
            self._some(0.8, _element("issn", issn(number), media_type="print")),
            self._some(0.6, _element("issn", f"{other[:4]}-{other[4:]}", media_type="electronic")),
        )
        return _group("journal_metadata", *parts, doi_data, **self._language())

    def _journal_issue(self, owner: str) -> str:
        volume = _group("journal_volume", _element("volume", str(self._chance.randint(1, 300))))
        issue = _element("issue", self._chance.choice((self._two(12), "S1", "3-4", "Suppl. &amp; Index")))
        own = self._doi_data(owner, f"i.{self._chance.randrange(10**6)}")
        return _group(
            "journal_issue",
            self._dates("publication_date"),
            self._some(0.9, volume),
            self._some(0.8, issue),
            self._some(0.1, own),
        )

    def _book_metadata(self, owner: str, suffix: str) -> str:
        number = issn(self._chance.randrange(5000))
        titles = _group("titles", _element("title", self._text.phrase()))
        series = _group("series_metadata", titles, self._some(0.8, _element("issn", number, media_type="print")))
        parts = (
            self._some(0.7, self._contributors("editor")),
            self._titles(),
            self._some(0.2, _element("edition_number", self._two(9))),
            self._dates("publication_date"),
            self._some(0.9, _element("isbn", f"978{self._chance.randrange(10**10):010}", media_type="print")),
            self._some(0.5, _element("isbn", f"978-{self._chance.randrange(10**10):010}", media_type="electronic")),
            _group("publisher", _element("publisher_name", self._text.phrase()), self._some(0.4, self._place())),
            self._doi_data(owner, suffix),
        )
        if self._chance.random() < 0.3:
            return _group("book_series_metadata", series, *parts, **self._language())
        return _group("book_metadata", *parts, **self._language())

    def _place(self) -> str:
        return _element("publisher_place", self._text.name())

    def _titles(self) -> str:
        title = self._text.marked() + self._some(0.03, self._formula())
        subtitle = self._some(0.2, _element("subtitle", self._text.marked()))
        original = self._some(0.05, _element("original_language_title", self._text.phrase(), language="ru"))
        return _group("titles", _element("title", title), subtitle, original)

    def _formula(self) -> str:
        word = self._text.word()
        return f" <mml:math {_MATHML}><mml:msub><mml:mi>{word}</mml:mi><mml:mn>2</mml:mn></mml:msub></mml:math>"

    def _contributors(self, role: str) -> str:
        most = 400 if self._chance.random() < 0.002 else 6
        count = self._chance.randint(1, most)
        sequence = ["first"] + ["additional"] * (count - 1)
        return _group("contributors", *(self._contributor(role, order) for order in sequence))

    def _contributor(self, role: str, order: str) -> str:
        if self._chance.random() < 0.03:
            return _element("organization", self._text.phrase(), sequence=order, contributor_role=role)
        affiliations = (
            _element("affiliation", self._text.phrase()) for _ in range(self._chance.choice((0, 0, 1, 1, 2)))
        )
        digits = "-".join(f"{self._chance.randrange(10**4):04}" for _ in range(4))
        orcid = self._chance.choice((f"https://orcid.org/{digits}", f"http://orcid.org/{digits}", digits))
        parts = (
            self._some(0.95, _element("given_name", self._text.name())),
            _element("surname", self._text.name()),
            self._some(0.02, _element("suffix", "Jr.")),
            *affiliations,
            self._some(0.25, _element("ORCID", orcid, authenticated="true")),
        )
        return _group("person_name", *parts, sequence=order, contributor_role=role)

    def _abstract(self) -> str:
        paragraphs = (
            f"<jats:p>{self._text.sentences(6)} <jats:italic>{self._text.word()}</jats:italic></jats:p>\n"
            for _ in range(self._chance.randint(1, 3))
        )
        title = self._some(0.5, "<jats:title>Abstract</jats:title>\n")
        return f"<jats:abstract {_JATS}>\n{title}{''.join(paragraphs)}</jats:abstract>\n"

    def _dates(self, name: str) -> str:
        """One or two, each as far as it is known: year, month or day."""
        forms: tuple[list[dict[str, str]], ...] = (
            [{}],
            [{"media_type": "print"}],
            [{"media_type": "online"}, {"media_type": "print"}],
        )
        return "".join(self._date(name, kind) for kind in self._chance.choice(forms))

    def _date(self, name: str, kind: dict[str, str]) -> str:
        day = self._some(0.5, _element("day", self._two(28)))
        return _group(
            name, self._some(0.7, _element("month", self._two(12)) + day), _element("year", self._year()), **kind
        )

    def _pages(self) -> str:
        first = self._chance.randint(1, 2000)
        last = _element("last_page", str(first + self._chance.randint(1, 30)))
        return _group("pages", _element("first_page", self._some(0.05, "e") + str(first)), self._some(0.8, last))

    def _funding(self) -> str:
        award = self._some(0.7, f'<fr:assertion name="award_number">{self._chance.randrange(10**6)}</fr:assertion>\n')
        name = f'<fr:assertion name="funder_name">{self._text.phrase()}</fr:assertion>\n'
        group = f'<fr:assertion name="fundgroup">\n{name}{award}</fr:assertion>\n'
        return f'<fr:program {_FUNDREF} name="fundref">\n{group * self._chance.randint(1, 3)}</fr:program>\n'

    def _licence(self) -> str:
        reference = f'<ai:license_ref applies_to="vor" start_date="{self._year()}-01-01">{_LICENCE}</ai:license_ref>\n'
        return f'<ai:program {_ACCESS} name="AccessIndicators">\n{reference}</ai:program>\n'

    def _doi_data(self, owner: str, suffix: str) -> str:
        # DOIs are written in either case, and may hold characters that XML escapes.
        doi = f"{owner}/{self._chance.choice(('made', 'MADE', 'Made&lt;1::2&gt;'))}.{suffix}"
        resource = f"https://example.org/{self._number}?download=1&amp;from=crossref"
        return _group("doi_data", _element("doi", doi), _element("resource", resource))

    def _citations(self) -> str:
        numbers = range(1, self._chance.randint(1, 45) + 1)
        return _group("citation_list", *(self._citation(number) for number in numbers))

    def _citation(self, number: int) -> str:
        kind = self._chance.random()
        cited = f"10.{5000 + self._chance.randrange(97)}/made.j.{self._chance.randrange(10**6)}"
        doi = _element("doi", cited, provider="publisher")
        if kind < 0.25:
            content = self._some(0.3, doi) + _element("unstructured_citation", self._text.marked())
        elif kind < 0.3:
            content = doi
        else:
            content = self._cited_article() + self._some(0.5, doi)
        return _group("citation", content, key=f"ref{number}")

    def _cited_article(self) -> str:
        return "".join(
            (
                self._some(0.1, _element("issn", issn(self._chance.randrange(5000)))),
                self._some(0.9, _element("journal_title", self._text.phrase())),
                self._some(0.95, _element("author", self._text.name())),
                self._some(0.8, _element("volume", str(self._chance.randint(1, 300)))),
                self._some(0.2, _element("issue", self._two(12))),
                self._some(0.8, _element("first_page", str(self._chance.randint(1, 2000)))),
                self._some(0.95, _element("cYear", self._year())),
                self._some(0.4, _element("article_title", self._text.marked())),
            )
        )
