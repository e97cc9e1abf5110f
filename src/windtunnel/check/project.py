"""A project folder as MWAA takes it: dags/, plugins/ or plugins.zip, requirements.txt, startup.sh, options."""

import re
import zipfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath

import yaml
from pathspec import GitIgnoreSpec

from windtunnel.check.source import Source
from windtunnel.errors import UsageError


class Project:
    """The folder's files, each read once.

    Raises:
        UsageError: the folder is not there.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UsageError(f"project {folder}: no such folder", "./windtunnel check --project DIR")
        self.folder = folder
        self.requirements = folder / "requirements.txt"
        self.startup = folder / "startup.sh"
        self.options = folder / "configuration-options.yaml"
        self.plugins_folder = folder / "plugins"
        self.plugins_zip = folder / "plugins.zip"

    def relative(self, path: Path) -> str:
        """The path as findings name it."""
        return path.relative_to(self.folder).as_posix()

    @cached_property
    def dags(self) -> list[Source]:
        """The Python files of dags/."""
        ignored = Ignored(self.folder / "dags", self._ignores_by_regexp)
        return [
            Source(self.relative(path), _module(path, root), content, _may_define(content) and path not in ignored)
            for root in [self.folder / "dags"]
            for path in _python_files(root)
            for content in [path.read_bytes()]
        ]

    @cached_property
    def plugins(self) -> list[Source]:
        """The Python files of plugins.zip, or of plugins/."""
        if self.plugins_zip.is_file():
            return [
                Source(f"plugins.zip/{name}", name.removesuffix(".py").replace("/", "."), content)
                for name, content in self.zipped.items()
                if name.endswith(".py")
            ]
        root = self.plugins_folder
        return [Source(self.relative(path), _module(path, root), path.read_bytes()) for path in _python_files(root)]

    @property
    def sources(self) -> list[Source]:
        """All Python files."""
        return [*self.dags, *self.plugins]

    @cached_property
    def zipped(self) -> dict[str, bytes]:
        """Members of plugins.zip → content, b"" but for Python files; empty when the zip cannot be read."""
        try:
            with zipfile.ZipFile(self.plugins_zip) as archive:
                return {
                    one.filename: archive.read(one) if one.filename.endswith(".py") else b""
                    for one in archive.infolist()
                    if not one.is_dir() and not one.flag_bits & 1
                }
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
            return {}

    @cached_property
    def modules(self) -> set[str]:
        """The top-level names that the project itself lets import: of dags/, of the plugins, of wheels in them."""
        folders = [self.folder / "dags", self.plugins_folder]
        names = {path.name for root in folders if root.is_dir() for path in root.iterdir()}
        names |= {PurePosixPath(name).parts[0] for name in self.zipped}
        return {name.split(".")[0] for name in names} | self._of_wheels

    @cached_property
    def wheels(self) -> list[str]:
        """The file names of all wheels in plugins.zip or plugins/."""
        names = list(self.zipped) or [path.name for path in self.plugins_folder.rglob("*.whl")]
        return [PurePosixPath(name).name for name in names if name.endswith(".whl")]

    @cached_property
    def _of_wheels(self) -> set[str]:
        found: set[str] = set()
        for path in self.plugins_folder.rglob("*.whl"):
            try:
                with zipfile.ZipFile(path) as wheel:
                    found |= {name.split("/")[0].split(".")[0] for name in wheel.namelist()}
            except zipfile.BadZipFile:
                continue
        return found

    @property
    def _ignores_by_regexp(self) -> bool:
        options = self.option_values()
        return str(options.get("core.dag_ignore_file_syntax", "glob")).lower() == "regexp"

    def option_values(self) -> dict[str, object]:
        """configuration-options.yaml as a mapping; empty when it is none."""
        try:
            values = yaml.safe_load(self.options.read_bytes())
        except (OSError, yaml.YAMLError):
            return {}
        return values if isinstance(values, dict) else {}


class Ignored:
    """What .airflowignore files keep Airflow from parsing.

    Source: https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/dags.html#airflowignore
    """

    def __init__(self, root: Path, by_regexp: bool) -> None:
        self._root = root
        self._by_regexp = by_regexp
        files = sorted(root.rglob(".airflowignore"), key=lambda path: len(path.parts))
        self._lines = {path.parent: path.read_text(errors="replace").splitlines() for path in files}

    def __contains__(self, path: Path) -> bool:
        ignored = False
        for folder, lines in self._lines.items():
            if folder in path.parents:
                inside = path.relative_to(folder).as_posix()
                verdict = (
                    _regexp(lines, inside)
                    if self._by_regexp
                    else GitIgnoreSpec.from_lines(lines).check_file(inside).include
                )
                ignored = ignored if verdict is None else verdict
        return ignored


def _regexp(lines: list[str], path: str) -> bool | None:
    patterns = [line.split("#")[0].strip() for line in lines]
    return any(re.search(pattern, path) for pattern in patterns if pattern) or None


def _python_files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*.py")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts):
            yield path


def _module(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _may_define(content: bytes) -> bool:
    """Airflow's own rule (core.dag_discovery_safe_mode): the words airflow, and dag or asset, in any case."""
    lower = content.lower()
    return b"airflow" in lower and (b"dag" in lower or b"asset" in lower)
