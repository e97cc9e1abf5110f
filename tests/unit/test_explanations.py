"""`explain`: the judgement on made-up evidence, and the evidence from a made-up environment."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, cast

import httpx
import psycopg
import pytest
from fake_airflow import SOME_TIME, Clock, FakeAirflow, raised, said, task

from windtunnel.airflow_api import LoggedException
from windtunnel.containers import Container
from windtunnel.errors import DagNotFound, RunNotFound, StackNotRunning
from windtunnel.explain import causes, judge
from windtunnel.explain.evidence import (
    DagFacts,
    Definition,
    Evidence,
    Executor,
    Heartbeat,
    Log,
    Memory,
    Neighbour,
    Pool,
    RunFacts,
    TaskFacts,
    Verdict,
    Worker,
)
from windtunnel.explain.gather import gather
from windtunnel.explain.table import rows
from windtunnel.explain.words import ago, lasting, some
from windtunnel.stack import Stack

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BEFORE = NOW - timedelta(minutes=2)
GB = 1_000_000_000
WORKER = Worker("windtunnel-worker-1", "abc", True, "healthy", 2 * GB)
ALIVE = Heartbeat("healthy", NOW - timedelta(seconds=3))
SILENT = Heartbeat("unhealthy", NOW - timedelta(minutes=9))
OPEN_POOL = Pool("default_pool", 128, 128, 0, 0)
LIKELY = "Process terminated by signal. Likely out of memory error (OOM). For more information, see …"


def evidence(state: str | None = "running", run: str = "running", **facts: Any) -> Evidence:
    """A healthy environment in which the task `load`, second of its DAG, is in this state."""
    of_task = {key: facts.pop(key) for key in list(facts) if key in TaskFacts.__dataclass_fields__ and key != "pool"}
    of_dag = {key: facts.pop(key) for key in list(facts) if key in DagFacts.__dataclass_fields__}
    one = TaskFacts("load", state=state, queued=BEFORE, start=BEFORE, end=BEFORE, host="abc", max_tries=2)
    defaults: dict[str, Any] = {
        "run": RunFacts("manual__1", run, queued=BEFORE, start=BEFORE, end=NOW),
        "task": replace(one, **of_task),
        "states": {"read": "success", "load": state},
        "definition": Definition("all_success", ("read",), timedelta(minutes=5)),
        "pool": OPEN_POOL,
        "executor": Executor(30, 2),
        "queue": 0,
        "slots": 5,
        "busy": 0,
        "heartbeats": {"scheduler": ALIVE, "triggerer": ALIVE},
        "workers": (WORKER,),
    }
    return Evidence(NOW, DagFacts("rebuild", **{"file": "rebuild.py"} | of_dag), **defaults | facts)


def killed(kind: str, *neighbours: Neighbour, try_number: int = 1) -> Verdict:
    beside = neighbours or (Neighbour("rebuild.read", 300_000_000, "rebuild", "read"),)
    return Verdict(BEFORE, kind, try_number, "windtunnel-worker-1", 2 * GB, 2 * GB, 812_000_000, beside)


BOOM = LoggedException("KeyError", "'x'", "load.py:13")
CASES: dict[str, tuple[Evidence, tuple[str, ...], str]] = {
    "killed for its own growth": (
        evidence("failed", verdict=killed("task"), log=Log(errors=(LIKELY,))),
        ("812 MB", "2,000 MB", "windtunnel-worker-1", "rebuild.read (300 MB)", "11:58:00"),
        "up --class mw1.small",
    ),
    "killed for a neighbour's growth": (
        evidence("up_for_retry", verdict=killed("neighbour", Neighbour("other.hog", GB, "other", "hog"))),
        ("other.hog", "1,000 MB", "812 MB"),
        "explain other hog",
    ),
    "its container was killed": (
        evidence("running", verdict=killed("container")),
        ("whole container windtunnel-worker-1", "grown most in it was rebuild.read"),
        "up --class",
    ),
    "killed": (evidence("failed", log=Log(errors=(LIKELY,))), ("SIGKILL", "no verdict"), "logs task-memory"),
    "heartbeat lost": (
        evidence("up_for_retry", events=("heartbeat timeout", "running")),
        ("heartbeat", "abc", "12:03:00 UTC"),
        "logs worker",
    ),
    "taken back from the queue": (
        evidence("failed", events=("stuck in queued tries exceeded",)),
        ("No worker took it",),
        "logs worker",
    ),
    "its own exception": (
        evidence("failed", try_number=3, log=Log(BOOM)),
        ("Try 3 of 3 raised KeyError: 'x' (load.py:13)", "No try is left"),
        "logs worker",
    ),
    "ended without an exception": (
        evidence("failed", log=Log(tail=("half way", "bye"))),
        ("without an exception", "bye"),
        "logs worker",
    ),
    "upstream failed": (
        evidence("upstream_failed", states={"read": "failed", "load": "upstream_failed", "other": "failed"}),
        ("read failed", "all_success"),
        "explain rebuild read",
    ),
    "removed": (evidence("removed"), ("rebuild.py",), "tasks list rebuild"),
    "skipped": (evidence("skipped"), ("branch",), "logs worker"),
    "the run has ended": (evidence(None, run="failed"), ("failed", "dagrun_timeout"), "report"),
    "succeeded": (
        evidence("success", end=BEFORE + timedelta(seconds=70), memory=Memory(1, 95_000_000, "success")),
        ("Nothing is wrong", "1 min 10 s", "95 MB"),
        "report",
    ),
    "the run succeeded": (evidence(run="success", task=None), ("Nothing is wrong", "2 min 0 s"), "report"),
    "no file": (
        evidence("scheduled", import_error="ModuleNotFoundError: No module named 'x'"),
        ("rebuild.py", "No module named 'x'"),
        "list-import-errors",
    ),
    "the scheduler is silent": (
        evidence(None, heartbeats={"scheduler": SILENT}),
        ("scheduler", "9 min 0 s ago"),
        "logs scheduler",
    ),
    "the DAG is paused": (evidence(None, is_paused=True), ("paused",), "dags unpause rebuild"),
    "max_active_runs": (
        evidence(None, run="queued", running_runs=1, max_active_runs=1),
        ("1 runs", "max_active_runs (1)"),
        "list-runs rebuild",
    ),
    "never ran": (Evidence(NOW, DagFacts("rebuild")), ("no run",), "run rebuild"),
    "the run is queued": (evidence(None, run="queued"), ("nothing is known to hold it",), "logs scheduler"),
    "the triggerer is silent": (
        evidence("deferred", heartbeats={"triggerer": SILENT}),
        ("triggerer", "9 min"),
        "logs scheduler",
    ),
    "no triggerer": (evidence("deferred", heartbeats={"triggerer": Heartbeat(None, None)}), ("light",), "status"),
    "deferred": (evidence("deferred", trigger="airflow.X"), ("airflow.X",), "logs scheduler"),
    "between two looks": (evidence("up_for_reschedule"), ("sensor",), "logs worker"),
    "waits for upstream": (
        evidence(None, states={"read[0]": "success", "read[1]": "running", "load": None}),
        ("read[1] (running)", "all_success"),
        "explain rebuild read[1]",
    ),
    "no such pool": (evidence("scheduled", pool=None), ("default_pool does not exist",), "pools set default_pool"),
    "the pool is full": (
        evidence("scheduled", pool=Pool("narrow", 2, 1, 1, 0), pool_slots=2),
        ("pool narrow", "needs 2", "1 of 2 are open"),
        "pools list",
    ),
    "max_active_tasks": (
        evidence("scheduled", max_active_tasks=1, states={"read": "running", "load": "scheduled"}),
        ("1 tasks of this run", "max_active_tasks (1)"),
        "details rebuild",
    ),
    "parallelism": (evidence("scheduled", executor=Executor(0, 32)), ("32 tasks", "core.parallelism"), "status"),
    "no worker": (
        evidence("queued", workers=(replace(WORKER, is_running=False), replace(WORKER, health="unhealthy"))),
        ("No worker is alive", "stopped", "unhealthy"),
        "up --no-demo",
    ),
    "the workers are full": (evidence("queued", busy=5, queue=3), ("5 slots each", "3 messages"), "status"),
    "queued": (evidence("queued", queue=1), ("2 min 0 s ago", "1 messages", "1800 s"), "logs worker"),
    "its worker is gone": (evidence("running", host="gone"), ("worker gone is gone", "300 s"), "logs worker"),
    "running": (evidence("running", memory_now=64_000_000), ("on abc", "64 MB", "try 1"), "logs worker"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_answer(name: str) -> None:
    facts, sentence, command = CASES[name]
    found = judge(facts)
    assert found.cause == name
    for part in sentence:
        assert part in found.answer
    assert command in found.next and found.next.startswith("./windtunnel ")


def test_every_cause_has_a_case() -> None:
    assert {cause.name for cause in causes.CAUSES} - {"an earlier try was killed"} == set(CASES)
    assert len({cause.name for cause in causes.CAUSES}) == len(causes.CAUSES)


def test_what_applies_besides_is_said_too() -> None:
    full = Pool("default_pool", 1, 0, 1, 0)
    states = {"read": "running", "load": "scheduled"}
    found = judge(evidence("scheduled", pool=full, executor=Executor(0, 32), max_active_tasks=1, states=states))
    assert found.cause == "the pool is full"
    assert ["max_active_tasks" in found.also[0], "core.parallelism" in found.also[1]] == [True, True]


def test_a_dead_worker_explains_the_full_executor_and_pool_behind_it() -> None:
    dead = (replace(WORKER, is_running=False),)
    for state in ("scheduled", "queued"):
        found = judge(evidence(state, workers=dead, executor=Executor(0, 32), pool=Pool("default_pool", 1, 0, 0, 1)))
        assert found.cause == "no worker"
        assert any("core.parallelism" in sentence for sentence in found.also)


def test_a_kill_explains_more_than_the_exception_of_a_later_step() -> None:
    found = judge(evidence("up_for_retry", verdict=killed("task"), log=Log(BOOM)))
    assert found.cause == "killed for its own growth" and "KeyError" in found.also[0]


def test_the_verdict_on_an_earlier_try_is_no_answer_for_this_one() -> None:
    found = judge(evidence("success", try_number=2, verdict=killed("task")))
    assert found.cause == "succeeded" and "Try 1 of load was killed" in found.also[0]
    assert judge(evidence("running", try_number=2, verdict=killed("task"))).cause == "running"


def test_a_task_alone_with_airflow_s_own_processes_needs_another_class() -> None:
    supervisor = Neighbour("airflow supervisor: 01a1", 45_000_000)
    alone = replace(killed("task", supervisor), limit=2 * 1024**3)
    assert "beside it" not in judge(evidence("failed", verdict=alone)).answer
    assert "mw1.medium" in judge(evidence("failed", verdict=alone)).answer
    largest = replace(alone, limit=48 * 1024**3)
    assert judge(evidence("failed", verdict=largest)).next == "./windtunnel report"


def test_a_retry_names_its_time_when_there_is_one() -> None:
    assert "12:03:00 UTC, 5 min 0 s after" in judge(evidence("up_for_retry", log=Log(BOOM))).answer
    unknown = evidence("up_for_retry", log=Log(BOOM), definition=Definition())
    assert "will be tried again." in judge(unknown).answer


def test_airflow_judges_who_is_silent_and_one_that_never_ran_is_not() -> None:
    for heart in (Heartbeat(None, None), Heartbeat("healthy", NOW - timedelta(seconds=40))):
        assert judge(evidence(None, heartbeats={"scheduler": heart})).cause == "nothing found"
    loud = {"scheduler": Heartbeat("unhealthy", NOW)}
    assert judge(evidence(None, heartbeats=loud)).cause == "the scheduler is silent"


def test_where_nothing_is_found_airflow_s_own_reason_stands() -> None:
    assert "depends_on_past" in judge(evidence(None, reasons=("depends_on_past is true for this task's DAG",))).answer
    assert "next loops" in judge(evidence(None)).answer


def test_json_is_complete_and_serialisable() -> None:
    text = json.loads(
        json.dumps(judge(evidence("failed", verdict=killed("task"), gaps=("Prometheus: away",))).as_json())
    )
    assert set(text) == {"cause", "answer", "next", "also", "evidence"}
    assert text["evidence"]["now"] == "2026-11-21T12:00:00+00:00"
    assert text["evidence"]["definition"]["retry_delay"] == 300
    assert text["cause"] == "killed for its own growth"
    assert text["evidence"]["verdict"]["neighbours"][0]["name"] == "rebuild.read"
    assert text["evidence"]["gaps"] == ["Prometheus: away"]


def test_the_table_shows_what_there_is_and_what_was_not_seen() -> None:
    shown = dict(rows(evidence("scheduled", gaps=("Prometheus: away",), log=Log(tail=("x" * 300,)))))
    assert shown["pool default_pool"] == "128 of 128 open, 0 running, 0 queued"
    assert shown["its tasks"] == "1 success, 1 scheduled"
    assert shown["not seen"] == "Prometheus: away"
    assert len(shown["log"]) <= 200
    assert "executor" not in dict(rows(evidence(executor=None)))


def test_words() -> None:
    assert lasting(timedelta(seconds=59.6)) == "1 min 0 s"
    assert lasting(timedelta(hours=3, minutes=2, seconds=1)) == "3 h 2 min"
    assert ago(NOW, None) == "an unknown time"
    assert some(list("abcdefg")) == "a, b, c, d, e and 2 more"


# ------------------------------------------------------------------------------------------------------- the evidence

DAG, RUN = "rebuild", "manual__1"
AT = f"/api/v2/dags/{DAG}"
MORE = {"scheduled_when": SOME_TIME, "queued_when": SOME_TIME, "hostname": "abc", "pool": "narrow", "pool_slots": 1}


class Environment(FakeAirflow):
    """FakeAirflow with the rest of the API by path, in place of a stack; nothing beside Airflow answers."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        health = {"status": "healthy", "latest_scheduler_heartbeat": datetime.now(UTC).isoformat()}
        self.more: dict[str, Any] = {
            "/api/v2/monitor/health": {"scheduler": health},
            f"{AT}/details": {"max_active_runs": 3, "max_active_tasks": 7},
            f"{AT}/dagRuns": {"dag_runs": [], "total_entries": 2},
            f"{AT}/tasks": {"tasks": [], "total_entries": 0},
            "/api/v2/pools/narrow": {
                "name": "narrow", "slots": 2, "open_slots": 0, "running_slots": 2, "queued_slots": 0,
            },
            "/api/v2/eventLogs": {"event_logs": [{"event": "heartbeat timeout"}, {"event": "running"}]},
        }  # fmt: skip
        self.has_dag(DAG)

    def _route(self, request: httpx.Request) -> httpx.Response:
        body = self.more.get(request.url.path)
        return super()._route(request) if body is None else httpx.Response(200, json=body)

    def has_tasks(self, *tasks: dict[str, Any], run: str = "running") -> None:
        self.has_run(DAG, RUN, run, [{**MORE, "trigger": None, **one} for one in tasks])
        row = {**self.runs[DAG, RUN].row(), "queued_at": SOME_TIME}
        self.more[f"{AT}/dagRuns"] = {"dag_runs": [row], "total_entries": 2}
        self.more[f"{AT}/dagRuns/{RUN}"] = row

    # What gather() asks of a Stack.
    name = "windtunnel"

    def value(self, setting: str) -> str:
        return {"CELERY_WORKER_AUTOSCALE": "5,5"}[setting]

    @property
    def environment(self) -> "Environment":
        return self

    def containers(self) -> list[Container]:
        return []

    def url(self, service: str) -> str:
        raise StackNotRunning(f"windtunnel: expected {service} to run, found it down")

    def credentials(self) -> dict[str, dict[str, str]]:
        raise StackNotRunning("no secrets")

    def explained(self, task_id: str | None = None, run_id: str | None = None) -> Evidence:
        return gather(cast(Stack, self), DAG, task_id, run_id)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    return Environment(Clock(monkeypatch))


