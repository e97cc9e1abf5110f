"""A container's control group, read alike on cgroup v1, on v2, and on the hybrid of both.

Sources of the files' meaning: https://docs.kernel.org/admin-guide/cgroup-v1/ and
https://docs.kernel.org/admin-guide/cgroup-v2.html.
"""

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

# Without a limit, v1 shows the largest multiple of the page size below 2**63.
UNLIMITED = 2**62

Resource = Literal["cpu", "memory", "io"]


class CgroupGone(Exception):
    """The container has no control group (any more)."""


@dataclass(frozen=True)
class Memory:
    """Memory of a container, in bytes.

    Attributes:
        usage: all that is charged, page cache included; what the limit applies to.
        working_set: usage without the file cache that the kernel drops first; the distance to an OOM kill.
        anon: what processes hold themselves, and no reclaim can free.
        cache: file cache, shared memory included.
        peak: the highest usage so far; None on kernels before 5.19 with cgroup v2.
        limit: None without one.
        failures: how often usage ran into the limit.
    """

    usage: int
    working_set: int
    anon: int
    cache: int
    peak: int | None
    limit: int | None
    failures: int


@dataclass(frozen=True)
class Cpu:
    """Processor time of a container.

    Attributes:
        quota: microseconds of processor time in each `period`; None without a limit.
        period: microseconds.
        periods: enforcement periods so far.
        throttled_periods: those in which the quota ran out.
    """

    usage_seconds: float
    quota: int | None
    period: int
    periods: int
    throttled_periods: int
    throttled_seconds: float


@dataclass(frozen=True)
class Pressure:
    """Pressure stall information: seconds in which some (`waiting`) or all (`stalled`) processes waited for a resource.

    Source: https://docs.kernel.org/accounting/psi.html
    """

    waiting_seconds: float
    stalled_seconds: float


@dataclass(frozen=True)
class BlockIO:
    """Bytes read from and written to block devices."""

    read: int
    written: int


