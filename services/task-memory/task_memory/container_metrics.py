"""Prometheus' series of the environment's containers: cAdvisor's names, each with compose's service and MWAA's cluster.

Names: https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md
"""

import logging
import threading
import time
from collections.abc import Iterator, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, UntypedMetricFamily
from prometheus_client.registry import Collector

from task_memory import worker_slots
from task_memory.cgroups import Cgroup, CgroupGone, Resource, open_cgroup
from task_memory.docker_api import Container, DockerAPI, DockerUnavailable

LABELS = ("container", "component", "cluster")
LIST_SECONDS = 5
# How long a scrape waits for Docker before it goes on with what is known.
PATIENCE_SECONDS = 1
DISK_SECONDS = 60
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html
FARGATE_DISK_BYTES = 20 * 2**30

GAUGES = {
    "container_memory_usage_bytes": "Memory charged to the container, page cache included",
    "container_memory_working_set_bytes": "Memory without the file cache that the kernel drops first",
    "container_memory_rss": "Anonymous memory in bytes: what the processes hold themselves",
    "container_memory_cache": "File cache in bytes",
    "container_memory_max_usage_bytes": "The highest memory usage since the container's start",
    "container_spec_memory_limit_bytes": "The memory limit",
    "container_spec_cpu_quota": "Microseconds of processor time that each period has",
    "container_spec_cpu_period": "The period of the processor limit in microseconds",
    "container_processes": "Processes in the container",
    "container_start_time_seconds": "The container's start in seconds since the epoch",
    "container_fs_usage_bytes": "Size of the writable layer",
    "container_fs_limit_bytes": "The disk that Fargate gives a task",
    "windtunnel_worker_slots": "Tasks that the worker runs at once",
}
RESOURCES: tuple[Resource, ...] = ("cpu", "memory", "io")
COUNTERS = {
    "container_oom_events_total": "Processes that the kernel killed for memory",
    "container_cpu_usage_seconds_total": "Processor time",
    "container_cpu_cfs_periods_total": "Periods of the processor limit",
    "container_cpu_cfs_throttled_periods_total": "Periods in which the processor limit was reached",
    "container_cpu_cfs_throttled_seconds_total": "Time for which processes were held back by the processor limit",
    "container_network_receive_bytes_total": "Bytes received, without the loopback interface",
    "container_network_transmit_bytes_total": "Bytes sent, without the loopback interface",
    "container_fs_reads_bytes_total": "Bytes read from block devices",
    "container_fs_writes_bytes_total": "Bytes written to block devices",
    "container_restarts_total": "Restarts by Docker's restart policy",
} | {
    f"container_pressure_{resource}_{what}_seconds_total": f"Time in which {who} processes waited for {resource}"
    for resource in RESOURCES
    for what, who in (("waiting", "some"), ("stalled", "all"))
}
# cAdvisor's counter without `_total`, an ending that the client library would add to a counter.
UNTYPED = {"container_memory_failcnt": "How often memory usage ran into the limit"}

log = logging.getLogger(__name__)

# A series' name and its value; None where this kernel or this container has no such figure.
Value = tuple[str, float | None]


@dataclass(frozen=True)
class _Watched:
    container: Container
    cgroup: Cgroup


@dataclass(frozen=True)
class _Listing:
    running: set[str]
    new: list[Container]


