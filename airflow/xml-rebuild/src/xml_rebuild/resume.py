"""Bytes of one S3 object's one version, whatever happens to the connections they come by."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import urllib3
from botocore import exceptions as boto
from tenacity import RetryError, Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from xml_rebuild.errors import ChangedObject, MissingObject, RebuildError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: Bytes handed on at a time.
BLOCK = 2**20
# What a connection that is reset can lose of bytes that had arrived.
_PIECE = 2**16
_DROPPED = (
    boto.ConnectionError,
    boto.HTTPClientError,
    boto.IncompleteReadError,
    urllib3.exceptions.HTTPError,
    ConnectionError,
    TimeoutError,
)
_GONE = ("NoSuchKey", "NoSuchBucket", "404")
_CHANGED = ("PreconditionFailed", "InvalidRange", "412", "416")


class LostConnection(RebuildError):
    """S3 gave no further byte in all attempts; the same call may succeed later."""


def passes(error: BaseException) -> bool:
    """Whether `error` is one of the network's or the server's, so that another attempt can succeed."""
    if isinstance(error, boto.ClientError):
        return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500)
    return isinstance(error, _DROPPED)


#: Attempts for the next byte, about a minute in all; a caller's own differ in their `stop`, `wait` or `sleep`.
PATIENCE = Retrying(
    retry=retry_if_exception(passes),
    stop=stop_after_attempt(8),
    wait=wait_exponential(multiplier=0.5, max=30) + wait_random(0, 1),
)


@dataclass(frozen=True, slots=True)
class S3Range:
    """The bytes [start, stop) of the version `etag` of an object that has `size` bytes."""

    url: str
    size: int
    etag: str | None
    start: int
    stop: int

    def request(self, at: int) -> dict[str, Any]:
        """GetObject's parameters for what is left from `at` on."""
        bucket, key = bucket_and_key(self.url)
        version = {"IfMatch": self.etag} if self.etag else {}
        # S3 sends a whole object's checksum along, which botocore then verifies; a range has none.
        place = {} if (at, self.stop) == (0, self.size) else {"Range": f"bytes={at}-{self.stop - 1}"}
        return {"Bucket": bucket, "Key": key, **version, **place}


def bucket_and_key(url: str) -> tuple[str, str]:
    """The two parts of an s3:// URL; a key may hold any character."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


class ResumableStream:
    """A range read in blocks; a dropped connection is reopened at the byte that it reached."""

    def __init__(self, s3: "S3Client", wanted: S3Range, patience: Retrying = PATIENCE) -> None:
        self._s3 = s3
        self._wanted = wanted
        self._patience = patience.copy()
        self._at = wanted.start
        self._body: Any = None

    def blocks(self) -> Iterator[bytes]:
        """The range's bytes.

        Raises MissingObject or ChangedObject when that version is not there (any more), LostConnection when the
        connection drops again and again without one byte in between.
        """
        try:
            while self._at < self._wanted.stop:
                yield self._patiently()
        finally:
            self._close()

    def _patiently(self) -> bytes:
        try:
            return self._patience(self._block)
        except RetryError as error:
            raise self._lost(error) from error.last_attempt.exception()

    def _block(self) -> bytes:
        pieces: list[bytes] = []
        try:
            self._fill(pieces)
        except Exception as error:
            self._close()
            if not (pieces and passes(error)):
                raise
        return b"".join(pieces)

    def _fill(self, pieces: list[bytes]) -> None:
        body = self._body = self._body or self._opened()
        end = min(self._at + BLOCK, self._wanted.stop)
        while self._at < end:
            piece = body.read(min(_PIECE, end - self._at))
            if not piece:
                raise boto.IncompleteReadError(actual_bytes=self._at, expected_bytes=self._wanted.stop)
            pieces.append(piece)
            self._at += len(piece)

    def _opened(self) -> Any:
        request = self._wanted.request(self._at)
        try:
            answer = self._s3.get_object(**request)
        except boto.ClientError as error:
            raise self._refused(error) from error
        self._verify(answer, ranged="Range" in request)
        return answer["Body"]

    def _verify(self, answer: Any, ranged: bool) -> None:
        if self._wanted.etag not in (None, answer["ETag"]):
            raise self._changed(f"ETag {answer['ETag']}")
        found = answer.get("ContentRange", "the whole object")
        if ranged and not found.startswith(f"bytes {self._at}-"):
            step = "Use an S3 server that answers Range requests."
            raise RebuildError("Ignored range", self._wanted.url, f"the bytes from {self._at} on", found, step)

    def _refused(self, error: boto.ClientError) -> Exception:
        code = error.response["Error"]["Code"]
        if code in _CHANGED:
            return self._changed(code)
        if code in _GONE:
            step = "Upload it, or correct the source parameter."
            return MissingObject("Missing object", self._wanted.url, self._located(), code, step)
        return error

    def _changed(self, found: str) -> ChangedObject:
        step = "Run the rebuild again, which locates the object anew."
        return ChangedObject("Changed object", self._wanted.url, self._located(), found, step)

    def _located(self) -> str:
        return f"the object located with ETag {self._wanted.etag}"

    def _lost(self, error: RetryError) -> LostConnection:
        attempts = error.last_attempt.attempt_number
        where = f"{self._wanted.url} at byte {self._at}"
        found = f"{attempts} attempts without one: {error.last_attempt.exception()}"
        step = "See that S3 answers, and run the rebuild again."
        return LostConnection("Lost connection", where, "the bytes that follow", found, step)

    def _close(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
