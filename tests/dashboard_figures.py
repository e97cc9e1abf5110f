"""For each panel of each dashboard, what one of its series must show, known by other ways than the metric shown.

Rates and levels are compared by what they add up to since the run began, gauges by what they are now or were at a
moment of the run, when it is known how many tasks ran. `within` is an absolute allowance, `share` one of what is known.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import mean, median

from dashboard_panels import Shown, place
from dashboard_run import DAG, HOLD, Ran, step_before
from windtunnel.prometheus import SCRAPE_SECONDS

# tests/stack/dags/selftest_dashboards.py
HOLDING, HELD_BYTES, HELD_SECONDS = 6, 50_000_000, 30
BUSY_SECONDS, GROWTH, WAIT_SECONDS = 40, 2_000_000, 40
# Six that hold, two that are busy, and one each of grow, move, fail_once and wait.
TASKS = HOLDING + 2 + 4

# Of the executor (tests/stack/project/configuration-options.yaml) and of the pool.
PARALLELISM, POOL = 32, 128
FILE = "selftest/selftest_dashboards.py"
MB, GIB = 1e6, 2.0**30
# By so much a rate is wrong about what comes at once: its window has three or four scrapes, and a counter that was near
# 0 before is extrapolated on one side only.
BURST = 0.35
# A scrape is as old as this at a step, on average and at most.
LATE, LATEST = SCRAPE_SECONDS / 2, SCRAPE_SECONDS

Value = Callable[[Ran], float]
Reading = Callable[[Shown, Ran], float]


@dataclass(frozen=True)
class Figure:
    """What one series of a panel must show."""

    board: str
    panel: str
    legend: str
    reading: Reading
    known: Value
    within: float = 0
    share: float = 0
    labels: dict[str, str] = field(default_factory=dict)
    of_run: bool = False
    """Whether the series has a label `run_id`."""

    def __str__(self) -> str:
        return f"{self.board}: {self.panel}: {self.legend}"

    def alike(self, ran: Ran) -> bool:
        """Whether the newest values agree.

        Raises:
            AssertionError: they do not; it has both.
        """
        known, shown = self.known(ran), self.reading(self.shown_of(ran), ran)
        assert abs(shown - known) <= self.within + self.share * abs(known), f"shown {shown}, known {known}"
        return True

    def shown_of(self, ran: Ran) -> Shown:
        """The series since the run began."""
        labels = self.labels | ({"run_id": ran.run_id} if self.of_run else {})
        at, minutes = place(self.board, self.panel), (time.time() - ran.since) / 60
        return ran.viewer.shown(at, self.legend, labels, minutes)


# ----------------------------------------------------------------------------------------- how a panel's series is read


def newest(shown: Shown, ran: Ran) -> float:
    return shown.newest()


def most(shown: Shown, ran: Ran) -> float:
    return shown.most()


def least(shown: Shown, ran: Ran) -> float:
    return shown.least()


def total(shown: Shown, ran: Ran) -> float:
    return shown.total()


def average(shown: Shown, ran: Ran) -> float:
    return shown.mean()


def in_minutes(shown: Shown, ran: Ran) -> float:
    return shown.in_minutes()


def full(shown: Shown, ran: Ran) -> float:
    """When all slots were taken."""
    return shown.values[ran.full]


def grows(shown: Shown, ran: Ran) -> float:
    """When `grow` was about to end."""
    return shown.values[step_before(ran.times("grow", "end_date")[0])]


def over(shown: Shown, ran: Ran) -> float:
    """When the run was over."""
    return shown.values[ran.over]


# ------------------------------------------------------------------------------------------------------- what is known


def exactly(value: float) -> Value:
    return lambda ran: value


def now(name: str) -> Value:
    return lambda ran: ran.witness.now(name)


def grown(name: str) -> Value:
    return lambda ran: ran.witness.grown(name)


def used(service: str) -> Value:
    return lambda ran: ran.used(service)


def limit(service: str) -> Value:
    return lambda ran: ran.container(service).memory_limit_bytes


def of_limit(service: str, value: Value) -> Value:
    return lambda ran: value(ran) / limit(service)(ran)


def percent(value: Value) -> Value:
    return lambda ran: 100 * value(ran)


def of_processors(service: str) -> Value:
    return lambda ran: 100 * ran.witness.grown(f"{service}.processor") / ran.container(service).cpus


def idle(ran: Ran) -> float:
    return ran.witness.exceeded_by_nine_tenths("worker.anonymous")


def budget(ran: Ran) -> float:
    return (limit("worker")(ran) - idle(ran)) / ran.slots()


def full_of(size: float) -> Value:
    """What a worker holds with a task of this size in each slot."""
    return lambda ran: idle(ran) + ran.slots() * size


def milliseconds(task_id: str) -> Value:
    return lambda ran: 1000 * mean(one["duration"] for one in ran.of(task_id))


def task_seconds(ran: Ran) -> float:
    """Of all tasks that have run since, without those in which one was deferred."""
    statement = (
        "SELECT sum(extract(epoch FROM end_date - start_date)) FROM task_instance WHERE start_date > to_timestamp(%s)"
    )
    return ran.figure(statement, ran.since) - WAIT_SECONDS


def succeeded(ran: Ran) -> float:
    statement = "SELECT count(*) FROM task_instance WHERE state = 'success' AND end_date > to_timestamp(%s)"
    return ran.figure(statement, ran.since)


def failures(ran: Ran) -> float:
    """Of tries, the one of `fail_once` among them."""
    statement = """SELECT count(*) FROM (
        SELECT state, end_date FROM task_instance UNION ALL SELECT state, end_date FROM task_instance_history
      ) AS tries WHERE state = 'failed' AND end_date > to_timestamp(%s)"""
    return ran.figure(statement, ran.since)


def celery_tasks(ran: Ran) -> float:
    """By the results that Celery keeps."""
    statement = "SELECT count(*) FROM celery_taskmeta WHERE date_done AT TIME ZONE 'UTC' > to_timestamp(%s)"
    return ran.figure(statement, ran.since)


def of_all_runs(ran: Ran) -> float:
    """Ends of processes: each task's, the first try's of `fail_once`, and the one of `wait` that deferred it."""
    return (TASKS + 2) * ran.figure("SELECT count(*) FROM dag_run WHERE dag_id = %s", DAG)


def from_queued_to_started(ran: Ran) -> float:
    """Of the tries that had started in the five minutes before the run's end."""
    statement = """SELECT avg(extract(epoch FROM start_date - queued_dttm)) FROM task_instance
        WHERE start_date BETWEEN to_timestamp(%s) AND to_timestamp(%s) AND start_date >= queued_dttm"""
    return ran.figure(statement, ran.over - 300, ran.over)


