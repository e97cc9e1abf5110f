"""The watch over all tasks of an environment: samples, the tasks' own words and evidence of kills become records and
verdicts. It belongs to one thread; others may read `records` and `containers`."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from task_memory.cgroups import CgroupGone
from task_memory.datagrams import Datagram
from task_memory.docker_api import Container, Event
from task_memory.kernel_log import KernelKill
from task_memory.process_tree import ProcessTree
from task_memory.processes import ProcessGone
from task_memory.records import TaskRecord
from task_memory.verdicts import Contender, Kind, Verdict, kind_of_kill, neighbours
from task_memory.worker_container import Found, WorkerContainer

# How long the kernel's log may come after the counter, and a container's end after its process' kill.
LOG_SECONDS = 1.0
FATAL_SECONDS = 1.5
# How long a task that is gone waits for a word or a verdict on how it ended.
LOST_SECONDS = 2.5
# When a task whose process was never seen has said nothing for so long, it is gone.
SILENT_SECONDS = 30
STORE_SECONDS = 30
FORGET_SECONDS = 300

log = logging.getLogger(__name__)


@dataclass
class Suspicion:
    """Evidence of kills in one container that is not yet a verdict. Times in seconds since the epoch.

    Attributes:
        explained: kills of the container's counter that the kernel's log has told of.
        unexplained_since: when the counter went ahead of the log.
        fatal: the kill of a process that is no task: the container may go with it.
        fatal_at: when that was.
        oom_at: when Docker last told of memory running out.
    """

    explained: int = 0
    unexplained_since: float | None = None
    fatal: KernelKill | None = None
    fatal_at: float = 0.0
    oom_at: float = 0.0


@dataclass
class Watch:
    """Args:
    store: takes a record that has changed.
    verdict: takes a verdict.
    log_readable: whether the kernel's log tells of kills.
    """

    store: Callable[[TaskRecord], None]
    verdict: Callable[[Verdict], None]
    log_readable: bool = True
    proc: Path = Path("/proc")
    cgroups: Path = Path("/sys/fs/cgroup")
    records: dict[str, TaskRecord] = field(default_factory=dict)
    containers: dict[str, WorkerContainer] = field(default_factory=dict)
    _suspicions: dict[str, Suspicion] = field(default_factory=dict)
    _ended: dict[str, WorkerContainer] = field(default_factory=dict)
    _surveyed_at: float = 0.0

    def run_in(self, containers: Iterable[Container], now: float) -> None:
        """These containers run; those that may have tasks are watched."""
        for container in containers:
            known = self.containers.get(container.id)
            if container.slots is None or (known and known.container.pid == container.pid):
                continue
            if known:
                self._gone(known, now)
            try:
                self.containers[container.id] = WorkerContainer(container, self.proc, self.cgroups)
                self._suspicions[container.id] = Suspicion()
            except CgroupGone as error:
                log.info("container %s is left out: %s", container.name, error)

    def told(self, datagram: Datagram) -> None:
        """A task's own word."""
        record = self._record(datagram.ti, datagram.at)
        unknown = record.identity is None
        record.told(datagram)
        if unknown or datagram.phase == "parsed":
            self._store(record, datagram.at)
        if datagram.phase == "finished":
            self._end(record, datagram.at, datagram.outcome or "failed")

    def has_tasks(self) -> bool:
        """Whether a task runs, as far as it is known."""
        return any(not record.ended_at for record in self.records.values())

    def tick(self, now: float) -> None:
        """Look at everything once."""
        for one in [*self.containers.values()]:
            self._look_at(one, now)
        self._sample(now)
        if now - self._surveyed_at >= 1:
            self._surveyed_at = now
            self._survey(now)
        for container_id, suspicion in [*self._suspicions.items()]:
            self._follow(container_id, suspicion, now)
        for record in [*self.records.values()]:
            self._age(record, now)

    def killed(self, kill: KernelKill, now: float) -> None:
        """The kernel has killed a process."""
        found = self._container_of(kill)
        if found is None:
            return
        suspicion = self._suspicions[found.container.id]
        suspicion.explained += 1
        record = self._owner(found, kill.pid)
        if record:
            record.killed(now, kill.rss, kill.written, kill.pid)
            self._judge(record, found, now, None)
            if record.lost_at or (record.tree and record.tree.root.pid == kill.pid):
                self._end(record, now, "oom")
        else:
            suspicion.fatal, suspicion.fatal_at = kill, now

    def happened(self, event: Event, now: float) -> None:
        """Something has happened to a container."""
        found = self.containers.get(event.container_id)
        if found and event.action == "oom":
            self._suspicions[event.container_id].oom_at = now
        elif found and event.action == "die":
            self._gone(found, now)
        elif event.action == "oom" and self._ended.get(event.container_id):
            self._lost_with(self._ended[event.container_id], now)

    def _record(self, ti: str, at: float) -> TaskRecord:
        if ti not in self.records:
            self.records[ti] = TaskRecord(ti, started_at=at)
        return self.records[ti]

    def _look_at(self, found: WorkerContainer, now: float) -> None:
        try:
            for new in found.scan(now):
                self._found(new, found.container, now)
        except CgroupGone:
            self._gone(found, now)

    def _found(self, new: Found, container: Container, now: float) -> None:
        record = self._record(new.ti, now)
        record.container_id, record.container, record.component = container.id, container.name, container.component
        try:
            if new.is_root:
                # A task that was deferred comes back under the same UUID.
                record.outcome = record.ended_at = record.lost_at = None
                record.tree = ProcessTree(new.process)
            elif record.tree:
                record.tree.adopt(new.process)
        except ProcessGone:
            self._lost(record, now)

    def _sample(self, now: float) -> None:
        running = [record for record in self.records.values() if record.tree]
        for record in running:
            assert record.tree
            try:
                record.measured(record.tree.sample(now, len(running)))
            except ProcessGone:
                self._lost(record, now)

    def _lost(self, record: TaskRecord, now: float) -> None:
        record.tree = None
        if not record.ended_at:
            record.lost_at = now

    def _survey(self, now: float) -> None:
        for found in [*self.containers.values()]:
            try:
                found.survey(now)
            except CgroupGone:
                self._gone(found, now)

    def _age(self, record: TaskRecord, now: float) -> None:
        if record.lost_at and not record.ended_at and now - record.lost_at > LOST_SECONDS:
            self._end(record, record.lost_at, "killed")
        elif not record.ended_at and not record.tree and record.last and now - record.last.at > SILENT_SECONDS:
            record.lost_at = record.lost_at or record.last.at
        elif not record.ended_at and now - record.stored_at > STORE_SECONDS:
            self._store(record, now)
        elif record.ended_at and now - record.ended_at > FORGET_SECONDS:
            del self.records[record.ti]

    def _store(self, record: TaskRecord, now: float) -> None:
        record.stored_at = now
        if record.identity:
            self.store(record)

    def _end(self, record: TaskRecord, at: float, outcome: str) -> None:
        record.outcome, record.ended_at, record.lost_at = outcome, at, None
        if outcome in ("oom", "killed"):
            record.tree = None
        self._store(record, at)
        if record.identity is None:
            log.warning("task instance %s ended (%s), and never said which task it is", record.ti, outcome)

    def _container_of(self, kill: KernelKill) -> WorkerContainer | None:
        if kill.container_id:
            return self.containers.get(kill.container_id)
        return next(
            (one for one in self.containers.values() if kill.pid in one.tasks or kill.pid in one.bystanders), None
        )

    def _owner(self, found: WorkerContainer, pid: int) -> TaskRecord | None:
        ti = found.tasks.get(pid) or found.supervised(pid)
        if ti is None:
            ti = next((ti for ti, record in self.records.items() if record.tree and pid in record.tree), None)
        return self.records.get(ti) if ti else None

    def _follow(self, container_id: str, suspicion: Suspicion, now: float) -> None:
        """Kills that the counter knows, and the log does not; kills of a process that is no task."""
        found = self.containers.get(container_id)
        if not found:
            return
        if suspicion.fatal and now - suspicion.fatal_at > FATAL_SECONDS:
            log.warning("%s: the kernel killed %s, which is no task", found.container.name, suspicion.fatal.name)
            suspicion.fatal = None
        if found.kills <= suspicion.explained:
            suspicion.unexplained_since = None
            return
        suspicion.unexplained_since = suspicion.unexplained_since or now
        if now - suspicion.unexplained_since > (LOG_SECONDS if self.log_readable else 0.3):
            self._infer(found, suspicion, now)

    def _infer(self, found: WorkerContainer, suspicion: Suspicion, now: float) -> None:
        """Without the kernel's word: the victims are the tasks that vanished at the time of the counter's step."""
        missing = found.kills - suspicion.explained
        victims = [record for record in self._lost_in(found) if now - (record.lost_at or 0) < LOST_SECONDS]
        for record in victims[:missing]:
            self._judge(record, found, now, None)
            self._end(record, now, "oom")
        if len(victims) < missing:
            log.warning("%s: the kernel killed a process, which is no task", found.container.name)
        suspicion.explained = found.kills

    def _gone(self, found: WorkerContainer, now: float) -> None:
        """The container has ended: by the kill of its main process, or it was stopped."""
        suspicion = self._suspicions.pop(found.container.id)
        del self.containers[found.container.id]
        self._ended[found.container.id] = found
        for record in self._alive_in(found):
            self._lost(record, now)
        if self._by_memory(found, suspicion, now):
            self._lost_with(found, now)
        found.close()

    def _lost_with(self, found: WorkerContainer, now: float) -> None:
        """Memory has ended the container, and its tasks with it."""
        lost = self._lost_in(found)
        for record in lost:
            self._judge(record, found, now, "container")
        for record in lost:
            self._end(record, now, "oom")

    def _by_memory(self, found: WorkerContainer, suspicion: Suspicion, now: float) -> bool:
        told_by_kernel = suspicion.fatal is not None and now - suspicion.fatal_at <= FATAL_SECONDS
        return told_by_kernel or found.kills > suspicion.explained or now - suspicion.oom_at < LOG_SECONDS

    def _alive_in(self, found: WorkerContainer) -> list[TaskRecord]:
        return [one for one in self.records.values() if one.container_id == found.container.id and one.tree]

    def _lost_in(self, found: WorkerContainer) -> list[TaskRecord]:
        here = (one for one in self.records.values() if one.container_id == found.container.id)
        return [one for one in here if one.lost_at and not one.ended_at]

    def _judge(self, record: TaskRecord, found: WorkerContainer, now: float, kind: Kind | None) -> None:
        if record.identity is None:
            log.warning("task instance %s was killed, and never said which task it is", record.ti)
            return
        running = {one.ti: one for one in [*self._alive_in(found), *self._lost_in(found), record]}
        contenders = {ti: _contender(one, now) for ti, one in running.items()}
        victim = contenders[record.ti]
        everyone = [*contenders.values(), *found.contenders()]
        kind = kind or kind_of_kill(victim, [one for one in everyone if one is not victim])
        self.verdict(
            Verdict(
                at=now,
                identity=record.identity,
                container=found.container.name,
                component=found.container.component,
                limit=found.container.memory_limit_bytes,
                container_peak=found.peak_now(),
                task_peak=record.peak_rss,
                kind=kind,
                neighbours=neighbours(everyone, victim, kind),
            )
        )


def _contender(record: TaskRecord, now: float) -> Contender:
    private = record.last.private if record.last else 0
    name = f"{record.identity.dag_id}.{record.identity.task_id}" if record.identity else f"task instance {record.ti}"
    return Contender(name, private, record.growth.until(now, private), record.identity)
