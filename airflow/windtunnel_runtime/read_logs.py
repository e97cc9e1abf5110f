"""Prints the end of a log group, stream after stream, the newest last: `./windtunnel logs Task` runs it in a container.

`python3 -m windtunnel_runtime.read_logs GROUP LINES [--follow]`. A group is read where the setting TASK_LOGS has it:
from the files on the volume, from the bucket, or from CloudWatch. It follows until its standard input ends.
"""

import json
import os
import select
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from windtunnel_runtime import log_groups, task_logs

LOGS = Path("/usr/local/airflow/logs")
# Of a long log, what is looked at for its last lines.
MOST_BYTES = 8 * 1024**2
FOLLOW_SECONDS = 2.0


class Read(NamedTuple):
    """Lines of a stream, and where to go on from."""

    lines: list[str]
    position: Any


class Stream(NamedTuple):
    """When it was written to last, in epoch seconds, and the position of its end."""

    changed: float
    end: Any


class Source(Protocol):
    """Where streams are."""

    def streams(self) -> dict[str, Stream]:
        """All that have lines, by name."""
        ...

    def read(self, stream: str, position: Any) -> Read:
        """What has come after a position; of a stream that is read first (None), its end."""
        ...


class Volume:
    """Files below a folder, those in folders of a pattern."""

    def __init__(self, folder: Path, pattern: str) -> None:
        self._folder, self._pattern = folder, pattern

    def streams(self) -> dict[str, Stream]:
        """By the file's path."""
        found = [path for top in self._folder.glob(self._pattern) for path in top.rglob("*.log*")]
        stats = {path: path.stat() for path in found if path.is_file()}
        return {
            str(path.relative_to(self._folder)): Stream(one.st_mtime, one.st_size)
            for path, one in stats.items()
            if one.st_size
        }

    def read(self, stream: str, position: int | None) -> Read:
        """The position is the byte after the last whole line."""
        with (self._folder / stream).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - MOST_BYTES) if position is None else position)
            return _whole_lines(file.read(), file.tell())


class Bucket:
    """Objects below a prefix."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client, self._bucket, self._prefix = client, bucket, prefix

    def streams(self) -> dict[str, Stream]:
        """By the object's key, without the prefix."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        objects = [one for page in pages for one in page.get("Contents", [])]
        return {
            one["Key"].removeprefix(self._prefix): Stream(one["LastModified"].timestamp(), one["Size"])
            for one in objects
        }

    def read(self, stream: str, position: int | None) -> Read:
        """The position is the byte after the last whole line: Airflow writes the object anew, with more at its end."""
        wanted = {"Bucket": self._bucket, "Key": self._prefix + stream}
        size = self._client.head_object(**wanted)["ContentLength"]
        start = max(0, size - MOST_BYTES) if position is None else position
        if start >= size:
            return Read([], start)
        text = self._client.get_object(**wanted, Range=f"bytes={start}-")["Body"].read()
        return _whole_lines(text, start + len(text))


class CloudWatch:
    """The streams of a group."""

    def __init__(self, client: Any, group: str) -> None:
        self._client, self._group = client, group

    def streams(self) -> dict[str, Stream]:
        """By name; one without events is left out."""
        pages = self._client.get_paginator("describe_log_streams").paginate(logGroupName=self._group)
        found = [one for page in pages for one in page["logStreams"] if "lastEventTimestamp" in one]
        return {one["logStreamName"]: _cloudwatch_stream(one["lastEventTimestamp"]) for one in found}

    def read(self, stream: str, position: Mapping[str, Any] | None) -> Read:
        """The position is what CloudWatch is asked with; at the end of a stream it gives the same token again."""
        lines: list[str] = []
        after = dict(position or {})
        while True:
            page = self._client.get_log_events(
                logGroupName=self._group, logStreamName=stream, startFromHead=True, **after
            )
            lines += [one["message"] for one in page["events"]]
            if page["nextForwardToken"] == after.get("nextToken"):
                return Read(lines, after)
            after["nextToken"] = page["nextForwardToken"]


def _cloudwatch_stream(last: int) -> Stream:
    return Stream(last / 1000, {"startTime": last + 1})


def source(group: str, environment: Mapping[str, str]) -> Source:
    """Where a group is."""
    kind = task_logs.kind(environment)
    if kind == "volume" or (kind == "s3" and group != "Task"):
        return Volume(LOGS, log_groups.groups()[group]["files"])
    import boto3

    if kind == "s3":
        return Bucket(boto3.client("s3"), environment["WINDTUNNEL_BUCKET"], f"{task_logs.FOLDER}/")
    return CloudWatch(boto3.client("logs"), log_groups.in_cloudwatch(group, environment))


class Tail:
    """The printing: how far each stream has been printed, and which one was the last."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._seen: dict[str, Stream] = {}
        self._last = ""

    def last(self, count: int) -> None:
        """Print the last lines of all streams together; what is before them counts as printed."""
        self._seen = self._source.streams()
        parts: list[tuple[str, deque[str]]] = []
        for name in sorted(self._seen, key=lambda name: self._seen[name].changed, reverse=True):
            if count <= 0:
                break
            lines, position = self._source.read(name, None)
            self._seen[name] = Stream(self._seen[name].changed, position)
            parts.append((name, deque(lines, maxlen=count)))
            count -= len(parts[-1][1])
        for name, lines in reversed(parts):
            self._print(name, lines)

    def more(self) -> None:
        """Print what has come since."""
        for name, stream in sorted(self._source.streams().items(), key=lambda one: one[1].changed):
            before = self._seen.get(name, Stream(0.0, None))
            if stream.changed != before.changed:
                lines, position = self._source.read(name, before.end)
                self._seen[name] = Stream(stream.changed, position)
                self._print(name, lines)

    def _print(self, name: str, lines: Iterable[str]) -> None:
        for line in lines:
            if name != self._last:
                print(f"==> {name} <==", flush=True)
                self._last = name
            print(readable(line), flush=True)


def readable(line: str) -> str:
    """A line as a person reads it: Airflow's are JSON, with time, level, event and perhaps an exception."""
    try:
        found = json.loads(line)
    except ValueError:
        return line
    if not isinstance(found, dict) or "event" not in found:
        return line
    raised = [f"{one.get('exc_type')}: {one.get('exc_value')}" for one in found.get("error_detail") or []]
    head = " ".join(filter(None, (found.get("timestamp", ""), found.get("level", "").upper())))
    return "\n    ".join([f"{head} {found['event']}".strip(), *raised])


def _whole_lines(text: bytes, end: int) -> Read:
    whole, newline, rest = text.rpartition(b"\n")
    return Read(whole.decode(errors="replace").splitlines() if newline else [], end - len(rest))


def main(group: str, count: int, follow: bool) -> None:
    """Print the group's last lines; then go on, if that is wanted."""
    tail = Tail(source(group, os.environ))
    tail.last(count)
    while follow and not (
        select.select([sys.stdin], [], [], FOLLOW_SECONDS)[0] and not os.read(sys.stdin.fileno(), 1024)
    ):
        tail.more()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), "--follow" in sys.argv)
