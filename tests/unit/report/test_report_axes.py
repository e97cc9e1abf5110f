"""Where axes end and where their marks stand."""

import math
import time

import pytest

from unit.report.fake_prometheus import SPAN
from windtunnel.prometheus import Span
from windtunnel.report import axes, charts
from windtunnel.report.contents import Chart, Line


def chart(*series: list[float], unit: str = "short", stacked: bool = False, **more: float) -> Chart:
    length = len(SPAN.times())
    lines = [Line(str(n), "series-1", (it * length)[:length], unit, stacked=stacked) for n, it in enumerate(series)]
    return Chart(SPAN, tuple(lines), unit, **more)


def marks(chart: Chart) -> list[str]:
    return [mark.text for mark in axes.of_values(chart).marks]


@pytest.mark.parametrize(
    "highest, unit, texts",
    [
        (2.0**31, "bytes", ["0 B", "512 MiB", "1 GiB", "1.5 GiB", "2 GiB"]),
        (7, "short", ["0", "2", "4", "6", "8"]),
        (0.9, "percentunit", ["0%", "25%", "50%", "75%", "100%"]),
        (170, "s", ["0 s", "1 min", "2 min", "3 min"]),
    ],
)
def test_marks_are_round_numbers_of_the_unit(highest: float, unit: str, texts: list[str]) -> None:
    assert marks(chart([highest], unit=unit)) == texts


def test_fixed_ends_are_kept() -> None:
    axis = axes.of_values(chart([42.0], unit="percent", low=0.0, high=100.0))
    assert (axis.low, axis.high, [mark.place for mark in axis.marks]) == (0, 100, [0, 0.25, 0.5, 0.75, 1])


def test_nothing_but_zeros_has_an_axis_too() -> None:
    assert marks(chart([0.0]))[0] == "0"


def test_values_below_zero_are_on_the_axis() -> None:
    axis = axes.of_values(chart([-5.0, 5.0]))
    assert axis.low <= -5 and axis.high >= 5


def test_stacked_series_stand_on_each_other_and_gaps_count_as_nothing() -> None:
    bottom, top = axes.heights(chart([1.0, math.nan], [2.0], stacked=True))
    assert (bottom[:2], top[:2]) == ([1.0, 0.0], [3.0, 2.0])


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/New_York"])
@pytest.mark.parametrize("seconds", [60, 900, 3600, 86400, 7 * 86400])
def test_marks_of_time_are_round_and_few(zone: str, seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        found = axes.of_time(Span.last(seconds, 1_795_012_345)).marks
    finally:
        monkeypatch.undo()
        time.tzset()
    assert 2 <= len(found) <= 7
    assert all(0 <= mark.place <= 1 for mark in found)
    assert all(mark.text[-1] in "05" for mark in found if ":" in mark.text)


def test_a_gap_ends_a_line() -> None:
    assert list(charts.runs([math.nan, 1.0, 2.0, math.nan, 3.0])) == [[1, 2], [4]]
    assert list(charts.runs([math.nan])) == []
