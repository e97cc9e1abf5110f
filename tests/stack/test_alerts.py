"""Every alert, provoked by a real fault in the running stack, reaches the webhook and clears when the fault is healed.

Time passes at 1/60 for the rules (`tests/fast_alerting.py`). One table says how each is provoked; faults that do not
disturb each other are there at the same time.
"""

import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from command_line import CommandLine
from fast_alerting import Alert, FastAlerting
from windtunnel import alerts
from windtunnel.containers import Container
from windtunnel.errors import TimedOut, WindtunnelError
from windtunnel.machine import run
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

FIRES, CLEARS = 150, 120  # seconds, at most
FAULT = "/tmp/windtunnel-fault"


@dataclass(frozen=True)
class Victim:
    """The stack that is broken and healed."""

    stack: Stack
    cli: CommandLine
    dags: Path
    fast: FastAlerting

    def docker(self, verb: str, service: str, *options: str) -> None:
        """A docker command on the container of a service, whether it runs or not."""
        container = next(one for one in self.stack.containers() if one.service == service)
        run(["docker", verb, *options, container.id], WindtunnelError)

    def background(self, service: str, script: str) -> None:
        """Run a script in a container until `end`, or for two minutes; the kernel would take its memory first."""
        inner = f"echo 1000 > /proc/self/oom_score_adj; {script}"
        outer = f"echo $$ > {FAULT}; exec timeout 120 sh -c {shlex.quote(inner)}"
        run(["docker", "exec", "-d", self.stack.container(service).id, "sh", "-c", outer], WindtunnelError)

    def end(self, service: str) -> None:
        """End what `background` has begun."""
        self.stack.container(service).execute("sh", "-c", f"kill $(cat {FAULT}) 2> /dev/null; rm -f {FAULT}")

    def trigger(self, dag_id: str, **conf: int) -> str:
        """Make a run of one of the tests' own DAGs, and return its id."""
        api = self.stack.api()
        api.unpause(dag_id)
        return api.trigger(dag_id, conf).run_id

    def wait_for_task(self, dag_id: str, run_id: str, state: str) -> None:
        """Until a task of the run is in that state."""
        api = self.stack.api()
        states = lambda: {task.state for task in api.task_instances(dag_id, run_id)}  # noqa: E731
        wait_until(lambda: state in states(), f"a task of {dag_id} to be {state}", timeout=90)

    def gauge(self, name: str, service: str) -> int:
        """What Prometheus has for a container's gauge now."""
        return int(self.fast.query(f'{name}{{component="{service}"}}')[0]["value"][1])

    def sql(self, statement: str, *options: str) -> None:
        """Run a statement as Postgres' superuser."""
        command = ["docker", "exec", *options, self.stack.container("postgres").id]
        run([*command, "psql", "--username=postgres", "--dbname=airflow", "--command", statement], WindtunnelError)


@dataclass(frozen=True)
class Fault:
    """What breaks, how it is healed, and the alerts that it must raise; `untold` are silenced by a better one."""

    name: str
    alerts: tuple[Alert, ...]
    provoke: Callable[[Victim], None]
    heal: Callable[[Victim], None]
    untold: tuple[str, ...] = ()


def component(name: str, of: str) -> Alert:
    return Alert(name, {"component": of})


# --------------------------------------------------------------------------------------------------- nobody takes tasks


def stop_the_worker_and_queue(victim: Victim) -> None:
    victim.cli("airflow", "pools", "set", "selftest_narrow", "1", "for the alert PoolStarving")
    victim.docker("stop", "worker")
    victim.trigger("selftest_alerts_crowd")
    victim.trigger("selftest_alerts_narrow")


def start_the_worker(victim: Victim) -> None:
    victim.docker("start", "worker")


# ------------------------------------------------------------------------------------------------------------ DAG files


def add_a_broken_and_a_slow_file(victim: Victim) -> None:
    (victim.dags / "selftest_alerts_broken.py").write_text("import no_such_package  # so, no airflow dag\n")
    (victim.dags / "selftest_alerts_slow.py").write_text("import time  # an airflow dag would be here\ntime.sleep(8)\n")


