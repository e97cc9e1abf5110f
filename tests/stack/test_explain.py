"""`explain` on tasks that really wait, fail and were never started."""

from collections.abc import Iterator

import pytest

from command_line import CommandLine
from windtunnel.airflow_api import AirflowAPI
from windtunnel.explain import Explanation, explain
from windtunnel.runs import find_dag
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

SECONDS = 90.0  # for a state to come that the scheduler brings about in a few


@pytest.fixture
def api(stack: Stack) -> AirflowAPI:
    return stack.api()


@pytest.fixture
def narrow_pool(cli: CommandLine) -> Iterator[str]:
    name = "selftest_narrow"
    cli("airflow", "pools", "set", name, "1", "one slot")
    yield name


def triggered(api: AirflowAPI, dag_id: str, **conf: int) -> str:
    if find_dag(api, dag_id, discovery=60).is_paused:
        api.unpause(dag_id)
    return api.trigger(dag_id, dict(conf)).run_id


def explained(stack: Stack, cause: str, dag_id: str, task_id: str | None, run_id: str) -> Explanation:
    """The explanation, once it names this cause."""
    found: list[Explanation] = []

    def is_explained() -> bool:
        found[:] = [explain(stack, dag_id, task_id, run_id)]
        assert found[0].cause == cause, (found[0].cause, found[0].answer)
        return True

    wait_until(is_explained, f"{task_id} to be explained by: {cause}", SECONDS)
    return found[0]


def test_a_task_that_waits_for_a_full_pool(stack: Stack, api: AirflowAPI, narrow_pool: str) -> None:
    run_id = triggered(api, "selftest_narrow_pool", sleep=30)
    found = explained(stack, "the pool is full", "selftest_narrow_pool", None, run_id)
    assert f"pool {narrow_pool}" in found.answer and "0 of 1 are open" in found.answer
    assert found.evidence.pool and found.evidence.pool.name == narrow_pool
    holder = {"first", "second"} - {found.evidence.task.name if found.evidence.task else ""}
    assert explain(stack, "selftest_narrow_pool", holder.pop(), run_id).cause in ("running", "queued")


def test_a_task_that_failed_and_waits_for_its_retry_and_the_one_behind_it(stack: Stack, api: AirflowAPI) -> None:
    run_id = triggered(api, "selftest_broken_chain")
    failed = explained(stack, "its own exception", "selftest_broken_chain", "read", run_id)
    assert "Try 1 of 2 raised ValueError: nothing to read" in failed.answer
    assert "2 min 0 s after its end" in failed.answer
    behind = explained(stack, "waits for upstream", "selftest_broken_chain", "load", run_id)
    assert "read (up_for_retry)" in behind.answer
    assert behind.next == "./windtunnel explain selftest_broken_chain read"
    assert explain(stack, "selftest_broken_chain").cause == "its own exception"


def test_the_environment_is_seen_whole(stack: Stack, api: AirflowAPI) -> None:
    run_id = triggered(api, "selftest_ends_as_told")
    evidence = explained(stack, "succeeded", "selftest_ends_as_told", "end", run_id).evidence
    assert evidence.gaps == ()
    assert evidence.executor and evidence.queue == 0
    assert evidence.task and [worker.host for worker in evidence.alive_workers()] == [evidence.task.host]
    assert {"scheduler", "dag_processor", "triggerer"} <= set(evidence.heartbeats)
    assert not evidence.is_silent("scheduler")


def test_on_the_command_line(cli: CommandLine) -> None:
    cli("run", "selftest_ends_as_told", "--timeout", "120")
    assert "Nothing is wrong" in cli("explain", "selftest_ends_as_told").stdout
    assert cli.json("explain", "selftest_ends_as_told", "end")["cause"] == "succeeded"
    assert "selftest_of_nowhere" in cli("explain", "selftest_of_nowhere", expect=4).stderr
    assert "has no task nix" in cli("explain", "selftest_ends_as_told", "nix", expect=20).stderr
