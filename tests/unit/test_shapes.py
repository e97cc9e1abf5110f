"""Which overlay a shape is, and that each leaves exactly one container to run tasks."""

import pytest
import yaml

from windtunnel.classes import CLASSES
from windtunnel.errors import UsageError
from windtunnel.settings import ROOT, SETTINGS
from windtunnel.shapes import ADDITIONS, LIGHT, SHAPES, additions, has_tasks, overlays


def test_a_class_has_a_shape_of_its_own() -> None:
    assert {name: overlays(None, name, light=False) for name in CLASSES} == {
        name: SHAPES["hybrid"] if name == "mw1.micro" else () for name in CLASSES
    }


def test_a_shape_that_is_asked_for_beats_the_classs() -> None:
    assert overlays("shared", "mw1.micro", light=False) == SHAPES["shared"]
    assert overlays("separate", "mw1.micro", light=False) == ()


@pytest.mark.parametrize(("shape", "light"), [("round", False), ("shared", True)])
def test_no_such_shape(shape: str, light: bool) -> None:
    with pytest.raises(UsageError, match="shape"):
        overlays(shape, "mw1.small", light)


@pytest.mark.parametrize("setting", ADDITIONS)
def test_a_setting_adds_its_overlay_and_no_other(setting: str) -> None:
    unset = {name: one.default for name, one in SETTINGS.items()}
    assert additions(unset) == ()
    assert additions(unset | {setting: "on"}) == (ADDITIONS[setting],)
    assert (ROOT / ADDITIONS[setting]).is_file()


@pytest.mark.parametrize("files", [*SHAPES.values(), LIGHT], ids=[*SHAPES, "light"])
def test_one_service_runs_tasks(files: tuple[str, ...]) -> None:
    merged = services(files)
    assert [name for name, one in merged.items() if one["labels"].get("windtunnel.tasks")] == [
        has_tasks(":".join(("docker-compose.yml", *files)))
    ]


def services(files: tuple[str, ...]) -> dict[str, dict[str, dict[str, str]]]:
    """Of the base file with overlays, those that start by themselves, with their labels."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for file in ("docker-compose.yml", *files):
        for name, one in yaml.safe_load((ROOT / file).read_text())["services"].items():
            if "profiles" in one:
                found.pop(name, None)
            elif name in found:
                found[name]["labels"] |= one.get("labels", {})
            else:
                found[name] = {"labels": one["labels"]}
    return found
