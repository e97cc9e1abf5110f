"""plugins.zip with all that the requirements need, and the requirements that install from it with no network.

As AWS describes it: https://docs.aws.amazon.com/mwaa/latest/userguide/best-practices-dependencies.html
"""

import re
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import parse_wheel_filename

from windtunnel.check.project import Project
from windtunnel.check.requirements import BUNDLED, ESSENTIAL, gets_bundled, lines, on_this_host
from windtunnel.errors import NotPackaged
from windtunnel.package import archive
from windtunnel.pip_for_mwaa import conflict, download, errors, install, last_lines, without_network
from windtunnel.platform import AIRFLOW_HOME

CONSTRAINTS = "packaged-constraints.txt"
NOT_PACKED = ("__pycache__", ".git", "__MACOSX")
OWN_WHEEL = (
    "build a wheel where MWAA's platform is: ./windtunnel shell worker, then `pip wheel --no-deps NAME`; put it into "
    "plugins/ and package again"
)


@dataclass(frozen=True)
class Package:
    """What was made: the files, the wheels in the zip, its size in bytes.

    `network_cut`: whether pip, when it installed them, could not have reached an index.
    """

    plugins: Path
    requirements: Path
    wheels: tuple[str, ...]
    bytes: int
    network_cut: bool


def _nothing(_: str) -> None:
    """What the callback does unless the caller gives another."""


def package(folder: Path, output: Path, progress: Callable[[str], None] = _nothing) -> Package:
    """Make plugins.zip and packaged-requirements.txt in `output`, and see that they install without an index.

    The zip holds the project's plugins and wheels of all requirements, those of Airflow's image too. `progress` is
    told what goes on.

    Raises:
        UsageError: there is no such folder.
        NotPackaged: a requirement has no wheel for MWAA, they exclude one another, or no index answers.
    """
    project = Project(folder)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        wheels = Path(temporary) / "wheels"
        wheels.mkdir()
        progress("downloading wheels")
        _download(project, wheels, Path(temporary))
        found = sorted(wheels.glob("*.whl"))
        progress(f"zipping {len(found)} wheels")
        pins = pins_of([path.name for path in found])
        held = {} if gets_bundled(project) else {CONSTRAINTS: "\n".join([*pins, ""]).encode()}
        archive.write(output / "plugins.zip", _plugins(project) | held | {path.name: path for path in found})
    written = output / "packaged-requirements.txt"
    written.write_text(requirements_of(pins, bool(held)))
    progress("installing without an index")
    verify(output / "plugins.zip", written)
    made = output / "plugins.zip"
    return Package(made, written, tuple(path.name for path in found), made.stat().st_size, bool(without_network()))


def _download(project: Project, wheels: Path, temporary: Path) -> None:
    if not lines(project.requirements):
        return
    held = [f"--constraint={path}" for path in (ESSENTIAL, *([BUNDLED] if gets_bundled(project) else []))]
    own = [f"--find-links={project.plugins_folder}"] if project.plugins_folder.is_dir() else []
    done = download(f"--dest={wheels}", *held, *own, f"--requirement={on_this_host(project, temporary)}")
    if done.returncode:
        raise _not_packaged(done)


def _not_packaged(done: subprocess.CompletedProcess[str]) -> NotPackaged:
    """What pip's refusal means."""
    if said := conflict(done):
        return NotPackaged(f"the requirements exclude one another: {said}", "./windtunnel check names what it can")
    missing = [it[1] for line in errors(done) if (it := re.match(r"No matching distribution found for (.+)", line))]
    # pip says the same of a package whose index it could not reach.
    if missing and not re.search(r"(NewConnection|NameResolution|ConnectTimeout|SSL|Proxy)Error", done.stderr):
        return NotPackaged(
            f"{missing[0]}: expected a wheel for Python 3.12 on Linux x86_64 (glibc 2.34), found none: there is its "
            "source only, or there is no such version",
            OWN_WHEEL.replace("NAME", missing[0].split(" ")[0]),
        )
    said = f"pip could not download the requirements:\n{last_lines(done)}"
    return NotPackaged(said, "pip config list; env | grep -E 'PIP_|proxy'")


def _plugins(project: Project) -> dict[str, bytes | Path]:
    """The project's own plugins, of the folder or of the zip."""
    if project.plugins_zip.is_file():
        with zipfile.ZipFile(project.plugins_zip) as old:
            return {one.filename: old.read(one) for one in old.infolist() if not one.is_dir()}
    root = project.plugins_folder
    paths = [path.relative_to(root) for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {path.as_posix(): root / path for path in paths if not set(path.parts) & set(NOT_PACKED)}


def pins_of(wheels: list[str]) -> list[str]:
    """Every wheel by its exact version."""
    return sorted({f"{name}=={version}" for name, version, *_ in map(parse_wheel_filename, wheels)})


def requirements_of(pins: list[str], own_constraints: bool) -> str:
    """The text of packaged-requirements.txt.

    MWAA adds its bundled constraints to a file that names none. When the project chose its own, so does this file.
    """
    folder = AIRFLOW_HOME / "plugins"
    named = [f"--constraint {folder / CONSTRAINTS}"] if own_constraints else []
    return "\n".join([f"--find-links {folder}", "--no-index", *named, *pins, ""])


def verify(plugins: Path, requirements: Path) -> None:
    """Have pip install the packaged requirements for MWAA's platform from the zip alone, held as MWAA holds them.

    Raises:
        NotPackaged: something is not in it.
    """
    written = requirements.read_text()
    held = [f"--constraint={path}" for path in (ESSENTIAL, *([] if CONSTRAINTS in written else [BUNDLED]))]
    with tempfile.TemporaryDirectory() as temporary:
        with zipfile.ZipFile(plugins) as made:
            made.extractall(temporary, [it for it in made.namelist() if it.endswith(".whl") or it == CONSTRAINTS])
        file = Path(temporary) / "requirements.txt"
        file.write_text(written.replace(str(AIRFLOW_HOME / "plugins"), temporary))
        taken = Path(temporary) / "taken"
        done = download(f"--dest={taken}", *held, f"--requirement={file}", offline=True)
        wheels = sorted(taken.glob("*.whl"))
        if wheels and not done.returncode:
            done = install(wheels, Path(temporary) / "installed")
    if done.returncode:
        said = f"{plugins} does not install without an index:\n{last_lines(done)}"
        raise NotPackaged(said, "./windtunnel check --resolve")
