"""What a container fetches from the bucket: the versions that the environment's document pins."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from versioned_bucket import BUCKET, versioned_bucket
from windtunnel_runtime import pinned


@pytest.fixture
def client() -> Iterator[Any]:
    with versioned_bucket() as client:
        yield client


def document(folder: Path, **members: Any) -> Path:
    file = folder / "environment.json"
    file.write_text(json.dumps({"settings": {}, "document": members}))
    return file


def put(client: Any, key: str, text: str) -> str:
    return str(client.put_object(Bucket=BUCKET, Key=key, Body=text.encode())["VersionId"])


def test_the_version_that_is_pinned_and_not_the_newest(client: Any, tmp_path: Path) -> None:
    version = put(client, "code/requirements.txt", "first")
    put(client, "code/requirements.txt", "second")
    file = document(
        tmp_path,
        RequirementsS3Path="code/requirements.txt",
        RequirementsS3ObjectVersion=version,
        AirflowConfigurationOptions={"core.default_timezone": "utc"},
    )
    assert pinned.fetch(file, BUCKET, client, tmp_path / "code") == []
    assert (tmp_path / "code/requirements.txt").read_text() == "first"
    assert json.loads((tmp_path / "code" / pinned.OPTIONS).read_text()) == {"core.default_timezone": "utc"}
    assert not (tmp_path / "code/startup.sh").exists()


def test_what_is_gone_is_told_and_the_rest_comes(client: Any, tmp_path: Path) -> None:
    version = put(client, "plugins.zip", "zip")
    client.delete_object(Bucket=BUCKET, Key="plugins.zip", VersionId=version)
    put(client, "startup.sh", "true")
    file = document(
        tmp_path, PluginsS3Path="plugins.zip", PluginsS3ObjectVersion=version, StartupScriptS3Path="startup.sh"
    )
    (problem,) = pinned.fetch(file, BUCKET, client, tmp_path / "code")
    assert f"plugins.zip: expected s3://{BUCKET}/plugins.zip in version {version}" in problem
    assert (tmp_path / "code/startup.sh").read_text() == "true"


def test_what_was_fetched_before_is_gone(client: Any, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/startup.sh").write_text("of another start")
    pinned.fetch(document(tmp_path), BUCKET, client, tmp_path / "code")
    assert [path.name for path in (tmp_path / "code").iterdir()] == [pinned.OPTIONS]
