"""startup.sh, run in a container that is thrown away, by the code that runs it when a component starts."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from windtunnel.errors import MachineUnfit, WindtunnelError
from windtunnel.settings import ROOT
from windtunnel.shapes import has_tasks
from windtunnel.stack import Stack

#: `docker ps --all --filter label=…` finds what a check that was killed has left.
LABEL = "windtunnel.check=startup"
SCRIPT = "/usr/local/airflow/startup/startup.sh"
COMPONENT = {"MWAA_AIRFLOW_COMPONENT": "worker"}
ANSWER_SECONDS = 10
# The script has a limit of its own in the container, 295 s, as in MWAA: this one is for an engine that hangs.
RUN_SECONDS = 400


@dataclass(frozen=True)
class Trial:
    """How a run of the script ended: what was `problem`, all that it printed, the variables that it exported.

    `not_run`: why it was only read; empty when it was run.
    """

    problem: str = ""
    output: str = ""
    exported: tuple[str, ...] = ()
    not_run: str = ""


@dataclass(frozen=True)
class ThrowAway:
    """Containers of the Airflow image, for one run each: no ports, the limits and variables of a worker.

    `variables` may have None for those of this process; `limit` is in seconds, MWAA's when left out.
    """

    image: str
    ca_bundle: Path
    memory_gib: int
    variables: Mapping[str, str | None]
    limit: float | None = None

    def run(self, script: Path) -> Trial:
        """Run the script; its container is gone afterwards, however this ends.

        Raises:
            MachineUnfit: there was no run, whatever the script is.
        """
        name = f"windtunnel-check-{secrets.token_hex(6)}"
        known = {name: value for name, value in self.variables.items() if value is not None}
        try:
            done = subprocess.run(
                self._command(name),
                input=script.read_bytes(),
                capture_output=True,
                timeout=RUN_SECONDS,
                env=os.environ | known | COMPONENT,
            )
        except subprocess.TimeoutExpired as error:
            raise MachineUnfit(f"its container did not end within {RUN_SECONDS} s") from error
        finally:
            _remove(name)
        return _told(done)

    def _command(self, name: str) -> list[str]:
        memory = f"{self.memory_gib}g"
        # Names alone: docker takes the values of its own environment, so that no password shows in a list of processes.
        variables = [f"--env={one}" for one in sorted({*self.variables, *COMPONENT})]
        limits = [f"--memory={memory}", f"--memory-swap={memory}", "--cpus=1"]
        trusted = f"--mount=type=bind,source={self.ca_bundle},target=/etc/windtunnel/ca-bundle.crt,readonly"
        limit = [] if self.limit is None else [f"{self.limit:g}"]
        runner = ["python3", "-m", "windtunnel_runtime.startup_script", SCRIPT, *limit]
        engine = ["docker", "run", "--rm", "--interactive", "--pull=never", f"--name={name}", f"--label={LABEL}"]
        return [*engine, *limits, trusted, *variables, self.image, *runner]


def of_project(script: Path, stack: Stack, memory_gib: int, wanted: bool | None) -> Trial | None:
    """Run a project's startup.sh if that can be done here; None when there is no such file.

    `wanted`: False never runs it, True demands it.

    Raises:
        MachineUnfit: it is demanded, and can't be run.
    """
    if not script.is_file():
        return None
    if wanted is False:
        return Trial(not_run="by --no-run-startup")
    try:
        return of_stack(stack, memory_gib).run(script)
    except WindtunnelError as error:
        if wanted:
            help = error.help or "./windtunnel up makes the image; ./windtunnel doctor looks at the engine"
            raise MachineUnfit(f"startup.sh: expected to be run in a container: {error.message}", help) from error
        return Trial(not_run=error.message)


def of_stack(stack: Stack, memory_gib: int) -> ThrowAway:
    """Containers as the stack's workers are, which need not run.

    Raises:
        MachineUnfit: no engine answers, or it has no such image.
        WindtunnelError: the stack's Compose files will not do.
    """
    settings = stack.environment.values()
    _demand(settings["AIRFLOW_IMAGE"])
    services = json.loads(stack.run("config", "--format", "json"))["services"]
    variables = services[has_tasks(settings["COMPOSE_FILE"])]["environment"]
    return ThrowAway(settings["AIRFLOW_IMAGE"], (ROOT / settings["CA_BUNDLE"]).resolve(), memory_gib, variables)


def _demand(image: str) -> None:
    """Raises MachineUnfit when no engine answers, or has no such image."""
    if not shutil.which("docker"):
        raise MachineUnfit("there is no docker on PATH")
    asked = ["docker", "image", "inspect", "--format={{.Id}}", image]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=ANSWER_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise MachineUnfit(f"docker gave no answer within {ANSWER_SECONDS} s") from error
    if done.returncode:
        raise MachineUnfit(_last_line(done.stderr) or f"docker image inspect {image} ended with {done.returncode}")


def _told(done: subprocess.CompletedProcess[bytes]) -> Trial:
    said = done.stderr.decode(errors="replace")
    if done.returncode:
        raise MachineUnfit(_last_line(said) or f"its container ended with {done.returncode}")
    try:
        told = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise MachineUnfit("the image is of another version of Windtunnel", "./windtunnel up makes it anew") from error
    return Trial(told["problem"], told["output"], tuple(sorted(told["exported"])))


def _remove(name: str) -> None:
    """--rm does it too, unless the engine was told to stop waiting."""
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True, timeout=ANSWER_SECONDS)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]
