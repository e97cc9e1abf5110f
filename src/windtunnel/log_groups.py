"""MWAA's five log groups on the command line: their names, and where each is read here.

The table is the containers' own, airflow/windtunnel_runtime/log_groups.toml.
"""

import tomllib
from functools import cache

from windtunnel.errors import UsageError
from windtunnel.settings import ROOT
from windtunnel.shapes import LIGHT, service_of

TABLE = ROOT / "airflow/windtunnel_runtime/log_groups.toml"
KINDS = ("volume", "s3", "cloudwatch")


@cache
def groups() -> dict[str, dict[str, str]]:
    """The table's rows by name."""
    return {row["name"]: row for row in tomllib.loads(TABLE.read_text())["group"]}


def find(name: str, environment: str) -> str | None:
    """The group that a word on the command line names: `task`, or as in MWAA `airflow-ENVIRONMENT-Task`; or None."""
    short = name.removeprefix(f"airflow-{environment}-").lower()
    # `scheduler`, `webserver` and `worker` are services too, and mean these.
    return next((group for group in groups() if group.lower() == short and name not in _services()), None)


def _services() -> set[str]:
    return {row["service"] for row in groups().values() if "service" in row}


def service(group: str, task_logs: str, files: str) -> str | None:
    """The service whose output a group is, by the setting TASK_LOGS and Compose's list of files; None: it is read
    inside a container."""
    own = groups()[group].get("service")
    return service_of(own, files) if own and task_logs != "cloudwatch" else None


def check(task_logs: str, overlays: tuple[str, ...]) -> None:
    """Refuse a value of TASK_LOGS that is none, or that a light stack cannot serve.

    Raises:
        UsageError: so it is.
    """
    if task_logs not in KINDS:
        raise UsageError(f"TASK_LOGS={task_logs}: expected {', '.join(KINDS[:-1])} or {KINDS[-1]}", "docs/logs.md")
    if task_logs == "cloudwatch" and overlays == LIGHT:
        raise UsageError("TASK_LOGS=cloudwatch: expected the service aws, which --light leaves out", "docs/logs.md")
