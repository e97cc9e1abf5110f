"""Brings the project into the Airflow containers: DAGs at once and for good, the rest for their next start.

Each Airflow container has DAGs of its own, as in MWAA, where a DAG may write beside its module. What a container made
itself is left alone; what was delivered follows the source: the project's folder, or, with WINDTUNNEL_DELIVERY=bucket,
the folder of the environment's bucket that its DagS3Path names, as in MWAA. Of a project, plugins, requirements, the
startup script and options go into one folder, `code`, which each container reads when it starts; of a bucket, each
fetches them itself (windtunnel_runtime.boot).
"""

import json
import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

PROJECT = Path("/mnt/project")
DELIVERY = Path("/mnt/delivery")
CONTAINERS = ("webserver", "scheduler", "worker")
# Of a project, what is not DAGs.
CODE = ("plugins", "plugins.zip", "requirements.txt", "startup.sh", "configuration-options.yaml")
SKIPPED = {"__pycache__", ".git"}
FOLDER_SECONDS = 2.0
# As in MWAA: https://docs.aws.amazon.com/mwaa/latest/userguide/configuring-dag-folder.html
BUCKET_SECONDS = 30.0

log = logging.getLogger("delivery")


class Source(Protocol):
    """Files by relative path, each with what tells one version of it from another; a single file is called `.`."""

    name: str

    def versions(self) -> dict[str, str]: ...

    def fetch(self, name: str, target: Path) -> None: ...


class Folder:
    """A folder of the project's, or one file."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path

    def versions(self) -> dict[str, str]:
        """By time of change and size."""
        return dict(_versions(self._path))

    def fetch(self, name: str, target: Path) -> None:
        """Copy a file with its times."""
        shutil.copy2(self._path / name, target)


class Prefix:
    """A folder of a bucket's; `path` says each time which."""

    name = "dags"

    def __init__(self, client: Any, bucket: str, path: Callable[[], str]) -> None:
        self._client, self._bucket, self._path = client, bucket, path
        self._prefix = ""

    def versions(self) -> dict[str, str]:
        """By entity tag."""
        self._prefix = self._path().strip("/") + "/"
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        objects = [one for page in pages for one in page.get("Contents", []) if not one["Key"].endswith("/")]
        return {one["Key"].removeprefix(self._prefix): one["ETag"] for one in objects}

    def fetch(self, name: str, target: Path) -> None:
        """Download an object."""
        self._client.download_file(self._bucket, self._prefix + name, str(target))


class Place:
    """Where a source is delivered to: a volume that has it as it was last."""

    def __init__(self, source: Source, volume: Path, target: Path) -> None:
        self._source, self._volume, self._target = source, volume, target
        self._record = volume / f".{source.name}.delivered"
        self._delivered: dict[str, str] = json.loads(self._record.read_text()) if self._record.exists() else {}

    def follow(self, found: dict[str, str]) -> None:
        """Bring what changed, and remove what was delivered and is gone."""
        if found == self._delivered:
            return
        for name in self._delivered.keys() - found.keys():
            self._remove(self._target / name)
        for name, version in found.items():
            if self._delivered.get(name) != version:
                self._replace(name)
        self._delivered = found
        self._record.write_text(json.dumps(found))

    def _replace(self, name: str) -> None:
        """So that who reads the file sees the old or the new one, and never a part."""
        target = self._target / name
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(f".{target.name}.new")
        self._source.fetch(name, new)
        new.replace(target)

    def _remove(self, path: Path) -> None:
        """A file, and the folders that are empty without it."""
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self._volume or any(folder.iterdir()):
                return
            folder.rmdir()


# A source is looked at once for all its places.
Delivery = tuple[Source, list[Place]]


def main() -> None:
    """Deliver once (`--once`), or go on until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    from_bucket = os.environ.get("WINDTUNNEL_DELIVERY") == "bucket"
    deliveries = _of_bucket() if from_bucket else _of_project()
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    while True:
        _deliver(deliveries)
        if "--once" in sys.argv or over.wait(BUCKET_SECONDS if from_bucket else FOLDER_SECONDS):
            break


def _of_project() -> list[Delivery]:
    code = DELIVERY / "code"
    singles = ((Folder(PROJECT / name), code / name) for name in CODE)
    return [_dags(Folder(PROJECT / "dags")), *((source, [Place(source, code, target)]) for source, target in singles)]


def _of_bucket() -> list[Delivery]:
    import boto3

    from windtunnel_runtime import pinned

    path = lambda: str(pinned.environment()["DagS3Path"])  # noqa: E731
    return [_dags(Prefix(boto3.client("s3"), os.environ["WINDTUNNEL_BUCKET"], path))]


def _dags(source: Source) -> Delivery:
    return source, [Place(source, DELIVERY / name, DELIVERY / name) for name in CONTAINERS]


def _deliver(deliveries: list[Delivery]) -> None:
    """What fails now may go next time: a bucket that does not answer, a file that an editor is writing."""
    try:
        for source, places in deliveries:
            found = source.versions()
            for place in places:
                place.follow(found)
        (DELIVERY / "code/delivered").touch()
    except Exception as error:
        log.warning("not delivered: %s: %s", type(error).__name__, error)


def _versions(source: Path) -> Iterator[tuple[str, str]]:
    if source.is_file():
        yield ".", _version(source)
    been: set[str] = set()
    for folder, folders, files in os.walk(source, followlinks=True):
        # A link may lead back to where it stands.
        folders[:] = [name for name in folders if name not in SKIPPED and os.path.realpath(folder) not in been]
        been.add(os.path.realpath(folder))
        for name in files:
            path = Path(folder, name)
            try:
                yield str(path.relative_to(source)), _version(path)
            except FileNotFoundError:
                continue  # an editor's own, gone again; or a link to nothing


def _version(path: Path) -> str:
    found = path.stat()
    return f"{found.st_mtime_ns} {found.st_size}"


if __name__ == "__main__":
    main()
