"""What a task says of its own memory while it runs: datagrams to the service `task-memory`, one JSON object each.

Nothing here may cost the task: datagrams are sent and forgotten, the sampling thread resolves the receiver's name, and
what cannot be read or sent is dropped.
"""

import json
import os
import socket
import threading
import time
from collections import deque
from contextlib import suppress

from windtunnel_runtime.footprint import footprint

# Seconds between samples; more when one read takes long, so that reading stays under half a percent of a processor:
# `smaps_rollup` of a process of 1 GiB takes 11 ms.
INTERVAL = 1.0
READS_PER_INTERVAL = 200

# Datagrams kept until the receiver's name is resolved; the oldest goes first.
BACKLOG = 16


def pause(read_s: float) -> float:
    """Seconds to the next sample after one whose figures took `read_s` seconds of processor time to read."""
    return max(INTERVAL, read_s * READS_PER_INTERVAL)


class TaskReport:
    """The report of one try, from its process: `started`, `parsed`, a `sample` every second or so, `finished`.

    A process that the task forks inherits it and reports nothing.
    """

    def __init__(self, address: str, identity: dict[str, object]) -> None:
        """Begin to report.

        Args:
            address: host:port of the receiver.
            identity: ti, dag_id, task_id, map_index, run_id and try_number, as they go into each datagram.
        """
        self._host, _, self._port = address.rpartition(":")
        self._pid = os.getpid()
        self._identity = identity | {"host": socket.gethostname(), "pid": self._pid}
        self._waiting: deque[bytes] = deque(maxlen=BACKLOG)
        self._socket: socket.socket | None = None
        self._ended = threading.Event()
        threading.Thread(target=self._sample, name="windtunnel-task-memory", daemon=True).start()

    def parsed(self) -> None:
        """The user's code is about to run: what the task uses now is its baseline."""
        self._tell("parsed")

    def finished(self, outcome: str) -> None:
        """The task ends in the state `outcome`. Only the first call is told."""
        if self._ended.is_set() or os.getpid() != self._pid:
            return
        self._ended.set()
        self._tell("finished", outcome)

    def _sample(self) -> None:
        """Run in a thread: the beginning, then a sample whenever it is time."""
        with suppress(OSError):
            read_s = self._tell("started")
            self._socket = self._connect()
            self._flush()
            while not self._ended.wait(pause(read_s)):
                read_s = self._tell("sample")

    def _connect(self) -> socket.socket:
        host = self._host.encode()  # as a str it would pass through the codec for international names, 3 ms and 1 MB
        family, kind, protocol, _, where = socket.getaddrinfo(host, self._port, type=socket.SOCK_DGRAM)[0]
        sender = socket.socket(family, kind, protocol)
        sender.setblocking(False)
        sender.connect(where)
        return sender

    def _tell(self, phase: str, outcome: str | None = None) -> float:
        """Read the figures and send them; the seconds of processor time that reading took."""
        began = time.thread_time()
        figures = footprint().figures()
        read_s = time.thread_time() - began
        if phase == "sample" and self._ended.is_set():  # the task has ended while this thread read
            return read_s
        datagram = self._identity | {"at": time.time(), "phase": phase, "outcome": outcome} | figures
        self._waiting.append(json.dumps(datagram).encode())
        self._flush()
        return read_s

    def _flush(self) -> None:
        while self._socket and self._waiting:
            # Refused: nobody listens at the moment. Sending goes on, for when somebody does.
            with suppress(OSError, IndexError):
                self._socket.send(self._waiting.popleft())
