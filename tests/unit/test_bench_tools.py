"""The contenders' lock has all that the library imports, so that its own lines cannot fail for want of a package."""

import ast
import re
import sys
from pathlib import Path

from windtunnel.bench.tools import LIBRARY, LOCK

#: Imported as → its distribution, where the names differ.
DISTRIBUTIONS = {"yaml": "pyyaml", "backports": "backports.zstd"}
#: `compression` came with Python 3.14; `backports` stands in for it before.
STANDARD = {*sys.stdlib_module_names, "compression"}


def imported(file: Path) -> set[str]:
    """The packages that a module imports when it runs; what is for type checkers only does not count."""
    tree = ast.parse(file.read_text())
    checked = {child for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
               for child in ast.walk(node)}  # fmt: skip
    nodes = [node for node in ast.walk(tree) if node not in checked]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in names}


def test_the_lock_has_what_the_library_imports() -> None:
    lines = re.findall(r"^(\S+)==\S+$", LOCK.read_text(), re.MULTILINE)
    needed = set().union(*(imported(file) for file in LIBRARY.rglob("*.py"))) - STANDARD - {"xml_rebuild"}
    named = {DISTRIBUTIONS.get(name, name) for name in needed}
    assert named - {line.lower().replace("-", "_") for line in lines} == set()
    assert {"lxml", "psycopg"} <= named
