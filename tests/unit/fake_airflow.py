"""An Airflow of one small state machine, in the place of the network: its answers have the form of 3.3.1's.

What a run does is scripted: each look at the run takes the next step of its script, and the last step stays.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from windtunnel.airflow_api import AirflowAPI

SOME_TIME = "2026-11-21T05:19:24.326678Z"
Row = dict[str, Any]


class Clock:
    """The clock that all of the program sees; only a sleep moves it, and takes no time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def task(task_id: str, state: str | None, *, map_index: int = -1, try_number: int = 1, **fields: Any) -> Row:
    row = {"task_id": task_id, "state": state, "map_index": map_index, "try_number": try_number, "max_tries": 0}
    return row | {"start_date": SOME_TIME, "end_date": None} | fields


def raised(exc_type: str, exc_value: str, event: str = "Task failed with exception") -> Row:
    frames = [{"filename": "task_runner.py", "lineno": 1579, "name": "run"}]
    frames += [{"filename": "/usr/local/airflow/dags/load.py", "lineno": 13, "name": "load"}]
    cause = {"exc_type": "ValueError", "exc_value": "its cause", "is_cause": True, "frames": []}
    error = {"exc_type": exc_type, "exc_value": exc_value, "is_cause": False, "frames": frames}
    return {"timestamp": SOME_TIME, "event": event, "level": "error", "error_detail": [error, cause]}


def said(event: str) -> Row:
    return {"timestamp": SOME_TIME, "event": event, "level": "info", "logger": "task.stdout"}


@dataclass
class Run:
    """A run and its script: pairs of the run's state and its tasks' rows."""

    dag_id: str
    run_id: str
    script: list[tuple[str, list[Row]]]
    conf: Row = field(default_factory=dict)

    def row(self) -> Row:
        state = self.script[0][0]
        ended = SOME_TIME if state in ("success", "failed") else None
        ids = {"dag_id": self.dag_id, "dag_run_id": self.run_id, "logical_date": None, "conf": self.conf}
        return ids | {"state": state, "start_date": None if state == "queued" else SOME_TIME, "end_date": ended}


