"""SEARCH expressions: what they find, and what is refused."""

import pytest

from aws_service.search import parse
from aws_service.store import Metric

WORKER = Metric("AWS/MWAA", "CPUUtilization", frozenset({("Cluster", "BaseWorker"), ("Environment", "wt")}), None)
POOL = Metric("AmazonMWAA", "PoolOpenSlots", frozenset({("Pool", "big pool"), ("Environment", "wt")}), None)


def found(text: str) -> list[str]:
    return [one.name for one in parse(f"SEARCH('{text}', 'Sum', 300)").of([WORKER, POOL])]


@pytest.mark.parametrize(
    "text",
    [
        "{AWS/MWAA,Cluster,Environment}",
        '{"AWS/MWAA",Environment,Cluster} MetricName="CPUUtilization"',
        'MetricName="CPUUtilization" AND Cluster="BaseWorker"',
        'Namespace="AWS/MWAA"',
        "cpu",
        "Cluster=base",
        '"BaseWorker" MetricName=CPU',
    ],
)
def test_finds_the_worker_alone(text: str) -> None:
    assert found(text) == ["CPUUtilization"]


@pytest.mark.parametrize(
    "text", ["{AWS/MWAA,Cluster}", '{AWS/MWAA,Cluster,Environment} Cluster="Base"', 'MetricName="CPU"', "absent"]
)
def test_finds_nothing(text: str) -> None:
    assert found(text) == []


def test_values_with_blanks_and_several_metrics() -> None:
    assert found('Pool="big pool"') == ["PoolOpenSlots"]
    assert found("Environment=wt") == ["CPUUtilization", "PoolOpenSlots"]


def test_statistic_and_period_are_read() -> None:
    asked = parse("SEARCH('x', 'Maximum', 60)")
    assert (asked.stat, asked.period) == ("Maximum", 60)
    assert parse("SEARCH('x', 'Maximum')").period is None


@pytest.mark.parametrize(
    "expression",
    ["AVG(m)", "SEARCH(x)", "SEARCH('a OR b', 'Sum', 60)", "SEARCH('NOT a', 'Sum')", "SEARCH('a=(b c)', 'Sum')"],
)
def test_the_rest_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="SEARCH"):
        parse(expression)


def test_an_or_between_quotes_is_a_value() -> None:
    assert found('Pool="this OR that"') == []
