"""Numbers as people read them, in Grafana's units.

Ids and prefixes as in https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts.
"""

import math
from dataclasses import dataclass
from datetime import datetime

# Steps of a unit from small to large: what one of it is worth, and what follows the number.
_SHORT = ((1.0, ""), (1e3, " K"), (1e6, " Mil"), (1e9, " Bil"), (1e12, " Tri"))
_SI = ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"))
_BINARY = ((1.0, ""), (2.0**10, "Ki"), (2.0**20, "Mi"), (2.0**30, "Gi"), (2.0**40, "Ti"))
_SECONDS = ((1e-6, " µs"), (1e-3, " ms"), (1.0, " s"), (60.0, " min"), (3600.0, " h"), (86400.0, " d"))


def _with(unit: str, prefixes: tuple[tuple[float, str], ...]) -> tuple[tuple[float, str], ...]:
    return tuple((size, f" {prefix}{unit}") for size, prefix in prefixes)


STEPS: dict[str, tuple[tuple[float, str], ...]] = {
    "short": _SHORT,
    "none": ((1.0, ""),),
    "percent": ((1.0, "%"),),
    "percentunit": ((0.01, "%"),),
    "bytes": _with("B", _BINARY),
    "decbytes": _with("B", _SI),
    "decmbytes": tuple((size / 1e6, suffix) for size, suffix in _with("B", _SI)),
    "binBps": _with("B/s", _BINARY),
    "Bps": _with("B/s", _SI),
    "bps": _with("b/s", _SI),
    "ops": _with("ops/s", _SI),
    "reqps": _with("req/s", _SI),
    "cps": _with("c/s", _SI),
    "iops": _with("io/s", _SI),
    "hertz": _with("Hz", _SI),
    "cores": ((1.0, " cores"),),
    "s": _SECONDS,
    "ms": tuple((size * 1e3, suffix) for size, suffix in _SECONDS),
    "µs": tuple((size * 1e6, suffix) for size, suffix in _SECONDS),
    "dtdurations": _SECONDS,
}
# Dates, by what one of the number is in seconds: Grafana's own count milliseconds.
_DATES = {"dateTimeAsIso": 1e-3, "dateTimeAsLocal": 1e-3, "dateTimeFromNow": 1e-3, "time:YYYY-MM-DD HH:mm:ss": 1e-3}
_BINARY_UNITS = ("bytes", "binBps")


@dataclass(frozen=True)
class Scale:
    """One step of a unit: a number is divided by `divisor`, and `suffix` follows it."""

    divisor: float
    suffix: str

    def text(self, value: float, decimals: int) -> str:
        """The value with so many decimals."""
        return f"{value / self.divisor + 0.0:,.{decimals}f}{self.suffix}"


def is_date(unit: str) -> bool:
    """Whether the unit's numbers are points in time."""
    return unit in _DATES or unit.startswith("time:")


def is_binary(unit: str) -> bool:
    """Whether round numbers of the unit are multiples of powers of two."""
    return unit in _BINARY_UNITS


def scale(value: float, unit: str) -> Scale:
    """The step in which a value of the unit is at least 1, or the smallest one.

    An unknown unit `suffix:x` or `x` is the number with x behind it, as Grafana does.
    """
    steps = STEPS.get(unit) or _own(unit)
    if value == 0:
        return next(Scale(*step) for step in steps if step[0] >= 1 or step == steps[-1])
    fitting = [step for step in steps if abs(value) >= step[0]]
    return Scale(*(fitting or steps[:1])[-1])


def _own(unit: str) -> tuple[tuple[float, str], ...]:
    kind, _, rest = unit.partition(":")
    if kind == "si" and rest:
        return _with(rest, _SI)
    return ((1.0, f" {rest if kind == 'suffix' and rest else unit}"),)


def text(value: float, unit: str, decimals: int | None = None) -> str:
    """A value of the unit, by default with three significant figures."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if is_date(unit):
        return datetime.fromtimestamp(value * _DATES.get(unit, 1e-3)).strftime("%Y-%m-%d %H:%M:%S")
    fitting = scale(value, unit)
    return fitting.text(value, _decimals(value / fitting.divisor) if decimals is None else decimals)


def _decimals(number: float) -> int:
    """So many decimals that three significant figures are seen, and none that are 0."""
    if number == 0:
        return 0
    most = max(0, min(6, 2 - math.floor(math.log10(abs(number)))))
    shown = f"{number:.{most}f}"
    return len(shown.rstrip("0").partition(".")[2]) if "." in shown else 0
