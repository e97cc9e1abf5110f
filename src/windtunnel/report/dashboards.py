"""Grafana's dashboards as the report reads them: the part of its JSON that the panels here can draw.

The JSON's own description: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from windtunnel.errors import WindtunnelError
from windtunnel.settings import ROOT

FOLDER = ROOT / "monitoring/grafana/dashboards"
DRAWN = ("timeseries", "stat", "bargauge", "table", "text")


@dataclass(frozen=True)
class Target:
    """One query of a panel: PromQL with variables, and how its series are called."""

    ref: str
    expr: str
    legend: str = ""
    instant: bool = False


@dataclass(frozen=True)
class Threshold:
    """From `value` upwards (None: from below everything) the colour is `color`."""

    value: float | None
    color: str


@dataclass(frozen=True)
class Field:
    """How one series or column is shown: its unit, range, colours and strokes."""

    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """Grafana's unit id: https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats."""
        return str(self.options.get("unit") or "short")

    @property
    def name(self) -> str:
        """What to call it instead of its own name, or nothing."""
        return str(self.options.get("displayName") or "")

    @property
    def decimals(self) -> int | None:
        """How many decimals are asked for."""
        value = self.options.get("decimals")
        return None if value is None else int(value)

    def bound(self, which: str) -> float | None:
        """The axis' fixed `min` or `max`."""
        value = self.options.get(which)
        return None if value is None else float(value)

    @property
    def thresholds(self) -> list[Threshold]:
        """The steps, from below."""
        given = self.options.get("thresholds") or {}
        return [Threshold(step.get("value"), str(step.get("color", "text"))) for step in given.get("steps") or []]

    @property
    def color(self) -> str:
        """The fixed colour, or nothing."""
        color = self.options.get("color") or {}
        return str(color.get("fixedColor") or "") if color.get("mode") == "fixed" else ""

    def custom(self, name: str, otherwise: Any = None) -> Any:
        """One of the panel kind's own settings; `a.b` looks into a."""
        return _look(self.options.get("custom") or {}, name.split("."), otherwise)

    def mapped(self, value: float) -> tuple[str, str] | None:
        """The text and colour that stand for a value: https://grafana.com/docs/grafana/latest/panels-visualizations."""
        for mapping in self.options.get("mappings") or []:
            found = _mapping(mapping, value)
            if found:
                return str(found.get("text") or ""), str(found.get("color") or "")
        return None

    @property
    def links(self) -> list[str]:
        """The addresses that it leads to; they may hold ${__data.fields.name} and ${__field.labels.name}."""
        return [str(link["url"]) for link in self.options.get("links") or []]


def _look(inside: Any, path: list[str], otherwise: Any) -> Any:
    for part in path:
        if not isinstance(inside, dict) or part not in inside:
            return otherwise
        inside = inside[part]
    return otherwise if inside is None else inside


def _mapping(mapping: Mapping[str, Any], value: float) -> Mapping[str, Any] | None:
    options = mapping.get("options") or {}
    if mapping.get("type") == "value":
        written = {f"{value:g}", str(value)}
        return next((result for key, result in options.items() if key in written), None)
    if mapping.get("type") == "range":
        low, high = options.get("from"), options.get("to")
        if (low is None or value >= low) and (high is None or value <= high):
            return options.get("result")
    return None


@dataclass(frozen=True)
class Grid:
    """Where a panel stands: 24 columns, rows of 30 px and a gap of 8."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Panel:
    """One picture, figure, table or text of a dashboard."""

    id: int
    kind: str
    title: str
    description: str
    grid: Grid
    targets: tuple[Target, ...]
    defaults: Mapping[str, Any]
    overrides: tuple[Mapping[str, Any], ...]
    options: Mapping[str, Any]
    transformations: tuple[Mapping[str, Any], ...]

    @property
    def needs(self) -> str:
        """What must be for it to have data (a fault, a certain kernel), by its description; else nothing."""
        said = re.search(r"needs (a (?:fault|kernel)[^.:;,(]*)", self.description, re.IGNORECASE)
        return said[1].strip() if said else ""

    def option(self, name: str, otherwise: Any = None) -> Any:
        """A setting of the panel's kind; `a.b` looks into a."""
        return _look(self.options, name.split("."), otherwise)

    def field(self, name: str, ref: str = "") -> Field:
        """How the series or column `name` of query `ref` is shown: the defaults, then every override that matches."""
        options: dict[str, Any] = json.loads(json.dumps(self.defaults))
        for override in self.overrides:
            if _matches(override["matcher"], name, ref):
                for one in override.get("properties") or []:
                    _set(options, str(one["id"]).split("."), one.get("value"))
        return Field(options)


