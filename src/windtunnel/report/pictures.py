"""A dashboard as one PNG, laid out as on the page, in a theme."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from matplotlib.patches import Rectangle

from windtunnel.report import axes as ends
from windtunnel.report import charts
from windtunnel.report.contents import Bars, Chart, Content, Empty, Figure, Figures, Table, Text
from windtunnel.report.dashboards import Dashboard, Panel
from windtunnel.report.page import Report
from windtunnel.report.palette import THEMES, hex_of

# Pixels, as Grafana's grid: 24 columns, rows of 30 with gaps of 8.
WIDTH, ROW, GAP, HEADING, TITLE = 1280, 30, 8, 34, 60
_INCH = 96


def write(report: Report, beside: Path) -> list[Path]:
    """Write NAME-DASHBOARD-THEME.png beside the page for every dashboard and theme."""
    written = []
    for dashboard in report.dashboards:
        for theme in THEMES:
            path = beside.with_name(f"{beside.stem}-{dashboard.uid}-{theme}.png")
            picture(report, dashboard, theme).savefig(path, dpi=_INCH)
            written.append(path)
    return written


def picture(report: Report, dashboard: Dashboard, theme: str) -> Sheet:
    """The whole dashboard on one sheet."""
    places, height = _places(dashboard)
    sheet = Sheet(figsize=(WIDTH / _INCH, height / _INCH), facecolor=hex_of("page", theme))
    draw = _Pencil(sheet, height, theme)
    draw.words(16, 34, f"{dashboard.title} · {report.environment}", size=14, weight="bold")
    for row, top in places:
        if row:
            draw.words(16, top + 22, row, color="faint", weight="bold")
    for panel, left, top, width, tall in _boxes(dashboard, dict(places)):
        draw.box(left, top, width, tall, "panel", "border")
        draw.words(left + 10, top + 18, panel.title, room=width - 20)
        _content(draw, report.of(dashboard, panel), left + 10, top + 28, width - 20, tall - 36)
    return sheet


def _places(dashboard: Dashboard) -> tuple[list[tuple[str, float]], float]:
    """Where each row's heading starts, and the height of all."""
    top, found = float(TITLE - 10), []
    for row in dashboard.rows:
        found.append((row.title, top))
        start = min(panel.grid.y for panel in row.panels)
        rows = max(panel.grid.y + panel.grid.height for panel in row.panels) - start
        top += HEADING + rows * (ROW + GAP)
    return found, top + GAP


def _boxes(dashboard: Dashboard, tops: dict[str, float]) -> Iterator[tuple[Panel, float, float, float, float]]:
    column = (WIDTH - 32 + GAP) / 24
    for row in dashboard.rows:
        start = min(panel.grid.y for panel in row.panels)
        for panel in row.panels:
            at = panel.grid
            top = tops[row.title] + HEADING + (at.y - start) * (ROW + GAP)
            yield panel, 16 + at.x * column, top, at.width * column - GAP, at.height * (ROW + GAP) - GAP


