"""The dashboard *Rebuild job*: how far is it, how fast, what did it put aside, and what did it cost in memory.

The job sends its gauges every five seconds; they stay for ten minutes after its end. `last_over_time` shows in tables
and bars what is older than that.
"""

from source.growth import growth
from source.layout import Board, Row
from source.panels import ANY_IS_BAD, Panel, Query

OF = 'environment="$environment", dag_id=~"$dag"'
TASK = f'{OF}, task_id=~"$task"'
LOAD = f'{TASK}, phase="load"'

PART = "(environment, dag_id, task_id, map_index, phase)"
OF_TASK = "{{dag_id}} {{task_id}}"
OF_TRY = "{{dag_id}} {{task_id}}[{{map_index}}] try {{try_number}}"

# Every task of a DAG that rebuilds, those without progress of their own too.
REBUILDS = f"on (environment, dag_id) last_over_time(airflow_rebuild_bytes{{{OF}}}[$__range])"

PEAK = f"max_over_time(windtunnel_task_memory_peak_private_bytes{{{TASK}}}[$__range])"


def total(name: str) -> str:
    return f"sum by (environment) (airflow_rebuild_{name}{{{LOAD}}})"


def speed(name: str) -> str:
    """A second, over the last minute."""
    return f"sum by (environment) ({growth(f'airflow_rebuild_done_{name}{{{LOAD}}}', 1)}) / 60"


def by_phase(name: str) -> str:
    return f"sum by (environment, phase) (airflow_rebuild_{name}{{{TASK}}})"


def last(name: str) -> str:
    return f"sum by {PART} (last_over_time(airflow_rebuild_{name}{{{TASK}}}[$__range]))"


PROGRESS = Row(
    "Progress",
    (
        (
            Panel(
                "stat",
                "XML loaded",
                "decbytes",
                "Unpacked XML that the job's tasks have loaded by now, those that have ended in the last minutes too.",
                (Query(total("bytes"), "loaded"),),
            ),
            Panel(
                "stat",
                "Records read",
                "short",
                "Records that the job's tasks have read by now, before any rule takes some of them away.",
                (Query(total("records"), "records"),),
            ),
            Panel(
                "stat",
                "Records put aside",
                "short",
                "Records that could not be read. Table `rebuild_reject` holds each with its place, reason and text; "
                "over the parameter `max_rejected` the job fails.",
                (Query(total("rejected"), "put aside"),),
                steps=ANY_IS_BAD,
            ),
            Panel(
                "stat",
                "Time left",
                "s",
                "Of the slowest of the tasks at work, at its mean speed. Tasks that wait for a slot are not in it.",
                (Query(f"max by (environment) (airflow_rebuild_seconds_left{{{TASK}}})", "left"),),
            ),
        ),
        (
            Panel(
                "timeseries",
                "Bytes loaded and to load",
                "decbytes",
                "Unpacked XML loaded, against all that the tasks begun so far will load. Of a packed object that is an "
                "estimate, which settles within seconds.",
                (Query(total("bytes"), "loaded"), Query(total("total_bytes"), "of all")),
            ),
            Panel(
                "timeseries",
                "Share done by phase",
                "percentunit",
                "Bytes done of those to do: in `load` of XML, in `finish` of tables that get their keys and indexes.",
                (Query(f"{by_phase('bytes')} / {by_phase('total_bytes')}", "{{phase}}"),),
                maximum=1,
            ),
        ),
    ),
)

SPEED = Row(
    "Speed",
    (
        (
            Panel(
                "timeseries",
                "XML per second",
                "Bps",
                "Of all tasks that load, over the last minute. If it does not rise with more tasks, look at the "
                "processors of the workers and of Postgres.",
                (Query(speed("bytes"), "loaded"),),
            ),
            Panel(
                "timeseries",
                "Records per second",
                "short",
                "Of all tasks that load, over the last minute. A part of long records has fewer of them at the same "
                "speed in bytes.",
                (Query(speed("records"), "records"),),
            ),
            Panel(
                "timeseries",
                "Rows per second",
                "short",
                "Rows of all tables that go into Postgres, over the last minute: its side of the work.",
                (Query(speed("rows"), "rows"),),
            ),
        ),
        (
            Panel(
                "table",
                "Every task",
                "short",
                "What each task of the chosen time came to, by phase. One that is much larger than the others makes "
                "all wait: choose smaller parts.",
                (
                    Query(last("bytes"), "Bytes"),
                    Query(last("records"), "Records"),
                    Query(last("rows"), "Rows"),
                    Query(last("rejected"), "Put aside"),
                ),
                columns={"Bytes": "decbytes"},
            ),
        ),
    ),
)

OUTCOME = Row(
    "Outcome",
    (
        (
            Panel(
                "bargauge",
                "Rows by table",
                "short",
                "Rows of each table of the last rebuild that was published. A table that shrank or grew by more than "
                "the parameter `difference` would have failed the check.",
                (
                    Query(
                        f"max by (environment, dag_id, table) "
                        f"(last_over_time(airflow_rebuild_table_rows{{{OF}}}[$__range]))",
                        "{{table}}",
                    ),
                ),
            ),
            Panel(
                "bargauge",
                "Time by phase",
                "s",
                "What the phases of the last rebuild took: `load` from the first task's beginning to the last one's "
                "end, the others without Airflow's time between tasks.",
                (
                    Query(
                        f"max by (environment, dag_id, phase) "
                        f"(last_over_time(airflow_rebuild_phase_seconds{{{OF}}}[$__range]))",
                        "{{phase}}",
                    ),
                ),
            ),
        ),
    ),
)

MEMORY = Row(
    "Memory of its tasks",
    (
        (
            Panel(
                "timeseries",
                "Private memory of the job's tasks",
                "bytes",
                "What each task has added to what it started with. It does not grow with the input: a line that rises "
                "for minutes is a fault to report.",
                (Query(f"windtunnel_task_memory_private_bytes{{{TASK}}} and {REBUILDS}", OF_TRY),),
                log_link=True,
            ),
            Panel(
                "bargauge",
                "Highest peak of each of the job's tasks",
                "bytes",
                "The most that any try of the task added in the chosen time. Compare it with the budget of a slot in "
                "*Memory tuning*.",
                (
                    Query(
                        f"max by (environment, dag_id, task_id) ({PEAK} and {REBUILDS})",
                        OF_TASK,
                    ),
                ),
            ),
        ),
    ),
)

BOARD = Board(
    "rebuild-job",
    "Rebuild job",
    "How far the rebuild of a database is, how fast, what it put aside, and what it took in memory.",
    (PROGRESS, SPEED, OUTCOME, MEMORY),
)
