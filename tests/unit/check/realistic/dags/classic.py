"""Classic operators in a with block, with Jinja, a branch, a trigger rule and edge labels."""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import BranchPythonOperator, PythonOperator
from airflow.sdk import DAG, Label, TriggerRule

DAG_ID = "classic_etl"
default_args = {"owner": "data", "retries": 2, "retry_delay": timedelta(minutes=5), "queue": None}


def choose(**context):
    return "small" if context["logical_date"].day < 15 else "large"


def report(ti):
    print(ti.xcom_pull(task_ids="count"), file=open("/dev/stdout", "w"))


with DAG(DAG_ID, start_date=datetime(2026, 1, 1), schedule="0 3 * * *", default_args=default_args) as dag:
    start = EmptyOperator(task_id="start")
    branch = BranchPythonOperator(task_id="branch", python_callable=choose)
    small = BashOperator(task_id="small", bash_command="echo {{ var.value.bucket }} > /tmp/small")
    large = BashOperator(task_id="large", bash_command="echo {{ conn.warehouse.host }}")
    count = BashOperator(task_id="count", bash_command="wc -l /tmp/x", trigger_rule=TriggerRule.ONE_SUCCESS)
    tell = PythonOperator(task_id="tell", python_callable=report)

    start >> branch
    branch >> Label("first half") >> small >> count
    branch >> Label("second half") >> large >> count
    count >> tell
