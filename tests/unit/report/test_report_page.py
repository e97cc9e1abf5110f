"""The page: complete in itself, the same in both themes, and not fooled by what a DAG is called."""

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from unit.report.fake_prometheus import SPAN, FakePrometheus
from unit.report.made_dashboard import dashboard, panel
from windtunnel.report import build, charts, dashboards, markdown, page, palette, panels, pictures
from windtunnel.report.contents import Cell, Empty, Table
from windtunnel.report.page import Report
from windtunnel.report.present import Listed

EVIL = "</script><script>alert(1)</script>"


class Elements(HTMLParser):
    """Every element's name and attributes, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.data: list[dict[str, object]] = []
        self._in_data = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._in_data = tag == "script" and dict(attrs).get("type") == "application/json"

    def handle_data(self, data: str) -> None:
        if self._in_data:
            self.data.append(json.loads(data))
            self._in_data = False


@pytest.fixture
def report() -> Report:
    prometheus = FakePrometheus()
    for name in ("load", EVIL):
        prometheus.has("up", [1.0, 2.0, 2.0], dag=name)
    row = {"type": "row", "title": "Row one", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1}}
    kinds = [
        panel(kind, legend="{{dag}}", title=f"the {kind}", gridPos={"x": 6 * n, "y": 1, "w": 6, "h": 6})
        for n, kind in enumerate(("timeseries", "stat", "bargauge", "table"))
    ]
    text = panel("text", options={"content": f"**bold** [link](/dags) {EVIL}"})
    below = {"x": 0, "y": 7, "w": 24, "h": 4}
    empty = panel(expr="nothing", title="killed", gridPos=below, description="Needs a fault.")
    broken = panel(expr="broken", title="broken", gridPos=below)
    prometheus.refused["broken"] = EVIL
    made = dashboards.read(dashboard(text, row, *kinds, empty, broken, description="All of it."))
    contents = {
        (made.uid, it.id): panels.content(it, prometheus.client(), SPAN, {"airflow": "http://127.0.0.1:8080"})
        for it in made.panels()
    }
    cells = Table(("task",), ((Cell(EVIL, "red", "http://127.0.0.1:8080/dags/load"),),))
    present = (Listed("Alerts", why="none firing", all_is_well=True), Listed("Peaks", cells))
    return Report("tunnel", SPAN, SPAN.end, (made,), contents, present)


@pytest.fixture
def text(report: Report) -> str:
    return page.html(report)


def test_what_a_dag_is_called_is_never_markup(text: str) -> None:
    assert EVIL not in text
    assert len([tag for tag, _ in Elements(text).found if tag == "script"]) == 2
    assert "alert(1)" in text


def test_nothing_comes_from_outside(text: str) -> None:
    for tag, attributes in Elements(text).found:
        assert tag not in ("img", "iframe", "object", "embed"), attributes
        assert "src" not in attributes, (tag, attributes)
        if tag == "link":
            assert attributes["href"] == "data:,"
    assert all(url.startswith("http://127.0.0.1") for url in re.findall(r"https?://[^\s\"'<]+", text))
    assert "@import" not in text and "url(" not in text


def test_every_panel_is_there_with_its_title_and_what_it_shows(text: str) -> None:
    shapes = {
        attributes["id"]: attributes["data-shape"]
        for _, attributes in Elements(text).found
        if "data-shape" in attributes
    }
    assert list(shapes.values()) == ["text", "chart", "figures", "bars", "table", "empty", "empty"]
    assert "the timeseries" in text and "Row one" in text and "All of it." in text and "needs a fault" in text
    assert "<strong>bold</strong>" in text and '<a href="/dags">link</a>' in text


def test_panels_stand_where_grafana_has_them(text: str) -> None:
    styles = [attributes["style"] for _, attributes in Elements(text).found if "data-shape" in attributes]
    assert styles[1:5] == [f"--x:{6 * n + 1};--w:6;--y:1;--h:6" for n in range(4)]


def test_the_pointer_reads_the_values_that_are_drawn(text: str) -> None:
    (data,) = Elements(text).data
    assert data["start"] == SPAN.start and data["step"] == SPAN.step
    lines = data["lines"]
    assert isinstance(lines, list)
    assert [it["name"] for it in lines] == ["load", EVIL]
    assert lines[0]["values"][:4] == [1.0, 2.0, 2.0, None]


def test_a_page_asks_again_only_when_it_is_served(report: Report, text: str) -> None:
    assert "fetch(" not in text
    served = Report(**{**report.__dict__, "refresh_seconds": 7})
    assert "setTimeout(refresh, 7000)" in page.html(served)


def test_every_colour_in_a_drawing_follows_the_theme(text: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert drawings
    for drawing in drawings:
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b", drawing)
        assert set(re.findall(r"var\(--([\w-]+)\)", drawing)) <= palette.COLORS.keys()
        assert " id=" not in drawing and "<style" not in drawing and "clip-path=" not in drawing


def test_a_drawing_is_stretched_and_has_no_words(report: Report) -> None:
    chart = next(it for it in report.contents.values() if hasattr(it, "lines"))
    drawing = charts.svg(chart)
    assert 'preserveAspectRatio="none"' in drawing and "<text" not in drawing and "<path" in drawing


@pytest.mark.parametrize("theme", palette.THEMES)
def test_every_series_can_be_seen_on_its_background(theme: str) -> None:
    panel_color = palette.hex_of("panel", theme)
    colors = [palette.hex_of(name, theme) for name in palette.COLORS if name not in ("page", "panel", "border", "grid")]
    assert len(set(colors)) == len(colors)
    # https://www.w3.org/WAI/WCAG22/Understanding/contrast-minimum
    assert all(contrast(color, panel_color) >= 4.5 for color in colors)


def contrast(one: str, other: str) -> float:
    """By https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_grafanas_colours_have_a_name_here() -> None:
    names = [
        palette.named(it) for it in ("green", "dark-red", "semi-dark-orange", "super-light-blue", "#123456", "pink")
    ]
    assert names == ["green", "red", "orange", "blue", "#123456", "text"]


def test_the_summary_tells_what_is_empty_and_why(report: Report) -> None:
    summary = build.summary(report, (), 1.0)
    assert (summary.panels, summary.empty) == (7, ())
    assert summary.excused == ("Made / killed",)
    assert summary.failed == (f"Made / broken: broken: {EVIL}",)
    key = next(key for key, content in report.contents.items() if isinstance(content, Table))
    report.contents[key] = Empty("no series in this span")
    assert build.summary(report, (), 1.0).empty == ("Made / the table",)


def test_markdown() -> None:
    said = markdown.html("# Title\n\n- one `x`\n- two\n\n[bad](javascript:alert(1)) & <b>")
    assert "<h4>Title</h4>" in said and "<li>one <code>x</code></li>" in said
    assert "<b>" not in said and "href" not in said


def test_pictures_of_both_themes(report: Report, tmp_path: Path) -> None:
    written = pictures.write(report, tmp_path / "report.html")
    assert [it.name for it in written] == ["report-made-light.png", "report-made-dark.png"]
    contents = [it.read_bytes() for it in written]
    assert all(it.startswith(b"\x89PNG") for it in contents)
    assert all(one != other for one, other in pairwise(contents))
