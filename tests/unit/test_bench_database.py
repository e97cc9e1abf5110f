"""The benchmark's Postgres is the platform's: its image, command, limits and settings come from the compose file."""

import json
from typing import Any

import pytest

from windtunnel.bench import database
from windtunnel.bench.database import postgres
from windtunnel.errors import ImageFailed, MachineUnfit
from windtunnel.settings import EnvironmentFile
from windtunnel.stack import Stack

SERVICE = {
    "image": "postgres:made",
    "command": ["postgres", "-c", "shared_buffers=1GB"],
    "mem_limit": "4294967296",
    "memswap_limit": "4294967296",
    "cpus": 2,
    "environment": {"POSTGRES_PASSWORD_FILE": "/run/secrets/x", "POSTGRES_INITDB_ARGS": "--encoding=UTF8"},
    "volumes": [{"target": "/var/lib/postgresql/data"}, {"target": "/run/secrets/postgres"}],
}


class Docker:
    """Stands for the `docker` command; `refuses` is the verb that fails."""

    def __init__(self, refuses: str = "") -> None:
        self.calls: list[list[str]] = []
        self.environments: list[dict[str, str]] = []
        self.refuses = refuses

    def __call__(self, command: list[str], *_: object, env: dict[str, str] | None = None) -> str:
        self.calls.append(command)
        self.environments.append(env or {})
        if command[1] == self.refuses:
            raise MachineUnfit("refused")
        return {"run": "c0ffee\n", "port": "127.0.0.1:54321\n"}.get(command[1], "")


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    made = Stack(EnvironmentFile("made"))
    config = json.dumps({"services": {"postgres": SERVICE}})
    monkeypatch.setattr(made, "run", lambda *_: config)
    monkeypatch.setattr(database, "image_ids", lambda: {"postgres:made": "sha256:0"})
    monkeypatch.setattr(database, "wait_until", lambda *_, **__: "17")
    return made


def test_the_container_is_the_services(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = Docker()
    monkeypatch.setattr(database, "run", docker)
    with postgres(stack) as server:
        assert (server.host, server.port) == ("127.0.0.1", 54321)
        assert docker.environments[0] == {"POSTGRES_PASSWORD": server.password}
    options = docker.calls[0]
    assert options[-4:] == ["postgres:made", "postgres", "-c", "shared_buffers=1GB"]
    assert {"--memory=4294967296", "--memory-swap=4294967296", "--cpus=2"} < set(options)
    assert {"--env=POSTGRES_INITDB_ARGS=--encoding=UTF8", "--volume=/var/lib/postgresql/data"} < set(options)
    assert not any("secrets" in option or server.password in option for option in options)


def test_it_goes_with_its_data_whatever_happens(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = Docker(refuses="port")
    monkeypatch.setattr(database, "run", docker)
    with pytest.raises(MachineUnfit), postgres(stack):
        pass
    assert docker.calls[-1] == ["docker", "rm", "--force", "--volumes", "c0ffee"]


def test_an_image_that_is_not_here_is_not_run(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = Docker()
    monkeypatch.setattr(database, "run", docker)
    monkeypatch.setattr(database, "image_ids", dict)
    with pytest.raises(ImageFailed, match="postgres:made"), postgres(stack):
        pass
    assert docker.calls == []


def test_every_contender_connects_with_the_same_settings(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "run", Docker())
    with postgres(stack) as server:
        found: dict[str, Any] = server.environment
    for name, value in database.SESSION.items():
        assert f"-c {name}={value}" in found["PGOPTIONS"]
