"""What looks like a fault and is none: a finding that is not certain costs more than one that is missed."""

import ast
from pathlib import Path

import pytest

from windtunnel.check import check

QUIET = {
    "an import for another version of Airflow": """
        import airflow
        from airflow.sdk import DAG
        if airflow.__version__.startswith("2"):
            from airflow.operators.dummy import DummyOperator
        dag = DAG("d")
        """,
    "an import with a way out": """
        try:
            from airflow.operators.dummy_operator import DummyOperator
            import not_there
        except ImportError:
            from airflow.sdk import DAG
        dag = DAG("d")
        """,
    "a module from a path that the file adds": """
        import os, sys
        sys.path.append(os.path.dirname(__file__))
        import beside
        from airflow.sdk import DAG
        dag = DAG("d")
        """,
    "a method that has the name of a function": """
        from airflow.sdk import DAG, Variable
        from os import getcwd as run
        class Job:
            def run(self):
                return Variable.get("x")
        run()
        dag = DAG("d")
        """,
    "a loop that rebinds its tasks": """
        from airflow.sdk import DAG
        from airflow.providers.standard.operators.empty import EmptyOperator
        with DAG("d"):
            last = EmptyOperator(task_id="first")
            for n in range(3):
                task = EmptyOperator(task_id=f"t{n}")
                last >> task
                last = task
            other = last
            other >> EmptyOperator(task_id="end")
        """,
    "two DAGs with the same names for their tasks": """
        from airflow.sdk import DAG
        from airflow.providers.standard.operators.empty import EmptyOperator
        with DAG("d1"):
            a = EmptyOperator(task_id="a")
            b = EmptyOperator(task_id="b")
            a >> b
        with DAG("d2"):
            a = EmptyOperator(task_id="a")
            b = EmptyOperator(task_id="b")
            b >> a
        """,
    "either of two directions": """
        import os
        from airflow.sdk import DAG
        from airflow.providers.standard.operators.empty import EmptyOperator
        with DAG("d"):
            a = EmptyOperator(task_id="a")
            b = EmptyOperator(task_id="b")
            if os.environ.get("X"):
                a >> b
            else:
                b >> a
        """,
    "one of two DAGs of the same id": """
        import os
        from airflow.sdk import DAG
        if os.environ.get("X"):
            dag = DAG("d", schedule="@daily")
        else:
            dag = DAG("d")
        """,
    "a DAG of a factory from a package": """
        from airflow.sdk import Label
        from fsspec import make_dag
        dag = make_dag("d", Label("airflow"))
        """,
    "only assets": """
        from airflow.sdk import asset
        @asset(schedule=None)
        def numbers():
            return 1
        """,
    "paths that are not known": """
        import os, tempfile
        from pathlib import Path
        from airflow.sdk import DAG, ObjectStoragePath
        dag = DAG("d")
        def work(path, folder, mode="w"):
            open(path, "w")
            open(f"{folder}/x.csv", "w")
            open("data.csv")
            open("/" + folder + "/x", "w")
            Path(folder, "x").write_text("")
            Path(os.environ["TARGET"]).mkdir()
            (ObjectStoragePath("s3://bucket/") / "x").write_text("")
            open(f"s3://{folder}/x", "w")
            open(os.path.join(tempfile.mkdtemp(), "x"), mode="w")
            os.makedirs(os.path.join("/tmp", folder))
        """,
    "a download by a hook": """
        from airflow.sdk import DAG
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook
        dag = DAG("d")
        def work():
            S3Hook().download_file("key", "bucket")
        """,
    "queue as another's word": """
        import boto3
        from queue import Queue
        from airflow.sdk import DAG
        dag = DAG("d")
        def work(queue="mine"):
            boto3.client("sqs").send(queue="x")
            return Queue(), dict(queue=queue)
        """,
    "what runs by hand only": """
        from airflow.sdk import DAG, Variable
        dag = DAG("d")
        if __name__ == "__main__":
            print(Variable.get("x"))
            open("out.txt", "w").write("")
            dag.test()
        """,
    "a function that is never called": """
        from airflow.sdk import DAG, BaseHook, Variable
        dag = DAG("d", params={"f": lambda: Variable.get("x")})
        def work():
            return BaseHook.get_connection(Variable.get("x"))
        """,
    "a helper that another file imports": """
        from airflow.sdk import dag
        from shared import on_failure
        @dag(on_failure_callback=on_failure)
        def d():
            pass
        d()
        # file: shared.py
        def on_failure(context):
            '''airflow calls this when a dag fails'''
        """,
    "another file's DAG function, called here": """
        from templates import pipeline
        dag = pipeline()
        # file: templates.py
        from airflow.sdk import dag
        @dag
        def pipeline():
            pass
        """,
    "the standard library of 3.12": """
        import cgi, distutils.version, telnetlib, tomllib
        from airflow.sdk import DAG
        dag = DAG("d")
        """,
}


@pytest.mark.parametrize("what", QUIET)
def test_it_is_no_finding(what: str, tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    name, *others = "\n".join(line[8:] for line in QUIET[what].splitlines()).split("# file: ")
    texts = {"d.py": name} | {file: text for file, _, text in (other.partition("\n") for other in others)}
    for file, text in texts.items():
        ast.parse(text)
        (dags / file).write_text(text)
    assert check(tmp_path) == []


def test_what_airflowignore_names_is_not_parsed(tmp_path: Path) -> None:
    for folder in ("dags/a/b", "dags/c"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("a/one.py", "a/b/two.py", "c/three.py", "c/four.py"):
        (tmp_path / "dags" / file).write_text("'''airflow dag'''\n")
    (tmp_path / "dags/.airflowignore").write_text("one.py\nc/\n")
    (tmp_path / "dags/a/.airflowignore").write_text("!one.py\nb/**\n")
    assert {(one.file, one.rule) for one in check(tmp_path)} == {("dags/a/one.py", "dag-missing")}


def test_airflowignore_may_be_of_regular_expressions(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    for file in ("one.py", "two.py"):
        (tmp_path / "dags" / file).write_text("'''airflow dag'''\n")
    (tmp_path / "dags/.airflowignore").write_text("^t.o # not a glob\n")
    (tmp_path / "configuration-options.yaml").write_text("core.dag_ignore_file_syntax: regexp\n")
    assert {(one.file, one.rule) for one in check(tmp_path)} == {("dags/one.py", "dag-missing")}
