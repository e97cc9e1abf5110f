"""The container engine: found, installed where that can be done unasked, started, and asked what it is."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from platform import system

from python_on_whales import DockerClient, DockerException

from windtunnel import debian
from windtunnel.debian import Report
from windtunnel.errors import EngineMissing, TimedOut
from windtunnel.machine import run
from windtunnel.wait import wait_until

# 2.23.1 brought configs with content in the compose file.
COMPOSE_LEAST = (2, 24)
START_SECONDS = 60
LOCAL_SOCKET = "unix:///var/run/docker.sock"
SYSTEMD = Path("/run/systemd/system")  # there if systemd is pid 1: sd_booted(3)
INIT_SCRIPT = Path("/etc/init.d/docker")
DAEMON_LOG = Path("/var/log/dockerd.log")
INIT_SCRIPT_LOG = Path("/var/log/docker.log")

# Debian 12 has the engine, but no Compose v2 and no Buildx: those come from Debian 13.
PACKAGES = {
    "bookworm": ["docker.io"],
    "debian": ["docker.io", "docker-cli", "docker-compose", "docker-buildx"],
    "ubuntu": ["docker.io", "docker-compose-v2", "docker-buildx"],
}


@dataclass(frozen=True)
class Engine:
    """Versions of what answers, and what its host has; `data_root` is a folder of that host."""

    client: str
    server: str
    compose: str
    buildx: str
    cpus: int
    memory_bytes: int
    data_root: Path


def ensure(report: Report = print) -> Engine:
    """The engine that `docker` talks to by DOCKER_HOST or context, with Compose and Buildx.

    On Debian and Ubuntu as root, what is missing is installed from the distribution's packages and started; plugins
    are installed on Debian as any user. `report` is told before anything is changed.

    Raises:
        EngineMissing: something is missing that can't be installed here, or does not start; `help` has the commands.
        DiskFull: no space left to install.
    """
    if shutil.which("docker") is None:
        _install(report)
    problem = _problem()
    if problem:
        _start(problem, report)
    missing = _missing_plugins()
    if missing:
        _install_plugins(missing, report)
    return _describe()


def find() -> Engine:
    """The engine, as it is: nothing is installed or started.

    Raises:
        EngineMissing: there is none that would do.
    """
    if shutil.which("docker") is None:
        raise EngineMissing("container engine: expected docker on PATH, found none", _how_to_install())
    if problem := _problem():
        raise EngineMissing(f"container engine: expected an answer, found: {problem}", _how_to_start())
    if missing := _missing_plugins():
        raise EngineMissing(f"docker plugins: expected Compose v2 and Buildx, missing {missing}", _how_to_install())
    return _describe()


def registry_answers(image: str, seconds: float) -> bool:
    """Whether `image` can be pulled within `seconds`; a pull that takes longer is ended."""
    pull = subprocess.Popen(
        ["docker", "pull", "--quiet", image],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return pull.wait(timeout=seconds) == 0
    except subprocess.TimeoutExpired:
        os.killpg(pull.pid, signal.SIGKILL)
        pull.wait()
        return False


def _problem() -> str | None:
    """Why the daemon does not answer, in docker's words; None when it does."""
    try:
        DockerClient().version()
    except DockerException as error:
        return (error.stderr or str(error)).strip()
    return None


def _install(report: Report) -> None:
    if not debian.can_install():
        raise EngineMissing("container engine: expected docker and dockerd on PATH, found none", _how_to_install())
    debian.install(_packages(), report, EngineMissing)


def _packages() -> list[str]:
    here = debian.release()
    return PACKAGES.get(here.codename) or PACKAGES[here.id]


def _start(problem: str, report: Report) -> None:
    endpoint = run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"], EngineMissing).strip()
    if endpoint != LOCAL_SOCKET or system() != "Linux" or os.geteuid() != 0:
        raise EngineMissing(f"container engine: expected an answer from {endpoint}, found: {problem}", _how_to_start())
    if shutil.which("dockerd") is None:
        _install(report)
    said = [_try_to_start(command, log, report) for command, log in _starters() if _problem()]
    if _problem():
        raise EngineMissing("container engine: does not start; the end of its log:\n" + "\n".join(said).strip())


def _try_to_start(command: list[str], log: list[str], report: Report) -> str:
    """Start the daemon and wait for its answer; what it said, if there was none."""
    report(f"starting the container engine: {' '.join(command)}")
    # Into a file: a daemon that keeps a pipe open would never let us read to its end.
    with tempfile.TemporaryFile("w+") as output:
        started = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        with suppress(TimedOut):
            if started.returncode == 0:
                wait_until(lambda: _problem() is None, "the container engine to answer", START_SECONDS)
        if not _problem():
            return ""
        output.seek(0)
        return output.read() + subprocess.run(log, capture_output=True, text=True).stdout


