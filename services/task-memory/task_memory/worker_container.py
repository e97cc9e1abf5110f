"""The processes of one container that runs tasks: which are tasks, whose children, and how the others grow."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from task_memory.cgroups import Cgroup, CgroupGone, open_cgroup
from task_memory.docker_api import Container
from task_memory.processes import Process, ProcessGone
from task_memory.records import Growth
from task_memory.verdicts import Contender

# Titles that Airflow's task SDK gives: the supervisor is the Celery pool's process, the task its child.
TASK = re.compile(r"airflow worker -- (?P<ti>[0-9a-f-]{36})")
SUPERVISOR = re.compile(r"airflow supervisor: (?P<ti>[0-9a-f-]{36})")
# A process gets its title after its fork, on a busy machine seconds after it.
UNTITLED_SECONDS = 20
CHILDLESS_SECONDS = 60
ENDED_SECONDS = 5


@dataclass(frozen=True)
class Found:
    """A process of a task: the task's own (`is_root`), or a descendant. `ti` is the UUID of the task instance."""

    ti: str
    process: Process
    is_root: bool


@dataclass
class Bystander:
    """A process that is no task and no task's child.

    Attributes:
        childless_since: for a supervisor: since when it has no child.
    """

    process: Process
    seen_at: float
    title: str = ""
    rss: int = 0
    growth: Growth = field(default_factory=Growth)
    growth_bytes: int = 0
    childless_since: float | None = None


class WorkerContainer:
    """A container and its processes.

    Attributes:
        tasks: the task of each process of a task, children included: pid → UUID of the task instance. A process that
            has ended stays for some seconds, since the kernel's log may tell of it later.
        kills: how many of its processes the kernel has killed for memory while it was watched.

    Raises:
        CgroupGone: the container has ended; by the constructor and `scan`.
    """

    def __init__(self, container: Container, proc: Path, cgroups: Path) -> None:
        self.container = container
        self.tasks: dict[int, str] = {}
        self.bystanders: dict[int, Bystander] = {}
        self._proc = proc
        self._cgroup: Cgroup = open_cgroup(container.pid, container.id, proc, cgroups)
        self._kills_before = self._cgroup.oom_kills()
        self._pids: set[int] = set()
        self._ended: dict[int, float] = {}
        self.kills = 0
        self._peak = 0

    def scan(self, now: float) -> Iterator[Found]:
        """Look for new processes of tasks, and forget the processes that have ended."""
        pids = self._cgroup.process_ids()
        if not pids or self.container.pid not in pids:
            raise CgroupGone(f"{self.container.name} has ended")
        self.kills = max(self.kills, self._cgroup.oom_kills() - self._kills_before)
        for pid in self._pids - pids:
            self.bystanders.pop(pid, None)
            self._ended[pid] = now
        for pid in sorted(pids - self._pids):
            self._meet(pid, now)
        self._pids = pids
        yield from self._recognised(now)

    def survey(self, now: float) -> None:
        """Once a second: titles, sizes and children of the processes that are no tasks."""
        self._peak = self._cgroup.memory().peak or 0
        self._forget_ended(now)
        parents = {self._parent(pid) for pid in self.tasks} | {self._parent(pid) for pid in self.bystanders}
        for pid, one in self.bystanders.items():
            try:
                one.title = one.process.title()
                resident = one.process.resident()
            except ProcessGone:
                continue
            one.rss = resident.rss
            one.growth.add(now, resident.written)
            one.growth_bytes = one.growth.until(now, resident.written)
            childless = SUPERVISOR.match(one.title) and pid not in parents and self._is_in_a_task(pid)
            one.childless_since = (one.childless_since or now) if childless else None

    def _is_in_a_task(self, pid: int) -> bool:
        """Whether a supervisor has the log of an attempt open, which it closes at the end; its title stays."""
        files = f"{self._proc}/{pid}/fd"
        try:
            return any("/attempt=" in os.readlink(f"{files}/{file}") for file in os.listdir(files))  # noqa: PTH115, PTH208
        except OSError:
            return False

    def childless_supervisors(self, now: float) -> int:
        """Supervisors that hold their memory though their task has ended."""
        since = (one.childless_since for one in [*self.bystanders.values()])
        return sum(1 for moment in since if moment and now - moment > CHILDLESS_SECONDS)

    def supervised(self, pid: int) -> str | None:
        """The UUID of the task instance that a process supervises."""
        title = self.bystanders[pid].title if pid in self.bystanders else ""
        match = SUPERVISOR.match(title)
        return match["ti"] if match else None

    def contenders(self) -> list[Contender]:
        """The processes that are no tasks, as they were at the last survey."""
        return [Contender(one.title[:80], one.rss, one.growth_bytes) for one in self.bystanders.values() if one.title]

    def peak_now(self) -> int:
        """The highest usage of memory so far, in bytes; of a container that is gone, as it was last seen."""
        with suppress(CgroupGone):
            self._peak = max(self._peak, self._cgroup.memory().peak or self._cgroup.usage())
        return self._peak

    def close(self) -> None:
        """Close the control group's files."""
        self._cgroup.close()

    def _forget_ended(self, now: float) -> None:
        for pid in [pid for pid, at in self._ended.items() if now - at > ENDED_SECONDS]:
            del self._ended[pid]
            if pid not in self._pids:
                self.tasks.pop(pid, None)

    def _meet(self, pid: int, now: float) -> None:
        self.tasks.pop(pid, None)
        try:
            self.bystanders[pid] = Bystander(Process(pid, self._proc), now)
        except ProcessGone:
            return

    def _recognised(self, now: float) -> Iterator[Found]:
        for pid, one in [*self.bystanders.items()]:
            if now - one.seen_at > UNTITLED_SECONDS:
                continue
            found = self._task_of(one.process)
            if found:
                self.tasks[pid] = found.ti
                del self.bystanders[pid]
                yield found

    def _task_of(self, process: Process) -> Found | None:
        """A descendant is known by its parent; the task's own process by its title, which its forks have too."""
        if process.parent in self.tasks:
            return Found(self.tasks[process.parent], process, is_root=False)
        match = TASK.match(_title(process))
        if match is None or TASK.match(self._title_of(process.parent)):
            return None
        return Found(match["ti"], process, is_root=True)

    def _title_of(self, pid: int) -> str:
        return _title(self.bystanders[pid].process) if pid in self.bystanders else ""

    def _parent(self, pid: int) -> int:
        try:
            return int((self._proc / str(pid) / "stat").read_text().rpartition(") ")[2].split()[1])
        except OSError:
            return 0


def _title(process: Process) -> str:
    try:
        return process.title()
    except ProcessGone:
        return ""
