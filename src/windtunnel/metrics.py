"""The one table of metrics, monitoring/metrics.toml, and what is made from it: mappings, rules, documentation."""

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from string import Template
from typing import Literal

from windtunnel.settings import ROOT

MADE = "Made from monitoring/metrics.toml; `./windtunnel docs` writes it anew."
# From a cached answer of the database to the 12 hours that MWAA lets a task run, in seconds.
BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 43200]
EXPIRY = "10m"
# How statsd_exporter calls the types.
MATCH_TYPES = {"counter": "counter", "gauge": "gauge", "timer": "observer"}
FACTORS = {"Milliseconds": "1000 * ", "Seconds": ""}

_FROM_ZERO = "windtunnel:counts_from_zero"
COUNTING = """\
# Sums are what a counter grew by in the last 60 s, exactly: increase() takes a series' first sample for its start, so
# that it loses the first event of each (https://github.com/prometheus/prometheus/issues/1673), and it extrapolates. The
# value now less the value a minute ago is right as long as that is there and no greater. Otherwise the counter began at
# 0 within the minute, and its value is the growth, unless nobody looked a minute ago: windtunnel:counts_from_zero holds
# the exporters that were scraped then, or have started since."""


@dataclass(frozen=True)
class StatsD:
    """A metric that Airflow sends. The fields are explained in the table's head."""

    name: str
    type: Literal["counter", "gauge", "timer"]
    help: str
    sent_by: str
    labels: list[str] = field(default_factory=list)
    when: str = ""
    expires: bool = False
    scale: int = 1

    @property
    def series(self) -> str:
        """The series' name; a timer's end in _bucket, _sum and _count."""
        return "airflow_" + re.sub(r"\W", "_", self.name)


@dataclass(frozen=True)
class CloudWatch:
    """A metric of MWAA's. The fields are explained in the table's head."""

    namespace: str
    name: str
    unit: str
    dimensions: dict[str, str] = field(default_factory=dict)
    statistics: list[str] = field(default_factory=list)
    of: str = ""
    expression: str = ""
    across: Literal["sum", "max"] = "sum"
    note: str = ""
    reason: str = ""

    @property
    def fixed(self) -> dict[str, str]:
        """Our label → value, of the dimensions that always have the same."""
        return {label_name(name): value for name, value in self.dimensions.items() if not value.startswith("{")}

    @property
    def taken(self) -> dict[str, str]:
        """Our label → the label of what feeds the metric, of the other dimensions."""
        return {label_name(name): value[1:-1] for name, value in self.dimensions.items() if value.startswith("{")}


@dataclass(frozen=True)
class Computed:
    """A series of our own that a rule computes."""

    name: str
    unit: str
    help: str
    expression: str


@dataclass(frozen=True)
class Exported:
    """A series that another service exposes."""

    name: str
    type: str
    unit: str
    help: str
    exposed_by: str
    labels: list[str] = field(default_factory=list)


TABLE = tomllib.loads((ROOT / "monitoring/metrics.toml").read_text())
STATSD = {row["name"]: StatsD(**row) for row in TABLE["statsd"]}
LEFT_OUT: dict[str, str] = {name: row["reason"] for row in TABLE["statsd_left_out"] for name in row["names"]}
CLOUDWATCH = [CloudWatch(**row) for row in TABLE["cloudwatch"]]
COMPUTED = [Computed(**row) for row in TABLE["windtunnel"]]
EXPORTED = [Exported(**row) for row in TABLE["exporter"]]


def series_name(namespace: str, name: str, statistic: str) -> str:
    """The series of a CloudWatch metric, as Prometheus' cloudwatch_exporter names it.

    https://github.com/prometheus/cloudwatch_exporter, CloudWatchCollector.java: toSnakeCase and safeName.
    """
    return _safe(f"{namespace.lower()}_{_snake_case(name)}_{_snake_case(statistic)}")


def label_name(dimension: str) -> str:
    """The label of a CloudWatch dimension, by the same rule; `job` is Prometheus' own, so that one is job_name."""
    name = _safe(_snake_case(dimension))
    return "job_name" if name == "job" else name


