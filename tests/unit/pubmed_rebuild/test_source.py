"""Finding objects and unpacking them, against a made S3."""

import gzip
import io
import pickle
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from made_medline import gzipped
from pubmed_rebuild.bad_input import BadInput, CorruptInput, MissingObject, TruncatedInput, WrongContent
from pubmed_rebuild.source import CHUNK, SourceObject, gunzip, locate, unpacked

CONTENT = bytes(range(256)) * 2000


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="made")
        for key in ("in/b.xml.gz", "in/a.xml.gz", "in/a.xml.gz.md5", "in-other/c.xml.gz", "in/deep/d.xml.gz"):
            client.put_object(Bucket="made", Key=key, Body=gzip.compress(CONTENT))
        yield client


@pytest.mark.parametrize(
    ("source", "keys"),
    [
        ("s3://made/in/", ["in/a.xml.gz", "in/b.xml.gz", "in/deep/d.xml.gz"]),
        ("s3://made/in", ["in/a.xml.gz", "in/b.xml.gz", "in/deep/d.xml.gz"]),
        ("s3://made/in/a.xml.gz", ["in/a.xml.gz"]),
        ("s3://made", ["in-other/c.xml.gz", "in/a.xml.gz", "in/b.xml.gz", "in/deep/d.xml.gz"]),
    ],
)
def test_locate_in_load_order(s3: Any, source: str, keys: list[str]) -> None:
    assert [item.key for item in locate(s3, source)] == keys


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("s3://made/none/", "found none"),
        ("s3://made/in/a.xml", "found none"),
        ("s3://absent/in/", "no such bucket"),
        ("/in/a.xml.gz", "No S3 location"),
    ],
)
def test_nothing_there(s3: Any, source: str, found: str) -> None:
    with pytest.raises(MissingObject, match=found):
        locate(s3, source)


def test_unpacked_content(s3: Any) -> None:
    (item,) = locate(s3, "s3://made/in/a.xml.gz")
    chunks = list(unpacked(s3, SourceObject(**item.as_dict())))
    assert b"".join(chunks) == CONTENT
    assert max(map(len, chunks)) <= CHUNK


def test_an_object_that_changed_or_went_since_it_was_located(s3: Any) -> None:
    (item,) = locate(s3, "s3://made/in/a.xml.gz")
    s3.put_object(Bucket="made", Key=item.key, Body=b"other")
    with pytest.raises(MissingObject, match=r"s3://made/in/a\.xml\.gz.*PreconditionFailed"):
        list(unpacked(s3, item))
    s3.delete_object(Bucket="made", Key=item.key)
    with pytest.raises(MissingObject, match="NoSuchKey"):
        list(unpacked(s3, item))


@pytest.mark.parametrize("left", [15, 200, -1])
def test_truncated(left: int) -> None:
    packed = gzip.compress(CONTENT)[:left]
    with pytest.raises(TruncatedInput, match=r"made\.gz after \d+ unpacked bytes"):
        list(gunzip(io.BytesIO(packed), "made.gz"))


def test_an_empty_object_is_truncated() -> None:
    with pytest.raises(TruncatedInput, match="0 bytes"):
        list(gunzip(io.BytesIO(b""), "made.gz"))


def test_no_gzip_at_all() -> None:
    with pytest.raises(WrongContent, match="Not gzip"):
        list(gunzip(io.BytesIO(b"<PubmedArticleSet/>"), "made.gz"))


@pytest.mark.parametrize("place", [40, -6])
def test_damage_in_the_data_or_the_checksum(place: int) -> None:
    packed = bytearray(gzip.compress(CONTENT))
    packed[place] ^= 0xFF
    with pytest.raises(CorruptInput, match="Damaged gzip"):
        list(gunzip(io.BytesIO(packed), "made.gz"))


def test_several_gzip_members_are_one_stream() -> None:
    both = gzipped(CONTENT).read() + gzipped(b"more").read()
    assert b"".join(gunzip(io.BytesIO(both), "made.gz")) == CONTENT + b"more"


def test_every_message_says_what_where_expected_found_and_next() -> None:
    error = BadInput("What", "where", "this", "that", "Do so.")
    assert str(error) == "What in where: expected this, found that. Do so."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
