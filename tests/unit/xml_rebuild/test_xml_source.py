"""Finding files and reading them, from a made S3, from one that cuts connections, and from the disk."""

import gzip
import os
import pickle
import random
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from itertools import repeat
from pathlib import Path
from typing import Any

import boto3
import pytest
from cutting_s3 import Cut, serving
from moto import mock_aws
from tenacity import Retrying, stop_after_attempt

from xml_rebuild.errors import ChangedObject, MissingObject, RebuildError
from xml_rebuild.resume import BLOCK, PATIENCE, LostConnection
from xml_rebuild.source import Source, is_packed, locate, read, read_at

CONTENT = bytes(range(256)) * 2000
KEYS = (
    "in/b.xml.gz",
    "in/a.xml.gz",
    "in/a.xml.gz.md5",
    "in-other/c.xml",
    "in/deep/d.xml.zst",
    "in/e.onix",
    "in/f.xml.bz2",
)


@pytest.fixture
def dice() -> random.Random:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="made")
        for key in KEYS:
            client.put_object(Bucket="made", Key=key, Body=CONTENT)
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for key in KEYS:
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT)
    return tmp_path


BELOW_IN = ["in/a.xml.gz", "in/b.xml.gz", "in/deep/d.xml.zst", "in/f.xml.bz2"]
each_place = pytest.mark.parametrize(
    ("place", "keys"),
    [
        ("in/", BELOW_IN),
        ("in", BELOW_IN),
        ("in/a.xml.gz", ["in/a.xml.gz"]),
        ("in/e.onix", ["in/e.onix"]),
        ("", ["in-other/c.xml", *BELOW_IN]),
    ],
)


@each_place
def test_locate_objects_in_load_order(s3: Any, place: str, keys: list[str]) -> None:
    assert [item.url for item in locate(f"s3://made/{place}", s3)] == [f"s3://made/{key}" for key in keys]


@each_place
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_locate_files_in_load_order(folder: Path, place: str, keys: list[str], scheme: str) -> None:
    assert [item.url for item in locate(f"{scheme}{folder}/{place}")] == [f"{folder}/{key}" for key in keys]


def test_a_file_of_the_working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "in")
    assert [item.url for item in locate("a.xml.gz")] == [f"{folder}/in/a.xml.gz"]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("s3://made/none/", "found none"),
        ("s3://made/in/a.xml", "found none"),
        ("s3://absent/in/", "no such bucket"),
        ("s3://absent/in", "no such bucket"),
        ("s3:///in/", "No location"),
        ("gs://made/in/", "No location"),
        ("/absent/in/a.xml.gz", "found none"),
    ],
)
def test_nothing_there(s3: Any, url: str, found: str) -> None:
    with pytest.raises(MissingObject, match=found):
        locate(url, s3)


def test_without_a_client_it_is_the_environment_that_says_where_s3_is(s3: Any) -> None:
    (item,) = locate("s3://made/in/a.xml.gz")
    assert b"".join(read(item)) == CONTENT


def test_a_source_travels_as_json_and_in_a_pickle(s3: Any) -> None:
    (item,) = locate("s3://made/in/a.xml.gz", s3)
    assert Source(**item.as_dict()) == item
    assert pickle.loads(pickle.dumps(item)) == item


@pytest.mark.parametrize("where", ["s3", "disk"])
def test_content_whole_and_in_part(s3: Any, folder: Path, where: str, dice: random.Random) -> None:
    (item,) = locate("s3://made/in/b.xml.gz" if where == "s3" else str(folder / "in/b.xml.gz"), s3)
    assert b"".join(read(item, s3)) == CONTENT
    for _ in range(10):
        start, length = dice.randrange(len(CONTENT)), dice.randrange(len(CONTENT))
        assert read_at(item, start, length, s3) == CONTENT[start : start + length]
        assert b"".join(read(item, s3, start)) == CONTENT[start:]
    assert read_at(item, len(CONTENT), 10, s3) == b""


