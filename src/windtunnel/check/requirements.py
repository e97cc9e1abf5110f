"""requirements.txt as pip and MWAA read it: its lines, and which of them the constraints exclude.

Source: https://docs.aws.amazon.com/mwaa/latest/userguide/connections-packages.html, and for the lines
https://pip.pypa.io/en/stable/reference/requirements-file-format/.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from windtunnel.check.finding import Finding
from windtunnel.check.project import Project
from windtunnel.platform import AIRFLOW_HOME, MARKERS
from windtunnel.settings import ROOT

ESSENTIAL = ROOT / "airflow/constraints/essential.txt"
BUNDLED = ROOT / "airflow/constraints/constraints-3.3.1-3.12.txt"
FILE_OPTION = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s+|=)['\"]?([^'\"\s]+)['\"]?$")


@dataclass(frozen=True)
class Line:
    """A line of the file, continuations joined, without its comment."""

    number: int
    text: str

    @property
    def is_option(self) -> bool:
        """Whether it is an option of pip's."""
        return self.text.startswith("-")

    @property
    def is_address(self) -> bool:
        """Whether it names a file or an address: nothing can be said of what is there."""
        return not self.is_option and bool(re.match(r"(\w+\+)?\w+://|[./]|\S+\.(whl|zip|tar\.gz)$", self.text))

    def requirement(self) -> Requirement:
        """What the line asks for.

        Raises:
            InvalidRequirement: it is no requirement.
        """
        return Requirement(re.split(r"\s--hash[= ]", self.text)[0].strip())


def lines(path: Path) -> list[Line]:
    """The lines that say something; none when there is no file."""
    found: list[Line] = []
    number, joined = 0, ""
    text = path.read_text(errors="replace") if path.is_file() else ""
    for count, raw in enumerate(text.splitlines(), 1):
        number = number or count
        plain = re.sub(r"(^|\s+)#.*$", "", raw)
        joined += plain.removesuffix("\\")
        if not plain.endswith("\\"):
            if joined.strip():
                found.append(Line(number, joined.strip()))
            number, joined = 0, ""
    return found


def parsed(path: Path) -> list[tuple[Line, Requirement]]:
    """The requirements that can be read and that MWAA's platform installs."""
    found = []
    for line in lines(path):
        if not line.is_option and not line.is_address:
            try:
                requirement = line.requirement()
            except InvalidRequirement:
                continue
            if requirement.marker is None or requirement.marker.evaluate(dict(MARKERS)):
                found.append((line, requirement))
    return found


def names_and_extras(path: Path) -> tuple[set[str], set[str]]:
    """The normalised names of all requirements, and the extras asked of apache-airflow."""
    requirements = [requirement for _, requirement in parsed(path)]
    names: set[str] = {canonicalize_name(one.name) for one in requirements}
    for line in lines(path):
        if line.is_address or line.text.startswith(("-e", "-r", "--editable", "--requirement")):
            names.add(line.text)
    extras = {extra for one in requirements if canonicalize_name(one.name) == "apache-airflow" for extra in one.extras}
    return names, extras


def constraints(path: Path) -> dict[str, tuple[Line, SpecifierSet]]:
    """A constraints file: normalised name → line and versions."""
    return {canonicalize_name(one.name): (line, one.specifier) for line, one in parsed(path)}


def findings(project: Project) -> Iterator[Finding]:
    """All that can be said of requirements.txt without an index."""
    path = project.requirements
    if not path.is_file():
        return
    name = project.relative(path)
    yield from _form(project, name, path.read_bytes())
    yield from _files(project, name)
    yield from _twice(name, path)
    yield from _conflicts(project, name)


def _form(project: Project, name: str, content: bytes) -> Iterator[Finding]:
    if b"\r\n" in content:
        first = content[: content.index(b"\r\n")].count(b"\n") + 1
        count = content.count(b"\r\n")
        yield Finding(name, first, "requirements-crlf", f"{count} lines end with CR LF: expected LF")
    for number, raw in enumerate(content.decode(errors="replace").splitlines(), 1):
        if (comment := re.search(r"(^|\s)#.*", raw)) and re.search(r"(-c|--constraint)[\s=]", comment[0]):
            yield Finding(name, number, "requirements-comment", f"found {comment[0].strip()!r}")
    for line in lines(project.requirements):
        if not line.is_option and not line.is_address:
            try:
                line.requirement()
            except InvalidRequirement as error:
                message = f"expected a requirement, found {line.text!r}: {str(error).splitlines()[0]}"
                yield Finding(name, line.number, "requirement-syntax", message)


