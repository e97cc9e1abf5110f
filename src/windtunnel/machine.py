"""What this machine has (memory, processors, disk, free ports), held against what the stack needs."""

import errno
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from windtunnel.errors import DiskFull, MachineUnfit, PortTaken, UsageError, WindtunnelError

GB = 1_000_000_000

Failure = Callable[[str, str], WindtunnelError]
"""An error class, or anything else that makes an error of a message and a help."""


@dataclass(frozen=True)
class Need:
    """How much of something is wanted, and how much there must `least` be. Below `wanted` it is a warning."""

    wanted: int
    least: int


@dataclass(frozen=True)
class Requirements:
    """What to check, with what there is where only the container engine knows it (bytes and processors).

    `disk`: needed free bytes by folder. A folder that is not on this machine (Docker's data root, when the engine runs
    in a virtual machine) is passed over. `ports`: those that must be free on 127.0.0.1, by the name of the setting that
    changes each; the caller leaves out those that its own running stack holds.
    """

    memory_bytes: int
    cpus: int
    memory: Need = Need(wanted=4 * GB, least=2 * GB)
    processors: Need = Need(wanted=2, least=1)
    disk: Mapping[Path, Need] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """One thing that was checked; `error` is there when `level` is "fail", ready to be raised."""

    subject: str
    expected: str
    found: str
    level: Literal["ok", "warn", "fail"]
    error: MachineUnfit | None = None


def check(requirements: Requirements) -> list[Finding]:
    """Hold the machine against `requirements`; raises nothing: each failing finding carries its error."""
    memory = _judge("memory", requirements.memory_bytes, requirements.memory, _gigabytes, MachineUnfit)
    cpus = _judge("processors", requirements.cpus, requirements.processors, str, MachineUnfit)
    disks = [_disk(folder, need) for folder, need in requirements.disk.items() if folder.exists()]
    ports = [_port(setting, port) for setting, port in requirements.ports.items()]
    return [memory, cpus, *disks, *ports]


def demand(findings: Sequence[Finding]) -> None:
    """Raise the error of the first finding that fails (`MachineUnfit`, `DiskFull` or `PortTaken`), if any does."""
    for finding in findings:
        if finding.error:
            raise finding.error


def _judge(
    subject: str, found: int, need: Need, show: Callable[[int], str], failure: type[MachineUnfit], help: str = ""
) -> Finding:
    if found >= need.wanted:
        return Finding(subject, show(need.wanted), show(found), "ok")
    if found >= need.least:
        return Finding(subject, show(need.wanted), show(found), "warn")
    error = failure(f"{subject}: expected at least {show(need.least)}, found {show(found)}", help)
    return Finding(subject, show(need.wanted), show(found), "fail", error)


def _gigabytes(count: int) -> str:
    return f"{count / GB:.1f} GB"


def _disk(folder: Path, need: Need) -> Finding:
    help = f"free some space: df -h {folder}; docker system df; docker system prune removes what Docker no longer uses"
    return _judge(f"free disk at {folder}", shutil.disk_usage(folder).free, need, _gigabytes, DiskFull, help)


def _port(setting: str, port: int) -> Finding:
    subject = f"port {port} ({setting})"
    if _is_free(port):
        return Finding(subject, "free", "free", "ok")
    holder = port_holder(port) or "another program"
    error = PortTaken(
        f"port {port}, which {setting} sets: expected free on 127.0.0.1, found in use by {holder}",
        f"stop it, or choose another port: {setting}=… in .env (docker ps --filter publish={port} shows a container's)",
    )
    return Finding(subject, "free", f"in use by {holder}", "fail", error)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As dockerd does it: connections that a stopped stack left in TIME_WAIT don't count. On macOS the option would
        # allow the port of a program that listens on all addresses: https://stackoverflow.com/a/14388707
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(sys.platform == "linux"))
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def port_holder(port: int) -> str | None:
    """The program that listens on a TCP port, as "name (pid N)"; None when it can't be seen (not Linux, not ours)."""
    inodes = _listening_inodes(port)
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = str(link.readlink())
        except OSError:
            continue  # another user's process, or one that has just ended
        if target.startswith("socket:[") and target[8:-1] in inodes:
            process = link.parent.parent
            return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return None


def _listening_inodes(port: int) -> set[str]:
    """Sockets in state LISTEN (0A) on `port`: https://docs.kernel.org/networking/proc_net_tcp.html"""
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    rows = [row.split() for table in tables if table.exists() for row in table.read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}


CA_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Ubuntu, Arch, Gentoo
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora, RHEL
    Path("/etc/ssl/ca-bundle.pem"),  # openSUSE
    Path("/etc/ssl/cert.pem"),  # Alpine
)


def host_ca_bundle() -> Path | None:
    """The file with the certificate authorities that this machine trusts: SSL_CERT_FILE, or the distribution's.

    None where there is no such file (on macOS they are in the keychain).

    Raises:
        UsageError: SSL_CERT_FILE names a file that does not exist.
    """
    named = os.environ.get("SSL_CERT_FILE")
    if named:
        if not Path(named).is_file():
            raise UsageError(f"SSL_CERT_FILE: expected a file, found none at {named}", "correct or unset SSL_CERT_FILE")
        return Path(named)
    candidates = CA_BUNDLES if sys.platform == "linux" else ()
    return next((bundle for bundle in candidates if bundle.is_file()), None)


def run(
    command: Sequence[str],
    failure: Failure,
    help: str = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Run a program of the host in folder `cwd` and return its standard output.

    `env` is added to the environment; `help` goes into the error.

    Raises:
        DiskFull: the program says that no space is left.
        failure: it ended with another status than 0, or is not there; the message has its last lines.
    """
    environment = {**os.environ, **(env or {})}
    try:
        done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, errors="replace")
    except FileNotFoundError as error:
        raise failure(f"{command[0]}: expected on PATH, found nowhere", help) from error
    if done.returncode:
        raise failed(f"{' '.join(command)} exited with {done.returncode}", done.stdout + done.stderr, failure, help)
    return done.stdout


def follow(
    command: Sequence[str],
    failure: Failure,
    on_line: Callable[[str], None],
    log: Path,
    help: str = "",
    cwd: Path | None = None,
) -> None:
    """Run a program that takes long, handing each line it prints to `on_line` and the file `log`; errors as `run`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    with (
        subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as program,
        log.open("w") as copy,
    ):
        for line in program.stdout or ():
            copy.write(line)
            lines.append(line)
            on_line(line.rstrip())
    if program.returncode:
        what = f"{' '.join(command)} exited with {program.returncode} (all it said: {log})"
        raise failed(what, "".join(lines), failure, help)


def failed(what: str, output: str, failure: Failure, help: str = "", lines: int = 15) -> WindtunnelError:
    """The error for a program that failed, with its last `lines`; `DiskFull` when it says that no space is left."""
    message = "\n".join([what, *output.strip().splitlines()[-lines:]])
    if "no space left on device" in output.lower():
        return DiskFull(message, "free some space (df -h shows where), then run the command again")
    return failure(message, help)
