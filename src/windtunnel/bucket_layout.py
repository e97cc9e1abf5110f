"""Where an environment's bucket has a project: by GetEnvironment's names, with the file in which a project keeps them.

The environment's own document beats the project's file, which says where a new environment is to have what it has not
yet. https://docs.aws.amazon.com/mwaa/latest/API/API_Environment.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from windtunnel.errors import UsageError

FILE = "bucket.yaml"
NAMES = ("SourceBucketArn", "DagS3Path", "PluginsS3Path", "RequirementsS3Path", "StartupScriptS3Path")
HEAD = "# Where the environment's bucket has this project, by GetEnvironment's names.\n"


@dataclass(frozen=True)
class Layout:
    """The prefix of the DAGs, with its slash at the end, and the other files' keys."""

    dags: str = "dags/"
    plugins: str = "plugins.zip"
    requirements: str = "requirements.txt"
    startup: str = "startup.sh"

    @property
    def pins(self) -> dict[str, tuple[str, str]]:
        """Key → what UpdateEnvironment calls its path and its version."""
        kinds = {self.plugins: "Plugins", self.requirements: "Requirements", self.startup: "StartupScript"}
        return {key: (f"{kind}S3Path", f"{kind}S3ObjectVersion") for key, kind in kinds.items()}


def of(document: Mapping[str, Any], recorded: Mapping[str, str]) -> Layout:
    """The layout of an environment, by its document and by the project's file.

    Raises:
        UsageError: its DAGs would be the whole bucket, or two of the files are one.
    """
    said = {**recorded, **{name: document[name] for name in NAMES if document.get(name)}}
    paths = (said.get(name, "").strip("/") for name in NAMES[1:])
    default = Layout()
    dags, plugins, requirements, startup = paths
    if "DagS3Path" in said and not dags:
        raise UsageError(f"DagS3Path: expected a folder of the bucket, found {said['DagS3Path']!r}")
    found = Layout(
        f"{dags}/" if dags else default.dags,
        plugins or default.plugins,
        requirements or default.requirements,
        startup or default.startup,
    )
    if len(found.pins) < 3:
        raise UsageError(f"expected plugins, requirements and startup script each in a place of its own, found {found}")
    return found


def recorded(project: Path) -> dict[str, str]:
    """What the project's file says; nothing where there is none.

    Raises:
        UsageError: the file holds something else.
    """
    file = project / FILE
    try:
        said = yaml.safe_load(file.read_text()) if file.exists() else None
    except yaml.YAMLError as error:
        raise UsageError(f"{file}: expected YAML, found {error}") from error
    said = {} if said is None else said
    if not isinstance(said, dict) or not all(name in NAMES and isinstance(path, str) for name, path in said.items()):
        raise UsageError(
            f"{file}: expected lines of NAME: value, each NAME one of {', '.join(NAMES)}, found {said!r:.200}"
        )
    return said


def text(document: Mapping[str, Any]) -> str:
    """The file of an environment's layout; empty when its document has none."""
    said = {name: document[name] for name in NAMES if document.get(name)}
    return HEAD + yaml.safe_dump(said, sort_keys=False) if said else ""


def settings(project: Path) -> dict[str, str]:
    """The settings of a stack whose bucket is to be as the project's file says.

    Raises:
        UsageError: the file holds something else.
    """
    said = recorded(project)
    of({}, said)
    found = {"BUCKET": said.get("SourceBucketArn", "").rpartition(":")[2], "DAG_S3_PATH": said.get("DagS3Path", "")}
    return {name: value for name, value in found.items() if value}
