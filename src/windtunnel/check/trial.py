"""startup.sh, run in a container that is thrown away, by the code that runs it when a component starts."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from windtunnel import throw_away
from windtunnel.errors import MachineUnfit, WindtunnelError
from windtunnel.settings import ROOT
from windtunnel.shapes import has_tasks
from windtunnel.stack import Stack

SCRIPT = "/usr/local/airflow/startup/startup.sh"
COMPONENT = {"MWAA_AIRFLOW_COMPONENT": "worker"}
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
class Worker:
    """What a worker's container has: image, CA bundle, memory, variables (None: those of this process).

    `limit` of the script's time is in seconds, MWAA's when left out.
    """

    image: str
    ca_bundle: Path
    memory_gib: int
    variables: Mapping[str, str | None]
    limit: float | None = None

    def run(self, script: Path) -> Trial:
        """Run the script in a container of its own.

        Raises:
            MachineUnfit: there was no run, whatever the script is.
        """
        trusted = f"--mount=type=bind,source={self.ca_bundle},target=/etc/windtunnel/ca-bundle.crt,readonly"
        names = [f"--env={name}" for name in sorted({*self.variables, *COMPONENT})]
        known = {name: value for name, value in self.variables.items() if value is not None}
        limit = [] if self.limit is None else [f"{self.limit:g}"]
        done = throw_away.run(
            self.image,
            ["python3", "-m", "windtunnel_runtime.startup_script", SCRIPT, *limit],
            self.memory_gib,
            RUN_SECONDS,
            options=[trusted, *names],
            environment=known | COMPONENT,
            stdin=script.read_bytes(),
        )
        return _told(done)


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


def of_stack(stack: Stack, memory_gib: int) -> Worker:
    """A worker as the stack's are, which need not run.

    Raises:
        MachineUnfit: no engine answers, or it has no such image.
        WindtunnelError: the stack's Compose files will not do.
    """
    settings = stack.environment.values()
    throw_away.demand(settings["AIRFLOW_IMAGE"])
    services = json.loads(stack.run("config", "--format", "json"))["services"]
    variables = services[has_tasks(settings["COMPOSE_FILE"])]["environment"]
    return Worker(settings["AIRFLOW_IMAGE"], (ROOT / settings["CA_BUNDLE"]).resolve(), memory_gib, variables)


def _told(done: subprocess.CompletedProcess[bytes]) -> Trial:
    if done.returncode:
        said = throw_away.last_line(done.stderr.decode(errors="replace"))
        raise MachineUnfit(said or f"its container ended with {done.returncode}")
    try:
        told = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise MachineUnfit("the image is of another version of Windtunnel", "./windtunnel up makes it anew") from error
    return Trial(told["problem"], told["output"], tuple(sorted(told["exported"])))
