"""`./windtunnel check` for people, for machines and for CI."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from windtunnel.settings import ROOT

REALISTIC = Path(__file__).parent / "realistic"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "windtunnel", "check", "--no-run-startup", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "dags").mkdir()
    return tmp_path


def test_a_clean_project_exits_0() -> None:
    done = run("--project", REALISTIC)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "✓ 0 errors, 0 warnings")


def test_it_says_whether_the_startup_script_was_run() -> None:
    assert "startup.sh was read, not run: by --no-run-startup" in run("--project", REALISTIC).stdout
    told = json.loads(run("--project", REALISTIC, "--json").stdout)
    assert told["startup"] == {"run": False, "why_not": "by --no-run-startup"}


def test_an_error_exits_1_and_says_where_what_and_what_to_do(project: Path) -> None:
    (project / "dags/a.py").write_text(
        "from airflow.sdk import DAG\nfrom airflow.utils.dates import days_ago\nDAG('x')\n"
    )
    done = run("--project", project)
    assert done.returncode == 1
    for said in ("dags/a.py:2", "import-removed", "airflow.utils.dates.days_ago", "ImportError", "pendulum.today"):
        assert said in done.stdout


def test_the_project_may_be_named_before_the_verb_as_for_every_other(project: Path) -> None:
    (project / "dags/a.py").write_text("import no_such_module\n")
    command = [sys.executable, "-m", "windtunnel", "--project", str(project), "check", "--no-run-startup"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "dags/a.py:1" in done.stdout


def test_a_warning_exits_0(project: Path) -> None:
    (project / "requirements.txt").write_text("funcy\n")
    done = run("--project", project)
    assert done.returncode == 0
    assert "0 errors, 1 warnings" in done.stdout


def test_json_has_every_finding(project: Path) -> None:
    (project / "requirements.txt").write_text("flask==1.0\nfuncy\n")
    done = run("--project", project, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert (told["errors"], told["warnings"]) == (1, 1)
    first = told["findings"][0]
    assert (first["file"], first["line"], first["rule"], first["severity"]) == (
        "requirements.txt",
        1,
        "requirement-essential",
        "error",
    )
    assert "flask==1.0" in first["message"] and "flask==3.1.3" in first["message"]
    assert first["do"] and first["mwaa"]


def test_a_folder_that_is_not_there_exits_2(tmp_path: Path) -> None:
    done = run("--project", tmp_path / "nowhere")
    assert done.returncode == 2
    assert "no such folder" in done.stderr


def test_an_unknown_class_exits_2(project: Path) -> None:
    assert run("--project", project, "--class", "mw1.huge").returncode == 2
