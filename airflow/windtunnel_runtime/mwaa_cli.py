"""MWAA's bridge to Airflow's command line: one command of an allow list, run where the web server runs.

https://docs.aws.amazon.com/mwaa/latest/userguide/airflow-cli-command-reference.html
"""

import base64
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from threading import BoundedSemaphore
from typing import NamedTuple

from windtunnel_runtime import mwaa_tokens

# For Airflow 3. A group's name, then its commands; a command without a group stands alone.
ALLOWED: dict[str, frozenset[str]] = {
    "assets": frozenset({"details", "list", "materialize"}),
    "backfill": frozenset({"create"}),
    "cheat-sheet": frozenset(),
    "connections": frozenset({"add", "delete"}),
    "dags": frozenset(
        {"delete", "list", "list-import-errors", "list-jobs", "list-runs", "next-execution", "pause", "report"}
        | {"reserialize", "show", "state", "test", "trigger", "unpause"}
    ),
    "db": frozenset({"clean"}),
    "providers": frozenset(
        {"behaviours", "get", "hooks", "links", "list", "notifications", "secrets", "triggerer", "widgets"}
    ),
    "roles": frozenset({"add-perms", "create", "del-perms", "list"}),
    "tasks": frozenset({"clear", "failed-deps", "list", "render", "state", "states-for-dag-run", "test"}),
    "variables": frozenset({"delete", "get", "list", "set"}),
    "version": frozenset(),
}
# AWS only says that concurrency is limited. Each command is an Airflow of its own, 200 MB in the web server's limit.
AT_ONCE = 4
TIMEOUT = 300  # seconds


class Reply(NamedTuple):
    """The HTTP status, and what the command wrote."""

    status: int
    stdout: bytes = b""
    stderr: bytes = b""

    def body(self) -> dict[str, str]:
        """As MWAA has it: both in base64."""
        return {name: base64.b64encode(getattr(self, name)).decode() for name in ("stdout", "stderr")}


class CommandLine:
    """The bridge, for the tokens of one secret; `airflow` is the program and what stands before a command."""

    def __init__(self, secret_file: Path, airflow: Sequence[str] = ("airflow",)) -> None:
        self._secret_file = secret_file
        self._airflow = airflow
        self._free = BoundedSemaphore(AT_ONCE)

    def run(self, authorization: str, command: str) -> Reply:
        """Run a command for the header `Authorization: Bearer <token>`.

        The status is 200 where it ended well, 400 where it is not allowed or did not, 403 for a token that does not
        hold, 503 while four others run.
        """
        try:
            mwaa_tokens.read(authorization.removeprefix("Bearer ").strip(), "cli", self._secret_file)
            words = shlex.split(command)
        except mwaa_tokens.BadToken as error:
            return Reply(403, stderr=f"CLI token: {error}".encode())
        except ValueError as error:
            return Reply(400, stderr=f"{command}: {error}".encode())
        if not is_allowed(words):
            return Reply(400, stderr=_not_allowed(words).encode())
        if not self._free.acquire(blocking=False):
            return Reply(503, stderr=f"{AT_ONCE} commands are running already; try again when one has ended".encode())
        try:
            return self._run(words)
        finally:
            self._free.release()

    def _run(self, words: list[str]) -> Reply:
        try:
            # Words, never a shell: `;` and `$( )` are arguments like any other.
            ended = subprocess.run(
                [*self._airflow, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired as late:
            return Reply(400, late.stdout or b"", f"the command ran for over {TIMEOUT} seconds and was ended".encode())
        return Reply(200 if ended.returncode == 0 else 400, ended.stdout, ended.stderr)


def is_allowed(words: Sequence[str]) -> bool:
    """Whether MWAA runs a command."""
    if not words or words[0] not in ALLOWED:
        return False
    commands = ALLOWED[words[0]]
    return not commands or (len(words) > 1 and words[1] in commands)


def _not_allowed(words: Sequence[str]) -> str:
    first = words[0] if words else ""
    if first == "airflow":
        return "MWAA's CLI takes the command without `airflow` before it"
    if commands := ALLOWED.get(first):
        return f"MWAA does not support `{' '.join(words[:2])}`; of `{first}` it supports: {', '.join(sorted(commands))}"
    return f"MWAA does not support `{first}`; it supports: {', '.join(sorted(ALLOWED))}"
