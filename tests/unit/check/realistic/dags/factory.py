"""DAGs from a loop over a configuration, put into globals()."""

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

TABLES = {"orders": "@daily", "customers": "@weekly"}


def make(table, schedule):
    with DAG(f"sync_{table}", schedule=schedule, catchup=False) as dag:
        fetch = PythonOperator(task_id="fetch", python_callable=lambda: table)
        store = PythonOperator(task_id="store", python_callable=print)
        fetch >> store
    return dag


for name, when in TABLES.items():
    globals()[f"sync_{name}"] = make(name, when)
