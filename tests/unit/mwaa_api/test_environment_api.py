"""The environment as boto3's `mwaa` client sees and changes it."""

import json
import random
import string
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY

from mwaa_api import operations
from mwaa_api.__main__ import application
from mwaa_api.environment import CLASSES, ApplyFailed, Environment
from mwaa_api.protocol import MODEL
from windtunnel.classes import CLASSES as KNOWN_CLASSES

ARN = "arn:aws:airflow:eu-west-3:123456789012:environment/wt"
NEW = {
    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/r",
    "SourceBucketArn": "arn:aws:s3:::b",
    "DagS3Path": "dags",
    "NetworkConfiguration": {"SubnetIds": ["subnet-1", "subnet-2"]},
}


def refused(call: Any, **parameters: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as error:
        call(**parameters)
    answer = error.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_every_operation_of_the_api_is_there() -> None:
    assert operations.names() == set(MODEL.operation_names)


def test_its_classes_are_those_of_the_stack() -> None:
    assert tuple(KNOWN_CLASSES) == CLASSES


def test_the_stack_is_an_environment(mwaa: Any) -> None:
    assert mwaa.client().list_environments()["Environments"] == ["wt"]
    found = mwaa.client().get_environment(Name="wt")["Environment"]
    assert (found["Status"], found["Arn"], found["EnvironmentClass"]) == ("AVAILABLE", ARN, "mw1.small")
    assert (found["AirflowVersion"], found["SourceBucketArn"]) == ("3.3.1", "arn:aws:s3:::mine")
    assert found["DagS3Path"] == "team/dags"
    groups = {name: one["CloudWatchLogGroupArn"] for name, one in found["LoggingConfiguration"].items()}
    assert groups["WebserverLogs"].endswith(":log-group:airflow-wt-WebServer")
    assert found["CreatedAt"].year >= 2026


def test_another_environment_is_not_found(mwaa: Any) -> None:
    code, message, status = refused(mwaa.client().get_environment, Name="other")
    assert (code, status) == ("ResourceNotFoundException", 404)
    assert "this endpoint's environment is wt" in message


def test_creating_another_says_how(mwaa: Any) -> None:
    code, message, status = refused(mwaa.client().create_environment, Name="other", **NEW)
    assert (code, status) == ("ValidationException", 400)
    assert message.endswith("to create other, run: ./windtunnel --name other up")
    assert refused(mwaa.client().create_environment, Name="wt", **NEW)[1] == "Environment wt already exists"


def test_an_update_is_applied_and_kept(mwaa: Any, settings: dict[str, str]) -> None:
    options = {"core.parallelism": "12"}
    mwaa.client().update_environment(
        Name="wt",
        EnvironmentClass="mw1.medium",
        AirflowConfigurationOptions=options,
        RequirementsS3Path="requirements.txt",
        RequirementsS3ObjectVersion="v7",
        LoggingConfiguration={"TaskLogs": {"Enabled": True, "LogLevel": "DEBUG"}},
        WorkerReplacementStrategy="GRACEFUL",
    )
    found = mwaa.client().get_environment(Name="wt")["Environment"]
    assert found["Status"] == "AVAILABLE"
    assert (found["LastUpdate"]["Status"], found["LastUpdate"]["WorkerReplacementStrategy"]) == ("SUCCESS", "GRACEFUL")
    assert (found["EnvironmentClass"], found["AirflowConfigurationOptions"]) == ("mw1.medium", options)
    assert found["RequirementsS3ObjectVersion"] == "v7"
    assert found["LoggingConfiguration"]["TaskLogs"]["LogLevel"] == "DEBUG"
    assert found["LoggingConfiguration"]["TaskLogs"]["CloudWatchLogGroupArn"].endswith("-Task")
    assert found["LoggingConfiguration"]["WorkerLogs"]["LogLevel"] == "INFO"
    ((old, new),) = mwaa.applied
    assert (old["EnvironmentClass"], new["EnvironmentClass"]) == ("mw1.small", "mw1.medium")
    kept = Environment(Path(settings["DOCUMENT"]), settings, lambda old, new: None)
    assert kept.document["EnvironmentClass"] == "mw1.medium"


def test_a_failed_update_leaves_what_was(mwaa: Any, applied: Any) -> None:
    applied.error = ApplyFailed("INCORRECT_CONFIGURATION", "requirements.txt: no such object")
    mwaa.client().update_environment(Name="wt", EnvironmentClass="mw1.large")
    found = mwaa.client().get_environment(Name="wt")["Environment"]
    assert (found["Status"], found["EnvironmentClass"]) == ("UPDATE_FAILED", "mw1.small")
    error = {"ErrorCode": "INCORRECT_CONFIGURATION", "ErrorMessage": "requirements.txt: no such object"}
    assert found["LastUpdate"] == {"Status": "FAILED", "CreatedAt": ANY, "Error": error} | {
        "WorkerReplacementStrategy": "FORCED"
    }


def test_an_update_that_crashes_does_not_leave_the_environment_updating(mwaa: Any, applied: Any) -> None:
    applied.error = RuntimeError("the engine is away")
    mwaa.client().update_environment(Name="wt", EnvironmentClass="mw1.large")
    found = mwaa.client().get_environment(Name="wt")["Environment"]
    assert found["Status"] == "UPDATE_FAILED"
    assert "the engine is away" in found["LastUpdate"]["Error"]["ErrorMessage"]


def test_one_update_at_a_time(settings: dict[str, str]) -> None:
    application(settings | {"AIRFLOW_URL": ""}, lambda old, new: None)
    file = Path(settings["DOCUMENT"])
    stored = json.loads(file.read_text())
    inside: list[str] = []

    def apply(old: dict[str, Any], new: dict[str, Any]) -> None:
        try:
            environment.update({"EnvironmentClass": "mw1.large"})
        except Exception as error:
            inside.append(str(error))

    environment = Environment(file, stored["settings"], apply)
    environment.update({"EnvironmentClass": "mw1.medium"})
    assert inside == ["Environment wt is UPDATING; it can be updated when AVAILABLE"]


def test_a_service_that_stopped_during_an_update_says_so(settings: dict[str, str]) -> None:
    file = Path(settings["DOCUMENT"])
    environment = Environment(file, settings, lambda old, new: None)
    stopped = environment.document | {"Status": "UPDATING", "LastUpdate": {"Status": "PENDING"}}
    file.write_text(json.dumps({"settings": settings, "document": stopped}))
    found = Environment(file, settings, lambda old, new: None).document
    assert (found["Status"], found["LastUpdate"]["Error"]["ErrorCode"]) == ("UPDATE_FAILED", "INTERRUPTED")


def test_a_document_of_before_a_setting_was_there_stays(settings: dict[str, str]) -> None:
    file = Path(settings["DOCUMENT"])
    environment = Environment(file, settings, lambda old, new: None)
    then = {name: value for name, value in settings.items() if name != "DAG_S3_PATH"}
    file.write_text(json.dumps({"settings": then, "document": environment.document | {"DagS3Path": "dags"}}))
    assert Environment(file, settings, lambda old, new: None).document["DagS3Path"] == "dags"


def test_a_setting_that_changes_beats_an_older_update(settings: dict[str, str]) -> None:
    file = Path(settings["DOCUMENT"])
    Environment(file, settings, lambda old, new: None).update({"EnvironmentClass": "mw1.medium", "DagS3Path": "d"})
    again = Environment(file, settings | {"BUCKET": "other"}, lambda old, new: None).document
    assert (again["SourceBucketArn"], again["EnvironmentClass"]) == ("arn:aws:s3:::other", "mw1.medium")
    again = Environment(file, settings | {"ENVIRONMENT_CLASS": "mw1.large"}, lambda old, new: None).document
    assert (again["EnvironmentClass"], again["DagS3Path"]) == ("mw1.large", "d")


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"EnvironmentClass": "mw1.huge"}, "EnvironmentClass mw1.huge is none of mw1.micro"),
        ({"MinWorkers": 3}, "MinWorkers (3) must not exceed MaxWorkers (1)"),
        ({"WebserverAccessMode": "OPEN"}, "Value at 'WebserverAccessMode' failed to satisfy constraint"),
        ({"Schedulers": 9}, "Value at 'Schedulers' failed to satisfy constraint: Member must have value less than"),
        ({"SourceBucketArn": "mine"}, "regular expression pattern"),
        ({"AirflowConfigurationOptions": {"Core.x": "1"}}, "Value at 'AirflowConfigurationOptions.key'"),
        ({"LoggingConfiguration": {"TaskLogs": {"Enabled": True, "LogLevel": "LOUD"}}}, "TaskLogs.LogLevel"),
    ],
)
def test_what_no_environment_can_be(mwaa: Any, changes: dict[str, Any], said: str) -> None:
    code, message, status = refused(mwaa.client().update_environment, Name="wt", **changes)
    assert (code, status) == ("ValidationException", 400)
    assert said in message
    assert mwaa.applied == []