def starved(ran: Ran) -> float:
    """For how long the second of two tasks waited for the pool's slots."""
    return ran.times("busy", "queued_when")[1] - ran.times("busy", "queued_when")[0]


def empty_fetches(ran: Ran) -> float:
    return ran.witness.grown("redis.brpop") - ran.witness.grown("redis.zadd")


def half_a_round(ran: Ran) -> float:
    """A round is of those files that are due: of one at least, of all at most."""
    return sum(took for took, _ in ran.parsed().values()) / 2


def logged(event: str) -> Value:
    """How often Airflow's own log of events has one."""
    statement = "SELECT count(*) FROM log WHERE event = %s AND dttm > to_timestamp(%s)"
    return lambda ran: ran.figure(statement, event, ran.since)


def verdicts(ran: Ran) -> float:
    """Since what counts them has started."""
    statement = "SELECT count(*) FROM windtunnel.oom_verdict WHERE (dag_id, task_id, kind) = (%s, %s, %s) AND at > %s"
    since = ran.container("task-memory").started_at
    return ran.figure(statement, *KILLED.values(), since, database="warehouse")


# ----------------------------------------------------------------------------------------------------------- the panels

BASE, WRITER = {"cluster": "BaseWorker"}, {"database_role": "WRITER"}
KILLED = {"dag_id": "selftest_oom_task", "task_id": "grows", "kind": "task"}
HELD, GREW = {"dag_id": DAG, "task_id": HOLD}, {"dag_id": DAG, "task_id": "grow"}
FIRST = HELD | {"map_index": "0"}
# What a task tells before its process is found has no such label.
SEEN = {"component": "worker"}
POOL_LABEL = "default_pool"
CLUSTER, OF_TASK = "{{cluster}}", "{{dag_id}} {{task_id}}"
OF_TRY = "{{dag_id}} {{task_id}}[{{map_index}}] try {{try_number}}"

