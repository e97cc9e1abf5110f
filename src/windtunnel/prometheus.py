"""Prometheus' answers: what was, at even steps of a span, and what is at its end."""

import math
from dataclasses import dataclass
from typing import Any

import httpx

from windtunnel.errors import QueryFailed, StackNotRunning

SCRAPE_SECONDS = 10
POINTS = 240  # as many as a panel of half a page can show


@dataclass(frozen=True)
class Span:
    """From `start` to `end` (epoch seconds), in steps of so many seconds."""

    start: float
    end: float
    step: int

    @classmethod
    def last(cls, seconds: float, now: float) -> "Span":
        """The last seconds up to now, in steps that are multiples of the scrape interval, so that none shows twice."""
        step = SCRAPE_SECONDS * max(1, math.ceil(seconds / POINTS / SCRAPE_SECONDS))
        end = math.floor(now / step) * step
        return cls(end - math.ceil(seconds / step) * step, end, step)

    @property
    def seconds(self) -> float:
        return self.end - self.start

    def times(self) -> list[float]:
        """Every step, both ends included."""
        return [self.start + number * self.step for number in range(round(self.seconds / self.step) + 1)]


@dataclass(frozen=True)
class Series:
    """A series' labels and values: one a step of the span, NaN where it has none; one in all of an instant query."""

    labels: dict[str, str]
    values: list[float]


class Prometheus:
    """A client of Prometheus' HTTP API: https://prometheus.io/docs/prometheus/latest/querying/api/."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False, transport=transport)

    def range(self, expr: str, span: Span) -> list[Series]:
        """The series of an expression over the span.

        Raises:
            QueryFailed: Prometheus refuses the expression.
            StackNotRunning: it does not answer.
        """
        asked = {"query": expr, "start": span.start, "end": span.end, "step": span.step}
        return [
            Series(_labels(one), _on_the_steps(one["values"], span)) for one in self._ask("/api/v1/query_range", asked)
        ]

    def instant(self, expr: str, span: Span) -> list[Series]:
        """The series of an expression at the span's end, one value each.

        Raises:
            QueryFailed: Prometheus refuses the expression.
            StackNotRunning: it does not answer.
        """
        found = self._ask("/api/v1/query", {"query": expr, "time": span.end})
        return [Series(_labels(one), [float(one["value"][1])]) for one in found]

    def _ask(self, path: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            answer = self._client.post(path, data=parameters)
        except httpx.TransportError as error:
            raise StackNotRunning(f"Prometheus does not answer: {error}", "./windtunnel status") from error
        if not answer.headers.get("content-type", "").startswith("application/json"):
            raise QueryFailed(f"Prometheus answered {answer.status_code}: {answer.text[:200]!r}")
        body = answer.json()
        if body.get("status") != "success":
            raise QueryFailed(f"{parameters['query']}: {body.get('error')}")
        found = body["data"]
        if found["resultType"] == "scalar":
            return [{"metric": {}, "value": found["result"]}]
        result: list[dict[str, Any]] = found["result"]
        return result


def _labels(result: dict[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in result["metric"].items()}


def _on_the_steps(points: list[list[Any]], span: Span) -> list[float]:
    values = [math.nan] * len(span.times())
    for at, value in points:
        values[round((float(at) - span.start) / span.step)] = float(value)
    return values
