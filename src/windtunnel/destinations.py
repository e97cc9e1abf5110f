"""Where `deploy` brings a project: this stack, or an environment of an AWS account."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from windtunnel.deploy import Environment
from windtunnel.deployments import Deployments
from windtunnel.errors import UsageError
from windtunnel.sample import Bucket
from windtunnel.stack import Stack


def of_stack(stack: Stack) -> tuple[Environment, Deployments]:
    """The stack's environment and bucket.

    Raises:
        UsageError: its code does not come from the bucket.
        StackNotRunning: MWAA's API or the bucket does not run.
    """
    delivery = stack.environment.value("DELIVERY")
    if delivery != "bucket":
        raise UsageError(
            f"{stack.name}: expected DELIVERY to be bucket, found {delivery}: the project's folder is live already",
            f"./windtunnel --name {stack.name} up --delivery bucket --no-demo",
        )
    name = stack.environment.value("BUCKET")
    bucket = Bucket(name, stack.url("minio"), stack.secrets["s3_secret_key"])
    return Environment(mwaa(stack), stack.name), Deployments(bucket.client, name)


def mwaa(stack: Stack) -> Any:
    """A boto3 `mwaa` client of the stack's own API, as its administrator."""
    return boto3.client(
        "mwaa",
        endpoint_url=stack.url("mwaa-api"),
        region_name=stack.environment.value("AWS_REGION"),
        aws_access_key_id="administrator",
        aws_secret_access_key=stack.credentials()["aws"]["password"],
        config=Config(inject_host_prefix=False),
    )


def of_account(name: str) -> tuple[Environment, Deployments]:
    """An environment of the account that the shell's AWS settings name, and its bucket.

    Raises:
        UsageError: there is none, or the account can't be asked.
    """
    environment = Environment(boto3.client("mwaa"), name)
    try:
        return environment, Deployments(boto3.client("s3"), environment.bucket)
    except (BotoCoreError, ClientError) as error:
        raise UsageError(f"environment {name!r}: expected one of your AWS account's: {error}") from error
