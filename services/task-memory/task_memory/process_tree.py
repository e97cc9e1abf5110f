"""A task's process and its descendants, sampled from outside many times a second at little cost."""

import time
from dataclasses import dataclass, field

from task_memory.private_memory import Inheritance, tree_private
from task_memory.processes import Process, ProcessGone, Resident, Rollup

# The part of a processor that reading how pages are shared may take, all tasks together; and the least time between.
ROLLUP_SHARE = 1 / 400
ROLLUP_SECONDS = 1.0
# A new child is looked at sooner, when it has become what it will be.
NEWCOMER_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Sample:
    """A task's memory at a moment, in bytes, descendants included.

    Attributes:
        private: what it holds for itself.
        spike: what it held beyond `private` since the last sample, as its processes' high-water marks tell.
    """

    at: float
    rss: int
    pss: int
    private: int
    spike: int


@dataclass
class Member:
    """A process of the tree.

    Attributes:
        resident: at the last sample.
        private: what was found to be its own when its `written` was `written`; what it writes from then on adds to it.
        seen: in how many samples.
    """

    process: Process
    executed: bool
    resident: Resident
    private: int = 0
    written: int = 0
    hwm: int = 0
    seen: int = 0

    def own(self) -> int:
        """Bytes that are its own now."""
        return self.private + self.resident.written - self.written

    def anchor(self, private: int, written: int) -> None:
        """Take it as measured that `private` bytes were its own when it had `written`."""
        self.private, self.written = private, written


@dataclass
class ProcessTree:
    """The processes of one task; `root` is the task's own.

    Between the expensive readings, the private size follows what the cheap ones show to be written or given back.
    """

    root: Process
    _members: dict[int, Member] = field(default_factory=dict)
    _inherited: Inheritance = field(default_factory=lambda: Inheritance(0, 1.0))
    _shared_within: int = 0
    _pss_above_private: int = 0
    _rollup_due: float = 0.0
    _rollup_affordable: float = 0.0

    def __post_init__(self) -> None:
        resident = self.root.resident()
        self._members[self.root.pid] = Member(self.root, executed=False, resident=resident, hwm=resident.hwm)

    def __contains__(self, pid: int) -> bool:
        return pid in self._members

    @property
    def alone(self) -> bool:
        """Whether the task has no child now."""
        return len(self._members) == 1

    def adopt(self, process: Process) -> None:
        """A descendant has appeared. A fork has its parent's pages; only what it writes beyond them is new."""
        parent = self._members.get(process.parent, self._members[self.root.pid])
        try:
            resident = process.resident()
            # As it is now: since the last sample the parent may have written much, and then forked.
            inherited = min(resident.written, parent.process.resident().written)
        except ProcessGone:
            return
        executed = process.stack != self.root.stack
        inherited = 0 if executed else inherited
        self._rollup_due = min(self._rollup_due, max(self._rollup_affordable, time.monotonic() + NEWCOMER_SECONDS))
        self._members[process.pid] = Member(process, executed, resident, private=0, written=inherited)

    def drop(self, pid: int) -> None:
        """A descendant has ended."""
        self._members.pop(pid, None)

    def written(self, pid: int) -> int:
        """Anonymous and shared bytes of a process of the tree at the last sample."""
        return self._members[pid].resident.written

    def sample(self, at: float, trees: int = 1) -> Sample:
        """Measure.

        Args:
            at: seconds since the epoch.
            trees: how many trees share the time allowed for expensive reads.

        Raises:
            ProcessGone: the task's own process has ended.
        """
        self._read_members()
        if time.monotonic() >= self._rollup_due:
            self._read_rollups(trees)
        return self._sum(at)

    def believe(self, at: float, rss: int, pss: int, private: int, hwm: int) -> Sample | None:
        """Take what the task's process has measured of itself, which spares the expensive read.

        None if it has ended, or has children: then it cannot know all. Arguments in bytes.
        """
        root = self._members[self.root.pid]
        try:
            now = self.root.resident()
        except ProcessGone:
            return None
        if not self.alone:
            return None
        written = max(0, rss - now.file)
        root.anchor(private, written)
        root.resident = Resident(rss, written, hwm)
        self._shared_within = 0
        self._pss_above_private = pss - private
        self._rollup_due = time.monotonic() + 2 * ROLLUP_SECONDS
        return self._sum(at)

    def _read_members(self) -> None:
        for member in [*self._members.values()]:
            try:
                member.resident = member.process.resident()
                if member.process is not self.root and not member.executed:
                    self._look_for_exec(member)
            except ProcessGone:
                if member.process is self.root:
                    raise
                self.drop(member.process.pid)
            member.seen += 1

    def _look_for_exec(self, member: Member) -> None:
        if member.resident.written >= member.written and member.seen:
            return
        member.process.parent, member.process.stack = member.process.place()
        if member.process.stack != self.root.stack:
            member.executed, member.hwm = True, 0
            member.anchor(0, 0)

    def _counted(self) -> list[Member]:
        """All but a child that is about to execute a program, which until then uses its parent's memory (vfork)."""
        root = self._members[self.root.pid]
        return [
            member
            for member in self._members.values()
            if member is root or member.executed or (member.seen > 1 and member.resident != root.resident)
        ]

    def _read_rollups(self, trees: int) -> None:
        began = time.monotonic()
        forks: list[Rollup] = []
        executed: list[Rollup] = []
        for member in self._counted():
            try:
                rollup = member.process.rollup()
            except ProcessGone:
                continue
            # The size when this was read, not when `resident` was: a process can write 10 MB meanwhile.
            member.anchor(rollup.private, max(0, rollup.rss - member.resident.file))
            (executed if member.executed else forks).append(rollup)
        took = time.monotonic() - began
        self._rollup_affordable = began + took * trees / ROLLUP_SHARE
        self._rollup_due = max(self._rollup_affordable, began + ROLLUP_SECONDS)
        self._reckon(forks, executed)

    def _reckon(self, forks: list[Rollup], executed: list[Rollup]) -> None:
        if len(forks) == 1:
            self._inherited = Inheritance.of(forks[0])
        private = tree_private(forks, executed, self._inherited)
        everyone = [*forks, *executed]
        self._shared_within = private - sum(rollup.private for rollup in everyone)
        self._pss_above_private = sum(rollup.pss for rollup in everyone) - private

    def _sum(self, at: float) -> Sample:
        counted = self._counted()
        private = max(0, sum(member.own() for member in counted) + self._shared_within)
        return Sample(
            at=at,
            rss=sum(member.resident.rss for member in counted),
            pss=max(0, private + self._pss_above_private),
            private=private,
            spike=max(map(_spike, counted)),
        )


def _spike(member: Member) -> int:
    """What a process had above its present size since the last look: it has given that back, so it was its own."""
    resident = member.resident
    if resident.hwm <= member.hwm:
        return 0
    member.hwm = resident.hwm
    return resident.hwm - resident.rss
