"""What the setting TASK_LOGS makes of a component's environment."""

from pathlib import Path

import pytest

from unit.runtime.test_boot import Machine
from windtunnel import log_groups as of_the_command_line
from windtunnel_runtime import log_groups, task_logs

ENVIRONMENT = {"AIRFLOW_ENV_NAME": "pipelines", "AWS_REGION": "eu-west-3", "WINDTUNNEL_BUCKET": "data"}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def boot(machine: Machine, kind: str) -> dict[str, str]:
    variables = machine.boot(**ENVIRONMENT, WINDTUNNEL_TASK_LOGS=kind).environment.variables
    return {name: value for name, value in variables.items() if name.startswith("AIRFLOW__LOGGING__")}


def test_on_the_volume_airflow_is_left_alone(machine: Machine) -> None:
    assert boot(machine, "volume") == {}


def test_in_the_bucket_they_are_in_a_folder(machine: Machine) -> None:
    assert boot(machine, "s3") == {
        "AIRFLOW__LOGGING__REMOTE_LOGGING": "True",
        "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": "s3://data/logs",
        "AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID": "aws_default",
    }


def test_in_cloudwatch_they_are_in_mwaas_group(machine: Machine) -> None:
    arn = "arn:aws:logs:eu-west-3:123456789012:log-group:airflow-pipelines-Task"
    assert boot(machine, "cloudwatch")["AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"] == f"cloudwatch://{arn}"


def test_the_setting_beats_the_projects_options_and_shells_see_it(machine: Machine, tmp_path: Path) -> None:
    (machine.code / "configuration-options.yaml").write_text("logging.remote_base_log_folder: s3://elsewhere\n")
    assert boot(machine, "s3")["AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"] == "s3://data/logs"
    assert "export AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER=s3://data/logs\n" in (tmp_path / "environment").read_text()


def test_an_unknown_value_is_told_and_they_stay_on_the_volume(machine: Machine) -> None:
    started = machine.boot(**ENVIRONMENT, WINDTUNNEL_TASK_LOGS="S3")
    assert [problem for problem in started.problems if "volume, s3, cloudwatch, found 'S3'" in problem]
    assert "AIRFLOW__LOGGING__REMOTE_LOGGING" not in started.environment.variables


def test_what_airflow_starts_has_a_group() -> None:
    found = {name: log_groups.of_component(name) for name in ("scheduler", "triggerer", "dag-processor", "webserver")}
    groups = ("Scheduler", "Scheduler", "DAGProcessing", "WebServer")
    assert found == dict(zip(found, groups, strict=True))
    assert {log_groups.of_component(name) for name in ("worker", "hybrid", "everything")} == {"Worker"}


def test_the_command_line_has_the_same_kinds_and_groups() -> None:
    assert of_the_command_line.KINDS == task_logs.KINDS
    assert list(of_the_command_line.groups()) == list(log_groups.groups())
