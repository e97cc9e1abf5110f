"""Test Windtunnel itself: lint and types, unit tests, then a stack of its own with everything that needs one."""

import subprocess
import sys
from collections.abc import Sequence

from windtunnel.console import out
from windtunnel.settings import ROOT

CHECKS = {
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
}


def main(arguments: Sequence[str], full: bool) -> int:
    """Run the checks, then pytest with `arguments`; the first exit status that is not 0, or 0."""
    for title, command in CHECKS.items():
        out.print(f"[bold]{title}[/]: {' '.join(command)}")
        status = subprocess.run([sys.executable, "-m", *command], cwd=ROOT).returncode
        if status:
            return status
    options = ["--full"] if full else []
    return subprocess.run([sys.executable, "-m", "pytest", *options, *arguments], cwd=ROOT).returncode
