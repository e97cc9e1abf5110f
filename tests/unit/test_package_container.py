"""What was packaged is installed in a container without a network where there is one to be had; Docker is a stub."""

import json
from pathlib import Path

import pytest
from fake_programs import FakePrograms

from windtunnel.errors import NotPackaged
from windtunnel.package import offline

DOCKER = 'case "$1" in\nrun) cat "$state/said"; exit "$(cat "$state/status")" ;;\nesac'


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePrograms:
    made = FakePrograms(tmp_path)
    made.real("cat", "sh")
    made.stub("docker", DOCKER)
    monkeypatch.setenv("PATH", str(made.path))
    return made


def install(programs: FakePrograms, status: int, *problems: str) -> str:
    (programs.state / "status").write_text(str(status))
    (programs.state / "said").write_text(json.dumps({"component": "package", "problems": problems}))
    return offline.install(Path("build/plugins.zip"), Path("build/packaged-requirements.txt"), "airflow:1")


def test_a_container_has_both_files_and_no_network(programs: FakePrograms) -> None:
    assert install(programs, 0) == ""
    (run,) = programs.calls("docker run")
    assert "--network=none" in run.split()
    here = Path("build").resolve()
    assert f"source={here}/plugins.zip,target=/mnt/delivery/code/plugins.zip,readonly" in run
    assert f"source={here}/packaged-requirements.txt,target=/mnt/delivery/code/requirements.txt,readonly" in run
    assert programs.calls("docker rm --force")


def test_what_does_not_install_there_is_not_packaged(programs: FakePrograms) -> None:
    with pytest.raises(NotPackaged, match=r"requirements\.txt: not installed: No matching distribution"):
        install(programs, 0, "requirements.txt: not installed: No matching distribution found for two")


@pytest.mark.parametrize(
    ("status", "why"), [(offline.OTHER_PYTHON, "has another Python than 3.12"), (125, "its container ended with 125")]
)
def test_where_it_cannot_be_tried_that_is_said(programs: FakePrograms, status: int, why: str) -> None:
    assert why in install(programs, status)


def test_without_docker_that_is_said(programs: FakePrograms) -> None:
    (programs.path / "docker").unlink()
    assert install(programs, 0) == "there is no docker on PATH"
