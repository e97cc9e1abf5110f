"""Containers of the Airflow image for one run each: nothing of them is left, however the run ends."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from windtunnel.errors import MachineUnfit

#: `docker ps --all --filter label=windtunnel.throw-away` finds what a command that was killed has left.
LABEL = "windtunnel.throw-away"
ANSWER_SECONDS = 10


def demand(image: str) -> None:
    """See that a container of this image can be had.

    Raises:
        MachineUnfit: no engine answers, or it has no such image.
    """
    if not shutil.which("docker"):
        raise MachineUnfit("there is no docker on PATH")
    asked = ["docker", "image", "inspect", "--format={{.Id}}", image]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=ANSWER_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise MachineUnfit(f"docker gave no answer within {ANSWER_SECONDS} s") from error
    if done.returncode:
        raise MachineUnfit(last_line(done.stderr) or f"docker image inspect {image} ended with {done.returncode}")


def run(
    image: str,
    command: Sequence[str],
    memory_gib: int,
    seconds: float,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a container without ports or swap, with more `options` of `docker run`.

    `environment` is docker's own: an option --env=NAME takes a value of it, which then shows in no list of processes.

    Raises:
        MachineUnfit: it did not end within `seconds`.
    """
    name = f"windtunnel-throw-away-{secrets.token_hex(6)}"
    limits = [f"--memory={memory_gib}g", f"--memory-swap={memory_gib}g", "--cpus=1"]
    fixed = ["--rm", "--interactive", "--pull=never", f"--name={name}", f"--label={LABEL}", *limits]
    try:
        return subprocess.run(
            ["docker", "run", *fixed, *options, image, *command],
            input=stdin,
            capture_output=True,
            timeout=seconds,
            env=os.environ | (environment or {}),
        )
    except subprocess.TimeoutExpired as error:
        raise MachineUnfit(f"a container of {image} did not end within {seconds:g} s") from error
    finally:
        _remove(name)


def _remove(name: str) -> None:
    """--rm does it, unless the container goes on: after Ctrl-C, or the time limit here."""
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True, timeout=ANSWER_SECONDS)


def last_line(text: str) -> str:
    """The line in which docker says what is wrong; empty when there is none."""
    return (text.strip().splitlines() or [""])[-1]