def _matches(matcher: Mapping[str, Any], name: str, ref: str) -> bool:
    wanted = matcher.get("options")
    if matcher["id"] == "byName":
        return bool(wanted == name)
    if matcher["id"] == "byRegexp":
        return re.search(str(wanted).strip("/"), name) is not None
    if matcher["id"] == "byFrameRefID":
        return bool(wanted == ref)
    raise WindtunnelError(f"the report cannot match fields by {matcher['id']!r}")


def _set(options: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        options = options.setdefault(part, {})
    options[path[-1]] = value


@dataclass(frozen=True)
class Row:
    """Panels under one heading; the panels before the first heading have none."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """A name that queries use as $name: a query's choice, or a constant."""

    name: str
    default: str


@dataclass(frozen=True)
class Dashboard:
    """One file of Grafana's."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...]

    def panels(self) -> Iterator[Panel]:
        """All panels, in order of reading."""
        for row in self.rows:
            yield from row.panels


def load(folder: Path = FOLDER) -> list[Dashboard]:
    """All dashboards of a folder, *Environment* first.

    Raises:
        WindtunnelError: there is none, or one has a panel of a kind that cannot be drawn.
    """
    files = sorted(folder.glob("*.json"), key=lambda file: (file.stem != "environment", file.stem))
    if not files:
        raise WindtunnelError(f"{folder}: expected dashboards (*.json), found none")
    return [read(json.loads(file.read_text())) for file in files]


def read(model: Mapping[str, Any]) -> Dashboard:
    """A dashboard out of its JSON."""
    given = (model.get("templating") or {}).get("list") or []
    return Dashboard(
        uid=str(model.get("uid") or model["title"]).lower().replace(" ", "-"),
        title=str(model["title"]),
        description=str(model.get("description") or ""),
        rows=tuple(_rows(model.get("panels") or [])),
        variables=tuple(Variable(str(one["name"]), _default(one)) for one in given),
    )


def _default(variable: Mapping[str, Any]) -> str:
    if variable.get("type") in ("constant", "custom", "interval", "textbox"):
        return str((variable.get("current") or {}).get("value") or variable.get("query") or "")
    return str(variable.get("allValue") or ".*")


def _rows(panels: list[Mapping[str, Any]]) -> Iterator[Row]:
    title, held = "", list[Panel]()
    for model in sorted(panels, key=lambda one: (one["gridPos"]["y"], one["gridPos"]["x"])):
        if model["type"] != "row":
            held.append(_panel(model))
            continue
        if held:
            yield Row(title, tuple(held))
        title, held = str(model.get("title") or ""), [_panel(one) for one in model.get("panels") or []]
    if held:
        yield Row(title, tuple(held))


def _panel(model: Mapping[str, Any]) -> Panel:
    if model["type"] not in DRAWN:
        raise WindtunnelError(f"panel {model.get('title')!r}: the report draws {', '.join(DRAWN)}, not {model['type']}")
    grid, config = model["gridPos"], model.get("fieldConfig") or {}
    return Panel(
        id=int(model.get("id") or 0),
        kind=str(model["type"]),
        title=str(model.get("title") or ""),
        description=str(model.get("description") or ""),
        grid=Grid(int(grid.get("x") or 0), int(grid.get("y") or 0), int(grid["w"]), int(grid["h"])),
        targets=tuple(_target(one) for one in model.get("targets") or [] if not one.get("hide")),
        defaults=config.get("defaults") or {},
        overrides=tuple(config.get("overrides") or []),
        options=model.get("options") or {},
        transformations=tuple(one for one in model.get("transformations") or [] if not one.get("disabled")),
    )


def _target(model: Mapping[str, Any]) -> Target:
    legend = str(model.get("legendFormat") or "")
    return Target(
        ref=str(model.get("refId") or "A"),
        expr=str(model["expr"]),
        legend="" if legend == "__auto" else legend,
        instant=bool(model.get("instant")),
    )
