"""What both DAGs share: the schema that they are about, where the warehouse and S3 are, and what is worth a retry."""

from datetime import timedelta
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import Connection, ExceptionRetryPolicy, RetryAction, RetryRule
from psycopg.conninfo import make_conninfo

from xml_rebuild.errors import BadInput

SCHEMA = "pubmed"
MAPPING = "pubmed"

RETRIES: dict[str, Any] = {
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    # Bad input stays bad: only what may pass (a lost connection, a held schema) is worth another try.
    "retry_policy": ExceptionRetryPolicy(rules=[RetryRule(exception=BadInput, action=RetryAction.FAIL)]),
}


def warehouse() -> str:
    """The connection string of the database that readers ask; the connection's extra is libpq's, such as sslmode."""
    found = Connection.get("warehouse")
    address = {"host": found.host, "port": found.port, "dbname": found.schema}
    return make_conninfo(user=found.login, password=found.password, **address, **found.extra_dejson)


def bucket() -> S3Hook:
    """S3, with the credentials of the environment."""
    return S3Hook(aws_conn_id="aws_default")
