"""Circles among tasks, as far as the dependencies are written out: a >> b, set_downstream, chain, arguments.

Only names that are bound once count as tasks, and only statements that run once as dependencies, so that a circle here
is one in Airflow.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise, product

from windtunnel.check.finding import Finding
from windtunnel.check.project import Project
from windtunnel.check.source import DAG_CLASSES, DAG_DECORATORS, TASK_DECORATORS, Source

CHAINS = {"airflow.sdk.chain", "airflow.models.baseoperator.chain", "airflow.sdk.bases.operator.chain"}

Edges = dict[tuple[str, str], int]  # (upstream, downstream) → line


def cycles(project: Project) -> Iterator[Finding]:
    """The first circle of each DAG."""
    for source in project.dags:
        for scope in _scopes(source):
            edges = _edges(source, scope)
            if circle := _circle(edges):
                line = max(edges[edge] for edge in pairwise(circle))
                yield Finding(source.name, line, "dag-cycle", f"these depend on one another: {' >> '.join(circle)}")


def _scopes(source: Source) -> Iterator[list[ast.stmt]]:
    """The bodies of `with DAG(…)` and of @dag functions, each for itself, and what is left of the file."""
    inner = [node for node in source.nodes if isinstance(node, ast.With | ast.FunctionDef) and _makes_dag(source, node)]
    yield from (node.body for node in inner)
    yield [node for node in source.tree.body if node not in inner]


def _makes_dag(source: Source, node: ast.With | ast.FunctionDef) -> bool:
    if isinstance(node, ast.FunctionDef):
        return bool(DAG_DECORATORS & set(source.decorators(node)))
    return any(_is_dag(source, item.context_expr) for item in node.items)


def _is_dag(source: Source, node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and source.origin(node.func) in DAG_CLASSES


def _edges(source: Source, body: list[ast.stmt]) -> Edges:
    statements = list(_straight(body))
    tasks = _Tasks(source, body)
    edges: Edges = {}
    for statement in statements:
        for pair in _of(statement, tasks):
            edges.setdefault(pair, statement.lineno)
    return edges


def _straight(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run once and for certain."""
    for statement in body:
        if isinstance(statement, ast.With):
            yield from _straight(statement.body)
        else:
            yield statement


class _Tasks:
    """What the names of one scope stand for."""

    def __init__(self, source: Source, body: list[ast.stmt]) -> None:
        self._source = source
        nodes = [node for statement in body for node in ast.walk(statement)]
        stored = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
        stored += [node.arg for node in nodes if isinstance(node, ast.arg)]
        self._names = {name for name, times in Counter(stored).items() if times == 1}
        self._functions = {
            one.name
            for one in source.functions
            if any(origin.startswith(TASK_DECORATORS) for origin in source.decorators(one))
        }
        # A list of tasks under a name is not one task.
        self._names -= {name for name, value in source.assigned.items() if isinstance(value, ast.List | ast.Tuple)}

    def in_expression(self, node: ast.expr) -> list[str]:
        """The tasks that an operand of >> stands for; what has no name goes by its place."""
        if isinstance(node, ast.Name):
            return [node.id] if node.id in self._names else []
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return [task for one in node.elts for task in self.in_expression(one)]
        if isinstance(node, ast.Call):
            return [f"line {node.lineno}, column {node.col_offset}"]
        return []

    def passed(self, call: ast.Call) -> list[str]:
        """The tasks whose results a call of a task function takes."""
        function: ast.AST = call.func
        while isinstance(function, ast.Attribute | ast.Call):
            function = function.value if isinstance(function, ast.Attribute) else function.func
        if not isinstance(function, ast.Name) or function.id not in self._functions:
            return []
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        return [one.id for one in given if isinstance(one, ast.Name) and one.id in self._names]

    def is_chain(self, node: ast.expr) -> bool:
        return self._source.origin(node) in CHAINS


def _of(statement: ast.stmt, tasks: _Tasks) -> Iterator[tuple[str, str]]:
    match statement:
        case ast.Expr(value=ast.BinOp() as shifts):
            yield from _shifted(shifts, tasks)[0]
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=one, attr=("set_downstream" | "set_upstream") as way))):
            given = statement.value.args[:1]  # type: ignore[attr-defined]
            left, right = tasks.in_expression(one), [task for it in given for task in tasks.in_expression(it)]
            yield from product(left, right) if way == "set_downstream" else product(right, left)
        case ast.Expr(value=ast.Call(func=function, args=arguments)) if tasks.is_chain(function):
            for before, after in pairwise(arguments):
                yield from _linked(tasks, before, after)
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
            yield from product(tasks.passed(call), tasks.in_expression(ast.Name(name)))


def _linked(tasks: _Tasks, before: ast.expr, after: ast.expr) -> Iterator[tuple[str, str]]:
    left, right = tasks.in_expression(before), tasks.in_expression(after)
    both = isinstance(before, ast.List | ast.Tuple) and isinstance(after, ast.List | ast.Tuple)
    # chain() links two lists in pairs: https://airflow.apache.org/docs/task-sdk/stable/api.html#airflow.sdk.chain
    yield from zip(left, right, strict=False) if both else product(left, right)


def _shifted(node: ast.expr, tasks: _Tasks) -> tuple[list[tuple[str, str]], list[str]]:
    """The dependencies of a >> b << c, and the tasks that the expression stands for: its right side's."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.RShift | ast.LShift):
        return [], tasks.in_expression(node)
    before, left = _shifted(node.left, tasks)
    after, right = _shifted(node.right, tasks)
    pairs = product(left, right) if isinstance(node.op, ast.RShift) else product(right, left)
    return [*before, *after, *pairs], right


def _circle(edges: Edges) -> list[str]:
    graph: dict[str, set[str]] = {}
    for upstream, downstream in edges:
        if upstream == downstream:
            return [upstream, downstream]
        graph.setdefault(downstream, set()).add(upstream)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # Each is a predecessor of the next: https://docs.python.org/3/library/graphlib.html#graphlib.CycleError
        return list(error.args[1])
    return []
