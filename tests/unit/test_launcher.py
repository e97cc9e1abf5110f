"""The launcher makes its own virtual environment, once, from the lock, and says what stands in its way."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from fake_programs import FakePrograms

LAUNCHER = Path(__file__).parents[2] / "windtunnel"

PYTHON_IN_VENV = """
case "$*" in
*"pip install"*) [ ! -e "$state/pip-fails" ] || { echo "no matching distribution"; exit 1; }
                 [ ! -e "$state/killed" ] || kill -KILL 0 ;;
*"-m windtunnel"*) shift 2; printf '<%s>' "$@" ;;
esac
"""

PYTHON = """
case "$*" in
--version) echo "Python 3.9.2" ;;
*version_info*) [ ! -e "$state/old" ] ;;
*ensurepip*) [ ! -e "$state/no-ensurepip" ] ;;
"-m venv "*) mkdir -p "$3/bin" && cp "$state/python" "$3/bin/python" ;;
esac
"""


class Project:
    """A copy of the launcher with small locks, run with stub programs only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        shutil.copy(LAUNCHER, self.folder)
        (self.folder / "requirements-cli.txt").write_text("boto3==1\n")
        (self.folder / "requirements-dev.txt").write_text("boto3==1\npytest==1\n")
        self.programs = FakePrograms(folder)
        self.programs.real("cat", "cksum", "cp", "dirname", "mkdir", "readlink", "rm", "sh", "tail")
        self.programs.stub("python", PYTHON_IN_VENV, self.programs.state)
        self.programs.stub("python3", PYTHON)

    def run(self, *words: str, launcher: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [launcher or self.folder / "windtunnel", *words],
            env={"PATH": str(self.programs.path), "HOME": str(self.folder)},
            cwd="/",
            capture_output=True,
            text=True,
            start_new_session=True,
        )

    def condition(self, name: str) -> Path:
        """Make a condition of the stubs true; unlink the file to end it."""
        file = self.programs.state / name
        file.touch()
        return file

    def installed(self) -> list[str]:
        """The pip installations so far."""
        return self.programs.calls("pip install")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_first_run_installs_the_lock_by_its_hashes_and_then_the_project(project: Project) -> None:
    ran = project.run("up", "two words")

    assert (ran.returncode, ran.stdout) == (0, "<up><two words>")
    lock, itself = project.installed()
    assert f"--require-hashes --requirement {project.folder}/requirements-cli.txt" in lock
    assert f"--no-deps --no-build-isolation --editable {project.folder}" in itself
    assert len(ran.stderr.splitlines()) == 1


def test_later_runs_only_start_the_program(project: Project) -> None:
    project.run("up")
    project.programs.forget()

    ran = project.run("up")

    assert project.programs.calls() == ["python -m windtunnel up"]
    assert ran.stderr == ""


def test_no_word_at_all_reaches_the_program(project: Project) -> None:
    assert project.run().returncode == 0
    assert project.programs.calls()[-1] == "python -m windtunnel"


def test_a_changed_lock_is_installed_into_a_new_environment(project: Project) -> None:
    project.run("up")
    left_over = project.folder / ".venv" / "removed-package"
    left_over.touch()
    (project.folder / "requirements-cli.txt").write_text("boto3==2\n")
    project.programs.forget()

    project.run("up")

    assert len(project.installed()) == 2
    assert not left_over.exists()


@pytest.mark.parametrize("trouble", ["pip-fails", "killed"])
def test_an_interrupted_installation_is_not_taken_for_a_whole_one(project: Project, trouble: str) -> None:
    condition = project.condition(trouble)
    assert project.run("up").returncode != 0
    assert not project.programs.calls("-m windtunnel")
    condition.unlink()
    project.programs.forget()

    assert project.run("up").stdout == "<up>"
    assert len(project.installed()) == 2


def test_what_pip_says_is_shown_when_it_fails(project: Project) -> None:
    project.condition("pip-fails")

    ran = project.run("up")

    assert ran.returncode == 7
    assert "no matching distribution" in ran.stderr


def test_selftest_adds_the_development_packages_and_nothing_else_needs_them(project: Project) -> None:
    project.run("up")
    project.programs.forget()

    project.run("selftest")
    assert "requirements-dev.txt" in project.installed()[0]
    assert not project.programs.calls("-m venv")

    project.programs.forget()
    project.run("up")
    project.run("selftest")
    assert not project.installed()


