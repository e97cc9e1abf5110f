"""Where a setting comes from, and what `up` may write."""

from pathlib import Path

import pytest

from windtunnel.errors import UsageError
from windtunnel.settings import EnvironmentFile


@pytest.fixture
def environment(tmp_path: Path) -> EnvironmentFile:
    return EnvironmentFile("windtunnel", tmp_path)


def test_the_process_beats_the_file_and_the_file_beats_the_default(
    environment: EnvironmentFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert environment.value("FLOWER_PORT") == "5555"
    environment.path.write_text("FLOWER_PORT=6000\n")
    assert environment.value("FLOWER_PORT") == "6000"
    monkeypatch.setenv("FLOWER_PORT", "7000")
    assert environment.value("FLOWER_PORT") == "7000"


def test_recording_leaves_the_users_lines_alone(environment: EnvironmentFile) -> None:
    environment.path.write_text("# mine\nOTHER='a b'\nFLOWER_PORT=1\n")
    environment.record(FLOWER_PORT="2", CA_BUNDLE="/x y.crt")
    assert environment.path.read_text() == "# mine\nOTHER='a b'\nFLOWER_PORT=2\nCA_BUNDLE=/x y.crt\n"


def test_another_stack_has_a_file_of_its_own(tmp_path: Path) -> None:
    other = EnvironmentFile("other", tmp_path)
    other.record(FLOWER_PORT="0")
    assert other.path == tmp_path / ".env.other"
    assert EnvironmentFile("windtunnel", tmp_path).value("FLOWER_PORT") == "5555"
    assert other.value("WINDTUNNEL_NAME") == "other"


@pytest.mark.parametrize("name", ["", "Upper", "a b", "-x", "../x"])
def test_a_name_that_is_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="stack name"):
        EnvironmentFile(name, tmp_path)
