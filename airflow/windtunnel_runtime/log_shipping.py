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


def drain(seconds: float = 2.0) -> None:
    """Wait until what was printed has been read: the end of a container's first process is the end of all."""
    pipes = [os.open(pipe, os.O_RDWR) for pipe in PIPES.glob("*")]
    until = time.monotonic() + seconds
    while any(_waiting(pipe) for pipe in pipes) and time.monotonic() < until:
        time.sleep(0.01)


def _pipe(component: str) -> int:
    path = PIPES / component
    os.mkfifo(path)
    # For reading and writing: it is open before anybody writes, and does not end when one who wrote has ended.
    opened = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(opened, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return opened


def _waiting(pipe: int) -> bool:
    return bool(select.select([pipe], [], [], 0)[0])


def _ship(pipes: Mapping[int, str], component: str, printed: Mapping[str, Path]) -> None:
    """Read the pipes for ever. The container's own output comes first, whatever goes wrong with the rest."""
    readers: dict[int, _Lines] = {}
    with _told():
        logs = _Logs(os.environ)
        for prefix, file in printed.items():
            _Lines(logs.of(component, prefix)).add(file.read_bytes() + b"\n")
        readers = {pipe: _Lines(logs.of(name, name)) for pipe, name in pipes.items()}
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                read = os.read(key.fd, 1 << 16)
                _write(read)
                if key.fd in readers:
                    with _told():
                        readers[key.fd].add(read)


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


class _Lines:
    """Output as it comes, in pieces, handed on by whole lines; empty ones, which CloudWatch refuses, are not."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._rest = b""

    def add(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            if line.strip():
                self._log(line.decode(errors="replace"))


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
