"""Where the images come from: pulled from the public registry, or built here from package registries alone."""

import hashlib
import json
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from python_on_whales import docker

from windtunnel import debian, engine
from windtunnel.containers import image_ids
from windtunnel.errors import ImageFailed, RegistryUnreachable, UsageError
from windtunnel.machine import follow, run
from windtunnel.settings import ROOT, EnvironmentFile
from windtunnel.shapes import LIGHT

Mode = Literal["official", "source"]
Report = Callable[[str], None]

TABLE = tomllib.loads((ROOT / "src/windtunnel/images.toml").read_text())
SMALLEST = "redis-exporter"
REGISTRY_SECONDS = 10
BASE, SOURCE = "docker-compose.yml", "compose/source.yml"


@dataclass(frozen=True)
class Build:
    """An image that is built here: by which compose service, as what, from which folder."""

    service: str
    image: str
    folder: Path


def check_mode(wanted: str) -> None:
    """Raises UsageError when `wanted` is neither official, source nor auto."""
    if wanted not in ("official", "source", "auto"):
        raise UsageError(f"--images {wanted}: expected official, source or auto")


def choose(wanted: str, environment: EnvironmentFile) -> Mode:
    """The mode to use: the one asked for, or for "auto" the one recorded, or what the network allows.

    Raises:
        RegistryUnreachable: official images are asked for, and the registry does not answer within 10 s.
    """
    if wanted == "source" or (wanted == "auto" and SOURCE in environment.value("COMPOSE_FILE")):
        return "source"
    smallest = environment.value(TABLE[SMALLEST]["variable"])
    if docker.image.exists(smallest) or engine.registry_answers(smallest, REGISTRY_SECONDS):
        return "official"
    if wanted == "official":
        raise RegistryUnreachable(
            f"image registry: expected {smallest} within {REGISTRY_SECONDS} s, found no answer",
            "check the network, or build everything from package registries: ./windtunnel up --images source",
        )
    return "source"


def refuse_to_switch(mode: Mode, environment: EnvironmentFile, volumes: bool) -> None:
    """Data that one mode's images wrote is not opened with the other's: collations and modules differ.

    Raises:
        UsageError: the stack has volumes from the other mode.
    """
    recorded: Mode = "source" if SOURCE in environment.value("COMPOSE_FILE") else "official"
    if environment.path.exists() and volumes and mode != recorded:
        raise UsageError(
            f"the volumes of {environment.name} were made with {recorded} images; {mode} images may not read them",
            f"keep --images {recorded}, or lose the data: ./windtunnel down --volumes",
        )


def record(mode: Mode, environment: EnvironmentFile, overlays: Sequence[str]) -> None:
    """Write mode and shape into the environment file, so that plain `docker compose` uses them too."""
    files = [BASE] + [SOURCE] * (mode == "source") + [*overlays]
    grafana = mode == "source" and LIGHT[-1] not in overlays and docker.image.exists(environment.value("GRAFANA_IMAGE"))
    environment.record(COMPOSE_FILE=":".join(files), COMPOSE_PROFILES="grafana" if grafana else "")


def builds(mode: Mode, environment: EnvironmentFile) -> Iterator[Build]:
    """What has to be built in this mode."""
    yield Build("secrets", environment.value("AIRFLOW_IMAGE"), ROOT / "airflow")
    for name, image in TABLE.items():
        if image["source"] and (mode == "source" or not image["official"]):
            tag = image["drop_in"] if mode == "source" else environment.value(image["variable"])
            yield Build(name, tag, ROOT / "services" / image["source"])


class BuildRecord:
    """Which sources each image was built from: a build whose sources have not changed is not repeated."""

    def __init__(self, path: Path = ROOT / ".cache/builds.json") -> None:
        self.path = path
        self._known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def is_current(self, build: Build, fingerprint: str, image_id: str | None) -> bool:
        """Whether the image that is here (None: there is none) is the one that these sources made."""
        return image_id is not None and self._known.get(build.image) == f"{fingerprint} {image_id}"

    def add(self, build: Build, fingerprint: str, image_id: str) -> None:
        """Remember a build that has just ended well."""
        self._known[build.image] = f"{fingerprint} {image_id}"
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(json.dumps(self._known, indent=2))


def fingerprint(build: Build, environment: EnvironmentFile) -> str:
    """A digest of the files that a build reads and of the settings that it takes."""
    digest = hashlib.sha256()
    for path in sorted(_context(build.folder)):
        digest.update(str(path.relative_to(build.folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    for name in ("AIRFLOW_BASE_IMAGE", "MINIO_BASE_IMAGE", "AIRFLOW_UID"):
        digest.update(environment.value(name).encode())
    digest.update(SOURCE.encode() if SOURCE in environment.value("COMPOSE_FILE") else BASE.encode())
    return digest.hexdigest()


def _context(folder: Path) -> Iterator[Path]:
    """The files that a build reads: all but those of .dockerignore, whose patterns here are names, or paths from it."""
    file = folder / ".dockerignore"
    patterns = ["**/__pycache__", *(file.read_text().split() if file.exists() else [])]
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        places = [relative, *relative.parents]
        ignored = any(place.match(pattern.removeprefix("**/")) for place in places for pattern in patterns)
        if not ignored and path.is_file():
            yield path


def outdated(mode: Mode, environment: EnvironmentFile) -> list[Build]:
    """The builds that are missing, or were made from other sources."""
    built, here = BuildRecord(), image_ids()
    return [
        build
        for build in builds(mode, environment)
        if not built.is_current(build, fingerprint(build, environment), here.get(build.image))
    ]


def build(
    missing: list[Build], compose: list[str], environment: EnvironmentFile, report: Report, on_line: Report
) -> None:
    """Build images, all at once; a build that failed half-way goes on from its last good layer.

    Raises:
        ImageFailed: a build failed; the message ends with its last lines.
    """
    if SOURCE in environment.value("COMPOSE_FILE"):
        debian.base_image(report=report)
    report(f"building {', '.join(build.image for build in missing)}")
    services = [build.service for build in missing]
    again = "run it again: it goes on where it stopped"
    # Compose labels an image with the project that builds it. All stacks share the images, so all must build the same
    # ones: otherwise a build for one stack would have the next `up` of another make its containers anew.
    command = [*compose, "--project-name", "windtunnel-images", "--progress", "plain", "build", *services]
    follow(command, ImageFailed, on_line, log=ROOT / ".cache/build.log", help=again, cwd=ROOT)
    built, here = BuildRecord(), image_ids()
    for one in missing:
        built.add(one, fingerprint(one, environment), here[one.image])


def pull(compose: list[str]) -> None:
    """Pull the pinned public images that are not here yet.

    Raises:
        ImageFailed: the registry refused or failed.
    """
    run([*compose, "pull", "--policy", "missing", "--ignore-buildable", "--quiet"], ImageFailed, cwd=ROOT)
