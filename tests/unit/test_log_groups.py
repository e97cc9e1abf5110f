"""The words that `./windtunnel logs` takes, and where each leads."""

import pytest

from windtunnel.errors import UsageError
from windtunnel.log_groups import check, find, service
from windtunnel.shapes import LIGHT, SHAPES


@pytest.mark.parametrize(
    ("word", "group"),
    [
        ("Task", "Task"),
        ("task", "Task"),
        ("DAGPROCESSING", "DAGProcessing"),
        ("airflow-mine-DAGProcessing", "DAGProcessing"),
        ("airflow-mine-worker", "Worker"),
        ("airflow-other-Task", None),
        ("Scheduler", "Scheduler"),
        ("scheduler", None),
        ("webserver", None),
        ("postgres", None),
    ],
)
def test_a_group_has_its_short_and_its_full_name_and_a_service_stays_one(word: str, group: str | None) -> None:
    assert find(word, "mine") == group


@pytest.mark.parametrize(
    ("shape", "services"),
    [
        ("separate", ("scheduler", "webserver", "worker")),
        ("hybrid", ("worker", "webserver", "worker")),
        ("shared", ("scheduler", "webserver", "webserver")),
        ("unit", ("webserver", "webserver", "webserver")),
    ],
)
def test_a_components_output_is_that_of_the_service_it_is_in(shape: str, services: tuple[str, ...]) -> None:
    files = ":".join(["docker-compose.yml", *SHAPES[shape]])
    assert tuple(service(group, "volume", files) for group in ("Scheduler", "WebServer", "Worker")) == services


@pytest.mark.parametrize(
    ("group", "task_logs"), [("Task", "volume"), ("DAGProcessing", "s3"), ("Worker", "cloudwatch")]
)
def test_the_rest_is_read_inside(group: str, task_logs: str) -> None:
    assert service(group, task_logs, "docker-compose.yml") is None


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UsageError, match="TASK_LOGS=S3: expected volume, s3 or cloudwatch"):
        check("S3", ())


def test_a_light_stack_has_no_cloudwatch() -> None:
    with pytest.raises(UsageError, match="--light leaves out"):
        check("cloudwatch", LIGHT)
    check("s3", LIGHT)
    check("cloudwatch", SHAPES["unit"])
