"""Dynamic task mapping: expand, partial, expand_kwargs, zip."""

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Variable, dag, task


@task
def keys() -> list[str]:
    bucket = Variable.get("bucket")
    return S3Hook("aws_default").list_keys(bucket, prefix="in/") or []


@task(max_active_tis_per_dagrun=4)
def load(key: str, bucket: str) -> int:
    hook = S3Hook("aws_default")
    path = hook.download_file(key, bucket)
    local = hook.download_file(key=key, bucket_name=bucket, local_path="/tmp")
    return len(path) + len(local)


@task
def total(counts: list[int]) -> int:
    return sum(counts)


@dag(dag_id="mapped_load", schedule=None)
def build():
    found = keys()
    counts = load.partial(bucket="mine").expand(key=found)
    echo = BashOperator.partial(task_id="echo").expand(bash_command=["echo 1", "echo 2"])
    total(counts) >> echo


build()