def remove_both(victim: Victim) -> None:
    for name in ("broken", "slow"):
        (victim.dags / f"selftest_alerts_{name}.py").unlink()


# --------------------------------------------------------------------------------------------------- killed and halted


def tasks_and_supervisors(worker: Container) -> dict[str, int]:
    """The processes of tasks by title: "airflow worker -- <uuid>" or "airflow supervisor: <uuid>"."""
    script = (
        "for each in /proc/[0-9]*; do echo \"$(basename $each) $(tr '\\0' ' ' < $each/cmdline)\"; done 2> /dev/null"
    )
    lines = (line.split(" ", 1) for line in worker.execute("sh", "-c", script).splitlines())
    return {line[1].strip(): int(line[0]) for line in lines if line[1].startswith("airflow ")}


def kill_two_tasks_and_halt_a_supervisor(victim: Victim) -> None:
    for _ in range(2):
        run_id = victim.trigger("selftest_alerts_victim")
        victim.wait_for_task("selftest_alerts_victim", run_id, "running")
    worker = victim.stack.container("worker")
    found = wait_until(lambda: two_pairs(worker), "two tasks with their supervisors", timeout=30)
    (_, halted), *_ = found
    worker.execute("sh", "-c", f"kill -STOP {halted}; kill -KILL {' '.join(str(task) for task, _ in found)}")


def two_pairs(worker: Container) -> list[tuple[int, int]]:
    """Process ids of two tasks and their supervisors; empty until there are two."""
    found = tasks_and_supervisors(worker)
    pairs = [
        (pid, found[f"airflow supervisor: {title.removeprefix('airflow worker -- ')}"])
        for title, pid in found.items()
        if title.startswith("airflow worker -- ")
    ]
    return pairs[:2] if len(pairs) >= 2 else []


def let_supervisors_go_on(victim: Victim) -> None:
    worker = victim.stack.container("worker")
    found = tasks_and_supervisors(worker)
    halted = [str(pid) for title, pid in found.items() if title.startswith("airflow supervisor")]
    worker.execute("sh", "-c", f"kill -CONT {' '.join(halted)}")


def pause_a_dag_in_the_middle(victim: Victim) -> None:
    run_id = victim.trigger("selftest_alerts_halted")
    victim.wait_for_task("selftest_alerts_halted", run_id, "running")
    pause(victim, "selftest_alerts_halted")


def pause(victim: Victim, dag_id: str) -> None:
    victim.cli("airflow", "dags", "pause", dag_id)


def unpause_it(victim: Victim) -> None:
    victim.stack.api().unpause("selftest_alerts_halted")


# ------------------------------------------------------------------------------------------------------------------ CPU


BURNT = ("scheduler", "webserver", "worker")


def burn(victim: Victim) -> None:
    """All CPU of four containers, which together have less than the machine."""
    for service in (*BURNT, "postgres"):
        victim.docker("update", service, "--cpus=0.1")
    for service in BURNT:
        victim.background(service, "while :; do :; done")
    victim.sql(
        "SET statement_timeout = '120s'; SELECT count(*) FROM (SELECT generate_series(1, 1e12)) AS numbers", "-d"
    )


def stop_burning(victim: Victim) -> None:
    for service in BURNT:
        victim.end(service)
    victim.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SET statement_timeout%'")
    for service in (*BURNT, "postgres"):
        victim.docker("update", service, f"--cpus={victim.stack.environment.value(f'{service.upper()}_CPUS')}")


# --------------------------------------------------------------------------------------------------------------- memory


FILLED = ("scheduler", "webserver", "worker", "postgres")
# Reads pages at random of a file that does not fit beside what is held.
THRASH = f"""head -c 130000000 /dev/zero > {FAULT}.file; python3 -c '
import os, random
file = os.open("{FAULT}.file", os.O_RDONLY)
os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)
while os.pread(file, 4096, random.randrange(0, 130_000_000, 4096)): pass
' &"""


