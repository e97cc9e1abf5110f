"""pip, told that it runs on MWAA: it downloads and resolves for CPython 3.12 on x86_64, whatever the host is."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from windtunnel.platform import MARKERS, PLATFORMS, PYTHON

# --platform and --python-version choose wheels, but pip asks the host what environment markers are worth
# (https://github.com/pypa/pip/issues/10050), so that `; sys_platform == "linux"` would be left out on a Mac.
_PROGRAM = """
import json, sys
from pip._vendor.packaging import markers
environment = json.loads(sys.argv.pop(1))
markers.default_environment = lambda: dict(environment)
from pip._internal.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
_TARGET = [
    "--only-binary=:all:",
    f"--python-version={'.'.join(map(str, PYTHON))}",
    "--implementation=cp",
    f"--abi=cp{''.join(map(str, PYTHON))}",
    "--abi=abi3",
    "--abi=none",
    *(f"--platform={platform}" for platform in PLATFORMS),
]
_QUIET = ["--no-input", "--disable-pip-version-check", "--no-color", "--progress-bar=off"]


def download(*arguments: str, offline: bool = False) -> subprocess.CompletedProcess[str]:
    """Run `pip download` for MWAA's platform; `offline`: from what the arguments name alone, with no network.

    `pip install --dry-run` would fetch less, but compares Requires-Python with the host's Python.
    """
    return _run("download", *arguments, offline=offline)


def install(wheels: Iterable[Path], target: Path) -> subprocess.CompletedProcess[str]:
    """Install wheels for MWAA's platform into a folder, with no network; `download` has looked at Requires-Python."""
    aside = ["--no-deps", "--ignore-requires-python", "--no-compile", f"--target={target}"]
    return _run("install", *aside, *map(str, wheels), offline=True)


@cache
def without_network() -> list[str]:
    """The words before a command that cut it off from every network; none where the system has or allows none.

    Source: https://man7.org/linux/man-pages/man1/unshare.1.html
    """
    words = ["unshare", "--map-root-user", "--net", "--"]
    if not shutil.which("unshare"):
        return []
    return [] if subprocess.run([*words, "true"], capture_output=True).returncode else words


def _run(verb: str, *arguments: str, offline: bool) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", _PROGRAM, json.dumps(MARKERS), verb, *_QUIET, *_TARGET, *arguments]
    environ = dict(os.environ)
    if offline:
        program = [*without_network(), *program, "--no-index"]
        environ = {name: value for name, value in environ.items() if not name.startswith("PIP_")}
        environ["PIP_CONFIG_FILE"] = os.devnull
    return subprocess.run(program, capture_output=True, text=True, check=False, env=environ)


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What pip gave as its errors, in its order."""
    return [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR: ")]


def conflict(done: subprocess.CompletedProcess[str]) -> str:
    """Which requirements exclude one another, in pip's words; empty when pip failed for another reason."""
    said = [line for line in errors(done) if "conflicting dependencies" in line]
    cause = re.search(r"The conflict is caused by:\n(.*?)\n\n", done.stdout, re.DOTALL)
    return "\n".join([*said, cause[1] if cause else ""]).strip() if said else ""


def last_lines(done: subprocess.CompletedProcess[str], count: int = 12) -> str:
    """The end of what pip complained of."""
    return "\n".join(done.stderr.strip().splitlines()[-count:])
