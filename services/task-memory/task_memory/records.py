"""What is known of one try of a task: who it is, its peaks, how it ended."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from task_memory.datagrams import Datagram, Identity
from task_memory.process_tree import ProcessTree, Sample

# Growth is looked at over this many seconds.
GROWTH_SECONDS = 30


@dataclass
class Growth:
    """A size over the last GROWTH_SECONDS, a point a second."""

    _points: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=GROWTH_SECONDS + 1))

    def add(self, at: float, size: int) -> None:
        """A size in bytes at a moment; more than one a second are left out."""
        if not self._points or at - self._points[-1][0] >= 1:
            self._points.append((at, size))

    def start_over(self) -> None:
        """Forget."""
        self._points.clear()

    def until(self, at: float, size: int) -> int:
        """How many bytes have come since the oldest point that is not too old."""
        return size - next((old for _, old in self._within(at)), size)

    def slope(self, at: float) -> float:
        """Bytes a second by least squares; 0 with fewer than three points."""
        points = [*self._within(at)]
        if len(points) < 3:
            return 0.0
        mean_at = sum(when for when, _ in points) / len(points)
        mean_size = sum(size for _, size in points) / len(points)
        spread = sum((when - mean_at) ** 2 for when, _ in points)
        return sum((when - mean_at) * (size - mean_size) for when, size in points) / spread

    def _within(self, at: float) -> Iterator[tuple[float, int]]:
        return (point for point in self._points if at - point[0] <= GROWTH_SECONDS + 1)


@dataclass
class TaskRecord:
    """One try of a task, by its UUID.

    Attributes:
        identity: None until its first datagram.
        container, component: where it runs, "" until its process has been seen there.
        tree: its processes; None before they are seen and after they ended.
        baseline: bytes that were its own just before the user's code ran (or when first seen, without a datagram).
        peak_private: the most that it has added to its baseline.
        peak_at: when that was.
        parsed: whether the baseline is the true one.
        lost_at: since when its process is gone, though nothing has said how it ended.
    """

    ti: str
    started_at: float
    identity: Identity | None = None
    host: str = ""
    container_id: str = ""
    container: str = ""
    component: str = ""
    tree: ProcessTree | None = None
    last: Sample | None = None
    baseline: int = 0
    peak_rss: int = 0
    peak_pss: int = 0
    peak_private: int = 0
    peak_at: float | None = None
    parsed: bool = False
    growth: Growth = field(default_factory=Growth)
    lost_at: float | None = None
    outcome: str | None = None
    ended_at: float | None = None
    stored_at: float = 0.0

    @property
    def added(self) -> int:
        """Bytes that it has now beyond its baseline."""
        return max(0, self.last.private - self.baseline) if self.last else 0

    def measured(self, sample: Sample) -> None:
        """Take a sample into the peaks."""
        if self.last is None:
            self.baseline = sample.private
        self.last = sample
        self.peak_rss = max(self.peak_rss, sample.rss + sample.spike)
        self.peak_pss = max(self.peak_pss, sample.pss + sample.spike)
        self._peak(sample.at, sample.private + sample.spike - self.baseline)
        self.growth.add(sample.at, sample.private)

    def told(self, datagram: Datagram) -> None:
        """Take the task's own word."""
        self.identity, self.host = datagram.identity, datagram.host
        self.started_at = min(self.started_at, datagram.at)
        figures = (datagram.at, datagram.rss, datagram.pss, datagram.private)
        sample = self.tree.believe(*figures, datagram.hwm) if self.tree else None
        if datagram.phase == "parsed":
            self._begin(datagram)
        elif sample:
            self.measured(sample)
        elif self.tree and not self.tree.alone:
            self._peak(datagram.at, datagram.private - self.baseline)
        else:
            self.measured(Sample(*figures, spike=datagram.hwm - datagram.rss if self._spiked(datagram) else 0))
        if datagram.phase == "finished":
            self.outcome = datagram.outcome

    def killed(self, at: float, rss: int, written: int, pid: int) -> None:
        """The kernel's last figures of one of its processes, in bytes."""
        if not self.last:
            return
        sampled = self.tree and pid in self.tree
        missed = max(0, written - self.tree.written(pid) if self.tree and sampled else rss - self.last.rss)
        self.peak_rss = max(self.peak_rss, rss, self.last.rss + missed)
        self.peak_pss = max(self.peak_pss, self.last.pss + missed)
        self._peak(at, self.last.private + missed - self.baseline)
        self.last = Sample(at, self.last.rss + missed, self.last.pss + missed, self.last.private + missed, 0)

    def _begin(self, datagram: Datagram) -> None:
        self.parsed = True
        self.baseline = datagram.private
        self.last = Sample(datagram.at, datagram.rss, datagram.pss, datagram.private, 0)
        self.peak_rss = max(self.peak_rss, datagram.rss)
        self.peak_pss = max(self.peak_pss, datagram.pss)
        self.peak_private, self.peak_at = 0, datagram.at
        self.growth.start_over()
        self.growth.add(datagram.at, datagram.private)

    def _spiked(self, datagram: Datagram) -> bool:
        return self.parsed and datagram.hwm > self.peak_rss

    def _peak(self, at: float, added: int) -> None:
        if added > self.peak_private or self.peak_at is None:
            self.peak_private, self.peak_at = max(0, added), at
