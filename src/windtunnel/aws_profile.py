"""A profile of the user's AWS account in the place of the local S3 and secrets: what `up --aws-profile` records."""

import os
from collections.abc import Mapping
from pathlib import Path

import botocore.session

from windtunnel.errors import UsageError
from windtunnel.settings import SETTINGS, EnvironmentFile


def settings(name: str, environment: EnvironmentFile) -> dict[str, str]:
    """The settings that lead there; for an empty name, those that lead back.

    Raises:
        UsageError: there is no such profile, or the containers' user could not read it.
    """
    if not name:
        return {"REAL_AWS_PROFILE": "", "AWS_FOLDER": SETTINGS["AWS_FOLDER"].default}
    folder = Path(environment.value("AWS_FOLDER")).expanduser().resolve()
    _find(name, folder)
    uid = os.getuid() or int(environment.value("AIRFLOW_UID"))
    for file in (folder / "config", folder / "credentials"):
        if file.exists() and not _is_readable(file, uid):
            raise UsageError(
                f"{file}: expected a file that user id {uid}, the containers', can read; found mode "
                f"{file.stat().st_mode & 0o777:o} of user id {file.stat().st_uid}",
                "a copy that it can read, and AWS_FOLDER=its folder",
            )
    return {"REAL_AWS_PROFILE": name, "AWS_FOLDER": str(folder)}


def check(settings: Mapping[str, str]) -> None:
    """Refuse a profile together with code from the bucket, which is the local one's.

    Raises:
        UsageError: the settings ask for both.
    """
    if settings["REAL_AWS_PROFILE"] and settings["DELIVERY"] == "bucket":
        raise UsageError(
            "--aws-profile: expected code from the project, found DELIVERY=bucket",
            "up --delivery project, or --aws-profile ''",
        )


def _find(name: str, folder: Path) -> None:
    session = botocore.session.Session(
        session_vars={
            "config_file": (None, None, str(folder / "config"), None),
            "credentials_file": (None, None, str(folder / "credentials"), None),
        }
    )
    if name not in session.available_profiles:
        known = ", ".join(session.available_profiles) or "none"
        raise UsageError(f"AWS profile {name}: expected one of {folder}: {known}", "AWS_FOLDER names another folder")


def _is_readable(file: Path, uid: int) -> bool:
    found = file.stat()
    return bool(found.st_mode & 0o004) or (found.st_uid == uid and bool(found.st_mode & 0o400))
