"""Airflow's REST API as far as Windtunnel uses it: small typed methods, errors that say what Airflow said.

What Airflow 3.3.1 does, and its documentation does not say: a token that has expired is answered with 401, but one
that was signed with another secret (the stack was made anew) with 403; a page has at most 100 rows, whatever `limit`
says; a DAG whose file is gone is still there, as `is_stale`, and cannot be triggered.
"""

import json
import ssl
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

from windtunnel.errors import DagNotFound, StackNotRunning, UsageError, WindtunnelError

T = TypeVar("T")

PAGE = 100
GET_ATTEMPTS = 3
ANSWER_TIMEOUT = 30.0  # seconds; an overloaded webserver is slow long before it is down


@dataclass(frozen=True)
class Dag:
    """A DAG that Airflow has parsed at least once; `is_stale` says that no file defines it any more."""

    dag_id: str
    is_paused: bool
    is_stale: bool
    has_import_errors: bool
    bundle_name: str | None
    relative_fileloc: str | None


@dataclass(frozen=True)
class DagRun:
    """One run; `state` is queued, running, success or failed."""

    dag_id: str
    run_id: str
    state: str
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True)
class TaskInstance:
    """One task of a run, or one of its mapped instances; `state` is None until the scheduler has looked at it.

    `try_number` is the latest try, from 1 (0: it never started); `map_index` is -1 unless the task is mapped.
    """

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    max_tries: int
    start: datetime | None
    end: datetime | None

    @property
    def name(self) -> str:
        """The task's id, and its map index if it has one: `load` or `load[2]`."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


@dataclass(frozen=True)
class ImportFailure:
    """A file that does not import; `filename` is relative to the bundle (the dags folder)."""

    filename: str
    bundle_name: str | None
    stack_trace: str
    timestamp: datetime


@dataclass(frozen=True)
class LoggedException:
    """The exception of a log entry: the name of its class, without the module, its text, and the line that raised."""

    exc_type: str
    exc_value: str
    where: str | None

    def __str__(self) -> str:
        return f"{self.exc_type}: {self.exc_value}" + (f" ({self.where})" if self.where else "")


@dataclass(frozen=True)
class LogEntry:
    """One entry of a task's log; `level` is None for what Airflow puts around the log itself."""

    event: str
    level: str | None
    exception: LoggedException | None


