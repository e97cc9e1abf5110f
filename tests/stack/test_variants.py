"""Another stack, of the project that `init` makes: mw1.micro with TLS and a git repository, then the shared shape.

One stack after the other in one name, with several settings each, because starting one takes most of the time.
"""

import json
import secrets
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from python_on_whales import Container, docker

from command_line import CommandLine
from windtunnel import destinations
from windtunnel.settings import EnvironmentFile
from windtunnel.stack import Stack
from windtunnel.up import GIT_IMAGE
from windtunnel.wait import wait_until

HERE = Path(__file__).parent
DAG = "selftest_variant"
TASKS = ("database", "web_server", "account")
PUSHED = """
from airflow.sdk import dag, task


@dag(schedule=None, tags=["{0}"])
def selftest_pushed():
    @task
    def which():
        return "{0}"

    which()


selftest_pushed()
"""
PUSH = """
cd /srv/work && mkdir -p dags && cat > dags/selftest_pushed.py && git add . \
  && git -c user.name=tests -c user.email=tests@localhost commit -qm pushed && git push -q origin HEAD:main
"""
SERVE = """
git init -q --bare --initial-branch main /srv/pipelines.git && git clone -q /srv/pipelines.git /srv/work
exec git daemon --export-all --base-path=/srv
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `init` makes, with a DAG of the tests', and an AWS profile that leads to the stack's own service."""
    folder = tmp_path_factory.mktemp("variant") / "project"
    CommandLine("windtunnel")("init", str(folder))
    shutil.copy(HERE / "variant_dags/selftest_variant.py", folder / "dags")
    with (folder / "configuration-options.yaml").open("a") as options:
        options.write("mwaa.triggerer_enabled: False\ncelery.worker_autoscale: 2,2\n")
    for path in (folder, *folder.parents[:3]):
        path.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def variant(project: Path) -> Iterator[CommandLine]:
    cli = CommandLine(f"selftest-{secrets.token_hex(3)}", {"WINDTUNNEL_PROJECT": str(project)})
    try:
        yield cli
    finally:
        cli.remove()
        Stack(EnvironmentFile(cli.name)).authority_file.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def micro(variant: CommandLine) -> Stack:
    variant("up", "--class", "mw1.micro", "--tls", "--git", "git://git-server/pipelines.git", "--no-demo")
    return Stack(EnvironmentFile(variant.name))


@pytest.fixture(scope="module")
def returned(micro: Stack, variant: CommandLine) -> dict[str, Any]:
    return result(variant, micro)


def result(cli: CommandLine, stack: Stack) -> dict[str, Any]:
    """What each task has returned."""
    run = json.loads(cli("run", DAG, "--timeout", "300", "--json").stdout)
    return {task: stack.api().xcom(DAG, run["run_id"], task) for task in TASKS}


def limits(stack: Stack, service: str) -> tuple[int, int]:
    """Memory in bytes, and memory with swap."""
    host = docker.container.inspect(stack.container(service).id).host_config
    return int(host.memory or 0), int(host.memory_swap or 0)


def test_micro_is_one_container_for_scheduler_and_worker(micro: Stack, variant: CommandLine) -> None:
    assert "scheduler" not in {one.name for one in micro.services()}
    assert limits(micro, "worker") == limits(micro, "webserver") == (3 * 1024**3, 3 * 1024**3)
    assert variant.json("status")["class"] == "mw1.micro"
    variant("run", "example", "--timeout", "300")


def test_mwaas_own_option_leaves_the_triggerer_out(micro: Stack) -> None:
    health = micro.api().health()
    assert health["scheduler"] == "healthy" and health["triggerer"] is None


def test_the_web_server_is_at_https_for_who_trusts_the_authority(micro: Stack) -> None:
    context = ssl.create_default_context(cafile=micro.authority_file)
    version = f"{micro.url('webserver')}/api/v2/version"
    assert version.startswith("https://")
    assert httpx.get(version, verify=context, trust_env=False).status_code == 200
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        httpx.get(version, trust_env=False)
    with pytest.raises(httpx.HTTPError):
        httpx.get(version.replace("https", "http"), trust_env=False)


def test_a_task_trusts_the_web_server_and_the_database(returned: dict[str, Any]) -> None:
    assert returned["database"] == {"encrypted": True, "sslmode": "verify-full"}
    assert returned["web_server"] == 200


