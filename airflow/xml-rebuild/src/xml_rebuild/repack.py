"""A packed document, which can only be read from its start, as plain part objects that workers read side by side."""

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from boto3.s3.transfer import TransferConfig

from xml_rebuild.codec import unpack
from xml_rebuild.document import Chunk, Document, Prolog
from xml_rebuild.errors import MissingObject
from xml_rebuild.mapping import Mapping
from xml_rebuild.resume import bucket_and_key
from xml_rebuild.source import Source, locate, read

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: Bytes of records in a part object, unless the caller says otherwise.
PART_BYTES = 2**26
# Written last: where it is, all parts are.
_MANIFEST = "parts.json"
_UPLOAD = 2**23
# One thread holds one piece of an upload at a time.
_ONE_AT_A_TIME = TransferConfig(
    multipart_threshold=_UPLOAD, multipart_chunksize=_UPLOAD, use_threads=False, preferred_transfer_client="classic"
)


def repack(
    source: Source, target_prefix: str, mapping: Mapping, s3: "S3Client", part_bytes: int = PART_BYTES
) -> list[Source]:
    """`source` as plain documents of about `part_bytes` of whole records each below `target_prefix`, in record order.

    Reads the source once, as a stream. Parts that an earlier call finished for the same version of the source, the
    same records and the same `part_bytes` are taken as they are. Raises what `read`, `unpack` and Document raise.
    """
    folder = _folder(source, target_prefix, mapping, part_bytes)
    finished = _finished(folder, s3)
    return _written(source, folder, mapping, s3, part_bytes) if finished is None else finished


def _folder(source: Source, target_prefix: str, mapping: Mapping, part_bytes: int) -> str:
    records = (mapping.root, mapping.record_tags, sorted(mapping.ignore), sorted(mapping.namespaces.items()))
    content = repr((source.url, source.size, source.etag, records, part_bytes))
    name = source.url.rpartition("/")[2]
    return f"{target_prefix.rstrip('/')}/{name}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _finished(folder: str, s3: "S3Client") -> list[Source] | None:
    bucket, key = bucket_and_key(f"{folder}/{_MANIFEST}")
    try:
        manifest = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    parts = [Source(**part) for part in json.loads(manifest)]
    present = _present(folder, s3)
    return parts if all(present.get(part.url) == part for part in parts) else None


def _written(source: Source, folder: str, mapping: Mapping, s3: "S3Client", part_bytes: int) -> list[Source]:
    document = Document(unpack(read(source, s3), source.url), mapping, source.url)
    chunks = iter(document)
    urls: list[str] = []
    for first in chunks:
        urls.append(f"{folder}/part-{len(urls):05d}.xml")
        _upload(s3, urls[-1], _part(document.prolog, first, chunks, part_bytes))
    present = _present(folder, s3)
    parts = [present[url] for url in urls]
    manifest = json.dumps([part.as_dict() for part in parts])
    _upload(s3, f"{folder}/{_MANIFEST}", [manifest.encode()])
    return parts


def _present(folder: str, s3: "S3Client") -> dict[str, Source]:
    try:
        return {part.url: part for part in locate(f"{folder}/", s3)}
    except MissingObject:
        return {}


def _part(prolog: Prolog, first: Chunk, following: Iterator[Chunk], part_bytes: int) -> Iterator[bytes]:
    yield b"".join(prolog.open_tags)
    size = 0
    for chunk in chain((first,), following):
        yield chunk.data
        size += len(chunk.data)
        if size >= part_bytes:
            break
    yield b"".join(prolog.close_tags)


def _upload(s3: "S3Client", url: str, pieces: Iterable[bytes]) -> None:
    bucket, key = bucket_and_key(url)
    body: Any = _Pieces(pieces)
    s3.upload_fileobj(body, bucket, key, Config=_ONE_AT_A_TIME)


class _Pieces:
    """Pieces of bytes as the file that an upload reads from."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = bytearray()

    def read(self, size: int = sys.maxsize) -> bytes:
        """`size` bytes; fewer only at the end."""
        while len(self._rest) < size and (piece := next(self._pieces, None)) is not None:
            self._rest += piece
        with memoryview(self._rest) as rest:
            data = bytes(rest[:size])
        del self._rest[:size]
        return data
