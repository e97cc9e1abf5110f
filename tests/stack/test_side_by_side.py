"""A second stack beside the first; light mode, and plain compose without any .env, are shown on the way."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from python_on_whales import docker

from command_line import CommandLine
from windtunnel.settings import ROOT, SETTINGS, EnvironmentFile
from windtunnel.stack import PUBLISHED, Stack
from windtunnel.wait import wait_until


@pytest.fixture
def idle_dags(dags_folder: Path, tmp_path: Path) -> Path:
    """The project's DAGs and one of the tests': the others' schedules would keep the second stack from being idle."""
    folder = tmp_path / "dags"
    shutil.copytree(dags_folder, folder, ignore=shutil.ignore_patterns("selftest", "__pycache__"))
    shutil.copy(dags_folder / "selftest/selftest.py", folder)
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    return folder


@pytest.fixture
def second(cli: CommandLine, idle_dags: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    monkeypatch.setenv("WINDTUNNEL_PROJECT", str(idle_dags.parent))
    second = CommandLine(f"{cli.name}-b", {"WINDTUNNEL_PROJECT": str(idle_dags.parent)})
    try:
        yield second
    finally:
        second.remove()
        assert not docker.volume.list(filters=[("label", f"com.docker.compose.project={second.name}")])


def test_a_light_stack_runs_a_dag_beside_the_first(cli: CommandLine, stack: Stack, second: CommandLine) -> None:
    first = {container.id for container in stack.containers() if container.is_running}
    second("up", "--light", "--no-demo")
    status = second.json("status")
    assert "prometheus" not in {service["name"] for service in status["services"]}
    assert 0.3e9 < status["memory_bytes"] < 0.8e9
    assert set(status["urls"].values()).isdisjoint(cli.json("status")["urls"].values())
    second("run", "selftest_ends_as_told", "--timeout", "120")
    assert {container.id for container in stack.containers() if container.is_running} == first
    a_running_task_ends_before_the_one_container_stops(Stack(EnvironmentFile(second.name)))


def a_running_task_ends_before_the_one_container_stops(light: Stack) -> None:
    run = light.api().trigger("selftest_ends_as_told", {"sleep": 15})
    api = light.api()
    is_running = lambda: [t for t in api.task_instances(run.dag_id, run.run_id) if t.state == "running"]  # noqa: E731
    wait_until(is_running, "the task to run", timeout=30)
    light.run("stop")
    light.start()
    ended = lambda: (again := light.api().dag_run(run.dag_id, run.run_id)) and again.state == "success"  # noqa: E731
    wait_until(ended, "the run to be a success", timeout=30)


def test_plain_compose_needs_no_env_file(cli: CommandLine, stack: Stack) -> None:
    plain = f"{cli.name}-c"
    images = {
        name: value for name, value in stack.environment.values().items() if name in ("COMPOSE_FILE", "CA_BUNDLE")
    }
    ports = {setting: "0" for _, setting, _ in PUBLISHED.values()}
    bare = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    environ = bare | images | ports | {"COMPOSE_PROJECT_NAME": plain, "WINDTUNNEL_NAME": plain}
    compose = ["docker", "compose", "--env-file", "/dev/null"]
    try:
        subprocess.run([*compose, "up", "--detach", "--wait"], cwd=ROOT, env=environ, check=True, capture_output=True)
        services = Stack(EnvironmentFile(plain)).services()
        assert len(services) >= 12
        assert all(service.health == "healthy" for service in services), services
    finally:
        command = [*compose, "--profile", "*", "down", "--volumes"]
        subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True)
