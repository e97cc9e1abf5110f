"""What is wrong with a project is told when a container starts, and the container starts all the same."""

import json
from pathlib import Path

import pytest

from windtunnel.stack import Stack

STARTED = "Airflow would start now"
# File, content, and what is told of it.
FAULTS = {
    "a zip that is none": ("plugins.zip", "nonsense", "plugins.zip: File is not a zip file"),
    "a script that fails": ("startup.sh", "echo on my way\nexit 1\n", "startup.sh: ended with 1"),
    "a script with a command that is not there": ("startup.sh", "yum install -y git\n", "startup.sh: ended with 127"),
    "requirements against the constraints": (
        "requirements.txt",
        "celery==5.7.0\n",
        "celery==5.7.0; The user requested (constraint) celery==5.6.3",
    ),
    "a package that does not exist": (
        "requirements.txt",
        "windtunnel-no-such-package\n",
        "Could not find a version that satisfies the requirement windtunnel-no-such-package",
    ),
    "options that are a list": ("configuration-options.yaml", "- a\n", "expected lines of section.key: value"),
    "a forced option": ("configuration-options.yaml", "core.executor: LocalExecutor\n", "core.executor is not taken"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_it_is_told_and_airflow_starts(stack: Stack, fault: str, tmp_path: Path) -> None:
    name, content, told = FAULTS[fault]
    (tmp_path / name).write_text(content)
    tmp_path.chmod(0o755)
    boot = ["python3", "-m", "windtunnel_runtime.boot", "trial", "sh", "-c"]
    then = f"echo {STARTED}; cat /usr/local/airflow/logs/boot/trial.json; rm /usr/local/airflow/logs/boot/trial.json"
    volume = ["--volume", f"{tmp_path}:/mnt/delivery/code:ro"]
    said = stack.run("run", "--rm", "--no-deps", "-T", *volume, "worker", *boot, then)
    before, _, note = said.partition(f"{STARTED}\n")
    (problem,) = json.loads(note.splitlines()[-1])["problems"]
    assert told in problem
    if "my way" in content:
        assert "on my way" in before
