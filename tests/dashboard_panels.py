"""What the panels of the dashboards show for a stack: their own queries, asked as Grafana would ask."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan

from windtunnel.prometheus import Prometheus, Series, Span
from windtunnel.report.dashboards import Dashboard, Panel, Target, load
from windtunnel.report.variables import Choice, put_in, values

MINUTES = 15  # that a panel looks back
DASHBOARDS = {board.uid: board for board in load()}


@dataclass(frozen=True)
class Place:
    """A panel and where it is."""

    board: Dashboard
    row: str
    panel: Panel

    def __str__(self) -> str:
        return f"{self.board.title}: {self.row}: {self.panel.title}"


def places() -> Iterator[Place]:
    for board in DASHBOARDS.values():
        for row in board.rows:
            yield from (Place(board, row.title, panel) for panel in row.panels)


def place(uid: str, title: str) -> Place:
    return next(one for one in places() if one.board.uid == uid and one.panel.title == title)


@dataclass(frozen=True)
class Viewer:
    """Someone who looks at a stack's dashboards, at all DAGs or at one."""

    prometheus: Prometheus
    environment: str
    dag: str = ""

    def series(self, at: Place, target: Target, minutes: float = MINUTES) -> list[Series]:
        """The series that a query of a panel shows, those without a number left out."""
        return self._ask(at, target, Span.last(60 * minutes, time.time()))

    def shown(self, at: Place, legend: str, labels: dict[str, str], minutes: float) -> "Shown":
        """The one series of that legend and those labels."""
        target = next(one for one in at.panel.targets if one.legend == legend)
        span = Span.last(60 * minutes, time.time())
        found = self._ask(at, target, span)
        (one,) = (one for one in found if labels.items() <= one.labels.items())
        times = [span.end] if target.instant else span.times()
        return Shown({at: value for at, value in zip(times, one.values, strict=True) if not isnan(value)}, span.step)

    def _ask(self, at: Place, target: Target, span: Span) -> list[Series]:
        expr = put_in(target.expr, values(at.board, Choice(self.environment, self.dag), span))
        found = (self.prometheus.instant if target.instant else self.prometheus.range)(expr, span)
        return [one for one in found if not all(map(isnan, one.values))]


@dataclass(frozen=True)
class Shown:
    """The numbers of one series by time, one a step of so many seconds, and what they come to."""

    values: dict[float, float]
    step: int

    def newest(self) -> float:
        return [*self.values.values()][-1]

    def least(self) -> float:
        return min(self.values.values())

    def most(self) -> float:
        return max(self.values.values())

    def mean(self) -> float:
        return sum(self.values.values()) / len(self.values)

    def total(self) -> float:
        """What a rate, or a level, adds up to over time."""
        return self.step * sum(self.values.values())

    def in_minutes(self) -> float:
        """The total of what each value counts in a minute."""
        return self.total() / 60
