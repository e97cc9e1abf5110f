"""The compose files: every service has every field, and no variable stands outside the settings table."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from windtunnel.classes import CLASSES
from windtunnel.settings import ROOT, SETTINGS
from windtunnel.stack import PUBLISHED

FILES = [ROOT / "docker-compose.yml", *sorted((ROOT / "compose").glob("*.yml"))]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILES[0].read_text())["services"]
ONE_SHOTS = {"secrets", "init", "bucket"}
# Its health check would cost more than its work: standing still, it ends, and Docker starts it again.
ENDS_ITSELF = {"task-memory"}
ORDER = [
    "scale", "image", "pull_policy", "build", "entrypoint", "command", "user", "environment", "volumes", "configs",
    "network_mode", "networks", "ports", "depends_on", "pid", "cgroup", "cap_add", "cap_drop", "security_opt",
    "devices", "read_only", "healthcheck", "mem_limit", "memswap_limit", "cpus", "cpu_shares", "restart",
    "stop_grace_period", "logging", "labels",
]  # fmt: skip
# Set by the shell that builds, in the package clients' own words; unset ones stay unset.
OF_THE_CLIENTS = {"GOPROXY", "GOSUMDB", "GOPRIVATE"}
# Read by `up`, by compose itself or by another setting's default; no compose file names them.
NOT_IN_FILES = {"COMPOSE_FILE", "COMPOSE_PROFILES"}


def variables(path: Path) -> dict[str, str]:
    text = re.sub(r"(?m)^\s*#.*$", "", path.read_text()).replace("$$", "")
    return {name: default for name, default in re.findall(r"\$\{(\w+)(?::-([^}]*))?\}", text)}


def test_there_are_services_to_look_at() -> None:
    assert len(SERVICES) >= 15


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_every_field(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"] == service["memswap_limit"], "no swap, as in MWAA"
    assert {"image", "pull_policy", "cpus", "logging", "labels", "stop_grace_period"} <= set(service)
    assert service["labels"]["windtunnel.component"] == name
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["restart"] == ("no" if name in ONE_SHOTS else "unless-stopped")
    assert name in ENDS_ITSELF or "test" in service["healthcheck"] or name in ONE_SHOTS


@pytest.mark.parametrize("name", SERVICES)
def test_its_fields_stand_in_the_one_order(name: str) -> None:
    text = FILES[0].read_text()
    block = re.split(r"\n  [a-z-]+:\n|\n[a-z]", text.split(f"\n  {name}:\n", 1)[1])[0]
    fields = re.findall(r"(?m)^    ([a-z_]+):", block)
    assert fields == sorted(fields, key=ORDER.index)


@pytest.mark.parametrize("name", SERVICES)
def test_every_dependency_has_a_condition(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if needed in ONE_SHOTS else ("service_healthy", "service_started")
        assert how["condition"] in wanted


def test_ports_are_on_loopback_and_each_may_be_changed() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == len(PUBLISHED)
    for port in ports:
        match = re.fullmatch(r"127\.0\.0\.1:\$\{(\w+_PORT):-(\d+)\}:\d+", port)
        assert match and SETTINGS[match[1]].default == match[2]


def test_one_shots_are_waited_for() -> None:
    waited = {needed for service in SERVICES.values() for needed in service.get("depends_on", {})}
    assert waited >= ONE_SHOTS


def test_a_worker_is_stopped_with_patience_and_before_what_it_needs() -> None:
    assert SERVICES["worker"]["stop_grace_period"] == "90s"
    assert {"webserver", "redis", "postgres", "minio", "statsd-exporter"} <= set(SERVICES["worker"]["depends_on"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_variable_is_a_setting_with_the_same_default(path: Path) -> None:
    found = {name: default for name, default in variables(path).items() if name not in OF_THE_CLIENTS}
    # Of a setting that is empty, the file says what stands for it.
    found = {name: default for name, default in found.items() if not default or SETTINGS[name].default}
    assert found == {name: SETTINGS[name].default for name in found}


def test_every_setting_is_used() -> None:
    used = {name for path in FILES for name in variables(path)}
    assert set(SETTINGS) - used == NOT_IN_FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_compose_file_opens_with_the_command_that_uses_it(path: Path) -> None:
    assert re.match(r"#.*(\n#.*)*docker compose", path.read_text())


def test_no_secret_is_a_value_of_the_environment() -> None:
    for service in SERVICES.values():
        for name, value in (service.get("environment") or {}).items():
            if re.search(r"PASS|SECRET|_KEY|CREDENTIALS|DSN|CONN_CMD|BROKER_URL|BACKEND", name):
                assert "/run/secrets/" in str(value), name


def test_no_image_is_for_one_kind_of_processor() -> None:
    assert not [path for path in FILES if "platform" in path.read_text()]


def test_the_default_limits_are_those_of_mw1_small() -> None:
    small = CLASSES["mw1.small"].settings(host_cpus=64)
    assert small == {name: SETTINGS[name].default for name in small}


def test_a_class_never_asks_for_more_processors_than_there_are() -> None:
    for one in CLASSES.values():
        cpus = [int(v) for name, v in one.settings(host_cpus=2).items() if name.endswith("_CPUS")]
        assert max(cpus) <= 2