def test_the_content_says_whether_it_is_packed(s3: Any) -> None:
    s3.put_object(Bucket="made", Key="in/a.xml", Body=gzip.compress(CONTENT))
    s3.put_object(Bucket="made", Key="in/b.xml.gz", Body=b"<set/>")
    s3.put_object(Bucket="made", Key="in/c.xml", Body=b"")
    packed = {key: is_packed(locate(f"s3://made/in/{key}", s3)[0], s3) for key in ("a.xml", "b.xml.gz", "c.xml")}
    assert packed == {"a.xml": True, "b.xml.gz": False, "c.xml": False}


def test_an_object_that_changed_or_went_since_it_was_located(s3: Any) -> None:
    (item,) = locate("s3://made/in/a.xml.gz", s3)
    s3.put_object(Bucket="made", Key="in/a.xml.gz", Body=b"other")
    with pytest.raises(ChangedObject, match=r"s3://made/in/a\.xml\.gz.*PreconditionFailed"):
        list(read(item, s3))
    s3.delete_object(Bucket="made", Key="in/a.xml.gz")
    with pytest.raises(MissingObject, match="NoSuchKey"):
        list(read(item, s3))


def test_a_file_that_changed_or_went_since_it_was_located(folder: Path) -> None:
    path = folder / "in/a.xml.gz"
    (item,) = locate(str(path))
    os.utime(path, ns=(1, 1))
    with pytest.raises(ChangedObject, match=r"Changed file in .*/in/a\.xml\.gz"):
        list(read(item))
    path.unlink()
    with pytest.raises(MissingObject, match=r"/in/a\.xml\.gz: expected the file located"):
        list(read(item))


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(bytes(4 * BLOCK))
    blocks = read(locate(str(path))[0])
    next(blocks)
    path.write_bytes(bytes(2 * BLOCK))
    with pytest.raises(ChangedObject):
        list(blocks)


def patience(waits: list[float], attempts: int = 3) -> Retrying:
    return PATIENCE.copy(sleep=waits.append, stop=stop_after_attempt(attempts))


@pytest.fixture
def content(dice: random.Random) -> bytes:
    return dice.randbytes(dice.randint(3 * BLOCK, 6 * BLOCK))


