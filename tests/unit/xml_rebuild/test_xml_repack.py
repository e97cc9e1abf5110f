"""A packed object as record-aligned plain parts, against a made S3."""

import bz2
import gzip
import io
import random
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from lxml import etree
from moto import mock_aws

from xml_rebuild.errors import TruncatedInput
from xml_rebuild.mapping import Mapping, Record
from xml_rebuild.repack import repack
from xml_rebuild.source import Source, locate, read

NAMESPACE = "http://made.example/records"
MAPPING = Mapping("made", "m:set", (Record("m:record", (), ()),), {}, namespaces={"m": NAMESPACE})
CHUNK = 2**20


@pytest.fixture
def dice() -> random.Random:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="made")
        yield client


def records_of(dice: random.Random, count: int) -> list[str]:
    return [
        f'<record no="{number}">é {dice.randbytes(dice.randint(1, 20_000)).hex()}</record>' for number in range(count)
    ]


def document(records: list[str]) -> bytes:
    lines = ('<?xml version="1.0"?>', f'<set xmlns="{NAMESPACE}">', *records, "</set>", "")
    return "\n".join(lines).encode()


def put(s3: Any, content: bytes, key: str = "in/a.xml.gz") -> Source:
    s3.put_object(Bucket="made", Key=key, Body=content)
    (source,) = locate(f"s3://made/{key}", s3)
    return source


def numbers(part: bytes) -> list[int]:
    root = etree.fromstring(part, etree.XMLParser(huge_tree=True))
    assert root.tag == f"{{{NAMESPACE}}}set"
    return [int(record.get("no")) for record in root.findall(f"{{{NAMESPACE}}}record")]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, bytes], ids=["gzip", "bzip2", "plain"])
def test_the_parts_hold_every_record_once_and_in_order(
    s3: Any, dice: random.Random, pack: Callable[[bytes], bytes]
) -> None:
    records = records_of(dice, 600)
    part_bytes = dice.randint(CHUNK, 6 * CHUNK)
    parts = repack(put(s3, pack(document(records))), "s3://made/parts/", MAPPING, s3, part_bytes)
    contents = [b"".join(read(part, s3)) for part in parts]
    assert [number for content in contents for number in numbers(content)] == list(range(600))
    assert all(record.encode() in b"".join(contents) for record in dice.sample(records, 20))
    assert all(part_bytes <= len(content) < part_bytes + 2 * CHUNK for content in contents[:-1])
    assert [part.size for part in parts] == [len(content) for content in contents]


def test_the_parts_are_located_in_the_order_of_their_records(s3: Any, dice: random.Random) -> None:
    parts = repack(put(s3, gzip.compress(document(records_of(dice, 500)))), "s3://made/parts", MAPPING, s3, CHUNK)
    assert len(parts) > 3
    assert parts == locate("s3://made/parts/", s3)
    assert all(first.url < second.url for first, second in pairwise(parts))


def counted(s3: Any, operation: str) -> list[str]:
    """The keys of the calls of `operation` from now on."""
    keys: list[str] = []
    s3.meta.events.register(f"provide-client-params.s3.{operation}", lambda params, **_: keys.append(params["Key"]))
    return keys


def test_a_second_call_takes_the_parts_that_are_there(s3: Any, dice: random.Random) -> None:
    source = put(s3, gzip.compress(document(records_of(dice, 300))))
    parts = repack(source, "s3://made/parts/", MAPPING, s3, CHUNK)
    reads, writes = counted(s3, "GetObject"), counted(s3, "PutObject")
    assert repack(source, "s3://made/parts/", MAPPING, s3, CHUNK) == parts
    assert "in/a.xml.gz" not in reads
    assert writes == []


