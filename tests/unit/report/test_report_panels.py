"""From Prometheus' data to what a panel shows."""

import math
from typing import Any

import pytest

from unit.report.fake_prometheus import SPAN, FakePrometheus
from unit.report.made_dashboard import dashboard, panel
from windtunnel.errors import StackNotRunning, WindtunnelError
from windtunnel.prometheus import Prometheus
from windtunnel.report import dashboards, panels
from windtunnel.report.contents import Bars, Chart, Content, Empty, Figures, Table, Text

STEPS = [{"value": None, "color": "green"}, {"value": 1.5e9, "color": "dark-red"}]


@pytest.fixture
def prometheus() -> FakePrometheus:
    return FakePrometheus()


def shown(prometheus: FakePrometheus, model: dict[str, Any]) -> Content:
    (read,) = dashboards.read(dashboard(model)).panels()
    known = {"environment": "tunnel", "airflow": "http://127.0.0.1:8080"}
    return panels.content(read, prometheus.client(), SPAN, known)


def test_a_chart_has_every_series_at_its_steps(prometheus: FakePrometheus) -> None:
    prometheus.has('m{environment="tunnel"}', [1.0, None, 3.0], cluster="BaseWorker")
    chart = shown(prometheus, panel(expr='m{environment="$environment"}', legend="{{cluster}}"))
    assert isinstance(chart, Chart)
    (line,) = chart.lines
    assert line.name == "BaseWorker" and len(line.values) == len(SPAN.times())
    assert line.values[0] == 1.0 and math.isnan(line.values[1]) and line.values[2] == 3.0
    (path, asked), = prometheus.asked  # fmt: skip
    assert path == "/api/v1/query_range" and asked["step"] == str(SPAN.step)


def test_more_series_than_can_be_told_apart_are_counted_and_the_highest_kept(prometheus: FakePrometheus) -> None:
    for number in range(50):
        prometheus.has("up", [float(number)], n=str(number))
    chart = shown(prometheus, panel(legend="{{n}}"))
    assert isinstance(chart, Chart)
    assert chart.left_out == 10 and "49" in [it.name for it in chart.lines]
    assert len({(it.color, it.turn) for it in chart.lines}) == 40


def test_legends_with_figures(prometheus: FakePrometheus) -> None:
    prometheus.has("up", [1.0, 5.0, 2.0])
    chart = shown(prometheus, panel(options={"legend": {"calcs": ["max", "lastNotNull"]}}))
    assert isinstance(chart, Chart)
    assert (chart.figures, chart.lines[0].figures) == (("max", "last"), ("5", "2"))


def test_thresholds_are_drawn_where_the_panel_says_so(prometheus: FakePrometheus) -> None:
    prometheus.has("up", [1.0])
    defaults = {"thresholds": {"mode": "absolute", "steps": STEPS}}
    plain = shown(prometheus, panel(defaults=defaults))
    dashed = shown(prometheus, panel(defaults=defaults | {"custom": {"thresholdsStyle": {"mode": "dashed"}}}))
    assert isinstance(plain, Chart) and isinstance(dashed, Chart)
    assert plain.levels == ()
    assert [(it.value, it.color) for it in dashed.levels] == [(1.5e9, "red")]


def test_a_stat_shows_the_last_value_in_its_colour(prometheus: FakePrometheus) -> None:
    prometheus.has("up", [2147483648.0, 1073741824.0, None])
    defaults = {"unit": "bytes", "thresholds": {"mode": "absolute", "steps": STEPS}}
    stat = shown(prometheus, panel("stat", defaults=defaults))
    most = shown(prometheus, panel("stat", defaults=defaults, options={"reduceOptions": {"calcs": ["max"]}}))
    plain = shown(prometheus, panel("stat", defaults=defaults, options={"colorMode": "none"}))
    assert isinstance(stat, Figures) and isinstance(most, Figures) and isinstance(plain, Figures)
    assert [(it.figures[0].text, it.figures[0].color) for it in (stat, most, plain)] == [
        ("1 GiB", "green"),
        ("2 GiB", "red"),
        ("1 GiB", "text"),
    ]


def test_an_instant_stat_asks_for_the_end_alone(prometheus: FakePrometheus) -> None:
    prometheus.has("up", [3.0])
    model = panel("stat")
    model["targets"][0]["instant"] = True
    stat = shown(prometheus, model)
    assert isinstance(stat, Figures) and stat.figures[0].text == "3" and not stat.figures[0].history
    assert prometheus.asked[0][0] == "/api/v1/query"


