"""Whether the DAG files define what they should: they parse, each defines a DAG, no id is used twice."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from windtunnel.check.finding import Finding
from windtunnel.check.project import Project
from windtunnel.check.source import DAG_CLASSES, DAG_DECORATORS, Function, Source


@dataclass(frozen=True)
class Definition:
    """A DAG that the file makes when it is imported; its id is None when it is worked out; `sure` that it is made."""

    dag_id: str | None
    file: str
    line: int
    sure: bool


def syntax(project: Project) -> Iterator[Finding]:
    """Files that do not parse."""
    for source in project.sources:
        if source.unparsed:
            rule = "syntax-unsure" if source.unparsed.newer else "syntax"
            yield Finding(source.name, source.unparsed.line, rule, f"expected Python: {source.unparsed.message}")


def definitions(source: Source) -> list[Definition]:
    """The DAGs that the file makes when it is imported, as far as that can be seen."""
    found = [Definition(None, source.name, one.lineno, False) for one in source.functions if _is_asset(source, one)]
    decorated = {one.name: one for one in source.functions if DAG_DECORATORS & set(source.decorators(one))}
    for step in source.steps:
        if isinstance(step.node, ast.Call):
            call = step.node
            function = decorated.get(call.func.id) if isinstance(call.func, ast.Name) else None
            if source.origin(call.func) in DAG_CLASSES:
                found.append(Definition(dag_id(source, call), source.name, call.lineno, step.sure))
            elif function:
                found.append(Definition(_decorated_id(source, function), source.name, function.lineno, step.sure))
    return found


def _is_asset(source: Source, function: Function) -> bool:
    """Whether @asset makes a DAG of the function."""
    return any(origin.startswith("airflow.sdk.asset") for origin in source.decorators(function))


def dag_id(source: Source, call: ast.Call) -> str | None:
    """The id that a call of DAG or @dag gives, if it is a literal."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == "dag_id"] or call.args[:1]
    return source.text(given[0]) if given else None


def _decorated_id(source: Source, function: Function) -> str | None:
    for one in function.decorator_list:
        if isinstance(one, ast.Call) and source.origin(one.func) in DAG_DECORATORS:
            names = {keyword.arg for keyword in one.keywords}
            return dag_id(source, one) if one.args or {"dag_id", None} & names else function.name
    return function.name


def missing(project: Project) -> Iterator[Finding]:
    """A project without dags/, DAG files without a DAG, and @dag functions that nobody calls."""
    if not (project.folder / "dags").is_dir():
        yield Finding("dags", 0, "dags-folder", f"expected a folder dags/ in {project.folder}, found none")
    imported = _imported(project)
    for source in project.dags:
        uncalled = list(_uncalled(source)) if source.module not in imported else []
        yield from uncalled
        if source.is_dag_file and not source.unparsed and not uncalled and source.module not in imported:
            yield from _without(source)


def _imported(project: Project) -> set[str]:
    """The modules that other files of the project import, with what they may import from them."""
    names: set[str] = set()
    for source in project.sources:
        package = source.module if source.name.endswith("__init__.py") else source.module.rpartition(".")[0]
        for origin in source.origins.values():
            dots = len(origin) - len(origin.lstrip("."))
            base = package.split(".")[: len(package.split(".")) - (dots - 1)] if dots else []
            parts = [*base, *origin.lstrip(".").split(".")]
            names |= {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
        # `import a.b` binds only a.
        names |= {alias.name for node in source.nodes if isinstance(node, ast.Import) for alias in node.names}
    return names


def _uncalled(source: Source) -> Iterator[Finding]:
    used = {node.id for node in source.nodes if isinstance(node, ast.Name)}
    for node in source.tree.body if source.is_dag_file else ():
        if isinstance(node, Function) and DAG_DECORATORS & set(source.decorators(node)) and node.name not in used:
            yield Finding(
                source.name,
                node.lineno,
                "dag-not-called",
                f"@dag function {node.name}: expected a call of it, found none",
                f"add a line at the end of the file: {node.name}()",
            )


def _without(source: Source) -> Iterator[Finding]:
    if source.name.endswith("__init__.py") or definitions(source) or _may_define_elsewhere(source):
        return
    yield Finding(source.name, 1, "dag-missing", "expected a DAG, found none in a file that Airflow parses")


def _may_define_elsewhere(source: Source) -> bool:
    """Whether the file makes DAGs by means that cannot be seen: other modules, factories, globals()."""
    for node in source.nodes:
        if isinstance(node, ast.Call) and (source.origin(node.func) in DAG_CLASSES or _is_globals(node.func)):
            return True
        if isinstance(node, ast.ImportFrom) and (node.level or node.names[0].name == "*"):
            return True
    return any(_is_foreign(source, step.node) for step in source.steps)


def _is_globals(function: ast.expr) -> bool:
    return isinstance(function, ast.Name) and function.id in ("globals", "exec", "eval", "__import__")


def _is_foreign(source: Source, node: ast.AST) -> bool:
    """A call, a base class or a decorator from neither Python nor Airflow: it may make a DAG."""
    origin = source.origin(node.func) if isinstance(node, ast.Call) else ""
    if isinstance(node, ast.ClassDef):
        origin = next((found for base in node.bases if (found := source.origin(base))), "")
    top = origin.split(".")[0]
    return bool(top) and top != "airflow" and top not in sys.stdlib_module_names


def duplicates(project: Project) -> Iterator[Finding]:
    """DAGs whose id an earlier file, or an earlier line, has used."""
    first: dict[str, Definition] = {}
    for source in project.dags:
        for one in definitions(source) if source.is_dag_file else ():
            if one.dag_id is None or not one.sure:
                continue
            before = first.setdefault(one.dag_id, one)
            if before is not one:
                place = f"{before.file}:{before.line}"
                yield Finding(one.file, one.line, "dag-duplicate", f"DAG {one.dag_id!r}: also defined at {place}")


def capacity(project: Project, environment_class: str, dags: int) -> Iterator[Finding]:
    """More DAGs than the class should have; a file that makes an unknown number counts once."""
    count = sum(max(len(definitions(source)), _is_dynamic(source)) for source in project.dags if source.is_dag_file)
    if count > dags:
        message = f"{count} DAGs: expected at most {dags} for {environment_class}"
        yield Finding("dags", 0, "dag-capacity", message)


def _is_dynamic(source: Source) -> bool:
    return any(source.origin(getattr(node, "func", None)) in DAG_CLASSES for node in source.nodes)
