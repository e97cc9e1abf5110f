"""Runs the user's startup.sh before Airflow and keeps what it exports, as MWAA does.

https://docs.aws.amazon.com/mwaa/latest/userguide/using-startup-script.html; the limit is that of MWAA's images: five
minutes less five seconds.

`python3 -m windtunnel_runtime.startup_script FILE [SECONDS]` writes its standard input to the file, runs it and prints
how that ended, as JSON: how `windtunnel check` tries a script.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

LIMIT_SECONDS = 295
# Sourced, so that its exports are there to be read, at `exit` too.
RUN = 'trap \'env --null > "$WINDTUNNEL_EXPORTS"\' EXIT; . "$0"'
# Of the shell itself.
NOISE = {"_", "SHLVL", "PWD", "OLDPWD", "WINDTUNNEL_EXPORTS"}


@dataclass(frozen=True)
class Ran:
    """How the script ended: what it exported, its output, and what was wrong with it, if anything."""

    exported: Mapping[str, str]
    output: str
    problem: str = ""


def run(script: Path, environment: Mapping[str, str], limit: float = LIMIT_SECONDS) -> Ran:
    """Run a script by bash for at most `limit` seconds."""
    with tempfile.TemporaryDirectory() as folder:
        exports = Path(folder, "exports")
        variables = {**environment, "WINDTUNNEL_EXPORTS": str(exports)}
        problem, output = _run(script, variables, limit)
        return Ran(_difference(environment, exports), output, problem)


def _run(script: Path, environment: Mapping[str, str], limit: float) -> tuple[str, str]:
    # `timeout` ends what the script has started too; what it leaves in the background keeps no pipe open.
    command = ["timeout", "--kill-after=5", f"{limit:g}", "bash", "-c", RUN, str(script)]
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        said.seek(0)
        output = said.read().decode(errors="replace")
    if done.returncode == 124:
        return f"not over within {limit:g} s: stopped", output
    return (f"ended with {done.returncode}" if done.returncode else ""), output


def _difference(before: Mapping[str, str], exports: Path) -> dict[str, str]:
    if not exports.exists():
        return {}
    pairs = (pair.partition("=") for pair in os.fsdecode(exports.read_bytes()).split("\0") if pair)
    after = {name: value for name, _, value in pairs}
    return {name: value for name, value in after.items() if name not in NOISE and before.get(name) != value}


def main(file: str, limit: str = str(LIMIT_SECONDS)) -> None:
    """Run the script that comes on standard input."""
    script = Path(file)
    script.write_bytes(sys.stdin.buffer.read())
    print(json.dumps(asdict(run(script, os.environ, float(limit)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
