"""Deployments into a versioned bucket (moto's): what changed is sent, what is gone is removed, and one can go back."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from versioned_bucket import BUCKET, versioned_bucket
from windtunnel import bucket_layout, project_files
from windtunnel.bucket_layout import Layout
from windtunnel.deploy import Environment, deploy, roll_back
from windtunnel.deployments import Change, Deployments
from windtunnel.errors import MissingObject, RunFailed, UsageError

DAG_FILE = "from airflow.sdk import DAG\n\nwith DAG('one'):\n    pass\n"


@pytest.fixture
def client() -> Iterator[Any]:
    with versioned_bucket() as client:
        yield client


@pytest.fixture
def deployments(client: Any) -> Deployments:
    return Deployments(client, BUCKET)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, "dags/one.py", DAG_FILE)
    write(tmp_path, "dags/package/part.py", "1")
    write(tmp_path, "plugins/mine/operators.py", "2")
    write(tmp_path, "requirements.txt", "requests==2.32.0\n")
    write(tmp_path, "configuration-options.yaml", "core.default_task_retries: 1\n")
    return tmp_path


def write(project: Path, name: str, text: str) -> None:
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text(text)


class MWAA:
    """As much of boto3's `mwaa` client as a deployment asks; an update is over when it is looked at twice."""

    def __init__(self) -> None:
        arn = f"arn:aws:s3:::{BUCKET}"
        self.document: dict[str, Any] = {"Name": "stack", "Status": "AVAILABLE", "SourceBucketArn": arn}
        self.updates: list[dict[str, Any]] = []
        self.ends = "AVAILABLE"
        self.parsed: list[dict[str, str]] = []

    def get_environment(self, Name: str) -> dict[str, Any]:  # noqa: N803
        document = dict(self.document)
        if document["Status"] == "UPDATING":
            self.document["Status"] = self.ends
        return {"Environment": document}

    def update_environment(self, Name: str, **changes: Any) -> None:  # noqa: N803
        self.updates.append(changes)
        self.document |= changes | {"Status": "UPDATING", "LastUpdate": {"Error": {"ErrorMessage": "pip failed"}}}

    def invoke_rest_api(self, Path: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        found: dict[str, Any] = {"dags": self.parsed} if Path == "/dags" else {"import_errors": []}
        return {"RestApiResponse": found}


@pytest.fixture
def mwaa() -> MWAA:
    mwaa = MWAA()
    mwaa.parsed.append({"relative_fileloc": "one.py", "last_parsed_time": "2999-01-01T00:00:00Z"})
    return mwaa


def body(client: Any, key: str) -> bytes:
    content: bytes = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return content


def deployed(project: Path, deployments: Deployments, mwaa: MWAA) -> Any:
    return deploy(project, Environment(mwaa, "stack"), deployments, lambda _: None)


def test_a_first_deployment_brings_everything_and_pins_it(
    project: Path, client: Any, deployments: Deployments, mwaa: MWAA
) -> None:
    done = deployed(project, deployments, mwaa)
    assert sorted(done.change.added) == ["dags/one.py", "dags/package/part.py", "plugins.zip", "requirements.txt"]
    (update,) = mwaa.updates
    assert update["AirflowConfigurationOptions"] == {"core.default_task_retries": "1"}
    version = client.head_object(Bucket=BUCKET, Key="requirements.txt")["VersionId"]
    assert (update["RequirementsS3Path"], update["RequirementsS3ObjectVersion"]) == ("requirements.txt", version)
    assert zipfile.ZipFile(io.BytesIO(body(client, "plugins.zip"))).namelist() == ["mine/operators.py"]
    assert done.parsed == ["one.py"]


def test_the_same_again_changes_nothing(project: Path, deployments: Deployments, mwaa: MWAA) -> None:
    deployed(project, deployments, mwaa)
    again = deployed(project, deployments, mwaa)
    assert not again.change and again.updated == [] and len(mwaa.updates) == 1


def test_only_dags_need_no_update(project: Path, client: Any, deployments: Deployments, mwaa: MWAA) -> None:
    deployed(project, deployments, mwaa)
    write(project, "dags/package/part.py", "changed")
    (project / "dags/one.py").unlink()
    write(project, "dags/two.py", "3")
    again = deployed(project, deployments, mwaa)
    assert again.change == Change(["dags/two.py"], ["dags/package/part.py"], ["dags/one.py"])
    assert len(mwaa.updates) == 1
    assert body(client, "dags/package/part.py") == b"changed"


def test_what_is_taken_out_of_the_project_is_emptied(
    project: Path, client: Any, deployments: Deployments, mwaa: MWAA
) -> None:
    deployed(project, deployments, mwaa)
    (project / "requirements.txt").unlink()
    deployed(project, deployments, mwaa)
    assert body(client, "requirements.txt") == b""
    assert "RequirementsS3ObjectVersion" in mwaa.updates[-1]


def test_one_can_go_back_and_further_back(project: Path, client: Any, deployments: Deployments, mwaa: MWAA) -> None:
    environment = Environment(mwaa, "stack")
    for text in ("first", "second", "third"):
        write(project, "requirements.txt", text)
        write(project, "dags/package/part.py", text)
        write(project, f"dags/{text}.py", "")
        deployed(project, deployments, mwaa)
    for text in ("second", "first"):
        back = roll_back(project, environment, deployments, lambda _: None)
        assert body(client, "requirements.txt").decode() == body(client, "dags/package/part.py").decode() == text
        assert back.updated == ["RequirementsS3ObjectVersion"]
    assert "dags/first.py" in back_keys(client) and "dags/second.py" not in back_keys(client)
    with pytest.raises(UsageError, match="expected an earlier deployment"):
        roll_back(project, environment, deployments, lambda _: None)


def back_keys(client: Any) -> list[str]:
    return [one["Key"] for one in client.list_objects_v2(Bucket=BUCKET, Prefix="dags/")["Contents"]]


def test_a_version_that_is_gone_changes_nothing(
    project: Path, client: Any, deployments: Deployments, mwaa: MWAA
) -> None:
    deployed(project, deployments, mwaa)
    version = client.head_object(Bucket=BUCKET, Key="requirements.txt")["VersionId"]
    write(project, "requirements.txt", "second")
    deployed(project, deployments, mwaa)
    client.delete_object(Bucket=BUCKET, Key="requirements.txt", VersionId=version)
    with pytest.raises(MissingObject, match=version):
        roll_back(project, Environment(mwaa, "stack"), deployments, lambda _: None)
    assert body(client, "requirements.txt") == b"second"


def test_an_update_that_fails_is_told_with_mwaas_reason(project: Path, deployments: Deployments, mwaa: MWAA) -> None:
    mwaa.ends = "UPDATE_FAILED"
    with pytest.raises(RunFailed, match=r"UPDATE_FAILED.*pip failed"):
        deployed(project, deployments, mwaa)


def test_a_bucket_without_versions_is_refused(project: Path, client: Any, mwaa: MWAA) -> None:
    client.create_bucket(Bucket="plain")
    with pytest.raises(UsageError, match="expected a versioned bucket"):
        deployed(project, Deployments(client, "plain"), mwaa)
    assert "Contents" not in client.list_objects_v2(Bucket="plain")


def test_a_folder_without_dags_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a folder dags"):
        project_files.contents(tmp_path, Layout())


def test_plugins_in_two_forms_are_refused(project: Path) -> None:
    (project / "plugins.zip").write_bytes(b"")
    with pytest.raises(UsageError, match="found both"):
        project_files.contents(project, Layout())


def test_the_same_plugins_are_the_same_archive(project: Path) -> None:
    first = project_files.contents(project, Layout())["plugins.zip"]
    (project / "plugins/mine/operators.py").touch()
    assert project_files.contents(project, Layout())["plugins.zip"] == first


OF_A_TEAM = {
    "SourceBucketArn": f"arn:aws:s3:::{BUCKET}",
    "DagS3Path": "team/dags/",
    "PluginsS3Path": "team/code/ours.zip",
    "RequirementsS3Path": "team/code/packages.txt",
}


def keys(client: Any) -> set[str]:
    found = client.list_objects_v2(Bucket=BUCKET)["Contents"]
    return {one["Key"] for one in found if not one["Key"].startswith("windtunnel/")}


def test_everything_goes_where_the_environment_has_it(
    project: Path, client: Any, deployments: Deployments, mwaa: MWAA
) -> None:
    client.put_object(Bucket=BUCKET, Key="dags/of_others.py", Body=b"")
    client.put_object(Bucket=BUCKET, Key="team/dags/gone.py", Body=b"")
    mwaa.document |= OF_A_TEAM | {"PluginsS3ObjectVersion": "x"}
    write(project, "startup.sh", "true")
    # The environment's own word counts; of what it does not have, the project's.
    write(project, bucket_layout.FILE, "DagS3Path: elsewhere\nStartupScriptS3Path: team/code/start.sh\n")
    done = deployed(project, deployments, mwaa)
    assert keys(client) == {
        "dags/of_others.py",
        "team/dags/one.py",
        "team/dags/package/part.py",
        "team/code/ours.zip",
        "team/code/packages.txt",
        "team/code/start.sh",
    }
    assert done.change.removed == ["team/dags/gone.py"] and done.parsed == ["one.py"]
    (update,) = mwaa.updates
    assert update["StartupScriptS3Path"] == "team/code/start.sh"
    assert "PluginsS3Path" not in update and update["PluginsS3ObjectVersion"] != "x"
    assert not deployed(project, deployments, mwaa).updated
    write(project, "requirements.txt", "requests==2.33.0\n")
    deployed(project, deployments, mwaa)
    assert roll_back(project, Environment(mwaa, "stack"), deployments, lambda _: None).updated == [
        "RequirementsS3ObjectVersion"
    ]
    assert body(client, "team/code/packages.txt") == b"requests==2.32.0\n"


def test_dags_that_would_be_the_whole_bucket_are_refused(
    project: Path, client: Any, deployments: Deployments, mwaa: MWAA
) -> None:
    client.put_object(Bucket=BUCKET, Key="of_others.txt", Body=b"")
    mwaa.document["DagS3Path"] = "/"
    with pytest.raises(UsageError, match="expected a folder of the bucket"):
        deployed(project, deployments, mwaa)
    assert keys(client) == {"of_others.txt"}


@pytest.mark.parametrize("text", ["- a", "DagsPath: x", "DagS3Path: 3", "DagS3Path: [", "PluginsS3Path: startup.sh"])
def test_a_layout_that_is_none_is_refused(text: str, project: Path, deployments: Deployments, mwaa: MWAA) -> None:
    write(project, bucket_layout.FILE, text)
    with pytest.raises(UsageError, match="expected"):
        deployed(project, deployments, mwaa)
