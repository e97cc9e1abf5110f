"""From a table of rows to a dashboard: positions, variables, and links to the other dashboards."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from source.panels import DATASOURCE, Panel, build

COLUMNS = 24
HEIGHTS = {"stat": 4, "timeseries": 8, "bargauge": 8, "table": 10}
"""Of a panel by its kind, in Grafana's units of 30 pixels."""

TAG = "windtunnel"


@dataclass(frozen=True)
class Row:
    """A section with its title; each line shares the whole width equally among its panels."""

    title: str
    lines: tuple[tuple[Panel, ...], ...]


@dataclass(frozen=True)
class Board:
    """A dashboard: its uid is its file's name as well, and stays, since links and bookmarks hold it."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]

    def panels(self) -> list[Panel]:
        return [panel for row in self.rows for line in row.lines for panel in line]


def build_board(board: Board) -> model.Dashboard:
    """The dashboard in Grafana's terms."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags([TAG])
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .time("now-1h", "now")
        .refresh("10s")
        .variables(_variables())
        .link(_links())
    )
    _place(made, board)
    built = made.build()
    for variable in built.templating.list_val or []:
        # The SDK writes them for every kind of variable, Grafana reads them of intervals alone, its schema knows none.
        variable.auto = variable.auto_min = variable.auto_count = None
    return built


def _place(made: dashboard.Dashboard, board: Board) -> None:
    top, number = 0, 1
    for row in board.rows:
        position = model.GridPos(h=1, w=COLUMNS, x=0, y=top)
        made.with_row(dashboard.Row(row.title).id(number).collapsed(False).grid_pos(position))
        top, number = top + 1, number + 1
        for line in row.lines:
            height = max(HEIGHTS[panel.kind] for panel in line)
            width = COLUMNS // len(line)
            for i, panel in enumerate(line):
                position = model.GridPos(h=height, w=width, x=i * width, y=top)
                made.with_panel(build(panel).id(number).grid_pos(position))
                number += 1
            top += height


def _variables() -> list[dashboard.QueryVariable | dashboard.TextBoxVariable]:
    finished = 'amazonmwaa_task_instance_finished_sum{environment="$environment"'
    return [
        _choice("environment", "Environment", "label_values(aws_mwaa_memory_utilization_average, environment)"),
        _choices("dag", "DAG", f"label_values({finished}}}, dag)"),
        _choices("task", "Task", f'label_values({finished}, dag=~"$dag"}}, task)'),
        dashboard.TextBoxVariable("airflow")
        .label("Airflow")
        .description("Address of Airflow's web interface, for the links to logs")
        .default_value("http://127.0.0.1:8080"),
    ]


def _choice(name: str, label: str, query: str) -> dashboard.QueryVariable:
    made = dashboard.QueryVariable(name).label(label).datasource(DATASOURCE)
    made.query({"query": query, "refId": f"variable-{name}"})
    return made.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)


def _choices(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """A variable of which several values may be chosen, and at first all."""
    everything = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    return _choice(name, label, query).multi(True).include_all(True).all_value(".*").current(everything)


def _links() -> dashboard.DashboardLink:
    link = dashboard.DashboardLink("Windtunnel").type(model.DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.as_dropdown(False).include_vars(True).keep_time(True)
