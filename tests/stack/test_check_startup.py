"""`check` runs startup.sh in a container that is gone afterwards, whatever the script does."""

import json
import random
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from command_line import CommandLine
from windtunnel.check.trial import of_stack
from windtunnel.stack import Stack
from windtunnel.throw_away import LABEL


def containers() -> list[str]:
    listing = ["docker", "ps", "--all", "--quiet", "--filter", f"label={LABEL}"]
    return subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    assert containers() == []


def findings(cli: CommandLine, project: Path, script: str, expect: int) -> list[dict[str, Any]]:
    (project / "dags").mkdir()
    (project / "startup.sh").write_text(f"#!/bin/bash\n{script}")
    told = json.loads(cli("check", "--run-startup", "--json", "--project", str(project), expect=expect).stdout)
    assert told["startup"] == {"run": True, "why_not": ""}
    return list(told["findings"])


def test_a_good_script_has_no_finding(cli: CommandLine, tmp_path: Path) -> None:
    script = 'set -eu\n[ "$MWAA_AIRFLOW_COMPONENT" = worker ]\n[ -n "$AWS_REGION" ]\nsudo -n true\nexport ROWS=10\n'
    assert findings(cli, tmp_path, script, expect=0) == []


def test_a_script_that_fails_is_an_error_with_its_last_lines(cli: CommandLine, tmp_path: Path) -> None:
    seed = time.time_ns()
    print(f"seed {seed}")
    word = f"{random.Random(seed).getrandbits(32):x}"
    (finding,) = findings(cli, tmp_path, f"echo {word}\nexit 1\n", expect=1)
    assert (finding["rule"], finding["severity"]) == ("startup-fails", "error")
    assert "ended with 1" in finding["message"] and word in finding["message"]


def test_a_reserved_variable_is_seen_however_it_is_exported(cli: CommandLine, tmp_path: Path) -> None:
    (finding,) = findings(cli, tmp_path, "name=AIRFLOW__CORE__\nexport ${name}EXECUTOR=LocalExecutor\n", expect=0)
    assert (finding["rule"], finding["line"]) == ("startup-reserved", 0)
    assert "AIRFLOW__CORE__EXECUTOR" in finding["message"]


def test_a_script_that_hangs_is_stopped(stack: Stack, tmp_path: Path) -> None:
    script = tmp_path / "startup.sh"
    script.write_text("echo waiting\nsleep 1000\n")
    tried = replace(of_stack(stack, 2), limit=2).run(script)
    # Bash tells of its child's end when that comes before its own: `timeout` ends both at once.
    assert (tried.problem, tried.output.removesuffix("Terminated\n")) == ("not over within 2 s: stopped", "waiting\n")
