"""What stands for $name in a query or a title, and {{label}} or ${__field.labels.label} in a legend."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from windtunnel.prometheus import SCRAPE_SECONDS, Span
from windtunnel.report.dashboards import Dashboard

_VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)|\[\[(\w+)\]\]")
_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}|\$\{__field\.labels\.(\w+)\}")
_OF_ROW = re.compile(r"""\$\{__(?:data\.fields|field\.labels)(?:\.(\w+)|\[["']?([^\]"']+)["']?\])(?::\w+)?\}""")
_OF_REGEX = re.compile(r"([\\.*+?()\[\]{}|^$])")


@dataclass(frozen=True)
class Choice:
    """What is looked at; an empty DAG or task means all of them. `airflow`: its address, for links."""

    environment: str
    dag: str = ""
    task: str = ""
    airflow: str = ""


def values(dashboard: Dashboard, choice: Choice, span: Span) -> dict[str, str]:
    """Every variable of a dashboard, Grafana's own ones included.

    $__rate_interval is max($__interval + scrape, 4 × scrape), by
    https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/#use-__rate_interval.
    """
    chosen = {"environment": choice.environment, "dag": quoted(choice.dag), "task": quoted(choice.task)}
    own = {variable.name: variable.default for variable in dashboard.variables} | {"airflow": choice.airflow}
    return (
        own
        | {name: value or own.get(name, ".*") for name, value in chosen.items()}
        | {
            "datasource": "prometheus",
            "__interval": f"{span.step}s",
            "__interval_ms": str(span.step * 1000),
            "__rate_interval": f"{max(span.step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)}s",
            "__range": f"{span.seconds:.0f}s",
            "__range_s": f"{span.seconds:.0f}",
            "__range_ms": f"{span.seconds * 1000:.0f}",
            "__from": f"{span.start * 1000:.0f}",
            "__to": f"{span.end * 1000:.0f}",
        }
    )


def quoted(text: str) -> str:
    """A text as a regular expression that matches only it, inside a quoted string of PromQL."""
    return _OF_REGEX.sub(r"\\\\\1", text).replace('"', r"\"")


def put_in(text: str, known: Mapping[str, str]) -> str:
    """The text with every known variable's value in its place; what is unknown stays as it is."""
    return _VARIABLE.sub(lambda found: known.get(found[1] or found[2] or found[3], found[0]), text)


def address(links: Sequence[str], row: Mapping[str, object], known: Mapping[str, str]) -> str:
    """The first link that fits a row or a series' labels, with their values in it; nothing where one is missing.

    Where one leads to mapped tasks, only they follow it:
    https://grafana.com/docs/grafana/latest/panels-visualizations/configure-data-links/.
    """
    is_mapped = str(row.get("map_index", "-1")) not in ("-1", "")
    fitting = [link for link in links if ("/mapped/" in link) == is_mapped] or links
    if not fitting or not all(row.get(found[1] or found[2]) for found in _OF_ROW.finditer(fitting[0])):
        return ""
    own = _OF_ROW.sub(lambda found: quote(str(row[found[1] or found[2]]), safe=""), fitting[0])
    return put_in(own, known)


def legend(format: str, labels: Mapping[str, str]) -> str:
    """What a series is called: its format with the labels' values, or all of its labels, as Grafana does."""
    if format:
        return _LABEL.sub(lambda found: labels.get(found[1] or found[2], ""), format).strip()
    name = labels.get("__name__", "")
    rest = ", ".join(f'{label}="{value}"' for label, value in sorted(labels.items()) if label != "__name__")
    return f"{name}{{{rest}}}" if rest else name or "value"
