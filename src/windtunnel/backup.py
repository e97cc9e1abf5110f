"""`backup` and `restore`: what a stack can't make again, in one archive: databases, buckets, secrets, logs.

The stack is stopped for a backup, so that the volumes agree with each other. An archive is for the kind of images that
wrote it: official and source ones sort texts differently.
"""

import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from windtunnel.containers import image_ids
from windtunnel.errors import BadInput, UsageError, WindtunnelError
from windtunnel.machine import run
from windtunnel.stack import ALL, Stack

# What every other volume is made of, or is of no worth without the past minutes.
VOLUMES = ("secrets-store", "postgres-data", "redis-data", "minio-data", "aws-data", "mwaa-data", "logs", "efs")
MANIFEST = "windtunnel.json"


@dataclass(frozen=True)
class Manifest:
    """What an archive is of: the stack's name and images, and when it was made (RFC 3339)."""

    name: str
    images: str
    at: str
    volumes: list[str]


def backup(stack: Stack, archive: Path) -> Manifest:
    """Write the archive; a stack that ran runs again afterwards.

    Raises:
        UsageError: the file is there already, or the stack has no data.
        WindtunnelError: Docker failed; there is no archive.
    """
    if archive.exists():
        raise UsageError(f"{archive}: expected a new file, found one", "name another file")
    there = [volume for volume in VOLUMES if _name(stack, volume) in _volumes(stack)]
    if not there:
        raise UsageError(f"{stack.name}: expected volumes, found none", "./windtunnel up")
    manifest = Manifest(stack.name, stack.images, datetime.now(UTC).isoformat(timespec="seconds"), there)
    with _stopped(stack):
        _pack(stack, manifest, archive)
    return manifest


def restore(stack: Stack, archive: Path) -> Manifest:
    """Make the stack's volumes what the archive has; the stack must have none.

    Raises:
        BadInput: the file is no archive of this kind, or is damaged; no volume was made.
        UsageError: the stack has volumes, or images of the other kind.
    """
    manifest = read(archive)
    if stack.environment.value("AIRFLOW_IMAGE") not in image_ids():
        raise UsageError(f"{stack.name}: expected images, found none", f"./windtunnel --name {stack.name} up --no-demo")
    if _volumes(stack):
        raise UsageError(
            f"{stack.name}: expected no volumes, found some: a restore would mix two pasts",
            f"./windtunnel --name {stack.name} down --volumes",
        )
    if stack.environment.path.exists() and stack.images != manifest.images:
        raise UsageError(
            f"{archive}: expected data of {stack.images} images, found {manifest.images}",
            f"./windtunnel --name {stack.name} up --images {manifest.images}",
        )
    for volume in manifest.volumes:
        # As compose would make them, or it would call them foreign.
        labels = {"com.docker.compose.project": stack.name, "com.docker.compose.volume": volume}
        words = [word for label, value in labels.items() for word in ("--label", f"{label}={value}")]
        run(["docker", "volume", "create", *words, _name(stack, volume)], WindtunnelError)
    _unpack(stack, manifest, archive)
    return manifest


def read(archive: Path) -> Manifest:
    """The manifest of an archive that is whole.

    Raises:
        BadInput: it is not.
    """
    try:
        with tarfile.open(archive) as file:
            members = {member.name: member for member in file}
            said = file.extractfile(members[f"./{MANIFEST}"])
            return Manifest(**json.loads(said.read() if said else b""))
    except (OSError, EOFError, tarfile.TarError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{archive}: expected an archive of `./windtunnel backup`, found {error!r}") from error


def _pack(stack: Stack, manifest: Manifest, archive: Path) -> None:
    partial = archive.with_name(f".{archive.name}.partial")
    try:
        with partial.open("wb") as out:
            _in_container(stack, manifest, "tar czf - .", "ro", stdout=out)
        partial.replace(archive)
    finally:
        partial.unlink(missing_ok=True)


def _unpack(stack: Stack, manifest: Manifest, archive: Path) -> None:
    with archive.open("rb") as stdin:
        _in_container(stack, manifest, f"tar xzf - --exclude ./{MANIFEST}", "rw", stdin=stdin)


def _in_container(stack: Stack, manifest: Manifest, tar: str, mode: str, **streams: io.BufferedIOBase) -> None:
    """Run tar as root where the volumes are folders, beside the manifest."""
    volumes = [w for v in manifest.volumes for w in ("--volume", f"{_name(stack, v)}:/backup/{v}:{mode}")]
    script = f'printf %s "$1" > /backup/{MANIFEST}; cd /backup; {tar}'
    image = stack.environment.value("AIRFLOW_IMAGE")
    command = ["docker", "run", "--rm", "--interactive", "--network", "none", "--user", "root", *volumes]
    command += ["--entrypoint", "sh", image, "-ec", script, "-", json.dumps(asdict(manifest))]
    done = subprocess.run(command, stderr=subprocess.PIPE, **streams)  # type: ignore[call-overload]
    if done.returncode:
        raise WindtunnelError(f"tar in {image}: {done.stderr.decode(errors='replace').strip()}")


@contextmanager
def _stopped(stack: Stack) -> Iterator[None]:
    was_running = any(container.is_running for container in stack.containers())
    stack.run(*ALL, "stop")
    try:
        yield
    finally:
        if was_running:
            stack.start()


def _name(stack: Stack, volume: str) -> str:
    return f"{stack.name}_{volume}"


def _volumes(stack: Stack) -> set[str]:
    words = ["docker", "volume", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={stack.name}"]
    return set(run(words, WindtunnelError).split())
