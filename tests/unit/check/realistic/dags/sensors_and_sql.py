"""Sensors, SQL, S3, transfers, setup and teardown."""

from datetime import datetime

from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.amazon.aws.transfers.sql_to_s3 import SqlToS3Operator
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.providers.snowflake.operators.snowflake import SnowflakeSqlApiOperator
from airflow.sdk import DAG, setup, task, teardown

dag = DAG("sensors_and_sql", start_date=datetime(2026, 1, 1), schedule="*/15 * * * *", max_active_runs=1)

wait = S3KeySensor(task_id="wait", bucket_key="s3://in/{{ ds }}/_SUCCESS", deferrable=True, dag=dag)
query = SQLExecuteQueryOperator(task_id="query", conn_id="warehouse", sql="select 1", dag=dag)
export = SqlToS3Operator(
    task_id="export", query="select 1", s3_bucket="out", s3_key="x.csv", sql_conn_id="warehouse", dag=dag
)
call = HttpOperator(task_id="call", endpoint="/v1", http_conn_id="api", dag=dag)
flake = SnowflakeSqlApiOperator(task_id="flake", sql="select 1", statement_count=1, dag=dag)


@setup
def create():
    PostgresHook("warehouse").run("create table if not exists t (a int)")


@teardown
def drop():
    PostgresHook("warehouse").run("drop table t")


@task(dag=dag)
def rows() -> int:
    return PostgresHook(postgres_conn_id="warehouse").get_first("select count(*) from t")[0]


with dag:
    create() >> rows() >> drop()
wait >> query >> [export, call]
export.set_upstream(flake)