@pytest.mark.parametrize("what", ["source", "part size", "records"])
def test_other_parts_for_another(s3: Any, dice: random.Random, what: str) -> None:
    parts = repack(put(s3, gzip.compress(document(records_of(dice, 300)))), "s3://made/parts/", MAPPING, s3, CHUNK)
    source, mapping, part_bytes = locate("s3://made/in/a.xml.gz", s3)[0], MAPPING, CHUNK
    if what == "source":
        source = put(s3, gzip.compress(document(records_of(dice, 10))))
    elif what == "part size":
        part_bytes = 2 * CHUNK
    else:
        mapping = Mapping("made", "m:set", (*MAPPING.records, Record("m:other", (), ())), {}, MAPPING.namespaces)
    others = repack(source, "s3://made/parts/", mapping, s3, part_bytes)
    assert {part.url for part in others}.isdisjoint(part.url for part in parts)


@pytest.mark.parametrize("change", ["deleted", "overwritten", "all deleted"])
def test_parts_that_changed_are_made_again(s3: Any, dice: random.Random, change: str) -> None:
    source = put(s3, gzip.compress(document(records_of(dice, 300))))
    parts = repack(source, "s3://made/parts/", MAPPING, s3, CHUNK)
    for part in parts if change == "all deleted" else [dice.choice(parts)]:
        key = part.url.removeprefix("s3://made/")
        if change == "overwritten":
            s3.put_object(Bucket="made", Key=key, Body=b"<set/>")
        else:
            s3.delete_object(Bucket="made", Key=key)
    assert repack(source, "s3://made/parts/", MAPPING, s3, CHUNK) == parts
    assert locate("s3://made/parts/", s3) == parts


def test_a_source_that_is_cut_off_is_no_finished_set_of_parts(s3: Any, dice: random.Random) -> None:
    packed = gzip.compress(document(records_of(dice, 900)))
    source = put(s3, packed[: dice.randint(len(packed) * 2 // 3, len(packed) - 1)])
    for _ in range(2):
        with pytest.raises(TruncatedInput):
            repack(source, "s3://made/parts/", MAPPING, s3, 9 * CHUNK)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="made")
    whole = repack(put(s3, packed), "s3://made/parts/", MAPPING, s3, 9 * CHUNK)
    assert [number for part in whole for number in numbers(b"".join(read(part, s3)))] == list(range(900))


def test_memory_is_the_same_whatever_the_size(dice: random.Random, tmp_path: Path) -> None:
    block = gzip.compress("".join(records_of(dice, 50)).encode())
    small, large = (peak_of(repeated(tmp_path / f"{times}.xml.gz", block, times)) for times in (30, 150))
    assert large < 1.2 * small


def repeated(path: Path, block: bytes, times: int) -> Source:
    head, tail = document([]).split(b"</set>")
    path.write_bytes(gzip.compress(head) + block * times + gzip.compress(b"</set>" + tail))
    (source,) = locate(str(path))
    return source


def peak_of(source: Source) -> int:
    """The most memory that was in use while `source` was repacked."""
    s3 = forgetful_s3()
    tracemalloc.start()
    try:
        assert len(repack(source, "s3://made/parts/", MAPPING, s3, 9 * CHUNK)) > 1
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def forgetful_s3() -> Any:
    """A client whose answers know the sizes of what was uploaded, and nothing keeps the content (moto does)."""
    client = boto3.client(
        "s3",
        endpoint_url="https://made.invalid",
        region_name="us-east-1",
        aws_access_key_id="made",
        aws_secret_access_key="made",
    )
    sizes: Counter[str] = Counter()

    def answer(request: Any, **_: object) -> AWSResponse:
        url = urlsplit(request.url)
        if request.method == "PUT":
            sizes[url.path.removeprefix("/made/")] += len(request.body.read())
        listed = "".join(
            f"<Contents><Key>{key}</Key><Size>{size}</Size><ETag>made</ETag></Contents>" for key, size in sizes.items()
        )
        known = request.method != "GET" or "list-type" in url.query
        root = "Answer" if known else "Error"
        body = f"<{root}><Code>NoSuchKey</Code><UploadId>1</UploadId>{listed}</{root}>".encode()
        return AWSResponse(request.url, 200 if known else 404, {"ETag": "made"}, BytesAnswer(body))

    client.meta.events.register("before-send.s3", answer)
    return client


class BytesAnswer(io.BytesIO):
    """A body as AWSResponse reads it."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()