def named_file(project: Project, line: Line) -> tuple[str, Path | None]:
    """The file that -r or -c names, as written and in the project; no path for an address or an image's file."""
    option = FILE_OPTION.match(line.text)
    if not option or "://" in option[2]:
        return "", None
    written = PurePosixPath(option[2])
    if not written.is_absolute():
        return option[2], project.folder / written
    for folder in ("dags", "plugins"):
        if written.is_relative_to(AIRFLOW_HOME / folder):
            return option[2], project.folder / written.relative_to(AIRFLOW_HOME)
    return option[2], None


def _files(project: Project, name: str) -> Iterator[Finding]:
    for line in lines(project.requirements):
        written, path = named_file(project, line)
        if path and not path.is_file() and not _is_zipped(project, path):
            yield Finding(name, line.number, "requirements-file", f"{written}: expected {path}, found no such file")


def _is_zipped(project: Project, path: Path) -> bool:
    """Whether a path below plugins/ is one of plugins.zip's members."""
    inside = path.is_relative_to(project.plugins_folder)
    return inside and path.relative_to(project.plugins_folder).as_posix() in project.zipped


def _twice(name: str, path: Path) -> Iterator[Finding]:
    first: dict[str, tuple[Line, Requirement]] = {}
    for line, requirement in parsed(path):
        before_line, before = first.setdefault(canonicalize_name(requirement.name), (line, requirement))
        if before is not requirement and excluded(before.specifier, requirement.specifier):
            message = f"{requirement} here, {before} in line {before_line.number}"
            yield Finding(name, line.number, "requirement-twice", message)


def _conflicts(project: Project, name: str) -> Iterator[Finding]:
    essential = constraints(ESSENTIAL)
    own = _own(project)
    rest, rule = (constraints(BUNDLED), "requirement-bundled") if gets_bundled(project) else (own, "requirement-own")
    for line, requirement in parsed(project.requirements):
        key = canonicalize_name(requirement.name)
        pins = essential if key in essential else rest
        if key in pins and excluded(requirement.specifier, pins[key][1]):
            held = f"{requirement.name}{pins[key][1]}"
            yield Finding(
                name,
                line.number,
                "requirement-essential" if pins is essential else rule,
                f"{requirement} here, {held} in the constraints",
                f"write {held}, or leave the version out",
            )
        if not requirement.specifier and not requirement.url and key not in pins:
            yield Finding(
                name, line.number, "requirement-unpinned", f"{requirement.name}: expected a version, found none"
            )


def gets_bundled(project: Project) -> bool:
    """Whether MWAA adds its constraints: the text names none, not even in a comment."""
    text = project.requirements.read_text(errors="replace") if project.requirements.is_file() else ""
    return not re.search(r"(^|\s|#)(-c|--constraint)[\s=]", text)


def _own(project: Project) -> dict[str, tuple[Line, SpecifierSet]]:
    found: dict[str, tuple[Line, SpecifierSet]] = {}
    for line in lines(project.requirements):
        if re.match(r"-c|--constraint", line.text):
            path = named_file(project, line)[1]
            found |= constraints(path) if path and path.is_file() else {}
    return found


def excluded(one: SpecifierSet, other: SpecifierSet) -> bool:
    """Whether no version can be in both, for certain: one of them allows a single version, which the other excludes."""
    for single, rest in ((one, other), (other, one)):
        version = pinned(single)
        if version is not None:
            return not rest.contains(version, prereleases=True)
    return False


def pinned(specifiers: SpecifierSet) -> Version | None:
    """The only version that `==` allows, None when there may be more."""
    for one in specifiers:
        if one.operator in ("==", "===") and not one.version.endswith(".*"):
            try:
                return Version(one.version)
            except InvalidVersion:
                return None
    return None


def on_this_host(project: Project, temporary: Path) -> Path:
    """requirements.txt with the paths of MWAA's containers as those of the project, in a temporary folder."""
    written = project.requirements.read_text()
    for line in lines(project.requirements):
        name, path = named_file(project, line)
        if path:
            written = written.replace(name, str(path.resolve()))
    written = re.sub(
        rf"^(\s*(-f|--find-links)[\s=]+['\"]?){AIRFLOW_HOME}", rf"\g<1>{project.folder}", written, flags=re.M
    )
    file = temporary / "requirements.txt"
    file.write_text(written)
    return file
