"""The alert rules: read from their file, rendered at another time scale for tests that provoke them, and as a page."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from windtunnel.settings import ROOT

RULES = ROOT / "monitoring/prometheus/rules/alerts.yml"
TESTS = ROOT / "monitoring/prometheus/tests/alerts.yml"

# Alerts on how long something has waited: the threshold, in seconds, is a time that passes at the same scale.
TIME_THRESHOLDS = {"ApproximateAgeOfOldestTask": 1800, "ScheduleDelay": 60}
# Keys of Prometheus' rules and of Alertmanager's routes whose value is a duration.
DURATIONS = {"for", "keep_firing_for", "interval", "group_wait", "group_interval", "repeat_interval"}
LEAST_SECONDS = 1
# Airflow's components give a sign of life every 5 s, at any scale of the rules: a window has room for three.
LEAST_WINDOW_SECONDS = 15

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_DURATION = r"(?:\d+(?:ms|[smhdwy]))+"
_IN_EXPRESSION = re.compile(rf"(?<=\[){_DURATION}(?=\])|(?<=\boffset ){_DURATION}\b")

Document = dict[str, Any]


def read() -> Document:
    """The rules as Prometheus reads them: `{"groups": [{"name", "rules": [{"alert", "expr", …}]}]}`."""
    return dict(yaml.safe_load(RULES.read_text()))


def alerts(rules: Document) -> Iterator[Document]:
    """Every alert of the groups; recording rules are left out."""
    return (rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule)


def seconds(duration: str) -> float:
    """Seconds of a duration as Prometheus writes it, such as 1h30m.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(_DURATION, duration):
        raise ValueError(f"duration: expected one such as 1h30m, found {duration!r}")
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", duration))


def scaled(document: Any, factor: float) -> Any:
    """The same rules, or Alertmanager configuration, in which time passes `factor` times faster.

    Every duration is divided, to no less than a second, or 15 in an expression; 0 stays 0. Of the thresholds, those
    in `TIME_THRESHOLDS` are.
    """
    if isinstance(document, list):
        return [scaled(one, factor) for one in document]
    if not isinstance(document, dict):
        return document
    return {key: _scaled_value(key, value, document.get("alert"), factor) for key, value in document.items()}


def _scaled_value(key: str, value: Any, alert: str | None, factor: float) -> Any:
    if key == "expr":
        return _scaled_threshold(_scaled_expression(value, factor), alert, factor)
    if key in DURATIONS and isinstance(value, str):
        return _divided(value, factor, LEAST_SECONDS)
    return scaled(value, factor)


def _scaled_expression(expression: str, factor: float) -> str:
    return _IN_EXPRESSION.sub(lambda match: _divided(match[0], factor, LEAST_WINDOW_SECONDS), expression)


def _scaled_threshold(expression: str, alert: str | None, factor: float) -> str:
    threshold = TIME_THRESHOLDS.get(alert or "")
    return re.sub(rf"> {threshold}$", f"> {threshold / factor:g}", expression) if threshold else expression


def _divided(duration: str, factor: float, least: float) -> str:
    whole = seconds(duration)
    return f"{round(1000 * max(whole / factor, least))}ms" if whole else duration


def documentation() -> str:
    """The text of docs/alerts.md."""
    lines = [_HEAD]
    for group in read()["groups"]:
        lines += ["", f"## {_TITLES[group['name']]}", "", "| alert | severity | what it says | when | for | next |"]
        lines += ["| --- " * 6 + "|", *(_row(rule) for rule in alerts({"groups": [group]}))]
    return "\n".join([*lines, ""])


def _row(rule: Document) -> str:
    texts = rule["annotations"]
    cells = [
        f"`{rule['alert']}`",
        rule["labels"]["severity"],
        _plain(texts["summary"]),
        f"`{rule['expr']}`",
        rule.get("for", "–"),
        f"`{_plain(texts['help'])}`",
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _plain(template: str) -> str:
    """A template for a reader: labels by their names, and of two branches the one that is said without data."""
    without_data = re.sub(r"\{\{ with .*\{\{ else \}\}(.*)\{\{ end \}\}", r"\1", template)
    return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda match: match[1].upper(), without_data)


_TITLES = {
    "mwaa": "AWS's ten alarms",
    "memory": "Memory",
    "airflow": "Airflow",
    "targets": "Seen from outside",
}
_HEAD = """# Alerts

Made from `monitoring/prometheus/rules/alerts.yml`; `./windtunnel docs` writes it anew.

Alertmanager shows what fires: http://127.0.0.1:9093. To be told, set one or both in `.env` and run `./windtunnel up`:

    ALERT_WEBHOOK_URL=https://example.org/hook
    ALERT_MAIL_TO=me@example.org
    ALERT_MAIL_FROM=windtunnel@example.org
    ALERT_SMTP_SMARTHOST=smtp.example.org:587

A mail server that asks for a password gets `ALERT_SMTP_USER` and the content of the file that
`ALERT_SMTP_PASSWORD_FILE` names; Alertmanager (user 65534) must be able to read it. One that speaks no TLS needs
`ALERT_SMTP_TLS=false`.

An out-of-memory kill is told within seconds, by itself: `task-memory` posts `OOMKill`, with the task, straight to
Alertmanager. Memory warnings go out at once, all else after 30 s, so that what fails together is told together. A
notice is repeated every 4 h, or 24 h unless its severity is page. `MemoryOver90Percent` silences
`MemoryOver80Percent`; `OOMKill` silences the two rules that see the same kill later.

Every alert has the labels `severity` and `environment`, and an annotation `help`: the next command. `./windtunnel
explain` puts together why a task waits, is gone or is dead.

Each rule is tested twice: by `promtool` at its true periods (`monitoring/prometheus/tests`), and by a real fault in the
running stack, with time at 1/60 (`tests/stack/test_alerts.py`)."""
