"""Whether the requirements can be had together: what only a package index can tell."""

import tempfile
from pathlib import Path

from windtunnel.check.finding import Finding
from windtunnel.check.project import Project
from windtunnel.check.requirements import BUNDLED, ESSENTIAL, gets_bundled, lines, on_this_host
from windtunnel.errors import NotPackaged
from windtunnel.pip_for_mwaa import conflict, download, last_lines


def resolution(folder: Path) -> list[Finding]:
    """A finding when pip says that the requirements exclude one another on MWAA.

    Raises:
        NotPackaged: pip could not tell: a requirement has no wheel, or no index answers.
    """
    project = Project(folder)
    if not lines(project.requirements):
        return []
    held = [f"--constraint={path}" for path in (ESSENTIAL, *([BUNDLED] if gets_bundled(project) else []))]
    with tempfile.TemporaryDirectory() as temporary:
        file = on_this_host(project, Path(temporary))
        done = download(f"--dest={temporary}/wheels", *held, f"--requirement={file}")
    if not done.returncode:
        return []
    if said := conflict(done):
        return [Finding(project.relative(project.requirements), 0, "requirement-unresolved", said)]
    raise NotPackaged(
        f"pip could not tell whether the requirements can be had together:\n{last_lines(done)}", "./windtunnel package"
    )
