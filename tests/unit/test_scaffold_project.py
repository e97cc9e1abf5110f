"""`init` makes a project, and never writes over one."""

import json
from pathlib import Path

import pytest
import yaml

from windtunnel import bucket_layout
from windtunnel.errors import UsageError
from windtunnel.scaffold_project import described, init

ENVIRONMENT = {
    "Name": "production",
    "EnvironmentClass": "mw1.medium",
    "AirflowConfigurationOptions": {"core.default_timezone": "utc"},
}


def test_a_project_has_mwaas_folders(tmp_path: Path) -> None:
    made = init(tmp_path / "new")
    assert {"dags/example.py", "plugins/reports/operators.py", "requirements.txt", "startup.sh"} <= {
        str(path) for path in made.files
    }
    assert made.command == f"./windtunnel --project {tmp_path / 'new'} up --no-demo"


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "startup.sh").write_text("mine")
    with pytest.raises(UsageError, match=r"expected no project, found startup\.sh"):
        init(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["startup.sh"]
    assert (tmp_path / "startup.sh").read_text() == "mine"


@pytest.mark.parametrize("wrapped", [True, False])
def test_class_and_options_of_a_real_environment(tmp_path: Path, wrapped: bool) -> None:
    file = tmp_path / "environment.json"
    file.write_text(json.dumps({"Environment": ENVIRONMENT} if wrapped else ENVIRONMENT))
    made = init(tmp_path / "new", described(str(file)))
    assert made.command.endswith(" --class mw1.medium")
    options = yaml.safe_load((tmp_path / "new/configuration-options.yaml").read_text())
    assert options == {"core.default_timezone": "utc"}


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "environment.json").write_text(text)
    with pytest.raises(UsageError, match="expected"):
        described(str(tmp_path / "environment.json"))


def test_a_class_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mw1\.small"):
        init(tmp_path / "new", ENVIRONMENT | {"EnvironmentClass": "mw9.huge"})
    assert not (tmp_path / "new").exists()


def test_the_bucket_of_a_real_environment_is_the_stacks(tmp_path: Path) -> None:
    layout = {
        "SourceBucketArn": "arn:aws:s3:::company-mwaa",
        "DagS3Path": "team/dags",
        "RequirementsS3Path": "team/requirements.txt",
    }
    made = init(tmp_path / "new", ENVIRONMENT | layout | {"RequirementsS3ObjectVersion": "of there alone"})
    assert Path("bucket.yaml") in made.files
    assert bucket_layout.recorded(made.folder) == layout
    assert bucket_layout.settings(made.folder) == {"BUCKET": "company-mwaa", "DAG_S3_PATH": "team/dags"}


def test_a_project_without_a_layout_has_the_stacks_own(tmp_path: Path) -> None:
    made = init(tmp_path / "new", ENVIRONMENT)
    assert not (made.folder / "bucket.yaml").exists()
    assert bucket_layout.settings(made.folder) == {}