class ContainerMetrics(Collector):
    """The series of GAUGES, COUNTERS and UNTYPED for each running container of the environment.

    Each figure is read when Prometheus asks for it. Which containers run is asked at most every 5 s, and how large
    their writable layers are every minute, in the background. While Docker gives no answer, what is known stays.

    Args:
        proc: the host's /proc.
        cgroups: the host's /sys/fs/cgroup.
    """

    def __init__(
        self, api: DockerAPI, environment: str, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")
    ) -> None:
        self._api = api
        self._environment = environment
        self._proc = proc
        self._cgroups = cgroups
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}
        self._docker = ThreadPoolExecutor(max_workers=2, thread_name_prefix="docker")
        self._listing: Future[_Listing] | None = None
        self._listed_at = float("-inf")
        self._disk: dict[str, int] = {}
        self._disk_asked_at = float("-inf")

    def describe(self) -> list[Metric]:
        """The series without values, for which the registry would else collect all when this is registered."""
        return list(_families().values())

    def collect(self) -> list[Metric]:
        """The series of this moment."""
        families = _families()
        with self._lock:
            self._refresh()
            for watched in [*self._watched.values()]:
                self._add(watched, families)
        return [family for family in families.values() if family.samples]

    def _add(self, watched: _Watched, families: dict[str, Metric]) -> None:
        container = watched.container
        try:
            values = [*self._values(watched)]
        except CgroupGone:
            self._forget(container.id)
            return
        labels = (container.name, container.component, container.cluster)
        for name, value in values:
            if value is not None:
                families[name].add_metric(labels, value)  # type: ignore[attr-defined]

    def _values(self, watched: _Watched) -> Iterator[Value]:
        container, cgroup = watched.container, watched.cgroup
        yield from _memory_values(cgroup)
        yield from _cpu_values(cgroup)
        yield from _pressure_values(cgroup)
        yield from _io_values(cgroup)
        yield from _network_values(self._proc / str(container.pid) / "net/dev")
        yield "container_processes", cgroup.processes()
        yield "container_start_time_seconds", container.started_at
        yield "container_restarts_total", container.restarts
        yield "container_fs_usage_bytes", self._disk.get(container.id)
        yield "container_fs_limit_bytes", FARGATE_DISK_BYTES
        if container.slots is not None:
            yield "windtunnel_worker_slots", worker_slots.in_force(container.pid, container.slots, self._proc)

    def _refresh(self) -> None:
        self._ask_docker(time.monotonic())
        listing = self._answer()
        if not listing:
            return
        for container_id in self._watched.keys() - listing.running:
            self._forget(container_id)
        for container in listing.new:
            self._watch(container)

    def _ask_docker(self, now: float) -> None:
        """Start what is due, in the background."""
        if now - self._disk_asked_at >= DISK_SECONDS:
            self._disk_asked_at = now
            self._docker.submit(self._measure_disk)
        if not self._listing and now - self._listed_at >= LIST_SECONDS:
            self._listed_at = now
            self._listing = self._docker.submit(self._list, {*self._watched})

    def _answer(self) -> _Listing | None:
        """Docker's answer to the last question; None until it comes, and after it has been given."""
        if not self._listing:
            return None
        try:
            return self._listing.result(PATIENCE_SECONDS)
        except (DockerUnavailable, TimeoutError) as error:
            log.warning("the list of containers stays as it was: %r", error)
            return None
        finally:
            if self._listing.done():
                self._listing = None

    def _list(self, known: Set[str]) -> _Listing:
        running = self._api.running_ids(self._environment)
        return _Listing(running, [*filter(None, map(self._api.container, running - known))])

    def _watch(self, container: Container) -> None:
        try:
            cgroup = open_cgroup(container.pid, container.id, self._proc, self._cgroups)
        except CgroupGone as error:
            log.info("container %s is left out: %s", container.name, error)
            return
        self._watched[container.id] = _Watched(container, cgroup)

    def _forget(self, container_id: str) -> None:
        self._watched.pop(container_id).cgroup.close()

    def _measure_disk(self) -> None:
        try:
            self._disk = self._api.writable_bytes(self._environment)
        except DockerUnavailable as error:
            log.warning("the sizes of writable layers stay as they were: %s", error)


def _families() -> dict[str, Metric]:
    gauges = {name: GaugeMetricFamily(name, help, labels=LABELS) for name, help in GAUGES.items()}
    counters = {name: CounterMetricFamily(name, help, labels=LABELS) for name, help in COUNTERS.items()}
    untyped = {name: UntypedMetricFamily(name, help, labels=LABELS) for name, help in UNTYPED.items()}
    return {**gauges, **counters, **untyped}


def _memory_values(cgroup: Cgroup) -> Iterator[Value]:
    memory = cgroup.memory()
    yield "container_memory_usage_bytes", memory.usage
    yield "container_memory_working_set_bytes", memory.working_set
    yield "container_memory_rss", memory.anon
    yield "container_memory_cache", memory.cache
    yield "container_memory_max_usage_bytes", memory.peak
    yield "container_spec_memory_limit_bytes", memory.limit
    yield "container_memory_failcnt", memory.failures
    yield "container_oom_events_total", cgroup.oom_kills()


def _cpu_values(cgroup: Cgroup) -> Iterator[Value]:
    cpu = cgroup.cpu()
    yield "container_cpu_usage_seconds_total", cpu.usage_seconds
    yield "container_spec_cpu_quota", cpu.quota
    yield "container_spec_cpu_period", cpu.period
    yield "container_cpu_cfs_periods_total", cpu.periods
    yield "container_cpu_cfs_throttled_periods_total", cpu.throttled_periods
    yield "container_cpu_cfs_throttled_seconds_total", cpu.throttled_seconds


def _pressure_values(cgroup: Cgroup) -> Iterator[Value]:
    for resource in RESOURCES:
        pressure = cgroup.pressure(resource)
        if pressure:
            yield f"container_pressure_{resource}_waiting_seconds_total", pressure.waiting_seconds
            yield f"container_pressure_{resource}_stalled_seconds_total", pressure.stalled_seconds


def _io_values(cgroup: Cgroup) -> Iterator[Value]:
    io = cgroup.io()
    if io:
        yield "container_fs_reads_bytes_total", io.read
        yield "container_fs_writes_bytes_total", io.written


def _network_values(file: Path) -> Iterator[Value]:
    """Bytes of all interfaces but loopback. Columns: https://man7.org/linux/man-pages/man5/proc_pid_net.5.html"""
    try:
        lines = file.read_text().splitlines()[2:]
    except OSError:
        return
    interfaces = {name.strip(): columns.split() for name, _, columns in (line.partition(":") for line in lines)}
    interfaces.pop("lo", None)
    yield "container_network_receive_bytes_total", sum(int(columns[0]) for columns in interfaces.values())
    yield "container_network_transmit_bytes_total", sum(int(columns[8]) for columns in interfaces.values())
