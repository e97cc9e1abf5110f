"""Each callback of a task runs once, also for a task whose process is killed: Airflow alone leaves out its last."""

import re
from collections import Counter

import psycopg

from command_line import CommandLine
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

CALLS = "/usr/local/airflow/logs/selftest-callbacks"

# Event, task, try.
EXPECTED = Counter(
    [
        ("failure", "killed", "1"),
        ("retry", "killed_twice", "1"),
        ("failure", "killed_twice", "2"),
        ("retry", "fails_twice", "1"),
        ("failure", "fails_twice", "2"),
    ]
)
KILLED_ON_THE_LAST_TRY = {("killed", 1), ("killed_twice", 2)}


def run_to_its_end(cli: CommandLine) -> str:
    """The id of a run of the DAG whose tasks fail and are killed."""
    said = cli("run", "selftest_notices", "--timeout", "200", expect=1).stdout
    found = re.search(r"^run (\S+)", said, re.MULTILINE)
    assert found, said
    return found[1]


def calls(stack: Stack, run_id: str) -> Counter[tuple[str, str, str]]:
    listed = stack.container("worker").execute("ls", f"{CALLS}/{run_id}").split()
    return Counter((event, task, number) for event, task, number, _ in (name.split("~") for name in listed))


def wait_for_all_calls(stack: Stack, run_id: str) -> None:
    wait_until(lambda: calls(stack, run_id).keys() >= EXPECTED.keys(), "every callback", timeout=60)


def test_every_callback_runs_once(cli: CommandLine, stack: Stack, warehouse_dsn: str) -> None:
    first, second = run_to_its_end(cli), run_to_its_end(cli)
    wait_for_all_calls(stack, first)
    # By the time that the second run has all of its calls, a second call of the first would have been made too.
    wait_for_all_calls(stack, second)
    assert calls(stack, first) == EXPECTED
    assert calls(stack, second) == EXPECTED
    with psycopg.connect(warehouse_dsn) as warehouse:
        query = "SELECT task_id, try_number FROM windtunnel.failure_callback WHERE run_id = %s"
        assert set(warehouse.execute(query, [first])) == KILLED_ON_THE_LAST_TRY