def test_bars_are_shares_of_the_range_or_of_the_longest(prometheus: FakePrometheus) -> None:
    prometheus.has("up", [50.0], task="a")
    prometheus.has("up", [25.0], task="b")
    free = shown(prometheus, panel("bargauge", legend="{{task}}"))
    fixed = shown(prometheus, panel("bargauge", legend="{{task}}", defaults={"min": 0, "max": 100}))
    assert isinstance(free, Bars) and isinstance(fixed, Bars)
    assert [it.share for it in free.figures] == [1.0, 0.5]
    assert [it.share for it in fixed.figures] == [0.5, 0.25]


def test_a_table_of_several_queries_is_merged_organised_and_linked(prometheus: FakePrometheus) -> None:
    task = {"dag_id": "load", "task_id": "copy", "environment": "tunnel"}
    prometheus.has("peak", [2.0**30], **task)
    prometheus.has("share", [0.5], **task)
    prometheus.has("share", [0.25], **task | {"task_id": "other"})
    model = panel(
        "table",
        targets=[{"refId": "A", "expr": "peak", "instant": True}, {"refId": "B", "expr": "share", "instant": True}],
        defaults={"unit": "bytes"},
        overrides=[
            {"matcher": {"id": "byName", "options": "Share"}, "properties": [{"id": "unit", "value": "percentunit"}]},
            {
                "matcher": {"id": "byName", "options": "task_id"},
                "properties": [{"id": "links", "value": [{"url": "${airflow}/dags/${__data.fields.dag_id}"}]}],
            },
        ],
        transformations=[
            {"id": "merge", "options": {}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True, "environment": True},
                    "renameByName": {"Value #A": "Peak", "Value #B": "Share"},
                    "indexByName": {"task_id": 0, "dag_id": 1},
                },
            },
        ],
    )
    table = shown(prometheus, model)
    assert isinstance(table, Table)
    assert table.columns == ("task_id", "dag_id", "Peak", "Share")
    assert [[it.text for it in row] for row in table.rows] == [
        ["copy", "load", "1 GiB", "50%"],
        ["other", "load", "", "25%"],
    ]
    assert table.rows[0][0].href == "http://127.0.0.1:8080/dags/load"
    assert [table.is_number(column) for column in range(4)] == [False, False, True, True]


def test_a_transformation_that_it_does_not_know_is_an_error_not_a_lie(prometheus: FakePrometheus) -> None:
    prometheus.has("up", [1.0])
    with pytest.raises(WindtunnelError, match="groupBy"):
        shown(prometheus, panel("table", transformations=[{"id": "groupBy", "options": {}}]))


def test_a_table_is_sorted_as_the_panel_says(prometheus: FakePrometheus) -> None:
    for value in (1.0, 3.0, 2.0):
        prometheus.has("up", [value])
    table = shown(prometheus, panel("table", options={"sortBy": [{"displayName": "Value", "desc": True}]}))
    assert isinstance(table, Table) and [row[-1].text for row in table.rows] == ["3", "2", "1"]


@pytest.mark.parametrize("values", [None, [None, None], [math.nan]])
def test_no_data_says_why(prometheus: FakePrometheus, values: list[float | None] | None) -> None:
    if values is not None:
        prometheus.has("up", values)
    assert shown(prometheus, panel()) == Empty("no series in this span")
    assert shown(prometheus, panel(description="Killed. Needs a fault.")) == Empty("needs a fault", expected=True)


def test_a_query_that_is_refused_says_so_and_the_others_go_on(prometheus: FakePrometheus) -> None:
    prometheus.refused["up("] = "parse error: unclosed left parenthesis"
    empty = shown(prometheus, panel(expr="up("))
    assert empty == Empty("up(: parse error: unclosed left parenthesis", failed=True)


def test_no_prometheus_is_no_empty_panel() -> None:
    (read,) = dashboards.read(dashboard(panel())).panels()
    with pytest.raises(StackNotRunning, match="Prometheus does not answer"):
        panels.content(read, Prometheus("http://127.0.0.1:1"), SPAN, {})


def test_a_text_is_text(prometheus: FakePrometheus) -> None:
    assert shown(prometheus, panel("text", options={"content": "of $environment"})) == Text("of tunnel")
