"""The container engine is found, or installed and started where that can be done unasked, or the commands are told."""

import os
import platform
from pathlib import Path

import pytest
from fake_programs import FakePrograms

from windtunnel import debian, engine
from windtunnel.debian import Source
from windtunnel.errors import EngineMissing

# Plugins are there when docker finds a file of their name, as it does.
DOCKER = """
case "$*" in
version*) [ -e "$state/running" ] || { cat "$state/problem" >&2; exit 1; }
          echo '{"Client":{"Version":"28.1.0"},"Server":{"Version":"20.10.24"}}' ;;
"compose version") [ -e "$DOCKER_CONFIG/cli-plugins/docker-compose" ] || exit 1
                   read version <"$state/compose-version"; echo "Docker Compose version $version" ;;
"buildx version") [ -e "$DOCKER_CONFIG/cli-plugins/docker-buildx" ] || exit 1
                  echo "github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3" ;;
"context inspect"*) echo "${DOCKER_HOST:-unix:///var/run/docker.sock}" ;;
*info*) echo '{"NCPU":4,"MemTotal":8000000000,"DockerRootDir":"/srv/docker"}' ;;
esac
"""

APT_GET = """
case "$*" in
*" install "*)
    cp "$state/docker" "$bin/docker"
    case "$*" in *docker-compose*) touch "$DOCKER_CONFIG/cli-plugins/docker-compose" ;; esac
    case "$*" in *docker-buildx*) touch "$DOCKER_CONFIG/cli-plugins/docker-buildx" ;; esac ;;
*" download "*) touch docker-compose_2.26.1_amd64.deb docker-buildx_0.13.1_amd64.deb ;;
esac
"""

DPKG_DEB = """
plugins="$3/usr/libexec/docker/cli-plugins"
mkdir -p "$plugins" && touch "$plugins/docker-compose" "$plugins/docker-buildx"
"""

START = 'touch "$state/running"'


