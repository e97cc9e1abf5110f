"""The alert rules: complete, tested one by one, and the same at another time scale."""

import re
from typing import Any

import pytest
import yaml

from windtunnel import alerts
from windtunnel.settings import ROOT

RULES = alerts.read()
ALERTS = {rule["alert"]: rule for rule in alerts.alerts(RULES)}
AWS = {
    "SchedulerHeartbeat", "ApproximateAgeOfOldestTask", "FreeableMemory", "DatabaseCPUUtilization",
    "SchedulerCPUUtilization", "SchedulerMemoryUtilization", "WebServerCPUUtilization", "WebServerMemoryUtilization",
    "BaseWorkerCPUUtilization", "BaseWorkerMemoryUtilization",
}  # fmt: skip


def test_awss_ten_alarms_are_one_group() -> None:
    groups = {group["name"]: {rule["alert"] for rule in group["rules"]} for group in RULES["groups"][:1]}
    assert groups == {"mwaa": AWS}


def test_no_name_is_given_twice() -> None:
    assert len(ALERTS) == len(list(alerts.alerts(RULES))) > len(AWS)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_what_and_what_next(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"page", "warning", "info"}
    assert {"summary", "description", "help"} <= set(rule["annotations"])
    assert "./windtunnel " in rule["annotations"]["help"]


@pytest.mark.parametrize("name", ALERTS)
def test_every_sum_keeps_the_environment(name: str) -> None:
    expression = ALERTS[name]["expr"]
    assert all("environment" in by for by in re.findall(r"\bby \(([^)]*)\)", expression))
    assert not re.search(r"\b(sum|max|min|avg|count|group)\s*\(", expression), "an aggregation without `by`"


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_a_promtool_test_that_sees_it_silent_and_firing(name: str) -> None:
    tests = [test for test in yaml.safe_load(alerts.TESTS.read_text())["tests"] if test["name"] == name]
    seen = {bool(check["exp_samples"]) for test in tests for check in test["promql_expr_test"]}
    assert seen == {True, False}
    asked = {check["expr"] for test in tests for check in test["promql_expr_test"]}
    assert asked == {f'ALERTS{{alertname="{name}", alertstate="firing"}}'}


@pytest.mark.parametrize(("text", "seconds"), [("0s", 0), ("500ms", 0.5), ("1h30m", 5400), ("2d", 172800)])
def test_durations_are_prometheus_own(text: str, seconds: float) -> None:
    assert alerts.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "1.5h"])
def test_what_is_no_duration_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="1h30m"):
        alerts.seconds(text)


def rule(**fields: Any) -> dict[str, Any]:
    return {"groups": [{"name": "g", "rules": [fields]}]}


def test_every_duration_is_divided() -> None:
    expression = "rate(a[1h]) > 2 * max_over_time(b[30m] offset 2h)"
    before = rule(alert="A", expr=expression, **{"for": "5m", "keep_firing_for": "10m"})
    after = rule(
        alert="A",
        expr="rate(a[60000ms]) > 2 * max_over_time(b[30000ms] offset 120000ms)",
        **{"for": "5000ms", "keep_firing_for": "10000ms"},
    )
    assert alerts.scaled(before, 60) == after


def test_no_duration_falls_under_the_least_and_none_that_is_0_rises() -> None:
    before = {"group_wait": "0s", "group_interval": "30s", "expr": "rate(a[1m])"}
    assert alerts.scaled(before, 60) == {"group_wait": "0s", "group_interval": "1000ms", "expr": "rate(a[15000ms])"}


def test_what_is_no_duration_stays() -> None:
    before = rule(record="a:5m", expr='a{b="5m"} > 1800', labels={"severity": "page"})
    assert alerts.scaled(before, 60) == before


@pytest.mark.parametrize("name", alerts.TIME_THRESHOLDS)
def test_a_threshold_that_is_a_time_is_divided_too(name: str) -> None:
    threshold = alerts.TIME_THRESHOLDS[name]
    assert ALERTS[name]["expr"].endswith(f"> {threshold}")
    fast = {one["alert"]: one["expr"] for one in alerts.alerts(alerts.scaled(RULES, 60))}
    assert fast[name].endswith(f"> {threshold / 60:g}")


def test_at_its_own_scale_a_rule_means_the_same() -> None:
    once = alerts.scaled(RULES, 1)
    assert [one["alert"] for one in alerts.alerts(once)] == list(ALERTS)
    for one in alerts.alerts(once):
        whole = alerts.seconds(ALERTS[one["alert"]].get("for", "0s"))
        assert alerts.seconds(one.get("for", "0s")) == whole


def test_the_page_has_every_alert_and_no_template() -> None:
    page = alerts.documentation()
    assert [name for name in ALERTS if f"| `{name}` |" not in page] == []
    assert "{{" not in page


def test_the_rules_are_where_prometheus_reads_them() -> None:
    wanted = yaml.safe_load((ROOT / "monitoring/prometheus/prometheus.yml").read_text())["rule_files"]
    folder = ROOT / "monitoring/prometheus"
    assert alerts.RULES in {path for pattern in wanted for path in folder.glob(pattern)}
