"""A worker that is told to stop ends its tasks first; Docker's default of 10 s would kill them."""

import subprocess
import threading

from command_line import CommandLine
from windtunnel.stack import Stack
from windtunnel.wait import wait_until


class Background:
    """A run of 30 s, seen by the command line, while the test does something else."""

    def __init__(self, cli: CommandLine) -> None:
        self.ended: subprocess.CompletedProcess[str] | None = None
        self._thread = threading.Thread(target=self._run, args=[cli])
        self._thread.start()

    def _run(self, cli: CommandLine) -> None:
        arguments = ("run", "selftest_ends_as_told", "--conf", '{"sleep": 30}', "--timeout", "200")
        self.ended = cli(*arguments, expect=None)

    def result(self) -> subprocess.CompletedProcess[str]:
        self._thread.join()
        assert self.ended is not None
        return self.ended


def a_task_runs(stack: Stack) -> bool:
    processes = stack.container("worker").execute("sh", "-c", "cat /proc/*/cmdline | tr '\\0' ' '")
    return "airflow supervisor:" in processes or "airflow worker --" in processes


def test_a_task_of_30_s_survives_the_stop_of_its_worker(cli: CommandLine, stack: Stack) -> None:
    run = Background(cli)
    wait_until(lambda: a_task_runs(stack), "the task to run", timeout=60)
    stack.run("stop", "worker")
    log = "\n".join(line for one in stack.containers() if one.service == "worker" for line in one.log(200))
    stack.start()
    assert run.result().returncode == 0, run.result().stderr
    assert "Warm shutdown" in log or "warm shutdown" in log


def test_the_worker_goes_before_what_its_tasks_need_and_the_idle_stack_is_small(cli: CommandLine, stack: Stack) -> None:
    stack.run("stop")
    ended = {container.service: container for container in stack.containers()}
    cli("up", "--no-demo")
    for needed in ("webserver", "redis", "postgres", "minio", "statsd-exporter"):
        assert ended["worker"].finished_at <= ended[needed].finished_at, needed
    assert {ended[name].exit_code for name in ("worker", "scheduler", "webserver", "postgres", "redis")} == {0}
    assert 0.5e9 < cli.json("status")["memory_bytes"] < 1.5e9
