"""What a panel says, and how it is told to Grafana: every panel of every dashboard is one row of the same table.

A panel here has no position and no colours of its own: positions come from its dashboard's rows, colours from Grafana's
theme, save at thresholds, which Grafana names in words that it draws for dark and light.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as model

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="prometheus")

Kind = Literal["stat", "timeseries", "bargauge", "table"]
Steps = tuple[tuple[float | None, str], ...]
"""Thresholds: from which value on (None: from the lowest) a value has which colour."""

TRY = ("dag_id", "task_id", "map_index", "try_number", "run_id")
"""What names a try of a task, in the order of a table's columns."""

LETTERS = "ABCDEFGH"
"""Grafana's names of a panel's queries."""

NEUTRAL: Steps = ((None, "text"),)
PERCENT: Steps = ((None, "green"), (80, "orange"), (90, "red"))
SHARE: Steps = ((None, "green"), (0.8, "orange"), (0.9, "red"))
ANY_IS_BAD: Steps = ((None, "green"), (1, "red"))
NONE_IS_BAD: Steps = ((None, "red"), (1, "green"))


@dataclass(frozen=True)
class Query:
    """A PromQL expression, and how its series (in a table: its column) is called."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """A row of a dashboard's table.

    `description` says what is shown and what to do about it. `needs_fault` marks a panel that stays empty until
    something goes wrong (or is deferred), `needs_pressure` one that needs a kernel with pressure stall information.
    `columns` holds a table's units by column where they differ from `unit`. `log_link` leads from a task to its log.
    """

    kind: Kind
    title: str
    unit: str
    description: str
    queries: tuple[Query, ...]
    steps: Steps = NEUTRAL
    minimum: float | None = 0
    maximum: float | None = None
    decimals: int | None = None
    stacked: bool = False
    needs_fault: bool = False
    needs_pressure: bool = False
    log_link: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[tuple[float, float | None], str] = field(default_factory=dict)
    """What is written in place of a value: by range, None for no upper end."""


def build(panel: Panel) -> timeseries.Panel | stat.Panel | bargauge.Panel | table.Panel:
    """The panel in Grafana's terms, without position."""
    made = _MAKERS[panel.kind](panel)
    made.title(panel.title).description(_description(panel)).datasource(DATASOURCE).interval("10s")
    made.unit(panel.unit).thresholds(_thresholds(panel.steps))
    made.targets([_target(query, letter, panel.kind) for letter, query in zip(LETTERS, panel.queries, strict=False)])
    if panel.needs_fault:
        made.no_value("none")
    if panel.needs_pressure:
        made.no_value("n/a")
    if panel.minimum is not None:
        made.min(panel.minimum)
    if panel.maximum is not None:
        made.max(panel.maximum)
    if panel.decimals is not None:
        made.decimals(panel.decimals)
    if panel.texts:
        made.mappings(_texts(panel.texts))
    if panel.log_link and panel.kind != "table":
        made.data_links(log_links("__field.labels"))
    return made


def _description(panel: Panel) -> str:
    """What the panel says, and why it may be empty; `report` excuses panels by these words."""
    fault = " Needs a fault: empty until there is one." if panel.needs_fault else ""
    pressure = " Needs a kernel with pressure stall information: n/a without." if panel.needs_pressure else ""
    return panel.description + fault + pressure


def log_links(row: str) -> list[dashboard.DashboardLink]:
    """Links from a task to its log in Airflow's web interface.

    `row` is where Grafana finds the task's labels: `__field.labels` of a series, `__data.fields` of a table's row.
    """

    def label(name: str) -> str:
        return f"${{{row}.{name}:percentencode}}"

    task = f"${{airflow}}/dags/{label('dag_id')}/runs/{label('run_id')}/tasks/{label('task_id')}"
    attempt = f"?try_number={label('try_number')}"
    return [
        dashboard.DashboardLink("Log of the task").url(task + attempt).target_blank(True),
        dashboard.DashboardLink("Log of the mapped task")
        .url(f"{task}/mapped/{label('map_index')}{attempt}")
        .target_blank(True),
    ]


def _timeseries(panel: Panel) -> timeseries.Panel:
    legend = (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(options.LegendDisplayMode.LIST)
        .placement(options.LegendPlacement.BOTTOM)
        .calcs([])
    )
    tooltip = common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING)
    made = timeseries.Panel().legend(legend).tooltip(tooltip).line_width(1).fill_opacity(25 if panel.stacked else 8)
    made.show_points(options.VisibilityMode.NEVER)
    made.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC))
    if panel.stacked:
        made.stacking(common.StackingConfig().mode(options.StackingMode.NORMAL).group("A"))
    if len(panel.steps) > 1:
        style = common.GraphThresholdsStyleConfig().mode(options.GraphThresholdsStyleMode.DASHED)
        made.thresholds_style(style)
    return made


def _stat(panel: Panel) -> stat.Panel:
    colour = options.BigValueColorMode.VALUE if len(panel.steps) > 1 else options.BigValueColorMode.NONE
    made = stat.Panel().reduce_options(_last()).color_mode(colour).graph_mode(options.BigValueGraphMode.AREA)
    return made.color_scheme(_by_threshold())


def _bargauge(panel: Panel) -> bargauge.Panel:
    made = bargauge.Panel().reduce_options(_last()).orientation(options.VizOrientation.HORIZONTAL)
    made.display_mode(options.BarGaugeDisplayMode.BASIC).show_unfilled(True)
    return made.color_scheme(_by_threshold())


def _table(panel: Panel) -> table.Panel:
    made = table.Panel().show_header(True).color_scheme(_by_threshold())
    made.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    made.with_transformation(model.DataTransformerConfig(id_val="organize", options=_columns(panel)))
    for name, unit in panel.columns.items():
        made.override_by_name(name, [model.DynamicConfigValue(id_val="unit", value=unit)])
    if panel.log_link:
        links = [link.build() for link in log_links("__data.fields")]
        made.override_by_name("task_id", [model.DynamicConfigValue(id_val="links", value=links)])
    return made


_MAKERS = {"timeseries": _timeseries, "stat": _stat, "bargauge": _bargauge, "table": _table}


def _columns(panel: Panel) -> dict[str, object]:
    """Grafana calls a column `Value #A` after its query; here it is called by the query's legend."""
    names = {f"Value #{letter}": query.legend for letter, query in zip(LETTERS, panel.queries, strict=False)}
    order = {name: place for place, name in enumerate((*TRY, *names))}
    return {"excludeByName": {"Time": True, "environment": True}, "indexByName": order, "renameByName": names}


def _target(query: Query, letter: str, kind: Kind) -> prometheus.Dataquery:
    made = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(letter).datasource(DATASOURCE)
    if kind in ("table", "bargauge"):
        made.instant()
    else:
        made.range()
    return made.format("table" if kind == "table" else "time_series")


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    made = [model.Threshold(value=value, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(made)


def _texts(texts: Mapping[tuple[float, float | None], str]) -> list[model.ValueMapping]:
    made = []
    for (lowest, highest), text in texts.items():
        result = model.ValueMappingResult(text=text)
        made.append(model.RangeMap(options=model.DashboardRangeMapOptions(from_val=lowest, to=highest, result=result)))
    return made


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _by_threshold() -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)
