"""Unpacking: every packing, whole, cut off, damaged, and of any size in the same memory."""

import bz2
import gzip
import random
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import repeat

import pytest

from xml_rebuild.codec import BLOCK, MAGIC_BYTES, packing_of, unpack
from xml_rebuild.errors import BadInput, CorruptInput, TruncatedInput, WrongContent

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Pack = Callable[[bytes], bytes]


def zstd_with_checksum(content: bytes) -> bytes:
    return zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1})


PACKS: dict[str, Pack] = {"gzip": gzip.compress, "bzip2": bz2.compress, "zstd": zstd_with_checksum}
each_packing = pytest.mark.parametrize(("packing", "pack"), PACKS.items(), ids=PACKS)


@pytest.fixture
def dice() -> random.Random:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
def content(dice: random.Random) -> bytes:
    return b"<set>" + dice.randbytes(dice.randint(5_000, 50_000)) + bytes(300_000) + b"</set>"


def cut(data: bytes, dice: random.Random, most: int) -> Iterator[bytes]:
    """`data` in pieces of 1 to `most` bytes."""
    at = 0
    while at < len(data):
        piece = data[at : at + dice.randint(1, most)]
        at += len(piece)
        yield piece


def unpacked(packed: bytes, dice: random.Random) -> bytes:
    most = dice.choice((100, 10_000, 2**20))
    return b"".join(unpack(cut(packed, dice, most), "made.xml"))


@each_packing
def test_content_arrives_however_the_input_is_cut(
    packing: str, pack: Pack, content: bytes, dice: random.Random
) -> None:
    assert unpacked(pack(content), dice) == content
    assert b"".join(unpack([pack(content)], "made.xml")) == content


@each_packing
def test_input_of_single_bytes(packing: str, pack: Pack, dice: random.Random) -> None:
    content = dice.randbytes(500)
    single = (bytes([byte]) for byte in pack(content) + pack(content))
    assert b"".join(unpack(single, "made.xml")) == content * 2


def test_plain_content_passes_as_it_is(content: bytes, dice: random.Random) -> None:
    assert unpacked(content, dice) == content


def test_xml_after_white_space_is_plain(dice: random.Random) -> None:
    document = b" \r\n\t" * dice.randint(1, 1000) + b"<set/>"
    assert unpacked(document, dice) == document


@pytest.mark.parametrize("start", ["<?xml", "\ufeff<?xml"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_xml_in_any_encoding_is_plain(start: str, encoding: str, dice: random.Random) -> None:
    document = f"{start}...".encode(encoding)
    assert unpacked(document, dice) == document


@each_packing
def test_several_streams_are_one_document(packing: str, pack: Pack, content: bytes, dice: random.Random) -> None:
    parts = [content, b"", b"more", content]
    padding = b"\0" * dice.randint(0, 1000)
    packed = b"".join(pack(part) + padding for part in parts)
    assert unpacked(packed, dice) == b"".join(parts)


def test_zstd_skippable_frames_are_skipped(content: bytes, dice: random.Random) -> None:
    note = bytes([0x50 + dice.randrange(16)]) + b"\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"
    assert unpacked(note + zstd.compress(content) + note + zstd.compress(b"more") + note, dice) == content + b"more"


@each_packing
def test_cut_off_anywhere(packing: str, pack: Pack, content: bytes, dice: random.Random) -> None:
    packed = pack(content)
    for left in (*range(1, 20), *(dice.randrange(20, len(packed)) for _ in range(40)), len(packed) - 1):
        with pytest.raises(
            TruncatedInput, match=rf"Truncated {packing} in made\.xml after \d+ unpacked .* {packing} trailer"
        ):
            unpacked(packed[:left], dice)


@each_packing
def test_cut_off_in_a_later_stream(packing: str, pack: Pack, content: bytes, dice: random.Random) -> None:
    second = pack(content)
    with pytest.raises(TruncatedInput):
        unpacked(pack(content) + second[: dice.randrange(1, len(second))], dice)


@each_packing
def test_a_flipped_bit_never_gives_other_content(packing: str, pack: Pack, content: bytes, dice: random.Random) -> None:
    packed = bytearray(pack(content))
    refused = 0
    for _ in range(60):
        place, bit = dice.randrange(len(packed)), 1 << dice.randrange(8)
        packed[place] ^= bit
        try:
            assert unpacked(bytes(packed), dice) == content
        except BadInput:
            refused += 1
        packed[place] ^= bit
    assert refused > 50


@each_packing
def test_damage_in_the_data_is_told(packing: str, pack: Pack, content: bytes, dice: random.Random) -> None:
    packed = bytearray(pack(content))
    packed[len(packed) // 3] ^= 0xFF
    with pytest.raises(CorruptInput, match=rf"Damaged {packing} in made\.xml after \d+ unpacked bytes"):
        unpacked(bytes(packed), dice)


@each_packing
def test_other_bytes_after_the_end_are_told(packing: str, pack: Pack, content: bytes, dice: random.Random) -> None:
    with pytest.raises(CorruptInput, match=rf"Damaged {packing} .*after {len(content)} unpacked.*after its end"):
        list(unpack([pack(content) + b"garbage"], "made.xml"))
    with pytest.raises(CorruptInput, match=f"after {len(content)} unpacked"):
        unpacked(pack(content) + dice.randbytes(3) + b"garbage", dice)


@pytest.mark.parametrize("empty", [b"", *(pack(b"") for pack in PACKS.values())], ids=["plain", *PACKS])
def test_nothing_at_all_is_truncated(empty: bytes) -> None:
    with pytest.raises(TruncatedInput, match=r"Empty input in made\.xml.*0 bytes"):
        list(unpack([empty], "made.xml"))
    with pytest.raises(TruncatedInput, match="0 bytes"):
        list(unpack([], "made.xml"))


@pytest.mark.parametrize("other", [b"PK\x03\x04", b"\xfd7zXZ\0", b"{}", b"  a,b"])
def test_neither_packed_nor_xml(other: bytes, dice: random.Random) -> None:
    with pytest.raises(WrongContent, match=r"Not XML in made\.xml"):
        unpacked(other + b" and more", dice)


@each_packing
def test_the_packing_is_known_by_its_first_bytes(packing: str, pack: Pack) -> None:
    known = packing_of(pack(b"x")[:MAGIC_BYTES])
    assert known is not None
    assert known.name == packing


@pytest.mark.parametrize("start", [b"", b"<", b"<?xm", b"\xef\xbb\xbf<"])
def test_plain_xml_is_not_packed(start: bytes) -> None:
    assert packing_of(start) is None


@each_packing
@pytest.mark.parametrize(("streams", "size"), [(1, 40_000_000), (30, 10_000_000)])
def test_memory_is_the_same_however_far_the_input_is_packed(packing: str, pack: Pack, streams: int, size: int) -> None:
    packed = pack(b"<" * size)
    tracemalloc.start()
    try:
        lengths = [len(block) for block in unpack(repeat(packed, streams), "made.xml")]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(lengths) == size * streams
    assert max(lengths) <= BLOCK
    assert peak < 4 * BLOCK
