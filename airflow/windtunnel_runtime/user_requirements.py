"""Installs the user's requirements.txt with pip, under MWAA's constraints and within its limit.

MWAA's essential constraints always hold; Airflow's are added when the file names none. A failure is logged, and the
component starts all the same (aws/amazon-mwaa-docker-images, `mwaa/utils/user_requirements.py`, `safe-pip-install`).
"""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

LIMIT_SECONDS = 540
CONSTRAINTS = Path("/usr/local/windtunnel/constraints")
# In a comment too, as there.
_NAMES_CONSTRAINTS = re.compile(r"(^|\s)(-c|--constraint)[\s=]")


def command(requirements: Path) -> list[str]:
    """What installs them."""
    named = _NAMES_CONSTRAINTS.search(requirements.read_text(errors="replace"))
    files = ["essential.txt", *([] if named else ["constraints-3.3.1-3.12.txt"])]
    constraints = [word for file in files for word in ("--constraint", str(CONSTRAINTS / file))]
    options = ["--user", "--disable-pip-version-check", "--no-warn-script-location", "--no-input"]
    return [sys.executable, "-m", "pip", "install", *options, "--requirement", str(requirements), *constraints]


def install(requirements: Path, environment: Mapping[str, str], log: Path, limit: float = LIMIT_SECONDS) -> str:
    """Install them, with pip's words in `log`, and say what was wrong, if anything."""
    with log.open("wb") as said:
        try:
            run = subprocess.run(command(requirements), env=environment, stdout=said, stderr=said, timeout=limit)
        except subprocess.TimeoutExpired:
            return f"not installed within {limit:g} s: stopped"
    return f"not installed: pip ended with {run.returncode}: {_why(log)}" if run.returncode else ""


def _why(log: Path) -> str:
    """Pip's first complaint, with both sides of a conflict."""
    lines = log.read_text(errors="replace").splitlines()
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")] or lines[-1:]
    sides = [line.strip() for line in lines if line.startswith("    ")]
    return "; ".join([*errors[:1], *sides])