def test_selftest_as_the_first_command_serves_the_others_too(project: Project) -> None:
    project.run("selftest")
    project.programs.forget()

    project.run("up")

    assert not project.installed()


def test_an_environment_whose_python_is_gone_is_made_again(project: Project) -> None:
    project.run("up")
    (project.folder / ".venv" / "bin" / "python").unlink()

    assert project.run("up").stdout == "<up>"


def test_a_copied_project_gets_an_environment_of_its_own(project: Project, tmp_path: Path) -> None:
    project.run("up")
    copy = Path(shutil.copytree(project.folder, tmp_path / "copy"))
    project.programs.forget()

    project.run("up", launcher=copy / "windtunnel")

    assert f"--editable {copy}" in project.installed()[1]


def test_a_symlink_finds_the_project(project: Project, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "absolute").symlink_to(project.folder / "windtunnel")
    (tmp_path / "relative").symlink_to("elsewhere/absolute")

    assert project.run("up", launcher=tmp_path / "relative").stdout == "<up>"
    assert (project.folder / ".venv").is_dir()


def test_a_python_that_is_too_old_is_named_with_what_is_expected(project: Project) -> None:
    project.condition("old")

    ran = project.run("up")

    assert ran.returncode == 7
    assert "3.11 or newer expected, found Python 3.9.2" in ran.stderr


def test_a_newer_python_beside_an_old_one_is_found(project: Project) -> None:
    project.condition("old")
    newer = PYTHON.replace('[ ! -e "$state/old" ]', "true")
    project.programs.stub("python3.12", newer)

    assert project.run("up").stdout == "<up>"
    assert project.programs.calls("python3.12 -m venv")


def as_user(project: Project, number: int) -> None:
    project.condition("no-ensurepip")
    project.programs.stub("id", f"echo {number}")
    project.programs.stub("apt-get", 'case "$*" in *python3-venv) rm "$state/no-ensurepip" ;; esac')


def test_root_gets_the_distributions_venv_module_where_it_is_missing(project: Project) -> None:
    as_user(project, 0)

    ran = project.run("up")

    assert ran.stdout == "<up>"
    assert "python3-venv" in ran.stderr
    update, install = project.programs.calls("apt-get")
    assert update.endswith("update")
    assert "Acquire::Retries=5" in install and install.endswith("python3-venv")


def test_another_user_is_told_how_to_get_it(project: Project) -> None:
    as_user(project, 1000)

    ran = project.run("up")

    assert ran.returncode == 7
    assert "sudo apt-get install python3-venv" in ran.stderr
    assert not project.programs.calls("apt-get")


def test_uv_does_it_all_when_it_is_there(project: Project) -> None:
    project.programs.stub(
        "uv",
        'case "$*" in "venv "*) for last; do :; done; mkdir -p "$last/bin"; cp "$state/python" "$last/bin" ;; esac',
    )

    assert project.run("up").stdout == "<up>"
    assert not project.programs.calls("python3 ")
    assert [call for call in project.programs.calls("uv pip install") if "--require-hashes" in call]
    assert not project.programs.calls("-m pip")


def locked(name: str) -> set[str]:
    return {line.split()[0] for line in (LAUNCHER.parent / name).read_text().splitlines() if "==" in line}


def test_the_lock_for_development_holds_all_of_the_other() -> None:
    assert locked("requirements-cli.txt") < locked("requirements-dev.txt")


def test_the_locks_have_all_that_the_project_asks_for() -> None:
    asked = tomllib.loads((LAUNCHER.parent / "pyproject.toml").read_text())
    development = asked["project"]["dependencies"] + asked["dependency-groups"]["dev"]
    for lock, requirements in {
        "requirements-cli.txt": asked["project"]["dependencies"] + asked["dependency-groups"]["build"],
        "requirements-dev.txt": development,
    }.items():
        names = {entry.partition("==")[0] for entry in locked(lock)}
        assert not {normalized(re.split(r"[^\w.-]", requirement)[0]) for requirement in requirements} - names


def normalized(distribution: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", distribution).lower()