class AirflowAPI:
    """A client of the Airflow at `base_url` that logs in as `user` when it first must, and again when it has to.

    Every method raises StackNotRunning if Airflow cannot be reached or answers 5xx (a GET is tried three times,
    `retry_pause` seconds apart, unless it let ANSWER_TIMEOUT pass), UsageError if Airflow refuses the login, and
    WindtunnelError for any other refusal.
    `authority` is the certificate, as a PEM text, that signs an https address's; empty: the public ones do.
    `transport` is for tests.
    """

    def __init__(
        self,
        base_url: str,
        user: str,
        password: str,
        *,
        authority: str = "",
        transport: httpx.BaseTransport | None = None,
        retry_pause: float = 0.5,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        # Airflow is on this machine: a proxy out of the environment would only be in the way.
        self._http = httpx.Client(
            base_url=self.base_url,
            timeout=ANSWER_TIMEOUT,
            transport=transport,
            trust_env=False,
            verify=ssl.create_default_context(cadata=authority) if authority else True,
        )
        self._auth = _Login(f"{self.base_url}/auth/token", user, password)
        self._retry_pause = retry_pause

    def health(self) -> dict[str, str | None]:
        """The state of each component by its name: `healthy`, `unhealthy`, or None if it never ran."""
        body = _body(self._retried("/api/v2/monitor/health", auth=None))
        return _read(lambda parts: {name: part["status"] for name, part in parts.items()}, body)

    def dag(self, dag_id: str) -> Dag | None:
        """The DAG, or None if none of this id was ever parsed."""
        body = self._find(_path("dags", dag_id))
        return None if body is None else _read(_dag, body)

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run the DAG."""
        self._send("PATCH", _path("dags", dag_id), json={"is_paused": False})

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None, run_id: str | None = None) -> DagRun:
        """Make one run of the DAG, without a logical date; Airflow names it unless `run_id` does.

        Raises:
            DagNotFound: no such DAG, or no file defines it any more.
        """
        request: dict[str, Any] = {"logical_date": None, "conf": conf or {}}
        if run_id:
            request["dag_run_id"] = run_id
        response = self._send("POST", _path("dags", dag_id, "dagRuns"), json=request, or_404=True)
        if response.status_code == httpx.codes.NOT_FOUND:
            raise DagNotFound(_refusal(response))
        return _read(_run, _body(response))

    def dag_run(self, dag_id: str, run_id: str) -> DagRun | None:
        """The run, or None if there is none of this id."""
        body = self._find(_path("dags", dag_id, "dagRuns", run_id))
        return None if body is None else _read(_run, body)

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """All task instances of the run, however many pages they take."""
        rows = self._all(_path("dags", dag_id, "dagRuns", run_id, "taskInstances"), "task_instances")
        return _read(lambda rows: [_task(row) for row in rows], rows)

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int, map_index: int = -1) -> list[LogEntry]:
        """The log of one try of a task, oldest entry first; empty if there is no such try."""
        response = self._retried(
            _path("dags", dag_id, "dagRuns", run_id, "taskInstances", task_id, "logs", str(try_number)),
            params={"map_index": map_index},
            headers={"Accept": "application/x-ndjson"},
        )
        if response.status_code == httpx.codes.NOT_FOUND:
            return []
        # Not splitlines(): it would also break at the Unicode line ends that a logged text may have in it.
        return _read(lambda lines: [_entry(json.loads(line)) for line in lines if line], response.text.split("\n"))

    def import_errors(self) -> list[ImportFailure]:
        """All files that do not import, however many pages they take."""
        rows = self._all("/api/v2/importErrors", "import_errors")
        return _read(lambda rows: [_import_failure(row) for row in rows], rows)

    def find(self, *parts: str, **parameters: str | int) -> Any | None:
        """What Airflow's REST API has under these parts of a path, as it answers; None if it has no such thing."""
        return self._find(_path(*parts), **parameters)

    def rows(self, key: str, *parts: str) -> list[Any]:
        """All rows of a listing under these parts of a path, as Airflow gives them, however many pages they take."""
        return self._all(_path(*parts), key)

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """What a task has pushed as `key`: by default, what it returned."""
        path = _path("dags", dag_id, "dagRuns", run_id, "taskInstances", task_id, "xcomEntries", key)
        return _read(lambda entry: entry["value"], self._get(path, map_index=map_index))

    def run_url(self, dag_id: str, run_id: str) -> str:
        """Where a browser sees the run."""
        return f"{self.base_url}/dags/{_quoted(dag_id)}/runs/{_quoted(run_id)}"

    def _all(self, path: str, key: str) -> list[Any]:
        rows: list[Any] = []
        while True:
            body = self._get(path, limit=PAGE, offset=len(rows))
            page, total = _read(lambda body: (list(body[key]), int(body["total_entries"])), body)
            rows += page
            if not page or len(rows) >= total:
                return rows

    def _get(self, path: str, **params: int) -> Any:
        response = self._retried(path, params=params)
        if response.status_code == httpx.codes.NOT_FOUND:
            raise WindtunnelError(_refusal(response))
        return _body(response)

    def _find(self, path: str, **parameters: str | int) -> Any | None:
        response = self._retried(path, params=parameters)
        return None if response.status_code == httpx.codes.NOT_FOUND else _body(response)

    def _retried(self, path: str, **request: Any) -> httpx.Response:
        retrying = Retrying(
            retry=retry_if_exception(_may_pass_soon),
            stop=stop_after_attempt(GET_ATTEMPTS),
            wait=wait_fixed(self._retry_pause),
            reraise=True,
        )
        return retrying(self._send, "GET", path, or_404=True, **request)

    def _send(self, method: str, path: str, *, or_404: bool = False, **request: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **{"auth": self._auth} | request)
        except httpx.RequestError as error:
            raise StackNotRunning(
                f"Airflow does not answer at {self.base_url}: {str(error) or type(error).__name__}",
                help="./windtunnel up",
            ) from error
        return response if or_404 and response.status_code == httpx.codes.NOT_FOUND else _accepted(response)


class _Login(httpx.Auth):
    requires_response_body = True

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url
        self._credentials = {"username": user, "password": password}
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if not self._token:
            yield from self._renew()
        response = yield self._signed(request)
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            yield from self._renew()
            yield self._signed(request)

    def _renew(self) -> Generator[httpx.Request, httpx.Response, None]:
        response = yield httpx.Request("POST", self._url, json=self._credentials)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise UsageError(
                f"Airflow refuses the user {self._credentials['username']!r}: {_detail(response)}",
                help="./windtunnel credentials shows the user and password that the stack was made with",
            )
        self._token = _read(lambda body: str(body["access_token"]), _body(_accepted(response)))

    def _signed(self, request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _path(*parts: str) -> str:
    return "/".join(["/api/v2", *(_quoted(part) for part in parts)])


def _quoted(part: str) -> str:
    return quote(part, safe="")


def _accepted(response: httpx.Response) -> httpx.Response:
    if response.is_server_error:
        raise StackNotRunning(_refusal(response), help="./windtunnel logs webserver")
    if not response.is_success:
        raise WindtunnelError(_refusal(response))
    return response


def _refusal(response: httpx.Response) -> str:
    request = response.request
    return f"{request.method} {request.url.path}: Airflow answered {response.status_code}: {_detail(response)}"


def _detail(response: httpx.Response) -> str:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return response.text[:500]
    if isinstance(detail, list):  # what a field of the request should have been
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in detail)
    return str(detail)


def _may_pass_soon(error: BaseException) -> bool:
    # A server that has let a whole ANSWER_TIMEOUT pass is not asked again at once.
    return isinstance(error, StackNotRunning) and not isinstance(error.__cause__, httpx.TimeoutException)


def _body(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise StackNotRunning(
            f"what answers at {response.request.url} is not Airflow: {response.text[:80]!r}", help="./windtunnel up"
        ) from error


def _read(build: Callable[[Any], T], answer: Any) -> T:
    try:
        return build(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WindtunnelError(f"Airflow's answer is not of the form that 3.3.1 gives: {error!r}") from error


def _dag(row: dict[str, Any]) -> Dag:
    return Dag(
        dag_id=row["dag_id"],
        is_paused=row["is_paused"],
        is_stale=row["is_stale"],
        has_import_errors=row["has_import_errors"],
        bundle_name=row["bundle_name"],
        relative_fileloc=row["relative_fileloc"],
    )


def _run(row: dict[str, Any]) -> DagRun:
    return DagRun(
        dag_id=row["dag_id"],
        run_id=row["dag_run_id"],
        state=row["state"],
        start=_time(row["start_date"]),
        end=_time(row["end_date"]),
    )


def _task(row: dict[str, Any]) -> TaskInstance:
    return TaskInstance(
        task_id=row["task_id"],
        map_index=row["map_index"],
        state=row["state"],
        try_number=row["try_number"],
        max_tries=row["max_tries"],
        start=_time(row["start_date"]),
        end=_time(row["end_date"]),
    )


def _import_failure(row: dict[str, Any]) -> ImportFailure:
    return ImportFailure(
        filename=row["filename"],
        bundle_name=row["bundle_name"],
        stack_trace=row["stack_trace"],
        timestamp=datetime.fromisoformat(row["timestamp"]),
    )


def _entry(row: dict[str, Any]) -> LogEntry:
    # The exception that was raised comes first, its causes and contexts after it.
    raised = next(iter(row.get("error_detail") or []), None)
    return LogEntry(
        event=row["event"],
        level=row.get("level"),
        exception=_exception(raised) if raised else None,
    )


def _exception(row: dict[str, Any]) -> LoggedException:
    frames = [f"{frame['filename']}:{frame['lineno']}" for frame in row.get("frames") or []]
    return LoggedException(row["exc_type"], row["exc_value"], frames[-1] if frames else None)


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
