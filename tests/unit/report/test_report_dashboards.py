"""What is read out of Grafana's JSON."""

from pathlib import Path

import pytest

from unit.report.made_dashboard import dashboard, panel
from windtunnel.errors import WindtunnelError
from windtunnel.report import dashboards
from windtunnel.report.dashboards import Threshold


def test_panels_stand_under_their_rows_in_order_of_reading() -> None:
    row = {"type": "row", "title": "Second", "gridPos": {"x": 0, "y": 8, "w": 24, "h": 1}}
    right = panel(title="right", gridPos={"x": 12, "y": 9, "w": 12, "h": 8})
    left = panel(title="left", gridPos={"x": 0, "y": 9, "w": 12, "h": 8})
    read = dashboards.read(dashboard(right, left, row, panel(title="first")))
    assert [(row.title, [it.title for it in row.panels]) for row in read.rows] == [
        ("", ["first"]),
        ("Second", ["left", "right"]),
    ]


def test_a_collapsed_row_holds_its_panels() -> None:
    row = {"type": "row", "title": "More", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1}, "panels": [panel()]}
    assert [it.title for it in dashboards.read(dashboard(row)).panels()] == ["A panel"]


def test_a_panel_that_cannot_be_drawn_is_told_by_name() -> None:
    with pytest.raises(WindtunnelError, match=r"'A panel': the report draws timeseries, .*, not heatmap"):
        dashboards.read(dashboard(panel("heatmap")))


def test_an_override_changes_only_the_fields_that_it_matches() -> None:
    overrides = [
        {"matcher": {"id": "byName", "options": "limit"}, "properties": [{"id": "custom.lineWidth", "value": 3}]},
        {"matcher": {"id": "byRegexp", "options": "/^lim/"}, "properties": [{"id": "unit", "value": "bytes"}]},
    ]
    model = panel(defaults={"unit": "s", "custom": {"fillOpacity": 8}}, overrides=overrides)
    (read,) = dashboards.read(dashboard(model)).panels()
    limit, other = read.field("limit"), read.field("used")
    assert (limit.unit, limit.custom("lineWidth"), limit.custom("fillOpacity")) == ("bytes", 3, 8)
    assert (other.unit, other.custom("lineWidth"), other.custom("fillOpacity")) == ("s", None, 8)


def test_an_override_that_it_does_not_know_is_an_error_not_a_lie() -> None:
    model = panel(overrides=[{"matcher": {"id": "byValue", "options": {}}, "properties": []}])
    (read,) = dashboards.read(dashboard(model)).panels()
    with pytest.raises(WindtunnelError, match="byValue"):
        read.field("any")


def test_thresholds_and_mappings() -> None:
    steps = [{"value": None, "color": "green"}, {"value": 80, "color": "red"}]
    mappings = [
        {"type": "value", "options": {"0": {"text": "down", "color": "red"}}},
        {"type": "range", "options": {"from": 5, "to": None, "result": {"text": "many"}}},
    ]
    model = panel(defaults={"thresholds": {"mode": "absolute", "steps": steps}, "mappings": mappings})
    (read,) = dashboards.read(dashboard(model)).panels()
    field = read.field("")
    assert field.thresholds == [Threshold(None, "green"), Threshold(80, "red")]
    assert [field.mapped(value) for value in (0.0, 1.0, 5.0)] == [("down", "red"), None, ("many", "")]


@pytest.mark.parametrize(
    "description, needs",
    [
        ("Tasks that fail. Needs a fault: empty until there is one.", "a fault"),
        ("Waits. Needs a kernel with pressure stall information: n/a without.",
         "a kernel with pressure stall information"),
        ("The memory that a task needs.", ""),
    ],
)  # fmt: skip
def test_what_a_panel_needs_is_said_in_its_description(description: str, needs: str) -> None:
    (read,) = dashboards.read(dashboard(panel(description=description))).panels()
    assert read.needs == needs


def test_environment_comes_first(tmp_path: Path) -> None:
    for name in ("a", "environment"):
        (tmp_path / f"{name}.json").write_text(f'{{"uid": "{name}", "title": "{name}", "panels": []}}')
    assert [it.uid for it in dashboards.load(tmp_path)] == ["environment", "a"]


def test_no_dashboards_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WindtunnelError, match="expected dashboards"):
        dashboards.load(tmp_path)


def test_every_dashboard_of_the_project_can_be_read() -> None:
    for read in dashboards.load():
        assert [it.targets for it in read.panels() if it.kind != "text"]
        assert len({it.id for it in read.panels()}) == len(list(read.panels()))
