"""Why a task is queued, gone, failed or dead, in one answer: evidence, judgement, the next command."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from windtunnel.explain import causes
from windtunnel.explain.evidence import Evidence
from windtunnel.explain.gather import gather
from windtunnel.stack import Stack


@dataclass(frozen=True)
class Explanation:
    """The answer; `cause` names it in a few words, `also` has the sentences of what applies besides."""

    cause: str
    answer: str
    next: str
    also: tuple[str, ...]
    evidence: Evidence

    @property
    def subject(self) -> str:
        """What is explained: the DAG, the run, the task and its state, as far as there are any."""
        run, task = self.evidence.run, self.evidence.task
        parts = [self.evidence.dag.dag_id]
        parts += [f"run {run.run_id} ({run.state})"] if run else []
        parts += [f"task {task.name} ({task.state or 'not scheduled'})"] if task else []
        return ", ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """The contract of `explain --json`; times are ISO 8601, durations seconds, sizes bytes."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), default=_plain))
        return plain


def _plain(value: datetime | timedelta) -> str | float:
    return value.total_seconds() if isinstance(value, timedelta) else value.isoformat()


def explain(stack: Stack, dag_id: str, task_id: str | None = None, run_id: str | None = None) -> Explanation:
    """Why a task (by default the most telling one) of a run (by default the newest) of a DAG is where it is.

    `task_id` may name one mapped instance: load[2].

    Raises:
        DagNotFound, DagImportFailed: there is no such DAG, or its file does not import and it was never parsed.
        RunNotFound: no such run, or no such task in it.
        StackNotRunning: Airflow does not answer.
    """
    return judge(gather(stack, dag_id, task_id, run_id))


def judge(evidence: Evidence) -> Explanation:
    """The explanation that the evidence allows."""
    first, *others = causes.of(evidence)
    also = tuple(other.says(evidence) for other in others)
    return Explanation(first.name, first.says(evidence), first.next(evidence), also, evidence)
