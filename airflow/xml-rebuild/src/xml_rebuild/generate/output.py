"""One XML document written a record at a time, until it has the size asked for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", re.IGNORECASE)


class Writable(Protocol):
    """What bytes can be written to."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Made:
    """A document to come: `records` has as many as anybody asks for, unless its source is empty."""

    prolog: bytes
    records: Iterator[bytes]
    epilog: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """What a written document holds."""

    bytes: int
    records: int


def size_of(text: str) -> int:
    """The bytes that "200MB", "3 GB" or "12345" means; units are powers of ten. Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no size; write it as 200MB, 1.5GB or a number of bytes")
    return round(float(match[1]) * _UNITS[match[2].lower()])


def write(document: Made, size: int, out: Writable) -> Written:
    """Write the document with as many whole records as bring it to `size` bytes, and at least one."""
    out.write(document.prolog)
    written = len(document.prolog) + len(document.epilog)
    records = 0
    for record in document.records:
        out.write(record)
        written += len(record)
        records += 1
        if written >= size:
            break
    out.write(document.epilog)
    return Written(written, records)
