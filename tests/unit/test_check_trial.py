"""startup.sh is run in a container where there is one to be had; here a stub of Docker runs it itself."""

import json
import random
import sys
import time
from pathlib import Path

import pytest
from fake_programs import FakePrograms

from windtunnel.check import check
from windtunnel.check.trial import Trial, of_project
from windtunnel.errors import MachineUnfit
from windtunnel.settings import ROOT, EnvironmentFile
from windtunnel.stack import Stack

WORKER = {"services": {"worker": {"environment": {"AWS_REGION": "eu-north-1", "PIP_INDEX_URL": None}}}}
# The limit of the stub's runs: a script that hangs is to be stopped soon.
DOCKER = f"""
case "$1" in
image) cat "$state/inspected"; exit "$(cat "$state/here")" ;;
compose) echo '{json.dumps(WORKER)}' ;;
run) [ -e "$state/stands" ] && {{ cat >/dev/null; cat "$state/stands"; exit 125; }}
     PYTHONPATH='{ROOT}/airflow' exec '{sys.executable}' -m windtunnel_runtime.startup_script "$state/startup.sh" 1 ;;
esac
"""


class Host:
    """A machine with a stub of Docker, and a project on it."""

    def __init__(self, folder: Path) -> None:
        self.programs = FakePrograms(folder / "host")
        self.programs.real("bash", "cat", "env", "sh", "sleep", "timeout")
        self.programs.stub("docker", DOCKER)
        self.image_is(True)
        self.project = folder / "project"
        (self.project / "dags").mkdir(parents=True)

    def image_is(self, here: bool) -> None:
        (self.programs.state / "here").write_text("0" if here else "1")
        (self.programs.state / "inspected").write_text("")

    def writes(self, script: str) -> None:
        (self.project / "startup.sh").write_text(f"#!/bin/bash\n{script}")

    def tries(self, wanted: bool | None = None) -> Trial | None:
        return of_project(self.project / "startup.sh", Stack(EnvironmentFile("trial", self.project)), 3, wanted)

    def finds(self) -> list[tuple[int, str]]:
        return [(one.line, one.rule) for one in check(self.project, trial=self.tries())]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    monkeypatch.setenv("PATH", str(made.programs.path))
    return made


@pytest.fixture
def draw() -> random.Random:
    seed = time.time_ns()
    print(f"seed {seed}")
    return random.Random(seed)


def test_a_good_script_is_run_as_a_worker_runs_it(host: Host) -> None:
    host.writes('set -u\n[ "$MWAA_AIRFLOW_COMPONENT $AWS_REGION" = "worker eu-north-1" ]\nexport ROWS=1\n')
    assert host.tries() == Trial(exported=("ROWS",))
    assert host.finds() == []


def test_its_container_is_limited_unpublished_and_removed(host: Host) -> None:
    host.writes("true\n")
    host.tries()
    (run,) = host.programs.calls("docker run")
    for word in ("--rm", "--memory=3g", "--memory-swap=3g", "--pull=never", "--label=windtunnel.throw-away"):
        assert word in run.split()
    assert "target=/etc/windtunnel/ca-bundle.crt,readonly" in run
    assert "--publish" not in run and "eu-north-1" not in run
    (name,) = (word.removeprefix("--name=") for word in run.split() if word.startswith("--name="))
    assert host.programs.calls("docker rm") == [f"docker rm --force --volumes {name}"]


def test_an_interrupted_run_leaves_nothing_behind(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.writes("true\n")
    host.programs.stub("docker", DOCKER.replace("run) ", 'run) kill -INT "$PPID"; exec sleep 30;'))
    with pytest.raises(KeyboardInterrupt):
        host.tries()
    assert host.programs.calls("docker rm --force")


def test_a_script_that_fails_is_quoted(host: Host, draw: random.Random) -> None:
    code, word = draw.randrange(1, 120), f"{draw.getrandbits(32):x}"
    host.writes(f"echo begun\necho {word} >&2\nexit {code}\n")
    (finding,) = check(host.project, trial=host.tries())
    assert (finding.rule, finding.severity) == ("startup-fails", "error")
    assert f"ended with {code}" in finding.message and f"begun\n{word}" in finding.message


def test_a_script_that_hangs_is_stopped_and_told(host: Host) -> None:
    host.writes("echo waiting\nsleep 1000\n")
    (finding,) = check(host.project, trial=host.tries())
    assert finding.rule == "startup-fails"
    assert "not over within 1 s" in finding.message and "waiting" in finding.message


def test_a_reserved_variable_is_found_though_it_cannot_be_read(host: Host) -> None:
    host.writes("name=ECS_\nexport ${name}ONE=1\neval export MY_OWN=1\n")
    assert host.finds() == [(0, "startup-reserved")]


def test_what_reading_told_is_not_told_again(host: Host) -> None:
    host.writes("export ECS_ONE=1\nyum install -y git\n")
    assert host.finds() == [(2, "startup-reserved"), (3, "startup-yum")]


def test_amazon_linux_own_commands_are_no_failure(host: Host) -> None:
    host.writes("tool=yum\n$tool install -y git\n")
    (finding,) = check(host.project, trial=host.tries())
    assert (finding.rule, finding.severity) == ("startup-yum", "warning")
    assert "yum: command not found" in finding.message


@pytest.mark.parametrize("fault", ["no docker", "no image", "no container", "an old image"])
def test_where_it_cannot_be_run_it_is_read(host: Host, fault: str) -> None:
    host.writes("export ECS_ONE=1\nexit 1\n")
    if fault == "no docker":
        (host.programs.path / "docker").unlink()
    elif fault == "no image":
        host.image_is(False)
    elif fault == "no container":
        (host.programs.state / "stands").write_text("")
    else:
        host.programs.stub("docker", DOCKER.replace("-m windtunnel_runtime.startup_script", "-c 0"))
    tried = host.tries()
    assert tried and tried.not_run
    assert host.finds() == [(2, "startup-reserved")]
    with pytest.raises(MachineUnfit, match=r"startup\.sh: expected to be run"):
        host.tries(wanted=True)


def test_it_is_left_alone_on_demand_and_where_there_is_none(host: Host) -> None:
    assert host.tries() is None
    host.writes("true\n")
    tried = host.tries(wanted=False)
    assert tried and tried.not_run == "by --no-run-startup"
    assert host.programs.calls() == []
