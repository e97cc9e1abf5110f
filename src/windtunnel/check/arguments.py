"""Arguments that Airflow 3 no longer takes, and `queue`, which MWAA cannot serve."""

import ast
from collections.abc import Iterator

from windtunnel.check.finding import Finding
from windtunnel.check.project import Project
from windtunnel.check.source import DAG_CLASSES, DAG_DECORATORS, TASK_DECORATORS, Source

# Each was tried with Airflow 3.3.1: TypeError.
DAG_ARGUMENTS = {
    "concurrency": "max_active_tasks",
    "default_view": "",
    "fail_stop": "fail_fast",
    "full_filepath": "",
    "orientation": "",
    "schedule_interval": "schedule",
    "timetable": "schedule",
}
TASK_ARGUMENTS = {"provide_context": "", "task_concurrency": "max_active_tis_per_dag"}


def removed(project: Project) -> Iterator[Finding]:
    """Arguments that raise TypeError."""
    for source in project.dags:
        for node in source.nodes:
            if isinstance(node, ast.Call):
                is_dag = source.origin(node.func) in DAG_CLASSES | DAG_DECORATORS
                table = DAG_ARGUMENTS if is_dag else TASK_ARGUMENTS if _is_airflows_task(source, node) else {}
                for keyword in node.keywords:
                    if keyword.arg in table:
                        yield _removed(source, keyword, table[keyword.arg])


def _removed(source: Source, keyword: ast.keyword, new: str) -> Finding:
    message = f"argument {keyword.arg}: Airflow 3 takes {new or 'none of the kind'}"
    return Finding(source.name, keyword.lineno, "argument-removed", message, f"write {new}" if new else "leave it out")


def _is_airflows_task(source: Source, call: ast.Call) -> bool:
    """Whether this makes a task of a class or decorator of Airflow or of its providers."""
    origin = source.origin(call.func)
    last = origin.removesuffix(".partial").rpartition(".")[2]
    is_class = origin.startswith("airflow.") and last.endswith(("Operator", "Sensor", "SensorAsync"))
    return is_class or origin.startswith(TASK_DECORATORS)


def queues(project: Project) -> Iterator[Finding]:
    """`queue` as a task's argument, or among default_args."""
    for source in project.dags:
        for node in source.nodes:
            if isinstance(node, ast.Call):
                given = [keyword.value for keyword in node.keywords if keyword.arg == "queue"]
                defaults = [keyword.value for keyword in node.keywords if keyword.arg == "default_args"]
                given = given if _may_be_task(source, node) else []
                given += [value for default in defaults for value in _default_queue(source.resolved(default))]
                yield from (_queue(source, value) for value in given if not _is_none(value))


def _may_be_task(source: Source, call: ast.Call) -> bool:
    """A task of Airflow's, of a class that is called so, or of a task function: .override(), .partial()."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    return _is_airflows_task(source, call) or name.endswith(("Operator", "Sensor")) or name in ("override", "partial")


def _default_queue(node: ast.expr | None) -> list[ast.expr]:
    if isinstance(node, ast.Dict):
        return [
            value
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and key.value == "queue"
        ]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return [keyword.value for keyword in node.keywords if keyword.arg == "queue"]
    return []


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _queue(source: Source, value: ast.expr) -> Finding:
    return Finding(source.name, value.lineno, "queue", f"queue={ast.unparse(value)}: expected none")
