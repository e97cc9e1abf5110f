"""MEDLINE records as Django objects, as one writes it with lxml: a path for each field."""

import re
from collections.abc import Iterator
from datetime import date

from citations import models
from lxml import etree
from lxml.etree import _Element as Element

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTHS = {name: at for at, name in enumerate(_NAMES, start=1)}
LARGEST_INTEGER = 2**31 - 1


def records(source: str) -> Iterator[Element]:
    """Each PubmedArticle; its memory is given back when the next is asked for."""
    for _, element in etree.iterparse(source, tag="PubmedArticle"):
        yield element
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


def journal(record: Element) -> models.Journal | None:
    info, own = record.find("MedlineCitation/MedlineJournalInfo"), record.find("MedlineCitation/Article/Journal")
    nlm_id = text(info, "NlmUniqueID")
    return models.Journal(
        nlm_id=nlm_id,
        title=text(own, "Title"),
        iso_abbreviation=text(own, "ISOAbbreviation"),
        medline_ta=text(info, "MedlineTA"),
        issn_linking=text(info, "ISSNLinking"),
        country=text(info, "Country"),
    ) if nlm_id else None  # fmt: skip


def article(record: Element) -> models.Article:
    citation = record.find("MedlineCitation")
    pmid, own = citation.find("PMID"), citation.find("Article")
    issn, issue, printed = own.find("Journal/ISSN"), own.find("Journal/JournalIssue"), printed_date(own)
    return models.Article(
        pmid=int(pmid.text),
        version=int(pmid.get("Version", "1")),
        status=citation.get("Status"),
        pub_model=own.get("PubModel"),
        publication_status=text(record, "PubmedData/PublicationStatus"),
        nlm_id=text(citation, "MedlineJournalInfo/NlmUniqueID"),
        issn=text(issn, "."),
        issn_type=None if issn is None else issn.get("IssnType"),
        volume=text(issue, "Volume"),
        issue=text(issue, "Issue"),
        pages=text(own, "Pagination/MedlinePgn"),
        pub_date=" ".join(filter(None, printed.values())) or None,
        pub_year=year(printed),
        pub_month=MONTHS.get(printed.get("Month", "")[:3].lower()) or number(printed.get("Month"), 12),
        pub_day=number(printed.get("Day"), 31),
        title=text(own, "ArticleTitle"),
        vernacular_title=text(own, "VernacularTitle"),
        abstract=abstract(own),
        languages=[language.text for language in own.findall("Language")],
        date_completed=day(citation.find("DateCompleted")),
        date_revised=day(citation.find("DateRevised")),
    )


def parts(record: Element, pmid: int) -> Iterator[models.Part]:
    """Every row that belongs to an article, an author before its affiliations, a heading before its qualifiers."""
    citation, data = record.find("MedlineCitation"), record.find("PubmedData")
    yield from authors(citation, pmid)
    yield from headings(citation, pmid)
    for at, one in enumerate(citation.iterfind("Article/GrantList/Grant"), start=1):
        names = {"grant_id": "GrantID", "acronym": "Acronym", "agency": "Agency", "country": "Country"}
        yield models.Grant(article_id=pmid, position=at, **{name: text(one, tag) for name, tag in names.items()})
    for at, one in enumerate(citation.iterfind("Article/PublicationTypeList/PublicationType"), start=1):
        yield models.PublicationType(article_id=pmid, position=at, type_ui=one.get("UI"), type=text(one, "."))
    if data is not None:
        yield from identifiers(data, pmid)
        yield from references(data, pmid)


def authors(citation: Element, pmid: int) -> Iterator[models.Part]:
    for at, author in enumerate(citation.iterfind("Article/AuthorList/Author"), start=1):
        yield models.Author(
            article_id=pmid,
            position=at,
            last_name=text(author, "LastName"),
            fore_name=text(author, "ForeName"),
            initials=text(author, "Initials"),
            suffix=text(author, "Suffix"),
            collective_name=text(author, "CollectiveName"),
            orcid=text(author, "Identifier[@Source='ORCID']"),
            valid=author.get("ValidYN") == "Y",
            equal_contribution=author.get("EqualContrib") == "Y",
        )
        for place, one in enumerate(author.iterfind("AffiliationInfo"), start=1):
            said = text(one, "Affiliation")
            yield models.Affiliation(article_id=pmid, author_position=at, position=place, affiliation=said)


def headings(citation: Element, pmid: int) -> Iterator[models.Part]:
    for at, heading in enumerate(citation.iterfind("MeshHeadingList/MeshHeading"), start=1):
        for place, term in enumerate(heading):
            said = {"article_id": pmid, "major_topic": term.get("MajorTopicYN") == "Y"}
            if term.tag == "DescriptorName":
                yield models.MeshHeading(position=at, descriptor_ui=term.get("UI"), descriptor=text(term, "."), **said)
            else:
                named = {"qualifier_ui": term.get("UI"), "qualifier": text(term, ".")}
                yield models.MeshQualifier(heading_position=at, position=place, **named, **said)


def identifiers(data: Element, pmid: int) -> Iterator[models.Part]:
    for at, one in enumerate(data.iterfind("ArticleIdList/ArticleId"), start=1):
        yield models.Identifier(article_id=pmid, position=at, id_type=one.get("IdType"), value=text(one, "."))


def references(data: Element, pmid: int) -> Iterator[models.Part]:
    found = (one for one_list in data.iterfind("ReferenceList") for one in one_list.iter("Reference"))
    for at, reference in enumerate(found, start=1):
        yield models.Citation(
            article_id=pmid,
            position=at,
            citation=text(reference, "Citation"),
            cited_pmid=number(text(reference, "ArticleIdList/ArticleId[@IdType='pubmed']"), LARGEST_INTEGER),
            doi=text(reference, "ArticleIdList/ArticleId[@IdType='doi']"),
            pmcid=text(reference, "ArticleIdList/ArticleId[@IdType='pmc']"),
        )


def text(element: Element | None, path: str) -> str | None:
    """All that the element at `path` says, markup inside it left out."""
    found = None if element is None else element.find(path)
    return None if found is None else "".join(found.itertext()).strip() or None


def abstract(own: Element) -> str | None:
    sections = ((one.get("Label"), text(one, ".")) for one in own.iterfind("Abstract/AbstractText"))
    return "\n".join(f"{label}: {said}" if label else said for label, said in sections if said) or None


def printed_date(own: Element) -> dict[str, str]:
    return {part.tag: (part.text or "").strip() for part in own.iterfind("Journal/JournalIssue/PubDate/*")}


def year(printed: dict[str, str]) -> int | None:
    found = re.search(r"\d{4}", printed.get("Year") or printed.get("MedlineDate") or "")
    return int(found[0]) if found else None


def number(said: str | None, largest: int) -> int | None:
    return int(said) if said and said.isascii() and said.isdigit() and int(said) <= largest else None


def day(element: Element | None) -> date | None:
    if element is None:
        return None
    return date(*(int(element.findtext(part)) for part in ("Year", "Month", "Day")))
