"""Imports that Airflow 3 no longer has, and those that nothing provides."""

import ast
import re
import sys
from collections.abc import Iterator

from windtunnel.check.finding import Finding
from windtunnel.check.project import Project
from windtunnel.check.requirements import names_and_extras
from windtunnel.check.source import Function, Source
from windtunnel.check.tables import table

PROVIDERS = "airflow.providers."
# PEP 594 took these away in Python 3.13; 3.12 has them. The others it has no longer, whatever runs `check`.
ONLY_BEFORE_313 = {
    *("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap", "msilib", "nis", "nntplib"),
    *("ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib"),
}
GONE_IN_312 = {"asynchat", "asyncore", "imp", "smtpd"}
# distutils: setuptools, which is in the image, brings it back.
STANDARD = (set(sys.stdlib_module_names) | ONLY_BEFORE_313 | {"distutils", "setuptools", "pip"}) - GONE_IN_312
FAILS_SOFTLY = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


class Import:
    """One name that a file imports: `path` in full, `line`; `certain` when every import of the file runs it."""

    def __init__(self, path: str, line: int, certain: bool) -> None:
        self.path = path
        self.line = line
        self.certain = certain

    @property
    def top(self) -> str:
        """The package or module that has to be there."""
        return self.path.split(".")[0]


def imports(source: Source) -> Iterator[Import]:
    """The absolute imports that run in Airflow's Python and that nothing catches."""
    yield from _imports(source, source.tree.body, True)


def _imports(source: Source, nodes: list[ast.stmt], certain: bool) -> Iterator[Import]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, alias.lineno, certain) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if not node.level:
                yield from (Import(f"{node.module}.{alias.name}", alias.lineno, certain) for alias in node.names)
        # A branch may ask for Airflow's version, a try may have a way out.
        elif isinstance(node, ast.If | ast.Try | ast.Match) or node in source.run_elsewhere:
            continue
        else:
            inside = certain and not isinstance(node, Function)
            yield from _imports(
                source, [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt)], inside
            )


def outdated(project: Project) -> Iterator[Finding]:
    """Imports, and uses of imported modules' names, that are in the table of Airflow 3's changes."""
    for source in project.sources:
        seen: set[tuple[int, str]] = set()
        used = [(one.path, one.line) for one in imports(source)]
        used += [(path, line) for path, line in _attributes(source) if path in table("imports")["removed"]]
        for path, line in used:
            old, rule, new = _fate(path)
            if old and (line, old) not in seen:
                seen.add((line, old))
                yield _outdated(source, line, old, rule, new)


def _attributes(source: Source) -> Iterator[tuple[str, int]]:
    for step in source.steps:
        if isinstance(step.node, ast.Attribute) and step.sure:
            yield source.origin(step.node), step.node.lineno


def _fate(path: str) -> tuple[str, str, str]:
    """The longest line of the table that the path is of, its rule and what takes its place; or nothing."""
    parts = path.split(".")
    for count in range(len(parts), 1, -1):
        old = ".".join(parts[:count])
        for side in ("removed", "moved"):
            if old in table("imports")[side]:
                return old, f"import-{side}", table("imports")[side][old]
    return "", "", ""


def _outdated(source: Source, line: int, old: str, rule: str, new: str) -> Finding:
    what = "which Airflow 3 no longer has" if rule == "import-removed" else "an old place"
    do = f"import {new}" if new else "do without: nothing takes its place"
    return Finding(source.name, line, rule, f"found {old}, {what}; expected {new or 'nothing of the kind'}", do)


def unprovided(project: Project) -> Iterator[Finding]:
    """Imports that nothing known provides."""
    provided = _Provided(project)
    for source in project.sources:
        # What a file adds to its path cannot be seen from here.
        if _changes_path(source):
            continue
        seen: set[str] = set()
        for one in imports(source):
            need = provided.lacks(one.path)
            if need and need not in seen:
                seen.add(need)
                yield provided.finding(source, one, need)


def _changes_path(source: Source) -> bool:
    return any(source.origin(node) in ("sys.path", "site.addsitedir") for node in source.nodes)


class _Provided:
    def __init__(self, project: Project) -> None:
        modules = table("modules")
        self._here = set(modules["here"])
        self._names, extras = names_and_extras(project.requirements)
        self._names |= {re.sub(r"[-_.]+", "-", wheel.split("-")[0]).lower() for wheel in project.wheels}
        self._tops = STANDARD | set(modules["image"]) | set(modules["mwaa"]) | project.modules
        for name in self._names:
            self._tops |= {*modules["imported_as"].get(name, ()), *_likely(name)}
        self._providers = {f"apache-airflow-providers-{name}" for name in modules["providers"] + sorted(extras)}
        # A requirement may bring more than its name tells; so may a path that some file adds, or a broken plugins.zip.
        adds_path = any(_changes_path(source) for source in project.sources)
        self._open = bool(self._names) or adds_path or (project.plugins_zip.exists() and not project.zipped)

    def lacks(self, path: str) -> str:
        """What would have to be there for this import: a module or a provider's package; or nothing."""
        if path.startswith(PROVIDERS):
            return self._lacking_provider(path.removeprefix(PROVIDERS).split("."))
        top = path.split(".")[0]
        return "" if top in self._tops else top

    def _lacking_provider(self, parts: list[str]) -> str:
        known = self._providers | self._names
        possible = [f"apache-airflow-providers-{'-'.join(parts[:count]).replace('_', '-')}" for count in (1, 2, 3)]
        return "" if known & set(possible) or self._family(possible[0]) else possible[0]

    def _family(self, provider: str) -> bool:
        """Whether a provider of the family is there: apache-…-google for google.cloud, common-sql for common."""
        return any(name.startswith(f"{provider}-") for name in self._names)

    def finding(self, source: Source, one: Import, need: str) -> Finding:
        """What to say of an import that lacks `need`."""
        is_provider = need.startswith("apache-airflow-providers-")
        if need in self._here:
            return Finding(source.name, one.line, "import-here-only", f"{need}: in Windtunnel's image, not in MWAA's")
        rule = "import-missing" if one.certain and not self._open else "import-unsure"
        do = f"add {need} to requirements.txt" if is_provider else ""
        return Finding(
            source.name, one.line, rule, f"{one.path}: expected a package that provides {need}, found none", do
        )


def _likely(name: str) -> set[str]:
    """What a distribution is imported as, by its name."""
    plain = name.replace("-", "_")
    return {plain, plain.removeprefix("python_"), plain.removesuffix("_python"), plain.removeprefix("py")} | {
        name.split("-")[0]
    }
