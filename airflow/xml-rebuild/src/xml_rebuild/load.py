"""Parts of a rebuild into the staging schema, each in one transaction that also notes that it is there."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

from psycopg import Connection, sql
from psycopg.errors import LockNotAvailable
from psycopg.types.json import Jsonb

from xml_rebuild.codec import unpack
from xml_rebuild.copying import Copier
from xml_rebuild.document import Document
from xml_rebuild.errors import Busy, CheckFailed
from xml_rebuild.extract import Extracted, Extractor
from xml_rebuild.mapping import Mapping
from xml_rebuild.parts import Part
from xml_rebuild.progress import Meter, OnProgress
from xml_rebuild.quarantine import MAX_REJECTED, Quarantine
from xml_rebuild.schema import PART, staging_of
from xml_rebuild.session import WAIT, connected, connected_for_bulk, exclusively, jointly, set_lock_timeout
from xml_rebuild.source import read
from xml_rebuild.staging import LOADING, PartSummary, current_run, loaded_parts, missing_parts, repair

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CLAIM = """
    INSERT INTO {part} (part, source, etag, start, stop) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_DONE = """
    UPDATE {part} SET records = %s, rejected = %s, bytes = %s, rows = %s, loaded_at = clock_timestamp() WHERE part = %s
"""


def load_parts(
    conninfo: str,
    mapping: Mapping,
    schema: str,
    parts: Sequence[Part],
    threads: int = 1,
    s3: "S3Client | None" = None,
    on_progress: OnProgress | None = None,
    max_rejected: int = MAX_REJECTED,
    wait: float = WAIT,
) -> list[PartSummary]:
    """Load `parts` in their order, each unless the staging schema has it already; `threads` of them extract.

    Progress is that of all of them together; `max_rejected` is of each. Raises Busy when another rebuild has replaced
    the parts' own or is at work on the schema, or when another session loads one of them, for longer than `wait`
    seconds; and what `read`, `unpack`, Document and Extractor raise. Then nothing of that part is in the schema.
    """
    meter = Meter("load", sum(part.bytes for part in parts), on_progress)
    loader = Loader(mapping, schema, meter, s3, max_rejected, wait)
    summaries = []
    for part in parts:
        with connected_for_bulk(conninfo) as connection, loader.ready(connection, part.rebuild):
            summaries.append(loader.load(connection, part, threads))
    meter.end()
    return summaries


def load_missing(
    conninfo: str,
    mapping: Mapping,
    schema: str,
    threads: int = 1,
    s3: "S3Client | None" = None,
    on_progress: OnProgress | None = None,
    max_rejected: int = MAX_REJECTED,
    wait: float = WAIT,
    rebuild: str | None = None,
) -> list[PartSummary]:
    """Load all parts that the staging schema lacks, as it does after a crash of the server; raises as `load_parts`."""
    staging = staging_of(schema)
    with connected(conninfo) as connection, exclusively(connection, schema, wait):
        run = current_run(connection, schema, rebuild)
        repair(connection, mapping, staging, run)
        missing = missing_parts(connection, staging, run)
    if not missing:
        return []
    return load_parts(conninfo, mapping, schema, missing, threads, s3, on_progress, max_rejected, wait)


class StoppedElsewhere(Exception):
    """Another part of the same rebuild failed, so this one would be for nothing."""


