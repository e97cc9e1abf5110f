"""Packed bytes to plain ones: gzip, bzip2 and zstd, told apart by their first bytes."""

import bz2
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, cast

from isal import igzip_lib

from xml_rebuild.errors import CorruptInput, TruncatedInput, WrongContent

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: The most bytes handed on at a time, however far the input is packed.
BLOCK = 2**20
#: Bytes from which `packing_of` knows the packing.
MAGIC_BYTES = 4

_PADDING = b"\0"
_SPACE = b" \t\r\n"
_XML_STARTS = (b"<", b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe", b"\0")


class Decoder(Protocol):
    """One packed stream's state; what the decoders of all packings have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Packing:
    """A way of packing: how its streams begin and what unpacks one of them."""

    name: str
    magics: tuple[bytes, ...]
    decoder: Callable[[], Decoder]
    error: type[Exception]

    def begins(self, data: bytes) -> bool:
        """Whether a stream of this packing can begin with `data`, were it only its first byte."""
        return any(data[: len(magic)] == magic[: len(data)] for magic in self.magics)


def _gzip_decoder() -> Decoder:
    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


_ZSTD_FRAMES = (b"\x28\xb5\x2f\xfd", *(bytes([first]) + b"\x2a\x4d\x18" for first in range(0x50, 0x60)))
_PACKINGS = (
    Packing("gzip", (b"\x1f\x8b",), _gzip_decoder, cast(type[Exception], igzip_lib.error)),
    Packing("bzip2", (b"BZh",), bz2.BZ2Decompressor, OSError),
    Packing("zstd", _ZSTD_FRAMES, zstd.ZstdDecompressor, zstd.ZstdError),
)


def packing_of(start: bytes) -> Packing | None:
    """The packing of an input whose first MAGIC_BYTES (all, where it is shorter) are `start`; None for a plain one."""
    return next((packing for packing in _PACKINGS if start and packing.begins(start)), None)


def unpack(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The plain bytes, at most BLOCK at a time when they were packed; `name` is what messages call the input.

    Several packed streams after each other are one document, as are zero bytes between and after them.
    Raises TruncatedInput, CorruptInput, or WrongContent when it is neither packed nor XML.
    """
    source = iter(blocks)
    start = _start(source)
    packing = packing_of(start)
    rest = chain((start,), source)
    plain = _xml(start, rest, name) if packing is None else _Unpacking(packing, name).all(rest)
    empty = True
    for block in filter(None, plain):
        empty = False
        yield block
    if empty:
        raise TruncatedInput("Empty input", name, "XML", "0 bytes", "Upload the file again.")


def _start(source: Iterator[bytes]) -> bytes:
    start = b""
    while len(start) < MAGIC_BYTES and (block := next(source, None)) is not None:
        start += block
    return start


def _xml(start: bytes, blocks: Iterable[bytes], name: str) -> Iterable[bytes]:
    text = start.lstrip(_SPACE)
    if text and not text.startswith(_XML_STARTS):
        expected = "XML, plain or packed with gzip, bzip2 or zstd"
        found = f"the bytes {start[:8]!r}"
        raise WrongContent("Not XML", name, expected, found, "Upload the file as it was published.")
    return blocks


class _Unpacking:
    """One input's packed streams, unpacked one after another."""

    def __init__(self, packing: Packing, name: str) -> None:
        self._packing = packing
        self._name = name
        self._decoder = packing.decoder()
        self._done = 0

    def all(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            yield from self._block(block)
        if not self._decoder.eof:
            raise self._truncated()

    def _block(self, block: bytes) -> Iterator[bytes]:
        while block := self._after_the_end(block):
            yield from self._drained(block)
            block = self._decoder.unused_data if self._decoder.eof else b""

    def _after_the_end(self, block: bytes) -> bytes:
        if not self._decoder.eof:
            return block
        block = block.lstrip(_PADDING)
        if not self._packing.begins(block):
            raise self._damaged(f"the bytes {block[:8]!r} after its end")
        if block:
            self._decoder = self._packing.decoder()
        return block

    def _drained(self, block: bytes) -> Iterator[bytes]:
        yield self._decoded(block)
        while not (self._decoder.eof or self._decoder.needs_input):
            yield self._decoded(b"")

    def _decoded(self, block: bytes) -> bytes:
        try:
            plain = self._decoder.decompress(block, BLOCK)
        except self._packing.error as error:
            raise self._damaged(str(error)) from error
        self._done += len(plain)
        return plain

    def _truncated(self) -> TruncatedInput:
        packing = self._packing.name
        found = "the end of the object"
        return TruncatedInput(
            f"Truncated {packing}", self._where(), f"the {packing} trailer", found, "Upload the file again."
        )

    def _damaged(self, found: str) -> CorruptInput:
        packing = self._packing.name
        expected = f"an intact {packing} stream"
        return CorruptInput(f"Damaged {packing}", self._where(), expected, found, "Upload the file again.")

    def _where(self) -> str:
        return f"{self._name} after {self._done} unpacked bytes"