environment = partial(Figure, "environment")
tuning = partial(Figure, "memory-tuning")
queue = partial(Figure, "workers-and-queue")

ENVIRONMENT = [
    # Containers
    environment("CPU utilization", CLUSTER, total, of_processors("worker"), share=0.1, labels=BASE),
    environment("Memory utilization", CLUSTER, newest, percent(of_limit("worker", used("worker"))), 2, labels=BASE),
    environment("Network received", CLUSTER, total, grown("worker.received"), share=BURST, labels=BASE),
    environment("Network sent", CLUSTER, total, grown("worker.sent"), share=BURST, labels=BASE),
    environment(
        "Ephemeral storage used", CLUSTER, newest, lambda ran: ran.written_layer("worker") / MB, 1, labels=BASE
    ),
    # Container detail
    environment("Working set", CLUSTER, newest, used("worker"), 30 * MB, labels=BASE),
    environment("Anonymous memory", CLUSTER, newest, now("worker.anonymous"), 20 * MB, labels=BASE),
    environment("Share of the limit", CLUSTER, newest, of_limit("worker", used("worker")), 0.02, labels=BASE),
    environment("OOM kills", CLUSTER, newest, now("worker.kills"), labels=BASE),
    environment("Restarts", CLUSTER, newest, lambda ran: ran.container("worker").restarts, labels=BASE),
    environment("Processes", CLUSTER, least, lambda ran: ran.witness.least("worker.processes"), labels=BASE),
    environment("CPU used", CLUSTER, total, grown("worker.processor"), share=0.1, labels=BASE),
    environment(
        "CPU throttled",
        CLUSTER,
        most,
        lambda ran: ran.witness.greatest_share("worker.throttled", "worker.periods", 30),
        0.15,
        labels=BASE,
    ),
    environment(
        "Disk read and written", "{{cluster}} written", total, grown("worker.written"), share=BURST, labels=BASE
    ),
    environment(
        "Disk used against 20 GB",
        CLUSTER,
        newest,
        lambda ran: ran.written_layer("worker") / (20 * GIB),
        0.0001,
        labels=BASE,
    ),
    environment("Network", "{{cluster}} received", total, grown("worker.received"), share=BURST, labels=BASE),
    # Database and queue
    environment("Database CPU", "{{database_role}}", total, of_processors("postgres"), share=0.1, labels=WRITER),
    environment("Database connections", "{{database_role}}", newest, now("database.connections"), 4, labels=WRITER),
    environment(
        "Freeable memory",
        "{{database_role}}",
        newest,
        lambda ran: limit("postgres")(ran) - ran.used("postgres"),
        60 * MB,
        labels=WRITER,
    ),
    environment(
        "Age of the oldest queued task", "oldest task", most, lambda ran: ran.longest_in_queue() - LATE, LATE + 1
    ),
    environment("Tasks in the queue", "running", total, task_seconds, share=0.2),
    environment("Database writes", "{{database_role}}", total, grown("database.written"), share=0.15, labels=WRITER),
    # Scheduler: a heartbeat in 5 s.
    environment("Scheduler heartbeat", "heartbeats", average, exactly(12), 3),
    environment("Scheduler loop", "loop", newest, lambda ran: 1000 * ran.round_seconds(), share=0.4),
    environment("Executor", "open slots", newest, exactly(PARALLELISM)),
    environment("Tasks ready and starving", "starving", total, starved, 1.2 * LATEST),
    environment("Orphaned tasks", "adopted", in_minutes, exactly(0)),
    # DAG processing
    environment("DAGs", "DAGs", newest, lambda ran: ran.figure("SELECT count(*) FROM dag WHERE NOT is_stale")),
    environment("Import errors", "import errors", newest, lambda ran: len(ran.stack.api().import_errors())),
    environment("Time to parse all files", "parse time", newest, half_a_round, share=1),
    environment(
        "Parse time by file",
        "{{dag_filename}}",
        newest,
        lambda ran: ran.parsed()[FILE][0],
        share=0.5,
        labels={"dag_filename": "selftest_dashboards"},
    ),
    environment(
        "Since a file was last parsed",
        "{{dag_filename}}",
        newest,
        lambda ran: ran.parsed()[FILE][1],
        LATEST,
        labels={"dag_filename": "selftest_dashboards"},
    ),
    environment("Parse processes started", "processes", in_minutes, Ran.parsings, share=0.1),
    # Tasks
    environment("Tasks finished", "{{state}}", in_minutes, exactly(TASKS), 0.5, labels={"state": "success"}),
    environment(
        "Duration of tasks", "{{dag}} {{task}}", newest, milliseconds("grow"), 1000, labels={"dag": DAG, "task": "grow"}
    ),
    environment("Duration of runs", "{{dag}}", newest, lambda ran: 1000 * ran.run_seconds, 500, labels={"dag": DAG}),
    environment("Tasks started and succeeded", "succeeded", in_minutes, succeeded, 0.5),
    environment("Tasks failed", "failed", in_minutes, failures),
    environment("Pools", "{{pool}}", newest, exactly(POOL), labels={"pool": POOL_LABEL}),
    # Triggerer
    environment("Triggerer heartbeat", "heartbeats", average, exactly(12), 3),
    environment("Triggers running", "{{host_name}}", total, exactly(WAIT_SECONDS), 1.2 * LATEST),
    environment("Triggers ended", "fired", in_minutes, exactly(1)),
]