def test_deleting_says_who_can(mwaa: Any, settings: dict[str, str]) -> None:
    mwaa.client().delete_environment(Name="wt")
    found = mwaa.client().get_environment(Name="wt")["Environment"]
    assert found["Status"] == "DELETING"
    assert found["LastUpdate"]["Source"] == "./windtunnel --name wt down --volumes"
    assert refused(mwaa.client().update_environment, Name="wt", DagS3Path="d")[0] == "ValidationException"
    assert Environment(Path(settings["DOCUMENT"]), settings, lambda old, new: None).document["Status"] == "AVAILABLE"


def test_tags(mwaa: Any, drawn: random.Random) -> None:
    def text(most: int) -> str:
        return "".join(drawn.choices(string.ascii_letters + " _.:/=+-@é漢", k=drawn.randrange(1, most)))

    tags = {text(20): text(40) for _ in range(drawn.randrange(2, 20))}
    client = mwaa.client()
    client.tag_resource(ResourceArn=ARN, Tags=tags)
    assert client.list_tags_for_resource(ResourceArn=ARN)["Tags"] == tags
    gone = drawn.sample(sorted(tags), k=len(tags) // 2)
    client.untag_resource(ResourceArn=ARN, tagKeys=gone)
    left = {key: value for key, value in tags.items() if key not in gone}
    assert client.get_environment(Name="wt")["Environment"]["Tags"] == left
    more = {f"k{index}": "v" for index in range(50)}
    assert "at most 50 are allowed" in refused(client.tag_resource, ResourceArn=ARN, Tags=more)[1]
    other = ARN.replace("/wt", "/other")
    assert refused(client.list_tags_for_resource, ResourceArn=other)[0] == "ResourceNotFoundException"


def test_metrics_are_taken_and_dropped(mwaa: Any) -> None:
    datum = {"MetricName": "m", "Timestamp": 0, "Value": 1.0}
    assert "ResponseMetadata" in mwaa.client().publish_metrics(EnvironmentName="wt", MetricData=[datum])


def test_the_execution_role_may_what_its_policy_says(mwaa: Any) -> None:
    code, message, status = refused(mwaa.client("airflow").get_environment, Name="wt")
    assert (code, status) == ("AccessDeniedException", 403)
    assert f"is not authorized to perform: airflow:GetEnvironment on resource: {ARN} because" in message
    mwaa.allow({"Effect": "Allow", "Action": "airflow:GetEnvironment", "Resource": ARN})
    assert mwaa.client("airflow").get_environment(Name="wt")["Environment"]["Name"] == "wt"


@pytest.mark.parametrize(
    "key_id, secret_key, code",
    [("nobody", "x", "UnrecognizedClientException"), ("administrator", "x", "InvalidSignatureException")],
)
def test_a_wrong_key(mwaa: Any, key_id: str, secret_key: str, code: str) -> None:
    assert refused(mwaa.client(key_id, secret_key).list_environments)[:1] == (code,)


def test_without_the_variable_boto3_would_ask_another_host(mwaa: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why AWS_DISABLE_HOST_PREFIX_INJECTION is set."""
    hosts: list[str] = []

    def stop(request: Any, **_: Any) -> None:
        hosts.append(request.url)
        raise InterruptedError

    for _ in range(2):
        client = mwaa.client()
        client.meta.events.register("before-send.*", stop)
        with pytest.raises(InterruptedError):
            client.list_environments()
        monkeypatch.delenv("AWS_DISABLE_HOST_PREFIX_INJECTION", raising=False)
    assert hosts == [f"{mwaa.url}/environments", f"{mwaa.url.replace('//', '//api.')}/environments"]
