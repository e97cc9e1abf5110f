"""`init`: a project folder as MWAA takes it, with an example that runs, or after an environment that there is."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from shutil import copyfile
from typing import Any

import yaml

from windtunnel import bucket_layout
from windtunnel.classes import environment_class
from windtunnel.errors import UsageError


@dataclass(frozen=True)
class Made:
    """The folder, what it has, and the command that starts it."""

    folder: Path
    files: list[Path]
    command: str


def init(folder: Path, environment: dict[str, Any] | None = None) -> Made:
    """Make a project in a folder that has none yet; `environment` is what MWAA's GetEnvironment says.

    Raises:
        UsageError: a file of the project's is there already, or there is no such class; nothing was written.
    """
    size = f" --class {environment_class(environment['EnvironmentClass']).name}" if environment else ""
    with as_file(files("windtunnel") / "scaffold") as scaffold:
        names = sorted(_names(scaffold))
        if there := [str(name) for name in names if (folder / name).exists()]:
            raise UsageError(f"{folder}: expected no project, found {', '.join(there)}", "name another folder")
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            copyfile(scaffold / name, folder / name)
    if environment:
        options = environment.get("AirflowConfigurationOptions") or {}
        (folder / "configuration-options.yaml").write_text(yaml.safe_dump(options))
        if layout := bucket_layout.text(environment):
            (folder / bucket_layout.FILE).write_text(layout)
            names = [*names, Path(bucket_layout.FILE)]
    return Made(folder, names, f"./windtunnel --project {folder} up --no-demo{size}")


def _names(scaffold: Path) -> Iterator[Path]:
    for path in scaffold.rglob("*"):
        if path.is_file() and path.parent.name != "__pycache__":
            yield path.relative_to(scaffold)


def described(source: str) -> dict[str, Any]:
    """An environment as `aws mwaa get-environment` prints it: of a file, or of the account by its name.

    Raises:
        UsageError: the file holds something else, or the account has no such environment.
    """
    if Path(source).is_file():
        return _of_file(Path(source))
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found: dict[str, Any] = boto3.client("mwaa").get_environment(Name=source)["Environment"]
    except (BotoCoreError, ClientError) as error:
        raise UsageError(f"environment {source!r}: expected a file, or one of your AWS account's: {error}") from error
    return found


def _of_file(file: Path) -> dict[str, Any]:
    try:
        said = json.loads(file.read_text())
    except json.JSONDecodeError as error:
        raise UsageError(f"{file}: expected what `aws mwaa get-environment` prints, found {error}") from error
    found = said.get("Environment", said) if isinstance(said, dict) else {}
    if "EnvironmentClass" not in found:
        raise UsageError(f"{file}: expected an environment with its EnvironmentClass, found none")
    return dict(found)
