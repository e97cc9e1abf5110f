"""Where the XML is: S3 objects, found by prefix or name and read as streams of unpacked bytes."""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import IO, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from pubmed_rebuild.bad_input import BadInput, CorruptInput, MissingObject, TruncatedInput, WrongContent

#: Bytes of XML handed on at a time; larger chunks only cost memory.
CHUNK = 64 * 1024
_SUFFIX = ".xml.gz"


@dataclass(frozen=True)
class SourceObject:
    """One gzipped XML file in S3; `size` in compressed bytes, `etag` the content that was located."""

    bucket: str
    key: str
    size: int
    etag: str

    @property
    def url(self) -> str:
        """The object's s3:// URL, as messages and summaries name it."""
        return f"s3://{self.bucket}/{self.key}"

    def as_dict(self) -> dict[str, Any]:
        """A JSON-able form from which SourceObject(**form) is this object again."""
        return asdict(self)


def locate(s3: Any, source: str) -> list[SourceObject]:
    """The files that `source` names, in load order: by key.

    `source` is s3://bucket/key.xml.gz for one file, or s3://bucket/prefix/ for every .xml.gz file below it.
    Raises MissingObject when there is none.
    """
    parts = urlsplit(source)
    bucket, path = parts.netloc, parts.path.lstrip("/")
    if parts.scheme != "s3" or not bucket:
        where, step = "the source parameter", "Correct the source parameter."
        raise MissingObject("No S3 location", where, "s3://bucket/prefix/", repr(source), step)
    one_file = path.endswith(_SUFFIX)
    prefix = path if one_file or path.endswith("/") or not path else f"{path}/"
    listed = _listed(s3, bucket, prefix, source)
    found = [item for item in listed if (item.key == path if one_file else item.key.endswith(_SUFFIX))]
    if not found:
        raise _missing(source, f"an object named *{_SUFFIX}", "none")
    return sorted(found, key=lambda item: item.key)


def _listed(s3: Any, bucket: str, prefix: str, source: str) -> Iterator[SourceObject]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    try:
        for page in pages:
            for item in page.get("Contents", ()):
                yield SourceObject(bucket, item["Key"], item["Size"], item["ETag"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            raise _missing(source, f"the bucket {bucket}", "no such bucket") from error
        raise


def _missing(where: str, expected: str, found: str) -> MissingObject:
    return MissingObject("Missing object", where, expected, found, "Upload it, or correct the source parameter.")


def unpacked(s3: Any, item: SourceObject) -> Iterator[bytes]:
    """The object's XML in chunks, read from S3 as it is consumed.

    Raises MissingObject when the object went or changed since it was located, and what `gunzip` raises.
    """
    try:
        body = s3.get_object(Bucket=item.bucket, Key=item.key, IfMatch=item.etag)["Body"]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("NoSuchKey", "NoSuchBucket", "PreconditionFailed", "404", "412"):
            raise _missing(item.url, f"the object located with ETag {item.etag}", code) from error
        raise
    with body:
        yield from gunzip(body, item.url)


def gunzip(packed: IO[bytes], name: str) -> Iterator[bytes]:
    """The unpacked bytes in chunks; `name` is what messages call the input.

    Raises TruncatedInput, CorruptInput, or WrongContent when it is not gzip at all.
    """
    done = 0
    with gzip.GzipFile(fileobj=packed) as stream:
        while True:
            try:
                chunk = stream.read(CHUNK)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise _unreadable(error, name, done) from error
            if not chunk:
                break
            done += len(chunk)
            yield chunk
    if done == 0:
        raise TruncatedInput("Empty input", name, "gzipped XML", "0 bytes", "Upload the file again.")


def _unreadable(error: Exception, name: str, done: int) -> BadInput:
    where = f"{name} after {done} unpacked bytes"
    if isinstance(error, EOFError):
        found = "the end of the object"
        return TruncatedInput("Truncated gzip", where, "the gzip trailer", found, "Upload the file again.")
    if isinstance(error, gzip.BadGzipFile) and done == 0:
        return WrongContent("Not gzip", where, "a gzip header", str(error), "Upload the file as it was published.")
    return CorruptInput("Damaged gzip", where, "an intact gzip stream", str(error), "Upload the file again.")
