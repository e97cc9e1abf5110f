"""MEDLINE citations as rows: one `PubmedArticle` element in, the rows of every table out.

Field meanings follow NLM's description of the MEDLINE/PubMed XML elements. Text is what the element and the
markup inside it (`<i>`, `<sup>`, MathML) say, stripped at both ends; empty text is None. Positions count from 1 in
document order, so author order is `author.position`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from xml.etree.ElementTree import Element

from pubmed_rebuild.bad_input import WrongContent

Row = tuple[object, ...]

#: Table → columns of its rows in `Record.rows`.
COLUMNS: dict[str, tuple[str, ...]] = {
    "article": (
        "pmid", "version", "status", "pub_model", "publication_status", "nlm_id", "issn", "issn_type", "volume",
        "issue", "pages", "pub_date", "pub_year", "pub_month", "pub_day", "title", "vernacular_title", "abstract",
        "languages", "date_completed", "date_revised",
    ),
    "author": (
        "pmid", "position", "last_name", "fore_name", "initials", "suffix", "collective_name", "orcid", "valid",
        "equal_contribution",
    ),
    "affiliation": ("pmid", "author_position", "position", "affiliation"),
    "mesh_heading": ("pmid", "position", "descriptor_ui", "descriptor", "major_topic"),
    "mesh_qualifier": ("pmid", "heading_position", "position", "qualifier_ui", "qualifier", "major_topic"),
    "identifier": ("pmid", "position", "id_type", "value"),
    "grant": ("pmid", "position", "grant_id", "acronym", "agency", "country"),
    "citation": ("pmid", "position", "citation", "cited_pmid", "doi", "pmcid"),
    "publication_type": ("pmid", "position", "type_ui", "type"),
}  # fmt: skip

#: Columns of `Record.journal`.
JOURNAL_COLUMNS = ("nlm_id", "title", "iso_abbreviation", "medline_ta", "issn_linking", "country")

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_YEAR = re.compile(r"\d{4}", re.ASCII)
_ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4})-?(\d{4})-?(\d{4})-?(\d{3}[\dX])", re.ASCII)
_LARGEST_INTEGER = 2**31 - 1
_ABSENT = Element("absent")


@dataclass(frozen=True, slots=True)
class Record:
    """The rows of one `PubmedArticle`: `rows` by table as in COLUMNS, `journal` as in JOURNAL_COLUMNS.

    `journal` is None when the record has no NlmUniqueID, NLM's key of a journal.
    """

    pmid: int
    version: int
    rows: dict[str, list[Row]]
    journal: Row | None


@dataclass(frozen=True, slots=True)
class Deletion:
    """One `PMID` of a `DeleteCitation`: NLM withdraws this version of this citation."""

    pmid: int
    version: int


def record_of(element: Element) -> Record:
    """All rows of one `PubmedArticle`.

    Raises WrongContent when its PMID is not a whole number or a date in it is not a calendar date.
    """
    parts = _by_tag(element)
    medline = parts.get("MedlineCitation", _ABSENT)
    data = parts.get("PubmedData", _ABSENT)
    citation = _by_tag(medline)
    article = _by_tag(citation.get("Article", _ABSENT))
    pmid, version = _pmid_and_version(citation.get("PMID", _ABSENT))
    journal = _journal(citation, article)
    authors, affiliations = _authors(pmid, article.get("AuthorList", _ABSENT))
    headings, qualifiers = _mesh(pmid, citation.get("MeshHeadingList", _ABSENT))
    publication = _publication(citation, article, data)
    rows: dict[str, list[Row]] = {
        "article": [(pmid, version, medline.get("Status"), *publication, *_content(pmid, citation, article))],
        "author": authors,
        "affiliation": affiliations,
        "mesh_heading": headings,
        "mesh_qualifier": qualifiers,
        "identifier": _identifiers(pmid, _by_tag(data).get("ArticleIdList", _ABSENT)),
        "grant": _grants(pmid, article.get("GrantList", _ABSENT)),
        "citation": _citations(pmid, data),
        "publication_type": _publication_types(pmid, article.get("PublicationTypeList", _ABSENT)),
    }
    return Record(pmid, version, rows, journal)


def deletions_of(element: Element) -> Iterator[Deletion]:
    """The citations that one `DeleteCitation` withdraws."""
    for pmid in element:
        yield Deletion(*_pmid_and_version(pmid))


def _by_tag(element: Element) -> dict[str, Element]:
    return {child.tag: child for child in element}


def _text(element: Element | None) -> str | None:
    if element is None:
        return None
    text = "".join(element.itertext()) if len(element) else element.text
    return (text.strip() or None) if text else None


def _whole_number(text: str | None, what: str, where: str) -> int:
    if text is not None and text.isascii() and text.isdigit() and int(text) <= _LARGEST_INTEGER:
        return int(text)
    expected = f"a whole number up to {_LARGEST_INTEGER}"
    raise WrongContent(f"No {what}", where, expected, repr(text), "Correct this record in the file.")


def _pmid_and_version(element: Element) -> tuple[int, int]:
    pmid = _whole_number(_text(element), "PMID", "a citation")
    return pmid, _whole_number(element.get("Version", "1"), "PMID Version", f"PMID {pmid}")


def _date(element: Element | None, pmid: int) -> date | None:
    if element is None:
        return None
    parts = _by_tag(element)
    where = f"{element.tag} of PMID {pmid}"
    year, month, day = (_whole_number(_text(parts.get(tag)), tag, where) for tag in ("Year", "Month", "Day"))
    try:
        return date(year, month, day)
    except ValueError as error:
        found = f"{year}-{month}-{day}"
        raise WrongContent("No date", where, "a calendar date", found, "Correct this record in the file.") from error


def _publication(citation: dict[str, Element], article: dict[str, Element], data: Element) -> Row:
    journal = _by_tag(article.get("Journal", _ABSENT))
    issue = _by_tag(journal.get("JournalIssue", _ABSENT))
    issn = journal.get("ISSN", _ABSENT)
    return (
        citation.get("Article", _ABSENT).get("PubModel"),
        _text(_by_tag(data).get("PublicationStatus")),
        _nlm_id(citation),
        _text(issn),
        issn.get("IssnType"),
        _text(issue.get("Volume")),
        _text(issue.get("Issue")),
        _text(_by_tag(article.get("Pagination", _ABSENT)).get("MedlinePgn")),
        *_publication_date(issue.get("PubDate", _ABSENT)),
    )


def _publication_date(element: Element) -> Row:
    """As printed, then year, month and day as far as they are given; MedlineDate gives its first year only."""
    parts = {child.tag: _text(child) or "" for child in element}
    printed = " ".join(filter(None, parts.values())) or None
    year = _YEAR.search(parts.get("Year") or parts.get("MedlineDate") or "")
    month, day = parts.get("Month", ""), parts.get("Day", "")
    return (
        printed,
        int(year.group()) if year else None,
        _MONTHS.get(month[:3].lower()) or _small_number(month, 12),
        _small_number(day, 31),
    )


def _small_number(text: str, largest: int) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 1 <= int(text) <= largest else None


def _content(pmid: int, citation: dict[str, Element], article: dict[str, Element]) -> Row:
    return (
        _text(article.get("ArticleTitle")),
        _text(article.get("VernacularTitle")),
        _abstract(article.get("Abstract", _ABSENT)),
        [_text(child) for child in citation.get("Article", _ABSENT) if child.tag == "Language"],
        _date(citation.get("DateCompleted"), pmid),
        _date(citation.get("DateRevised"), pmid),
    )


def _abstract(element: Element) -> str | None:
    """The sections one per line, each led by its printed label ("METHODS: ...")."""
    sections = []
    for section in element:
        text = _text(section) if section.tag == "AbstractText" else None
        if text is not None:
            label = section.get("Label")
            sections.append(f"{label}: {text}" if label else text)
    return "\n".join(sections) or None


def _nlm_id(citation: dict[str, Element]) -> str | None:
    return _text(_by_tag(citation.get("MedlineJournalInfo", _ABSENT)).get("NlmUniqueID"))


def _journal(citation: dict[str, Element], article: dict[str, Element]) -> Row | None:
    nlm_id = _nlm_id(citation)
    if nlm_id is None:
        return None
    info = _by_tag(citation["MedlineJournalInfo"])
    journal = _by_tag(article.get("Journal", _ABSENT))
    return (
        nlm_id,
        _text(journal.get("Title")),
        _text(journal.get("ISOAbbreviation")),
        _text(info.get("MedlineTA")),
        _text(info.get("ISSNLinking")),
        _text(info.get("Country")),
    )


def _authors(pmid: int, author_list: Element) -> tuple[list[Row], list[Row]]:
    authors: list[Row] = []
    affiliations: list[Row] = []
    for position, author in enumerate(author_list, start=1):
        parts = _by_tag(author)
        authors.append(
            (
                pmid,
                position,
                _text(parts.get("LastName")),
                _text(parts.get("ForeName")),
                _text(parts.get("Initials")),
                _text(parts.get("Suffix")),
                _text(parts.get("CollectiveName")),
                _orcid(author) if "Identifier" in parts else None,
                author.get("ValidYN") == "Y",
                author.get("EqualContrib") == "Y",
            )
        )
        if "AffiliationInfo" in parts:
            affiliations += _affiliations(pmid, position, author)
    return authors, affiliations


def _orcid(author: Element) -> str | None:
    """The first ORCID iD of the author in its canonical form; one of another shape stays as written."""
    for identifier in author:
        written = _text(identifier) if identifier.tag == "Identifier" else None
        if written and identifier.get("Source") == "ORCID":
            match = _ORCID.fullmatch(written)
            return "-".join(match.groups()) if match else written
    return None


def _affiliations(pmid: int, author_position: int, author: Element) -> Iterator[Row]:
    found = (child for child in author if child.tag == "AffiliationInfo")
    for position, info in enumerate(found, start=1):
        yield pmid, author_position, position, _text(_by_tag(info).get("Affiliation"))


def _mesh(pmid: int, heading_list: Element) -> tuple[list[Row], list[Row]]:
    headings: list[Row] = []
    qualifiers: list[Row] = []
    for position, heading in enumerate(heading_list, start=1):
        place = 0
        for term in heading:
            major = term.get("MajorTopicYN") == "Y"
            if term.tag == "DescriptorName":
                headings.append((pmid, position, term.get("UI"), _text(term), major))
            elif term.tag == "QualifierName":
                place += 1
                qualifiers.append((pmid, position, place, term.get("UI"), _text(term), major))
    return headings, qualifiers


def _identifiers(pmid: int, id_list: Element) -> list[Row]:
    return [(pmid, position, child.get("IdType"), _text(child)) for position, child in enumerate(id_list, start=1)]


def _grants(pmid: int, grant_list: Element) -> list[Row]:
    rows: list[Row] = []
    for position, grant in enumerate(grant_list, start=1):
        parts = _by_tag(grant)
        fields = (_text(parts.get(tag)) for tag in ("GrantID", "Acronym", "Agency", "Country"))
        rows.append((pmid, position, *fields))
    return rows


def _citations(pmid: int, data: Element) -> list[Row]:
    """One row for each `Reference`, whatever the depth of its `ReferenceList`, in document order."""
    rows: list[Row] = []
    for part in data:
        if part.tag == "ReferenceList":
            for reference in part.iter("Reference"):
                rows.append((pmid, len(rows) + 1, *_reference(reference)))
    return rows


def _reference(reference: Element) -> Row:
    parts = _by_tag(reference)
    ids = {child.get("IdType"): _text(child) for child in reversed(parts.get("ArticleIdList", _ABSENT))}
    cited = ids.get("pubmed") or ""
    numeric = cited.isascii() and cited.isdigit() and int(cited) <= _LARGEST_INTEGER
    return _text(parts.get("Citation")), int(cited) if numeric else None, ids.get("doi"), ids.get("pmcid")


def _publication_types(pmid: int, type_list: Element) -> list[Row]:
    return [(pmid, position, child.get("UI"), _text(child)) for position, child in enumerate(type_list, start=1)]
