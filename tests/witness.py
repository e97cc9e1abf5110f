"""What a stack says of itself by other ways than its metrics take, read every few seconds while tests look at those."""

import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from windtunnel.containers import Container
from windtunnel.errors import WindtunnelError
from windtunnel.machine import run

SECONDS = 5.0
# What panels' rates are of.
RATE_SECONDS = 60.0
Reading = Mapping[str, float]
Source = Callable[[], Reading]

# A container's own view of its control group: the first are of v1, the second of v2.
FILES = (
    "memory/memory.usage_in_bytes memory/memory.stat memory/memory.max_usage_in_bytes memory/memory.failcnt "
    "memory/memory.oom_control cpuacct/cpuacct.usage cpu/cpu.stat blkio/blkio.throttle.io_service_bytes_recursive",
    "memory.current memory.stat memory.peak memory.events cpu.stat io.stat memory.pressure",
)
SCRIPT = f"cd /sys/fs/cgroup; head -v -n 999 {' '.join(FILES)} /proc/net/dev 2> /dev/null; true"


def account(container: Container) -> Reading:
    """A container's memory, processor time and traffic, in bytes and seconds, as it sees them itself."""
    text = container.execute("sh", "-c", SCRIPT)
    files = {
        file.rpartition("/")[2]: content
        for file, content in re.findall(r"==> (\S+) <==\n(.*?)(?=\n==>|\Z)", text, re.S)
    }
    return (_v1 if "memory.usage_in_bytes" in files else _v2)(files) | _network(files["dev"])


def _v1(files: Mapping[str, str]) -> dict[str, float]:
    memory, processor = _pairs(files["memory.stat"]), _pairs(files["cpu.stat"])
    usage = float(files["memory.usage_in_bytes"])
    return {
        "working_set": usage - memory["total_inactive_file"],
        "anonymous": memory["total_rss"],
        "cache": memory["total_cache"],
        "peak": float(files["memory.max_usage_in_bytes"]),
        "failures": float(files["memory.failcnt"]),
        "kills": _pairs(files["memory.oom_control"])["oom_kill"],
        "processor": float(files["cpuacct.usage"]) / 1e9,
        "periods": processor["nr_periods"],
        "throttled": processor["nr_throttled"],
        "written": _sum(r" Write (\d+)", files["blkio.throttle.io_service_bytes_recursive"]),
    }


def _v2(files: Mapping[str, str]) -> dict[str, float]:
    memory, events, processor = (_pairs(files[f"{name}"]) for name in ("memory.stat", "memory.events", "cpu.stat"))
    usage = float(files["memory.current"])
    return {
        "working_set": usage - memory["inactive_file"],
        "anonymous": memory["anon"],
        "cache": memory["file"],
        "peak": float(files.get("memory.peak", "nan")),
        "failures": events["max"],
        "kills": events["oom_kill"],
        "processor": processor["usage_usec"] / 1e6,
        "periods": processor["nr_periods"],
        "throttled": processor["nr_throttled"],
        "written": _sum(r"wbytes=(\d+)", files["io.stat"]),
    }


def _network(text: str) -> dict[str, float]:
    rows = [line.replace(":", " ").split() for line in text.splitlines()[2:]]
    outside = [row for row in rows if row[0] != "lo"]
    return {"received": sum(float(row[1]) for row in outside), "sent": sum(float(row[9]) for row in outside)}


def _pairs(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"(?m)^(\w+) (\d+)$", text)}


def _sum(pattern: str, text: str) -> float:
    return sum(map(float, re.findall(pattern, text)))


def processes(container: Container) -> int:
    return len(run(["docker", "top", container.id, "-eo", "pid"], WindtunnelError).splitlines()) - 1


class Witness:
    """Reads sources every few seconds; a figure is called <source>.<name>."""

    def __init__(self) -> None:
        self._readings: list[tuple[float, Reading]] = []
        self.since = 0.0
        """From when on figures count (epoch seconds): what was read before is there for rates alone."""

    def begin(self) -> None:
        """Let figures count from now on."""
        self.since = time.time()

    @contextmanager
    def watching(self, sources: Mapping[str, Source]) -> Iterator[None]:
        """At once, and on until the end of `with`."""
        over = Event()
        self._read(sources)
        with ThreadPoolExecutor(1, "witness") as thread:
            watching = thread.submit(self._watch, sources, over)
            try:
                yield
            finally:
                over.set()
                watching.result()

    def _watch(self, sources: Mapping[str, Source], over: Event) -> None:
        while not over.wait(SECONDS):
            self._read(sources)

    def _read(self, sources: Mapping[str, Source]) -> None:
        at = time.time()
        found = {f"{source}.{name}": value for source, read in sources.items() for name, value in read().items()}
        self._readings.append((at, found))

    def names(self) -> list[str]:
        return [*self._readings[0][1]]

    def values(self, name: str) -> list[float]:
        """All that it was."""
        return [reading[name] for at, reading in [*self._readings] if at >= self.since]

    def now(self, name: str) -> float:
        return self.values(name)[-1]

    def least(self, name: str) -> float:
        return min(self.values(name))

    def most(self, name: str) -> float:
        return max(self.values(name))

    def grown(self, name: str) -> float:
        """What a counter has grown by, as rates add up, each of which reaches back behind its own moment."""
        return self._mean_until(self._readings[-1][0], name) - self._mean_until(self.since, name)

    def _mean_until(self, end: float, name: str) -> float:
        return statistics.mean(one[name] for at, one in [*self._readings] if end - RATE_SECONDS < at <= end)

    def seconds(self) -> float:
        return self._readings[-1][0] - self.since

    def exceeded_by_nine_tenths(self, name: str) -> float:
        return statistics.quantiles(self.values(name), n=10)[0]

    def slope(self, name: str) -> float:
        """Of a straight line through all that it was, by second."""
        readings = [one for one in [*self._readings] if one[0] >= self.since]
        return statistics.linear_regression([at for at, _ in readings], [one[name] for _, one in readings]).slope

    def greatest_share(self, part: str, whole: str, seconds: float) -> float:
        """Of what two counters grew by in so many seconds."""
        step = round(seconds / SECONDS)
        parts, wholes = self.values(part), self.values(whole)
        ends = range(step, len(parts))
        return max((parts[i] - parts[i - step]) / max(wholes[i] - wholes[i - step], 1) for i in ends)
