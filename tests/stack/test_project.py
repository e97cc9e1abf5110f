"""A project's plugins, requirements, startup script, options and seed are in force in the running containers."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from python_on_whales import docker

from command_line import CommandLine
from windtunnel.classes import CLASSES
from windtunnel.settings import ROOT
from windtunnel.stack import Stack
from windtunnel.wait import wait_until
from windtunnel_runtime.environment import TABLE, Option, options

DAG = "selftest_project"
COMPONENTS = ("webserver", "scheduler", "worker")
ASK = """
import json, sys
from airflow.configuration import conf
print(json.dumps({name: conf.get(*name.split(".", 1), fallback=None) for name in sys.argv[1:]}))
"""
EDITED = """
from airflow.sdk import dag, task


@dag(schedule=None, tags=["{}"])
def selftest_edited():
    @task
    def work(): ...

    work()


selftest_edited()
"""
SCRIPT = Path(__file__).parent / "project/startup.sh"
RESERVED = SCRIPT.read_text().partition("for name in ")[2].partition(";")[0].replace("\\", "").split()
# Where MWAA has what a project brings, and something that is in it.
PATHS = {
    "/usr/local/airflow/dags/selftest/selftest_project.py": "@dag",
    "/usr/local/airflow/plugins/greetings/operators.py": "class",
    "/usr/local/airflow/requirements/requirements.txt": "cowsay",
    "/usr/local/airflow/startup/startup.sh": "SELFTEST_FROM_STARTUP",
    "/usr/local/airflow/.local/bin/cowsay": "python",
}
# In seconds: https://docs.aws.amazon.com/mwaa/latest/userguide/using-startup-script.html, less 5 s as MWAA's images do.
LIMITS = {
    "windtunnel_runtime.startup_script.LIMIT_SECONDS": 295,
    "windtunnel_runtime.user_requirements.LIMIT_SECONDS": 540,
    "windtunnel_runtime.delivery.BUCKET_SECONDS": 30,
}
OF_THE_PROJECT = {
    "core.default_task_retries": "0",
    "core.parallelism": "32",
    "scheduler.task_instance_heartbeat_timeout": "60",
}


@pytest.fixture(scope="module")
def returned(cli: CommandLine, stack: Stack) -> dict[str, Any]:
    """What each task of the DAG has returned."""
    run = json.loads(cli("run", DAG, "--timeout", "300", "--json").stdout)
    return {task: stack.api().xcom(DAG, run["run_id"], task) for task in ("greet", "package", "variables", "settings")}


def test_an_operator_comes_from_the_zip_with_a_module_of_its_own(returned: dict[str, Any]) -> None:
    assert returned["greet"] == "hello, world"


def test_a_package_comes_from_the_requirements(returned: dict[str, Any]) -> None:
    assert "moo" in returned["package"]


def test_a_task_sees_what_the_startup_script_exported(returned: dict[str, Any]) -> None:
    assert returned["variables"] == {
        "SELFTEST_FROM_STARTUP": "it's here",
        "SELFTEST_SUDO": "yes",
        "AIRFLOW_HOME": "/usr/local/airflow",
        "MWAA_AIRFLOW_COMPONENT": "worker",
    }


def test_a_file_written_beside_the_module_is_there_and_stays(returned: dict[str, Any], stack: Stack) -> None:
    assert returned["settings"] == "WHO = 'world'\n"
    # Of each container its own, and none comes back to the project.
    for component in ("scheduler", "worker"):
        assert "WHO" in stack.container(component).execute("cat", written())


def written() -> str:
    return "/usr/local/airflow/dags/selftest/selftest_downloaded_settings.py"


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize(
    "command",
    [
        ("bash", "-c", "echo $SELFTEST_FROM_STARTUP"),
        ("bash", "-i", "-c", "echo $SELFTEST_FROM_STARTUP"),
        ("python3", "-c", "import os; print(os.environ['SELFTEST_FROM_STARTUP'])"),
    ],
    ids=["shell", "interactive shell", "Python"],
)
def test_what_is_opened_in_a_container_sees_it_too(stack: Stack, component: str, command: tuple[str, ...]) -> None:
    assert stack.container(component).execute(*command).splitlines()[-1] == "it's here"


def test_plain_compose_sees_it_too(stack: Stack) -> None:
    command = [*stack.compose, "exec", "-T", "worker", "airflow", "config", "get-value", "core", "default_task_retries"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.split()[-1] == "0"


@pytest.fixture(scope="module", params=COMPONENTS)
def environ(request: pytest.FixtureRequest, stack: Stack) -> dict[str, str]:
    """The variables of a component, as what is opened in its container has them."""
    said = stack.container(request.param).execute(
        "python3", "-c", "import json, os; print(json.dumps(dict(os.environ)))"
    )
    found: dict[str, str] = json.loads(said.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", RESERVED)
def test_a_reserved_variable_is_not_taken(environ: dict[str, str], name: str) -> None:
    assert environ.get(name) != "/elsewhere"


def test_no_row_of_the_table_goes_unasked() -> None:
    rows = [row["pattern"] for row in tomllib.loads(TABLE.read_text())["reserved"]]
    assert [row for row in rows if not any(re.fullmatch(row, name) for name in RESERVED)] == []
    asked = {option.name for option in IN_AIRFLOW}
    told = {"celery.worker_concurrency"}
    # The first by test_variants.py.
    own = {"mwaa.triggerer_enabled", "mwaa.worker_replacement_threshold_seconds"}
    assert sorted(options()) == sorted([*asked, *told, *own])
    page = (ROOT / "docs/differences.md").read_text()
    listed = [
        option for option in options().values() if option.kind in ("forced", "default", "computed") and option.why
    ]
    assert listed and all(f"| `{option.name}` |" in page for option in listed)
    assert "`mwaa.worker_replacement_threshold_seconds`" in page


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize(("path", "what"), PATHS.items())
def test_a_path_is_mwaas(stack: Stack, component: str, path: str, what: str) -> None:
    assert what in stack.container(component).execute("cat", path)


@pytest.mark.parametrize(("constant", "seconds"), LIMITS.items())
def test_a_limit_is_mwaas(stack: Stack, constant: str, seconds: float) -> None:
    module, _, name = constant.rpartition(".")
    said = stack.container("worker").execute("python3", "-c", f"import {module} as m; print(float(m.{name}))")
    assert float(said.splitlines()[-1]) == seconds


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_containers_memory_is_its_classs_and_there_is_no_swap(stack: Stack, component: str) -> None:
    host = docker.container.inspect(stack.container(component).id).host_config
    gib = getattr(CLASSES[stack.environment.value("ENVIRONMENT_CLASS")], component)[1]
    assert (host.memory, host.memory_swap) == (gib * 1024**3, gib * 1024**3)


@pytest.fixture(scope="module", params=COMPONENTS)
def configured(request: pytest.FixtureRequest, stack: Stack) -> dict[str, str | None]:
    """The options of a component as Airflow reads them there."""
    said = stack.container(request.param).execute("python3", "-c", ASK, *options(), *OF_THE_PROJECT)
    found: dict[str, str | None] = json.loads(said.splitlines()[-1])
    return found


def expected(option: Option) -> str:
    differs = option.why and option.kind != "refused"
    return OF_THE_PROJECT.get(option.name, option.here if differs else option.mwaa)


IN_AIRFLOW = [option for option in options().values() if option.kind not in ("ignored", "own")]


@pytest.mark.parametrize("option", IN_AIRFLOW, ids=lambda option: option.name)
def test_an_option_is_as_mwaa_has_it_or_as_the_table_says(configured: dict[str, str | None], option: Option) -> None:
    found, wanted = configured[option.name] or "", expected(option)
    if wanted.startswith("<"):
        assert found and found != wanted
    else:
        assert found == wanted


def test_the_projects_options_are_in_force(configured: dict[str, str | None]) -> None:
    assert {name: configured[name] for name in OF_THE_PROJECT} == OF_THE_PROJECT


@pytest.mark.parametrize("component", COMPONENTS)
def test_status_tells_what_was_not_taken(cli: CommandLine, component: str) -> None:
    told = cli.json("status")["boot_problems"][component]
    refused = [problem.split(" is not taken")[0] for problem in told]
    options = ["configuration option core.executor", "configuration option celery.worker_concurrency"]
    assert sorted(refused) == sorted([*(f"startup.sh: {name}" for name in RESERVED), *options])
    assert f"{component} started without: " in cli("status").stdout.replace("\n", " ")


def test_the_seed_is_in_airflow(stack: Stack) -> None:
    api = stack.api()
    assert api.find("connections", "selftest_seeded")["host"] == "example.com"
    assert json.loads(api.find("variables", "selftest_seeded")["value"]) == {"rows": 5}
    assert api.find("pools", "selftest_seeded")["slots"] == 3


def test_an_edited_dag_is_live(dags_folder: Path, stack: Stack) -> None:
    file = dags_folder / "selftest/selftest_edited.py"
    try:
        for tag in ("first", "second"):
            file.write_text(EDITED.format(tag))
            wait_until(lambda tag=tag: tags(stack) == [tag], f"the DAG with the tag {tag}", 60)
    finally:
        file.unlink()
    wait_until(lambda: EDITED[:20] not in listing(stack), "the file to go", 60)


def listing(stack: Stack) -> str:
    return stack.container("worker").execute("sh", "-c", "cat /usr/local/airflow/dags/selftest/*edited.py || true")


def tags(stack: Stack) -> list[str]:
    found = stack.api().find("dags", "selftest_edited") or {"tags": []}
    return [one["name"] for one in found["tags"]]
