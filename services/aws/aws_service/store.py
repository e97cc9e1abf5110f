"""The points of all metrics, by metric: 40 bytes a point, and a query reads only the metrics that it names.

moto keeps one object of 0.94 KB a point in one list and goes through all of it for each period of each query: a day of
300 metrics would take 400 MB, and half a minute to ask for.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from moto.cloudwatch.models import MetricAggregatedDatum, MetricDatum, MetricDatumBase

Dimensions = frozenset[tuple[str, str]]


class Metric(NamedTuple):
    """What CloudWatch keeps apart: `dimensions` are pairs of name and value, in no order."""

    namespace: str
    name: str
    dimensions: Dimensions
    unit: str | None


class Point(NamedTuple):
    """What is known of a metric at a time (epoch seconds), or of a whole period from that time on."""

    time: float
    samples: float
    sum: float
    minimum: float
    maximum: float

    def statistic(self, name: str) -> float:
        """One of CloudWatch's statistics.

        Raises:
            KeyError: not one that sums can answer, such as a percentile.
        """
        average = self.sum / self.samples if self.samples else 0.0
        return {
            "SampleCount": self.samples,
            "Sum": self.sum,
            "Average": average,
            "Minimum": self.minimum,
            "Maximum": self.maximum,
        }[name]


def metric_of(datum: MetricDatumBase) -> Metric:
    """Which metric one of moto's data belongs to."""
    dimensions = frozenset((str(one.name), str(one.value)) for one in datum.dimensions)
    return Metric(datum.namespace, datum.name, dimensions, datum.unit)


def point_of(datum: MetricDatumBase) -> Point:
    """The point that one of moto's data, a value or a set of statistics, stands for."""
    time = datum.timestamp.timestamp()
    if isinstance(datum, MetricAggregatedDatum):
        return Point(time, datum.sample_count, datum.sum, datum.min, datum.max)
    assert isinstance(datum, MetricDatum)
    return Point(time, 1.0, datum.value, datum.value, datum.value)


class Series:
    """The points of one metric in the order of their times, a column each."""

    def __init__(self) -> None:
        self._columns = tuple(array("d") for _ in Point._fields)

    def __len__(self) -> int:
        return len(self._columns[0])

    def add(self, point: Point) -> None:
        """Put a point where its time belongs."""
        at = bisect_right(self._columns[0], point.time)
        for column, value in zip(self._columns, point, strict=True):
            column.insert(at, value)

    def between(self, start: float, end: float) -> Iterator[Point]:
        """The points at `start` or later, before `end`."""
        times = self._columns[0]
        part = slice(bisect_left(times, start), bisect_left(times, end))
        return map(Point, *(column[part] for column in self._columns))

    def forget(self, before: float) -> None:
        """Drop the points that are older than a time."""
        end = bisect_left(self._columns[0], before)
        for column in self._columns:
            del column[:end]


class Store:
    """All metrics that have points."""

    def __init__(self) -> None:
        self._series: dict[Metric, Series] = {}

    def __len__(self) -> int:
        return sum(len(series) for series in self._series.values())

    def __iter__(self) -> Iterator[Metric]:
        return iter(list(self._series))

    def add(self, datum: MetricDatumBase) -> None:
        """Keep one of moto's data."""
        self._series.setdefault(metric_of(datum), Series()).add(point_of(datum))

    def periods(self, metric: Metric, start: float, end: float, period: int) -> list[Point]:
        """One point for each period (seconds, counted from `start`) that has points, oldest first.

        The metric's unit may be None: then points of every unit count, as in CloudWatch.
        """
        units = [one for one in self if one[:3] == metric[:3] and metric.unit in (None, one.unit)]
        points = sorted(point for one in units for point in self._series[one].between(start, end))
        grouped = groupby(points, lambda point: (point.time - start) // period)
        return [_together(start + index * period, list(group)) for index, group in grouped]

    def forget(self, before: float) -> None:
        """Drop points older than a time, and metrics that then have none."""
        for metric in self:
            self._series[metric].forget(before)
            if not len(self._series[metric]):
                del self._series[metric]


def _together(time: float, points: list[Point]) -> Point:
    return Point(
        time,
        sum(point.samples for point in points),
        sum(point.sum for point in points),
        min(point.minimum for point in points),
        max(point.maximum for point in points),
    )
