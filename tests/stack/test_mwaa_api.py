"""The running stack as an MWAA environment: for boto3's clients, and for a task with the execution role's key."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from command_line import CommandLine
from windtunnel.settings import ROOT
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

SECRET = "selftest/secret"


def client(stack: Stack, service: str, endpoint: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=stack.url(endpoint),
        region_name=stack.environment.value("AWS_REGION"),
        aws_access_key_id="administrator",
        aws_secret_access_key=stack.secrets["administrator_secret_key"],
        config=Config(inject_host_prefix=False),
    )


@pytest.fixture
def mwaa(stack: Stack) -> Any:
    return client(stack, "mwaa", "mwaa-api")


@pytest.fixture
def secret(stack: Stack) -> Iterator[str]:
    """The name of a secret, whose value is its name reversed."""
    client(stack, "secretsmanager", "aws-secrets").create_secret(Name=SECRET, SecretString=SECRET[::-1])
    yield SECRET
    # Asked anew: a service that was restarted has another port.
    client(stack, "secretsmanager", "aws-secrets").delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def role_without_secrets(cli: CommandLine, tmp_path: Path) -> Iterator[None]:
    """The stack with a role that may not read secrets, and then with the shipped one again."""
    policy = json.loads((ROOT / "services/secrets/execution-role.json").read_text())
    policy["Statement"] = [one for one in policy["Statement"] if "secretsmanager:GetSecretValue" not in one["Action"]]
    file = tmp_path / "execution-role.json"
    file.write_text(json.dumps(policy))
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    cli("up", EXECUTION_ROLE_FILE=str(file))
    yield
    cli("up")


def on_the_cli(stack: Stack, mwaa: Any, command: str) -> tuple[int, str, str]:
    token = mwaa.create_cli_token(Name=stack.name)["CliToken"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
    answer = httpx.post(f"{stack.url('webserver')}/aws_mwaa/cli", content=command, headers=headers, timeout=120)
    written = {name: base64.b64decode(text).decode() for name, text in answer.json().items()}
    return answer.status_code, written["stdout"], written["stderr"]


def test_the_stack_is_an_available_environment(stack: Stack, mwaa: Any) -> None:
    found = mwaa.get_environment(Name=stack.name)["Environment"]
    assert (found["Status"], found["EnvironmentClass"]) == ("AVAILABLE", stack.environment.value("ENVIRONMENT_CLASS"))
    assert mwaa.list_environments()["Environments"] == [stack.name]


def test_dags_list_and_a_command_that_mwaa_refuses(stack: Stack, mwaa: Any) -> None:
    status, stdout, _ = on_the_cli(stack, mwaa, "dags list -o json")
    assert status == 200 and "pubmed_rebuild" in stdout
    status, _, stderr = on_the_cli(stack, mwaa, "users list")
    assert status == 400 and stderr.startswith("MWAA does not support `users`")


def test_rest_api_lists_dags_and_starts_a_run(stack: Stack, mwaa: Any) -> None:
    rest = {"Name": stack.name, "Path": "/dags", "Method": "GET"}
    dags = mwaa.invoke_rest_api(**rest, QueryParameters={"limit": 100})["RestApiResponse"]["dags"]
    assert "pubmed_rebuild" in {one["dag_id"] for one in dags}
    rest |= {"Path": "/dags/selftest_ends_as_told/dagRuns", "Method": "POST"}
    answer = mwaa.invoke_rest_api(**rest, Body={"logical_date": None})
    assert answer["RestApiStatusCode"] == 200 and answer["RestApiResponse"]["state"] == "queued"
    rest |= {"Path": "/dags/no_such_dag", "Method": "GET"}
    with pytest.raises(ClientError) as error:
        mwaa.invoke_rest_api(**rest)
    assert error.value.response["RestApiStatusCode"] == 404


def test_a_web_login_opens_the_ui(stack: Stack, mwaa: Any) -> None:
    token = mwaa.create_web_login_token(Name=stack.name)["WebToken"]
    login = f"{stack.url('webserver')}/pluginsv2/aws_mwaa/login"
    session = httpx.post(login, data={"token": token}).cookies["_token"]
    me = httpx.get(f"{stack.url('webserver')}/ui/auth/me", cookies={"_token": session})
    assert me.json()["username"] == "user/administrator"
    assert httpx.post(login, data={"token": token[:-1]}).status_code == 403


def test_a_task_reads_a_secret(cli: CommandLine, secret: str) -> None:
    cli("run", "selftest_reads_a_secret", "--conf", json.dumps({"secret": secret}), "--timeout", "120")


@pytest.mark.usefixtures("role_without_secrets")
def test_a_role_that_may_not_read_secrets_fails_the_task(cli: CommandLine, secret: str) -> None:
    failed = cli(
        "run", "selftest_reads_a_secret", "--conf", json.dumps({"secret": secret}), "--timeout", "120", expect=1
    )
    assert "AccessDeniedException" in failed.stderr
    assert "is not authorized to perform: secretsmanager:GetSecretValue" in failed.stderr


def test_secrets_outlive_their_service(stack: Stack, secret: str) -> None:
    stack.run("restart", "aws")
    wait_until(lambda: stack.container("aws").health == "healthy", "the service to be back", 60)
    found = client(stack, "secretsmanager", "aws-secrets").get_secret_value(SecretId=secret)
    assert found["SecretString"] == secret[::-1]
