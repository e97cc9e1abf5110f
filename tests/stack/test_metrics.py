"""Every metric of the table that applies has its series, with the right labels and figures, and no other has one."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from command_line import CommandLine
from windtunnel.metrics import CLOUDWATCH, COMPUTED, LEFT_OUT, STATSD, CloudWatch, StatsD, series_name
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

DAG = "selftest.metrics.v1"
OF_THE_TARGET = {"__name__", "environment", "instance", "job"}
# Some are sent every few minutes, and what is recorded needs a minute of samples.
SECONDS = 400
MAPPED = f'amazonmwaa_task_instance_finished_sum{{dag="{DAG}", task="mapped", state="success"}}'

REGISTRY = """
import json, yaml
from airflow._shared.observability.metrics.metrics_registry import YAML_REGISTRY_PATH
rows = yaml.safe_load(YAML_REGISTRY_PATH.read_text())["metrics"]
print("registry: " + json.dumps({row["name"]: row["type"] for row in rows}))
"""


def sent(metric: StatsD) -> bool:
    return not metric.when


def recorded(metric: CloudWatch) -> bool:
    return bool(metric.expression) or (bool(metric.of) and sent(STATSD[metric.of]))


RECORDED = {
    series_name(metric.namespace, metric.name, statistic): metric
    for metric in CLOUDWATCH
    if recorded(metric)
    for statistic in metric.statistics
}


class Prometheus:
    """Prometheus' API."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __call__(self, query: str) -> list[dict[str, Any]]:
        """The samples that a query has now."""
        samples: list[dict[str, Any]] = self.get("query", query=query)["result"]
        return samples

    def value(self, query: str) -> float | None:
        """The value of the one sample that a query has; None when it has none, or several."""
        samples = self(query)
        return float(samples[0]["value"][1]) if len(samples) == 1 else None

    def get(self, path: str, **parameters: str) -> Any:
        return self._client.get(f"/api/v1/{path}", params=parameters).raise_for_status().json()["data"]


@pytest.fixture(scope="module")
def ask(stack: Stack, cli: CommandLine) -> Iterator[Prometheus]:
    """Prometheus, after one run that succeeds and one that fails."""
    cli("run", DAG, "--timeout", "300")
    cli("run", "selftest_ends_as_told", "--conf", '{"fail": true}', "--timeout", "120", expect=1)
    with httpx.Client(base_url=stack.url("prometheus")) as client:
        yield Prometheus(client)


def test_the_table_knows_every_metric_of_airflows_registry(stack: Stack) -> None:
    printed = stack.container("scheduler").execute("python3", "-c", REGISTRY)
    line = next(line for line in printed.splitlines() if line.startswith("registry: "))
    registry = json.loads(line.removeprefix("registry: "))
    assert registry.keys() <= STATSD.keys() | LEFT_OUT.keys()
    both = registry.keys() & STATSD.keys()
    assert {name: registry[name] for name in both} == {name: STATSD[name].type for name in both}


def test_the_rules_give_figures_known_beforehand(stack: Stack) -> None:
    said = stack.container("prometheus").execute("promtool", "test", "rules", "/etc/prometheus/tests/mwaa.yml")
    assert "SUCCESS" in said


@pytest.mark.parametrize("metric", [one for one in STATSD.values() if sent(one)], ids=lambda metric: metric.name)
def test_a_metric_of_airflow_has_series_with_its_labels(metric: StatsD, ask: Prometheus) -> None:
    name = metric.series + ("_count" if metric.type == "timer" else "")
    found = wait_until(lambda: ask(f"last_over_time({name}[6h])"), f"series of {metric.name}", timeout=SECONDS)
    labels = {frozenset(sample["metric"].keys() - OF_THE_TARGET) for sample in found}
    assert labels == {frozenset(metric.labels)}


@pytest.mark.parametrize("name", RECORDED)
def test_a_metric_of_mwaa_is_recorded_with_its_labels(name: str, ask: Prometheus) -> None:
    metric = RECORDED[name]
    fixed = ",".join(f'{label}="{value}"' for label, value in metric.fixed.items())
    labels = {"environment", *metric.fixed, *metric.taken}
    found = wait_until(lambda: ask(f"last_over_time({name}{{{fixed}}}[6h])"), f"samples of {name}", timeout=SECONDS)
    mine = [sample for sample in found if sample["metric"].keys() - {"__name__"} == labels]
    assert mine, f"expected the labels {labels}, found {found}"


@pytest.mark.parametrize("one", COMPUTED, ids=lambda one: one.name)
def test_our_own_series_are_recorded(one: Any, ask: Prometheus) -> None:
    assert wait_until(lambda: ask(f"last_over_time({one.name}[6h])"), f"samples of {one.name}", timeout=SECONDS)


@pytest.mark.parametrize(("task", "state"), [("group.inner", "success"), ("fails_once", "up_for_retry")])
def test_dotted_ids_and_task_groups_come_through_unaltered(task: str, state: str, ask: Prometheus) -> None:
    query = f'airflow_ti_finish{{dag_id="{DAG}", task_id="{task}", state="{state}"}}'
    assert wait_until(lambda: ask.value(query), query, timeout=60) == 1


def test_sums_hold_each_event_once(ask: Prometheus) -> None:
    in_minutes = f"sum_over_time({MAPPED}[30m:1m])"
    wait_until(lambda: ask.value(in_minutes) == 3, f"3 mapped tasks in {in_minutes}", timeout=180)


def test_a_timers_average_is_what_airflow_timed_in_milliseconds(ask: Prometheus) -> None:
    average = f'max_over_time(amazonmwaa_task_instance_duration_average{{dag="{DAG}", task="long"}}[30m])'
    milliseconds = wait_until(lambda: ask.value(average), average, timeout=120)
    timed = ask.value(f'airflow_task_duration_sum{{dag_id="{DAG}", task_id="long"}}')
    assert timed is not None and milliseconds == pytest.approx(1000 * timed)


def test_every_series_of_airflow_has_its_help(ask: Prometheus) -> None:
    rows = ask.get("targets/metadata", match_target='{job="airflow"}')
    told = {row["metric"]: row["help"] for row in rows if row["metric"].startswith("airflow_")}
    assert told and told.items() <= {metric.series: metric.help for metric in STATSD.values()}.items()


def test_nothing_is_unmapped_lost_or_in_conflict(ask: Prometheus) -> None:
    for name in ("events_unmapped_total", "udp_packet_drops_total", "tag_errors_total"):
        assert ask.value(f"statsd_exporter_{name}") == 0
    assert not ask("statsd_exporter_events_conflict_total > 0 or statsd_exporter_sample_errors_total > 0")
    # The processes that are sent as -1 when one is killed.
    assert not ask('statsd_exporter_events_error_total{reason!="illegal_negative_counter"} > 0')


def test_what_is_dropped_are_the_known_copies(ask: Prometheus) -> None:
    dropped = 'sum(statsd_exporter_events_actions_total{action="drop"})'
    copies = "sum(airflow_dagrun_first_task_scheduling_delay_count)"
    wait_until(lambda: ask(f"{dropped} == {copies}"), "drops and known copies to be equal", timeout=60)
