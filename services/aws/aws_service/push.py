"""The environment's metrics as CloudWatch's data: each minute, what Prometheus has recorded over the last one."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from aws_service import prometheus
from aws_service.prometheus import Sample
from aws_service.table import Table, prefix

MINUTE = 60
Datum = dict[str, Any]

log = logging.getLogger(__name__)


class Pusher:
    """Reads Prometheus and hands the data of each namespace to `put`, for one environment."""

    def __init__(
        self,
        url: str,
        environment: str,
        table: Table,
        put: Callable[[str, list[Datum]], None],
    ) -> None:
        self._url, self._table, self._put = url, table, put
        names = "|".join(sorted({prefix(one.namespace) for rows in table.values() for one in rows}))
        self._query = f'{{__name__=~"({names})_.+",environment="{environment}"}}'
        self._is_away = False

    def push(self, end: float) -> int:
        """Put the minute that ends at a time (epoch seconds); how many data that were.

        Prometheus being away is logged once, and once when it is back.
        """
        try:
            found = prometheus.samples(self._url, self._query, end)
        except prometheus.Away as error:
            self._say("CloudWatch gets no metrics: %s", error, away=True)
            return 0
        self._say("CloudWatch gets metrics from %s", self._url, away=False)
        data = of_samples(found, self._table, end - MINUTE)
        for namespace, rows in data.items():
            self._put(namespace, rows)
        return sum(map(len, data.values()))

    def _say(self, text: str, detail: object, *, away: bool) -> None:
        if away != self._is_away:
            log.log(logging.WARNING if away else logging.INFO, text, detail)
        self._is_away = away


def of_samples(samples: Iterable[Sample], table: Table, start: float) -> dict[str, list[Datum]]:
    """The data by namespace, one for each metric and its dimensions; `start` of their minute in epoch seconds.

    Samples of series that the table does not name are left out.
    """
    statistics: dict[tuple[str, str, str | None, frozenset[tuple[str, str]]], dict[str, float]] = defaultdict(dict)
    for sample in samples:
        for one in table.get(sample.name, ()):
            if one.fits(sample.labels):
                dimensions = frozenset((name, sample.labels[label]) for name, label in one.dimensions)
                statistics[one.namespace, one.name, one.unit, dimensions][one.statistic] = sample.value
    data: dict[str, list[Datum]] = defaultdict(list)
    for (namespace, name, unit, dimensions), known in statistics.items():
        data[namespace].append(_datum(name, unit, dimensions, known, start))
    return dict(data)


def _datum(
    name: str, unit: str | None, dimensions: frozenset[tuple[str, str]], known: dict[str, float], start: float
) -> Datum:
    datum: Datum = {
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in sorted(dimensions)],
        "Timestamp": datetime.fromtimestamp(start, UTC),
        "StatisticValues": statistic_values(known),
    }
    return datum | ({"Unit": unit} if unit else {})


def statistic_values(known: dict[str, float]) -> dict[str, float]:
    """CloudWatch's set of statistics that answers each statistic that is known as it is known.

    `known` has at least one of Average, Sum, Minimum, Maximum, SampleCount. CloudWatch reckons Average = Sum /
    SampleCount; where the count is not known, it is what makes that true, or 1.
    """
    some = next(known[key] for key in ("Average", "Maximum", "Minimum", "Sum", "SampleCount") if key in known)
    average = known.get("Average", some)
    total = known.get("Sum")
    count = known.get("SampleCount") or (total / average if total and "Average" in known and average else 1.0)
    values = [known[key] for key in ("Average", "Minimum", "Maximum") if key in known] or [average]
    return {
        "SampleCount": count,
        "Sum": average * count if total is None else total,
        "Minimum": known.get("Minimum", min(values)),
        "Maximum": known.get("Maximum", max(values)),
    }
