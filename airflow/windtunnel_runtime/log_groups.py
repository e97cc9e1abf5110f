"""MWAA's log groups as the containers use them: what each is called in CloudWatch, and which component writes to it."""

import os
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("log_groups.toml")
# As the service `aws` has it, and the execution role's policy.
ACCOUNT = "123456789012"


@cache
def groups() -> dict[str, dict[str, Any]]:
    """The table's rows by name."""
    return {row["name"]: row for row in tomllib.loads(TABLE.read_text())["group"]}


def of_component(component: str) -> str | None:
    """The name of the group that a component's output goes to; None for one that has none of its own."""
    return next((name for name, row in groups().items() if component in row["components"]), None)


def components() -> list[str]:
    """All components that have a group."""
    return [component for row in groups().values() for component in row["components"]]


def in_cloudwatch(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """What a group is called in CloudWatch."""
    return f"airflow-{environment['AIRFLOW_ENV_NAME']}-{name}"


def arn(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """The ARN of a group."""
    return f"arn:aws:logs:{environment['AWS_REGION']}:{ACCOUNT}:log-group:{in_cloudwatch(name, environment)}"
