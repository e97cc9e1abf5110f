"""The DAG `pubmed_rebuild` of a running stack, as tests start it, look into it and know what it must come to."""

import io
import json
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from command_line import CommandLine
from windtunnel.airflow_api import TaskInstance
from windtunnel.errors import UsageError
from windtunnel.sample import Bucket
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

DAG, ROLLBACK = "pubmed_rebuild", "pubmed_rollback"
#: More than the worst fault takes: Airflow gives up on a silent task after a minute, and retries after 30 s.
ENDED = 600.0


@dataclass(frozen=True)
class RebuildJob:
    """Starts runs and asks the warehouse about them."""

    cli: CommandLine
    stack: Stack
    dsn: str

    @property
    def bucket(self) -> Bucket:
        """The environment's bucket, asked anew: a container that starts again has another port."""
        name = self.stack.environment.value("BUCKET")
        return Bucket(name, self.stack.url("minio"), self.stack.secrets["s3_secret_key"])

    def put(self, key: str, content: bytes) -> str:
        """Upload an object; its address."""
        bucket = self.bucket
        bucket.client.upload_fileobj(io.BytesIO(content), bucket.name, key)
        return f"s3://{bucket.name}/{key}"

    def start(self, **conf: Any) -> str:
        """Make a run, which has no logical date, and return its id."""
        api = self.stack.api()
        api.unpause(DAG)
        return api.trigger(DAG, {"difference": None} | conf).run_id

    def start_for(self, month: str, **conf: Any) -> str:
        """Make the run of a month, and return its id."""
        run_id = f"month__{month}"
        self.stack.api().unpause(DAG)
        words = ("trigger", DAG, "--logical-date", f"{month}-01T00:00:00+00:00", "--run-id", run_id)
        self.cli("airflow", "dags", *words, "--conf", json.dumps(conf))
        return run_id

    def state(self, run_id: str) -> str:
        """The run's state by now."""
        run = self.stack.api().dag_run(DAG, run_id)
        return run.state if run else "none"

    def end(self, run_id: str) -> str:
        """Wait for the run's end; the state that it ended in."""
        return wait_until(lambda: self._ended(run_id), f"the end of {run_id}", ENDED, 2)

    def _ended(self, run_id: str) -> str | None:
        try:
            state = self.state(run_id)
        except UsageError:
            # While its database is away, Airflow refuses every password.
            return None
        return state if state in ("success", "failed") else None

    def report(self, run_id: str) -> dict[str, Any]:
        """What the last task returned."""
        told = self.stack.api().xcom(DAG, run_id, "report")
        assert isinstance(told, dict), told
        return told

    def loads(self, run_id: str) -> list[TaskInstance]:
        """The tasks that load."""
        return [task for task in self.stack.api().task_instances(DAG, run_id) if task.task_id == "load"]

    def failed(self, run_id: str) -> dict[str, int]:
        """The tasks that failed, with the tries that they took."""
        found = self.stack.api().task_instances(DAG, run_id)
        return {task.task_id: task.try_number for task in found if task.state == "failed"}

    def rows(self, schema: str = "pubmed") -> dict[str, int]:
        """Rows by table, counted."""
        with psycopg.connect(self.dsn) as warehouse:
            query = "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(%s) AND relkind = 'r'"
            names = [name for (name,) in warehouse.execute(query, [schema]) if not name.startswith("rebuild_")]
            return {name: self._count(warehouse, schema, name) for name in names}

    @staticmethod
    def _count(warehouse: psycopg.Connection[Any], schema: str, table: str) -> int:
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
        return int(warehouse.execute(query).fetchone()[0])  # type: ignore[index]

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query in the warehouse."""
        with psycopg.connect(self.dsn) as warehouse:
            return warehouse.execute(query.encode(), values or None).fetchall()

    def until_copying(self) -> int:
        """Wait until a task copies rows into the staging schema; the server's process that takes them."""
        query = "SELECT pid FROM pg_stat_progress_copy WHERE relid::regclass::text LIKE 'pubmed_staging.%'"
        return int(wait_until(lambda: self.ask(query), "a COPY", 120, 0.1)[0][0])

    def until_all_begun(self, run_id: str) -> None:
        """Wait until no task is on its way to a worker: it would be lost with that, and missed in half an hour only."""

        def begun() -> bool:
            return {task.state for task in self.loads(run_id)} <= {"running", "success"}

        wait_until(begun, f"all tasks of {run_id} to load", 180, 0.2)

    def until_loaded(self, parts: int) -> None:
        """Wait until so many parts are in the staging schema."""
        query = "SELECT part FROM pubmed_staging.rebuild_part WHERE loaded_at IS NOT NULL"
        wait_until(lambda: len(self.ask(query)) >= parts, f"{parts} parts to be loaded", 180, 0.2)
