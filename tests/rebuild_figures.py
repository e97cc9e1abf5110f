"""For each panel of the dashboard *Rebuild job*, what it must show of a run, by its input and by what it published."""

import gzip
from functools import partial
from pathlib import Path

from dashboard_figures import MB, Figure, Value, exactly, most, newest, total
from dashboard_run import Ran
from rebuild_job import DAG
from task_memory.watch import FORGET_SECONDS

BOARD = "rebuild-job"
# Of the first of the sample's files, and those added to it that are no XML.
RECORDS, REJECTED = 30_000, 2
BROKEN = b"<PubmedArticle><MedlineCitation><PMID>7</MedlineCitation></PubmedArticle>"
END = b"</PubmedArticleSet>"
# More parts than the demonstration's rebuild has, whose figures are still told.
PART_MIB = 32

# What is in no record, such as white space between two.
OUTSIDE = 0.02
# A task's memory is scraped once in 10 s, before its peak; Airflow starts its process before its own clock runs.
MISSED, STARTING = 0.6, 8


def document(sample: Path) -> bytes:
    """The sample's file unpacked, with the broken records at its end."""
    whole, end, rest = gzip.decompress(sample.read_bytes()).rpartition(END)
    return whole + REJECTED * BROKEN + end + rest


def size(ran: Ran) -> float:
    """The object's, by the parts that it was cut into."""
    return of_warehouse("SELECT max(stop) FROM pubmed.rebuild_part")(ran)


def of_warehouse(statement: str) -> Value:
    return lambda ran: ran.figure(statement, database="warehouse")


def rows(ran: Ran) -> float:
    """As loaded, before any rule."""
    return of_warehouse("SELECT sum(value::bigint) FROM pubmed.rebuild_part, jsonb_each_text(rows)")(ran)


def peak(ran: Ran) -> float:
    """Of all tries that task-memory still told when the run began, or since."""
    statement = """SELECT max(peak_private_bytes) FROM windtunnel.task_memory
        WHERE (dag_id, task_id) = (%s, %s) AND ended_at > to_timestamp(%s)"""
    return ran.figure(statement, DAG, "load", ran.since - FORGET_SECONDS, database="warehouse")


def peak_of_run(ran: Ran) -> float:
    """Of the first of the tasks that load."""
    statement = """SELECT max(peak_private_bytes) FROM windtunnel.task_memory
        WHERE (dag_id, task_id, map_index, run_id) = (%s, %s, %s, %s)"""
    return ran.figure(statement, DAG, "load", 0, ran.run_id, database="warehouse")


def load_seconds(ran: Ran) -> float:
    return ran.times("load", "end_date")[-1] - ran.times("load", "start_date")[0]


figure = partial(Figure, BOARD)
LOAD = {"dag_id": DAG, "task_id": "load"}
FIRST = LOAD | {"map_index": "0"}

OF_MEMORY = figure(
    "Private memory of the job's tasks",
    "{{dag_id}} {{task_id}}[{{map_index}}] try {{try_number}}",
    most,
    peak_of_run,
    share=MISSED,
    labels=FIRST,
    of_run=True,
)

FIGURES = [
    # Progress
    figure("XML loaded", "loaded", newest, size, share=OUTSIDE),
    figure("Records read", "records", newest, exactly(RECORDS), REJECTED),
    figure("Records put aside", "put aside", newest, exactly(REJECTED)),
    figure("Time left", "left", newest, exactly(0)),
    figure("Bytes loaded and to load", "of all", newest, size, share=OUTSIDE),
    figure("Share done by phase", "{{phase}}", newest, exactly(1), OUTSIDE, labels={"phase": "load"}),
    # Speed: what it adds up to
    figure("XML per second", "loaded", total, size, share=OUTSIDE),
    figure("Records per second", "records", total, exactly(RECORDS), REJECTED),
    figure("Rows per second", "rows", total, rows, 1),
    figure(
        "Every task",
        "Rows",
        newest,
        of_warehouse("SELECT sum(value::int) FROM pubmed.rebuild_part, jsonb_each_text(rows) WHERE part = 1"),
        labels=FIRST,
    ),
    # Outcome
    figure("Rows by table", "{{table}}", newest, exactly(RECORDS), labels={"table": "article"}),
    figure("Time by phase", "{{phase}}", newest, load_seconds, STARTING, labels={"phase": "load"}),
    # Memory of its tasks
    OF_MEMORY,
    figure("Highest peak of each of the job's tasks", "{{dag_id}} {{task_id}}", newest, peak, 1 * MB, labels=LOAD),
]