def test_a_closed_connection_is_reopened_at_the_very_byte(content: bytes, dice: random.Random) -> None:
    cuts = [Cut(dice.randint(1, 2 * BLOCK // dice.choice((1, 50, BLOCK)))) for _ in range(60)]
    waits: list[float] = []
    with serving(content, cuts) as server:
        blocks = list(read(server.source(), server.client(), patience=patience(waits)))
    assert b"".join(blocks) == content
    assert max(map(len, blocks)) <= BLOCK
    starts = [start for start, _ in server.served]
    assert starts == [0, *(start + sent for start, sent in server.served[:-1])]
    assert sum(sent for _, sent in server.served) == len(content)
    assert waits == []


def test_a_reset_connection_loses_only_what_was_on_its_way(content: bytes, dice: random.Random) -> None:
    cuts = [Cut(dice.randint(0, BLOCK), reset=True) for _ in range(20)]
    with serving(content, cuts) as server:
        blocks = list(read(server.source(), server.client(), patience=patience([], attempts=30)))
    assert b"".join(blocks) == content
    for (start, sent), (again, _) in zip(server.served, server.served[1:], strict=False):
        assert start <= again <= start + sent


@pytest.mark.parametrize("reset", [False, True])
def test_a_part_of_an_object_survives_cuts_as_well(content: bytes, dice: random.Random, reset: bool) -> None:
    start = dice.randrange(len(content))
    stop = dice.randint(start, len(content))
    cuts = [Cut(dice.randint(0, BLOCK // 2), reset) for _ in range(10)]
    with serving(content, cuts) as server:
        blocks = read(server.source(), server.client(), start, stop, patience([], attempts=11))
        assert b"".join(blocks) == content[start:stop]


def test_an_object_overwritten_while_it_is_read(content: bytes, dice: random.Random) -> None:
    cut = Cut(dice.randint(BLOCK, len(content) - 1))
    with serving(content, [cut]) as server:
        blocks = read(server.source(), server.client(), patience=patience([]))
        received = next(blocks)
        server.content = content[::-1]
        with pytest.raises(ChangedObject, match=r"in s3://made/in/a b\?#é\.xml: .*PreconditionFailed"):
            for block in blocks:
                received += block
    assert received == content[: len(received)]


def test_a_server_that_does_not_heed_if_match_is_found_out(content: bytes) -> None:
    with serving(content, [Cut(BLOCK)]) as server:
        server.conditions = False
        blocks = read(server.source(), server.client(), patience=patience([]))
        next(blocks)
        server.content = content[::-1]
        with pytest.raises(ChangedObject, match="found ETag"):
            list(blocks)


def test_a_server_that_does_not_heed_ranges_is_found_out(content: bytes) -> None:
    with serving(content, [Cut(BLOCK)]) as server:
        server.ranges = False
        blocks = read(server.source(), server.client(), patience=patience([]))
        assert next(blocks) == content[:BLOCK]
        with pytest.raises(RebuildError, match=f"Ignored range .* the bytes from {BLOCK} on"):
            list(blocks)


@pytest.mark.parametrize("reset", [False, True])
def test_cuts_without_progress_end_after_bounded_attempts(content: bytes, dice: random.Random, reset: bool) -> None:
    place, attempts = dice.randint(1, BLOCK), dice.randint(1, 5)
    waits: list[float] = []
    with serving(content, [Cut(place), *repeat(Cut(0, reset), 100)]) as server:
        blocks = read(server.source(), server.client(), patience=patience(waits, attempts))
        with pytest.raises(LostConnection, match=f"at byte {place}: .*{attempts} attempts without one"):
            list(blocks)
    assert len(server.served) == 1 + attempts
    assert len(waits) == attempts - 1


def test_progress_gives_all_attempts_anew(content: bytes, dice: random.Random) -> None:
    cuts = [cut for _ in range(10) for cut in (Cut(0), Cut(0), Cut(dice.randint(1, 1000)))]
    waits: list[float] = []
    with serving(content, cuts) as server:
        assert b"".join(read(server.source(), server.client(), patience=patience(waits, 3))) == content
    assert len(waits) == 20


def test_nobody_answers(content: bytes) -> None:
    with serving(content) as server:
        item, client = server.source(), server.client()
    with pytest.raises(LostConnection, match=r"at byte 0: .*3 attempts"):
        list(read(item, client, patience=patience([])))


def test_a_reader_that_stops_early_leaves_no_connection_open(content: bytes) -> None:
    with serving(content * 10) as server, closing(read(server.source(), server.client())) as blocks:
        next(blocks)
        blocks.close()
        assert server.left.wait(timeout=30)


def test_the_usual_patience_is_about_a_minute() -> None:
    waits: list[float] = []
    with serving(b"<set/>", repeat(Cut(0), 100)) as server, pytest.raises(LostConnection):
        list(read(server.source(), server.client(), patience=PATIENCE.copy(sleep=waits.append)))
    assert len(waits) == 7
    assert 50 < sum(waits) < 80


def test_memory_is_the_same_whatever_the_size() -> None:
    with serving(bytes(300_000_000)) as server:
        item, client = server.source(), server.client()
        assert peak_of(read(item, client)) < 6 * BLOCK


def test_memory_is_the_same_whatever_a_files_size(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    with path.open("wb") as file:
        file.truncate(300_000_000)
    assert peak_of(read(locate(str(path))[0])) < 4 * BLOCK


def peak_of(blocks: Iterator[bytes]) -> int:
    tracemalloc.start()
    try:
        assert sum(map(len, blocks)) == 300_000_000
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
