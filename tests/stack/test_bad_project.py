"""What is wrong with a project is told when a container starts, and the container starts all the same."""

import json
import uuid
from collections.abc import Sequence
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


NOTE = "/usr/local/airflow/logs/boot/trial.json"
# The limits of MWAA are minutes: a boot with shorter ones.
IN_A_HURRY = """
from windtunnel_runtime import boot, startup_script, user_requirements

startup_script.run.__defaults__ = (2,)
user_requirements.install.__defaults__ = (2,)
boot.main("trial", ["sh", "-c", "{}"])
"""
SLOW = "slow @ file:///mnt/delivery/code/slow\n"


def never_built(package: Path) -> None:
    """A package whose build does not end, by a backend of its own: pip needs no index for it (PEP 517)."""
    package.mkdir()
    backend = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    (package / "pyproject.toml").write_text(backend)
    (package / "backend.py").write_text("import time\n\ntime.sleep(600)\n")


def start(stack: Stack, *boot: str, options: Sequence[str] = ()) -> tuple[str, str]:
    """A worker that ends where it would start Airflow: what it printed before, and the one problem that it noted."""
    said = stack.run("run", "--rm", "--no-deps", "-T", *options, "worker", *boot)
    before, _, note = said.partition(f"{STARTED}\n")
    (problem,) = json.loads(note.splitlines()[-1])["problems"]
    return before, problem


THEN = f"echo {STARTED}; cat {NOTE}; rm {NOTE}"
BOOT = ("python3", "-m", "windtunnel_runtime.boot", "trial", "sh", "-c", THEN)


@pytest.fixture
def mounted(tmp_path: Path) -> list[str]:
    tmp_path.chmod(0o755)
    return ["--volume", f"{tmp_path}:/mnt/delivery/code:ro", "--env", "WINDTUNNEL_DELIVERY=project"]


@pytest.mark.parametrize("fault", FAULTS)
def test_it_is_told_and_airflow_starts(stack: Stack, fault: str, tmp_path: Path, mounted: list[str]) -> None:
    name, content, told = FAULTS[fault]
    (tmp_path / name).write_text(content)
    before, problem = start(stack, *BOOT, options=mounted)
    assert told in problem
    if "my way" in content:
        assert "on my way" in before


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("startup.sh", "echo on my way\nsleep 600\n", "startup.sh: not over within 2 s: stopped"),
        ("requirements.txt", SLOW, "requirements.txt: not installed within 2 s: stopped"),
    ],
    ids=["a script that hangs", "an installation that takes too long"],
)
def test_what_takes_too_long_is_stopped(
    stack: Stack, name: str, content: str, told: str, tmp_path: Path, mounted: list[str]
) -> None:
    (tmp_path / name).write_text(content)
    never_built(tmp_path / "slow")
    before, problem = start(stack, "python3", "-c", IN_A_HURRY.format(THEN), options=mounted)
    assert told in problem
    assert ("on my way" in before) == ("my way" in content)


def test_an_object_that_is_gone_from_the_bucket(stack: Stack, tmp_path: Path) -> None:
    document = {"RequirementsS3Path": "requirements.txt", "RequirementsS3ObjectVersion": str(uuid.uuid4())}
    (tmp_path / "environment.json").write_text(json.dumps({"document": document}))
    tmp_path.chmod(0o755)
    options = ["--volume", f"{tmp_path}:/mnt/mwaa:ro", "--env", "WINDTUNNEL_DELIVERY=bucket"]
    _, problem = start(stack, *BOOT, options=options)
    assert f"in version {document['RequirementsS3ObjectVersion']}, found" in problem
    assert "MWAA's update would fail and roll back" in problem
