"""DAGs that use memory as their configuration says: known sizes, for what is measured, and too much, for the kernel."""

import os
import subprocess
import sys
import time

from airflow.sdk import Variable, dag, get_current_context, task

MB = 10**6
# Started bare, so that it has little but what it is told to hold.
CHILD = "import sys, time; held = bytearray(b'x') * int(sys.argv[1]); time.sleep(float(sys.argv[2]))"


def hold(size_mb: float, seconds: float) -> None:
    """Touch every page of `size_mb`, keep it for a while, give it back."""
    held = bytearray(b"x") * int(size_mb * MB)
    time.sleep(seconds)
    del held


@dag(schedule=None, catchup=False)
def selftest_memory_shapes() -> None:
    """Each task takes the megabytes that the run's configuration names for it."""

    def conf(name: str) -> float:
        return float(get_current_context()["dag_run"].conf[name])

    def plateau(name: str) -> None:
        hold(conf(name), 3)

    @task
    def sawtooth() -> None:
        for part in (0.4, 1, 0.2, 0.7):
            hold(conf("sawtooth") * part, 0.6)

    @task
    def in_a_child() -> None:
        command = [sys.executable, "-I", "-S", "-c", CHILD, str(int(conf("in_a_child") * MB)), "3"]
        subprocess.run(command, check=True)

    @task
    def spike() -> None:
        time.sleep(2)
        hold(conf("spike"), 0.1)
        time.sleep(2)

    @task
    def in_a_fork() -> None:
        held = bytearray(b"x") * int(conf("in_a_fork") / 2 * MB)
        child = os.fork()
        if not child:
            try:
                hold(conf("in_a_fork") / 2, 4)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        del held

    previous = None
    for name in ("plateau_10", "plateau_100", "plateau_300", "plateau_600"):
        one = task(task_id=name)(plateau)(name)
        previous = previous >> one if previous else one
    previous >> sawtooth() >> in_a_child() >> spike() >> in_a_fork()


def leak(size_mb: float, seconds: float) -> None:
    """Grow evenly to `size_mb`, then stay for a minute."""
    held = []
    step = 5
    for _ in range(int(size_mb / step)):
        held.append(bytearray(b"x") * (step * MB))
        time.sleep(seconds * step / size_mb)
    time.sleep(60)


@dag(schedule=None, catchup=False)
def selftest_oom_task() -> None:
    """One task grows beyond any worker of 2 GB, another is small and steady."""

    @task(retries=0)
    def grows() -> None:
        time.sleep(3)
        leak(4000, 8)

    @task(retries=0)
    def stays() -> None:
        hold(100, 60)

    grows()
    stays()


@dag(schedule=None, catchup=False)
def selftest_oom_neighbour() -> None:
    """The kernel kills the biggest process: the one that has long been steady, not the one that grows."""

    @task(retries=0)
    def steady() -> None:
        hold(1000, 180)

    @task(retries=0)
    def grows() -> None:
        time.sleep(35)
        hold(100, 1)
        leak(980, 10)

    steady()
    grows()


@dag(schedule=None, catchup=False)
def selftest_oom_container() -> None:
    """One task grows; the test has made the worker's main process the kernel's first choice."""

    @task(retries=0)
    def grows() -> None:
        time.sleep(5)
        leak(4000, 8)

    @task(retries=0)
    def stays() -> None:
        hold(50, 60)

    grows()
    stays()


@dag(schedule=None, catchup=False)
def selftest_memory_load() -> None:
    """As many tasks as mw1.small's worker runs at once, each with the same work; benchmarks/task_memory.py runs it."""

    @task
    def work(number: int) -> dict[str, float]:
        began, used = time.perf_counter(), time.process_time()
        held = [bytearray(b"x") * (10 * MB) for _ in range(10)]
        for _ in range(80):
            sum(range(2_000_000))
            time.sleep(0.1)
        del held
        return {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - used}

    work.expand(number=[*range(5)])


@dag(schedule=None, catchup=False)
def selftest_busy_slots() -> None:
    """Light tasks keep four slots until a variable names their run."""

    @task(retries=0)
    def light(number: int) -> None:
        run_id = get_current_context()["run_id"]
        while Variable.get("selftest_busy_slots_end", default=None) != run_id:
            hold(50, 2)

    light.expand(number=[*range(4)])


selftest_memory_shapes()
selftest_oom_task()
selftest_oom_neighbour()
selftest_oom_container()
selftest_memory_load()
selftest_busy_slots()
