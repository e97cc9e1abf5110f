"""ONIX for Preservation Holdings 0.2, the message of the ONIX Serials Online Holdings family that archives exchange.

One HoldingsRecord per journal: identifiers, titles, publisher, and what of the journal is preserved. The ISSN is the
last identifier, as in the files of the agencies, and a few journals have none.
"""

import random
from collections.abc import Iterator

from xml_rebuild.generate.output import Made
from xml_rebuild.generate.vocabulary import Vocabulary

NAMESPACE = "http://www.editeur.org/onix/serials/SOH"
_ISSN_NUMBERS = 10**7
# Has no factor in common with the number of ISSNs, so that every one is reached before any comes again.
_STEP = 7654321


def document(seed: int, prefix: str = "oph") -> Made:
    """A message whose elements have `prefix`; with an empty one they are in the default namespace."""
    declared = f"xmlns:{prefix}" if prefix else "xmlns"
    opened = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<oph:ONIXPreservationHoldings {declared}="{NAMESPACE}" version="0.2" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="{NAMESPACE} ONIX_PreservationHoldings_V0.2.xsd">\n'
        "<oph:Header>\n<oph:Sender>\n<oph:SenderName>Made Archive &amp; Sons</oph:SenderName>\n</oph:Sender>\n"
        "<oph:SentDateTime>20240102T030405Z</oph:SentDateTime>\n<oph:CompleteFile/>\n</oph:Header>\n"
        "<oph:HoldingsList>\n<oph:PreservationAgency>\n"
        "<oph:PreservationAgencyName>Made Archive</oph:PreservationAgencyName>\n</oph:PreservationAgency>\n"
    )
    closed = "</oph:HoldingsList>\n</oph:ONIXPreservationHoldings>\n"
    records = (_with_prefix(record, prefix) for record in _Holdings(random.Random(seed)))
    return Made(_with_prefix(opened, prefix), records, _with_prefix(closed, prefix))


def issn(number: int) -> str:
    """The number-th ISSN, eight characters with the check digit; the first ten million differ."""
    digits = f"{number * _STEP % _ISSN_NUMBERS:07}"
    rest = -sum(weight * int(digit) for weight, digit in zip(range(8, 1, -1), digits, strict=True)) % 11
    return digits + ("X" if rest == 10 else str(rest))


def _with_prefix(text: str, prefix: str) -> bytes:
    if prefix != "oph":
        begin = f"{prefix}:" if prefix else ""
        text = text.replace("<oph:", f"<{begin}").replace("</oph:", f"</{begin}")
    return text.encode()


def _element(name: str, content: str) -> str:
    return f"<oph:{name}>{content}</oph:{name}>\n"


def _group(name: str, *parts: str) -> str:
    return f"<oph:{name}>\n{''.join(parts)}</oph:{name}>\n"


