"""Test Windtunnel itself: lint and types, unit tests, then a stack of its own with everything that needs one."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from windtunnel.console import err, out
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
        WindtunnelError: the images could not be had.
    """
    for title, command in CHECKS.items():
        out.print(f"[bold]{title}[/]: {' '.join(command)}")
        status = subprocess.run([sys.executable, "-m", *command], cwd=ROOT).returncode
        if status:
            return status
    if arguments:
        return _pytest(arguments, full)
    with _images():
        status = _pytest(["tests/unit"], full)
    return status or _pytest(["tests/stack"], full)


def _pytest(arguments: Sequence[str], full: bool) -> int:
    command = [sys.executable, "-m", "pytest", "--durations=10", *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | (FULL if full else {})).returncode


@contextmanager
def _images() -> Iterator[None]:
    """Have the images made meanwhile: minutes on a bare machine, of which half is waiting for the network."""
    command = [sys.executable, "-m", "windtunnel", "--name", IMAGES, "up", "--no-start"]
    making = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield
        said, _ = making.communicate()
        if making.returncode:
            err.print(said, markup=False)
            raise WindtunnelError(f"the images: expected to be made, found exit code {making.returncode}, see above")
    finally:
        making.terminate()
        making.wait()
        EnvironmentFile(IMAGES).path.unlink(missing_ok=True)
