"""The Python that the contenders run with: a virtual environment of their own, made on demand."""

import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from windtunnel.bench.measure import PROGRAMS
from windtunnel.errors import MachineUnfit
from windtunnel.machine import run
from windtunnel.settings import ROOT

LOCK = PROGRAMS / "requirements.txt"
LIBRARY = ROOT / "airflow/xml-rebuild/src"
CACHE = ROOT / ".cache/bench"
VENV = CACHE / "venv"


def python(report: Callable[[str], None]) -> str:
    """The interpreter, the same version as this one, once the locked packages are beside it."""
    stamp = VENV / "stamp"
    wanted = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        report(f"installing the contenders' packages into {VENV.relative_to(ROOT)}")
        _make(VENV)
        stamp.write_text(wanted)
    interpreter = str(VENV / "bin/python")
    # At once when it is built: the library's name is its sources'.
    help = "without its C engine the library would be measured at a fraction of its speed; see docs/rebuild.md"
    run([interpreter, "-m", "xml_rebuild.native.build"], MachineUnfit, help, env={"PYTHONPATH": str(LIBRARY)})
    return interpreter


def _make(venv: Path) -> None:
    shutil.rmtree(venv, ignore_errors=True)
    help = "check the network and the package index settings (PIP_*, UV_*), then run it again"
    interpreter = str(venv / "bin/python")
    if shutil.which("uv"):
        run(["uv", "venv", "--no-project", "--python", sys.executable, str(venv)], MachineUnfit, help)
        install = ["uv", "pip", "install", "--python", interpreter]
    else:
        run([sys.executable, "-m", "venv", str(venv)], MachineUnfit, help)
        install = [interpreter, "-m", "pip", "install", "--quiet"]
    run([*install, "--no-deps", "--requirement", str(LOCK)], MachineUnfit, help)


def versions(interpreter: str) -> dict[str, str]:
    """The packages that stand in the lock, as installed."""
    lines = [line for line in LOCK.read_text().splitlines() if "==" in line]
    code = "import sys; print(sys.version.split()[0])"
    found = {"python": run([interpreter, "-c", code], MachineUnfit).strip()}
    return found | dict(line.split("==") for line in lines)
