"""Numbers as people read them."""

import math

import pytest

from windtunnel.report import units


@pytest.mark.parametrize(
    "value, unit, text",
    [
        (2147483648, "bytes", "2 GiB"),
        (1.5 * 2**30, "bytes", "1.5 GiB"),
        (430e6, "bytes", "410 MiB"),
        (430e6, "decbytes", "430 MB"),
        (430, "decmbytes", "430 MB"),
        (20000, "decmbytes", "20 GB"),
        (0, "bytes", "0 B"),
        (-1024, "bytes", "-1 KiB"),
        (0.5, "percentunit", "50%"),
        (0.1234, "percentunit", "12.3%"),
        (0, "percentunit", "0%"),
        (99.96, "percent", "100%"),
        (12345, "Bps", "12.3 kB/s"),
        (0.25, "ops", "0.25 ops/s"),
        (0.0042, "s", "4.2 ms"),
        (90, "s", "1.5 min"),
        (1500, "ms", "1.5 s"),
        (0, "s", "0 s"),
        (1234, "short", "1.23 K"),
        (7, "short", "7"),
        (1234567, "none", "1,234,567"),
        (3, "suffix:slots", "3 slots"),
        (3, "tasks", "3 tasks"),
        (math.nan, "bytes", "–"),
        (math.inf, "s", "∞"),
    ],
)
def test_units(value: float, unit: str, text: str) -> None:
    assert units.text(value, unit) == text


def test_decimals_that_are_asked_for() -> None:
    assert units.text(2147483648, "bytes", 2) == "2.00 GiB"
    assert units.text(12.6, "short", 0) == "13"


def test_points_in_time() -> None:
    assert units.text(1_795_000_000_000, "dateTimeAsIso")[:7] == "2026-11"
