"""`deploy`: a project into the bucket of an MWAA environment, until the environment has it.

The same for the stack and for a real account: S3 and MWAA's API are asked by boto3, of the stack's endpoints or AWS's.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from windtunnel import bucket_layout, project_files
from windtunnel.bucket_layout import Layout
from windtunnel.check.integrity import definitions
from windtunnel.check.project import Project
from windtunnel.check.source import Source
from windtunnel.deployments import Change, Deployment, Deployments
from windtunnel.errors import RunFailed
from windtunnel.wait import wait_until

# A forced update of a real environment takes half an hour, a graceful one up to twelve.
UPDATED = 13 * 3600.0
# A new file is seen within 330 s in MWAA: https://docs.aws.amazon.com/mwaa/latest/userguide/configuring-dag-folder.html
PARSED = 600.0


@dataclass(frozen=True)
class Deployed:
    """What changed in the bucket, what of the environment was updated, and the DAG files that were parsed since."""

    change: Change
    updated: list[str]
    parsed: list[str]


class Environment:
    """One MWAA environment, by boto3's `mwaa` client."""

    def __init__(self, client: Any, name: str) -> None:
        self._client, self._name = client, name

    def document(self) -> dict[str, Any]:
        """What GetEnvironment says."""
        found: dict[str, Any] = self._client.get_environment(Name=self._name)["Environment"]
        return found

    @property
    def bucket(self) -> str:
        """Its bucket."""
        return str(self.document()["SourceBucketArn"]).rpartition(":")[2]

    def update(self, changes: dict[str, Any]) -> None:
        """Have these members changed, and wait until they are.

        Raises:
            RunFailed: the update failed; the message has MWAA's reason.
        """
        self._client.update_environment(Name=self._name, **changes)
        document = wait_until(self._settled, f"the update of {self._name}", UPDATED, 1)
        if document["Status"] != "AVAILABLE":
            error = document.get("LastUpdate", {}).get("Error", {})
            raise RunFailed(f"{self._name}: expected AVAILABLE, found {document['Status']}: {error}")

    def _settled(self) -> dict[str, Any] | None:
        document = self.document()
        return document if document["Status"] in ("AVAILABLE", "UPDATE_FAILED", "UNAVAILABLE") else None

    def rest(self, path: str, **parameters: Any) -> dict[str, Any]:
        """A GET of Airflow's REST API."""
        asked = {"Name": self._name, "Path": path, "Method": "GET", "QueryParameters": parameters}
        answer: dict[str, Any] = self._client.invoke_rest_api(**asked)["RestApiResponse"]
        return answer

    def parsed_since(self, files: list[str], since: float) -> list[str]:
        """Those of these DAG files that Airflow has read since then, well or not."""
        dags = self.rest("/dags", limit=1000, exclude_stale=False)["dags"]
        errors = self.rest("/importErrors", limit=1000)["import_errors"]
        read = {one["relative_fileloc"]: one["last_parsed_time"] for one in dags if one["last_parsed_time"]}
        read |= {one["filename"]: one["timestamp"] for one in errors}
        return [file for file in files if any(name.endswith(file) and _epoch(at) >= since for name, at in read.items())]


def deploy(project: Path, environment: Environment, deployments: Deployments, say: Callable[[str], None]) -> Deployed:
    """Bring a project into the bucket and the environment.

    Raises:
        UsageError: the project or the bucket will not do.
        RunFailed: the environment's update failed.
        TimedOut: it did not end.
    """
    document = environment.document()
    layout = bucket_layout.of(document, bucket_layout.recorded(project))
    files = project_files.contents(project, layout)
    empty = project_files.empty(layout)
    # What the environment once had it can't do without: an empty one takes its place.
    missing = {key: empty[key] for key, (path, _) in layout.pins.items() if document.get(path) and key not in files}
    since = time.time()
    done, change = deployments.put(files | missing, project_files.options(project), layout.dags)
    say(f"{len(done.versions)} files, {_words(change)}")
    return _follow(environment, document, layout, done, change, since, _dag_files(project, layout, change))


def roll_back(
    project: Path, environment: Environment, deployments: Deployments, say: Callable[[str], None]
) -> Deployed:
    """Bring back what the deployment before had; raises as `deploy`, and MissingObject when it is gone."""
    since = time.time()
    document = environment.document()
    layout = bucket_layout.of(document, bucket_layout.recorded(project))
    done, change = deployments.back()
    say(f"as of {done.of}: {_words(change)}")
    return _follow(environment, document, layout, done, change, since, [])


def _follow(
    environment: Environment,
    document: dict[str, Any],
    layout: Layout,
    done: Deployment,
    change: Change,
    since: float,
    dags: list[str],
) -> Deployed:
    changes = _pins(document, layout, done)
    if changes:
        environment.update(changes)
    seen = lambda: environment.parsed_since(dags, since) == dags  # noqa: E731
    if dags:
        wait_until(seen, f"Airflow to parse {', '.join(dags)}", PARSED, 2)
    return Deployed(change, sorted(changes), dags)


def _pins(document: dict[str, Any], layout: Layout, done: Deployment) -> dict[str, Any]:
    """What of the environment has to be updated."""
    wanted: dict[str, Any] = {}
    for key, (path, version) in layout.pins.items():
        if key in done.versions:
            # The path as the environment has it: `/plugins.zip` is the same object.
            wanted |= {path: document.get(path) or key, version: done.versions[key]}
    wanted["AirflowConfigurationOptions"] = done.options
    return {name: value for name, value in wanted.items() if (document.get(name) or {}) != (value or {})}


def _dag_files(project: Path, layout: Layout, change: Change) -> list[str]:
    """Of what changed, the files of which Airflow will have a DAG, or an import error."""
    new = {key.removeprefix(layout.dags) for key in (*change.added, *change.changed) if key.startswith(layout.dags)}
    files = {source.name.removeprefix(project_files.DAGS): source for source in Project(project).dags}
    return [name for name, source in files.items() if name in new and _surely_has_dags(source)]


def _surely_has_dags(source: Source) -> bool:
    return source.is_dag_file and (bool(source.unparsed) or any(it.sure for it in definitions(source)))


def _words(change: Change) -> str:
    counts = {"new": change.added, "changed": change.changed, "removed": change.removed}
    return ", ".join(f"{len(keys)} {word}" for word, keys in counts.items() if keys) or "nothing changed"


def _epoch(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
