"""A made-up host: /proc and /sys/fs/cgroup as files."""

import random
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Figures:
    """What a made-up control group shows; times in seconds, sizes in bytes."""

    usage: int
    inactive_file: int
    anon: int
    cache: int
    peak: int
    limit: int
    failures: int
    oom_kills: int
    cpu_seconds: float
    periods: int
    throttled_periods: int
    throttled_seconds: float
    read: int
    written: int
    waiting: dict[str, float]
    stalled: dict[str, float]
    processes: int


def figures_of(dice: random.Random) -> Figures:
    usage = dice.randint(10**8, 10**9)
    waiting = {resource: dice.randint(1, 10**9) / 1e6 for resource in ("cpu", "memory", "io")}
    return Figures(
        usage=usage,
        inactive_file=dice.randint(0, usage),
        anon=dice.randint(0, usage),
        cache=dice.randint(0, usage),
        peak=usage + dice.randint(0, 10**8),
        limit=2 * usage,
        failures=dice.randint(0, 1000),
        oom_kills=dice.randint(0, 9),
        cpu_seconds=dice.randint(0, 10**12) / 1e6,
        periods=dice.randint(100, 10**6),
        throttled_periods=dice.randint(0, 100),
        throttled_seconds=dice.randint(0, 10**9) / 1e6,
        read=dice.randint(0, 10**12),
        written=dice.randint(0, 10**12),
        waiting=waiting,
        stalled={resource: seconds / 2 for resource, seconds in waiting.items()},
        processes=dice.randint(1, 50),
    )


def write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def pressure_files(figures: Figures) -> dict[str, str]:
    def line(kind: str, seconds: float) -> str:
        return f"{kind} avg10=1.50 avg60=0.20 avg300=0.00 total={round(seconds * 1e6)}\n"

    return {
        f"{resource}.pressure": line("some", figures.waiting[resource]) + line("full", figures.stalled[resource])
        for resource in ("cpu", "memory", "io")
    }


def v1_files(figures: Figures) -> dict[str, dict[str, str]]:
    """The files of each v1 controller."""
    return {
        "memory": {
            "memory.usage_in_bytes": f"{figures.usage}\n",
            "memory.max_usage_in_bytes": f"{figures.peak}\n",
            "memory.limit_in_bytes": f"{figures.limit}\n",
            "memory.failcnt": f"{figures.failures}\n",
            "memory.oom_control": f"oom_kill_disable 0\nunder_oom 0\noom_kill {figures.oom_kills}\n",
            # The names without `total_` leave groups below this one out.
            "memory.stat": f"cache 1\nrss 1\ninactive_file 1\ntotal_cache {figures.cache}\ntotal_rss {figures.anon}\n"
            f"total_inactive_file {figures.inactive_file}\n",
            "cgroup.procs": "".join(f"{pid}\n" for pid in range(100, 100 + figures.processes)),
        },
        "cpu": {
            "cpu.cfs_quota_us": "150000\n",
            "cpu.cfs_period_us": "100000\n",
            "cpu.stat": f"nr_periods {figures.periods}\nnr_throttled {figures.throttled_periods}\n"
            f"throttled_time {round(figures.throttled_seconds * 1e9)}\n",
        },
        "cpuacct": {"cpuacct.usage": f"{round(figures.cpu_seconds * 1e9)}\n"},
        "blkio": {
            "blkio.throttle.io_service_bytes_recursive": f"8:0 Read {figures.read}\n8:0 Write {figures.written}\n"
            f"8:0 Sync 5\n8:0 Total {figures.read + figures.written}\nTotal {figures.read + figures.written}\n",
        },
    }


def v2_files(figures: Figures) -> dict[str, str]:
    return pressure_files(figures) | {
        "memory.current": f"{figures.usage}\n",
        "memory.peak": f"{figures.peak}\n",
        "memory.max": f"{figures.limit}\n",
        "memory.events": f"low 0\nhigh 0\nmax {figures.failures}\noom 77\noom_kill {figures.oom_kills}\n"
        "oom_group_kill 0\n",
        "memory.stat": f"anon {figures.anon}\nfile {figures.cache}\ninactive_file {figures.inactive_file}\n",
        "cpu.max": "150000 100000\n",
        "cpu.stat": f"usage_usec {round(figures.cpu_seconds * 1e6)}\nnr_periods {figures.periods}\n"
        f"nr_throttled {figures.throttled_periods}\nthrottled_usec {round(figures.throttled_seconds * 1e6)}\n",
        "io.stat": f"8:0 rbytes={figures.read} wbytes=0 rios=1 wios=2 dbytes=0 dios=0\n"
        f"8:16 rbytes=0 wbytes={figures.written} rios=1 wios=2 dbytes=0 dios=0\n",
        "cgroup.procs": "".join(f"{pid}\n" for pid in range(100, 100 + figures.processes)),
    }


class Host:
    """The folders that stand for /proc and /sys/fs/cgroup."""

    def __init__(self, root: Path) -> None:
        self.proc = root / "proc"
        self.cgroups = root / "cgroup"

    def process(self, pid: int, cgroup: str) -> None:
        write(self.proc / str(pid), {"cgroup": cgroup})

    def v1(self, pid: int, path: str, figures: Figures, folder: str | None = None, joint: bool = False) -> None:
        """A container on v1: /proc shows `path`; its files are in `folder` of each controller, or else in `path`."""
        names = {"cpu": "cpu,cpuacct", "cpuacct": "cpu,cpuacct"} if joint else {}
        for controller, files in v1_files(figures).items():
            mount = self.cgroups / names.get(controller, controller)
            write(mount / (folder or path).lstrip("/"), files)
        hierarchies = dict.fromkeys(names.get(controller, controller) for controller in v1_files(figures))
        lines = [f"{number}:{name}:{path}" for number, name in enumerate([*hierarchies, "name=systemd"], 1)]
        self.process(pid, "\n".join(lines) + "\n")

    def hybrid(self, pid: int, path: str, figures: Figures) -> None:
        self.v1(pid, path, figures)
        with (self.proc / str(pid) / "cgroup").open("a") as file:
            file.write(f"0::{path}\n")
        write(self.cgroups / "unified" / path.lstrip("/"), pressure_files(figures))

    def v2(self, pid: int, path: str, figures: Figures, folder: str | None = None) -> None:
        """A container on v2: /proc shows `path`; its files are in `folder`, or else in `path`."""
        write(self.cgroups / (folder or path).lstrip("/"), v2_files(figures))
        self.process(pid, f"0::{path}\n")
