"""A DAG that uses its environment as the execution role: a secret by boto3, and MWAA's API."""

from airflow.sdk import dag, get_current_context, task


@dag(schedule=None, catchup=False)
def selftest_reads_a_secret() -> None:
    @task
    def read() -> str:
        import boto3

        conf = get_current_context()["dag_run"].conf or {}
        found: str = boto3.client("secretsmanager").get_secret_value(SecretId=conf["secret"])["SecretString"]
        return found

    read()


selftest_reads_a_secret()
