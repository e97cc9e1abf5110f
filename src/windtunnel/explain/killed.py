"""Causes: the kernel killed the task's process, or the container around it."""

from windtunnel.classes import CLASSES, WITH_WORKERS
from windtunnel.explain.cause import REPORT, Applies, Cause, always, task_of
from windtunnel.explain.evidence import Evidence, Verdict
from windtunnel.explain.words import ago, megabytes, some

GIB = 1024**3
ENDED_BADLY = ("failed", "up_for_retry", "restarting")


def has_verdict(evidence: Evidence) -> bool:
    """Whether the latest try is one that the kernel killed."""
    verdict, task = evidence.verdict, evidence.task
    return bool(verdict and task and task.state != "success" and verdict.try_number == task.try_number)


def was_killed_unseen(evidence: Evidence) -> bool:
    """Whether the supervisor saw a SIGKILL that no verdict explains."""
    said = any("Likely out of memory" in line for line in (*evidence.log.errors, *evidence.log.tail))
    return evidence.state() in ENDED_BADLY and said and not has_verdict(evidence)


def _was_killed(kind: str) -> Applies:
    return lambda evidence: has_verdict(evidence) and _verdict(evidence).kind == kind


def _verdict(evidence: Evidence) -> Verdict:
    assert evidence.verdict
    return evidence.verdict


def _for_itself(evidence: Evidence) -> str:
    verdict = _verdict(evidence)
    return (
        f"The kernel killed it at {ago(evidence.now, verdict.at)} for its own growth: it held "
        f"{megabytes(verdict.task_peak)} when the container {verdict.container} stood at "
        f"{megabytes(verdict.container_peak)} of {megabytes(verdict.limit)}{_beside(verdict)}. {_advice(verdict)}"
    )


def _beside(verdict: Verdict) -> str:
    tasks = [f"{one.name} ({megabytes(one.memory)})" for one in verdict.other_tasks()]
    return f"; beside it ran {some(tasks, 3)}" if tasks else ""


def _advice(verdict: Verdict) -> str:
    if verdict.other_tasks():
        return "It shared the container: fewer tasks at once (a pool, or CELERY_WORKER_AUTOSCALE) may be enough."
    return f"It was the only task there: it needs less memory or a larger class ({_larger_class(verdict.limit)})."


def _larger_class(limit: int | None) -> str:
    larger = (name for name, one in WITH_WORKERS.items() if one.worker[1] * GIB > (limit or 0))
    return next(larger, "there is none larger")


def _larger(evidence: Evidence) -> str:
    name = _larger_class(_verdict(evidence).limit)
    return f"./windtunnel up --class {name} --no-demo" if name in CLASSES else REPORT(evidence)


def _for_a_neighbour(evidence: Evidence) -> str:
    verdict = _verdict(evidence)
    culprit = verdict.neighbours[0] if verdict.neighbours else None
    whose = f"{culprit.name}, which held {megabytes(culprit.memory)}" if culprit else "another process"
    return (
        f"The kernel killed it at {ago(evidence.now, verdict.at)} for the growth of {whose}, in the same container "
        f"{verdict.container} ({megabytes(verdict.limit)}); itself it held only {megabytes(verdict.task_peak)}."
    )


def _culprit(evidence: Evidence) -> str:
    culprit = next((one for one in _verdict(evidence).neighbours if one.task_id), None)
    return f"./windtunnel explain {culprit.dag_id} {culprit.task_id}" if culprit else REPORT(evidence)


def _with_its_container(evidence: Evidence) -> str:
    verdict = _verdict(evidence)
    return (
        f"Its whole container {verdict.container} was killed at {ago(evidence.now, verdict.at)}, with "
        f"{megabytes(verdict.container_peak)} of {megabytes(verdict.limit)} in use{_grown(verdict)}."
    )


def _grown(verdict: Verdict) -> str:
    culprit = next(iter(verdict.neighbours), None)
    return f"; what had grown most in it was {culprit.name} ({megabytes(culprit.memory)})" if culprit else ""


def _earlier(evidence: Evidence) -> bool:
    return bool(evidence.verdict and evidence.task and evidence.verdict.try_number < evidence.task.try_number)


def _earlier_says(evidence: Evidence) -> str:
    verdict = _verdict(evidence)
    return (
        f"Try {verdict.try_number} of {task_of(evidence).name} was killed at {ago(evidence.now, verdict.at)} "
        f"({verdict.kind}), when it held {megabytes(verdict.task_peak)}."
    )


CAUSES = (
    Cause("killed for its own growth", _was_killed("task"), _for_itself, _larger),
    Cause("killed for a neighbour's growth", _was_killed("neighbour"), _for_a_neighbour, _culprit),
    Cause("its container was killed", _was_killed("container"), _with_its_container, _larger),
    Cause(
        "killed",
        was_killed_unseen,
        always(
            "Its process was killed with SIGKILL, and there is no verdict on this try: most likely by the kernel, at "
            "the container's limit, or else by hand."
        ),
        always("./windtunnel logs task-memory"),
    ),
)
EARLIER = Cause("an earlier try was killed", _earlier, _earlier_says, REPORT)
