"""What `up --aws-profile` takes, and what it refuses before anything is started."""

import os
from pathlib import Path

import pytest

from windtunnel.aws_profile import check, settings
from windtunnel.errors import UsageError
from windtunnel.settings import EnvironmentFile


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EnvironmentFile:
    folder = tmp_path / "aws"
    folder.mkdir()
    (folder / "config").write_text("[profile sandbox]\nregion = eu-west-1\n")
    (folder / "credentials").write_text("[sandbox]\naws_access_key_id = a\naws_secret_access_key = b\n")
    monkeypatch.setenv("AWS_FOLDER", str(folder))
    monkeypatch.setenv("AIRFLOW_UID", "12345")
    monkeypatch.setattr(os, "getuid", lambda: 0)
    return EnvironmentFile("wt", tmp_path)


def test_a_profile_is_recorded_with_its_folder(environment: EnvironmentFile, tmp_path: Path) -> None:
    assert settings("sandbox", environment) == {"REAL_AWS_PROFILE": "sandbox", "AWS_FOLDER": str(tmp_path / "aws")}


def test_an_empty_name_leads_back(environment: EnvironmentFile) -> None:
    assert settings("", environment) == {"REAL_AWS_PROFILE": "", "AWS_FOLDER": "~/.aws"}


def test_no_such_profile(environment: EnvironmentFile) -> None:
    with pytest.raises(UsageError, match=r"AWS profile production: expected one of .*: sandbox"):
        settings("production", environment)


def test_a_file_that_the_containers_could_not_read(environment: EnvironmentFile, tmp_path: Path) -> None:
    (tmp_path / "aws/credentials").chmod(0o600)
    with pytest.raises(UsageError, match="credentials: expected a file that user id 12345"):
        settings("sandbox", environment)


@pytest.mark.parametrize("recorded", ["DELIVERY", "REAL_AWS_PROFILE"])
def test_not_while_the_code_is_in_the_bucket(environment: EnvironmentFile, recorded: str) -> None:
    asked = {"DELIVERY": "bucket", "REAL_AWS_PROFILE": "sandbox"}
    environment.record(**{recorded: asked[recorded]})
    check(environment.values())
    with pytest.raises(UsageError, match="DELIVERY=bucket"):
        check(environment.values() | asked)
