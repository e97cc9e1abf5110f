"""A whole rebuild in one call: begin, load, finish, check, publish, with the schema held from start to end."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from xml_rebuild.checks import DIFFERENCE, examine
from xml_rebuild.finish import CONNECTIONS, complete
from xml_rebuild.load import Loader
from xml_rebuild.mapping import Mapping
from xml_rebuild.parts import PART_BYTES, Part
from xml_rebuild.progress import Meter, OnProgress
from xml_rebuild.publish import LOCK_TIMEOUT, swap
from xml_rebuild.quarantine import MAX_REJECTED
from xml_rebuild.session import WAIT, connected, connected_for_bulk, exclusively, jointly
from xml_rebuild.side_by_side import side_by_side
from xml_rebuild.source import Source
from xml_rebuild.staging import current_run, prepare

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did; `bytes` of unpacked XML, `rows` by table as published, `removed` records by rule."""

    rebuild: str
    records: int
    rejected: int
    bytes: int
    rows: dict[str, int]
    removed: dict[str, int]
    seconds: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """A JSON-able form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Options:
    """How a rebuild is done; each is explained where it is used."""

    threads: int = 1
    connections: int = CONNECTIONS
    part_bytes: int = PART_BYTES
    max_rejected: int = MAX_REJECTED
    previous: float | None = DIFFERENCE
    lock_timeout: str = LOCK_TIMEOUT
    wait: float = WAIT
    unlogged: bool = False


DEFAULTS = Options()


def rebuild(
    conninfo: str,
    mapping: Mapping,
    schema: str,
    sources: Sequence[Source],
    options: Options = DEFAULTS,
    s3: "S3Client | None" = None,
    on_progress: OnProgress | None = None,
) -> Rebuilt:
    """Fill the staging schema of `schema` from `sources` and publish it.

    Raises what `begin`, `load_parts`, `finish`, `check` and `publish` raise; then what was live is live still, and the
    same call goes on with the parts that are loaded.
    """
    with connected(conninfo) as connection:
        return _Rebuild(connection, conninfo, mapping, schema, options, s3, on_progress).run(sources)


class _Rebuild:
    def __init__(
        self,
        connection: Connection,
        conninfo: str,
        mapping: Mapping,
        schema: str,
        options: Options,
        s3: "S3Client | None",
        on_progress: OnProgress | None,
    ) -> None:
        self._connection = connection
        self._conninfo = conninfo
        self._mapping = mapping
        self._schema = schema
        self._options = options
        self._s3 = s3
        self._on_progress = on_progress
        self._seconds: dict[str, float] = {}

    def run(self, sources: Sequence[Source]) -> Rebuilt:
        options = self._options
        with ExitStack() as held:
            with exclusively(self._connection, self._schema, options.wait):
                with self._timed("begin"):
                    parts = prepare(
                        self._connection, self._mapping, self._schema, sources, options.part_bytes, self._s3,
                        options.unlogged,
                    )  # fmt: skip
                # Taken before the other is let go, so that nobody comes between.
                held.enter_context(jointly(self._connection, self._schema, options.wait))
            with self._timed("load"):
                self._load(parts)
            with exclusively(self._connection, self._schema, options.wait):
                return self._complete(parts[0].rebuild)

    def _load(self, parts: list[Part]) -> None:
        options = self._options
        meter = Meter("load", sum(part.bytes for part in parts), self._on_progress)
        loader = Loader(self._mapping, self._schema, meter, self._s3, options.max_rejected, options.wait)
        loaders = min(options.threads, len(parts))

        def load(part: Part) -> None:
            with connected_for_bulk(self._conninfo) as connection, loader.ready(connection, part.rebuild):
                loader.load(connection, part, options.threads // loaders)

        side_by_side(load, parts, loaders, "load")
        meter.end()

    def _complete(self, rebuild: str) -> Rebuilt:
        options = self._options
        run = current_run(self._connection, self._schema, rebuild)
        with self._timed("finish"):
            finished = complete(
                self._connection, self._conninfo, self._mapping, self._schema, run, options.connections,
                self._on_progress,
            )  # fmt: skip
        with self._timed("check"):
            run = current_run(self._connection, self._schema, rebuild)
            examine(self._connection, self._mapping, self._schema, run, options.previous)
        with self._timed("publish"):
            swap(self._connection, self._schema, options.lock_timeout, rebuild)
        return Rebuilt(rebuild, **finished.as_dict(), seconds=self._seconds)

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._seconds[phase] = round(time.monotonic() - started, 3)
        log.info("%s took %.1f s", phase, self._seconds[phase])