MEMORY_TUNING = [
    # Peak against the budget
    tuning("Limit of a worker", "limit", newest, limit("worker")),
    tuning("An idle worker holds", "idle worker", newest, idle, 30 * MB),
    tuning("Slots of a worker", "slots", newest, Ran.slots),
    tuning("Budget of a slot", "budget", newest, budget, 10 * MB),
    tuning(
        "Peak of each task, in shares of the budget",
        OF_TASK,
        newest,
        lambda ran: HELD_BYTES / budget(ran),
        share=0.1,
        labels=HELD,
    ),
    tuning(
        "How many fit in a worker at once",
        OF_TASK,
        newest,
        lambda ran: ran.slots() * budget(ran) / HELD_BYTES,
        share=0.1,
        labels=HELD,
    ),
    tuning("Every try", "Peak private", newest, exactly(HELD_BYTES), 5 * MB, labels=FIRST, of_run=True),
    # Tasks over time
    tuning(
        "Private memory of running tasks",
        OF_TRY,
        full,
        exactly(HELD_BYTES),
        5 * MB,
        labels=FIRST | SEEN,
        of_run=True,
    ),
    tuning("Growth of running tasks", OF_TRY, grows, exactly(GROWTH), share=0.15, labels=GREW | SEEN, of_run=True),
    tuning("What fills a worker", "{{container}} itself", newest, now("worker.anonymous"), 20 * MB),
    tuning(
        "Neighbours at their most",
        OF_TASK,
        newest,
        lambda ran: (ran.slots() - 1) * HELD_BYTES,
        10 * MB,
        labels=HELD,
    ),
    # Headroom per class: `grow` is the largest.
    tuning("Smallest class for these tasks", "needs", newest, full_of(GROWTH * BUSY_SECONDS), 60 * MB),
    tuning(
        "Headroom in this class",
        "headroom",
        newest,
        lambda ran: 1 - of_limit("worker", full_of(GROWTH * BUSY_SECONDS))(ran),
        0.03,
    ),
    tuning("A worker full of this task needs", OF_TASK, newest, full_of(HELD_BYTES), 50 * MB, labels=HELD),
    # Containers' memory
    tuning(
        "Page cache against anonymous memory",
        "{{container}} page cache",
        newest,
        now("worker.cache"),
        1 * MB,
        share=0.05,
    ),
    tuning("Working set against the limit", "{{container}} peak", newest, now("worker.peak"), 1 * MB),
    tuning(
        "Container peak, in shares of the limit",
        "{{container}}",
        newest,
        lambda ran: of_limit("worker", lambda ran: ran.witness.most("worker.working_set"))(ran),
        0.03,
        labels=BASE,
    ),
    tuning(
        "Leak slope of the containers",
        "{{container}}",
        newest,
        lambda ran: ran.witness.slope("worker.anonymous"),
        0.1 * MB,
        share=0.2,
        labels=BASE,
    ),
    # OOM history
    tuning("OOM kills by container", "{{container}}", newest, now("worker.kills"), labels=BASE),
    tuning("Allocations at the limit", "{{container}}", newest, now("worker.failures"), labels=BASE),
]

