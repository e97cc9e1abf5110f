"""DAGs that the tests run: one that ends as its configuration says, and one that looks for what it must not find."""

import time
from pathlib import Path

from airflow.sdk import dag, get_current_context, task


@dag(schedule=None, catchup=False, max_active_runs=16)
def selftest_ends_as_told() -> None:
    @task
    def end() -> None:
        conf = get_current_context()["dag_run"].conf or {}
        print(conf.get("say", "nothing to say"))
        time.sleep(conf.get("sleep", 0))
        if conf.get("fail"):
            raise RuntimeError("told to fail")

    end()


@dag(schedule=None, catchup=False)
def selftest_looks_for_secrets() -> None:
    @task
    def look() -> list[str]:
        found = Path("/run/secrets").rglob("*")
        return sorted(str(path.relative_to("/run/secrets")) for path in found if path.is_file())

    @task
    def read_another_service() -> str:
        return Path("/run/secrets/minio/root-password").read_text()

    look() >> read_another_service()


selftest_ends_as_told()
selftest_looks_for_secrets()
