"""Tasks with packages of their own: imports inside are those of another Python."""

from typing import TYPE_CHECKING

from airflow.providers.standard.operators.python import PythonVirtualenvOperator
from airflow.sdk import dag, task

if TYPE_CHECKING:
    import pandas_stubs

try:
    import ujson as json
except ImportError:
    import json


def in_a_venv():
    import sklearn

    open("model.bin", "wb").write(sklearn.__version__.encode())


@dag(schedule=None)
def isolated():
    @task.virtualenv(requirements=["polars==1.30.0"], system_site_packages=False)
    def count() -> int:
        import polars

        return polars.DataFrame({"a": [1]}).height

    @task.external_python(python="/tmp/venv/bin/python")
    def other():
        from funcy import chunks

        return list(chunks(2, [1, 2, 3]))

    venv = PythonVirtualenvOperator(task_id="venv", python_callable=in_a_venv, requirements=["scikit-learn"])
    count() >> other() >> venv


isolated()


def type_of(frame: "pandas_stubs.DataFrame") -> str:
    return json.dumps(str(frame))