class Loader:
    """Loads parts of one rebuild; one for all threads."""

    def __init__(
        self,
        mapping: Mapping,
        schema: str,
        meter: Meter,
        s3: "S3Client | None" = None,
        max_rejected: int = MAX_REJECTED,
        wait: float = WAIT,
    ) -> None:
        self._mapping = mapping
        self._schema = schema
        self._staging = staging_of(schema)
        self._meter = meter
        self._s3 = s3
        self._max_rejected = max_rejected
        self._wait = wait
        self._extractor = Extractor(mapping)
        self._failed = Event()

    @contextmanager
    def ready(self, connection: Connection, rebuild: str) -> Iterator[None]:
        """The staging schema is that of `rebuild`, and stays so."""
        with jointly(connection, self._schema, self._wait):
            run = current_run(connection, self._schema, rebuild)
            if run.phase == LOADING:
                yield
                return
        with exclusively(connection, self._schema, self._wait):
            repair(connection, self._mapping, self._staging, run)
        with jointly(connection, self._schema, self._wait):
            current_run(connection, self._schema, rebuild)
            yield

    def load(self, connection: Connection, part: Part, threads: int = 1) -> PartSummary:
        """Load `part` in a session that is ready, unless it is there already."""
        try:
            with connection.transaction():
                if self._claimed(connection, part):
                    return self._loaded(connection, part, threads)
        except BaseException:
            self._failed.set()
            raise
        return loaded_parts(connection, self._staging)[part.number]

    def _claimed(self, connection: Connection, part: Part) -> bool:
        # The key makes a second loader of the part wait for the first one's end, and then know how it ended.
        source = part.source
        try:
            set_lock_timeout(connection, f"{max(1, round(self._wait * 1000))}ms")
            statement = sql.SQL(_CLAIM).format(part=sql.Identifier(self._staging, PART))
            values = [part.number, source.url, source.etag, part.start, part.stop]
            return connection.execute(statement, values).rowcount == 1
        except LockNotAvailable as error:
            step = "Wait for the other session to end, or stop it, then run again."
            raise Busy("Part in use", source.url, "no other loader of it", "another session", step) from error

    def _loaded(self, connection: Connection, part: Part, threads: int) -> PartSummary:
        document = self._document(part)
        quarantine = Quarantine(part, self._max_rejected)
        records, size, rows = 0, 0, dict.fromkeys(self._mapping.tables, 0)
        with Copier(connection, self._mapping, self._staging) as copier:
            for length, extracted in self._extracted(document, part, threads):
                quarantine.take(extracted.rejected)
                copier.add(extracted.copies)
                records, size = records + extracted.records, size + length
                for table, count in extracted.rows.items():
                    rows[table] += count
            _expect_rows(part, rows, copier.flush())
        quarantine.store(connection, self._schema)
        summary = PartSummary(part.number, part.source.url, records, len(quarantine), size, rows)
        self._note(connection, summary)
        return summary

    def _document(self, part: Part) -> Document:
        whole = part.prolog is None
        blocks = self._unpacked(part) if whole else read(part.source, self._s3, part.start, part.stop)
        return Document(blocks, self._mapping, part.source.url, prolog=part.prolog, start=part.start)

    def _unpacked(self, part: Part) -> Iterator[bytes]:
        """The whole source; while it is read, the packed bytes say how many unpacked ones are still to come."""
        packed = unpacked = 0
        expected = part.source.size

        def counted() -> Iterator[bytes]:
            nonlocal packed
            for block in read(part.source, self._s3):
                packed += len(block)
                yield block

        for block in unpack(counted(), part.source.url):
            unpacked += len(block)
            estimate = max(part.source.size, part.source.size * unpacked // packed)
            self._meter.expect(estimate - expected)
            expected = estimate
            yield block

    def _extracted(self, document: Document, part: Part, threads: int) -> Iterator[tuple[int, Extracted]]:
        """What the chunks hold, in their order, with their sizes; some chunks ahead of the caller."""
        ahead: deque[tuple[int, Future[Extracted]]] = deque()
        pool = ThreadPoolExecutor(threads, "extract")
        try:
            for chunk in document:
                if self._failed.is_set():
                    raise StoppedElsewhere(part.source.url)
                prefix = f"{part.number:05d}{chunk.number:06d}"
                ahead.append((len(chunk.data), pool.submit(self._extractor.extract, document.prolog, chunk, prefix)))
                if len(ahead) > threads:
                    yield self._counted(*ahead.popleft())
            while ahead:
                yield self._counted(*ahead.popleft())
        finally:
            pool.shutdown(cancel_futures=True)

    def _counted(self, length: int, future: Future[Extracted]) -> tuple[int, Extracted]:
        extracted = future.result()
        self._meter.add(length, extracted.records, sum(extracted.rows.values()), len(extracted.rejected))
        return length, extracted

    def _note(self, connection: Connection, done: PartSummary) -> None:
        statement = sql.SQL(_DONE).format(part=sql.Identifier(self._staging, PART))
        connection.execute(statement, [done.records, done.rejected, done.bytes, Jsonb(done.rows), done.part])


def _expect_rows(part: Part, made: dict[str, int], copied: dict[str, int]) -> None:
    if made != copied:
        where = f"the rows of part {part.number} of {part.source.url}"
        raise CheckFailed("Check failed", where, str(made), str(copied), "Report this: it is a fault of the library.")
