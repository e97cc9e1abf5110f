"""What a stack had is there again after its volumes were wiped: history, connections, warehouse, bucket, passwords."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from command_line import CommandLine
from windtunnel.sample import Bucket
from windtunnel.settings import EnvironmentFile
from windtunnel.stack import Stack

DAG = "selftest_ends_as_told"


@pytest.fixture
def second(
    cli: CommandLine, dags_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CommandLine]:
    """A light stack of its own, with one of the tests' DAGs."""
    (tmp_path / "project/dags").mkdir(parents=True)
    shutil.copy(dags_folder / "selftest/selftest.py", tmp_path / "project/dags")
    for path in (tmp_path / "project", tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    monkeypatch.setenv("WINDTUNNEL_PROJECT", str(tmp_path / "project"))
    second = CommandLine(f"{cli.name}-c", {"WINDTUNNEL_PROJECT": str(tmp_path / "project")})
    try:
        yield second
    finally:
        second.remove()


def test_all_is_there_again(second: CommandLine, tmp_path: Path) -> None:
    second("up", "--light", "--no-demo")
    second("run", DAG, "--timeout", "120")
    second("airflow", "connections", "add", "selftest_kept", "--conn-uri", "http://me:secret@example.com")
    stack = Stack(EnvironmentFile(second.name))
    with psycopg.connect(stack.credentials()["warehouse"]["dsn"]) as warehouse:
        warehouse.execute("CREATE TABLE kept AS SELECT * FROM generate_series(1, 1000) AS number")
    for text in (b"first", b"second"):
        bucket(stack).client.put_object(Bucket=bucket(stack).name, Key="kept.txt", Body=text)
    before = kept(stack)
    archive = tmp_path / "backup.tar.gz"
    second("backup", str(archive))
    assert second("restore", str(archive), expect=2).stderr.count("expected no volumes")
    second("down", "--volumes")
    second("restore", str(archive))
    second("up", "--light", "--no-demo")
    assert kept(Stack(EnvironmentFile(second.name))) == before
    second("run", DAG, "--timeout", "120")


def kept(stack: Stack) -> dict[str, Any]:
    """What must outlive a backup."""
    api, client = stack.api(), bucket(stack).client
    versions = client.list_object_versions(Bucket=bucket(stack).name, Prefix="kept.txt")["Versions"]
    with psycopg.connect(stack.credentials()["warehouse"]["dsn"]) as warehouse:
        rows = warehouse.execute("SELECT count(*), sum(number) FROM kept").fetchall()
    return {
        "runs": [(run["dag_run_id"], run["state"]) for run in api.find("dags", DAG, "dagRuns")["dag_runs"]],
        "connection": api.find("connections", "selftest_kept")["host"],
        "warehouse": rows,
        "versions": [one["VersionId"] for one in versions],
        "password": stack.credentials()["airflow"]["password"],
    }


def bucket(stack: Stack) -> Bucket:
    return Bucket(stack.environment.value("BUCKET"), stack.url("minio"), stack.secrets["s3_secret_key"])
