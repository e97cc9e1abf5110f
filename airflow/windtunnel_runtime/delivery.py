"""Brings the project into the Airflow containers: DAGs at once and for good, the rest for their next start.

Each Airflow container has DAGs of its own, as in MWAA, where a DAG may write beside its module. What a container made
itself is left alone; what was delivered follows the source. Plugins, requirements, the startup script and options go
into one folder, `code`, which each container reads when it starts (windtunnel_runtime.boot).
"""

import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path("/mnt/project")
DELIVERY = Path("/mnt/delivery")
CONTAINERS = ("webserver", "scheduler", "worker")
# Of a project, what is not DAGs.
CODE = ("plugins", "plugins.zip", "requirements.txt", "startup.sh", "configuration-options.yaml")
SKIPPED = {"__pycache__", ".git"}
SECONDS = 1.0

# A file's time of change in nanoseconds and its size.
Version = tuple[int, int]


def main() -> None:
    """Deliver once (`--once`), or go on until SIGTERM."""
    rounds = [Round(PROJECT / "dags", DELIVERY / name, DELIVERY / name) for name in CONTAINERS]
    rounds += [Round(PROJECT / name, DELIVERY / "code", DELIVERY / "code" / name) for name in CODE]
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    while True:
        for one in rounds:
            one.deliver()
        (DELIVERY / "code/delivered").touch()
        if "--once" in sys.argv or over.wait(SECONDS):
            break


class Round:
    """One file or folder of the source, and the volume that has it as it was last."""

    def __init__(self, source: Path, volume: Path, target: Path) -> None:
        self._source, self._volume, self._target = source, volume, target
        self._record = volume / f".{source.name}.delivered"
        self._delivered = _read(self._record)

    def deliver(self) -> None:
        """Copy what changed, and remove what was delivered and is gone."""
        found = dict(versions(self._source))
        if found == self._delivered:
            return
        for name in self._delivered.keys() - found.keys():
            self._remove(self._target / name)
        for name, version in found.items():
            if self._delivered.get(name) != version:
                replace(self._source / name, self._target / name)
        self._delivered = found
        self._record.write_text(json.dumps(found))

    def _remove(self, path: Path) -> None:
        """A file, and the folders that are empty without it."""
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self._volume or any(folder.iterdir()):
                return
            folder.rmdir()


def versions(source: Path) -> Iterator[tuple[str, Version]]:
    """Relative path and version of each file below a folder, or of the file itself under the name `.`."""
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


def _version(path: Path) -> Version:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def replace(source: Path, target: Path) -> None:
    """Copy a file so that who reads it sees the old or the new one, and never a part."""
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f".{target.name}.delivered")
    shutil.copy2(source, new)
    new.replace(target)


def _read(record: Path) -> dict[str, Version]:
    if not record.exists():
        return {}
    return {name: (at, size) for name, (at, size) in json.loads(record.read_text()).items()}


if __name__ == "__main__":
    main()