class Host:
    """A host of stubs: Debian 12 as root, nothing installed, an init script. Tests say what is otherwise."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.plugins = folder / "docker-config" / "cli-plugins"
        self.plugins.mkdir(parents=True)
        self.said: list[str] = []
        self.programs = FakePrograms(folder)
        self.programs.real("cat", "cp", "mkdir", "sh", "tail", "touch")
        self.programs.stub("apt-get", f"bin='{self.programs.path}'\n{APT_GET}")
        self.programs.stub("dpkg-deb", DPKG_DEB)
        self.programs.stub("docker", DOCKER, self.programs.state)
        self.programs.stub("dockerd")
        self.programs.stub("service", START)
        (self.programs.state / "problem").write_text("Cannot connect to the Docker daemon\n")
        (self.programs.state / "compose-version").write_text("2.26.1-4\n")
        self._settings(folder)
        self.is_a("debian", "bookworm")

    def _settings(self, folder: Path) -> None:
        self.monkeypatch.setenv("PATH", str(self.programs.path))
        self.monkeypatch.setenv("DOCKER_CONFIG", str(self.plugins.parent))
        self.monkeypatch.delenv("DOCKER_HOST", raising=False)
        self.monkeypatch.setattr(debian, "mirror", lambda codename: Source("http://mirror.example/debian", codename))
        for name in ("SYSTEMD", "INIT_SCRIPT", "INIT_SCRIPT_LOG", "DAEMON_LOG"):
            self.monkeypatch.setattr(engine, name, folder / name)
        engine.INIT_SCRIPT.touch()

    def is_a(self, id: str, codename: str = "", user: int = 0, system: str = "Linux") -> None:
        self.monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": id, "VERSION_CODENAME": codename})
        self.monkeypatch.setattr(engine, "system", lambda: system)
        self.monkeypatch.setattr(os, "geteuid", lambda: user)

    def has(self, *what: str) -> None:
        """Of "docker" (the command), "running" (its daemon), "compose", "buildx"."""
        for name in what:
            if name == "docker":
                self.programs.stub("docker", DOCKER)
            elif name == "running":
                (self.programs.state / "running").touch()
            else:
                (self.plugins / f"docker-{name}").touch()

    def ensure(self) -> engine.Engine:
        return engine.ensure(self.said.append)

    def installed(self) -> list[str]:
        """The packages that apt was told to install."""
        return [name for call in self.programs.calls(" install ") for name in call.split(" install ")[1].split()[2:]]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_an_engine_that_is_there_is_described_and_left_alone(host: Host) -> None:
    host.has("docker", "running", "compose", "buildx")

    found = host.ensure()

    assert (found.client, found.server) == ("28.1.0", "20.10.24")
    assert (found.compose, found.buildx) == ("2.26.1-4", "0.13.1+ds1")
    assert (found.cpus, found.memory_bytes, found.data_root) == (4, 8_000_000_000, Path("/srv/docker"))
    assert not host.programs.calls("apt-get") and not host.programs.calls("service")
    assert host.said == []


def test_bare_debian_12_gets_its_own_engine_and_the_plugins_of_trixie(host: Host) -> None:
    found = host.ensure()

    assert host.installed() == ["docker.io"]
    assert host.programs.calls("service") == ["service docker start"]
    assert host.programs.calls("download", "docker-compose docker-buildx")
    assert sorted(file.name for file in host.plugins.iterdir()) == ["docker-buildx", "docker-compose"]
    assert found.compose == "2.26.1-4"
    assert ["docker.io" in host.said[0], "starting" in host.said[1], "trixie" in host.said[2]] == [True] * 3


@pytest.mark.parametrize(
    ("id", "codename", "packages"),
    [
        ("debian", "trixie", ["docker.io", "docker-cli", "docker-compose", "docker-buildx"]),
        ("ubuntu", "noble", ["docker.io", "docker-compose-v2", "docker-buildx"]),
    ],
)
def test_later_releases_have_all_of_it_in_packages(host: Host, id: str, codename: str, packages: list[str]) -> None:
    host.is_a(id, codename)
    host.ensure()
    assert host.installed() == packages
    assert not host.programs.calls("download")


@pytest.mark.parametrize(
    ("missing", "other"), [("compose", "buildx"), ("buildx", "compose")], ids=["no Compose", "no Buildx"]
)
def test_only_the_missing_plugin_is_fetched_even_for_a_plain_user(host: Host, missing: str, other: str) -> None:
    host.is_a("debian", "bookworm", user=1000)
    host.has("docker", "running", other)

    host.ensure()

    (download,) = host.programs.calls(" download ")
    assert download.endswith(f" download docker-{missing}")
    assert not host.installed()


def test_a_compose_that_is_too_old_is_replaced(host: Host) -> None:
    host.has("docker", "running", "compose", "buildx")
    (host.programs.state / "compose-version").write_text("2.19.0\n")
    new = 'read x </dev/null; echo 2.26.1 >"$state/compose-version"'
    host.programs.stub("dpkg-deb", f"{DPKG_DEB}\n{new}")

    assert host.ensure().compose == "2.26.1"


def test_where_it_cannot_be_replaced_found_and_expected_are_told(host: Host) -> None:
    host.is_a("fedora")
    host.has("docker", "running", "compose", "buildx")
    (host.programs.state / "compose-version").write_text("v2.19.3\n")
    with pytest.raises(EngineMissing, match=r"expected compose 2\.24 or newer.*found compose 2\.19\.3") as failure:
        host.ensure()
    assert "dnf install" in failure.value.help


@pytest.mark.parametrize(
    ("id", "system", "command"),
    [
        ("debian", "Linux", "sudo apt-get update && sudo apt-get install docker.io"),
        ("ubuntu", "Linux", "docker-compose-v2"),
        ("fedora", "Linux", "sudo dnf install moby-engine"),
        ("arch", "Linux", "install Docker Engine"),
        ("", "Darwin", "colima start"),
    ],
)
def test_others_are_told_what_to_run(host: Host, id: str, system: str, command: str) -> None:
    host.is_a(id, "noble" if id == "ubuntu" else "", user=1000, system=system)
    with pytest.raises(EngineMissing, match="found none") as failure:
        host.ensure()
    assert command in failure.value.help
    assert host.programs.calls() == []


def test_a_daemon_that_stands_still_is_started(host: Host) -> None:
    host.is_a("arch")
    host.has("docker", "compose", "buildx")
    host.ensure()
    assert host.programs.calls("service") == ["service docker start"]


def test_systemd_starts_it_where_it_rules(host: Host) -> None:
    host.has("docker", "compose", "buildx")
    engine.SYSTEMD.mkdir()
    host.programs.stub("systemctl", START)
    host.ensure()
    assert host.programs.calls("systemctl") == ["systemctl start docker"]
    assert not host.programs.calls("service")


def test_without_any_init_system_dockerd_is_detached_with_a_log(host: Host) -> None:
    host.has("docker", "compose", "buildx")
    engine.INIT_SCRIPT.unlink()
    host.programs.stub("setsid", f'shift; {START}; "$@"')
    host.ensure()
    assert host.programs.calls("dockerd") and host.programs.calls("setsid --fork")
    assert engine.DAEMON_LOG.exists()


def test_dockerd_is_started_by_hand_where_its_init_script_may_not(host: Host) -> None:
    host.has("docker", "compose", "buildx")
    host.programs.stub("service", "echo 'ulimit: error setting limit' >&2; exit 1")
    host.programs.stub("setsid", f'shift; {START}; "$@"')
    host.ensure()
    assert host.programs.calls("service") and host.programs.calls("dockerd")


def test_an_engine_without_its_daemon_is_completed(host: Host) -> None:
    host.has("docker", "compose", "buildx")
    (host.programs.path / "dockerd").unlink()
    host.ensure()
    assert host.installed() == ["docker.io"]


def test_a_daemon_that_does_not_start_is_quoted(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.has("docker", "compose", "buildx")
    monkeypatch.setattr(engine, "START_SECONDS", 0)
    host.programs.stub("service", "echo 'ulimit: not permitted'")
    host.programs.stub("setsid", "")
    engine.INIT_SCRIPT_LOG.write_text("level=info\nfailed to create NAT chain DOCKER\n")
    with pytest.raises(EngineMissing, match=r"(?s)ulimit: not permitted.*failed to create NAT chain DOCKER"):
        host.ensure()


def test_an_engine_elsewhere_is_not_started_here(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.has("docker", "compose", "buildx")
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere.example:2376")
    with pytest.raises(EngineMissing, match=r"tcp://elsewhere\.example:2376") as failure:
        host.ensure()
    assert "unset DOCKER_HOST" in failure.value.help
    assert not host.programs.calls("service")


def test_who_may_not_use_the_socket_is_told_of_the_group(host: Host) -> None:
    host.is_a("debian", "bookworm", user=1000)
    host.has("docker", "compose", "buildx")
    (host.programs.state / "problem").write_text("permission denied while trying to connect to the docker socket\n")
    with pytest.raises(EngineMissing, match="permission denied") as failure:
        host.ensure()
    assert "usermod --append --groups docker" in failure.value.help
    assert not host.programs.calls("service")


@pytest.mark.parametrize(("status", "answers"), [(0, True), (1, False)])
def test_a_registry_answers_when_its_image_can_be_pulled(host: Host, status: int, answers: bool) -> None:
    host.programs.stub("docker", f"exit {status}")
    assert engine.registry_answers("small:1", seconds=60) is answers
    assert host.programs.calls() == ["docker pull --quiet small:1"]


def test_a_pull_that_takes_too_long_is_ended(host: Host, tmp_path: Path) -> None:
    silence = tmp_path / "silence"
    os.mkfifo(silence)
    host.programs.stub("docker", f"read word <'{silence}'")
    assert engine.registry_answers("small:1", seconds=0) is False
    # Nobody reads from it any more: https://man7.org/linux/man-pages/man7/fifo.7.html (ENXIO)
    with pytest.raises(OSError, match="No such device or address"):
        os.open(silence, os.O_WRONLY | os.O_NONBLOCK)
