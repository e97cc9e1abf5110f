"""What a user has after `./windtunnel up`."""

import os
import subprocess
from pathlib import Path

import httpx

from command_line import CommandLine
from windtunnel.sample import RECORDS
from windtunnel.settings import ROOT
from windtunnel.stack import Stack
from windtunnel.wait import wait_until


def metric(stack: Stack, promql: str) -> list[dict[str, dict[str, str]]]:
    answer = httpx.get(f"{stack.url('prometheus')}/api/v1/query", params={"query": promql}, trust_env=False)
    return list(answer.raise_for_status().json()["data"]["result"])


def test_the_summary_accounts_for_every_record(first_up: tuple[CommandLine, str]) -> None:
    _, said = first_up
    assert f"{RECORDS:,} records" in said
    assert "article" in said and "50,783 rows" in said and "./windtunnel credentials" in said


def test_every_service_is_healthy_and_held_to_its_limit(cli: CommandLine) -> None:
    status = cli.json("status")
    assert {service["name"]: service["health"] for service in status["services"]} == {
        service["name"]: "healthy" for service in status["services"]
    }
    limits = {service["name"]: service["memory_limit_bytes"] for service in status["services"]}
    assert limits["worker"] == limits["scheduler"] == limits["webserver"] == 2 * 1024**3
    assert {"postgres-data", "minio-data", "logs", "efs"} <= {
        volume["name"].removeprefix(f"{cli.name}_") for volume in status["volumes"]
    }


def test_prometheus_has_the_runs_tasks_and_every_target(stack: Stack) -> None:
    finished = 'airflow_ti_finish{dag_id="pubmed_rebuild", task_id="finish", state="success"} >= 1'
    wait_until(lambda: metric(stack, finished), "airflow_ti_finish of the main job in Prometheus", timeout=60)
    assert metric(stack, "up == 0") == []
    assert len(metric(stack, "up")) >= 7


def test_a_second_up_changes_nothing(cli: CommandLine, stack: Stack) -> None:
    before = {container.id: container.started_at for container in stack.containers()}
    said = cli("up", "--no-demo").stdout
    assert "nothing to do" in said
    assert {container.id: container.started_at for container in stack.containers()} == before


def test_plain_compose_sees_the_same_stack(cli: CommandLine, stack: Stack) -> None:
    command = ["docker", "compose", "--env-file", str(stack.environment.path), "ps", "--services"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | cli.environ, capture_output=True, text=True, check=True)
    assert {"worker", "scheduler", "webserver"} <= set(done.stdout.split())


def test_workers_share_a_directory(stack: Stack) -> None:
    stack.container("worker").execute("sh", "-c", "echo shared > /mnt/efs/selftest && rm /mnt/efs/selftest")


def test_what_a_container_does_to_its_dags_the_project_never_sees(stack: Stack, dags_folder: Path) -> None:
    worker, folder = stack.container("worker"), "/usr/local/airflow/dags"
    worker.execute("sh", "-c", f"echo mine > {folder}/selftest_mine.txt && rm {folder}/selftest/selftest_leak.py")
    assert not (dags_folder / "selftest_mine.txt").exists()
    assert (dags_folder / "selftest/selftest_leak.py").exists()
    worker.execute("rm", f"{folder}/selftest_mine.txt")
    # What is edited is delivered again.
    (dags_folder / "selftest/selftest_leak.py").touch()
    wait_until(lambda: "leak" in worker.execute("ls", f"{folder}/selftest"), "the DAG to be there again", 60)


def test_docker_lets_nobody_write_into_the_project(stack: Stack) -> None:
    delivery = stack.container("delivery")
    assert "Read-only" in delivery.execute("sh", "-c", "touch /mnt/project/dags/x 2>&1 || true")


def test_every_container_volume_and_network_says_whose_it_is(cli: CommandLine, stack: Stack) -> None:
    for container in stack.containers():
        labels = container.labels
        assert labels["windtunnel.environment"] == cli.name
        assert labels["windtunnel.class"] == "mw1.small"
        assert labels["windtunnel.component"] == container.service


def test_a_doctor_finds_a_healthy_stack_healthy(cli: CommandLine) -> None:
    said = cli("doctor").stdout
    assert "✗" not in said
    assert "scheduled, queued and run by a worker" in said


def test_a_doctor_names_what_is_sick(cli: CommandLine, stack: Stack) -> None:
    stack.run("stop", "worker")
    try:
        said = cli("doctor", expect=1).stdout
        assert "./windtunnel logs worker" in said and "no worker took the task from Redis" in said
    finally:
        stack.start()