class _Pencil:
    """Draws on a sheet in pixels from its upper left corner."""

    def __init__(self, sheet: Sheet, height: float, theme: str) -> None:
        self._sheet, self._height, self.theme = sheet, height, theme

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes in a box."""
        bottom = self._height - top - height
        axes = self._sheet.add_axes((left / WIDTH, bottom / self._height, width / WIDTH, height / self._height))
        axes.axis("off")
        return axes

    def box(self, left: float, top: float, width: float, height: float, fill: str, edge: str = "") -> None:
        """A filled rectangle."""
        corner = (left / WIDTH, 1 - (top + height) / self._height)
        self._sheet.add_artist(
            Rectangle(
                corner,
                width / WIDTH,
                height / self._height,
                facecolor=hex_of(fill, self.theme),
                edgecolor=hex_of(edge, self.theme) if edge else "none",
                transform=self._sheet.transFigure,
                zorder=-1,
            )
        )

    def words(
        self, x: float, y: float, text: str, color: str = "text", size: float = 9, room: float = 0, **how: Any
    ) -> None:
        """A line of text on its base line; cut off where it would take more than `room`."""
        most = int(room / (size * 0.72)) if room else len(text)
        text = text if len(text) <= most else text[: max(1, most - 1)] + "…"
        self._sheet.text(
            x / WIDTH,
            1 - y / self._height,
            text,
            fontsize=size,
            color=hex_of(color, self.theme),
            parse_math=False,
            **how,
        )


Draw = Callable[[_Pencil, Any, float, float, float, float], None]


def _content(draw: _Pencil, content: Content, left: float, top: float, width: float, height: float) -> None:
    how: dict[type, Draw] = {
        Chart: _chart, Figures: _figures, Bars: _bars, Table: _table, Text: _text, Empty: _empty,
    }  # fmt: skip
    how[type(content)](draw, content, left, top, width, height)


def _chart(draw: _Pencil, chart: Chart, left: float, top: float, width: float, height: float) -> None:
    value = ends.of_values(chart)
    gutter = 8 + 6.2 * max((len(mark.text) for mark in value.marks), default=0)
    legend = 16 * min(len(chart.lines), max(1, int(height * 0.34 / 16)))
    tall = height - legend - 22
    charts.paint(draw.axes(left + gutter, top + 4, width - gutter, tall), chart, draw.theme)
    for mark in value.marks:
        draw.words(left + gutter - 6, top + 7 + tall * (1 - mark.place), mark.text, "faint", 7.5, ha="right")
    for mark in ends.of_time(chart.span).marks:
        if 0.03 < mark.place < 0.97:
            x = left + gutter + (width - gutter) * mark.place
            draw.words(x, top + tall + 19, mark.text, "faint", 7.5, ha="center")
    _legend(draw, chart, left, top + tall + 34, width, legend)


def _legend(draw: _Pencil, chart: Chart, left: float, top: float, width: float, height: float) -> None:
    """A name a line, with its figures; where they are too many, the last line says how many are left out."""
    room = max(1, int(height / 16))
    shown = chart.lines if len(chart.lines) + bool(chart.left_out) <= room else chart.lines[: room - 1]
    for number, line in enumerate(shown):
        figures = "   ".join(f"{name} {text}" for name, text in zip(chart.figures, line.figures, strict=True))
        draw.words(left, top + number * 16, "—", line.color, 9, weight="bold")
        draw.words(left + 18, top + number * 16, line.name, size=8, room=width - 18 - 5.4 * len(figures))
        draw.words(left + width, top + number * 16, figures, size=8, ha="right")
    if rest := len(chart.lines) - len(shown) + chart.left_out:
        draw.words(left, top + len(shown) * 16, f"and {rest} more", "faint", 8)


def _figures(draw: _Pencil, content: Figures, left: float, top: float, width: float, height: float) -> None:
    each = width / len(content.figures)
    for number, one in enumerate(content.figures):
        x, named = left + number * each, len(content.figures) > 1
        if named:
            draw.words(x, top + height * 0.3, one.name, "faint", 8, room=each - 6)
        size = max(9.0, min(20.0, each / max(1, len(one.text)) * 1.1))
        draw.words(x, top + height * (0.75 if named else 0.62), one.text, one.color, size, weight="bold")


def _bars(draw: _Pencil, content: Bars, left: float, top: float, width: float, height: float) -> None:
    shown = content.figures[: max(1, int(height / 24))]
    each = height / len(shown)
    for number, one in enumerate(shown):
        y = top + number * each + each / 2
        draw.words(left, y, one.name, size=8, room=width * 0.7)
        draw.words(left + width, y, one.text, one.color, 8, ha="right", weight="bold")
        _track(draw, one, left, y + 4, width)


def _track(draw: _Pencil, one: Figure, left: float, top: float, width: float) -> None:
    draw.box(left, top, width, 5, "grid")
    if one.share:
        draw.box(left, top, width * one.share, 5, one.color)


def _table(draw: _Pencil, table: Table, left: float, top: float, width: float, height: float) -> None:
    rows = table.rows[: max(0, int(height / 18) - 2)]
    for number, (name, (share, room)) in enumerate(zip(table.columns, _columns(table), strict=True)):
        x, most = left + share * width, room * width - 8
        draw.words(x, top + 14, name, "faint", 8, room=most)
        for line, row in enumerate(rows, 1):
            draw.words(x, top + 14 + line * 18, row[number].text, row[number].color or "text", 8, room=most)
    if rest := len(table.rows) - len(rows):
        draw.words(left, top + 14 + (len(rows) + 1) * 18, f"and {rest} more", "faint", 8)


def _columns(table: Table) -> list[tuple[float, float]]:
    """Where each column starts and how wide it is, in shares of the table, by its longest text."""
    longest = [
        min(32, max(len(text) for text in (name, *(row[number].text for row in table.rows)))) + 2
        for number, name in enumerate(table.columns)
    ]
    return [(sum(longest[:number]) / sum(longest), one / sum(longest)) for number, one in enumerate(longest)]


def _text(draw: _Pencil, text: Text, left: float, top: float, width: float, height: float) -> None:
    for number, line in enumerate(text.markdown.splitlines()[: int(height / 16)]):
        draw.words(left, top + 12 + number * 16, line, room=width)


def _empty(draw: _Pencil, empty: Empty, left: float, top: float, width: float, height: float) -> None:
    said = "query failed" if empty.failed else "no data"
    draw.words(left + width / 2, top + height / 2, said, "red" if empty.failed else "faint", ha="center")
    draw.words(left + width / 2, top + height / 2 + 16, empty.reason, "faint", 8, room=width, ha="center")
