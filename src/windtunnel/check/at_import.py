"""What a DAG file should not do each time it is parsed: ask the database or the secrets backend."""

import ast
from collections.abc import Iterator

from windtunnel.check.finding import Finding
from windtunnel.check.project import Project
from windtunnel.check.source import Source

# Ends of full names below airflow.
ACCESS = {
    ".Variable.get": "variable-at-import",
    ".Variable.set": "variable-at-import",
    ".BaseHook.get_connection": "connection-at-import",
    ".BaseHook.get_connections": "connection-at-import",
    ".BaseHook.get_hook": "connection-at-import",
    ".Connection.get": "connection-at-import",
    ".Connection.get_connection_from_secrets": "connection-at-import",
}
# RuntimeError("Direct database access via the ORM is not allowed in Airflow 3.0"), in DAG files as in tasks.
SESSIONS = {"airflow.settings.Session", "airflow.utils.session.create_session"}
# What a hook asks its connection for.
HOOK_READS = ("get_conn", "get_connection", "get_records", "get_first", "get_pandas_df", "get_df", "get_key", "run")


def access(project: Project) -> Iterator[Finding]:
    """Variables, connections and sessions that are asked for on import."""
    for source in project.dags:
        for step in source.steps:
            if isinstance(step.node, ast.Call):
                rule = _rule(source, step.node, step.sure)
                if rule:
                    message = f"{ast.unparse(step.node.func)}() runs each time that the file is parsed"
                    yield Finding(source.name, step.node.lineno, rule, message)


def _rule(source: Source, call: ast.Call, sure: bool) -> str:
    origin = source.origin(call.func)
    if origin in SESSIONS:
        return "database-at-import" if sure else ""
    if origin.startswith("airflow."):
        return next((rule for end, rule in ACCESS.items() if origin.endswith(end)), "")
    return "connection-at-import" if _reads_by_hook(source, call.func) else ""


def _reads_by_hook(source: Source, function: ast.expr) -> bool:
    if not isinstance(function, ast.Attribute) or function.attr not in HOOK_READS:
        return False
    made = source.resolved(function.value)
    origin = source.origin(made.func) if isinstance(made, ast.Call) else ""
    return origin.startswith("airflow.") and origin.endswith("Hook")
