"""A stream of XML as chunks of whole records, found without parsing what is in them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from xml_rebuild.mapping import Mapping


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole records; `offset` is that of the first byte of `data` in the unpacked (UTF-8) document."""

    number: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Prolog:
    """The open elements around the records, root first, as start tags with their namespace declarations."""

    open_tags: tuple[bytes, ...]
    close_tags: tuple[bytes, ...]

    def wrap(self, data: bytes) -> bytes:
        """`data` as a document of its own."""
        return b"".join((*self.open_tags, data, *self.close_tags))


class Document:
    """An iterable of Chunks.

    `prolog` given means that `blocks` begin inside the document, at byte `start`, at a record (a shard).
    """

    def __init__(
        self,
        blocks: Iterable[bytes],
        mapping: Mapping,
        name: str,
        size: int = 2**20,
        max_record: int = 2**26,
        prolog: Prolog | None = None,
        start: int = 0,
    ) -> None:
        raise NotImplementedError

    @property
    def prolog(self) -> Prolog:
        """Known once the first chunk was read, or given."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Chunk]:
        raise NotImplementedError


def boundaries(
    read_at: Callable[[int, int], bytes], size: int, mapping: Mapping, parts: int
) -> tuple[Prolog, list[tuple[int, int]]]:
    """Record-aligned [start, stop) ranges of a plain document, found by looking only near the cuts."""
    raise NotImplementedError