def fill(victim: Victim) -> None:
    """96 % of the memory limit of four containers."""
    for service in FILLED:
        limit = victim.gauge("container_spec_memory_limit_bytes", service)
        wanted = limit * 96 // 100 - victim.gauge("container_memory_working_set_bytes", service)
        hold = f"(head -c {wanted} /dev/zero; sleep 120) | tail > /dev/null"
        victim.background(service, f"{THRASH} {hold}" if service == "worker" else hold)


def empty(victim: Victim) -> None:
    for service in FILLED:
        victim.end(service)
    victim.stack.container("worker").execute("rm", "-f", f"{FAULT}.file")


def let_a_task_be_killed(victim: Victim) -> None:
    victim.trigger("selftest_leak", bytes_per_second=400_000_000)


def nothing(victim: Victim) -> None:
    """The kernel has healed it: what was killed is gone."""


# ----------------------------------------------------------------------------------------- the web server, the database


def refuse_the_database(victim: Victim) -> None:
    victim.sql("ALTER ROLE airflow CONNECTION LIMIT 0")
    victim.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'airflow'")


def allow_the_database(victim: Victim) -> None:
    victim.sql("ALTER ROLE airflow CONNECTION LIMIT -1")


# ------------------------------------------------------------------------------------------------------- the scheduler


def stop_the_scheduler(victim: Victim) -> None:
    victim.docker("stop", "scheduler", "--time=10")


def start_the_scheduler(victim: Victim) -> None:
    victim.docker("start", "scheduler")


# ------------------------------------------------------------------------------------------------------------ the table

# Faults of one round are there at the same time; a round begins when the one before has cleared.
ROUNDS: dict[str, tuple[Fault, ...]] = {
    "nobody takes tasks": (
        Fault(
            "the worker is stopped",
            tuple(map(Alert, ("StuckQueue", "NoFreeSlots", "PoolStarving", "ApproximateAgeOfOldestTask"))),
            stop_the_worker_and_queue,
            start_the_worker,
        ),
        Fault(
            "files that are broken and slow",
            (Alert("ImportErrors"), Alert("ParseTimeJump")),
            add_a_broken_and_a_slow_file,
            remove_both,
        ),
        Fault(
            "an exporter is stopped",
            (Alert("TargetDown", {"job": "redis"}),),
            lambda victim: victim.docker("stop", "redis-exporter"),
            lambda victim: victim.docker("start", "redis-exporter"),
        ),
    ),
    "tasks are killed": (
        Fault(
            "two tasks are killed, one with its supervisor halted",
            (Alert("TasksLost"), component("SupervisorsWithoutChild", "worker")),
            kill_two_tasks_and_halt_a_supervisor,
            let_supervisors_go_on,
        ),
        Fault(
            "a DAG is paused in the middle of a run",
            (Alert("StuckRun", {"dag_id": "selftest_alerts_halted"}),),
            pause_a_dag_in_the_middle,
            unpause_it,
        ),
        Fault(
            "runs take longer than it is to the next",
            (Alert("ScheduleDelay", {"dag_id": "selftest_alerts_late"}),),
            lambda victim: victim.stack.api().unpause("selftest_alerts_late"),
            lambda victim: pause(victim, "selftest_alerts_late"),
        ),
    ),
    "CPU": (
        Fault(
            "every container burns",
            tuple(Alert(f"{one}CPUUtilization") for one in ("Scheduler", "WebServer", "BaseWorker", "Database")),
            burn,
            stop_burning,
        ),
    ),
    "memory": (
        Fault(
            "every container is filled",
            tuple(map(Alert, ("SchedulerMemoryUtilization", "WebServerMemoryUtilization", "FreeableMemory")))
            + tuple(component(f"MemoryOver{share}Percent", one) for share in (80, 90) for one in FILLED)
            + (Alert("BaseWorkerMemoryUtilization"), component("MemoryPressure", "worker")),
            fill,
            empty,
            untold=("MemoryOver80Percent",),
        ),
    ),
    "a kill": (
        Fault(
            "a task takes more than there is",
            (
                component("ContainerOOMKill", "worker"),
                Alert("TaskOOMKill", {"dag_id": "selftest_leak"}),
                Alert("TasksLost"),
            ),
            let_a_task_be_killed,
            nothing,
            untold=("ContainerOOMKill", "TaskOOMKill"),
        ),
    ),
    "the web server": (
        Fault(
            "it stands still",
            (Alert("WebServerUnreachable"), Alert("WebServerSlow")),
            lambda victim: victim.docker("pause", "webserver"),
            lambda victim: victim.docker("unpause", "webserver"),
        ),
    ),
    "the database": (
        Fault(
            "it refuses Airflow",
            (Alert("WebServerErrorReplies"),),
            refuse_the_database,
            allow_the_database,
        ),
    ),
    "the scheduler": (
        Fault(
            "the container is stopped",
            tuple(map(Alert, ("SchedulerHeartbeat", "SchedulerDown", "DagProcessorDown", "TriggererDown"))),
            stop_the_scheduler,
            start_the_scheduler,
        ),
    ),
}


