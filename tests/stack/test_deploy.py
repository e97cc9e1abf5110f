"""The same project delivered through the bucket: the same run result, changed by deploying, and back again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command_line import CommandLine
from windtunnel import destinations
from windtunnel.stack import Stack

DAG = "selftest_project"
TASKS = ("greet", "package", "variables", "settings")


@pytest.fixture(scope="module")
def project(dags_folder: Path) -> Path:
    return dags_folder.parent


def result(cli: CommandLine, stack: Stack) -> dict[str, Any]:
    """What the tasks of a run have returned."""
    run = json.loads(cli("run", DAG, "--timeout", "300", "--json").stdout)
    return {task: stack.api().xcom(DAG, run["run_id"], task) for task in TASKS}


@pytest.fixture(scope="module")
def from_the_folder(cli: CommandLine, stack: Stack) -> dict[str, Any]:
    return result(cli, stack)


@pytest.fixture(scope="module")
def from_the_bucket(
    from_the_folder: dict[str, Any], cli: CommandLine, stack: Stack, project: Path
) -> Iterator[CommandLine]:
    """The stack as MWAA has it, the project deployed once."""
    cli("up", "--delivery", "bucket", "--no-demo")
    try:
        said = cli("deploy").stdout
        assert "+ dags/selftest/selftest_project.py" in said and "+ plugins.zip" in said
        yield cli
    finally:
        cli("up", "--delivery", "project", "--no-demo")


def test_a_run_has_the_same_result(from_the_folder: dict[str, Any], from_the_bucket: CommandLine, stack: Stack) -> None:
    assert result(from_the_bucket, stack) == from_the_folder


def test_the_environment_says_what_it_has(from_the_bucket: CommandLine, stack: Stack) -> None:
    document = destinations.mwaa(stack).get_environment(Name=stack.name)["Environment"]
    assert document["Status"] == "AVAILABLE"
    assert document["PluginsS3Path"] == "plugins.zip" and document["PluginsS3ObjectVersion"]
    assert document["AirflowConfigurationOptions"]["core.default_task_retries"] == "0"


def test_the_same_again_changes_nothing(from_the_bucket: CommandLine) -> None:
    said = from_the_bucket("deploy").stdout
    assert "nothing changed" in said and "needed no update" in said


def test_a_change_arrives_and_goes_back(from_the_bucket: CommandLine, stack: Stack, project: Path) -> None:
    script, dag = project / "startup.sh", project / "dags/selftest/selftest_project.py"
    before = script.read_text(), dag.read_text()
    try:
        script.write_text(before[0].replace("it's here", "it's new"))
        dag.write_text(before[1].replace('who="world"', 'who="moon"'))
        said = from_the_bucket("deploy").stdout
        assert "~ startup.sh" in said and "~ dags/selftest/selftest_project.py" in said
        changed = result(from_the_bucket, stack)
        assert (changed["variables"]["SELFTEST_FROM_STARTUP"], changed["greet"]) == ("it's new", "hello, moon")
        from_the_bucket("deploy", "--rollback")
        back = result(from_the_bucket, stack)
        assert (back["variables"]["SELFTEST_FROM_STARTUP"], back["greet"]) == ("it's here", "hello, world")
    finally:
        script.write_text(before[0])
        dag.write_text(before[1])


def test_the_dags_are_where_the_environment_says(from_the_bucket: CommandLine, stack: Stack) -> None:
    """As a bucket of several teams has them; then back, so that the other tests find theirs."""
    mwaa = destinations.mwaa(stack)
    there, _ = destinations.of_stack(stack)
    before = there.document()["DagS3Path"]
    try:
        there.update({"DagS3Path": "team/dags"})
        assert "+ team/dags/selftest/selftest_project.py" in from_the_bucket("deploy").stdout
        assert result(from_the_bucket, stack)["greet"] == "hello, world"
        assert mwaa.get_environment(Name=stack.name)["Environment"]["DagS3Path"] == "team/dags"
    finally:
        there.update({"DagS3Path": before})
        from_the_bucket("deploy")
