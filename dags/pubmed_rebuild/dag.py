"""DAG `pubmed_rebuild`: locate → rebuild → check → swap → report. Tasks pass locations and summaries, never data."""

import logging
from contextlib import closing
from datetime import timedelta
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import ExceptionRetryPolicy, Param, RetryAction, RetryRule, dag, task

from pubmed_rebuild import checks, publish, source, staging
from pubmed_rebuild.bad_input import BadInput

LIVE, STAGING, PREVIOUS = "pubmed", "pubmed_staging", "pubmed_previous"

# Airflow loads this file under a name of its own making.
log = logging.getLogger("pubmed_rebuild.dag")


def _s3() -> Any:
    return S3Hook(aws_conn_id="aws_default").get_conn()


def _warehouse() -> closing[Any]:
    return closing(PostgresHook("warehouse").get_conn())


@dag(
    dag_id="pubmed_rebuild",
    description="Rebuild the PubMed database from MEDLINE XML and swap it in",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={
        "source": Param(
            "s3://windtunnel/pubmed/",
            type="string",
            pattern="^s3://.+",
            description="S3 prefix of MEDLINE .xml.gz files, or one such object",
        )
    },
    default_args={
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        # Bad input stays bad: only what may pass (a lost connection, a held lock) is worth another try.
        "retry_policy": ExceptionRetryPolicy(rules=[RetryRule(exception=BadInput, action=RetryAction.FAIL)]),
    },
    doc_md="See dags/pubmed_rebuild/README.md for the tables, the rules and the failures.",
    tags=["windtunnel"],
)
def pubmed_rebuild() -> None:
    """The job as Airflow sees it."""

    @task
    def locate(params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        assert params is not None
        found = source.locate(_s3(), params["source"])
        log.info("%d objects, %d bytes compressed", len(found), sum(item.size for item in found))
        return [item.as_dict() for item in found]

    @task
    def rebuild(located: list[dict[str, Any]]) -> dict[str, Any]:
        s3 = _s3()
        items = [source.SourceObject(**item) for item in located]
        with _warehouse() as connection:
            return staging.rebuild(connection, ((item.url, source.unpacked(s3, item)) for item in items), STAGING)

    @task
    def check(summary: dict[str, Any]) -> dict[str, Any]:
        with _warehouse() as connection:
            checks.check(connection, STAGING, summary)
        return summary

    @task
    def swap(summary: dict[str, Any]) -> dict[str, Any]:
        with _warehouse() as connection:
            publish.swap(connection, LIVE, STAGING, PREVIOUS)
        return summary

    @task
    def report(summary: dict[str, Any]) -> dict[str, Any]:
        log.info("Rebuilt %d records in %s s, %s MB/s", summary["records"], summary["seconds"], summary["mb_per_s"])
        log.info("Tables %s, removed by rule %s", summary["tables"], summary["rules"])
        return summary

    report(swap(check(rebuild(locate()))))


pubmed_rebuild()
