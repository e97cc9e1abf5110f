"""Alerts, verdicts and peaks as rows."""

from datetime import UTC, datetime
from typing import Any

from windtunnel.report import present

TRY: dict[str, Any] = {
    "dag_id": "load all",
    "task_id": "group.copy",
    "map_index": 2,
    "run_id": "manual__2026+00:00",
    "try_number": 1,
}


def alert(name: str, severity: str, at: str = "2026-11-21T08:00:00.123Z") -> dict[str, Any]:
    labels = {"alertname": name, "severity": severity, "environment": "tunnel", "dag_id": "load"}
    return {"labels": labels, "annotations": {"summary": f"{name} it is"}, "startsAt": at}


def test_the_worst_alert_comes_first_and_of_equals_the_newest() -> None:
    listed = present.alerts([
        alert("Slow", "warning"),
        alert("Old", "page", "2026-11-20T08:00:00Z"),
        alert("Odd", "unheard of"),
        alert("OOMKill", "page"),
    ])  # fmt: skip
    assert listed.table
    rows = [[cell.text for cell in row] for row in listed.table.rows]
    assert [row[1] for row in rows] == ["OOMKill", "Old", "Slow", "Odd"]
    assert rows[0][0] == "page" and rows[0][3:] == ["OOMKill it is", "dag_id=load"]
    assert listed.table.rows[0][0].color == "red"


def test_no_alert_is_good_news() -> None:
    listed = present.alerts([])
    assert listed.all_is_well and listed.why == "none firing"


def test_a_verdict_names_the_task_and_the_culprit() -> None:
    row = TRY | {
        "at": datetime(2026, 11, 21, 8, tzinfo=UTC),
        "container": "worker",
        "kind": "neighbour",
        "task_peak_bytes": None,
        "container_peak_bytes": 2**31,
        "limit_bytes": 2**31,
        "culprit": "load.big",
    }
    cells = present.verdict_cells(row, "http://127.0.0.1:8080")
    assert cells["task"].text == "load all.group.copy[2]"
    path = "/dags/load%20all/runs/manual__2026%2B00%3A00/tasks/group.copy/mapped/2?try_number=1"
    assert cells["task"].href == f"http://127.0.0.1:8080{path}"
    assert (cells["limit"].text, cells["task's peak"].text, cells["grew most"].text) == ("2 GiB", "–", "load.big")


def test_a_peak_of_a_task_that_runs() -> None:
    sizes = {"peak_private_bytes": 300 * 2**20, "peak_pss_bytes": None, "peak_rss_bytes": 1, "baseline_bytes": 1}
    row = TRY | {"map_index": -1, "outcome": None, "ended_at": None} | sizes
    cells = present.peak_cells(row, "")
    assert (cells["task"].text, cells["task"].href) == ("load all.group.copy", "")
    assert (cells["outcome"].text, cells["added (private)"].text, cells["PSS"].text) == ("running", "300 MiB", "–")
