"""The layout of plugins.zip: its root is the folder's root, /usr/local/airflow/plugins."""

import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from windtunnel.check.finding import Finding
from windtunnel.check.project import Project

# https://docs.aws.amazon.com/mwaa/latest/userguide/configuring-dag-import-plugins.html
MOST = 10**9  # bytes
ENCRYPTED = 0x1  # flag bit, .ZIP File Format Specification 4.4.4
NOT_OURS = ("__MACOSX", ".DS_Store")


def findings(project: Project) -> Iterator[Finding]:
    """All that is wrong with plugins.zip, if there is one."""
    if not project.plugins_zip.exists():
        return
    name = project.relative(project.plugins_zip)
    if project.plugins_folder.is_dir() and any(project.plugins_folder.iterdir()):
        yield Finding(name, 0, "plugins-twice", "found plugins/ beside it: expected one of the two")
    size = project.plugins_zip.stat().st_size
    if size > MOST:
        yield Finding(name, 0, "plugins-size", f"found {size / 1e9:.1f} GB: expected at most {MOST / 1e9:.0f} GB")
    try:
        with zipfile.ZipFile(project.plugins_zip) as archive:
            members = archive.infolist()
            broken = None if any(one.flag_bits & ENCRYPTED for one in members) else archive.testzip()
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        yield Finding(name, 0, "plugins-no-zip", f"expected a zip file: {error}")
        return
    if broken:
        yield Finding(name, 0, "plugins-no-zip", f"the member {broken} is damaged")
    yield from _members(name, [one for one in members if not one.is_dir()])


def _members(name: str, members: list[zipfile.ZipInfo]) -> Iterator[Finding]:
    for one in members:
        # ZipInfo keeps the name as it is in the file in orig_filename.
        path = one.orig_filename.replace("\\", "/")
        if path.startswith("/") or path[1:2] == ":" or ".." in PurePosixPath(path).parts:
            yield Finding(name, 0, "plugins-path", f"found the member {one.orig_filename}: expected a path inside")
        if one.flag_bits & ENCRYPTED:
            yield Finding(name, 0, "plugins-encrypted", f"the member {one.filename} asks for a password")
    files = [PurePosixPath(one.filename) for one in members]
    files = [path for path in files if path.parts and path.parts[0] not in NOT_OURS and path.name not in NOT_OURS]
    if files and all(path.parts[0] == "plugins" and len(path.parts) > 1 for path in files):
        yield Finding(name, 0, "plugins-nested", f"all {len(files)} files lie in plugins/")
    if not any(path.suffix in (".py", ".whl") for path in files):
        yield Finding(name, 0, "plugins-empty", f"{len(files)} files: expected *.py or *.whl, found none")
