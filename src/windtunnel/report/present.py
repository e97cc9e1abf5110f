"""What is wrong now and was of late: alerts that fire, tasks that were killed, tasks that used the most memory."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote

import httpx
import psycopg

from windtunnel.errors import StackNotRunning
from windtunnel.prometheus import Span
from windtunnel.report import units
from windtunnel.report.contents import Cell, Table
from windtunnel.stack import Stack

SEVERITIES = {"page": "red", "warning": "orange", "info": "blue"}
_OF_A_TRY = "dag_id, task_id, map_index, run_id, try_number"


@dataclass(frozen=True)
class Listed:
    """A table under a heading, or why there is none. `all_is_well`: it is empty because nothing is wrong."""

    title: str
    table: Table | None = None
    why: str = ""
    all_is_well: bool = False


class Present:
    """What Alertmanager and the warehouse know of one stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def listed(self, span: Span) -> list[Listed]:
        """Alerts, OOM verdicts of the span, and its tasks with the highest peaks."""
        return [self._alerts(), self._verdicts(span), self._peaks(span)]

    def _alerts(self) -> Listed:
        try:
            url = self._stack.url("alertmanager")
            answer = httpx.get(f"{url}/api/v2/alerts", params={"active": "true"}, timeout=10, trust_env=False)
            answer.raise_for_status()
        except (StackNotRunning, httpx.HTTPError) as error:
            return Listed("Alerts", why=f"Alertmanager does not answer: {error}")
        found: list[dict[str, Any]] = answer.json()
        return alerts(found)

    def _verdicts(self, span: Span) -> Listed:
        query = f"""
            SELECT at, {_OF_A_TRY}, container, kind, task_peak_bytes, container_peak_bytes, limit_bytes,
                   coalesce(neighbours -> 0 ->> 'name', '') AS culprit
            FROM windtunnel.oom_verdict WHERE at BETWEEN to_timestamp(%s) AND to_timestamp(%s)
            ORDER BY at DESC LIMIT 20"""
        return self._rows("OOM kills", query, span, "none in this span", verdict_cells)

    def _peaks(self, span: Span) -> Listed:
        query = f"""
            SELECT {_OF_A_TRY}, outcome, peak_private_bytes, peak_pss_bytes, peak_rss_bytes, baseline_bytes, ended_at
            FROM windtunnel.task_memory
            WHERE coalesce(ended_at, now()) >= to_timestamp(%s) AND started_at <= to_timestamp(%s)
            ORDER BY coalesce(peak_private_bytes, peak_rss_bytes) DESC NULLS LAST LIMIT 10"""
        return self._rows("Highest task peaks", query, span, "no task ran in this span", peak_cells)

    def _rows(
        self, title: str, query: str, span: Span, nothing: str, cells: Callable[[dict[str, Any], str], dict[str, Cell]]
    ) -> Listed:
        try:
            with psycopg.connect(self._dsn, connect_timeout=10, row_factory=psycopg.rows.dict_row) as connection:
                found = connection.execute(query, (span.start, span.end)).fetchall()
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            return Listed(title, why="not recorded yet: the service task-memory makes the table when it starts")
        except (StackNotRunning, psycopg.Error) as error:
            return Listed(title, why=f"the warehouse does not answer: {error}")
        rows = [cells(row, self._airflow) for row in found]
        return Listed(title, _table(rows)) if rows else Listed(title, why=nothing, all_is_well=True)

    @cached_property
    def _dsn(self) -> str:
        return self._stack.credentials()["warehouse"]["dsn"]

    @cached_property
    def _airflow(self) -> str:
        return self._stack.urls().get("webserver", "")


def alerts(found: list[dict[str, Any]]) -> Listed:
    """Alertmanager's active alerts, the worst and newest first: https://prometheus.io/docs/alerting/latest/clients/."""
    if not found:
        return Listed("Alerts", why="none firing", all_is_well=True)
    newest = sorted(found, key=lambda alert: str(alert["startsAt"]), reverse=True)
    order = [*SEVERITIES, ""]
    worst = sorted(newest, key=lambda alert: order.index(_severity(alert)))
    return Listed("Alerts", _table([_alert(alert) for alert in worst]))


def _severity(alert: dict[str, Any]) -> str:
    severity = str(alert["labels"].get("severity", ""))
    return severity if severity in SEVERITIES else ""


def _alert(alert: dict[str, Any]) -> dict[str, Cell]:
    labels, notes = dict(alert["labels"]), alert.get("annotations") or {}
    severity, name = str(labels.pop("severity", "")), str(labels.pop("alertname", ""))
    labels.pop("environment", None)
    said = notes.get("summary") or notes.get("description") or ""
    return {
        "severity": Cell(severity, SEVERITIES.get(severity, "faint")),
        "alert": Cell(name),
        "since": Cell(_time(datetime.fromisoformat(str(alert["startsAt"]).replace("Z", "+00:00")))),
        "what": Cell(str(said)),
        "labels": Cell(", ".join(f"{label}={value}" for label, value in sorted(labels.items()))),
    }


def verdict_cells(row: dict[str, Any], airflow: str) -> dict[str, Cell]:
    """One OOM verdict."""
    return {
        "at": Cell(_time(row["at"])),
        "task": _task(row, airflow),
        "try": Cell(str(row["try_number"])),
        "kind": Cell(str(row["kind"]), "red"),
        "container": Cell(str(row["container"])),
        "task's peak": _size(row["task_peak_bytes"]),
        "container's peak": _size(row["container_peak_bytes"]),
        "limit": _size(row["limit_bytes"]),
        "grew most": Cell(str(row["culprit"])),
    }


def peak_cells(row: dict[str, Any], airflow: str) -> dict[str, Cell]:
    """One try of a task and its memory."""
    outcome = str(row["outcome"] or "running")
    color = {"oom": "red", "killed": "red", "failed": "red", "success": "green"}.get(outcome, "faint")
    return {
        "task": _task(row, airflow),
        "try": Cell(str(row["try_number"])),
        "outcome": Cell(outcome, color),
        "added (private)": _size(row["peak_private_bytes"]),
        "PSS": _size(row["peak_pss_bytes"]),
        "RSS": _size(row["peak_rss_bytes"]),
        "at start": _size(row["baseline_bytes"]),
        "ended": Cell(_time(row["ended_at"]) if row["ended_at"] else ""),
    }


def _task(row: dict[str, Any], airflow: str) -> Cell:
    mapped = f"[{row['map_index']}]" if row["map_index"] is not None and row["map_index"] >= 0 else ""
    path = [str(row["dag_id"]), "runs", str(row["run_id"]), "tasks", str(row["task_id"])]
    path += ["mapped", str(row["map_index"])] if mapped else []
    address = f"{airflow}/dags/{'/'.join(quote(part, safe='') for part in path)}?try_number={row['try_number']}"
    return Cell(f"{row['dag_id']}.{row['task_id']}{mapped}", href=address if airflow else "")


def _size(value: int | None) -> Cell:
    return Cell("–" if value is None else units.text(float(value), "bytes"), is_number=True)


def _time(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _table(rows: list[dict[str, Cell]]) -> Table:
    return Table(tuple(rows[0]), tuple(tuple(row.values()) for row in rows))
