"""Who is to blame for an OOM kill: a verdict from what grew in the container before it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from task_memory.datagrams import Identity

Kind = Literal["task", "neighbour", "container"]
# Less growth than this more than the victim's is noise.
NOTABLE_BYTES = 5_000_000
NEIGHBOURS = 10


@dataclass(frozen=True)
class Contender:
    """What ran in the container when the kernel killed: a task with its descendants, or a process that is no task.

    Attributes:
        name: of a task its DAG and task, of a process its title.
        size: private bytes of a task, resident bytes of a process.
        growth: bytes by which it has grown over the last 30 s.
    """

    name: str
    size: int
    growth: int
    identity: Identity | None = None

    def as_neighbour(self) -> dict[str, Any]:
        """As in the table's column `neighbours`."""
        if self.identity is None:
            return {"name": self.name, "rss_bytes": self.size, "growth_bytes": self.growth}
        who = asdict(self.identity)
        return {"name": self.name} | who | {"private_bytes": self.size, "growth_bytes": self.growth}


@dataclass(frozen=True)
class Verdict:
    """One kill of a task, as stored and as told to Alertmanager. Sizes in bytes.

    Attributes:
        kind: `task`: killed for its own growth; `neighbour`: for another's; `container`: lost with its container.
        task_peak: the task's greatest resident size, the kernel's last figure included.
        neighbours: what else ran in the container, the culprit first.
    """

    at: float
    identity: Identity
    container: str
    component: str
    limit: int | None
    container_peak: int | None
    task_peak: int
    kind: Kind
    neighbours: list[dict[str, Any]] = field(default_factory=list)


def kind_of_kill(victim: Contender, others: Sequence[Contender]) -> Kind:
    """`neighbour` if another has grown more than the victim, else `task`."""
    most = max((other.growth for other in others), default=0)
    return "neighbour" if most > max(0, victim.growth) + NOTABLE_BYTES else "task"


def neighbours(everyone: Sequence[Contender], victim: Contender, kind: Kind) -> list[dict[str, Any]]:
    """What ran beside the victim, that which has grown most first, at most NEIGHBOURS.

    Of a container gone, the culprit comes first even if it is the task that the verdict is about.
    """
    ranked = sorted(everyone, key=_weight, reverse=True)
    kept = [one for place, one in enumerate(ranked) if one is not victim or (kind == "container" and place == 0)]
    return [one.as_neighbour() for one in kept[:NEIGHBOURS]]


def _weight(one: Contender) -> tuple[int, bool, int]:
    """Growth that is no noise, then tasks before other processes, then size."""
    return (one.growth if one.growth > NOTABLE_BYTES else 0, one.identity is not None, one.size)