def _snake_case(name: str) -> str:
    return re.sub("([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def _safe(name: str) -> str:
    return re.sub("_+", "_", re.sub(r"[^a-zA-Z0-9_]", "_", name))


# ------------------------------------------------------------------------------------------------- statsd_exporter


def statsd_exporter() -> str:
    """monitoring/statsd-exporter.yml: a mapping for each metric, and one that drops the rest."""
    return "\n".join(
        [
            f"# {MADE}",
            "# Airflow sends tagged StatsD; a tag becomes a label as it is, dots and all. Timers become histograms,",
            "# which add up across tasks and workers.",
            "defaults:",
            "  observer_type: histogram",
            "  histogram_options:",
            f"    buckets: {BUCKETS}",
            "",
            "mappings:",
            *[line for metric in STATSD.values() for line in _mapping(metric)],
            '  # Anything else. statsd_exporter_events_actions_total{action="drop"} counts it.',
            "  - match: .",
            "    match_type: regex",
            "    action: drop",
            "    name: dropped",
            "",
        ]
    )


def _mapping(metric: StatsD) -> list[str]:
    return [
        f"  - match: airflow.{metric.name}",
        f"    match_metric_type: {MATCH_TYPES[metric.type]}",
        f"    name: {metric.series}",
        f"    help: {json.dumps(metric.help, ensure_ascii=False)}",
        *[f"    ttl: {EXPIRY}"] * metric.expires,
        *[f"    scale: {metric.scale}"] * (metric.scale != 1),
    ]


# ------------------------------------------------------------------------------------------------- recording rules


def recording_rules() -> str:
    """monitoring/prometheus/rules/mwaa.yml: MWAA's metrics, each over the last 60 s, under their names."""
    rules = [_rule(*rule) for rule in recordings()]
    return "\n".join([f"# {MADE}", COUNTING, "groups:", "  - name: mwaa", "    rules:", *rules, ""])


def recordings() -> list[tuple[str, str, dict[str, str]]]:
    """Name, expression and labels of each recording rule, in the order in which they are evaluated."""
    from_zero = 'up{job="airflow"} offset 1m == 1\n  or process_start_time_seconds{job="airflow"} > time() - 60'
    return [
        (_FROM_ZERO, from_zero, {}),
        *[
            (series_name(metric.namespace, metric.name, statistic), expression(metric, statistic), metric.fixed)
            for metric in CLOUDWATCH
            for statistic in metric.statistics
        ],
        *[(series.name, series.expression.strip(), {}) for series in COMPUTED],
    ]


def expression(metric: CloudWatch, statistic: str) -> str:
    """The PromQL that feeds a metric's statistic."""
    if metric.expression:
        words = {"over": _over(statistic), "across": "max" if statistic == "Maximum" else "avg"}
        return Template(metric.expression.strip()).substitute(words)
    source = STATSD[metric.of]
    if source.type == "counter":
        return _aggregate(metric, growth(source.series, 1, _FROM_ZERO))
    if source.type == "gauge":
        return _aggregate(metric, f"{_over(statistic)}({source.series}[1m])")
    total, count = (_aggregate(metric, growth(f"{source.series}_{part}", 1, _FROM_ZERO)) for part in ("sum", "count"))
    return f"{FACTORS[metric.unit]}{total}\n/\n(\n{_indent(count)} > 0\n)"


def _over(statistic: str) -> str:
    return "max_over_time" if statistic == "Maximum" else "avg_over_time"


def growth(series: str, minutes: int, from_zero: str) -> str:
    """What a counter grew by in so many minutes, its first event included, which increase() would leave out.

    `from_zero` is an expression for the targets whose series all began at zero; the text COUNTING explains it.
    """
    known = f"{series} - ({series} offset {minutes}m <= {series})"
    return f"{known}\n  or {series} and on (environment, job, instance) {from_zero}"


def _aggregate(metric: CloudWatch, inner: str) -> str:
    for label, source in metric.taken.items():
        if label != source:
            inner = f'label_replace(\n{_indent(inner)},\n  "{label}", "$1", "{source}", "(.*)"\n)'
    return f"{metric.across} by ({', '.join(['environment', *metric.taken])}) (\n{_indent(inner)}\n)"


def _indent(text: str, by: int = 2) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())


def _rule(name: str, expression: str, labels: dict[str, str]) -> str:
    lines = [f"      - record: {name}", "        expr: |", _indent(expression, 10)]
    return "\n".join(lines + [f"        labels: {json.dumps(labels)}"] * bool(labels))


# --------------------------------------------------------------------------------------------------- documentation