def test_everything_that_airflow_knows_is_read(environment: Environment) -> None:
    environment.has_tasks(task("read", "success"), task("load", "failed", try_number=2, max_tries=1))
    environment.has_log("load", said("half way"), raised("KeyError", "'x'"), try_number=2)
    delay = {"__type": "TimeDelta", "days": 0, "seconds": 30, "microseconds": 0}
    row = {"trigger_rule": "all_done", "retry_delay": delay, "downstream_task_ids": []}
    definitions = [row | {"task_id": "read", "downstream_task_ids": ["load"]}, row | {"task_id": "load"}]
    environment.more[f"{AT}/tasks"] = {"tasks": definitions, "total_entries": 2}
    dependencies = {"dependencies": [{"name": "Pool Slots Available", "reason": "Not scheduling since …"}]}
    environment.more[f"{AT}/dagRuns/{RUN}/taskInstances/load/dependencies"] = dependencies
    environment.has_import_error("dag.py")

    found = environment.explained()

    assert found.task and found.task.name == "load" and found.task.host == "abc"
    assert found.states == {"read": "success", "load": "failed"}
    assert found.dag.import_error == "ModuleNotFoundError: No module named 'x'"
    assert (found.dag.max_active_runs, found.dag.max_active_tasks, found.dag.running_runs) == (3, 7, 2)
    assert found.definition == Definition("all_done", ("read",), timedelta(seconds=30))
    assert found.upstream_states() == {"read": "success"}
    assert found.pool == Pool("narrow", 2, 0, 2, 0)
    assert found.reasons == ("Not scheduling since …",)
    assert found.events == ("heartbeat timeout", "running")
    assert found.heartbeats["scheduler"].status == "healthy" and found.heartbeats["scheduler"].last
    assert found.log.exception and found.log.exception.exc_type == "KeyError"
    assert found.log.tail[0] == "half way"


