"""A Prometheus that answers each expression as told, and keeps what it was asked."""

import json
from typing import Any
from urllib.parse import parse_qsl

import httpx

from windtunnel.prometheus import Prometheus, Span

SPAN = Span.last(3600, 1_795_000_000)
Values = list[float | None]


class FakePrometheus:
    """Series by expression: labels, and values from the span's start on; None where there is none."""

    def __init__(self) -> None:
        self.series: dict[str, list[tuple[dict[str, str], Values]]] = {}
        self.refused: dict[str, str] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    def has(self, expr: str, values: Values, **labels: str) -> None:
        """One more series of an expression."""
        self.series.setdefault(expr, []).append((labels, values))

    def client(self) -> Prometheus:
        """Windtunnel's client of it."""
        return Prometheus("http://prometheus.test", httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        asked = dict(parse_qsl(request.content.decode()))
        self.asked.append((request.url.path, asked))
        expr = asked["query"]
        if expr in self.refused:
            return _json(400, {"status": "error", "errorType": "bad_data", "error": self.refused[expr]})
        found = self.series.get(expr, [])
        if request.url.path == "/api/v1/query":
            at = float(asked["time"])
            result = [{"metric": labels, "value": [at, str(values[-1])]} for labels, values in found]
            return _json(200, {"status": "success", "data": {"resultType": "vector", "result": result}})
        start, step = float(asked["start"]), float(asked["step"])
        matrix = [{"metric": labels, "values": _points(start, step, values)} for labels, values in found]
        return _json(200, {"status": "success", "data": {"resultType": "matrix", "result": matrix}})


def _points(start: float, step: float, values: Values) -> list[list[Any]]:
    return [[start + number * step, str(value)] for number, value in enumerate(values) if value is not None]


def _json(status: int, body: dict[str, Any]) -> httpx.Response:
    return httpx.Response(status, content=json.dumps(body), headers={"Content-Type": "application/json"})
