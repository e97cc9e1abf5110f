"""One Python file of a project, read and never run: its names, its constants, and what runs when it is imported."""

import ast
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from windtunnel.platform import PYTHON as MWAA_PYTHON

# https://airflow.apache.org/docs/task-sdk/stable/api.html
DAG_CLASSES = {f"airflow.{module}DAG" for module in ("", "sdk.", "models.", "models.dag.", "sdk.definitions.dag.")}
DAG_DECORATORS = {"airflow.sdk.dag", "airflow.decorators.dag", "airflow.models.dag.dag"}
GROUP_DECORATORS = {
    "airflow.sdk.task_group",
    "airflow.decorators.task_group",
    "airflow.decorators.task_group.task_group",
}
TASK_DECORATORS = ("airflow.sdk.task", "airflow.decorators.task")
# Their function runs with another Python, whose packages are not Airflow's.
OTHER_PYTHON = (
    "virtualenv",
    "external_python",
    "branch_virtualenv",
    "branch_external_python",
    "docker",
    "kubernetes",
    "kubernetes_cmd",
)
OTHER_PYTHON_OPERATORS = ("VirtualenvOperator", "ExternalPythonOperator")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Step:
    """A node that runs on import; `sure` unless a branch, a loop or a try stands around it."""

    node: ast.AST
    sure: bool


@dataclass(frozen=True)
class Unparsed:
    """Why the text is no Python, and where; `newer` when it may be Python that this one is too old for."""

    line: int
    message: str
    newer: bool = False


class Source:
    """A file: `name` relative to the project, `module` as it is imported, its `content`."""

    def __init__(self, name: str, module: str, content: bytes, is_dag_file: bool = False) -> None:
        self.name = name
        self.module = module
        self.content = content
        self.is_dag_file = is_dag_file

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; empty when the text is no Python."""
        return self._parsed[0]

    @cached_property
    def unparsed(self) -> Unparsed | None:
        """Why there is no tree; None when there is one."""
        return self._parsed[1]

    @cached_property
    def _parsed(self) -> tuple[ast.Module, Unparsed | None]:
        newest = min(MWAA_PYTHON, sys.version_info[:2])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.content, self.name, feature_version=newest), None
        except SyntaxError as error:
            return ast.Module([], []), Unparsed(error.lineno or 1, error.msg, _may_be_newer(error))
        except (ValueError, RecursionError) as error:
            return ast.Module([], []), Unparsed(1, str(error))

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes of the tree."""
        return list(ast.walk(self.tree))

    @cached_property
    def origins(self) -> dict[str, str]:
        """Each imported name → what it stands for; a relative import begins with a dot."""
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.split(".")[0]
                    found[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                found |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in node.names}
        return found

    def origin(self, node: ast.AST | None) -> str:
        """What an expression names, in full: `models.Variable.get` → `airflow.models.Variable.get`; or nothing."""
        if isinstance(node, ast.Name):
            return self.origins.get(node.id, "")
        if isinstance(node, ast.Attribute):
            base = self.origin(node.value)
            return f"{base}.{node.attr}" if base else ""
        return ""

    @cached_property
    def assigned(self) -> dict[str, ast.expr]:
        """Each name that the file binds once, by an assignment → its value."""
        values: dict[str, ast.expr] = {}
        bound: Counter[str] = Counter()
        for node in self.nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                bound[node.id] += 1
            elif isinstance(node, ast.arg):
                bound[node.arg] += 1
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    values[name] = value
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    values[name] = value
        return {name: value for name, value in values.items() if bound[name] == 1}

    def resolved(self, node: ast.expr | None) -> ast.expr | None:
        """The value of a name that is bound once, or the node itself."""
        seen: set[str] = set()
        while isinstance(node, ast.Name) and node.id in self.assigned and node.id not in seen:
            seen.add(node.id)
            node = self.assigned[node.id]
        return node

    def text(self, node: ast.expr | None) -> str | None:
        """The string that an expression is for certain."""
        node = self.resolved(node)
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None

    @cached_property
    def steps(self) -> list[Step]:
        """What runs when the file is imported, in this order."""
        return list(_Import(self).steps(self.tree.body, True))

    @cached_property
    def functions(self) -> list[Function]:
        """All functions, at any depth."""
        return [node for node in self.nodes if isinstance(node, Function)]

    def decorators(self, function: Function) -> list[str]:
        """What the decorators of a function name, their arguments left out."""
        return [self.origin(one.func if isinstance(one, ast.Call) else one) for one in function.decorator_list]

    @cached_property
    def run_elsewhere(self) -> set[ast.AST]:
        """All nodes of functions that another Python runs."""
        called = {
            keyword.value.id
            for node in self.nodes
            if isinstance(node, ast.Call) and _name(node.func).endswith(OTHER_PYTHON_OPERATORS)
            for keyword in node.keywords
            if keyword.arg == "python_callable" and isinstance(keyword.value, ast.Name)
        }
        other = {f"{task}.{kind}" for task in TASK_DECORATORS for kind in OTHER_PYTHON}
        away = [one for one in self.functions if one.name in called or other & set(self.decorators(one))]
        return {node for function in away for node in ast.walk(function)}


