"""Secrets Manager and SSM for the execution role, as a task's boto3 sees them, and as an administrator does."""

import json
import random
import string
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_service import identities
from aws_service.secrets_kept import SecretsKept
from unit.aws.aws_stack import ARN, REGION, Aws, forget_all

READ = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
PARAMETERS = f"arn:aws:ssm:{REGION}:123456789012:parameter"
SECRETS = f"arn:aws:secretsmanager:{REGION}:123456789012:secret"


def allow(actions: Any, resources: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def text(drawn: random.Random) -> str:
    return "".join(drawn.choices(string.ascii_letters + string.digits + "/+=& é\n'\"", k=drawn.randrange(1, 200)))


def refused(call: Any, *arguments: Any, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(*arguments, **parameters)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_a_task_reads_what_an_administrator_put(aws: Aws, drawn: random.Random) -> None:
    aws.allow(allow(READ), allow("ssm:GetParameter", f"{PARAMETERS}/*"))
    secret, parameter = text(drawn), text(drawn).strip() or "x"
    aws.administrator("secretsmanager").create_secret(Name="airflow/variables/one", SecretString=secret)
    aws.administrator("ssm").put_parameter(Name="/airflow/variables/two", Value=parameter, Type="SecureString")
    assert aws.task("secretsmanager").get_secret_value(SecretId="airflow/variables/one")["SecretString"] == secret
    found = aws.task("ssm").get_parameter(Name="/airflow/variables/two", WithDecryption=True)
    assert found["Parameter"]["Value"] == parameter


def test_without_the_permission_boto3_raises_access_denied_in_awss_words(aws: Aws) -> None:
    aws.allow(allow("secretsmanager:ListSecrets"))
    aws.administrator("secretsmanager").create_secret(Name="airflow/connections/db", SecretString="x")
    client = aws.task("secretsmanager")
    with pytest.raises(ClientError) as error:
        client.get_secret_value(SecretId="airflow/connections/db")
    assert error.value.response["Error"] == {
        "Code": "AccessDeniedException",
        "Message": f"User: {ARN} is not authorized to perform: secretsmanager:GetSecretValue on resource: "
        "airflow/connections/db because no identity-based policy allows the secretsmanager:GetSecretValue action",
    }
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert [one["Name"] for one in client.list_secrets()["SecretList"]] == ["airflow/connections/db"]


def test_a_parameter_that_may_not_be_read(aws: Aws) -> None:
    aws.allow(allow("ssm:GetParameter", f"{PARAMETERS}/open/*"))
    code, message = refused(aws.task("ssm").get_parameter, Name="/closed/one")
    assert code == "AccessDeniedException"
    assert f"on resource: {PARAMETERS}/closed/one because" in message


def test_a_policy_names_secrets_one_by_one(aws: Aws, drawn: random.Random) -> None:
    mine = f"team-{drawn.randrange(1000)}/key"
    for name in (mine, "other/key"):
        aws.administrator("secretsmanager").create_secret(Name=name, SecretString="x")
    aws.allow(allow(READ, f"{SECRETS}:{mine}-??????"))
    task = aws.task("secretsmanager")
    assert task.get_secret_value(SecretId=mine)["SecretString"] == "x"
    arn = task.describe_secret(SecretId=mine)["ARN"]
    assert task.get_secret_value(SecretId=arn)["SecretString"] == "x"
    assert refused(task.get_secret_value, SecretId="other/key")[0] == "AccessDeniedException"


def test_a_secret_that_is_not_there_is_not_found_where_it_may_be_looked_for(aws: Aws) -> None:
    aws.allow(allow(READ, f"{SECRETS}:airflow/*"))
    task = aws.task("secretsmanager")
    assert refused(task.get_secret_value, SecretId="airflow/variables/no")[0] == "ResourceNotFoundException"
    assert refused(task.get_secret_value, SecretId="elsewhere/no")[0] == "AccessDeniedException"


def test_a_deny_beats_every_allow(aws: Aws) -> None:
    aws.allow(allow("*"), {"Effect": "Deny", "Action": "secretsmanager:Get*", "Resource": f"{SECRETS}:a-*"})
    aws.administrator("secretsmanager").create_secret(Name="a", SecretString="x")
    message = refused(aws.task("secretsmanager").get_secret_value, SecretId="a")[1]
    assert message.endswith("on resource: a with an explicit deny in an identity-based policy")


def test_a_change_of_the_policy_is_in_force_at_once(aws: Aws) -> None:
    aws.administrator("secretsmanager").create_secret(Name="a", SecretString="x")
    task = aws.task("secretsmanager")
    aws.allow(allow(READ))
    assert task.get_secret_value(SecretId="a")["SecretString"] == "x"
    aws.allow(allow("s3:*"))
    assert refused(task.get_secret_value, SecretId="a")[0] == "AccessDeniedException"


def test_a_broken_policy_leaves_the_one_before_in_force(aws: Aws) -> None:
    aws.administrator("secretsmanager").create_secret(Name="a", SecretString="x")
    aws.allow(allow(READ))
    task = aws.task("secretsmanager")
    task.get_secret_value(SecretId="a")
    aws.policy.write_text('{"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps"}]}')
    assert task.get_secret_value(SecretId="a")["SecretString"] == "x"


@pytest.mark.parametrize(
    "service, code", [("secretsmanager", "UnrecognizedClientException"), ("iam", "InvalidClientTokenId")]
)
def test_a_key_that_nobody_has(aws: Aws, service: str, code: str) -> None:
    client = aws.client(service, "AKIAIOSFODNN7EXAMPLE", "any")
    call = client.list_secrets if service == "secretsmanager" else client.list_users
    assert refused(call)[0] == code


@pytest.mark.parametrize(
    "service, code", [("secretsmanager", "InvalidSignatureException"), ("iam", "SignatureDoesNotMatch")]
)
def test_a_wrong_secret_key(aws: Aws, service: str, code: str) -> None:
    client = aws.client(service, "administrator", "not it")
    call = client.list_secrets if service == "secretsmanager" else client.list_users
    assert refused(call)[0] == code


def test_who_a_task_is(aws: Aws) -> None:
    assert aws.task("sts").get_caller_identity()["Arn"] == ARN
    assert aws.administrator("sts").get_caller_identity()["Arn"].endswith(":user/administrator")


def test_a_task_may_not_give_itself_more(aws: Aws) -> None:
    aws.allow(allow(READ))
    code, message = refused(
        aws.task("iam").put_role_policy, RoleName="execution-role", PolicyName="more", PolicyDocument="{}"
    )
    assert code == "AccessDenied"
    assert "on resource: arn:aws:iam::123456789012:role/execution-role because" in message


def test_users_that_an_administrator_makes_have_the_policies_that_they_are_given(aws: Aws) -> None:
    iam = aws.administrator("iam")
    iam.create_user(UserName="reader")
    iam.put_user_policy(
        UserName="reader",
        PolicyName="read",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow(READ)]}),
    )
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    reader = aws.client("secretsmanager", key["AccessKeyId"], key["SecretAccessKey"])
    aws.administrator("secretsmanager").create_secret(Name="a", SecretString="x")
    assert reader.get_secret_value(SecretId="a")["SecretString"] == "x"
    assert refused(reader.delete_secret, SecretId="a")[0] == "AccessDeniedException"