WORKERS_AND_QUEUE = [
    # Now
    queue("Running tasks", "running", full, Ran.slots),
    queue("Queued tasks", "queued", full, lambda ran: HOLDING - ran.slots()),
    queue("Oldest queued task", "age", full, lambda ran: ran.full - ran.times(HOLD, "queued_when")[0] - LATE, LATE + 1),
    queue("Worker load", "load", total, lambda ran: ran.witness.seconds() - empty_fetches(ran), 10),
    queue("Workers online", "workers", newest, exactly(1)),
    queue("Supervisors without a child", "supervisors", newest, exactly(0)),
    # Queue
    queue("Tasks running and queued", "queued", full, lambda ran: HOLDING - ran.slots()),
    queue("Age of the oldest queued task", "oldest task", most, lambda ran: ran.longest_in_queue() - LATE, LATE + 1),
    queue("Messages in Redis", "messages", full, lambda ran: HOLDING - ran.slots()),
    queue("From queued to started", "{{queue}}", over, from_queued_to_started, 0.5, labels={"queue": "default"}),
    queue("From scheduled to queued", "95 %", over, starved, 20),
    queue("Executor's slots", "{{status}}", full, exactly(PARALLELISM - HOLDING), labels={"status": "open"}),
    # Pools
    queue("Open slots", "{{pool_name}}", full, exactly(POOL - HOLDING), labels={"pool_name": POOL_LABEL}),
    queue("Slots in use", "running", full, Ran.slots),
    queue("Starving tasks", "{{pool_name}}", most, exactly(1), labels={"pool_name": POOL_LABEL}),
    # Workers
    queue("Load", "load", total, lambda ran: ran.witness.seconds() - empty_fetches(ran), 10),
    queue("Tasks in work, by worker", "{{worker}}", full, Ran.slots),
    queue("Supervisors without a child, by worker", "{{container}}", newest, exactly(0)),
    queue("Celery's events", "{{type}}", total, celery_tasks, 0.5, labels={"type": "task-started"}),
    queue("Heartbeats", "scheduler", average, exactly(0.2), 0.05),
    queue(
        "Memory of the workers, in shares of the limit",
        "{{container}}",
        newest,
        of_limit("worker", used("worker")),
        0.02,
    ),
    # Throughput
    queue("Tasks finished", "{{state}}", total, exactly(TASKS), 0.5, labels={"state": "success"}),
    queue("Tasks started and finished since the start", "finished", newest, of_all_runs),
    queue("Duration of tasks", "half", over, lambda ran: median(one["duration"] for one in ran.tasks), 15),
]

FIGURES = [*ENVIRONMENT, *MEMORY_TUNING, *WORKERS_AND_QUEUE]

TELLS_PRESSURE = Path("/proc/pressure/memory").exists()
# Where the kernel tells how long processes wait for memory.
PRESSURE = [
    environment("Memory pressure", CLUSTER, total, grown("pressure.waited"), 0.05, share=BURST, labels=BASE),
    tuning("Waiting for memory", "{{container}} some", total, grown("pressure.waited"), 0.05, share=BURST),
]

# After a kill for memory, and a task that was killed while its supervisor stood still, and then that too.
FAULTS = [
    environment("OOM kills", CLUSTER, newest, now("worker.kills"), labels=BASE),
    environment("Restarts", CLUSTER, newest, lambda ran: ran.container("worker").restarts, labels=BASE),
    environment("Tasks lost", "killed externally", in_minutes, logged("state mismatch")),
    tuning("OOM kills by container", "{{container}}", newest, now("worker.kills"), labels=BASE),
    tuning("Allocations at the limit", "{{container}}", newest, now("worker.failures"), labels=BASE),
    queue("Supervisors without a child", "supervisors", most, exactly(1)),
    queue("Supervisors without a child, by worker", "{{container}}", most, exactly(1)),
    tuning("Killed tasks", "{{dag_id}} {{task_id}}: {{kind}}", newest, verdicts, labels=KILLED),
]
