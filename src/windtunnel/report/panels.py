"""From a panel and Prometheus' data to what the panel shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from windtunnel.errors import QueryFailed
from windtunnel.prometheus import Prometheus, Series, Span
from windtunnel.report import tables, units, variables
from windtunnel.report.contents import Bars, Chart, Content, Empty, Figure, Figures, Level, Line, Text, known
from windtunnel.report.dashboards import Field, Panel, Target
from windtunnel.report.palette import SERIES, named

MOST_LINES = 40  # more can be told apart by nobody; the legend says how many are left out

CALCULATIONS: dict[str, tuple[str, Callable[[list[float]], float]]] = {
    "lastNotNull": ("last", lambda values: values[-1]),
    "last": ("last", lambda values: values[-1]),
    "firstNotNull": ("first", lambda values: values[0]),
    "first": ("first", lambda values: values[0]),
    "max": ("max", max),
    "min": ("min", min),
    "mean": ("mean", lambda values: sum(values) / len(values)),
    "sum": ("total", sum),
    "range": ("range", lambda values: max(values) - min(values)),
    "delta": ("change", lambda values: values[-1] - values[0]),
    "diff": ("change", lambda values: values[-1] - values[0]),
    "count": ("count", lambda values: float(len(values))),
}


@dataclass(frozen=True)
class Found:
    """One series that a panel's query gave, with its name and how it is to be shown."""

    name: str
    field: Field
    series: Series
    href: str


def content(panel: Panel, prometheus: Prometheus, span: Span, known_variables: Mapping[str, str]) -> Content:
    """What the panel shows.

    Raises:
        StackNotRunning: Prometheus does not answer. A query that it refuses is an `Empty` that says so.
    """
    if panel.kind == "text":
        return Text(variables.put_in(str(panel.option("content", "")), known_variables))
    try:
        answers = [(target, _ask(panel, target, prometheus, span, known_variables)) for target in panel.targets]
    except QueryFailed as error:
        return Empty(error.message, failed=True)
    if not any(known(series.values) for _, found in answers for series in found):
        return _nothing(panel)
    if panel.kind == "table":
        return tables.table(panel, answers, span, known_variables)
    found = [_found(panel, target, series, known_variables) for target, all_of_it in answers for series in all_of_it]
    found = [one for one in found if known(one.series.values)]
    return {"timeseries": _chart, "stat": _figures, "bargauge": _bars}[panel.kind](panel, found, span)


def _ask(panel: Panel, target: Target, prometheus: Prometheus, span: Span, known: Mapping[str, str]) -> list[Series]:
    expr = variables.put_in(target.expr, known)
    at_the_end = panel.kind == "table" or (target.instant and panel.kind != "timeseries")
    return prometheus.instant(expr, span) if at_the_end else prometheus.range(expr, span)


def _nothing(panel: Panel) -> Empty:
    if panel.needs:
        return Empty(f"needs {panel.needs}", expected=True)
    return Empty("no series in this span")


def _found(panel: Panel, target: Target, series: Series, known: Mapping[str, str]) -> Found:
    name = variables.legend(target.legend, series.labels)
    shown = panel.field(name, target.ref)
    name = variables.legend(shown.name, series.labels) if shown.name else name
    return Found(name, shown, series, variables.address(shown.links, series.labels, known))


def _chart(panel: Panel, found: list[Found], span: Span) -> Content:
    kept = sorted(found, key=lambda one: -max(known(one.series.values)))[:MOST_LINES]
    kept = [one for one in found if one in kept]
    main = kept[0].field
    asked = [name for name in panel.option("legend.calcs", []) if name in CALCULATIONS]
    are_drawn = main.custom("thresholdsStyle.mode", "off") != "off"
    steps = [step for step in main.thresholds if step.value is not None and are_drawn]
    soft = main.custom("axisSoftMax")
    return Chart(
        span=span,
        lines=tuple(_line(number, one, asked) for number, one in enumerate(kept)),
        unit=main.unit,
        low=main.bound("min"),
        high=main.bound("max"),
        soft_high=None if soft is None else float(soft),
        levels=tuple(Level(step.value or 0.0, named(step.color)) for step in steps),
        figures=tuple(CALCULATIONS[name][0] for name in asked),
        left_out=len(found) - len(kept),
    )


def _line(number: int, one: Found, asked: list[str]) -> Line:
    values = known(one.series.values)
    figures = (units.text(CALCULATIONS[name][1](values), one.field.unit, one.field.decimals) for name in asked)
    return Line(
        name=one.name,
        color=named(one.field.color) if one.field.color else SERIES[number % len(SERIES)],
        values=one.series.values,
        unit=one.field.unit,
        turn=number // len(SERIES),
        fill=float(one.field.custom("fillOpacity", 0)) / 100,
        width=max(1.25, float(one.field.custom("lineWidth", 1.5))),
        stacked=one.field.custom("stacking.mode", "none") == "normal",
        figures=tuple(figures),
        href=one.href,
    )


def _figures(panel: Panel, found: list[Found], _: Span) -> Content:
    return Figures(_values(panel, found), on_color=panel.option("colorMode") in ("background", "background_solid"))


def _bars(panel: Panel, found: list[Found], _: Span) -> Content:
    bars = _values(panel, found)
    return Bars(tuple(replace(bar, color=SERIES[0]) if bar.color == "text" else bar for bar in bars))


def _values(panel: Panel, found: list[Found]) -> tuple[Figure, ...]:
    chosen = panel.option("reduceOptions.calcs", ["lastNotNull"])
    reduce = CALCULATIONS[chosen[0] if chosen and chosen[0] in CALCULATIONS else "lastNotNull"][1]
    reduced = [(one, reduce(known(one.series.values))) for one in found]
    most = max(value for _, value in reduced)
    colored = panel.option("colorMode", "value") != "none"
    with_history = panel.option("graphMode", "area") == "area"
    return tuple(_figure(one, value, most, with_history, colored) for one, value in reduced)


def _figure(one: Found, value: float, most: float, with_history: bool, colored: bool) -> Figure:
    text, color = one.field.mapped(value) or ("", "")
    return Figure(
        name=one.name,
        text=text or units.text(value, one.field.unit, one.field.decimals),
        color=named(color or one.field.color or color_at(one.field, value)) if colored else "text",
        share=share(one.field, value, most),
        history=one.series.values if with_history and len(one.series.values) > 1 else [],
        href=one.href,
    )


def color_at(field: Field, value: float) -> str:
    """The colour of the highest threshold that the value has reached."""
    reached = [step.color for step in field.thresholds if step.value is None or value >= step.value]
    return reached[-1] if reached else "text"


def share(field: Field, value: float, most: float) -> float:
    """Where the value stands between the field's min and max (or the largest of all values), 0..1."""
    low, high = field.bound("min") or 0.0, field.bound("max")
    high = most if high is None else high
    return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.0
