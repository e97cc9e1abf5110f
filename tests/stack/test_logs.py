"""Where a task's line and a component's output can be read: on the volume, in the bucket, in CloudWatch."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from command_line import CommandLine
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

DAG, TASK = "selftest_ends_as_told", "end"
SENT = 60.0  # seconds until a line that was printed is in CloudWatch


def run(cli: CommandLine) -> tuple[str, str]:
    """A run's id, and a line that its task has printed."""
    line = f"said {secrets.token_hex(8)}"
    done = json.loads(cli("run", DAG, "--conf", json.dumps({"say": line}), "--timeout", "300", "--json").stdout)
    return done["run_id"], line


def stream(run_id: str) -> str:
    return f"dag_id={DAG}/run_id={run_id}/task_id={TASK}/attempt=1.log"


def told_by_airflow(stack: Stack, run_id: str) -> str:
    return "\n".join(str(entry) for entry in stack.api().task_log(DAG, run_id, TASK, 1))


def client(cli: CommandLine, stack: Stack, service: str, url: str, **key: str) -> Any:
    login = {"aws_access_key_id": "anyone", "aws_secret_access_key": "anything"} | key
    return boto3.client(service, stack.environment.value("AWS_REGION"), endpoint_url=stack.url(url), **login)


class TestOnTheVolume:
    def test_logs_has_a_task_s_line_under_its_stream_s_name(self, cli: CommandLine) -> None:
        run_id, line = run(cli)
        said = cli("logs", "Task", "--tail", "500").stdout
        assert line in said.split(f"==> {stream(run_id)} <==")[1]

    def test_logs_has_what_a_dag_file_raises(self, cli: CommandLine) -> None:
        said = cli("logs", "DAGProcessing", "--tail", "20000").stdout
        assert "no_such_package_anywhere" in said

    def test_a_component_s_group_is_its_service(self, cli: CommandLine) -> None:
        assert "celery" in cli("logs", f"airflow-{cli.name}-Worker").stdout.lower()

    def test_nothing_is_sent(self, stack: Stack) -> None:
        for component in ("webserver", "scheduler", "worker"):
            assert not stack.container(component).execute("sh", "-c", "ls -d /tmp/windtunnel-logs || true").strip()


@pytest.fixture(scope="module")
def changed(cli: CommandLine) -> Iterator[CommandLine]:
    """A command line whose TASK_LOGS the tests change; set back after the last of them."""
    yield cli
    cli.environ.pop("TASK_LOGS", None)
    cli("up", "--no-demo")


def up(cli: CommandLine, kind: str) -> CommandLine:
    cli.environ["TASK_LOGS"] = kind
    cli("up", "--no-demo")
    return cli


def test_an_unknown_place_is_refused(cli: CommandLine) -> None:
    assert "expected volume, s3 or cloudwatch" in cli("up", "--no-demo", expect=2, TASK_LOGS="elsewhere").stderr


class TestInTheBucket:
    def test_a_task_s_line_is_in_its_object_and_in_airflow(self, changed: CommandLine, stack: Stack) -> None:
        cli = up(changed, "s3")
        run_id, line = run(cli)
        s3 = cli.json("credentials")["s3"]
        minio = client(cli, stack, "s3", "minio", aws_access_key_id=s3["user"], aws_secret_access_key=s3["password"])
        key, bucket = f"logs/{stream(run_id)}", stack.environment.value("BUCKET")
        kept = wait_until(lambda: minio.get_object(Bucket=bucket, Key=key)["Body"].read().decode(), key, SENT)
        assert line in kept
        assert line in told_by_airflow(stack, run_id)
        assert line in cli("logs", "Task", "--tail", "500").stdout


class TestInCloudWatch:
    @pytest.fixture(scope="class")
    def cloudwatch(self, changed: CommandLine, stack: Stack) -> tuple[CommandLine, Any]:
        cli = up(changed, "cloudwatch")
        return cli, client(cli, stack, "logs", "aws")

    def test_a_task_s_line_is_in_mwaa_s_stream_and_in_airflow(
        self, cloudwatch: tuple[CommandLine, Any], stack: Stack
    ) -> None:
        cli, logs = cloudwatch
        run_id, line = run(cli)
        name = stream(run_id).replace(":", "_")

        def sent() -> bool:
            found = logs.get_log_events(logGroupName=f"airflow-{cli.name}-Task", logStreamName=name)["events"]
            return any(json.loads(event["message"])["event"] == line for event in found)

        wait_until(sent, f"{line} in {name}", SENT)
        assert line in told_by_airflow(stack, run_id)
        assert line in cli("logs", "Task", "--tail", "500").stdout

    @pytest.mark.parametrize(
        ("group", "prefix"),
        [
            ("Scheduler", "scheduler_"),
            ("Scheduler", "triggerer_"),
            ("DAGProcessing", "dag-processor_"),
            ("WebServer", "webserver_"),
            ("Worker", "worker_"),
            ("Worker", "requirements_install_"),
            ("Worker", "startup_script_execution_"),
        ],
    )
    def test_a_component_s_output_is_in_mwaa_s_group(
        self, cloudwatch: tuple[CommandLine, Any], group: str, prefix: str
    ) -> None:
        cli, logs = cloudwatch
        found = {"logGroupName": f"airflow-{cli.name}-{group}", "logStreamNamePrefix": prefix}
        wait_until(
            lambda: [one for one in logs.describe_log_streams(**found)["logStreams"] if "lastEventTimestamp" in one],
            f"a stream {prefix}… with events in {group}",
            SENT,
        )

    def test_docker_has_the_output_too_and_a_shell_the_options(
        self, cloudwatch: tuple[CommandLine, Any], stack: Stack
    ) -> None:
        worker = stack.container("worker")
        assert "celery" in "\n".join(worker.log(1000)).lower()
        said = worker.execute("bash", "-c", "echo $AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER")
        assert said.strip().endswith(f":log-group:airflow-{stack.name}-Task")

    def test_a_cloudwatch_that_is_away_stops_no_task(self, cloudwatch: tuple[CommandLine, Any], stack: Stack) -> None:
        cli, _ = cloudwatch
        stack.run("stop", "aws")
        try:
            run_id, line = run(cli)
            assert line in told_by_airflow(stack, run_id)
        finally:
            stack.run("start", "aws")
