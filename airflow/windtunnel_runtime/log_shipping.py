"""Sends what the components of a container print to CloudWatch, and on to where it went before.

One process for a container, beside the components and none of their parents: each component's output goes into a named
pipe of its own, from there line by line to its group and, untouched, to the container's output. Without that process
there are no pipes, and `join` does nothing.

Streams are called as in MWAA: the component, the host, the time of the start (aws/amazon-mwaa-docker-images,
`mwaa/logging/cloudwatch_handlers.py`).
"""

import fcntl
import logging
import os
import select
import selectors
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from windtunnel_runtime import log_groups

PIPES = Path("/tmp/windtunnel-logs")
# What a component may print while the process imports what it needs.
PIPE_BYTES = 1 << 20
LONGEST_LINE = 1 << 18
# After so long without an end, the begin of a line is printed.
IDLE_SECONDS = 0.1
SEND_SECONDS = 2
# For requests of a container that is up before CloudWatch: the waits between them double up to 20 s.
ATTEMPTS = 6

Log = Callable[[str], None]


def start(component: str, printed: Mapping[str, Path]) -> None:
    """Begin: make the pipes, send what was `printed` before now, by MWAA's prefix of its stream.

    `component` is what the container's own process is called; the others of its container join by their names.
    """
    shutil.rmtree(PIPES, ignore_errors=True)
    PIPES.mkdir()
    pipes = {_pipe(name): name for name in log_groups.components()}
    # Forked twice, it is nobody's child whom a component could miss or wait for.
    if child := os.fork():
        os.waitpid(child, 0)
        for pipe in pipes:
            os.close(pipe)
        return
    try:
        os.setsid()
        if not os.fork():
            _ship(pipes, component, printed)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)


def join(component: str) -> None:
    """Send this process' output, and that of all it starts, into the component's pipe, if there is one."""
    try:
        pipe = os.open(PIPES / component, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return  # there is none, or nobody who reads it
    os.set_blocking(pipe, True)
    for output in (1, 2):
        os.dup2(pipe, output)
    os.close(pipe)


def drain(seconds: float = 10.0) -> None:
    """Wait until what was printed has been read: the end of a container's first process is the end of all."""
    pipes = [os.open(pipe, os.O_RDWR) for pipe in PIPES.glob("*")]
    until = time.monotonic() + seconds
    while select.select(pipes, [], [], 0)[0] and time.monotonic() < until:
        time.sleep(0.01)
    if pipes:
        time.sleep(2 * IDLE_SECONDS)


def _pipe(component: str) -> int:
    path = PIPES / component
    os.mkfifo(path)
    # For reading and writing: it is open before anybody writes, and does not end when one who wrote has ended.
    opened = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(opened, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return opened


def _ship(pipes: Mapping[int, str], component: str, printed: Mapping[str, Path]) -> None:
    """Read the pipes for ever. The container's own output comes first, whatever goes wrong with the rest."""
    readers = {pipe: _Lines() for pipe in pipes}
    with _told():
        logs = _Logs(os.environ)
        for pipe, name in pipes.items():
            readers[pipe].log = logs.of(name, name)
        for prefix, file in printed.items():
            log = logs.of(component, prefix)
            for line in file.read_bytes().splitlines():
                _send(line, log)
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while True:
            ready = selector.select(IDLE_SECONDS if any(one.rest for one in readers.values()) else None)
            for key, _ in ready:
                readers[key.fd].add(os.read(key.fd, 1 << 16))
            if not ready:
                for reader in readers.values():
                    reader.end_line()


def _write(text: bytes) -> None:
    while text:
        text = text[os.write(1, text) :]


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong is told and passed over."""
    try:
        yield
    except Exception:
        sys.excepthook(*sys.exc_info())


def _send(line: bytes, log: Log) -> None:
    if line.strip():  # CloudWatch refuses empty ones
        with _told():
            log(line.decode(errors="replace"))


class _Lines:
    """One component's output as it comes, in pieces; printed and sent by whole lines, so that none is in another."""

    def __init__(self) -> None:
        self.log: Log | None = None
        self.rest = b""

    def add(self, piece: bytes) -> None:
        whole, newline, self.rest = (self.rest + piece).rpartition(b"\n")
        self._print(whole + newline)
        if len(self.rest) > LONGEST_LINE:
            self.end_line()

    def end_line(self) -> None:
        """Take what has no end yet for a line: it is long, or nothing more has come."""
        rest, self.rest = self.rest, b""
        self._print(rest)

    def _print(self, text: bytes) -> None:
        _write(text)
        if self.log:
            for line in text.split(b"\n"):
                _send(line, self.log)


class _Logs:
    """The streams of this start of the container."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        from windtunnel_runtime import cloudwatch_handler

        self._environment = environment
        self._make = cloudwatch_handler.handler
        self._client: Any = cloudwatch_handler.client(environment["AWS_REGION"], ATTEMPTS)
        self._start = f"{socket.gethostname()}_{time.time():.3f}.log"

    def of(self, component: str, prefix: str) -> Log:
        """What writes a line into a stream of a component's group; the stream is made with its first line."""
        group = log_groups.in_cloudwatch(log_groups.of_component(component) or "Worker", self._environment)
        handler = self._make(group, f"{prefix}_{self._start}", self._client, SEND_SECONDS)
        return lambda line: handler.emit(logging.makeLogRecord({"name": component, "msg": line}))
