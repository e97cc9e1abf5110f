"""`package` makes what installs with the network cut: shown with a real package, and with one that is missing."""

import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import CommandLine
from windtunnel.errors import NotPackaged
from windtunnel.package import offline
from windtunnel.stack import Stack
from windtunnel.throw_away import LABEL

# Pure Python, in the bundled constraints, and with a dependency of its own.
REQUIREMENT = "croniter"


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    listing = ["docker", "ps", "--all", "--quiet", "--filter", f"label={LABEL}"]
    assert subprocess.run(listing, capture_output=True, text=True, check=True).stdout == ""


@pytest.fixture
def image(stack: Stack) -> str:
    return stack.environment.value("AIRFLOW_IMAGE")


def has_mwaas_python(image: str) -> bool:
    asked = [
        "docker",
        "run",
        "--rm",
        "--network=none",
        image,
        "python3",
        "-c",
        "import sys; print(sys.version_info[1])",
    ]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == "12"


def test_a_project_installs_without_a_network(cli: CommandLine, image: str, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(f"{REQUIREMENT}\n")
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/greeting.py").write_text("HELLO = 1\n")
    tmp_path.chmod(0o755)
    done = json.loads(cli("package", "--json", "--project", str(tmp_path)).stdout)
    assert any(wheel.startswith(REQUIREMENT) for wheel in done["wheels"])
    assert done["container"]["installed"] == has_mwaas_python(image)
    assert done["network_cut"] or done["container"]["installed"]


def test_a_zip_that_lacks_a_wheel_does_not_install(image: str, tmp_path: Path) -> None:
    if not has_mwaas_python(image):
        pytest.skip(f"{image} has another Python than MWAA")
    with zipfile.ZipFile(tmp_path / "plugins.zip", "w") as archive:
        archive.writestr("greeting.py", "HELLO = 1\n")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("--find-links /usr/local/airflow/plugins\n--no-index\nwindtunnel-no-such-package==1.0\n")
    tmp_path.chmod(0o755)
    with pytest.raises(NotPackaged, match="windtunnel-no-such-package"):
        offline.install(tmp_path / "plugins.zip", requirements, image)
