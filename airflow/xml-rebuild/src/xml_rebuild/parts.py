"""The parts of a rebuild's sources, each of which is loaded in one transaction, so wholly or not at all."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from xml_rebuild.document import Prolog, boundaries
from xml_rebuild.mapping import Mapping
from xml_rebuild.source import Source, is_packed, read_at

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: Bytes of a plain document that one part covers, unless the caller says otherwise.
PART_BYTES = 2**26


@dataclass(frozen=True, slots=True)
class Part:
    """What is loaded in one transaction: a packed source as a whole, or a range of a plain one.

    `rebuild` is the id of the rebuild that it belongs to; `prolog` is None where the part begins at the source's start.
    """

    number: int
    rebuild: str
    source: Source
    start: int = 0
    stop: int | None = None
    prolog: Prolog | None = None

    @property
    def bytes(self) -> int:
        """The bytes to read, packed where the source is."""
        return (self.source.size if self.stop is None else self.stop) - self.start

    def as_dict(self) -> dict[str, Any]:
        """A JSON-able form from which `from_dict` makes this part again."""
        form = asdict(self)
        if self.prolog is not None:
            form["prolog"] = {name: [_text(tag) for tag in tags] for name, tags in asdict(self.prolog).items()}
        return form

    @classmethod
    def from_dict(cls, form: dict[str, Any]) -> "Part":
        """The inverse of `as_dict`."""
        prolog = form["prolog"]
        if prolog is not None:
            prolog = Prolog(**{name: tuple(base64.b64decode(tag) for tag in tags) for name, tags in prolog.items()})
        return cls(**{**form, "source": Source(**form["source"]), "prolog": prolog})


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def cut(
    sources: Sequence[Source],
    mapping: Mapping,
    rebuild: str,
    part_bytes: int = PART_BYTES,
    s3: "S3Client | None" = None,
) -> Iterator[Part]:
    """`sources` as parts of the rebuild of this id, in load order; only plain sources are cut."""
    number = 0
    for source in sources:
        for prolog, start, stop in _ranges(source, mapping, part_bytes, s3):
            number += 1
            yield Part(number, rebuild, source, start, stop, prolog)


def _ranges(
    source: Source, mapping: Mapping, part_bytes: int, s3: "S3Client | None"
) -> Iterator[tuple[Prolog | None, int, int | None]]:
    wanted = -(-source.size // part_bytes)
    if wanted <= 1 or is_packed(source, s3):
        yield None, 0, None
        return
    prolog, ranges = boundaries(partial(read_at, source, s3=s3), source.size, mapping, wanted)
    for start, stop in ranges:
        # From byte 0 there is no record yet: what cannot be cut is read from its start, as a packed one is.
        yield (prolog, start, stop) if start else (None, 0, None)
