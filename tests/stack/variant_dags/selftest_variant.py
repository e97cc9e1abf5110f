"""What a task finds around it: TLS, and whose account it is in."""

from airflow.sdk import dag, task


@dag(schedule=None)
def selftest_variant() -> None:
    @task
    def database() -> dict[str, object]:
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        hook = PostgresHook("warehouse")
        (encrypted,) = hook.get_first("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        return {"encrypted": encrypted, "sslmode": hook.get_connection("warehouse").extra_dejson.get("sslmode")}

    @task
    def web_server() -> int:
        import os

        import requests

        address = os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"].removesuffix("/execution/")
        return requests.get(f"{address}/api/v2/version", timeout=30).status_code

    @task
    def account() -> str:
        import boto3

        return str(boto3.client("sts").get_caller_identity()["Arn"])

    database() >> web_server() >> account()


selftest_variant()