@pytest.fixture(scope="module")
def victim(
    cli: CommandLine, stack: Stack, dags_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Victim]:
    folder = tmp_path_factory.mktemp("alerts")
    folder.chmod(0o755)
    fast = FastAlerting(stack, folder)
    broken = dags_folder / "selftest/selftest_broken.py"
    text = broken.read_text()
    try:
        broken.unlink()
        fast.start()
        wait_until(lambda: not fast.fires(Alert("ImportErrors")), "no import errors", timeout=CLEARS)
        # Of a worker that was killed, Airflow takes the tasks for running until their heartbeat is 300 s old.
        wait_until(lambda: not fast.query("airflow_queue_running_tasks > 0"), "no task of before to run", timeout=400)
        yield Victim(stack, cli, dags_folder, fast)
    finally:
        broken.write_text(text)
        fast.stop()


def test_the_table_has_every_alert() -> None:
    provoked = {alert.name for faults in ROUNDS.values() for fault in faults for alert in fault.alerts}
    assert provoked == {rule["alert"] for rule in alerts.alerts(alerts.read())}


@pytest.mark.parametrize("name", ROUNDS)
def test_the_fault_raises_its_alerts_which_are_told_and_clear(name: str, victim: Victim) -> None:
    faults, fast = ROUNDS[name], victim.fast
    awaited = {(alert.name, *alert.labels.values()): alert for fault in faults for alert in fault.alerts}
    told = {key: one for key, one in awaited.items() if not any(one.name in fault.untold for fault in faults)}
    fast.begin()
    with ExitStack() as healing:
        for fault in faults:
            healing.callback(fault.heal, victim)
            fault.provoke(victim)
        nobody_left(lambda: [key for key, alert in awaited.items() if not fast.fired(alert)], "to fire", FIRES)
        nobody_left(lambda: [key for key, alert in told.items() if not fast.told(alert, "firing")], "to be told", 60)
    nobody_left(lambda: [key for key, alert in awaited.items() if fast.fires(alert)], "to clear", CLEARS)
    nobody_left(lambda: [key for key, alert in told.items() if not fast.told(alert, "resolved")], "to be revoked", 60)


def nobody_left(left: Callable[[], list[tuple[str, ...]]], what: str, timeout: float) -> None:
    """Wait until `left` is empty; what it last held is in the error."""
    last: list[tuple[str, ...]] = []

    def none() -> bool:
        last[:] = left()
        return not last

    try:
        wait_until(none, what, timeout=timeout, interval=1)
    except TimedOut as error:
        raise AssertionError(f"{last} {what}: {error.message}") from error


def test_mails_come_too_and_say_what_to_do_next(victim: Victim) -> None:
    mails = victim.fast.came()["mails"]
    assert any("ImportErrors" in mail and "list-import-errors" in mail for mail in mails)
