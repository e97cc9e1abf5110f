"""Secrets are made once, shared by who needs them, and seen by nobody else."""

import boto3
import httpx
import psycopg
import pytest
from botocore.exceptions import ClientError

from command_line import CommandLine
from windtunnel.errors import WindtunnelError
from windtunnel.machine import run
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

# What is handed no secret has no such folder.
WITHOUT_SECRETS = (
    "statsd-exporter", "prometheus", "alertmanager", "blackbox-exporter", "docker-proxy"
)  # fmt: skip
FINGERPRINTS = "cd /run/secrets && find . -type f | sort | xargs sha256sum"


def fingerprints(stack: Stack, service: str) -> dict[str, str]:
    """A digest of every secret that a service's container can read."""
    lines = stack.container(service).execute("sh", "-c", FINGERPRINTS).splitlines()
    return {path: digest for digest, path in (line.split() for line in lines)}


def everything_seen(stack: Stack) -> dict[str, dict[str, str]]:
    running = [service.name for service in stack.services() if service.state == "running"]
    with_secrets = [name for name in running if name not in WITHOUT_SECRETS]
    return {service: fingerprints(stack, service) for service in with_secrets}


@pytest.fixture
def values(stack: Stack) -> dict[str, str]:
    return stack.secrets


def test_inspect_shows_no_secret(stack: Stack, values: dict[str, str]) -> None:
    assert len(values) >= 13
    for container in stack.containers():
        shown = run(["docker", "inspect", container.id], WindtunnelError)
        leaked = [name for name, value in values.items() if value in shown]
        assert not leaked, f"{container.name} shows {leaked}"


def test_images_and_logs_hold_no_secret(stack: Stack, values: dict[str, str]) -> None:
    logs = stack.run("logs", "--no-color")
    assert not [name for name, value in values.items() if value in logs]


def test_all_containers_agree_before_and_after_one_is_made_anew(stack: Stack) -> None:
    before = everything_seen(stack)
    of_airflow = [{p: d for p, d in seen.items() if p.startswith("./airflow/")} for seen in before.values()]
    shared = [seen for seen in of_airflow if seen]
    assert len(shared) >= 3 and all(seen == shared[0] for seen in shared)
    stack.run("rm", "--stop", "--force", "worker", "redis")
    stack.start()
    assert everything_seen(stack) == before


def test_a_dag_reads_airflows_secrets_and_no_others(cli: CommandLine, stack: Stack) -> None:
    failed = cli("run", "selftest_looks_for_secrets", "--timeout", "120", expect=1)
    assert "read_another_service" in failed.stderr and "No such file or directory" in failed.stderr
    seen = set(fingerprints(stack, "worker"))
    assert {path.split("/")[1] for path in seen} == {"airflow"}


def test_the_workers_key_reaches_the_bucket_and_nothing_else(cli: CommandLine, stack: Stack) -> None:
    s3 = boto3.client(
        "s3", endpoint_url=stack.url("minio"), aws_access_key_id="airflow",
        aws_secret_access_key=stack.secrets["s3_secret_key"], region_name="us-east-1",
    )  # fmt: skip
    s3.put_object(Bucket="windtunnel", Key="selftest", Body=b"x")
    s3.delete_object(Bucket="windtunnel", Key="selftest")
    assert s3.get_bucket_versioning(Bucket="windtunnel")["Status"] == "Enabled"
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.create_bucket(Bucket="another")


def test_the_warehouses_role_sees_neither_metadata_nor_superuser(warehouse_dsn: str) -> None:
    with psycopg.connect(warehouse_dsn) as warehouse:
        row = warehouse.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        assert row == (False,)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(warehouse_dsn, dbname="airflow")


def test_the_admin_logs_in_with_the_generated_password(cli: CommandLine, stack: Stack) -> None:
    assert stack.api().dag("pubmed_rebuild") is not None
    roles = cli("airflow", "roles", "list", "--output", "plain").stdout
    assert {"Admin", "Op", "User", "Viewer", "Public"} <= set(roles.split())


def test_a_worker_is_listed_in_flower_behind_its_password(cli: CommandLine, stack: Stack) -> None:
    login = cli.json("credentials")["flower"]
    url = f"{stack.url('flower')}/api/workers?status=true"
    assert httpx.get(url, trust_env=False).status_code == 401
    auth = (login["user"], login["password"])
    wait_until(lambda: httpx.get(url, auth=auth, trust_env=False).json(), "a worker in Flower", timeout=30)
