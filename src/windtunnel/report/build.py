"""Collects a report: every panel's data, a few queries at a time, and writes it as a page and as pictures."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from windtunnel.errors import UsageError
from windtunnel.prometheus import Prometheus, Span
from windtunnel.report import dashboards, page, panels, pictures, variables
from windtunnel.report.contents import Content, Empty
from windtunnel.report.dashboards import Dashboard, Panel
from windtunnel.report.page import Report
from windtunnel.report.present import Present
from windtunnel.report.variables import Choice
from windtunnel.stack import Stack

QUERIES_AT_ONCE = 4
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True)
class Summary:
    """What was written: files, how many panels, and the titles of those without data; `excused` need a fault for it."""

    files: tuple[Path, ...]
    panels: int
    empty: tuple[str, ...]
    excused: tuple[str, ...]
    failed: tuple[str, ...]
    seconds: float


class Source:
    """Where reports of one stack come from; asked again, it gives the state of then."""

    def __init__(self, stack: Stack, since: str, dag: str = "", task: str = "") -> None:
        """
        Raises:
            UsageError: `since` is no span of time.
            StackNotRunning: Prometheus is down.
        """
        self.seconds = seconds(since)
        self._choice = Choice(stack.name, dag, task, stack.urls().get("webserver", ""))
        self._prometheus = Prometheus(stack.url("prometheus"))
        self._present = Present(stack)
        self._dashboards = tuple(dashboards.load())

    def report(self, refresh_seconds: int = 0) -> Report:
        """The report of now.

        Raises:
            StackNotRunning: Prometheus does not answer.
        """
        now = time.time()
        span = Span.last(self.seconds, now)
        return Report(
            environment=self._choice.environment,
            span=span,
            made_at=now,
            dashboards=self._dashboards,
            contents=self._contents(span),
            present=tuple(self._present.listed(span)),
            choice=", ".join(f"{what} {name}" for what, name in self._chosen() if name),
            refresh_seconds=refresh_seconds,
        )

    def _chosen(self) -> list[tuple[str, str]]:
        return [("DAG", self._choice.dag), ("task", self._choice.task)]

    def _contents(self, span: Span) -> dict[tuple[str, int], Content]:
        known = {it.uid: variables.values(it, self._choice, span) for it in self._dashboards}
        every = [(dashboard, panel) for dashboard in self._dashboards for panel in dashboard.panels()]

        def content(one: tuple[Dashboard, Panel]) -> Content:
            return panels.content(one[1], self._prometheus, span, known[one[0].uid])

        with ThreadPoolExecutor(QUERIES_AT_ONCE) as pool:
            found = list(pool.map(content, every))
        return {(dashboard.uid, panel.id): it for (dashboard, panel), it in zip(every, found, strict=True)}


def seconds(since: str) -> int:
    """A span of time such as 90s, 15m, 1h, 7d in seconds.

    Raises:
        UsageError: it is none, or shorter than a minute.
    """
    match = re.fullmatch(r"(\d+)([smhdw])", since)
    found = int(match[1]) * _UNITS[match[2]] if match else 0
    if found < 60:
        raise UsageError(f"--since: expected a span such as 15m, 1h or 7d, at least 1m, found {since!r}")
    return found


def write(source: Source, output: Path, png: bool = False) -> Summary:
    """Write the page, and with `png` each dashboard as a picture in both themes beside it.

    Raises:
        StackNotRunning: Prometheus does not answer.
    """
    started = time.monotonic()
    report = source.report()
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page.html(report), encoding="utf-8")
    drawn = pictures.write(report, output) if png else []
    return summary(report, (output, *drawn), time.monotonic() - started)


def summary(report: Report, files: tuple[Path, ...], seconds: float) -> Summary:
    """Which panels of a report have no data, and why."""
    empty = [(title, content) for title, content in _titled(report) if isinstance(content, Empty)]
    return Summary(
        files=files,
        panels=len(report.contents),
        empty=tuple(title for title, why in empty if not why.expected and not why.failed),
        excused=tuple(title for title, why in empty if why.expected),
        failed=tuple(f"{title}: {why.reason}" for title, why in empty if why.failed),
        seconds=seconds,
    )


def _titled(report: Report) -> Iterator[tuple[str, Content]]:
    for dashboard in report.dashboards:
        for panel in dashboard.panels():
            yield f"{dashboard.title} / {panel.title}", report.of(dashboard, panel)
