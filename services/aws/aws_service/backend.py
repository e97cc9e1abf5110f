"""moto's CloudWatch with another memory and with CloudWatch's own rules for finding a metric.

moto 5.2.5 compares no namespace once a query has dimensions, takes a part of the dimensions for all of them in
`get_metric_statistics`, has no SEARCH, and answers metric math with nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from threading import Lock
from types import ModuleType
from typing import Any

from moto.cloudwatch import urls
from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import (
    CloudWatchBackend,
    MetricAggregatedDatum,
    MetricDatumBase,
    Statistics,
    cloudwatch_backends,
)
from moto.core.model_instances import reset_model_data

from aws_service import search
from aws_service.store import Metric, Point, Store

Query = Mapping[str, Any]
Result = dict[str, Any]


class CloudWatch(CloudWatchBackend):
    """The CloudWatch of one account and region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.store = Store()
        self.lock = Lock()

    @property
    def _url_module(self) -> ModuleType:
        # moto would look for it beside the module that this class is in.
        return urls

    def put_metric_data(self, namespace: str, metric_data: list[dict[str, Any]]) -> None:
        """Let moto check the data and take them apart, then keep them in the store."""
        with self.lock:
            super().put_metric_data(namespace, metric_data)
            for datum in self.metric_data:
                self.store.add(datum)
            self.metric_data.clear()

    def forget(self, before: float) -> None:
        """Drop points older than a time in epoch seconds."""
        with self.lock:
            self.store.forget(before)

    def get_metric_data(
        self,
        queries: list[dict[str, Any]],
        start_time: datetime,
        end_time: datetime,
        scan_by: str = "TimestampAscending",
    ) -> list[Result]:
        """Answer metrics, SEARCH expressions, and expressions that are the id of another query.

        Raises:
            ValidationError: no time between start and end, or an expression or statistic that is not known here.
        """
        start, end = _whole_minute(start_time), end_time.timestamp()
        if start_time >= end_time:
            raise ValidationError("The parameter EndTime must be greater than StartTime.")
        with self.lock:
            answers = {query["Id"]: self._answers(query, start, end) for query in queries if _is_own(query)}
        results = [result for query in queries if query.get("ReturnData", True) for result in _of(query, answers)]
        if scan_by == "TimestampDescending":
            return [_reversed(result) for result in results]
        return results

    def _answers(self, query: Query, start: float, end: float) -> list[Result]:
        if "MetricStat" in query:
            stat = query["MetricStat"]
            metric = _metric(stat["Metric"], stat.get("Unit"))
            points = self.store.periods(metric, start, end, int(stat["Period"]))
            return [_result(query, query.get("Label") or f"{metric.name} {stat['Stat']}", points, stat["Stat"])]
        try:
            asked = search.parse(query["Expression"])
        except ValueError as error:
            raise ValidationError(str(error)) from error
        period = asked.period or int(query.get("Period") or 300)
        return [
            _result(query, search.label(one), self.store.periods(one, start, end, period), asked.stat)
            for one in asked.of(self.store)
        ]

    def get_metric_statistics(
        self,
        namespace: str,
        metric_name: str,
        start_time: datetime,
        end_time: datetime,
        period: int,
        stats: list[str],
        dimensions: list[dict[str, str]],
        unit: str | None = None,
    ) -> list[Statistics]:
        """The statistics of each period that has points, oldest first.

        Raises:
            ValidationError: no time between start and end.
        """
        if start_time >= end_time:
            raise ValidationError("The parameter StartTime must be less than the parameter EndTime.")
        metric = _metric({"Namespace": namespace, "MetricName": metric_name, "Dimensions": dimensions}, unit)
        with self.lock:
            points = self.store.periods(metric, _whole_minute(start_time), end_time.timestamp(), period)
            units = {one.unit for one in self.store if one[:3] == metric[:3]}
        return [_statistics(point, stats, unit or min(filter(None, units), default=None)) for point in points]

    def get_filtered_metrics(
        self, metric_name: str, namespace: str, dimensions: list[dict[str, str]]
    ) -> list[MetricDatumBase]:
        """The metrics that have points, of a name, a namespace, with dimensions, where these are given."""
        with self.lock:
            found = {one[:3]: _described(one) for one in self.store}
        return [one for one in found.values() if one.filter(namespace, metric_name, dimensions)]


def install() -> None:
    """Have moto make this CloudWatch for every account and region that is asked for from now on."""
    cloudwatch_backends.backend = CloudWatch
    cloudwatch_backends.clear()


def of_region(region: str, account: str) -> CloudWatch:
    """The CloudWatch that clients of this region see; `install` must have been called."""
    backend = cloudwatch_backends[account][region]
    assert isinstance(backend, CloudWatch)
    return backend


def forget(before: float) -> None:
    """Drop the points of all accounts and regions that are older than a time in epoch seconds."""
    for regions in list(cloudwatch_backends.values()):
        for one in list(regions.values()):
            assert isinstance(one, CloudWatch)
            one.forget(before)
    # moto's models remember all of their instances, which its dashboard shows: half a kilobyte for each point.
    reset_model_data()


def _metric(given: Query, unit: str | None) -> Metric:
    dimensions = frozenset((one["Name"], one["Value"]) for one in given.get("Dimensions") or [])
    return Metric(given["Namespace"], given["MetricName"], dimensions, unit)


def _whole_minute(time: datetime) -> float:
    """Start times are rounded down to a minute, as GetMetricData documents it for the last 15 days."""
    return time.timestamp() // 60 * 60


def _is_own(query: Query) -> bool:
    return "MetricStat" in query or not str(query.get("Expression", "")).isidentifier()


def _of(query: Query, answers: dict[str, list[Result]]) -> Iterable[Result]:
    """What a query answers: its own results, or those of the query that it names, under its own id."""
    if _is_own(query):
        return answers[query["Id"]]
    if query["Expression"] not in answers:
        raise ValidationError(f"The expression of {query['Id']} names no other query: {query['Expression']}")
    own = {"id": query["Id"], "label": query.get("Label") or query["Id"]}
    return [result | own for result in answers[query["Expression"]]]


def _result(query: Query, label: str, points: list[Point], stat: str) -> Result:
    try:
        values = [point.statistic(stat) for point in points]
    except KeyError as error:
        raise ValidationError(f"The statistic {stat} is not known to Windtunnel's CloudWatch") from error
    times = [_time(point) for point in points]
    return {"id": query["Id"], "label": label, "values": values, "timestamps": times, "status_code": "Complete"}


def _reversed(result: Result) -> Result:
    return result | {"values": result["values"][::-1], "timestamps": result["timestamps"][::-1]}


def _statistics(point: Point, stats: list[str], unit: str | None) -> Statistics:
    one = Statistics(stats, _time(point), unit)
    one.metric_data = [
        MetricAggregatedDatum("", "", point.minimum, point.maximum, point.samples, point.sum, [], one.timestamp, unit)
    ]
    return one


def _time(point: Point) -> datetime:
    return datetime.fromtimestamp(point.time, UTC)


def _described(metric: Metric) -> MetricDatumBase:
    dimensions = [{"Name": name, "Value": value} for name, value in sorted(metric.dimensions)]
    return MetricDatumBase(metric.namespace, metric.name, dimensions, None)
