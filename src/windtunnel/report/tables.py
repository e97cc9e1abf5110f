"""Tables: the rows that instant queries give, changed by the panel's transformations as Grafana would.

Grafana's: https://grafana.com/docs/grafana/latest/panels-visualizations/query-transform-data/transform-data/.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from windtunnel.errors import WindtunnelError
from windtunnel.prometheus import Series, Span
from windtunnel.report import units, variables
from windtunnel.report.contents import Cell, Table
from windtunnel.report.dashboards import Field, Panel, Target
from windtunnel.report.palette import named

Value = str | float | None
Row = dict[str, Value]
Answers = list[tuple[Target, list[Series]]]
MOST_ROWS = 100


def table(panel: Panel, answers: Answers, span: Span, known: Mapping[str, str]) -> Table:
    """The panel's rows, in its order, at most a hundred.

    Raises:
        WindtunnelError: the panel has a transformation that the report does not know.
    """
    frames = [_frame(target, found, span, len(answers) > 1) for target, found in answers]
    for one in panel.transformations:
        if one["id"] not in TRANSFORMATIONS:
            raise WindtunnelError(f"panel {panel.title!r}: the report cannot transform by {one['id']!r}")
        frames = TRANSFORMATIONS[one["id"]](frames, one.get("options") or {})
    rows = _sorted([row for frame in frames for row in frame], panel.option("sortBy", []))
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [(name, panel.field(name)) for name in names if not panel.field(name).custom("hidden")]
    return Table(
        tuple(shown.name or name for name, shown in columns),
        tuple(tuple(_cell(row.get(name), shown, row, known) for name, shown in columns) for row in rows[:MOST_ROWS]),
    )


def _frame(target: Target, found: list[Series], span: Span, is_one_of_many: bool) -> list[Row]:
    value = f"Value #{target.ref}" if is_one_of_many else "Value"
    time = units.text(span.end * 1000, "dateTimeAsIso")
    return [{"Time": time, **series.labels, value: series.values[0]} for series in found]


def _merge(frames: list[list[Row]], options: Mapping[str, Any]) -> list[list[Row]]:
    """Rows that agree in every column that they share become one."""
    merged: list[Row] = []
    for row in (row for frame in frames for row in frame):
        same = next((one for one in merged if _agree(one, row)), None)
        if same is None:
            merged.append(dict(row))
        else:
            same.update(row)
    return [merged]


def _agree(one: Row, other: Row) -> bool:
    shared = one.keys() & other.keys()
    return bool(shared) and all(one[name] == other[name] for name in shared)


def _organize(frames: list[list[Row]], options: Mapping[str, Any]) -> list[list[Row]]:
    left_out = {name for name, out in (options.get("excludeByName") or {}).items() if out}
    place, renamed = options.get("indexByName") or {}, options.get("renameByName") or {}

    def organized(row: Row) -> Row:
        names = [name for name in row if name not in left_out]
        return {renamed.get(name) or name: row[name] for name in sorted(names, key=lambda it: place.get(it, 999))}

    return [[organized(row) for row in frame] for frame in frames]


TRANSFORMATIONS: dict[str, Callable[[list[list[Row]], Mapping[str, Any]], list[list[Row]]]] = {
    "merge": _merge,
    "organize": _organize,
}


def _sorted(rows: list[Row], asked: Sequence[Mapping[str, Any]]) -> list[Row]:
    for one in reversed(asked):
        name = str(one.get("displayName"))
        there = sorted((row for row in rows if row.get(name) is not None), key=lambda row: _order(row[name]))
        rows = (there[::-1] if one.get("desc") else there) + [row for row in rows if row.get(name) is None]
    return rows


def _order(value: Value) -> tuple[int, float, str]:
    return (0, value, "") if isinstance(value, float) else (1, 0.0, str(value))


def _cell(value: Value, shown: Field, row: Row, known: Mapping[str, str]) -> Cell:
    href = variables.address(shown.links, row, known)
    if not isinstance(value, float):
        return Cell(value or "", href=href)
    kind = str(shown.custom("cellOptions.type", "auto"))
    text, color = shown.mapped(value) or ("", "")
    reached = [step.color for step in shown.thresholds if step.value is None or value >= step.value]
    color = color or (reached[-1] if reached and kind.startswith("color") else "")
    return Cell(text or units.text(value, shown.unit, shown.decimals), named(color) if color else "", href, True)
