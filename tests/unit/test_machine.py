"""The machine is held against what the stack needs, and what does not suffice is named with its remedy."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from windtunnel import machine
from windtunnel.errors import DiskFull, MachineUnfit, PortTaken, UsageError
from windtunnel.machine import GB, Finding, Need, Requirements

AMPLE = Requirements(memory_bytes=16 * GB, cpus=8)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as dockerd does it
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def finding(requirements: Requirements, subject: str) -> Finding:
    return next(found for found in machine.check(requirements) if found.subject.startswith(subject))


@pytest.mark.parametrize(
    ("gigabytes", "level"), [(4.0, "ok"), (3.9, "warn"), (2.0, "warn"), (1.9, "fail")], ids=lambda value: str(value)
)
def test_memory_is_wanted_and_least(gigabytes: float, level: str) -> None:
    found = finding(Requirements(memory_bytes=int(gigabytes * GB), cpus=2), "memory")
    assert (found.level, found.expected, found.found) == (level, "4.0 GB", f"{gigabytes} GB")


@pytest.mark.parametrize(("cpus", "level"), [(2, "ok"), (1, "warn")])
def test_one_processor_is_few_but_enough(cpus: int, level: str) -> None:
    assert finding(Requirements(memory_bytes=8 * GB, cpus=cpus), "processors").level == level


def test_all_is_well_on_an_ample_machine() -> None:
    findings = machine.check(AMPLE)
    assert {found.level for found in findings} == {"ok"}
    machine.demand(findings)


def test_demand_raises_what_the_first_failing_finding_carries() -> None:
    with pytest.raises(MachineUnfit, match=r"memory: expected at least 2.0 GB, found 1.0 GB"):
        machine.demand(machine.check(Requirements(memory_bytes=GB, cpus=0)))


@pytest.mark.parametrize(("free", "level"), [(15, "ok"), (14, "warn"), (4, "fail")])
def test_disk_is_judged_where_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free * GB))
    need = Need(wanted=15 * GB, least=5 * GB)
    found = finding(Requirements(16 * GB, 8, disk={tmp_path: need}), "free disk")
    assert found.level == level
    assert str(tmp_path) in found.subject
    assert isinstance(found.error, DiskFull) == (level == "fail")


def test_a_data_root_inside_a_virtual_machine_is_passed_over(tmp_path: Path) -> None:
    elsewhere = Requirements(16 * GB, 8, disk={tmp_path / "var/lib/docker": Need(GB, GB)})
    assert [found.subject for found in machine.check(elsewhere)] == ["memory", "processors"]


def test_a_port_in_use_is_named_with_its_setting(listener: socket.socket) -> None:
    port = port_of(listener)
    found = finding(Requirements(16 * GB, 8, ports={"WEBSERVER_PORT": port}), f"port {port}")
    assert found.level == "fail"
    assert isinstance(found.error, PortTaken)
    assert str(port) in found.error.message and "WEBSERVER_PORT" in found.error.message
    assert "WEBSERVER_PORT=" in found.error.help


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_program_that_holds_a_port_is_found(listener: socket.socket) -> None:
    holder = machine.port_holder(port_of(listener))
    assert holder is not None
    assert holder.endswith(f"(pid {os.getpid()})")


def test_a_port_that_nobody_holds_is_free(listener: socket.socket) -> None:
    port = port_of(listener)
    listener.close()
    assert finding(Requirements(16 * GB, 8, ports={"WEBSERVER_PORT": port}), f"port {port}").level == "ok"
    assert machine.port_holder(port) is None


def test_a_connection_is_not_taken_for_the_program_that_listens(listener: socket.socket) -> None:
    port = port_of(listener)
    with socket.create_connection(("127.0.0.1", port)), listener.accept()[0]:
        listener.close()
        assert machine.port_holder(port) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only there the option means this")
def test_connections_that_were_just_closed_leave_a_port_free(listener: socket.socket) -> None:
    port = port_of(listener)
    client = socket.create_connection(("127.0.0.1", port))
    listener.accept()[0].close()  # the side that closes first is left in TIME_WAIT
    client.close()
    listener.close()
    assert finding(Requirements(16 * GB, 8, ports={"WEBSERVER_PORT": port}), f"port {port}").level == "ok"


def test_the_certificates_that_are_named_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named, usual = tmp_path / "named.pem", tmp_path / "usual.crt"
    usual.touch()
    named.touch()
    monkeypatch.setattr(machine, "CA_BUNDLES", (tmp_path / "absent.crt", usual))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("SSL_CERT_FILE", str(named))
    assert machine.host_ca_bundle() == named
    monkeypatch.delenv("SSL_CERT_FILE")
    assert machine.host_ca_bundle() == usual
    monkeypatch.setattr(sys, "platform", "darwin")
    assert machine.host_ca_bundle() is None


def test_named_certificates_that_do_not_exist_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    with pytest.raises(UsageError, match=r"absent\.pem"):
        machine.host_ca_bundle()


def test_a_failing_program_is_quoted() -> None:
    with pytest.raises(MachineUnfit, match=r"(?s)exited with 3.*mirror is on fire"):
        machine.run(["sh", "-c", "echo the mirror is on fire >&2; exit 3"], MachineUnfit)


def test_a_full_disk_is_told_from_other_failures() -> None:
    with pytest.raises(DiskFull, match="No space left on device"):
        machine.run(["sh", "-c", "echo write: No space left on device >&2; exit 1"], MachineUnfit)


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(MachineUnfit, match="no-such-program: expected on PATH"):
        machine.run(["no-such-program"], MachineUnfit)
