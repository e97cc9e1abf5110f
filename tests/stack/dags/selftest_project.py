"""What a project brings beside DAGs: a plugin's operator, a package, a variable; and a file beside the module."""

import os
from pathlib import Path

from airflow.sdk import dag, task
from greetings.operators import GreetOperator

# As people do on MWAA with settings from a bucket: written when the module is imported, beside it; whole or not at all,
# as boto3 downloads, since other tasks import it at the same moment.
SETTINGS = Path(__file__).with_name("selftest_downloaded_settings.py")
partial = SETTINGS.with_suffix(f".{os.getpid()}")
partial.write_text("WHO = 'world'\n")
partial.replace(SETTINGS)


@dag(schedule=None)
def selftest_project() -> None:
    @task
    def package() -> str:
        import cowsay

        return cowsay.get_output_string("cow", "moo")

    @task
    def variables() -> dict[str, str | None]:
        names = ("SELFTEST_FROM_STARTUP", "SELFTEST_SUDO", "AIRFLOW_HOME", "MWAA_AIRFLOW_COMPONENT")
        return {name: os.environ.get(name) for name in names}

    @task
    def settings() -> str:
        return SETTINGS.read_text()

    GreetOperator(task_id="greet", who="world")
    package()
    variables()
    settings()


selftest_project()