class _Holdings:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._text = Vocabulary(chance)
        self._publishers = [self._text.phrase() for _ in range(300)]

    def __iter__(self) -> Iterator[str]:
        number = self._chance.randrange(_ISSN_NUMBERS)
        while True:
            number += 1
            yield self._record(number)

    def _some(self, share: float, text: str) -> str:
        return text if self._chance.random() < share else ""

    def _record(self, number: int) -> str:
        resource = (self._identifiers(number), self._titles(), self._publisher(), self._package_list())
        return _group("HoldingsRecord", _element("NotificationType", "00"), _group("ResourceVersion", *resource))

    def _identifiers(self, number: int) -> str:
        own = self._identifier("01", f"made-{number}", _element("IDTypeName", "Made number"))
        if self._chance.random() < 0.02:
            return own
        # Some agencies put white space before the number.
        value = self._chance.choice((issn(number), f"{issn(number)[:4]}-{issn(number)[4:]}", f" {issn(number)}"))
        return self._some(0.3, own) + self._identifier("07", value)

    def _identifier(self, kind: str, value: str, name: str = "") -> str:
        return _group(
            "ResourceVersionIdentifier", _element("ResourceVersionIDType", kind), name, _element("IDValue", value)
        )

    def _titles(self) -> str:
        subtitle = self._some(0.2, _element("Subtitle", self._text.phrase()))
        full = _group("Title", _element("TitleType", "01"), _element("TitleText", self._text.phrase()), subtitle)
        short = _group("Title", _element("TitleType", "05"), _element("TitleText", self._text.word()))
        return self._some(0.2, short) + self._some(0.98, full)

    def _publisher(self) -> str:
        name = _element("PublisherName", self._chance.choice(self._publishers))
        return self._some(0.9, _group("Publisher", _element("PublishingRole", "01"), name))

    def _package_list(self) -> str:
        link = f"https://journals.example.org/{self._chance.randrange(10**6)}?lang=en&amp;open=1"
        site = _group("Website", _element("WebsiteRole", "05"), _element("WebsiteLink", link))
        first_year = self._chance.randint(1890, 2015)
        packages = (self._package(volume, first_year + volume) for volume in range(1, self._packages() + 1))
        return _group("OnlinePackage", self._some(0.8, site), *packages)

    def _packages(self) -> int:
        """Mostly a few; one journal in a hundred has very many."""
        return self._chance.randint(100, 400) if self._chance.random() < 0.01 else self._chance.randint(1, 15)

    def _package(self, volume: int, year: int) -> str:
        status = self._chance.choice(("00", "01", "02", "03", "04", "05", "05", "05", "05", "05"))
        dated = self._some(0.7, _element("DateOfStatus", f"{min(year + 1, 2024)}{self._month()}{self._day()}"))
        return _group(
            "PackageDetail",
            self._coverage(volume, year),
            self._some(0.1, _element("EpubFormat", "04")),
            self._some(0.95, _group("PreservationStatus", _element("PreservationStatusCode", status), dated)),
            self._some(0.9, _element("VerificationStatus", self._chance.choice(("00", "01", "02", "03", "04")))),
        )

    def _coverage(self, volume: int, year: int) -> str:
        inclusion = _element("SupplementInclusion", "04") + _element("IndexInclusion", "04")
        if self._chance.random() < 0.15:
            covered = self._sequence(volume, year)
        else:
            issues = range(1, self._chance.randint(1, 8) + 1)
            covered = "".join(_group("Release", self._place(volume, issue, year)) for issue in issues)
        level = _element("CoverageDescriptionLevel", "03")
        return _group("Coverage", level, self._some(0.8, inclusion), _group("FixedCoverage", covered))

    def _sequence(self, volume: int, year: int) -> str:
        start = _group("SequenceStart", self._place(volume, 1, year))
        return _group("Sequence", start, self._some(0.9, _group("SequenceEnd", self._place(volume + 3, 4, year + 3))))

    def _place(self, volume: int, issue: int, year: int) -> str:
        """Where in the run of the journal: volume and issue, volume, issue or date alone; a date or none."""
        first = _group("Level1", _element("Unit", "Volume"), _element("Number", str(volume)))
        number = str(issue) if self._chance.random() < 0.9 else f"{issue}-{issue + 1} Suppl. &amp; Index"
        second = _group("Level2", _element("Unit", "Issue"), _element("Number", number))
        only = _group("Level1", _element("Unit", "Issue"), _element("Number", number))
        levels = self._chance.choice((first + second, first + second, first + second, first, only, ""))
        enumeration = _group("Enumeration", levels) if levels else ""
        return enumeration + (self._date(year) if not levels else self._some(0.9, self._date(year)))

    def _date(self, year: int) -> str:
        form, date = self._chance.choice(
            (("00", f"{year}{self._month()}{self._day()}"), ("01", f"{year}{self._month()}"), ("05", f"{year}"))
        )
        calendar = self._some(0.5, _element("Calendar", "00"))
        return _group("NominalDate", calendar, _element("DateFormat", form), _element("Date", date))

    def _month(self) -> str:
        return f"{self._chance.randint(1, 12):02}"

    def _day(self) -> str:
        return f"{self._chance.randint(1, 28):02}"
