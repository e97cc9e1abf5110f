"""The types of columns: which texts are values of them, and how these are written for Postgres."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

Canonical = Callable[[str], str | None]

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMERIC = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})|([0-9]{4})([0-9]{2})([0-9]{2})")
_LONGEST_NUMBER = 1000


@dataclass(frozen=True, slots=True)
class Type:
    """`usual` matches most of the values that need nothing done; `canonical` decides on all others."""

    usual: bytes
    canonical: Canonical
    expected: str


def _within(bits: int) -> Canonical:
    limit = 1 << (bits - 1)

    def canonical(text: str) -> str | None:
        if not _INTEGER.fullmatch(text) or len(text) > _LONGEST_NUMBER:
            return None
        number = int(text)
        return str(number) if -limit <= number < limit else None

    return canonical


def _numeric(text: str) -> str | None:
    return text if _NUMERIC.fullmatch(text) and len(text) <= _LONGEST_NUMBER else None


def _date(text: str) -> str | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day = (int(part) for part in match.groups() if part is not None)
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


def _boolean(text: str) -> str | None:
    return text if text in ("true", "false") else None


def _days(dash: bytes) -> bytes:
    short = rb"(?:0[1-9]|1[0-2])%b(?:0[1-9]|1[0-9]|2[0-8])"
    long = rb"(?:0[13-9]|1[0-2])%b(?:29|30)|(?:0[13578]|1[02])%b31"
    return rb"(?!0000)[0-9]{4}%b(?:%b|%b)" % (dash, short % dash, long % (dash, dash))


TYPES: dict[str, Type] = {
    "text": Type(rb"[^\x7f]+", lambda text: text, "a text"),
    "text[]": Type(rb"[^\x7f]+", lambda text: text, "texts"),
    "integer": Type(rb"-?[0-9]{1,9}", _within(32), "an integer of 32 bits"),
    "bigint": Type(rb"-?[0-9]{1,18}", _within(64), "an integer of 64 bits"),
    "numeric": Type(rb"-?[0-9]{1,50}(?:\.[0-9]{1,50})?", _numeric, "a number"),
    "date": Type(_days(b"-") + b"|" + _days(b""), _date, "a calendar date"),
    "boolean": Type(rb"true|false", _boolean, "true or false"),
}
