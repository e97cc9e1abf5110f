"""Where an axis ends and where its marks stand: round numbers of the unit, round times of the day."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from windtunnel.prometheus import Span
from windtunnel.report import units
from windtunnel.report.contents import Chart, known

_ROUND = (1, 2, 2.5, 5, 10)
_ROUND_BINARY = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_ROUND_TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_TIMES = {"s": 1.0, "dtdurations": 1.0, "ms": 1000.0}  # units of time, and what a second is in them
MARKS = 4


@dataclass(frozen=True)
class Mark:
    """A mark on an axis: its value, its place between the ends (0..1), its text."""

    value: float
    place: float
    text: str


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, with marks."""

    low: float
    high: float
    marks: tuple[Mark, ...]


def of_values(chart: Chart) -> Axis:
    """The value axis: from 0 (or the lowest value below it) to the round number above the highest."""
    seen = [value for line in heights(chart) for value in known(line)]
    low = min([0.0, *seen]) if chart.low is None else chart.low
    high = max([*seen, chart.soft_high or low]) if chart.high is None else chart.high
    if high <= low:
        high = low + 1
    step = _step((high - low) / MARKS, chart.unit)
    if chart.high is None:
        high = math.ceil(high / step - 1e-9) * step
    if chart.low is None:
        low = math.floor(low / step + 1e-9) * step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [number * step for number in range(first, last + 1)]
    return Axis(low, high, tuple(Mark(it, (it - low) / (high - low), units.text(it, chart.unit)) for it in values))


def heights(chart: Chart) -> list[list[float]]:
    """Where each line is drawn: its values, or, stacked, on top of the stacked ones before it."""
    floor = [0.0] * len(chart.span.times())
    drawn = []
    for line in chart.lines:
        if line.stacked:
            floor = [
                below + (value if math.isfinite(value) else 0.0)
                for below, value in zip(floor, line.values, strict=True)
            ]
        drawn.append(floor if line.stacked else line.values)
    return drawn


def _step(least: float, unit: str) -> float:
    """The smallest round number of the unit that is at least so large."""
    if least >= _TIMES.get(unit, math.inf):
        second = _TIMES[unit]
        return second * next((it for it in _ROUND_TIMES if it * second >= least - 1e-9), _ROUND_TIMES[-1])
    divisor = units.scale(least, unit).divisor
    if units.is_binary(unit):
        rounds: tuple[float, ...] = _ROUND_BINARY
    else:
        divisor *= 10 ** math.floor(math.log10(least / divisor))
        rounds = _ROUND
    return divisor * next((it for it in rounds if it >= least / divisor - 1e-9), rounds[-1])


def of_time(span: Span, most: int = 6) -> Axis:
    """The time axis, in this machine's time zone."""
    most = most if span.seconds <= 86400 else 4
    step = next((it for it in _ROUND_TIMES if span.seconds / it <= most), 0)
    step = step or 86400 * math.ceil(span.seconds / 86400 / most)
    marks = (Mark(at, (at - span.start) / span.seconds, _moment(at, step, span)) for at in _round_times(span, step))
    return Axis(span.start, span.end, tuple(marks))


def _round_times(span: Span, step: int) -> Iterator[float]:
    offset = datetime.fromtimestamp(span.start).astimezone().utcoffset()
    shift = offset.total_seconds() if offset else 0.0
    at = math.ceil((span.start + shift) / step) * step - shift
    while at <= span.end:
        yield at
        at += step


def _moment(at: float, step: int, span: Span) -> str:
    if step >= 86400:
        return datetime.fromtimestamp(at).strftime("%b %-d")
    if span.seconds > 86400:
        return datetime.fromtimestamp(at).strftime("%b %-d %H:%M")
    return datetime.fromtimestamp(at).strftime("%H:%M:%S" if step < 60 else "%H:%M")
