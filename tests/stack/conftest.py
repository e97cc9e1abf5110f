"""One stack for all the tests here, brought up as a user would, under a name and ports of its own."""

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import CommandLine
from windtunnel.sample import FILES, FOLDER
from windtunnel.settings import ROOT, EnvironmentFile
from windtunnel.stack import Stack

HERE = Path(__file__).parent
# What a user sees first; then figures of the only run of a DAG that other tests run too, and pictures of the same.
FIRST = ["test_up", "test_metrics", "test_rebuild_dashboard", "test_dashboards", "test_report"]
# What breaks the stack comes last, and what looks at its traces after it.
LAST = ["test_task_memory", "test_alerts", "test_early_warning", "test_oom", "test_what_faults_show"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    files = sorted({item.path.stem for item in items if item.path.parent == HERE} - {*FIRST, *LAST})
    order = [*FIRST, *files, *LAST]
    items.sort(key=lambda item: order.index(item.path.stem) if item.path.parent == HERE else -1)


@pytest.fixture(scope="session")
def dags_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's DAGs and the tests' own, in a project of the tests' that they may change."""
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(HERE / "project", project, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.make_archive(str(project / "plugins"), "zip", project / "plugins")
    shutil.rmtree(project / "plugins")
    folder = project / "dags"
    shutil.copytree(ROOT / "dags", folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests/stack/dags", folder / "selftest", ignore=shutil.ignore_patterns("__pycache__"))
    for path in (folder.parent, *folder.parents[:2]):
        path.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def first_up(dags_folder: Path) -> Iterator[tuple[CommandLine, str]]:
    """The command line of the tests' stack, and what its first `up` printed."""
    cli = CommandLine(f"selftest-{secrets.token_hex(3)}", {"WINDTUNNEL_PROJECT": str(dags_folder.parent)})
    try:
        yield cli, cli("up").stdout
    finally:
        if os.environ.get("KEEP"):
            print(f"kept: ./windtunnel --name {cli.name} down --volumes removes it")
        else:
            cli.remove()


@pytest.fixture(scope="session")
def cli(first_up: tuple[CommandLine, str]) -> CommandLine:
    return first_up[0]


@pytest.fixture(scope="session")
def stack(cli: CommandLine) -> Stack:
    os.environ["WINDTUNNEL_PROJECT"] = cli.environ["WINDTUNNEL_PROJECT"]
    return Stack(EnvironmentFile(cli.name))


@pytest.fixture(scope="module")
def warehouse_dsn(cli: CommandLine) -> str:
    """Asked anew by each module: Docker gives a container that starts again another free port."""
    return str(cli.json("credentials")["warehouse"]["dsn"])


@pytest.fixture(scope="session")
def sample_files(cli: CommandLine) -> list[Path]:
    return [FOLDER / name for name in FILES]
