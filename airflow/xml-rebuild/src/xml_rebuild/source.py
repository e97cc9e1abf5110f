"""Where the XML is: S3 objects and local files, found by name or by prefix and read as streams of bytes."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError
from tenacity import Retrying

from xml_rebuild.codec import MAGIC_BYTES, packing_of
from xml_rebuild.errors import ChangedObject, MissingObject
from xml_rebuild.resume import BLOCK, PATIENCE, ResumableStream, S3Range, bucket_and_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: How the names of the files end that are taken from a prefix or a folder.
SUFFIXES = (".xml", ".xml.gz", ".xml.bz2", ".xml.zst")
_SCHEME = "s3://"
_NEXT_STEP = "Upload it, or correct the source parameter."


@dataclass(frozen=True, slots=True)
class Source:
    """One file of XML, packed or plain: an s3:// URL or a local path, its size in bytes, and the content's version."""

    url: str
    size: int
    etag: str | None

    def as_dict(self) -> dict[str, Any]:
        """A JSON-able form from which Source(**form) is this source again."""
        return asdict(self)

    @property
    def in_s3(self) -> bool:
        """Whether it is an object, not a file."""
        return self.url.startswith(_SCHEME)


def client() -> "S3Client":
    """S3 as boto3's own environment and configuration describe it."""
    return boto3.client("s3")


def locate(url: str, s3: "S3Client | None" = None) -> list[Source]:
    """The files that `url` names, in load order: by key.

    `url` is the s3:// URL or path of one file, or of a prefix or folder for every file below it whose name ends
    with one of SUFFIXES. Raises MissingObject when there is none.
    """
    if url.startswith(_SCHEME):
        return _in_s3(url, s3 or client())
    if "://" in url and not url.startswith("file://"):
        raise _no_location(url)
    return _local(Path(url.removeprefix("file://")).absolute())


def _in_s3(url: str, s3: "S3Client") -> list[Source]:
    bucket, path = bucket_and_key(url)
    if not bucket:
        raise _no_location(url)
    if path and not path.endswith("/"):
        if exact := _exactly(s3, url, bucket, path):
            return exact
        path += "/"
    return _all_of(url, _listed(s3, url, Bucket=bucket, Prefix=path))


def _exactly(s3: "S3Client", url: str, bucket: str, key: str) -> list[Source]:
    # S3 lists in the order of the keys: an object of just this name is the first of those that begin with it.
    first = islice(_listed(s3, url, Bucket=bucket, Prefix=key, PaginationConfig={"MaxItems": 1}), 1)
    return [item for item in first if bucket_and_key(item.url)[1] == key]


def _listed(s3: "S3Client", url: str, **where: Any) -> Iterator[Source]:
    bucket = where["Bucket"]
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(**where):
            for item in page.get("Contents", ()):
                yield Source(f"{_SCHEME}{bucket}/{item['Key']}", item["Size"], item["ETag"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            raise _missing(url, f"the bucket {bucket}", "no such bucket") from error
        raise


def _local(path: Path) -> list[Source]:
    if path.is_file():
        return [_file(path)]
    return _all_of(str(path), (_file(found) for found in path.rglob("*") if found.is_file()))


def _file(path: Path) -> Source:
    stat = path.stat()
    return Source(str(path), stat.st_size, _version(stat))


def _version(stat: os.stat_result) -> str:
    return f"{stat.st_mtime_ns}-{stat.st_size}"


def _all_of(url: str, found: Iterable[Source]) -> list[Source]:
    documents = sorted((item for item in found if item.url.endswith(SUFFIXES)), key=lambda item: item.url)
    if not documents:
        raise _missing(url, f"an object named {', '.join(f'*{suffix}' for suffix in SUFFIXES)}", "none")
    return documents


def _missing(where: str, expected: str, found: str) -> MissingObject:
    return MissingObject("Missing object", where, expected, found, _NEXT_STEP)


def _no_location(url: str) -> MissingObject:
    where, step = "the source parameter", "Correct the source parameter."
    return MissingObject("No location", where, "s3://bucket/prefix/ or a local path", repr(url), step)


def read(
    source: Source,
    s3: "S3Client | None" = None,
    start: int = 0,
    stop: int | None = None,
    patience: Retrying = PATIENCE,
) -> Iterator[bytes]:
    """The bytes [start, stop) of the version of `source` that was located, packed as they are, about 1 MiB at a time.

    A dropped connection to S3 is reopened at the byte reached, as often as `patience` allows without progress.
    Raises MissingObject, ChangedObject when there is another version by now, LostConnection.
    """
    stop = source.size if stop is None else min(stop, source.size)
    if not source.in_s3:
        return _file_blocks(source, start, stop)
    wanted = S3Range(source.url, source.size, source.etag, start, stop)
    return ResumableStream(s3 or client(), wanted, patience).blocks()


def read_at(source: Source, offset: int, length: int, s3: "S3Client | None" = None) -> bytes:
    """The `length` bytes at `offset`; fewer where the source ends before."""
    return b"".join(read(source, s3, offset, offset + length))


def is_packed(source: Source, s3: "S3Client | None" = None) -> bool:
    """Whether the content (the name does not matter) is gzip, bzip2 or zstd."""
    return packing_of(read_at(source, 0, MAGIC_BYTES, s3)) is not None


def _file_blocks(source: Source, start: int, stop: int) -> Iterator[bytes]:
    with _opened(source) as file:
        file.seek(start)
        while start < stop:
            block = file.read(min(BLOCK, stop - start))
            found = _version(os.fstat(file.fileno()))
            if not block or source.etag not in (None, found):
                raise _changed(source, found)
            start += len(block)
            yield block


def _opened(source: Source) -> IO[bytes]:
    try:
        return Path(source.url).open("rb")
    except FileNotFoundError as error:
        raise _missing(source.url, "the file located", "none") from error


def _changed(source: Source, found: str) -> ChangedObject:
    step = "Run the rebuild again, which locates the file anew."
    return ChangedObject("Changed file", source.url, f"the version {source.etag}", f"the version {found}", step)
