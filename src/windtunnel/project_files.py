"""A project's files as they lie in an environment's bucket: key → content."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from windtunnel.bucket_layout import Layout
from windtunnel.errors import UsageError

# In a project's folder; a bucket may have it elsewhere.
DAGS = "dags/"
SKIPPED = {"__pycache__", ".git"}
# The earliest time that a zip can hold: the same files always make the same archive.
EPOCH = (1980, 1, 1, 0, 0, 0)


def contents(project: Path, layout: Layout) -> dict[str, bytes]:
    """Every file that is deployed; plugins as one archive.

    Raises:
        UsageError: there are no DAGs, or plugins both as a folder and as an archive.
    """
    if not (project / DAGS).is_dir():
        raise UsageError(f"{project}: expected a folder dags, found none", f"./windtunnel init {project}")
    found = {layout.dags + name: path.read_bytes() for name, path in _below(project / DAGS)}
    for name, key in (("requirements.txt", layout.requirements), ("startup.sh", layout.startup)):
        if (project / name).is_file():
            found[key] = (project / name).read_bytes()
    plugins = _plugins(project)
    return found | ({} if plugins is None else {layout.plugins: plugins})


def options(project: Path) -> dict[str, str]:
    """The configuration options, `section.key` → value.

    Raises:
        UsageError: the file holds something else.
    """
    file = project / "configuration-options.yaml"
    said = yaml.safe_load(file.read_text()) if file.exists() else {}
    if said is not None and not isinstance(said, dict):
        raise UsageError(f"{file}: expected lines of section.key: value, found {said!r:.80}")
    return {name: "" if value is None else str(value) for name, value in (said or {}).items()}


def empty(layout: Layout) -> dict[str, bytes]:
    """Key → what takes the place of a file that is gone: MWAA can't do without an object that it once had."""
    return {layout.plugins: _zipped({}), layout.requirements: b"", layout.startup: b"#!/bin/sh\n"}


def _plugins(project: Path) -> bytes | None:
    archive, folder = project / "plugins.zip", project / "plugins"
    if archive.is_file() and folder.is_dir():
        raise UsageError(f"{project}: expected plugins or plugins.zip, found both", f"remove one: rm {archive}")
    if archive.is_file():
        return archive.read_bytes()
    files = {name: path.read_bytes() for name, path in _below(folder)} if folder.is_dir() else {}
    return _zipped(files) if files else None


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not SKIPPED & set(path.relative_to(folder).parts):
            yield path.relative_to(folder).as_posix(), path


def _zipped(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return held.getvalue()
