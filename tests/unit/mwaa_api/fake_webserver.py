"""A web server of Airflow's on a loopback port: MWAA's login as ours is, and a little of the REST API."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from windtunnel_runtime.mwaa_login import log_in
from windtunnel_runtime.mwaa_tokens import BadToken


class FakeWebserver:
    """`users` are the sessions given out, `triggered` the runs that were posted, `answer` an answer for any path."""

    def __init__(self, secret_file: Path) -> None:
        self.users: dict[str, tuple[str, list[str]]] = {}
        self.dags = ["pubmed_rebuild", "small"]
        self.triggered: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.answer: Callable[[Request], Response] | None = None
        self._secret_file = secret_file
        server = make_server("127.0.0.1", 0, Request.application(self._answer), threaded=True)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self.stop = server.shutdown
        self.url = f"http://127.0.0.1:{server.port}"

    def forget_sessions(self) -> None:
        """As a new web server does."""
        self.users.clear()

    def _answer(self, request: Request) -> Response:
        self.asked.append(f"{request.method} {request.full_path.rstrip('?')}")
        if request.path == "/pluginsv2/aws_mwaa/login":
            return self._log_in(request)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.users:
            return _json({"detail": "Not authenticated"}, 401)
        if self.answer:
            return self.answer(request)
        if (request.method, request.path) == ("GET", "/api/v2/dags"):
            return _json({"dags": [{"dag_id": name} for name in self.dags], "total_entries": len(self.dags)})
        if (request.method, request.path) == ("POST", "/api/v2/dags/small/dagRuns"):
            self.triggered.append(json.loads(request.data))
            return _json({"dag_id": "small", "dag_run_id": "manual__1", "state": "queued"})
        return _json({"detail": f"{request.path} was not found"}, 404)

    def _log_in(self, request: Request) -> Response:
        try:
            session = log_in(request.get_data(), self._secret_file, self._session)
        except BadToken as error:
            return _json({"message": str(error)}, 403)
        answer = Response()
        answer.set_cookie("_token", session)
        return answer

    def _session(self, name: str, roles: list[str]) -> str:
        session = f"session-{len(self.users)}-{time.monotonic_ns()}"
        self.users[session] = (name, roles)
        return session


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, content_type="application/json")
