"""One HTML page of all dashboards, with nothing from outside: no script, style, font or picture of another address."""

import math
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from windtunnel.prometheus import Span
from windtunnel.report import axes, charts, markdown, palette, units
from windtunnel.report.contents import Chart, Content, Line, Text, known
from windtunnel.report.dashboards import Dashboard, Panel
from windtunnel.report.present import Listed

NARROWEST_OF_A_PAIR = 6  # on a narrow screen, stats of at most so many columns stand in pairs


@dataclass(frozen=True)
class Report:
    """What is on the page. `contents`: of every panel, by dashboard and panel."""

    environment: str
    span: Span
    made_at: float
    dashboards: tuple[Dashboard, ...]
    contents: dict[tuple[str, int], Content]
    present: tuple[Listed, ...]
    choice: str = ""
    refresh_seconds: int = 0

    def of(self, dashboard: Dashboard, panel: Panel) -> Content:
        """What a panel shows."""
        return self.contents[dashboard.uid, panel.id]


def html(report: Report) -> str:
    """The page; with `refresh_seconds` it asks for itself again and puts what has changed in its place."""
    return str(_template().render(report=report, themes=_themes()))


@cache
def _template() -> Any:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals |= {"axis_of_values": axes.of_values, "axis_of_time": axes.of_time, "css": palette.css}
    environment.globals |= {
        "svg": _svg,
        "spark": _spark,
        "hover": _hover,
        "grid": _grid,
        "when": _when,
        "gutter": _gutter,
    }
    environment.globals |= {"markdown": _markdown, "shape": lambda content: type(content).__name__.lower()}
    return environment.from_string(files(__package__).joinpath("page.html").read_text())


def _themes() -> dict[str, str]:
    return {
        theme: "".join(f"--{name}:{palette.hex_of(name, theme)};" for name in palette.COLORS)
        for theme in palette.THEMES
    }


def _svg(chart: Chart) -> Markup:
    return Markup(charts.svg(chart))


def _spark(values: list[float], color: str) -> Markup:
    return Markup(charts.spark(values, color) if len(known(values)) > 1 else "")


def _markdown(text: Text) -> Markup:
    return markdown.html(text.markdown)


def _grid(panel: Panel, top: int) -> str:
    at = panel.grid
    return f"--x:{at.x + 1};--w:{at.width};--y:{at.y - top + 1};--h:{at.height}"


def _gutter(axis: axes.Axis) -> int:
    """How many characters the marks of the value axis take."""
    return max((len(mark.text) for mark in axis.marks), default=0)


def _when(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _hover(chart: Chart) -> dict[str, Any]:
    """What the page's script needs to read a chart under the pointer."""
    return {
        "start": chart.span.start,
        "step": chart.span.step,
        "count": len(chart.span.times()),
        "lines": [_hover_line(line) for line in chart.lines],
    }


def _hover_line(line: Line) -> dict[str, Any]:
    scale = units.scale(max(known(line.values), key=abs), line.unit)
    values = [float(f"{value:.5g}") if math.isfinite(value) else None for value in line.values]
    return {
        "name": line.name,
        "color": palette.css(line.color),
        "divisor": scale.divisor,
        "suffix": scale.suffix,
        "values": values,
    }
