"""Puts the user's plugins where Airflow looks for them: from plugins.zip, whose root is the folder's, or a folder."""

import shutil
import zipfile
from pathlib import Path


def install(code: Path, plugins: Path) -> str:
    """Fill the folder `plugins` anew from `code`, and say what was wrong, if anything; then it is empty."""
    _empty(plugins)
    try:
        if (code / "plugins.zip").exists():
            with zipfile.ZipFile(code / "plugins.zip") as archive:
                _extract(archive, plugins)
        elif (code / "plugins").exists():
            shutil.copytree(code / "plugins", plugins, dirs_exist_ok=True)
    except (zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError) as error:
        _empty(plugins)
        return f"plugins.zip: {error}"
    return ""


def _empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for one in folder.iterdir():
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink()


def _extract(archive: zipfile.ZipFile, plugins: Path) -> None:
    for name in archive.namelist():
        if not (plugins / name).resolve().is_relative_to(plugins.resolve()):
            raise ValueError(f"expected files below its root, found {name!r}")
    archive.extractall(plugins)