INTRODUCTION = """\
Airflow sends StatsD to `statsd-exporter`; Prometheus scrapes it and the other exporters every 10 s. Recording rules
give MWAA's metrics under the names that Prometheus' cloudwatch_exporter gives them, so that a dashboard or alert made
here works on a real MWAA's metrics too. Every series has the label `environment`: the stack's name.

Worth knowing:

- A counter's `Sum` is its exact growth in the last 60 s. `Average` and `Maximum` of gauges are taken over the samples
  of the last 60 s. A timer's `Average` is of what ended in the last 60 s; when nothing did, there is no value.
- Airflow's own series count from the start of `statsd-exporter`. Gauges of things that can go away (marked *expires*)
  are dropped after 10 minutes of silence, and come back with the next value.
- Dots in the ids of DAGs and tasks, and so TaskGroups, come through unaltered in labels. Mapped tasks share the series
  of their task.
- Airflow itself drops what it can't send, and logs `Invalid stat name`: a metric that is longer than 250 characters
  with its tags, or that holds other characters than letters, digits and `_ . - / , =`. Keep ids short and plain.
- A metric that is not in this table is dropped, and counted in
  `statsd_exporter_events_actions_total{action="drop"}`; `statsd_exporter_events_unmapped_total` stays 0. For a metric
  that your own DAGs send, add a row to `monitoring/metrics.toml`.
- `dag_processing.processes` is sent as -1 when a parsing process is killed, which no Prometheus counter takes: that is
  what `statsd_exporter_events_error_total{reason="illegal_negative_counter"}` counts.
- Each of Airflow's processes asks for the exporter's address once, at its first metric. When `statsd-exporter` is not
  there then, or is made anew later and gets another address, the process sends nothing until it is restarted; the alert
  SchedulerHeartbeat tells.
- A process that is killed sends nothing: `ti.start` counts its task, `ti.finish` does not. See
  `windtunnel_oom_kills_total`."""


def documentation() -> str:
    """docs/metrics.md: every metric of the table."""
    lines = ["# Metrics", "", MADE, "", INTRODUCTION]
    for namespace in ("AWS/MWAA", "AmazonMWAA"):
        lines += ["", f"## CloudWatch: {namespace}", "", *_cloudwatch_table(namespace)]
    lines += ["", "## Windtunnel's own", ""]
    lines += [f"- `{one.name}` ({one.unit}): {' '.join(one.help.split())}" for one in COMPUTED]
    lines += ["", "## Airflow's", "", *_statsd_table(), "", "Not here:", ""]
    lines += [f"- {row['reason']}: {_codes(row['names'])}" for row in TABLE["statsd_left_out"]]
    lines += ["", "## From other exporters", "", *_exported_table()]
    return "\n".join([*lines, ""])


def _cloudwatch_table(namespace: str) -> list[str]:
    rows = [metric for metric in CLOUDWATCH if metric.namespace == namespace]
    fed = [_cloudwatch_row(metric) for metric in rows if not metric.reason]
    missing = [f"- `{metric.name}`: {metric.reason}" for metric in rows if metric.reason]
    head = ["| metric | unit | series | labels | from |", "| --- " * 5 + "|"]
    return [*head, *fed, "", "Without a series:", "", *missing]


def _cloudwatch_row(metric: CloudWatch) -> str:
    names = _codes(series_name(metric.namespace, metric.name, statistic) for statistic in metric.statistics)
    labels = [*metric.taken, *(f"{label}={value}" for label, value in metric.fixed.items())]
    source = "; ".join([f"`{metric.of}`"] * bool(metric.of) + [metric.note] * bool(metric.note))
    return f"| {metric.name} | {metric.unit} | {names} | {_codes(labels)} | {source} |"


def _statsd_table() -> list[str]:
    rows = [
        f"| `{metric.name}` | {metric.type}{', expires' * metric.expires} | {_codes(metric.labels)} | {metric.help} "
        f"| {metric.sent_by} | {metric.when} |"
        for metric in STATSD.values()
    ]
    head = "| metric | type | labels | meaning | sent by | only when |"
    return ["The series is `airflow_` and the name with `_` for dots.", "", head, "| --- " * 6 + "|", *rows]


def _exported_table() -> list[str]:
    rows = [
        f"| `{one.name}` | {one.type} | {_codes(one.labels)} | {one.unit} | {one.help} | {one.exposed_by} |"
        for one in EXPORTED
    ]
    return ["| series | type | labels | unit | meaning | exposed by |", "| --- " * 6 + "|", *rows]


def _codes(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