class FakeAirflow:
    """`script` is what the next run will do; `requests` and `triggered` are what was asked for."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.dags: dict[str, Row] = {}
        self.runs: dict[tuple[str, str], Run] = {}
        self.logs: dict[tuple[str, int, int], list[Row]] = {}
        self.import_errors: list[Row] = []
        self.xcoms: dict[tuple[str, str, int], Any] = {}
        self.script: list[tuple[str, list[Row]]] = [("success", [])]
        self.requests: list[str] = []
        self.triggered: list[str] = []
        self.valid_token = ""
        self.logins = 0
        self.away_until = 0.0
        self.broken_answers: list[httpx.Response | Exception] = []
        self.lost_answer_to_trigger: Exception | None = None
        self.forgets_runs = False

    def api(self, user: str = "admin", password: str = "secret") -> AirflowAPI:
        return AirflowAPI("http://airflow.test/", user, password, transport=httpx.MockTransport(self.answer))

    def has_dag(self, dag_id: str, *, file: str = "dag.py", appears_after: float = 0.0, **fields: Any) -> None:
        row = {"dag_id": dag_id, "is_paused": False, "is_stale": False, "has_import_errors": False}
        row |= {"bundle_name": "dags-folder", "relative_fileloc": file, "fileloc": f"/usr/local/airflow/dags/{file}"}
        self.dags[dag_id] = row | fields | {"since": self.clock.now + appears_after}

    def has_run(self, dag_id: str, run_id: str, state: str, tasks: list[Row]) -> None:
        self.runs[dag_id, run_id] = Run(dag_id, run_id, [(state, tasks)])

    def has_import_error(self, file: str, bundle: str = "dags-folder") -> None:
        trace = "Traceback (most recent call last):\nModuleNotFoundError: No module named 'x'\n"
        row = {"import_error_id": len(self.import_errors), "filename": file, "bundle_name": bundle}
        self.import_errors.append(row | {"stack_trace": trace, "timestamp": SOME_TIME})

    def has_log(self, task_id: str, *entries: Row, map_index: int = -1, try_number: int = 1) -> None:
        preamble = [{"timestamp": None, "event": "::group::Log message source details"}]
        self.logs[task_id, map_index, try_number] = preamble + list(entries)

    def goes_away_for(self, seconds: float) -> None:
        self.away_until = self.clock.now + seconds

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(f"{request.method} {request.url.path}")
        if self.clock.now < self.away_until:
            raise httpx.ConnectError("[Errno 111] Connection refused", request=request)
        if self.broken_answers:
            broken = self.broken_answers.pop(0)
            if isinstance(broken, Exception):
                raise broken
            return broken
        if request.url.path == "/auth/token":
            return self._login(request)
        if request.url.path != "/api/v2/monitor/health" and not self._is_logged_in(request):
            return _refuse(401, "Token Expired")
        return self._route(request)

    def _login(self, request: httpx.Request) -> httpx.Response:
        if json.loads(request.content) != {"username": "admin", "password": "secret"}:
            return _refuse(401, "Invalid credentials")
        self.logins += 1
        self.valid_token = f"token-{self.logins}"
        return httpx.Response(201, json={"access_token": self.valid_token})

    def _is_logged_in(self, request: httpx.Request) -> bool:
        return bool(request.headers.get("Authorization") == f"Bearer {self.valid_token}")

    def _route(self, request: httpx.Request) -> httpx.Response:
        routes: list[tuple[str, Callable[..., httpx.Response]]] = [
            (r"GET /api/v2/monitor/health", self._health),
            (r"GET /api/v2/importErrors", self._import_errors),
            (r"GET /api/v2/dags/([^/]+)", self._dag),
            (r"PATCH /api/v2/dags/([^/]+)", self._patch),
            (r"POST /api/v2/dags/([^/]+)/dagRuns", self._trigger),
            (r"GET /api/v2/dags/([^/]+)/dagRuns/([^/]+)", self._run),
            (r"GET /api/v2/dags/([^/]+)/dagRuns/([^/]+)/taskInstances", self._tasks),
            (r"GET /api/v2/dags/[^/]+/dagRuns/[^/]+/taskInstances/([^/]+)/logs/(\d+)", self._log),
            (r"GET /api/v2/dags/[^/]+/dagRuns/[^/]+/taskInstances/([^/]+)/xcomEntries/(\w+)", self._xcom),
        ]
        for pattern, answer in routes:
            if found := re.fullmatch(pattern, f"{request.method} {request.url.path}"):
                return answer(request, *found.groups())
        return _refuse(404, "Not Found")

    def _health(self, request: httpx.Request) -> httpx.Response:
        parts = {"metadatabase": {"status": "healthy"}, "triggerer": {"status": None}}
        return httpx.Response(200, json=parts)

    def _import_errors(self, request: httpx.Request) -> httpx.Response:
        return _page(request, "import_errors", self.import_errors)

    def _dag(self, request: httpx.Request, dag_id: str) -> httpx.Response:
        row = self.dags.get(dag_id)
        if row is None or self.clock.now < row["since"]:
            return _refuse(404, f"The Dag with ID: `{dag_id}` was not found")
        return httpx.Response(200, json=row)

    def _patch(self, request: httpx.Request, dag_id: str) -> httpx.Response:
        self.dags[dag_id] |= json.loads(request.content)
        return httpx.Response(200, json=self.dags[dag_id])

    def _trigger(self, request: httpx.Request, dag_id: str) -> httpx.Response:
        body = json.loads(request.content)
        if "logical_date" not in body:
            return httpx.Response(422, json={"detail": [{"loc": ["body", "logical_date"], "msg": "Field required"}]})
        if dag_id not in self.dags or self.dags[dag_id]["is_stale"]:
            return _refuse(404, f"Dag with dag_id: '{dag_id}' not found")
        run = Run(dag_id, body.get("dag_run_id", f"manual__{SOME_TIME}"), list(self.script), body["conf"])
        self.triggered.append(run.run_id)
        if not self.forgets_runs:
            self.runs[dag_id, run.run_id] = run
        if self.lost_answer_to_trigger:
            raise self.lost_answer_to_trigger
        return httpx.Response(200, json=run.row())

    def _run(self, request: httpx.Request, dag_id: str, run_id: str) -> httpx.Response:
        run = self.runs.get((dag_id, run_id))
        if run is None:
            return _refuse(404, f"The DagRun with dag_id: `{dag_id}` and run_id: `{run_id}` was not found")
        if len(run.script) > 1:
            run.script.pop(0)
        return httpx.Response(200, json=run.row())

    def _tasks(self, request: httpx.Request, dag_id: str, run_id: str) -> httpx.Response:
        return _page(request, "task_instances", self.runs[dag_id, run_id].script[0][1])

    def _log(self, request: httpx.Request, task_id: str, try_number: str) -> httpx.Response:
        entries = self.logs.get((task_id, int(request.url.params["map_index"]), int(try_number)))
        if entries is None:
            return _refuse(404, "TaskInstance not found")
        text = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
        return httpx.Response(200, text=text, headers={"Content-Type": request.headers["Accept"]})

    def _xcom(self, request: httpx.Request, task_id: str, key: str) -> httpx.Response:
        entry = (task_id, key, int(request.url.params["map_index"]))
        if entry not in self.xcoms:
            return _refuse(404, f"XCom entry with key: `{key}` not found")
        return httpx.Response(200, json={"key": key, "task_id": task_id, "value": self.xcoms[entry]})


def _page(request: httpx.Request, key: str, rows: list[Row]) -> httpx.Response:
    limit, offset = min(int(request.url.params["limit"]), 100), int(request.url.params["offset"])
    return httpx.Response(200, json={key: rows[offset : offset + limit], "total_entries": len(rows)})


def _refuse(status: int, detail: str) -> httpx.Response:
    return httpx.Response(status, json={"detail": detail})
