"""How far a rebuild is: counted by all threads, told every few seconds."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

#: Seconds between two reports.
INTERVAL = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """`bytes` of unpacked XML, or of tables in the phase "finish"; `total_bytes` is an estimate for packed sources."""

    phase: str
    bytes: int
    total_bytes: int
    records: int
    rows: int
    rejected: int
    seconds: float

    @property
    def bytes_per_second(self) -> float:
        """The mean since the phase began."""
        return self.bytes / self.seconds if self.seconds > 0 else 0.0

    @property
    def records_per_second(self) -> float:
        """The mean since the phase began."""
        return self.records / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the mean speed so far; None before there is one."""
        left, speed = max(0, self.total_bytes - self.bytes), self.bytes_per_second
        if left == 0:
            return 0.0
        return left / speed if speed else None

    def __str__(self) -> str:
        left = "unknown" if self.seconds_left is None else f"{self.seconds_left:.0f} s"
        done = f"{self.bytes / 1e6:.0f} of {self.total_bytes / 1e6:.0f} MB, {self.bytes_per_second / 1e6:.1f} MB/s"
        records = f"{self.records} records, {self.records_per_second:.0f} records/s, {self.rejected} rejected"
        return f"{self.phase}: {done}, {records}, time left {left}"


OnProgress = Callable[[Progress], None]


class Meter:
    """Counts for all threads of one phase, and reports: to the log and to `on_progress`."""

    def __init__(
        self, phase: str, total_bytes: int, on_progress: OnProgress | None = None, interval: float = INTERVAL
    ) -> None:
        self._phase = phase
        self._on_progress = on_progress
        self._interval = interval
        self._lock = Lock()
        self._total = total_bytes
        self._bytes = self._records = self._rows = self._rejected = 0
        self._started = self._reported = time.monotonic()

    def add(self, bytes: int = 0, records: int = 0, rows: int = 0, rejected: int = 0) -> None:
        """Count what was done since; reports if it is time."""
        with self._lock:
            self._bytes += bytes
            self._records += records
            self._rows += rows
            self._rejected += rejected
            if time.monotonic() - self._reported < self._interval:
                return
            self._reported = time.monotonic()
        self.report()

    def expect(self, more_bytes: int) -> None:
        """Correct the estimate of all the bytes to come."""
        with self._lock:
            self._total += more_bytes

    def progress(self) -> Progress:
        """The counts by now."""
        seconds = time.monotonic() - self._started
        with self._lock:
            total = max(self._total, self._bytes)
            return Progress(self._phase, self._bytes, total, self._records, self._rows, self._rejected, seconds)

    def end(self) -> None:
        """Report that all is done: an estimate, or what lies between records, is not left to do."""
        with self._lock:
            self._total = self._bytes
        self.report()

    def report(self) -> None:
        """Tell the counts by now."""
        progress = self.progress()
        log.info("%s", progress)
        if self._on_progress is not None:
            self._on_progress(progress)
