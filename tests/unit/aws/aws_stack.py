"""Our AWS services as boto3 finds them, for an administrator and for a task."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.ssm.models import ssm_backends
from moto.sts.models import sts_backends

REGION = "eu-west-3"
ARN = f"arn:aws:sts::{DEFAULT_ACCOUNT_ID}:assumed-role/execution-role/AmazonMWAA-airflow"


@dataclass
class Aws:
    """The two ports, the role's policy file, and the file of kept secrets."""

    open_port: int
    enforced_port: int
    policy: Path
    kept: Path

    def client(self, service: str, key_id: str, secret_key: str = "", *, port: int = 0) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{port or self.enforced_port}",
            aws_access_key_id=key_id,
            aws_secret_access_key=secret_key or f"secret of {key_id}",
            config=Config(retries={"max_attempts": 1}),
        )

    def administrator(self, service: str) -> Any:
        return self.client(service, "administrator")

    def task(self, service: str) -> Any:
        """A client as a task has it."""
        return self.client(service, "airflow")

    def allow(self, *statements: dict[str, Any]) -> None:
        """Give the role another policy."""
        self.policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def forget_all() -> None:
    """A moto as it is when the service starts."""
    for backends in (iam_backends, sts_backends, secretsmanager_backends, ssm_backends):
        for region in list(backends[DEFAULT_ACCOUNT_ID].values()):
            region.reset()
