"""The alert rules at their true periods, by Prometheus' own test runner."""

from windtunnel.stack import Stack


def test_each_alert_fires_on_time_and_clears(stack: Stack) -> None:
    said = stack.container("prometheus").execute("promtool", "test", "rules", "/etc/prometheus/tests/alerts.yml")
    assert "SUCCESS" in said


def test_prometheus_reads_all_rules(stack: Stack) -> None:
    said = stack.container("prometheus").execute("promtool", "check", "config", "/etc/prometheus/prometheus.yml")
    assert "alerts.yml" in said and "FAILED" not in said


def test_alertmanager_reads_its_configuration(stack: Stack) -> None:
    said = stack.container("alertmanager").execute("amtool", "check-config", "/etc/alertmanager/alertmanager.yml")
    assert "SUCCESS" in said
