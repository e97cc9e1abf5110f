"""MWAA's paths on the web server, before all of Airflow's: the CLI, and the login."""

from collections.abc import Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from windtunnel_runtime.mwaa_cli import CommandLine
from windtunnel_runtime.mwaa_login import PAGE, SESSION, Sessions, log_in
from windtunnel_runtime.mwaa_tokens import BadToken

COOKIE = "_token"  # Airflow's own: airflow.api_fastapi.auth.managers.base_auth_manager.COOKIE_NAME_JWT_TOKEN
# Where MWAA has them for Airflow 2 and 3; of the older ones, AWS says that they redirect.
PREFIXES = ("/aws_mwaa", "/pluginsv2/aws_mwaa")


class MwaaPaths:
    """The ASGI middleware around Airflow's application."""

    def __init__(
        self, app: ASGIApp, secret_file: Path, sessions: Sessions, airflow: Sequence[str] = ("airflow",)
    ) -> None:
        self._app = app
        self._own = _application(CommandLine(secret_file, airflow), secret_file, sessions)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer MWAA's paths, and hand on all else."""
        is_own = scope["type"] == "http" and scope["path"].startswith(tuple(f"{prefix}/" for prefix in PREFIXES))
        await (self._own if is_own else self._app)(scope, receive, send)


def _application(command_line: CommandLine, secret_file: Path, sessions: Sessions) -> Starlette:
    async def cli(request: Request) -> Response:
        command = (await request.body()).decode(errors="replace")
        reply = await run_in_threadpool(command_line.run, request.headers.get("Authorization", ""), command)
        return JSONResponse(reply.body(), reply.status)

    async def login(request: Request) -> Response:
        try:
            session = await run_in_threadpool(log_in, await request.body(), secret_file, sessions)
        except BadToken as error:
            return JSONResponse({"message": f"Web login token: {error}"}, 403)
        answer = Response()
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, session, max_age=SESSION, secure=secure, httponly=True, samesite="lax")
        return answer

    async def page(request: Request) -> Response:
        return HTMLResponse(PAGE)

    routes = [(cli, "/cli", "POST"), (login, "/login", "POST"), (page, "/aws-console-sso", "GET")]
    return Starlette(
        routes=[Route(prefix + path, one, methods=[verb]) for prefix in PREFIXES for one, path, verb in routes]
    )
