"""Test Windtunnel itself: lint and types, unit tests, then a stack of its own with everything that needs one."""

import os
import subprocess
import sys
from collections.abc import Sequence

from windtunnel.console import out
from windtunnel.sample import RECORDS
from windtunnel.settings import ROOT

CHECKS = {
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
}

# The second parser reads every record of the sample, not some drawn at random; ten slow leaks and ten kills of each
# kind, not one.
FULL = {"PUBMED_TEST_SAMPLE": str(RECORDS), "SELFTEST_LEAKS": "10", "WINDTUNNEL_FULL": "1"}


def main(arguments: Sequence[str], full: bool) -> int:
    """Run the checks, then pytest with `arguments`; the first exit status that is not 0, or 0."""
    for title, command in CHECKS.items():
        out.print(f"[bold]{title}[/]: {' '.join(command)}")
        status = subprocess.run([sys.executable, "-m", *command], cwd=ROOT).returncode
        if status:
            return status
    environ = os.environ | (FULL if full else {})
    command = [sys.executable, "-m", "pytest", "--durations=10", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ).returncode
