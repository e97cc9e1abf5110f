"""What a panel shows, free of where it came from and of how it is drawn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from windtunnel.prometheus import Span


@dataclass(frozen=True)
class Line:
    """One series of a chart. `values`: one a step, NaN where there is none. `turn`: how often the colours ran out."""

    name: str
    color: str
    values: list[float]
    unit: str
    turn: int = 0
    fill: float = 0.0
    width: float = 1.5
    stacked: bool = False
    figures: tuple[str, ...] = ()
    href: str = ""


@dataclass(frozen=True)
class Level:
    """A threshold in a chart."""

    value: float
    color: str


@dataclass(frozen=True)
class Chart:
    """Series over the span. `low` and `high`: the axis' ends where fixed; `left_out`: series too many to draw."""

    span: Span
    lines: tuple[Line, ...]
    unit: str
    low: float | None = None
    high: float | None = None
    soft_high: float | None = None
    levels: tuple[Level, ...] = ()
    figures: tuple[str, ...] = ()
    left_out: int = 0


@dataclass(frozen=True)
class Figure:
    """One value: its name, its text, its colour, its share of the range (0..1), and how it came to it."""

    name: str
    text: str
    color: str
    share: float = 0.0
    history: list[float] = field(default_factory=list)
    href: str = ""


@dataclass(frozen=True)
class Figures:
    """The values of a stat."""

    figures: tuple[Figure, ...]
    on_color: bool = False


@dataclass(frozen=True)
class Bars:
    """The values of a bar gauge."""

    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Cell:
    """One cell: its text, and where they apply, colour and link."""

    text: str
    color: str = ""
    href: str = ""
    is_number: bool = False


@dataclass(frozen=True)
class Table:
    """Columns and rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def is_number(self, column: int) -> bool:
        """Whether a column holds numbers."""
        return any(row[column].is_number for row in self.rows)


@dataclass(frozen=True)
class Text:
    """A text in Markdown."""

    markdown: str


@dataclass(frozen=True)
class Empty:
    """No data, and why. `expected`: all is well, there is nothing to show. `failed`: the query itself did not work."""

    reason: str
    expected: bool = False
    failed: bool = False


Content = Chart | Figures | Bars | Table | Text | Empty


def known(values: Sequence[float]) -> list[float]:
    """The values that are there."""
    return [value for value in values if math.isfinite(value)]
