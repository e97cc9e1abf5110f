"""What a task says of itself: the datagrams of the listener in the Airflow image, one JSON object each."""

import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass, fields

PORT = 8126
PHASES = ("started", "parsed", "sample", "finished")

log = logging.getLogger(__name__)


@dataclass(frozen=True, order=True)
class Identity:
    """A try of a task instance: the key of the tables, and the labels of the series."""

    dag_id: str
    task_id: str
    map_index: int
    run_id: str
    try_number: int


@dataclass(frozen=True)
class Datagram:
    """A task's word.

    Attributes:
        ti: the task instance's UUID, which its process' title shows too.
        host: its container's hostname.
        at: seconds since the epoch.
        outcome: with the phase `finished`: the task's state.
        rss, pss, private, hwm: bytes, of the task and those of its descendants that it may read.
    """

    ti: str
    identity: Identity
    host: str
    at: float
    phase: str
    outcome: str | None
    rss: int
    pss: int
    private: int
    hwm: int


class BadDatagram(Exception):
    """What came is not what the listener sends."""


def parse(data: bytes) -> Datagram:
    """Read one datagram.

    Raises:
        BadDatagram: it is not a JSON object with the listener's fields.
    """
    try:
        said = json.loads(data)
        identity = Identity(*(field.type(said[field.name]) for field in fields(Identity)))  # type: ignore[operator]
        figures = {name: int(said[name]) for name in ("rss", "pss", "private", "hwm")}
        outcome = said["outcome"]
        datagram = Datagram(
            ti=str(said["ti"]),
            identity=identity,
            host=str(said["host"]),
            at=float(said["at"]),
            phase=str(said["phase"]),
            outcome=str(outcome) if outcome else None,
            **figures,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BadDatagram(f"{error!r} in {data[:200]!r}") from error
    if datagram.phase not in PHASES:
        raise BadDatagram(f"phase {datagram.phase!r} is none of {', '.join(PHASES)}")
    return datagram


class Receiver:
    """The socket that datagrams come to."""

    def __init__(self, port: int = PORT) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # Enough for what many tasks send while this process waits for a processor.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.setblocking(False)
        self.socket.bind(("", port))

    def waiting(self) -> Iterator[Datagram]:
        """What has come by now; what is malformed is logged and left out."""
        while True:
            try:
                data = self.socket.recv(2048)
            except BlockingIOError:
                return
            try:
                yield parse(data)
            except BadDatagram as error:
                log.warning("a datagram is dropped: %s", error)
