"""What stands in the place of variables, labels and links."""

import re

import pytest

from unit.report.fake_prometheus import SPAN
from unit.report.made_dashboard import dashboard
from windtunnel.prometheus import Span
from windtunnel.report import dashboards, variables
from windtunnel.report.variables import Choice, address, legend, put_in, values

LINKS = [
    "${airflow}/dags/${__data.fields.dag_id:percentencode}/tasks/${__data.fields.task_id:percentencode}",
    '${airflow}/dags/${__data.fields.dag_id}/tasks/${__data.fields["task_id"]}/mapped/${__data.fields.map_index}',
]


def known(dag: str = "", task: str = "", span: Span = SPAN) -> dict[str, str]:
    listed = [{"name": "dag", "type": "query", "allValue": ".*"}, {"name": "extra", "type": "constant", "query": "7"}]
    read = dashboards.read(dashboard(templating={"list": listed}))
    return values(read, Choice("tunnel", dag, task, "http://127.0.0.1:8080"), span)


def test_a_query_is_filled_in() -> None:
    expr = 'rate(x{environment="$environment", dag=~"${dag:regex}", task=~"[[task]]"}[$__rate_interval]) * ${extra}'
    assert put_in(expr, known("load")) == 'rate(x{environment="tunnel", dag=~"load", task=~".*"}[40s]) * 7'


def test_what_is_unknown_stays() -> None:
    assert put_in("$nobody ${no.body} $1", known()) == "$nobody ${no.body} $1"


@pytest.mark.parametrize("seconds, step, rate", [(60, 10, 40), (3600, 20, 40), (86400, 360, 370)])
def test_the_rate_interval_holds_four_scrapes_and_a_step(seconds: int, step: int, rate: int) -> None:
    span = Span.last(seconds, 1_795_000_000)
    found = known(span=span)
    assert (span.step, found["__interval"], found["__rate_interval"]) == (step, f"{step}s", f"{rate}s")
    assert span.seconds >= seconds and span.end % step == 0
    assert found["__range"] == f"{span.seconds:.0f}s"


@pytest.mark.parametrize("dag", ["etl.nightly", "a+b (c)", 'quo"te', "back\\slash", "$dollar"])
def test_a_chosen_dag_matches_itself_alone(dag: str) -> None:
    written = variables.quoted(dag)
    assert '"' not in written.replace('\\"', "")
    inside_the_string = written.replace('\\"', '"').replace("\\\\", "\\")
    assert re.fullmatch(inside_the_string, dag)
    assert not re.fullmatch(inside_the_string, dag + "x")


def test_legends() -> None:
    labels = {"__name__": "up", "dag_id": "a.b", "map_index": "3"}
    assert legend("{{dag_id}}[{{ map_index }}] {{nothing}}", labels) == "a.b[3]"
    assert legend("${__field.labels.dag_id}", labels) == "a.b"
    assert legend("", labels) == 'up{dag_id="a.b", map_index="3"}'
    assert legend("", {}) == "value"


def test_a_link_leads_to_the_task_and_a_mapped_one_to_the_mapped() -> None:
    row = {"dag_id": "a b", "task_id": "g.t", "map_index": "-1"}
    assert address(LINKS, row, known()) == "http://127.0.0.1:8080/dags/a%20b/tasks/g.t"
    assert address(LINKS, row | {"map_index": "0"}, known()).endswith("/dags/a%20b/tasks/g.t/mapped/0")


def test_no_link_without_what_it_needs() -> None:
    assert address(LINKS, {"container": "worker"}, known()) == ""
    assert address([], {}, known()) == ""
