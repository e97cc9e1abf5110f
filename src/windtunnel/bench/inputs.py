"""The documents that contenders load: made once by the library's generators, kept below .cache/bench."""

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from windtunnel import sample
from windtunnel.bench import counts
from windtunnel.bench.size import shown
from windtunnel.bench.tools import CACHE, LIBRARY
from windtunnel.errors import DiskFull, WindtunnelError
from windtunnel.machine import run

Report = Callable[[str], None]
BLOCK = 2**20
#: Postgres' max_wal_size, with what it goes over that.
LOG = 3 * 10**9
#: As NLM packs its files.
GZIP_LEVEL = 6


@dataclass(frozen=True)
class Format:
    """A kind of document: its record's element as written, and the table that has one row a record."""

    name: str
    record: str
    counted_by: str


FORMATS = {
    one.name: one
    for one in (Format("pubmed", "PubmedArticle", "article"), Format("onix", "oph:HoldingsRecord", "holding"))
}


@dataclass(frozen=True)
class Document:
    """A document and what must become of it; `path` is plain XML."""

    format: Format
    path: Path

    @property
    def size(self) -> int:
        """Its bytes, unpacked."""
        return self.path.stat().st_size

    @property
    def packed(self) -> Path:
        """The same document as gzip, made when it is first asked for."""
        target = self.path.with_suffix(".xml.gz")
        if not target.exists():
            partial = target.with_suffix(".partial")
            with self.path.open("rb") as plain, gzip.open(partial, "wb", GZIP_LEVEL) as out:
                shutil.copyfileobj(plain, out, BLOCK)
            partial.rename(target)
        return target

    @cached_property
    def records(self) -> int:
        """How many records it has, as expat counts them."""
        return self.rows(self.format.name)[self.format.counted_by]

    def rows(self, rule: str) -> dict[str, int]:
        """How many rows the tables must have under one of `counts.RULES`, as expat counts them."""
        digest = hashlib.sha256(Path(counts.__file__).read_bytes()).hexdigest()[:8]
        kept = self.path.with_suffix(f".{rule}-{digest}.json")
        if not kept.exists():
            kept.write_text(json.dumps(counts.count(self.path, counts.RULES[rule])))
        found: dict[str, int] = json.loads(kept.read_text())
        return found

    def read_once(self) -> None:
        """Have it in the page cache, so that no contender pays for the disk in another's stead."""
        with self.path.open("rb") as file:
            while file.read(BLOCK):
                pass


def made(name: str, size: int, interpreter: str, report: Report) -> Document:
    """The document of a format in about `size` bytes."""
    kept = f"{name}-{_generation()}-"
    path = CACHE / f"{kept}{size}.xml"
    if not path.exists():
        _discard([old for old in CACHE.glob(f"{name}-*") if not old.name.startswith(kept)])
        _need_room(size)
        report(f"making {shown(size)} of {name}")
        _generate(name, size, interpreter, path, report)
    return Document(FORMATS[name], path)


def _discard(documents: Iterable[Path]) -> None:
    for document in documents:
        document.unlink()


def _need_room(size: int) -> None:
    """For the document, its copy in gzip, and a database with its indexes and log.

    Raises:
        DiskFull: there is not enough of it.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    needed, free = 4 * size + LOG, shutil.disk_usage(CACHE).free
    if free < needed:
        raise DiskFull(
            f"free disk at {CACHE}: expected at least {shown(needed)} for documents of {shown(size)}, "
            f"found {shown(free)}",
            "free some space, or take a smaller --size",
        )


def _generation() -> str:
    """Tells documents apart that different generators made."""
    digest = hashlib.sha256()
    for source in sorted((LIBRARY / "xml_rebuild/generate").glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:8]


def _generate(name: str, size: int, interpreter: str, path: Path, report: Report) -> None:
    partial = path.with_suffix(".partial")
    files = [str(file) for file in sample.fetch(report)] if name == "pubmed" else []
    command = [interpreter, "-m", "xml_rebuild.generate", name, "--size", str(size), "--out", str(partial), *files]
    run(command, WindtunnelError, env={"PYTHONPATH": str(LIBRARY)})
    partial.rename(path)


def beginning(document: Document, size: int | None) -> Document:
    """The first records of a document, about `size` bytes of them, as a document of its own; None means all."""
    if size is None or document.size <= size:
        return document
    path = document.path.with_suffix(f".first-{size}.xml")
    if not path.exists():
        partial = path.with_suffix(".partial")
        with document.path.open("rb") as whole, partial.open("wb") as out:
            end = _end_of_record(document, size)
            out.write(whole.read(end))
            out.write(_after_the_records(document))
        partial.rename(path)
    return Document(document.format, path)


def _end_of_record(document: Document, near: int) -> int:
    """Where the first record that ends after `near` ends."""
    mark = f"</{document.format.record}>".encode()
    with document.path.open("rb") as file:
        file.seek(near)
        found, read = -1, b""
        while found < 0 and (block := file.read(BLOCK)):
            read += block
            found = read.find(mark)
    if found < 0:
        raise WindtunnelError(f"{document.path.name}: expected {mark.decode()} after byte {near}, found none")
    return near + found + len(mark)


def _after_the_records(document: Document) -> bytes:
    """What stands behind the last record: the end tags that the beginning lacks."""
    mark = f"</{document.format.record}>".encode()
    with document.path.open("rb") as file:
        file.seek(max(0, document.size - BLOCK))
        return file.read().rpartition(mark)[2]