def test_nobody_in_the_stack_talks_to_postgres_in_the_clear(micro: Stack, returned: dict[str, Any]) -> None:
    port, password = micro.ports()["postgres"], micro.secrets["postgres_password"]
    dsn = f"host=localhost port={port} user=postgres password={password} sslmode=verify-full"
    query = "SELECT usename, ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL"
    with psycopg.connect(f"{dsn} sslrootcert={micro.authority_file}") as postgres:
        found = postgres.execute(query).fetchall()
    assert {user for user, _ in found} >= {"airflow", "postgres"}
    assert [user for user, encrypted in found if not encrypted] == []


def measured(stack: Stack, query: str) -> list[float]:
    """The values of what Prometheus has."""
    answer = httpx.get(f"{stack.url('prometheus')}/api/v1/query", params={"query": query}, trust_env=False)
    return [float(one["value"][1]) for one in answer.json()["data"]["result"]]


def test_the_probe_and_mwaas_api_find_the_web_server(micro: Stack) -> None:
    wait_until(lambda: measured(micro, 'probe_success{probe="webserver"}') == [1], "a probe that succeeds", 90)
    rest = destinations.mwaa(micro).invoke_rest_api(Name=micro.name, Path="/dags", Method="GET")
    assert rest["RestApiStatusCode"] == 200


def test_the_projects_own_slots_are_measured(micro: Stack) -> None:
    wait_until(lambda: measured(micro, "windtunnel_worker_slots") == [2], "the slots of the project's options", 60)


@pytest.fixture(scope="module")
def git_server(micro: Stack) -> Iterator[Container]:
    server = docker.run(
        GIT_IMAGE,
        ["sh", "-c", SERVE],
        detach=True,
        remove=True,
        user="root",
        networks=[f"{micro.name}_default"],
        network_aliases=["git-server"],
    )
    try:
        yield server
    finally:
        server.kill()


def push(server: Container, text: str) -> None:
    command = ["docker", "exec", "--interactive", server.id, "sh", "-c", PUSH]
    subprocess.run(command, input=text, text=True, check=True)


def test_a_push_is_live(micro: Stack, variant: CommandLine, git_server: Container) -> None:
    assert "git" in micro.container("worker").execute("git", "--version")
    for which in ("first", "second"):
        push(git_server, PUSHED.format(which))
        wait_until(lambda which=which: tags(micro) == [which], f"the DAG that was pushed {which}", 120)
        run = json.loads(variant("run", "selftest_pushed", "--timeout", "300", "--json").stdout)
        assert micro.api().xcom("selftest_pushed", run["run_id"], "which") == which


def tags(stack: Stack) -> list[str]:
    found = stack.api().find("dags", "selftest_pushed") or {"tags": []}
    return [one["name"] for one in found["tags"]]


@pytest.fixture(scope="module")
def aws_folder(project: Path) -> Path:
    """A profile whose account is the stack's own service, as its administrator."""
    folder = project.parent / "aws"
    folder.mkdir()
    (folder / "config").write_text("[profile sandbox]\nendpoint_url = http://aws:4567\n")
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def shared(micro: Stack, variant: CommandLine, returned: dict[str, Any], aws_folder: Path) -> Stack:
    """The same stack with web server and worker under one limit, no TLS, no git, and secrets by a profile."""
    key = micro.secrets["administrator_secret_key"]
    (aws_folder / "credentials").write_text(
        f"[sandbox]\naws_access_key_id = administrator\naws_secret_access_key = {key}\n"
    )
    back = ["--no-tls", "--git", "", "--aws-profile", "sandbox"]
    variant("up", "--class", "mw1.small", "--shape", "shared", *back, AWS_FOLDER=str(aws_folder))
    return Stack(EnvironmentFile(variant.name))


@pytest.fixture(scope="module")
def returned_there(shared: Stack, variant: CommandLine) -> dict[str, Any]:
    return result(variant, shared)


def test_the_shared_shape_has_one_limit_for_web_server_and_worker(shared: Stack) -> None:
    assert "worker" not in {one.name for one in shared.services()}
    assert limits(shared, "webserver") == (2 * 1024**3, 2 * 1024**3)


def test_tls_is_gone_without_a_trace(shared: Stack, returned_there: dict[str, Any]) -> None:
    assert shared.url("webserver").startswith("http://")
    assert returned_there["database"] == {"encrypted": False, "sslmode": None}
    assert not shared.authority_file.exists()


def test_a_task_is_in_the_profiles_account(returned: dict[str, Any], returned_there: dict[str, Any]) -> None:
    assert "execution-role" in returned["account"]
    assert "administrator" in returned_there["account"]


def test_git_is_gone_with_its_dags(shared: Stack) -> None:
    assert "no git" in shared.container("webserver").execute("sh", "-c", "command -v git || echo no git")
    wait_until(lambda: shared.api().find("dags", "selftest_pushed")["is_stale"], "the DAG to go stale", 120)
