"""Charts by matplotlib: the same strokes as an SVG for the page and inside a PNG.

The SVG has no words. It is stretched to whatever its panel measures, and its strokes are not; the page writes the
marks of the axes beside it, so that they stay legible at any width.
"""

import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from threading import Lock

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon

from windtunnel.report import axes as ends
from windtunnel.report.contents import Chart, Line
from windtunnel.report.palette import as_variables, hex_of

WIDTH, HEIGHT = 720, 240  # of the SVG, in points: 72 to matplotlib's inch
# Once every colour is taken, the same colours again in another stroke.
Stroke = tuple[float, tuple[float, ...]]
SOLID: Stroke = (0, ())
_one_at_a_time = Lock()
STROKES: tuple[Stroke, ...] = (SOLID, (0, (6, 3)), (0, (2, 2)))


def svg(chart: Chart) -> str:
    """The chart's strokes as an SVG element whose colours are the page's variables."""
    return _as_svg(lambda axes: paint(axes, chart, "light"))


def spark(values: list[float], color: str) -> str:
    """A small curve without axes."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite), max(finite)

    def draw(axes: Axes) -> None:
        times = [float(number) for number in range(len(values))]
        axes.set_xlim(0, len(values) - 1)
        axes.set_ylim(low - (high - low or 1) * 0.1, high + (high - low or 1) * 0.1)
        _curve(axes, times, values, [axes.get_ylim()[0]] * len(values), _stroke(color), "light")

    return _as_svg(draw)


def _stroke(color: str) -> Line:
    return Line("", color, [], "", fill=0.12, width=1.25)


def _as_svg(draw: Callable[[Axes], None]) -> str:
    file = io.StringIO()
    with _one_at_a_time:
        figure, axes = _sheet()
        draw(axes)
        figure.savefig(file, format="svg", metadata={"Date": None})
        for artist in axes.get_children():
            if isinstance(artist, (Line2D, Polygon)):
                artist.remove()
    return _bare(file.getvalue())


@cache
def _sheet() -> tuple[Figure, Axes]:
    """The axes on which every SVG is drawn: to make new ones takes longer than to draw."""
    figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72), dpi=72)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    figure.patch.set_visible(False)
    return figure, axes


def _bare(text: str) -> str:
    """The paths alone: matplotlib's own frame has ids and a style sheet that would reach over the whole page."""
    paths = re.findall(r"<path [^>]*?/>", text)
    short = (re.sub(r' (id|clip-path)="[^"]*"', "", path) for path in paths)
    rounded = (re.sub(r'(?<= d=")[^"]*', _rounded, path) for path in short)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
        f"{as_variables(''.join(rounded))}</svg>"
    )


def _rounded(path: re.Match[str]) -> str:
    numbers = re.sub(r"-?\d+\.\d+", lambda found: f"{float(found[0]):.1f}", path[0])
    return re.sub(r"\s+", " ", numbers).strip()


def paint(axes: Axes, chart: Chart, theme: str) -> None:
    """Draw grid, thresholds and series into axes without marks of their own."""
    value, time = ends.of_values(chart), ends.of_time(chart.span)
    axes.set_xlim(time.low, time.high)
    axes.set_ylim(value.low, value.high)
    for mark in value.marks:
        _across(axes, mark.value, hex_of("grid", theme), SOLID)
    for level in chart.levels:
        if level.color != "transparent":
            _across(axes, level.value, hex_of(level.color, theme), STROKES[1])
    times, floor = chart.span.times(), [max(0.0, value.low)] * len(chart.span.times())
    for line, tops in zip(chart.lines, ends.heights(chart), strict=True):
        _curve(axes, times, tops, floor, line, theme)
        floor = tops if line.stacked else floor


def _across(axes: Axes, value: float, color: str, stroke: Stroke) -> None:
    axes.add_artist(Line2D(axes.get_xlim(), (value, value), color=color, linewidth=1, linestyle=stroke))


def _curve(axes: Axes, times: list[float], tops: list[float], floor: list[float], line: Line, theme: str) -> None:
    """One series: an area down to its floor, and a line for each run of values without a gap.

    `add_artist`, because `plot` and `fill` measure every curve for an axis whose ends are known here.
    """
    color, stroke = hex_of(line.color, theme), STROKES[line.turn % len(STROKES)]
    for run in runs(tops):
        at, high = _at_least_a_step([times[it] for it in run], [tops[it] for it in run], times[1] - times[0])
        if line.fill and len(run) > 1:
            corners = [*zip(at, high, strict=True), *((times[it], floor[it]) for it in reversed(run))]
            axes.add_artist(Polygon(corners, color=color, alpha=line.fill, linewidth=0))
        axes.add_artist(Line2D(at, high, color=color, linewidth=line.width, linestyle=stroke, solid_capstyle="round"))


def _at_least_a_step(times: list[float], values: list[float], step: float) -> tuple[list[float], list[float]]:
    """A value alone would have no length: it is shown for the step that it stands for."""
    if len(times) > 1:
        return times, values
    return [times[0] - step / 2, times[0] + step / 2], values * 2


def runs(values: Sequence[float]) -> Iterator[list[int]]:
    """The indices of values that follow one another without a gap."""
    run: list[int] = []
    for number, value in enumerate(values):
        if math.isfinite(value):
            run.append(number)
        elif run:
            yield run
            run = []
    if run:
        yield run
