"""The DAG that `windtunnel doctor` has run, to see the whole way: scheduler, Redis, worker, web server."""

from airflow.sdk import dag, task


@dag(schedule=None, tags=["windtunnel"], is_paused_upon_creation=False, doc_md=__doc__)
def windtunnel_probe() -> None:
    @task
    def run_by_a_worker() -> str:
        return "well"

    run_by_a_worker()


windtunnel_probe()
