"""What a tree of processes holds for itself: some of its pages are shared within it, some with the rest of a worker."""

from collections.abc import Sequence
from dataclasses import dataclass

from task_memory.processes import Rollup


@dataclass(frozen=True)
class Inheritance:
    """The written pages that a task's process shares with processes outside its tree, since it was forked from them.

    Attributes:
        size: bytes.
        sharers: how many processes map each of these pages on average, the task's among them; at least 1.
    """

    size: int
    sharers: float

    @classmethod
    def of(cls, alone: Rollup) -> "Inheritance":
        """As read while the tree had no fork: all that the task's process shares is inherited then."""
        if not alone.shared_part:
            return cls(0, 1.0)
        return cls(alone.shared, max(1.0, alone.shared / alone.shared_part))

    def part(self, forks: int) -> float:
        """What the proportional sizes of `forks` processes of the tree hold of it: each fork is one more sharer."""
        return forks * self.size / (self.sharers + forks - 1)


def tree_private(forks: Sequence[Rollup], executed: Sequence[Rollup], inherited: Inheritance) -> int:
    """Written bytes that a tree of processes would give back by ending.

    A page that one process maps alone is its own: Σ private. Pages that only processes of the tree share (memory that
    the task had before it forked) are private to none, yet the tree's: each is divided among its sharers, so they sum
    to Σ shared_part, from which the part of the pages shared with the outside is taken:

        Σ private + max(0, Σ shared_part − inherited.part(forks))

    A process that has executed another program has inherited nothing; what it shares, it shares within the tree. With
    one process alone in the tree, shared pages are the outside's, and Σ private is exact.

    Args:
        forks: the task's process and those that were forked from it.
        executed: the descendants that have executed another program.
        inherited: what the task's process had of the outside's before it forked.
    """
    everyone = [*forks, *executed]
    private = sum(rollup.private for rollup in everyone)
    shared = sum(rollup.shared_part for rollup in executed)
    if len(forks) > 1:
        shared += max(0, round(sum(rollup.shared_part for rollup in forks) - inherited.part(len(forks))))
    return private + shared
