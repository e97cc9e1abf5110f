"""What is known about one task of one run, and about all that it depends on. Times are UTC, sizes bytes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from windtunnel.airflow_api import LoggedException


@dataclass(frozen=True)
class DagFacts:
    """The DAG as last parsed; `import_error` is the last line of its file's failure, `running_runs` counts its runs."""

    dag_id: str
    is_paused: bool = False
    is_stale: bool = False
    import_error: str | None = None
    file: str = ""
    max_active_runs: int = 16
    max_active_tasks: int = 16
    running_runs: int = 0


@dataclass(frozen=True)
class RunFacts:
    """The run that is asked about."""

    run_id: str
    state: str
    queued: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class TaskFacts:
    """One task instance; `scheduled`, `queued`, `start`, `end` are the times of its latest try."""

    task_id: str
    map_index: int = -1
    state: str | None = None
    try_number: int = 1
    max_tries: int = 0
    scheduled: datetime | None = None
    queued: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None
    host: str = ""
    pool: str = "default_pool"
    pool_slots: int = 1
    trigger: str | None = None

    @property
    def name(self) -> str:
        """The task's id, and its map index if it has one: `load` or `load[2]`."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


@dataclass(frozen=True)
class Definition:
    """What the DAG says of the task: its trigger rule, its direct upstream tasks, and how long it waits for a retry."""

    trigger_rule: str = "all_success"
    upstream: tuple[str, ...] = ()
    retry_delay: timedelta | None = None


@dataclass(frozen=True)
class Pool:
    """A pool of Airflow's; `open` may be negative when it was made smaller."""

    name: str
    slots: int
    open: int
    running: int
    queued: int


@dataclass(frozen=True)
class Executor:
    """The executor as the scheduler last reported it: core.parallelism is `running` + `open`."""

    open: int
    running: int


@dataclass(frozen=True)
class Timeouts:
    """When the scheduler gives a task up, in seconds: scheduler.task_queued_timeout, task_instance_heartbeat_timeout.

    The defaults are MWAA's.
    """

    queued: float = 1800
    heartbeat: float = 300


@dataclass(frozen=True)
class Heartbeat:
    """A component as Airflow judges it (healthy, unhealthy; None: it never ran), and when it was last heard of."""

    status: str | None
    last: datetime | None


@dataclass(frozen=True)
class Worker:
    """A worker's container; `host` is what a task on it has as its hostname."""

    name: str
    host: str
    is_running: bool
    health: str
    memory_limit: int


@dataclass(frozen=True)
class Neighbour:
    """Another task, or a process that is none, in the container at the moment of the kill."""

    name: str
    memory: int | None
    dag_id: str = ""
    task_id: str = ""


@dataclass(frozen=True)
class Verdict:
    """Who was killed for whose memory: `kind` is task, neighbour or container; `task_peak` is resident.

    `neighbours` has all that ran in the container, the culprit first; Airflow's own processes are among them.
    """

    at: datetime
    kind: str
    try_number: int
    container: str
    limit: int | None = None
    container_peak: int | None = None
    task_peak: int | None = None
    neighbours: tuple[Neighbour, ...] = ()

    def other_tasks(self) -> list[Neighbour]:
        """The tasks among the neighbours."""
        return [one for one in self.neighbours if one.task_id]


@dataclass(frozen=True)
class Memory:
    """What one try added to what it started with, and how it ended (None: it runs)."""

    try_number: int
    peak_private: int | None
    outcome: str | None


@dataclass(frozen=True)
class Log:
    """The log of the latest try: what ended it, its errors, its last lines."""

    exception: LoggedException | None = None
    errors: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """All of it; None is for what is not there, or could not be seen: then `gaps` says so.

    `states` has every task of the run by name; `reasons` are Airflow's own for not scheduling the task;
    `events` are those that Airflow's audit log has of its latest try, newest first; `queue` counts the messages that no
    worker has taken; `slots` is what one worker runs at once, `busy` what all workers run now; `memory_now` is the
    task's own.
    """

    now: datetime
    dag: DagFacts
    run: RunFacts | None = None
    task: TaskFacts | None = None
    definition: Definition = Definition()
    states: dict[str, str | None] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    pool: Pool | None = None
    executor: Executor | None = None
    timeouts: Timeouts = Timeouts()
    queue: int | None = None
    slots: int | None = None
    busy: int | None = None
    heartbeats: dict[str, Heartbeat] = field(default_factory=dict)
    workers: tuple[Worker, ...] = ()
    verdict: Verdict | None = None
    memory: Memory | None = None
    memory_now: int | None = None
    log: Log = Log()
    gaps: tuple[str, ...] = ()

    def state(self) -> str | None:
        """The task's state; None when the scheduler has not looked at it, and when there is no task."""
        return self.task.state if self.task else None

    def is_silent(self, component: str) -> bool:
        """Whether a component that Airflow knows has stopped to send its heartbeat."""
        heart = self.heartbeats.get(component)
        return heart is not None and heart.last is not None and heart.status != "healthy"

    def upstream_states(self) -> dict[str, str | None]:
        """The direct upstream tasks of the run, mapped instances each, with their states."""
        wanted = set(self.definition.upstream)
        return {name: state for name, state in self.states.items() if name.split("[")[0] in wanted}

    def active_tasks(self) -> int:
        """Tasks of the run that count against max_active_tasks, which Airflow 3 holds for each run by itself."""
        return sum(state in ("queued", "running") for state in self.states.values())

    def alive_workers(self) -> list[Worker]:
        """Workers that run and are not known to be sick."""
        return [worker for worker in self.workers if worker.is_running and worker.health != "unhealthy"]