def _starters() -> list[tuple[list[str], list[str]]]:
    """The commands that may start the daemon, each with one that shows the end of its log, in the order to try."""
    detached = f"exec dockerd </dev/null >{DAEMON_LOG} 2>&1"
    by_hand = ["setsid", "--fork", "sh", "-c", detached], ["tail", "-n", "15", str(DAEMON_LOG)]
    if SYSTEMD.is_dir():
        return [(["systemctl", "start", "docker"], ["journalctl", "--no-pager", "--unit", "docker", "--lines", "15"])]
    if INIT_SCRIPT.exists() and shutil.which("service"):
        # The script raises limits, which containers may not: then the daemon itself still starts.
        return [(["service", "docker", "start"], ["tail", "-n", "15", str(INIT_SCRIPT_LOG)]), by_hand]
    return [by_hand]


def _plugin_version(plugin: str) -> str | None:
    docker = DockerClient()
    try:
        text = docker.compose.version() if plugin == "compose" else docker.buildx.version()
    except DockerException:
        return None
    version = re.search(r"\d+\.\d+\S*", text)
    return version[0] if version else None


def _missing_plugins() -> list[str]:
    return [plugin for plugin in ("compose", "buildx") if not _suffices(plugin, _plugin_version(plugin))]


def _suffices(plugin: str, version: str | None) -> bool:
    if version is None:
        return False
    major, minor = re.findall(r"\d+", version)[:2]
    return plugin != "compose" or (int(major), int(minor)) >= COMPOSE_LEAST


def _install_plugins(missing: Sequence[str], report: Report) -> None:
    here = debian.release()
    if debian.can_install() and here.codename not in PACKAGES:
        debian.install([name for name in _packages() if name != "docker.io"], report, EngineMissing)
    elif here.id == "debian" and (source := debian.mirror(here.codename)):
        _plugins_from(source.of(debian.TRIXIE), missing, report)
    if still := _missing_plugins():
        found = ", ".join(f"{plugin} {_plugin_version(plugin) or 'missing'}" for plugin in still)
        expected = f"compose {'.'.join(map(str, COMPOSE_LEAST))} or newer and buildx"
        raise EngineMissing(f"docker plugins: expected {expected}, found {found}", _how_to_install())


def _plugins_from(source: debian.Source, plugins: Sequence[str], report: Report) -> None:
    target = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "cli-plugins"
    report(f"installing docker's {' and '.join(plugins)} from Debian {source.suite} into {target}")
    target.mkdir(parents=True, exist_ok=True)
    names = [f"docker-{plugin}" for plugin in plugins]
    with tempfile.TemporaryDirectory(prefix="windtunnel-") as folder:
        packages = debian.download(names, source, Path(folder), EngineMissing)
        for name, package in zip(names, packages, strict=True):
            run(["dpkg-deb", "--extract", str(package), folder], EngineMissing)
            _put(Path(folder) / "usr/libexec/docker/cli-plugins" / name, target / name)


def _put(program: Path, target: Path) -> None:
    """Whole or not at all, whatever is interrupted."""
    incoming = target.with_name(f".{target.name}.incoming")
    shutil.copy(program, incoming)
    incoming.replace(target)


def _describe() -> Engine:
    docker = DockerClient()
    version, info = docker.version(), docker.info()
    compose, buildx = _plugin_version("compose"), _plugin_version("buildx")
    if not (version.client and version.server and info.n_cpu and info.mem_total and compose and buildx):
        raise EngineMissing(f"container engine: expected Docker, found one that does not describe itself: {version}")
    return Engine(
        client=str(version.client.version),
        server=str(version.server.version),
        compose=compose,
        buildx=buildx,
        cpus=info.n_cpu,
        memory_bytes=info.mem_total,
        data_root=Path(info.docker_root_dir or "/var/lib/docker"),
    )


GROUP = 'sudo usermod --append --groups docker "$USER" && newgrp docker'


def _how_to_install() -> str:
    """The commands for this system, for a user to type."""
    if system() == "Darwin":
        return (
            "install Docker Desktop or OrbStack and start it, or: brew install colima docker docker-compose "
            "docker-buildx && colima start --cpu 4 --memory 8 (and link the two plugins as brew says)"
        )
    name = debian.release().id
    if name in ("debian", "ubuntu"):
        return f"sudo apt-get update && sudo apt-get install {' '.join(_packages())} && {GROUP}"
    if name == "fedora":
        packages = "moby-engine docker-cli docker-compose docker-buildx"
        return f"sudo dnf install {packages} && sudo systemctl enable --now docker && {GROUP}"
    return f"install Docker Engine with its Compose (2.24 or newer) and Buildx plugins, start it, then: {GROUP}"


def _how_to_start() -> str:
    if system() == "Darwin":
        return "start Docker Desktop or OrbStack, or: colima start --cpu 4 --memory 8"
    return (
        f"if it is not running: sudo systemctl start docker; if permission is denied: {GROUP}; if DOCKER_HOST or "
        "another context names a wrong engine: unset DOCKER_HOST && docker context use default"
    )