def test_the_open_port_leads_to_no_secret(aws: Aws) -> None:
    aws.administrator("secretsmanager").create_secret(Name="a", SecretString="x")
    client = aws.client("secretsmanager", "any", "any", port=aws.open_port)
    code, message = refused(client.get_secret_value, SecretId="a")
    assert code == "AccessDeniedException"
    assert str(aws.enforced_port) in message
    logs = aws.client("logs", "any", "any", port=aws.open_port)
    logs.create_log_group(logGroupName="airflow-wt-Task")
    assert [one["logGroupName"] for one in logs.describe_log_groups()["logGroups"]] == ["airflow-wt-Task"]


def test_nobody_resets_moto(aws: Aws) -> None:
    """It would take every secret, and moto knows its own paths by themselves, whatever a request is signed for."""

    def reset(request: Any, **_: Any) -> None:
        request.url = request.url.rstrip("/") + "/moto-api/reset"

    aws.administrator("secretsmanager").create_secret(Name="a", SecretString="x")
    for client in (aws.client("logs", "any", "any", port=aws.open_port), aws.administrator("logs")):
        client.meta.events.register("before-sign.*", reset)
        assert refused(client.describe_log_groups)[0] == "AccessDeniedException"
    assert aws.administrator("secretsmanager").get_secret_value(SecretId="a")["SecretString"] == "x"


def test_secrets_outlive_the_service(aws: Aws, drawn: random.Random) -> None:
    admin, ssm = aws.administrator("secretsmanager"), aws.administrator("ssm")
    values = {f"airflow/variables/{index}": text(drawn) for index in range(drawn.randrange(2, 6))}
    for name, value in values.items():
        admin.create_secret(Name=name, SecretString="before", Tags=[{"Key": "team", "Value": name}])
        admin.put_secret_value(SecretId=name, SecretString=value)
        ssm.put_parameter(Name=f"/{name}", Value=f"p{value}", Type="SecureString")
    admin.create_secret(Name="binary", SecretBinary=drawn.randbytes(50))
    admin.create_secret(Name="gone", SecretString="x")
    admin.delete_secret(SecretId="gone")
    binary = admin.get_secret_value(SecretId="binary")["SecretBinary"]
    arns = {name: admin.describe_secret(SecretId=name)["ARN"] for name in values}

    forget_all()
    identities.make_administrator("secret of administrator")
    SecretsKept(aws.kept).restore()

    admin, ssm = aws.administrator("secretsmanager"), aws.administrator("ssm")
    for name, value in values.items():
        assert admin.get_secret_value(SecretId=arns[name])["SecretString"] == value
        assert admin.describe_secret(SecretId=name)["Tags"] == [{"Key": "team", "Value": name}]
        assert ssm.get_parameter(Name=f"/{name}", WithDecryption=True)["Parameter"]["Value"] == f"p{value}"
    assert admin.get_secret_value(SecretId="binary")["SecretBinary"] == binary
    assert refused(admin.get_secret_value, SecretId="gone")[0] == "ResourceNotFoundException"
    assert aws.kept.stat().st_mode & 0o777 == 0o600
