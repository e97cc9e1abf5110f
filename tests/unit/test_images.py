"""src/windtunnel/images.toml, services/ and the compose files say the same."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from windtunnel.images import Build, fingerprint
from windtunnel.settings import EnvironmentFile

ROOT = Path(__file__).parents[2]
IMAGES = tomllib.loads((ROOT / "src/windtunnel/images.toml").read_text())
DROP_INS = {name: image for name, image in IMAGES.items() if image["source"]}
DOCKERFILES = sorted(ROOT.glob("services/*/Dockerfile"))
COMPOSE_FILES = [ROOT / "docker-compose.yml", ROOT / "compose/source.yml"]


def compose_services(file: Path) -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load(file.read_text())["services"]
    return services


def instructions(file: Path) -> str:
    """The file without its comments."""
    return re.sub(r"(^|\s)#.*", "", file.read_text(), flags=re.MULTILINE)


def names_a_host(reference: str) -> bool:
    """As Docker reads a reference: https://github.com/distribution/reference/blob/v0.6.0/normalize.go"""
    first, slash, _ = reference.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")


def test_the_table_and_services_hold_the_same_folders() -> None:
    assert DOCKERFILES
    assert {file.parent.name for file in DOCKERFILES} == {image["source"] for image in DROP_INS.values()}


@pytest.mark.parametrize("name", DROP_INS)
def test_a_named_target_is_a_stage(name: str) -> None:
    image = DROP_INS[name]
    stages = re.findall(r"^FROM .* AS (\S+)$", (ROOT / "services" / image["source"] / "Dockerfile").read_text(), re.M)
    assert image.get("target", "") in [*stages, ""]
    assert "target" in image or not stages, "a Dockerfile with stages needs a target"


@pytest.mark.parametrize("name", IMAGES)
def test_the_official_image_is_pinned_within_the_release_line(name: str) -> None:
    image = IMAGES[name]
    if not image["official"]:
        assert image["official_reason"]
        return
    tag = image["official"].partition(":")[2]
    assert re.fullmatch(r"v?\d+(\.\d+)+(-\w+)?", tag)
    assert tag.removeprefix("v").startswith(image["line"] + ".")
    assert not names_a_host(image["official"])


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_without_drop_in_says_why(name: str) -> None:
    image = IMAGES[name]
    assert bool(image["source"]) == bool(image.get("drop_in")) != bool(image.get("source_reason"))


@pytest.mark.parametrize("name", IMAGES)
def test_compose_runs_the_image_that_the_table_names(name: str) -> None:
    image = IMAGES[name]
    services = compose_services(ROOT / "docker-compose.yml")
    for service in image["services"]:
        default = image["official"] or image["drop_in"]
        assert services[service]["image"] == f"${{{image['variable']}:-{default}}}"


def in_source_mode(service: str) -> dict[str, Any]:
    base, overlay = (compose_services(file).get(service, {}) for file in COMPOSE_FILES)
    return base | overlay | {"build": base.get("build", {}) | overlay.get("build", {})}


@pytest.mark.parametrize("name", DROP_INS)
def test_source_mode_builds_the_drop_in_and_never_pulls_it(name: str) -> None:
    image = DROP_INS[name]
    for service in image["services"]:
        settings = in_source_mode(service)
        assert settings["image"] in (image["drop_in"], f"${{{image['variable']}:-{image['drop_in']}}}")
        assert settings["pull_policy"] == "never"
    build = in_source_mode(image["services"][0])["build"]
    assert build["context"] == f"./services/{image['source']}"
    assert build.get("target") == image.get("target")
    assert build["args"]["BASE_IMAGE"] == "windtunnel-base:trixie"
    assert build["secrets"] == ["ca-bundle"]


def test_source_mode_leaves_out_what_has_no_drop_in() -> None:
    services = compose_services(ROOT / "compose/source.yml")
    left_out = [service for name in IMAGES.keys() - DROP_INS.keys() for service in IMAGES[name]["services"]]
    assert left_out == [service for service, settings in services.items() if settings.get("profiles") == [service]]


@pytest.mark.parametrize("file", [*DOCKERFILES, *COMPOSE_FILES], ids=lambda file: str(file.relative_to(ROOT)))
def test_no_registry_host_and_no_platform(file: Path) -> None:
    text = instructions(file)
    assert not re.search(r"://[\w.-]+\.[a-z]{2,}", text)
    assert not re.search(r"--platform|^\s+platform:|amd64|arm64", text, re.M)
    references = re.findall(r"^FROM (\S+)|^ARG BASE_IMAGE=(\S+)|^\s+image:\s+(\S+)", text, re.M)
    assert references
    for reference in filter(None, (part for parts in references for part in parts)):
        assert not names_a_host(re.sub(r"\$\{\w+:-(.*)\}", r"\1", reference))


def test_an_image_is_made_anew_for_what_its_build_reads_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "context"
    (folder / "native/__pycache__").mkdir(parents=True)
    (folder / ".dockerignore").write_text("**/__pycache__\nnative/engine-*\n")
    (folder / "native/source.c").write_text("int main;")
    build, environment = Build("secrets", "image", folder), EnvironmentFile("wt", tmp_path)
    first = fingerprint(build, environment)
    (folder / "native/__pycache__/source.pyc").write_text("made")
    (folder / "native/engine-1.so").write_text("made")
    assert fingerprint(build, environment) == first
    (folder / "native/source.c").write_text("int other;")
    assert fingerprint(build, environment) != first
