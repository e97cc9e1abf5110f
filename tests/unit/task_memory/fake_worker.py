"""A made-up worker container: its control group and its processes as files, its tasks' words as datagrams."""

import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

from fake_host import write

from task_memory.datagrams import Datagram, Identity
from task_memory.docker_api import Container
from task_memory.records import TaskRecord
from task_memory.verdicts import Verdict
from task_memory.watch import Watch

MB = 10**6
LIMIT = 2048 * 1024**2
MAIN, POOL = 100, 101


@dataclass
class FakeProcess:
    """Sizes in bytes. `shared` is written memory that `sharers` processes map; `file` is file-backed."""

    pid: int
    parent: int
    title: str
    private: int = 0
    shared: int = 0
    sharers: float = 1
    file: int = 0
    hwm: int = 0
    stack: int = 7000

    @property
    def rss(self) -> int:
        return self.private + self.shared + self.file

    def write(self, proc: Path) -> None:
        self.hwm = max(self.hwm, self.rss)
        part = self.private + int(self.shared / self.sharers)
        rollup = {
            "Rss": self.rss,
            "Pss": part + self.file,
            "Pss_Dirty": part,
            "Pss_Anon": part,
            "Pss_File": self.file,
            "Pss_Shmem": 0,
            "Shared_Dirty": self.shared,
            "Private_Clean": self.file,
            "Private_Dirty": self.private,
            "SwapPss": 0,
        }
        stat = " ".join(["S", str(self.parent), *["0"] * 23, str(self.stack), "0"])
        status = {
            "VmHWM": self.hwm,
            "VmRSS": self.rss,
            "RssAnon": self.private + self.shared,
            "RssFile": self.file,
            "RssShmem": 0,
        }
        write(
            proc / str(self.pid),
            {
                "status": "Name:\tpython\n" + kibibytes(status) + "VmData:\t 1 kB\n",
                "smaps_rollup": "00400000-7ffc0000 ---p 00000000 00:00 0 [rollup]\n" + kibibytes(rollup),
                "stat": f"{self.pid} (airflow) worker) {stat}\n",
                "cmdline": self.title.replace(" ", "\0") + "\0",
            },
        )


def kibibytes(sizes: dict[str, int]) -> str:
    return "".join(f"{name}:\t{size // 1024:>8} kB\n" for name, size in sizes.items())


@dataclass
class FakeTask:
    ti: str
    process: FakeProcess
    identity: Identity


@dataclass
class FakeWorker:
    """A worker with its main process, a pool process, and what is put into it."""

    root: Path
    processes: dict[int, FakeProcess] = field(default_factory=dict)
    stored: list[tuple[str | None, int]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    written: dict[int, FakeProcess] = field(default_factory=dict)
    now: float = 1_000_000.0
    log_readable: bool = True

    def __post_init__(self) -> None:
        self.proc, self.cgroup = self.root / "proc", self.root / "cgroup/docker" / ("c" * 64)
        self.container = Container(
            id="c" * 64,
            name="made-up-worker-1",
            component="worker",
            cluster="BaseWorker",
            pid=MAIN,
            memory_limit_bytes=LIMIT,
            cpus=1.0,
            started_at=1.0,
            restarts=0,
            state="running",
            slots=5,
        )
        self.oom_kills = 0
        self.watch = Watch(
            lambda record: self.stored.append((record.outcome, record.peak_private)),
            self.verdicts.append,
            log_readable=self.log_readable,
            proc=self.proc,
            cgroups=self.root / "cgroup",
        )
        self.add(FakeProcess(MAIN, 1, "tini -- /entrypoint worker", private=MB, stack=1))
        self.add(FakeProcess(POOL, MAIN, "[celeryd: celery@made-up:MainProcess]", private=40 * MB, stack=2))
        write(self.proc / str(MAIN), {"cgroup": f"0::/docker/{self.container.id}\n"})
        self.write()
        self.watch.run_in([self.container], self.now)

    def add(self, process: FakeProcess) -> FakeProcess:
        self.processes[process.pid] = process
        return process

    def task(self, pid: int, name: str, private: int = 20 * MB) -> FakeTask:
        """A task with its supervisor, as Airflow has them, that has just begun."""
        ti = str(uuid.UUID(int=pid))
        self.add(FakeProcess(pid - 1, POOL, f"airflow supervisor: {ti}", private=20 * MB, shared=90 * MB, sharers=6))
        title = f"airflow worker -- {ti}"
        process = self.add(FakeProcess(pid, pid - 1, title, private=private, shared=100 * MB, sharers=5, file=20 * MB))
        return FakeTask(ti, process, Identity("made_up", name, -1, "run", 1))

    def say(self, task: FakeTask, phase: str, outcome: str | None = None) -> None:
        process = task.process
        pss = process.private + int(process.shared / process.sharers) + process.file
        figures = {"rss": process.rss, "pss": pss, "private": process.private, "hwm": max(process.hwm, process.rss)}
        datagram = Datagram(task.ti, task.identity, "c" * 12, self.now, phase, outcome, **figures)
        self.watch.told(datagram)

    def begin(self, *tasks: FakeTask) -> None:
        self.tick()
        for task in tasks:
            self.say(task, "started")
            self.say(task, "parsed")

    def tick(self, seconds: float = 0.1) -> None:
        """Time passes, and the watch looks ten times a second, or twice when it is long."""
        step = 0.1 if seconds < 1 else 0.5
        for _ in range(round(seconds / step)):
            self.now += step
            self.write()
            self.watch.tick(self.now)

    def end(self, pid: int) -> None:
        """A process ends; what was opened of it stays open, and is empty."""
        del self.processes[pid]
        for file in (self.proc / str(pid)).iterdir():
            file.write_text("")
            file.unlink()
        (self.proc / str(pid)).rmdir()

    def record(self, task: FakeTask) -> TaskRecord:
        return self.watch.records[task.ti]

    def write(self) -> None:
        for process in self.processes.values():
            if process != self.written.get(process.pid):
                process.write(self.proc)
                self.written[process.pid] = replace(process)
        write(
            self.cgroup,
            {
                "cgroup.procs": "".join(f"{pid}\n" for pid in self.processes),
                "memory.events": f"low 0\nhigh 0\nmax 0\noom 0\noom_kill {self.oom_kills}\n",
                "memory.current": f"{LIMIT - 1}\n",
                "memory.peak": f"{LIMIT}\n",
                "memory.max": f"{LIMIT}\n",
                "memory.stat": "anon 1\nfile 1\ninactive_file 1\n",
            },
        )