def test_what_does_not_answer_is_a_gap_and_no_failure(environment: Environment) -> None:
    environment.has_tasks(task("load", "queued"))
    found = environment.explained()
    assert (found.executor, found.queue, found.busy, found.verdict) == (None, None, None, None)
    assert any("memory history: no secrets" in gap for gap in found.gaps)
    assert any("queue's length: windtunnel: expected prometheus" in gap for gap in found.gaps)
    assert judge(found).cause == "queued"


class Scheduler:
    """A running container in which a shell is asked for two limits."""

    service, is_running = "scheduler", True

    def __init__(self, said: str) -> None:
        self.said = said

    def execute(self, *command: str) -> str:
        assert command[0] == "bash"
        return self.said


@pytest.mark.parametrize(("said", "seconds"), [("3600 450.0\n", ("3600 s", "450 s")), ("x y", ("1800 s", "300 s"))])
def test_the_limits_in_force_are_told(
    said: str, seconds: tuple[str, str], environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "containers", lambda: [Scheduler(said)], raising=False)
    environment.has_tasks(task("load", "queued"))
    found = environment.explained()
    assert seconds[0] in judge(found).answer
    gone = replace(found, task=replace(found.task, state="running", host="gone"), workers=(WORKER,))
    assert seconds[1] in judge(gone).answer


