"""moto's Logs with bounds: of what is written, so much is kept, and for so long.

moto 5.2.5 keeps every event for ever, and a group's retention only as a number.
"""

import tomllib
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

from moto.logs import urls
from moto.logs.models import LogEvent, LogsBackend, LogStream, logs_backends

# Bytes of events, as memory has them: a quarter of the service's limit.
MOST = 128 * 1024**2
# Of an event without its text.
EVENT_BYTES = 400


class Logs(LogsBackend):
    """The Logs of one account and region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.lock = Lock()
        self._held = 0

    @property
    def _url_module(self) -> ModuleType:
        # moto would look for it beside the module that this class is in.
        return urls

    def put_log_events(
        self, log_group_name: str, log_stream_name: str, log_events: list[dict[str, Any]]
    ) -> tuple[str, dict[str, Any]]:
        """Let moto check and keep the events; when they are too many, half of all, the oldest, are dropped."""
        with self.lock:
            answer = super().put_log_events(log_group_name, log_stream_name, log_events)
            self._held += sum(EVENT_BYTES + len(event["message"]) for event in log_events)
            if self._held > MOST:
                self._forget(self._half())
        return answer

    def forget(self, before: float) -> None:
        """Drop events older than a time in epoch seconds, and streams that then have none."""
        with self.lock:
            self._forget(before * 1000)

    def _forget(self, before: float) -> None:
        for stream in self._streams():
            stream.events = [event for event in stream.events if event.timestamp >= before]
            if not stream.events and stream.last_ingestion_time:
                del stream.log_group.streams[stream.log_stream_name]
        self._held = sum(_bytes(event) for stream in self._streams() for event in stream.events)

    def _half(self) -> float:
        """The time (epoch milliseconds) since when half of the bytes have come."""
        events = sorted((event for stream in self._streams() for event in stream.events), key=lambda one: one.timestamp)
        left = sum(map(_bytes, events)) / 2
        for event in events:
            left -= _bytes(event)
            if left <= 0:
                return float(event.timestamp) + 1
        return 0.0

    def _streams(self) -> list[LogStream]:
        return [stream for group in self.groups.values() for stream in group.streams.values()]


def install() -> None:
    """Have moto make this Logs for every account and region that is asked for from now on."""
    logs_backends.backend = Logs
    logs_backends.clear()


def forget(before: float) -> None:
    """Drop the events of all accounts and regions that are older than a time in epoch seconds."""
    for regions in list(logs_backends.values()):
        for one in list(regions.values()):
            assert isinstance(one, Logs)
            one.forget(before)


def make_groups(table: Path, environment: str, region: str, account: str) -> None:
    """Make MWAA's groups of an environment, as MWAA does with the environment itself.

    Raises:
        OSError, KeyError, tomllib.TOMLDecodeError: the file is not there, or not the table of groups.
    """
    for row in tomllib.loads(table.read_text())["group"]:
        logs_backends[account][region].create_log_group(f"airflow-{environment}-{row['name']}", {})


def _bytes(event: LogEvent) -> int:
    return EVENT_BYTES + len(event.message)
