"""Causes: the task has ended, or was passed over."""

from windtunnel.explain.cause import LOGS_OF_WORKER, REPORT, Cause, always, in_state, task_of
from windtunnel.explain.evidence import Evidence
from windtunnel.explain.killed import ENDED_BADLY, has_verdict, was_killed_unseen
from windtunnel.explain.words import ago, lasting, megabytes, some

# What the scheduler notes in its audit log when it gives a task up.
NO_HEARTBEAT = "heartbeat timeout"
NEVER_TAKEN = "stuck in queued tries exceeded"


def _has_raised(evidence: Evidence) -> bool:
    return evidence.state() in ENDED_BADLY and evidence.log.exception is not None


def _own_exception(evidence: Evidence) -> str:
    task = task_of(evidence)
    again = _again(evidence) or " No try is left."
    return f"Try {task.try_number} of {task.max_tries + 1} raised {evidence.log.exception}.{again}"


def _again(evidence: Evidence) -> str:
    task, delay = task_of(evidence), evidence.definition.retry_delay
    if task.state != "up_for_retry":
        return ""
    if not task.end or not delay:
        return " It will be tried again."
    return f" It will be tried again at about {task.end + delay:%H:%M:%S} UTC, {lasting(delay)} after its end."


def _gave_up(evidence: Evidence, event: str) -> bool:
    return evidence.state() in ENDED_BADLY and event in evidence.events and not evidence.log.exception


def _no_heartbeat(evidence: Evidence) -> str:
    return (
        "Its worker stopped to send the task's heartbeat, so the scheduler gave it up: the task's process, its "
        f"supervisor or the whole container {task_of(evidence).host} went away.{_again(evidence)}"
    )


def _is_silent(evidence: Evidence) -> bool:
    explained = has_verdict(evidence) or was_killed_unseen(evidence) or evidence.log.exception
    given_up = {NO_HEARTBEAT, NEVER_TAKEN} & set(evidence.events)
    return evidence.state() in ENDED_BADLY and not explained and not given_up


def _silently(evidence: Evidence) -> str:
    last = f"its log ends with: {evidence.log.tail[-1]}" if evidence.log.tail else "it left no log"
    return f"Try {task_of(evidence).try_number} ended without an exception; {last}.{_again(evidence)}"


def _failed_upstream(evidence: Evidence) -> list[str]:
    return [name for name, state in evidence.upstream_states().items() if state in ("failed", "upstream_failed")]


def _upstream(evidence: Evidence) -> str:
    failed = some(_failed_upstream(evidence)) or "a task before it"
    return f"It was not started: {failed} failed, and its trigger rule is {evidence.definition.trigger_rule}."


def _explain_upstream(evidence: Evidence) -> str:
    return " ".join(["./windtunnel explain", evidence.dag.dag_id, *_failed_upstream(evidence)[:1]])


def _never_started(evidence: Evidence) -> bool:
    ended = evidence.run is not None and evidence.run.state in ("success", "failed")
    return ended and in_state(None, "scheduled", "queued")(evidence)


def _run_ended(evidence: Evidence) -> str:
    assert evidence.run
    return (
        f"The run ended ({evidence.run.state}) at {ago(evidence.now, evidence.run.end)} before the task was started: "
        "it took too long (dagrun_timeout), or somebody ended it by hand."
    )


def _succeeded(evidence: Evidence) -> str:
    task = task_of(evidence)
    took = f" after {lasting(task.end - task.start)}" if task.start and task.end else ""
    memory = evidence.memory.peak_private if evidence.memory else None
    peak = f"; the peak of what it added to its memory was {megabytes(memory)}" if memory else ""
    return f"Nothing is wrong: it succeeded at {ago(evidence.now, task.end)}{took}, on try {task.try_number}{peak}."


def _run_succeeded(evidence: Evidence) -> str:
    run = evidence.run
    assert run
    took = f" after {lasting(run.end - run.start)}" if run.start and run.end else ""
    return f"Nothing is wrong: the run succeeded at {ago(evidence.now, run.end)}{took}."


CAUSES = (
    Cause("heartbeat lost", lambda e: _gave_up(e, NO_HEARTBEAT), _no_heartbeat, LOGS_OF_WORKER),
    Cause(
        "taken back from the queue",
        lambda e: _gave_up(e, NEVER_TAKEN),
        always("No worker took it from the queue in time, again and again, so the scheduler failed it."),
        LOGS_OF_WORKER,
    ),
    Cause("its own exception", _has_raised, _own_exception, LOGS_OF_WORKER),
    Cause("ended without an exception", _is_silent, _silently, LOGS_OF_WORKER),
    Cause("upstream failed", in_state("upstream_failed"), _upstream, _explain_upstream),
    Cause(
        "removed",
        in_state("removed"),
        lambda e: f"The DAG's present file {e.dag.file} has no such task, or it has fewer mapped instances.",
        always("./windtunnel airflow tasks list {dag}"),
    ),
    Cause(
        "skipped",
        in_state("skipped"),
        always("It was skipped: by a branch, a short circuit, a skipped upstream task, or its AirflowSkipException."),
        LOGS_OF_WORKER,
    ),
    Cause("the run has ended", _never_started, _run_ended, REPORT),
    Cause("succeeded", in_state("success"), _succeeded, REPORT),
    Cause(
        "the run succeeded",
        lambda e: e.task is None and e.run is not None and e.run.state == "success",
        _run_succeeded,
        REPORT,
    ),
)
