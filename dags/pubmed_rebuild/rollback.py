"""DAG `pubmed_rollback`: put the PubMed database of before the last rebuild back; a second run undoes the first."""

from airflow.sdk import dag, task

from pubmed_rebuild.job import RETRIES, SCHEMA, warehouse
from xml_rebuild.publish import rollback


@dag(
    dag_id="pubmed_rollback",
    description="Put the previous PubMed database in the place of the live one",
    schedule=None,
    max_active_runs=1,
    default_args=RETRIES,
    doc_md="See dags/pubmed_rebuild/README.md, Going back.",
    tags=["windtunnel"],
)
def pubmed_rollback() -> None:
    """The job as Airflow sees it."""

    @task
    def swap_back() -> None:
        rollback(warehouse(), SCHEMA)

    swap_back()


pubmed_rollback()
