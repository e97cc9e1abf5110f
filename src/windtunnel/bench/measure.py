"""One contender's processes, run and measured."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from windtunnel.errors import RunFailed
from windtunnel.settings import ROOT

PROGRAMS = ROOT / "benchmarks/rebuild"

#: Commands that run side by side, one list after the other.
Phases = Sequence[Sequence[Sequence[str]]]


@dataclass(frozen=True)
class Measured:
    """`seconds` from the first command's start to the last one's end; `peak` in bytes.

    Where several processes run side by side, `peak` is the sum of their own peaks: an upper bound.
    """

    seconds: float
    cpu_seconds: float
    peak: int


def measure(phases: Phases, environment: Mapping[str, str]) -> Measured:
    """Run the commands to their end.

    Raises:
        RunFailed: one of them failed; the message has the end of what it said.
    """
    began = time.monotonic()
    done = [_side_by_side(commands, environment) for commands in phases]
    seconds = time.monotonic() - began
    cpu = sum(one["cpu"] for phase in done for one in phase)
    return Measured(seconds, cpu, max(int(sum(one["peak"] for one in phase)) for phase in done))


def _side_by_side(commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> list[dict[str, float]]:
    with tempfile.TemporaryDirectory(prefix="windtunnel-bench-") as folder:
        started = [_start(command, Path(folder, str(at)), environment) for at, command in enumerate(commands)]
        try:
            codes = [process.wait() for process in started]
        finally:
            for process in started:
                _end(process)
        for at, code in enumerate(codes):
            if code:
                raise RunFailed(f"{' '.join(commands[at])} failed\n{_last_lines(Path(folder, str(at)))}")
        return [json.loads(Path(folder, str(at), "used.json").read_text()) for at in range(len(commands))]


def _start(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    folder.mkdir()
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(PROGRAMS / "measured.py"), str(folder / "used.json"), *command],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """With all that it has started, when something else went wrong meanwhile."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last_lines(folder: Path, lines: int = 15) -> str:
    return "\n".join((folder / "log").read_text(errors="replace").splitlines()[-lines:])
