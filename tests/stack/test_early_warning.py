"""Before the kernel kills: a slow leak is warned of in time, with the task named; a healthy rebuild is not.

The rules are the stack's own, at their true periods.
"""

import os
import random
import re
import time
from collections.abc import Callable

import httpx
import pytest

from windtunnel.containers import Container
from windtunnel.sample import PREFIX
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

LEAKS = int(os.environ.get("SELFTEST_LEAKS", "1"))
LEAST_WARNING_SECONDS = 30
# From 80 % of the limit to the kill.
SLOW_SECONDS = (60, 150)
SEED = random.SystemRandom().randrange(2**32)


def kills(worker: Container) -> int:
    """How many processes the kernel has killed in the container for memory, by either version of cgroups."""
    files = "/sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events"
    found = re.search(r"(?m)^oom_kill (\d+)", worker.execute("sh", "-c", f"cat {files} 2> /dev/null; true"))
    return int(found[1]) if found else 0


def warnings(stack: Stack) -> list[dict[str, str]]:
    """The annotations of the worker's memory warnings that Alertmanager has now."""
    url = f"{stack.url('alertmanager')}/api/v2/alerts"
    there = httpx.get(url, trust_env=False).raise_for_status().json()
    return [
        alert["annotations"]
        for alert in there
        if alert["labels"]["alertname"] == "MemoryOver80Percent" and alert["labels"]["component"] == "worker"
    ]


def moment(of: Callable[[], object], what: str, timeout: float) -> float:
    """When it came true, on this machine's monotonic clock."""
    wait_until(of, what, timeout=timeout, interval=1)
    return time.monotonic()


@pytest.mark.parametrize("number", range(LEAKS))
def test_a_slow_leak_is_warned_of_in_time_and_by_name(number: int, stack: Stack) -> None:
    worker = stack.container("worker")
    seconds = random.Random(SEED + number).uniform(*SLOW_SECONDS)
    print(f"seed {SEED} + {number}: {seconds:.0f} s from 80 % to the kill")
    wait_until(lambda: not warnings(stack), "the worker to be free of warnings", timeout=180)
    before = kills(worker)

    api = stack.api()
    api.unpause("selftest_leak")
    api.trigger("selftest_leak", {"bytes_per_second": int(worker.memory_limit_bytes * 0.2 / seconds)})
    warned = moment(lambda: warnings(stack), "a warning", timeout=300)
    named = wait_until(lambda: [one["task"] for one in warnings(stack)], "its text", timeout=10)
    killed = moment(lambda: kills(worker) > before, "the kernel to kill", timeout=300)

    print(f"warned {killed - warned:.0f} s before the kill: {named}")
    assert killed - warned >= LEAST_WARNING_SECONDS
    assert any("selftest_leak.leak" in one for one in named)


def test_a_healthy_rebuild_is_not_warned_of(stack: Stack) -> None:
    wait_until(lambda: not warnings(stack), "the worker to be free of warnings", timeout=180)
    began = time.time()
    api = stack.api()
    source = f"s3://{stack.environment.value('BUCKET')}/{PREFIX}"
    run = api.trigger("pubmed_rebuild", {"source": source, "difference": None})
    ended = lambda: (now := api.dag_run(run.dag_id, run.run_id)) and now.state in ("success", "failed")  # noqa: E731
    wait_until(ended, "the rebuild to end", timeout=300)
    state = api.dag_run(run.dag_id, run.run_id)
    assert state and state.state == "success"
    query = f'present_over_time(ALERTS{{alertname=~"Memory.*",alertstate="firing"}}[{int(time.time() - began)}s])'
    answer = httpx.get(f"{stack.url('prometheus')}/api/v1/query", params={"query": query}, trust_env=False)
    assert answer.raise_for_status().json()["data"]["result"] == []