class Warehouse:
    """A connection that answers the two queries from `rows`, by the table that they name."""

    rows: ClassVar[dict[str, tuple[Any, ...]]] = {
        "oom_verdict": (BEFORE, "neighbour", 1, "windtunnel-worker-1", 2 * GB, 2 * GB, 90_000_000, [
            {"name": "other.hog", "dag_id": "other", "task_id": "hog", "map_index": 3, "private_bytes": GB},
            {"name": "celery main", "rss_bytes": 70_000_000, "growth_bytes": 0},
        ]),
        "task_memory": (1, 80_000_000, "oom"),
    }  # fmt: skip

    def __enter__(self) -> "Warehouse":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def execute(self, query: str, key: tuple[str, str, str, int]) -> "Warehouse":
        assert key == (DAG, "load", RUN, -1)
        self.row = next(row for table, row in self.rows.items() if f"windtunnel.{table}" in query)
        return self

    def fetchone(self) -> tuple[Any, ...]:
        return self.row


def test_the_verdict_is_read_from_the_warehouse(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    environment.has_tasks(task("load", "failed"))
    monkeypatch.setattr(environment, "credentials", lambda: {"warehouse": {"dsn": ""}}, raising=False)
    monkeypatch.setattr(psycopg, "connect", lambda *_, **__: Warehouse())
    found = environment.explained()
    assert found.memory == Memory(1, 80_000_000, "oom")
    assert found.verdict and found.verdict.neighbours == (
        Neighbour("other.hog[3]", GB, "other", "hog"),
        Neighbour("celery main", 70_000_000),
    )
    answer = judge(found)
    assert answer.cause == "killed for a neighbour's growth" and "other.hog[3], which held 1,000 MB" in answer.answer


def test_the_most_telling_task_is_chosen(environment: Environment) -> None:
    environment.has_tasks(task("a", "success"), task("b", "running"), task("c", None), task("d", "up_for_retry"))
    assert environment.explained().task == environment.explained("d").task


def test_of_several_failures_the_first_is_chosen(environment: Environment) -> None:
    late, early = "2026-11-21T06:00:00Z", "2026-11-21T05:30:00Z"
    environment.has_tasks(task("a", "failed", end_date=late), task("b", "failed", end_date=early), run="failed")
    found = environment.explained().task
    assert found and found.task_id == "b"


def test_a_mapped_instance_is_named_by_its_index(environment: Environment) -> None:
    environment.has_tasks(task("load", "success", map_index=0), task("load", "success", map_index=1))
    found = environment.explained("load[1]")
    assert found.task and found.task.map_index == 1
    assert any("/load/1/dependencies" in request for request in environment.requests)


def test_a_run_that_succeeded_needs_no_task(environment: Environment) -> None:
    environment.has_tasks(task("load", "success"), run="success")
    assert judge(environment.explained()).cause == "the run succeeded"
    assert judge(environment.explained("load")).cause == "succeeded"


def test_no_run_at_all_is_an_answer(environment: Environment) -> None:
    assert judge(environment.explained()).cause == "never ran"
    environment.dags[DAG]["is_paused"] = True
    assert judge(environment.explained()).cause == "the DAG is paused"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (lambda one: one.explained("nix"), "has no task nix; its tasks: load"),
        (lambda one: one.explained(None, "manual__2"), "rebuild has no run manual__2"),
    ],
)
def test_no_such_run_or_task(environment: Environment, asked: Callable[[Environment], object], message: str) -> None:
    environment.has_tasks(task("load", "queued"))
    with pytest.raises(RunNotFound, match=message):
        asked(environment)


def test_a_task_of_a_dag_that_never_ran(environment: Environment) -> None:
    with pytest.raises(RunNotFound, match="never ran"):
        environment.explained("load")


def test_no_such_dag(environment: Environment) -> None:
    del environment.dags[DAG]
    with pytest.raises(DagNotFound, match="no DAG rebuild"):
        environment.explained()
