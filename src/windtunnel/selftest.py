"""Test Windtunnel itself: lint and types, unit tests, then a stack of its own with everything that needs one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile

from windtunnel.console import out
from windtunnel.errors import WindtunnelError
from windtunnel.sample import RECORDS
from windtunnel.settings import ROOT, EnvironmentFile

CHECKS = {
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
}

# The second parser reads every record of the sample, not some drawn at random; ten slow leaks and ten kills of each
# kind, not one.
FULL = {"PUBMED_TEST_SAMPLE": str(RECORDS), "SELFTEST_LEAKS": "10", "WINDTUNNEL_FULL": "1"}


IMAGES = "selftest-images"


def main(arguments: Sequence[str], full: bool) -> int:
    """Run the checks, then pytest with `arguments`, or on all tests; the first exit status that is not 0, or 0.

    Raises:
        WindtunnelError: the images could not be had, or do not keep their contracts.
    """
    for title, command in CHECKS.items():
        out.print(f"[bold]{title}[/]: {' '.join(command)}")
        status = subprocess.run([sys.executable, "-m", *command], cwd=ROOT).returncode
        if status:
            return status
    if arguments:
        return _pytest(arguments, full)
    try:
        with _beside([sys.executable, "-m", "windtunnel", "--name", IMAGES, "up", "--no-start"], "the images"):
            status = _pytest(["tests/unit"], full)
    finally:
        EnvironmentFile(IMAGES).path.unlink(missing_ok=True)
    if status:
        return status
    # They start containers of their own, one at a time, and mostly wait.
    with _beside([sys.executable, "-m", "pytest", "tests/images"], "the images' contracts"):
        return _pytest(["tests/stack"], full)


def _pytest(arguments: Sequence[str], full: bool) -> int:
    command = [sys.executable, "-m", "pytest", "--durations=10", *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | (FULL if full else {})).returncode


@contextmanager
def _beside(command: list[str], what: str) -> Iterator[None]:
    """Run a command meanwhile; what it prints comes at the end.

    Raises:
        WindtunnelError: it failed.
    """
    with TemporaryFile("w+") as said:
        running = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said)
        try:
            yield
            status = running.wait()
        finally:
            if running.poll() is None:
                running.send_signal(signal.SIGINT)
                running.wait()
            said.seek(0)
            out.print(said.read(), markup=False, highlight=False, soft_wrap=True)
    if status:
        raise WindtunnelError(f"{what}: {' '.join(command)} ended with {status}, see above")
