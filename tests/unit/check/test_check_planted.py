"""`check` finds what was planted, where it was planted, and nothing else."""

import random
import shutil
import sys
import time
from pathlib import Path

import pytest
from planted import ALONE, PLANTERS

from windtunnel.check import check
from windtunnel.check.rules import RULES
from windtunnel.check.trial import Trial

REALISTIC = Path(__file__).parent / "realistic"
#: Found by other means than by reading: each has a test of its own.
ELSEWHERE = {"dags-folder", "startup-fails", "requirement-unresolved", "syntax-unsure"}

Found = set[tuple[str, int, str]]


@pytest.fixture
def draw() -> random.Random:
    seed = time.time_ns()
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REALISTIC, tmp_path / "project"))


def found(project: Path) -> Found:
    return {(one.file, one.line, one.rule) for one in check(project)}


def test_every_rule_has_a_planter() -> None:
    assert set(PLANTERS) | ELSEWHERE == set(RULES)


@pytest.mark.parametrize("rule", PLANTERS)
def test_one_fault_is_found_where_it_is(rule: str, project: Path, draw: random.Random) -> None:
    place = PLANTERS[rule](project, draw)
    assert found(project) == {(*place, rule)}


@pytest.mark.parametrize("attempt", range(5))
def test_many_faults_are_found_together(attempt: int, project: Path, draw: random.Random) -> None:
    left_out = {rule for group in ALONE for rule in draw.sample(group, len(group) - 1)}
    rules = [rule for rule in PLANTERS if rule not in left_out]
    draw.shuffle(rules)
    assert len(rules) > 20
    planted = {(*PLANTERS[rule](project, draw), rule) for rule in rules}
    assert found(project) == planted


def test_several_of_one_kind_are_all_found(project: Path, draw: random.Random) -> None:
    rule = draw.choice(["queue", "dag-cycle", "import-removed", "write-outside-tmp", "variable-at-import", "syntax"])
    places = {(*PLANTERS[rule](project, draw), rule) for _ in range(20)}
    assert found(project) == places


def test_a_folder_that_is_no_project_is_told(tmp_path: Path) -> None:
    assert found(tmp_path) == {("dags", 0, "dags-folder")}


def test_a_clean_project_has_no_finding() -> None:
    assert check(REALISTIC) == []


def test_a_startup_script_that_fails_in_its_container_is_found(project: Path, draw: random.Random) -> None:
    code = draw.randrange(1, 256)
    findings = check(project, trial=Trial(f"ended with {code}", "cp: no such thing"))
    assert [(one.file, one.rule) for one in findings] == [("startup.sh", "startup-fails")]
    assert str(code) in findings[0].message and "no such thing" in findings[0].message
    assert check(project, trial=Trial(output="all is well")) == []


def test_syntax_that_only_mwaas_python_knows_is_no_error(project: Path) -> None:
    (project / "dags/new.py").write_text("from airflow.sdk import DAG\ntype Name = str\nx = f'{DAG('new')}'\n")
    expected = {("dags/new.py", 2, "syntax-unsure")} if sys.version_info < (3, 12) else set()
    assert found(project) == expected


def test_the_class_tells_how_many_dags_are_too_many(project: Path) -> None:
    names = "".join(f"dag{n} = DAG('many_{n}')\n" for n in range(200))
    (project / "dags/many.py").write_text("from airflow.sdk import DAG\n" + names)
    assert [one.rule for one in check(project, "mw1.small")] == ["dag-capacity"]
    assert check(project, "mw1.medium") == []


def test_an_option_that_the_project_itself_reads_is_fine(project: Path) -> None:
    with (project / "configuration-options.yaml").open("a") as file:
        file.write("foo.user: me\nfoo.password: secret\n")
    with (project / "requirements.txt").open("a") as file:
        file.write("--extra-index-url https://${AIRFLOW__FOO__USER}:x@example.org/simple\n")
    assert found(project) == {("configuration-options.yaml", 9, "option-unknown")}