class Cgroup(ABC):
    """One container's control group. Its files stay open, since they are read many times a second.

    An instance belongs to one thread. Every method raises CgroupGone once the container has ended.

    Args:
        memory: the folder of the memory controller.
        pressure: the folder of the *.pressure files; None where there is none.
    """

    usage_file: str
    oom_file: str

    def __init__(self, memory: Path, pressure: Path | None) -> None:
        self._memory = memory
        self._processes = memory / "cgroup.procs"
        self._pressure = pressure
        self._descriptors: dict[Path, int] = {}

    def usage(self) -> int:
        """Bytes of memory that are charged to the container: one small read."""
        return int(self._read(self._memory / self.usage_file))

    def oom_kills(self) -> int:
        """How many of the container's processes the kernel has killed for memory so far: one small read."""
        return int(_pairs(self._read(self._memory / self.oom_file)).get("oom_kill", 0))

    def processes(self) -> int:
        """How many processes the container has."""
        return len(self.process_ids())

    def process_ids(self) -> set[int]:
        """The container's processes, in the pid namespace of this /proc.

        The file is opened anew: v1 keeps the list that an open file has shown for as long as it is read every second
        (`cgroup_pidlist_start` in kernel/cgroup/cgroup-v1.c), so it would never change.
        """
        try:
            with self._processes.open("rb", buffering=0) as file:
                return {*map(int, file.readall().split())}
        except OSError as error:
            raise CgroupGone(f"{self._processes}: {error.strerror}") from error

    @abstractmethod
    def memory(self) -> Memory:
        """The container's memory."""

    @abstractmethod
    def cpu(self) -> Cpu:
        """The container's processor time."""

    @abstractmethod
    def io(self) -> BlockIO | None:
        """Block device traffic; None where the kernel does not count it."""

    def pressure(self, resource: Resource) -> Pressure | None:
        """Time lost waiting for a resource; None where the kernel keeps no such account."""
        text = self._read_optional(self._pressure / f"{resource}.pressure") if self._pressure else None
        if text is None:
            return None
        totals = {line.split()[0]: int(line.rpartition("total=")[2]) / 1e6 for line in text.splitlines()}
        return Pressure(waiting_seconds=totals["some"], stalled_seconds=totals.get("full", 0.0))

    def close(self) -> None:
        """Close the files."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    def _read(self, file: Path) -> str:
        try:
            if file not in self._descriptors:
                self._descriptors[file] = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            return os.pread(self._descriptors[file], 1 << 16, 0).decode()
        except OSError as error:
            raise CgroupGone(f"{file}: {error.strerror}") from error

    def _read_optional(self, file: Path) -> str | None:
        """What a file holds that this kernel may not have."""
        try:
            return self._read(file)
        except CgroupGone:
            return None


class CgroupV1(Cgroup):
    """Args:
    folders: the container's folder of each controller: memory, cpu, cpuacct, and blkio where there is one.
    """

    usage_file = "memory.usage_in_bytes"
    oom_file = "memory.oom_control"

    def __init__(self, folders: dict[str, Path], pressure: Path | None) -> None:
        super().__init__(folders["memory"], pressure)
        self._folders = folders

    def memory(self) -> Memory:
        stat = _pairs(self._read(self._memory / "memory.stat"))
        usage = self.usage()
        limit = self._number("memory.limit_in_bytes")
        return Memory(
            usage=usage,
            working_set=max(0, usage - stat["total_inactive_file"]),
            anon=stat["total_rss"],
            cache=stat["total_cache"],
            peak=self._number("memory.max_usage_in_bytes"),
            limit=limit if limit < UNLIMITED else None,
            failures=self._number("memory.failcnt"),
        )

    def cpu(self) -> Cpu:
        cpu = self._folders["cpu"]
        stat = _pairs(self._read(cpu / "cpu.stat"))
        quota = int(self._read(cpu / "cpu.cfs_quota_us"))
        return Cpu(
            usage_seconds=int(self._read(self._folders["cpuacct"] / "cpuacct.usage")) / 1e9,
            quota=quota if quota > 0 else None,
            period=int(self._read(cpu / "cpu.cfs_period_us")),
            periods=stat.get("nr_periods", 0),
            throttled_periods=stat.get("nr_throttled", 0),
            throttled_seconds=stat.get("throttled_time", 0) / 1e9,
        )

    def io(self) -> BlockIO | None:
        folder = self._folders.get("blkio")
        text = self._read_optional(folder / "blkio.throttle.io_service_bytes_recursive") if folder else None
        if text is None:
            return None
        rows = [line.split() for line in text.splitlines()]
        return BlockIO(
            read=sum(int(row[2]) for row in rows if row[1] == "Read"),
            written=sum(int(row[2]) for row in rows if row[1] == "Write"),
        )

    def _number(self, name: str) -> int:
        return int(self._read(self._memory / name))


class CgroupV2(Cgroup):
    usage_file = "memory.current"
    oom_file = "memory.events"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, folder)
        self._folder = folder

    def memory(self) -> Memory:
        stat = _pairs(self._read(self._folder / "memory.stat"))
        usage = self.usage()
        peak = self._read_optional(self._folder / "memory.peak")
        limit = self._read(self._folder / "memory.max").strip()
        return Memory(
            usage=usage,
            working_set=max(0, usage - stat["inactive_file"]),
            anon=stat["anon"],
            cache=stat["file"],
            peak=int(peak) if peak else None,
            limit=None if limit == "max" else int(limit),
            failures=_pairs(self._read(self._folder / "memory.events"))["max"],
        )

    def cpu(self) -> Cpu:
        stat = _pairs(self._read(self._folder / "cpu.stat"))
        # Rootless Docker may have been given the memory controller without this one.
        quota, period = (self._read_optional(self._folder / "cpu.max") or "max 100000").split()
        return Cpu(
            usage_seconds=stat["usage_usec"] / 1e6,
            quota=None if quota == "max" else int(quota),
            period=int(period),
            periods=stat.get("nr_periods", 0),
            throttled_periods=stat.get("nr_throttled", 0),
            throttled_seconds=stat.get("throttled_usec", 0) / 1e6,
        )

    def io(self) -> BlockIO | None:
        text = self._read_optional(self._folder / "io.stat")
        if text is None:
            return None
        fields = [field.partition("=") for line in text.splitlines() for field in line.split()[1:]]
        return BlockIO(
            read=sum(int(value) for key, _, value in fields if key == "rbytes"),
            written=sum(int(value) for key, _, value in fields if key == "wbytes"),
        )


def open_cgroup(pid: int, container_id: str, proc: Path = Path("/proc"), root: Path = Path("/sys/fs/cgroup")) -> Cgroup:
    """The control group of the container whose first process has the host's process id `pid`.

    Raises:
        CgroupGone: there is no such process, or it is not in that container.
    """
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
    except OSError as error:
        raise CgroupGone(f"process {pid}: {error.strerror}") from error
    paths = {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines)}
    if not any(container_id in path for path in paths.values()):
        raise CgroupGone(f"process {pid} is not in container {container_id[:12]}")
    folders = _v1_folders(paths, container_id, root)
    if "memory" in folders:
        return CgroupV1(folders, _folder(root / "unified", paths.get("", "/"), container_id))
    folder = _folder(root, paths.get("", "/"), container_id)
    if folder is None:
        raise CgroupGone(f"no control group of container {container_id[:12]} under {root}")
    return CgroupV2(folder)


def _v1_folders(paths: dict[str, str], container_id: str, root: Path) -> dict[str, Path]:
    """The container's folder of each v1 controller. Controllers that are mounted together, as `cpu,cpuacct`, may have
    a folder under the joint name only."""
    folders = {}
    for joint, path in paths.items():
        for controller in joint.split(",") if joint else ():
            mounts = (root / controller, root / joint)
            found = next(filter(None, (_folder(mount, path, container_id) for mount in mounts)), None)
            if found:
                folders[controller] = found
    return folders


def _folder(mount: Path, path: str, container_id: str) -> Path | None:
    """The container's folder below a controller's mount point; None if it is not there.

    `path` is as /proc shows it: it may go on below the container (systemd or Docker inside it), and where Docker itself
    runs in a container, it may start above the mount's root.
    """
    parts = PurePosixPath(path).parts[1:]
    depth = next((depth for depth, part in enumerate(parts, 1) if container_id in part), None)
    if depth is None:
        return None
    candidates = (mount.joinpath(*parts[start:depth]) for start in range(depth))
    return next((folder for folder in candidates if folder.is_dir()), None)


def _pairs(text: str) -> dict[str, int]:
    """The lines `name number` of a flat keyed file."""
    return {name: int(value) for name, _, value in (line.partition(" ") for line in text.splitlines())}