def _may_be_newer(error: SyntaxError) -> bool:
    """Whether it could be Python 3.12 (PEP 695: type parameters, PEP 701: f-strings), read by an older one."""
    if sys.version_info[:2] >= MWAA_PYTHON:
        return False
    line = error.text or ""
    in_f_string = error.msg.startswith("f-string") or re.search(r"\b[rR]?[fF][rR]?[\"']", line)
    return bool(in_f_string or re.match(r"\s*(type\s+\w|(async\s+)?def\s+\w+\[|class\s+\w+\[)", line))


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


class _Import:
    """Follows what Python does on import, into functions that the file itself calls."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._functions: dict[str, Function] = {}
        self._entered: set[Function] = set()

    def steps(self, nodes: list[ast.stmt] | list[ast.expr], sure: bool) -> Iterator[Step]:
        for node in nodes:
            yield from self._step(node, sure)

    def _step(self, node: ast.AST, sure: bool, is_callable: bool = True) -> Iterator[Step]:
        if isinstance(node, Function):
            if is_callable:
                self._functions[node.name] = node
            defaults = [*node.args.defaults, *(one for one in node.args.kw_defaults if one)]
            yield from self.steps([*node.decorator_list, *defaults], sure)
        elif isinstance(node, ast.If) and self._never(node.test):
            yield from self.steps(node.orelse, sure)
        elif not isinstance(node, ast.Lambda):
            yield Step(node, sure)
            inside = sure and not isinstance(node, ast.If | ast.IfExp | ast.For | ast.While | ast.Try | ast.Match)
            for child in ast.iter_child_nodes(node):
                # A method is not called by its name alone.
                yield from self._step(child, inside, not isinstance(node, ast.ClassDef))
            if isinstance(node, ast.Call):
                yield from self._called(node, sure)

    def _called(self, call: ast.Call, sure: bool) -> Iterator[Step]:
        function = self._functions.get(call.func.id) if isinstance(call.func, ast.Name) else None
        if not isinstance(function, ast.FunctionDef) or function in self._entered:
            return
        if set(self._source.decorators(function)) <= DAG_DECORATORS | GROUP_DECORATORS:
            self._entered.add(function)
            yield from self.steps(function.body, sure)

    def _never(self, test: ast.expr) -> bool:
        """Whether an `if` is never taken when Airflow imports the file."""
        match test:
            case ast.Compare(left=ast.Name(id="__name__")):
                return True
        return self._source.origin(test) in ("typing.TYPE_CHECKING", "typing_extensions.TYPE_CHECKING")
