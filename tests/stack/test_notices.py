"""One notice per event, in Alertmanager: of tasks that failed, will be tried again or were killed, of the deadline."""

from collections import Counter

import httpx
from test_failure_callback import run_to_its_end

from command_line import CommandLine
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

# Alert, task, try.
EXPECTED = Counter(
    [
        ("TaskFailed", "killed", "1"),
        ("TaskRetried", "killed_twice", "1"),
        ("TaskFailed", "killed_twice", "2"),
        ("TaskRetried", "fails_twice", "1"),
        ("TaskFailed", "fails_twice", "2"),
        ("DeadlineMissed", None, None),
    ]
)
NOTICES = {alert for alert, _, _ in EXPECTED}


def notices(stack: Stack, run_id: str) -> list[dict[str, dict[str, str]]]:
    found = httpx.get(f"{stack.url('alertmanager')}/api/v2/alerts", params={"filter": f'run_id="{run_id}"'}).json()
    return [alert for alert in found if alert["labels"]["alertname"] in NOTICES]


def events(found: list[dict[str, dict[str, str]]]) -> Counter[tuple[str, str | None, str | None]]:
    labels = [alert["labels"] for alert in found]
    return Counter((one["alertname"], one.get("task_id"), one.get("try_number")) for one in labels)


def test_each_event_has_its_notice(cli: CommandLine, stack: Stack) -> None:
    run_id = run_to_its_end(cli)
    wait_until(lambda: events(notices(stack, run_id)).keys() >= EXPECTED.keys(), "every notice", timeout=60)
    found = notices(stack, run_id)
    assert events(found) == EXPECTED
    assert {alert["labels"]["environment"] for alert in found} == {cli.name}
    summary = {alert["labels"].get("task_id"): alert["annotations"]["summary"] for alert in found}
    assert "told to fail" in summary["fails_twice"]
    assert "its process was killed" in summary["killed"]
    assert "has not succeeded by" in summary[None]
