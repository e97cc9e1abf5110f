"""NLM's real records over and over, each with a PMID of its own: one MEDLINE document of any size.

The files take turns by how far each has been read, so that a document of any size has the same mixture of records.
A PMID is changed where it is the record's own; those that a record refers to stay.
"""

import gzip
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from xml_rebuild.generate.output import Made

_BLOCK = 2**20
_ROOT = b"<PubmedArticleSet"
_START = b"<PubmedArticle>"
_END = b"</PubmedArticle>"
_PMID = re.compile(rb'(<PMID Version="\d+">)(\d+)(</PMID>)')
_FIRST_PMID = 10_000_000


def document(files: Sequence[Path]) -> Made:
    """All records of `files` (plain or gzip), then all again, numbered from 10000000."""
    return Made(_prolog(files[0]), _renumbered(files), b"</PubmedArticleSet>\n")


def _prolog(file: Path) -> bytes:
    with _File(file) as opened:
        before = opened.until(_START)
    return before[: before.index(b">", before.index(_ROOT)) + 1] + b"\n"


def _renumbered(files: Sequence[Path]) -> Iterator[bytes]:
    pmid = _FIRST_PMID
    while True:
        before = pmid
        for record in _mixed(files):
            yield _with_pmid(record, pmid) + b"\n"
            pmid += 1
        if pmid == before:
            return


def _mixed(files: Sequence[Path]) -> Iterator[bytes]:
    opened = [_File(file) for file in files]
    try:
        while opened:
            least = min(opened, key=lambda file: file.share)
            record = next(least.records, None)
            if record is not None:
                yield record
            else:
                opened.remove(least)
                least.close()
    finally:
        for file in opened:
            file.close()


def _with_pmid(record: bytes, pmid: int) -> bytes:
    own = _PMID.search(record)
    if own is None:
        raise ValueError(f"No PMID in the record that begins {record[:200]!r}")
    new = str(pmid).encode()
    record = record[: own.start(2)] + new + record[own.end(2) :]
    named = b'<ArticleId IdType="pubmed">%b</ArticleId>'
    return record.replace(named % own[2], named % new, 1)


class _File:
    """One file's records; `share` is how much of it has been read."""

    def __init__(self, path: Path) -> None:
        self._packed = path.open("rb")
        self._size = os.fstat(self._packed.fileno()).st_size
        self._plain: IO[bytes] = gzip.GzipFile(fileobj=self._packed) if path.suffix == ".gz" else self._packed  # type: ignore[assignment]
        self._buffer = b""
        self.records = self._read()

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def share(self) -> float:
        return self._packed.tell() / self._size

    def close(self) -> None:
        self._packed.close()

    def until(self, mark: bytes) -> bytes:
        """What stands before `mark`."""
        while (place := self._buffer.find(mark)) < 0:
            if not self._more():
                raise ValueError(f"No {mark.decode()} in {self._packed.name}")
        return self._buffer[:place]

    def _read(self) -> Iterator[bytes]:
        while True:
            end = 0
            while (stop := self._buffer.find(_END, end)) >= 0:
                start = self._buffer.index(_START, end)
                end = stop + len(_END)
                yield self._buffer[start:end]
            self._buffer = self._buffer[end:]
            if not self._more():
                return

    def _more(self) -> bool:
        block = self._plain.read(_BLOCK)
        self._buffer += block
        return bool(block)
