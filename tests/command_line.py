"""Windtunnel's command line as the tests use it: in a process of its own, for a stack of its own."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from typing import Any

from windtunnel.settings import ROOT, EnvironmentFile


@dataclass
class CommandLine:
    """`./windtunnel --name NAME …`, with settings of its own in the process environment."""

    name: str
    environ: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, expect: int | None = 0, **environ: str) -> subprocess.CompletedProcess[str]:
        command = [str(ROOT / "windtunnel"), "--name", self.name, *arguments]
        done = subprocess.run(
            command, env=os.environ | self.environ | environ, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        said = f"{' '.join(command)} exited with {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert expect is None or done.returncode == expect, said
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json").stdout)

    def remove(self) -> None:
        """Everything that this stack has left on the machine."""
        self("down", "--volumes", expect=None)
        EnvironmentFile(self.name).path.unlink(missing_ok=True)
        (ROOT / f".cache/{self.name}.last-rebuild").unlink(missing_ok=True)
