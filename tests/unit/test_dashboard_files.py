"""The committed dashboards are what their source makes, and hold to what was agreed about queries and panels."""

import json
import re
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import prometheus
from grafana_foundation_sdk.models.dashboard import Dashboard
from source.boards import BOARDS, FOLDER, as_json, path_of
from source.layout import COLUMNS, Board
from source.panels import Panel

from windtunnel import metrics

# Known to Grafana itself, and set by no variable.
BUILT_IN = {"__all", "__rate_interval", "__interval", "__range", "__field", "__data"}
# What Prometheus knows of each exporter that it scrapes.
OF_EXPORTERS = {"up", "process_start_time_seconds"}
STEM = re.compile(r"_(bucket|sum|count)$")


def saved(board: Board) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(path_of(board).read_text())
    return read


def drawn(board: Board) -> list[dict[str, Any]]:
    return [panel for panel in saved(board)["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    return [target["expr"] for board in BOARDS for panel in drawn(board) for target in panel["targets"]]


def series_of(expression: str) -> set[str]:
    """The metrics that a query names; in these dashboards each has its labels in braces."""
    return set(re.findall(r"([a-zA-Z_:][\w:]*)\{", expression))


def known_series() -> set[str]:
    recorded = {
        metrics.series_name(one.namespace, one.name, way) for one in metrics.CLOUDWATCH for way in one.statistics
    }
    return (
        recorded
        | OF_EXPORTERS
        | {one.series for one in metrics.STATSD.values()}
        | {one.name for one in [*metrics.COMPUTED, *metrics.EXPORTED]}
    )


def kept(written: Any, read: Any) -> bool:
    """Whether all of what was written is in what was read; the SDK adds defaults."""
    if isinstance(written, dict):
        return isinstance(read, dict) and all(key in read and kept(one, read[key]) for key, one in written.items())
    if isinstance(written, list):
        return isinstance(read, list) and len(written) == len(read) and all(map(kept, written, read))
    return bool(written == read)


each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)


@each_board
def test_the_file_is_what_the_source_makes(board: Board) -> None:
    assert path_of(board).read_text() == as_json(board), "run `python -m source` in monitoring/grafana"


def test_there_is_no_other_file() -> None:
    assert sorted(FOLDER.iterdir()) == sorted(map(path_of, BOARDS))


@each_board
def test_the_foundation_sdk_reads_all_of_it(board: Board) -> None:
    register_default_plugins()
    read = Dashboard.from_json(saved(board))
    targets = [target for panel in read.panels or [] for target in getattr(panel, "targets", None) or []]
    assert {type(target) for target in targets} == {prometheus.Dataquery}
    assert kept(saved(board), json.loads(JSONEncoder().encode(read))), "the SDK drops a part of the JSON"


@each_board
def test_the_panels_fill_the_width_and_do_not_overlap(board: Board) -> None:
    cells = [
        (x, y)
        for position in (panel["gridPos"] for panel in saved(board)["panels"])
        for x in range(position["x"], position["x"] + position["w"])
        for y in range(position["y"], position["y"] + position["h"])
    ]
    assert len(cells) == len(set(cells))
    height = max(y for _, y in cells) + 1
    assert set(cells) == {(x, y) for x in range(COLUMNS) for y in range(height)}


@each_board
def test_a_dashboard_leads_to_the_others_and_keeps_its_address(board: Board) -> None:
    read = saved(board)
    assert [link["tags"] for link in read["links"]] == [read["tags"]] == [["windtunnel"]]
    assert read["links"][0]["includeVars"] and read["links"][0]["keepTime"]
    assert len({panel["id"] for panel in read["panels"]}) == len(read["panels"])
    assert len({panel["title"] for panel in drawn(board)}) == len(drawn(board))


@each_board
def test_every_panel_says_what_it_shows(board: Board) -> None:
    for panel in drawn(board):
        title = panel["title"]
        assert len(panel["description"].split()) >= 8, title
        assert panel["fieldConfig"]["defaults"]["unit"], title
        assert panel["targets"] and all(target["legendFormat"] for target in panel["targets"]), title
        assert panel["datasource"]["uid"] == "prometheus", title
        if panel["type"] == "timeseries":
            assert panel["options"]["legend"]["showLegend"], title


@each_board
def test_colours_are_the_themes_own_names(board: Board) -> None:
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(", path_of(board).read_text()) == []
    for panel in drawn(board):
        assert "fixedColor" not in panel["fieldConfig"]["defaults"]["color"], panel["title"]


@each_board
def test_every_variable_that_is_used_is_there(board: Board) -> None:
    text = path_of(board).read_text()
    used = set(re.findall(r"\$\{?(\w+)", text)) - BUILT_IN
    variables = [variable["name"] for variable in saved(board)["templating"]["list"]]
    assert used <= set(variables)
    assert variables == ["environment", "dag", "task", "airflow"]


@pytest.mark.parametrize("expression", expressions())
def test_a_query_shows_what_was_measured(expression: str) -> None:
    assert not re.search(r"\b(vector|scalar|absent|absent_over_time)\(", expression)
    for operand in re.split(r"\bor\b(?: on \([^)]*\))?", expression):
        assert series_of(operand), f"a bare constant: {operand}"
    selectors = re.findall(r"[\w:]+\{([^}]*)\}", expression)
    assert all('environment="$environment"' in labels for labels in selectors)


@pytest.mark.parametrize("series", sorted(set().union(*map(series_of, expressions()))))
def test_a_query_names_a_metric_of_the_table(series: str) -> None:
    known = known_series()
    assert series in known or STEM.sub("", series) in known, f"{series} is in no row of monitoring/metrics.toml"


def test_aws_sections_show_mwaas_names_alone() -> None:
    environment = BOARDS[0]
    for row in environment.rows:
        series = set().union(
            *(series_of(query.expr) for line in row.lines for panel in line for query in panel.queries)
        )
        foreign = {name for name in series if not name.startswith(("aws_mwaa_", "amazonmwaa_"))}
        assert not foreign or row.title == "Container detail", row.title


def test_a_panel_that_may_be_empty_says_why() -> None:
    panels = [(panel, read) for board in BOARDS for panel, read in zip(board.panels(), drawn(board), strict=True)]
    assert {panel.title for panel, _ in panels if panel.needs_fault}
    for panel, read in panels:
        assert ("Needs a fault" in read["description"]) == panel.needs_fault
        assert ("Needs a kernel" in read["description"]) == panel.needs_pressure
        assert ("noValue" in read["fieldConfig"]["defaults"]) == (panel.needs_fault or panel.needs_pressure)


def test_a_task_leads_to_its_log() -> None:
    links = [link for board in BOARDS for panel in board.panels() if panel.log_link for link in urls(board, panel)]
    assert links
    labels = ("dag_id", "run_id", "task_id")
    for link in links:
        assert re.match(r"\$\{airflow\}/dags/\$\{.*\}/runs/\$\{.*\}/tasks/\$\{.*\}", link)
        assert all(f".{label}:percentencode}}" in link for label in labels)
    assert any("/mapped/${__field.labels.map_index:percentencode}" in link for link in links)


def urls(board: Board, panel: Panel) -> list[str]:
    read = next(one for one in drawn(board) if one["title"] == panel.title)
    return re.findall(r'"url": "(.*?)"', json.dumps(read))
