"""A DAG file that does not import, for airflow's own error and the exit code that goes with it."""

import no_such_package_anywhere  # noqa: F401
from airflow.sdk import dag


@dag(schedule=None)
def selftest_broken() -> None: ...


selftest_broken()
