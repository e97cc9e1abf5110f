"""What was packaged, installed as a component of MWAA does when it starts, in a container that has no network."""

import json
from pathlib import Path

from windtunnel import throw_away
from windtunnel.errors import MachineUnfit, NotPackaged
from windtunnel.platform import PYTHON

CODE = "/mnt/delivery/code"
NOTES = "/usr/local/airflow/logs/boot/package.json"
OTHER_PYTHON = 3
# plugins.zip unpacked to /usr/local/airflow/plugins, `pip install --user` of the requirements: the boot of a worker.
BOOT = f"""
python3 -c 'import sys; sys.exit(sys.version_info[:2] != {PYTHON})' || exit {OTHER_PYTHON}
python3 -m windtunnel_runtime.boot package true >&2 && cat {NOTES}
"""
# pip has nine minutes of it, as in MWAA.
RUN_SECONDS = 700


def install(plugins: Path, requirements: Path, image: str) -> str:
    """Install both in a container of the Airflow image; why that could not be done here, or nothing.

    Raises:
        NotPackaged: they do not install there.
    """
    try:
        problems = _problems(plugins, requirements, image)
    except MachineUnfit as error:
        return error.message
    if problems:
        raise NotPackaged(f"{plugins} does not install without a network: {'; '.join(problems)}", "./windtunnel check")
    return ""


def _problems(plugins: Path, requirements: Path, image: str) -> list[str]:
    throw_away.demand(image)
    files = {"plugins.zip": plugins, "requirements.txt": requirements}
    mounts = [
        f"--mount=type=bind,source={path.resolve()},target={CODE}/{name},readonly" for name, path in files.items()
    ]
    done = throw_away.run(image, ["sh", "-c", BOOT], 3, RUN_SECONDS, options=["--network=none", *mounts])
    if done.returncode == OTHER_PYTHON:
        raise MachineUnfit(f"{image} has another Python than {'.'.join(map(str, PYTHON))}")
    if done.returncode:
        said = throw_away.last_line(done.stderr.decode(errors="replace"))
        raise MachineUnfit(said or f"its container ended with {done.returncode}")
    return list(json.loads(done.stdout)["problems"])
