"""The kernel kills for memory in three ways, and each has its verdict, its record and its alert."""

import os
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from command_line import CommandLine
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

RUNS = range(10 if os.environ.get("WINDTUNNEL_FULL") else 1)
Verdicts = list[dict[str, Any]]

# Celery's main process becomes the kernel's first choice, whatever size it has.
EXPOSE_MAIN_PROCESS = """
for folder in /proc/[0-9]*; do
    if grep -qa '^\\[celeryd:.*MainProcess' $folder/cmdline; then echo 1000 > $folder/oom_score_adj; echo exposed; fi
done
"""


@pytest.fixture
def new_verdicts(cli: CommandLine, warehouse_dsn: str) -> Callable[[str], Verdicts]:
    """The verdicts on a DAG since the test began, at least one."""
    with psycopg.connect(warehouse_dsn) as warehouse:
        [since] = warehouse.execute("SELECT now()").fetchone() or [None]

    def found(dag_id: str) -> Verdicts:
        statement = "SELECT * FROM windtunnel.oom_verdict WHERE at >= %s AND dag_id = %s ORDER BY task_id"
        with psycopg.connect(warehouse_dsn, row_factory=dict_row) as warehouse:
            return warehouse.execute(statement, (since, dag_id)).fetchall()

    return lambda dag_id: wait_until(lambda: found(dag_id), f"a verdict on {dag_id}", timeout=10)


def ended(warehouse_dsn: str, run_id: str, outcomes: dict[str, str]) -> bool:
    """Whether these tasks of the run have, within some seconds, the outcomes; they are written once a second."""
    statement = "SELECT task_id, outcome FROM windtunnel.task_memory WHERE run_id = %s"

    def as_told() -> bool:
        with psycopg.connect(warehouse_dsn) as warehouse:
            found = dict(warehouse.execute(statement, (run_id,)).fetchall())
        assert outcomes.items() <= found.items(), found
        return True

    return wait_until(as_told, f"the outcomes {outcomes}", timeout=30)


def alert_of(stack: Stack, verdict: dict[str, Any]) -> dict[str, Any]:
    """The alert of a verdict, when Alertmanager has it."""
    wanted = {name: str(verdict[name]) for name in ("dag_id", "task_id", "run_id", "try_number", "container", "kind")}
    filters = [f'{name}="{value}"' for name, value in ({"alertname": "OOMKill"} | wanted).items()]

    def found() -> list[dict[str, Any]]:
        answer = httpx.get(f"{stack.url('alertmanager')}/api/v2/alerts", params={"filter": filters}, trust_env=False)
        return list(answer.raise_for_status().json())

    [alert] = wait_until(found, f"an alert on {wanted}", timeout=10)
    return dict(alert)


@pytest.mark.parametrize("_", RUNS)
def test_killed_for_its_own_growth(
    cli: CommandLine, stack: Stack, warehouse_dsn: str, new_verdicts: Callable[[str], Verdicts], _: int
) -> None:
    cli("run", "selftest_oom_task", "--timeout", "240", expect=1)
    [verdict] = new_verdicts("selftest_oom_task")
    assert (verdict["task_id"], verdict["kind"]) == ("grows", "task")
    assert verdict["limit_bytes"] == 2 * 1024**3
    # The kernel charges a dying process past the limit, by a batch of pages (MEMCG_CHARGE_BATCH, mm/memcontrol.c).
    assert 0.98 * verdict["limit_bytes"] < verdict["container_peak_bytes"] < verdict["limit_bytes"] + 64 * 4096
    assert 0.7 * verdict["limit_bytes"] < verdict["task_peak_bytes"] < verdict["limit_bytes"]
    assert verdict["neighbours"][0]["task_id"] == "stays"
    assert ended(warehouse_dsn, verdict["run_id"], {"grows": "oom", "stays": "success"})
    alert = alert_of(stack, verdict)
    assert alert["labels"]["severity"] == "page" and alert["labels"]["environment"] == cli.name
    assert "selftest_oom_task.grows" in alert["annotations"]["summary"]


@pytest.mark.parametrize("_", RUNS)
def test_killed_for_anothers_growth(
    cli: CommandLine, stack: Stack, warehouse_dsn: str, new_verdicts: Callable[[str], Verdicts], _: int
) -> None:
    cli("run", "selftest_oom_neighbour", "--timeout", "300", expect=1)
    # On a busy machine the kernel may kill both at once, before the first has given its memory back.
    verdict, *_ = sorted(new_verdicts("selftest_oom_neighbour"), key=lambda one: str(one["kind"]))
    assert (verdict["task_id"], verdict["kind"]) == ("steady", "neighbour")
    culprit = verdict["neighbours"][0]
    assert (culprit["dag_id"], culprit["task_id"]) == ("selftest_oom_neighbour", "grows")
    assert culprit["growth_bytes"] > 200 * 10**6
    assert ended(warehouse_dsn, verdict["run_id"], {"steady": "oom"})
    assert "another's memory" in alert_of(stack, verdict)["annotations"]["summary"]


@pytest.mark.parametrize("_", RUNS)
def test_lost_with_its_container(
    cli: CommandLine, stack: Stack, warehouse_dsn: str, new_verdicts: Callable[[str], Verdicts], _: int
) -> None:
    restarts = stack.container("worker").restarts
    assert "exposed" in stack.container("worker").execute("sh", "-c", EXPOSE_MAIN_PROCESS)
    # Airflow learns of the loss by missing heartbeats, after 300 s: the run goes on when the verdict is there.
    cli("run", "selftest_oom_container", "--timeout", "60", expect=6)
    verdicts = new_verdicts("selftest_oom_container")
    assert [(verdict["task_id"], verdict["kind"]) for verdict in verdicts] == [
        ("grows", "container"),
        ("stays", "container"),
    ]
    assert {verdict["neighbours"][0]["task_id"] for verdict in verdicts} == {"grows"}
    assert ended(warehouse_dsn, verdicts[0]["run_id"], {"grows": "oom", "stays": "oom"})
    for verdict in verdicts:
        assert "lost with its container" in alert_of(stack, verdict)["annotations"]["summary"]
    assert stack.container("worker").restarts == restarts + 1
    wait_until(lambda: stack.container("worker").health == "healthy", "the worker to be back", timeout=120)
