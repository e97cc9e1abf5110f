"""A cause: when it applies, what it says, and the command to go on with."""

from collections.abc import Callable
from dataclasses import dataclass

from windtunnel.explain.evidence import Evidence, TaskFacts

Says = Callable[[Evidence], str]
Applies = Callable[[Evidence], bool]


@dataclass(frozen=True)
class Cause:
    """`applies` judges the evidence; `says` makes sentences of it, and `next` a command."""

    name: str
    applies: Applies
    says: Says
    next: Says


def always(text: str) -> Says:
    """A text in which {dag} is the DAG's id."""
    return lambda evidence: text.replace("{dag}", evidence.dag.dag_id)


def in_state(*states: str | None) -> Applies:
    """Whether the task is in one of the states."""
    return lambda evidence: evidence.task is not None and evidence.task.state in states


def task_of(evidence: Evidence) -> TaskFacts:
    """The task of evidence that has one."""
    assert evidence.task
    return evidence.task


LOGS_OF_SCHEDULER = always("./windtunnel logs scheduler")
LOGS_OF_WORKER = always("./windtunnel logs worker")
REPORT = always("./windtunnel report")
STATUS = always("./windtunnel status")
