"""What a container does before Airflow, in MWAA's order: plugins, startup script, requirements; then it runs a command.

`python3 -m windtunnel_runtime.boot COMPONENT COMMAND…`. Whatever of the user's does not work is logged, noted where
`windtunnel status` finds it, and left out; Airflow starts all the same, as in MWAA.
"""

import json
import os
import shlex
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from windtunnel_runtime import log_shipping, pinned, startup_script, task_logs, user_plugins, user_requirements
from windtunnel_runtime.environment import Environment, variable

DELIVERED = Path("/mnt/delivery/code")
FETCHED = Path("/tmp/windtunnel-code")
HOME = Path("/usr/local/airflow")
# Shells that start later in the container read it (image: /usr/local/windtunnel/environment.sh).
SAVED = Path("/tmp/windtunnel-environment")
# How many tasks a worker runs, for the service task-memory: a project's options may say.
AUTOSCALE = Path("/tmp/windtunnel-worker-autoscale")
LOGS = HOME / "logs"
NOTES = LOGS / "boot"


class Boot:
    """One start of a component: its environment, and what went wrong on the way, in order."""

    def __init__(self, component: str, environment: Mapping[str, str]) -> None:
        self.component = component
        self.host = socket.gethostname()
        self.environment = Environment({**environment, "MWAA_AIRFLOW_COMPONENT": component, "WINDTUNNEL_BOOTED": "1"})
        self.problems: list[str] = []
        # By MWAA's prefix of its log stream, what a step has printed.
        self.printed: dict[str, Path] = {}
        self._code = DELIVERED

    def run(self) -> None:
        """All steps; those with nothing to do are free."""
        if os.environ.get("WINDTUNNEL_DELIVERY") == "bucket":
            self._fetch()
        self._note("", user_plugins.install(self._code, HOME / "plugins"))
        if script := self._placed("startup.sh", HOME / "startup"):
            self._start(script)
        self.environment.configure(self._options())
        self.environment.variables |= task_logs.variables(self.environment.variables)
        self._note("", task_logs.problem(self.environment.variables))
        if requirements := self._placed("requirements.txt", HOME / "requirements"):
            log = self._log("requirements_install")
            problem = user_requirements.install(requirements, self.environment.variables, log)
            self._note("requirements.txt", problem, log)
        self.problems += self.environment.refused

    def _fetch(self) -> None:
        import boto3

        self._code = FETCHED
        self.problems += pinned.fetch(pinned.DOCUMENT, os.environ["WINDTUNNEL_BUCKET"], boto3.client("s3"), FETCHED)

    def _placed(self, name: str, folder: Path) -> Path | None:
        """A file of the project's where MWAA has it, since what it names beside itself is looked for there."""
        file, there = self._code / name, folder / name
        there.unlink(missing_ok=True)
        if not file.exists() or not file.stat().st_size:
            return None
        folder.mkdir(exist_ok=True)
        return Path(shutil.copy(file, there))

    def _start(self, script: Path) -> None:
        ran = startup_script.run(script, self.environment.variables)
        log = self._log("startup_script_execution")
        log.write_text(ran.output)
        self.environment.export(ran.exported)
        self._note("startup.sh", ran.problem, log)

    def _options(self) -> dict[str, Any]:
        file = self._code / "configuration-options.yaml"
        try:
            found = yaml.safe_load(file.read_text()) if file.exists() else {}
        except yaml.YAMLError as error:
            found = str(error)
        if found and not isinstance(found, dict):
            self._note(file.name, f"expected lines of section.key: value, found {found!r}")
        return found if isinstance(found, dict) else {}

    def _log(self, stream: str) -> Path:
        """Where a step's output goes, by the name of MWAA's log stream."""
        LOGS.mkdir(exist_ok=True)
        self.printed[stream] = LOGS / f"{stream}_{self.component}_{self.host}.log"
        return self.printed[stream]

    def _note(self, what: str, problem: str, log: Path | None = None) -> None:
        if problem:
            self.problems.append(f"{what}: {problem}" if what else problem)
        if log:
            print(log.read_text(errors="replace"), end="", flush=True)

    def tell(self) -> None:
        """Say what went wrong in the container's log and in the notes."""
        for problem in self.problems:
            print(f"boot: {problem}", file=sys.stderr, flush=True)
        NOTES.mkdir(parents=True, exist_ok=True)
        note = {"component": self.component, "host": self.host, "problems": self.problems}
        (NOTES / f"{self.component}.json").write_text(json.dumps(note) + "\n")

    def save(self) -> None:
        """Write the variables down for shells that start later."""
        lines = [f"export {name}={shlex.quote(value)}" for name, value in self.environment.variables.items()]
        SAVED.touch(mode=0o600)
        SAVED.write_text("\n".join(lines) + "\n")
        AUTOSCALE.write_text(self.environment.variables.get(variable("celery.worker_autoscale"), ""))


def main(component: str, command: list[str]) -> None:
    """Prepare, then become the component."""
    boot = Boot(component, os.environ)
    boot.run()
    if task_logs.kind(os.environ) == "cloudwatch":
        sys.stdout.flush()
        log_shipping.start(component, boot.printed)
        log_shipping.join(component)
    boot.tell()
    boot.save()
    sys.stdout.flush()
    os.execvpe(command[0], command, boot.environment.variables)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
