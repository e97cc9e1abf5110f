"""The dashboard *Environment*: the sections of AWS's own dashboard for MWAA, in its order, and the containers' detail.

Outside "Container detail" every query uses the names that Prometheus' cloudwatch_exporter gives CloudWatch's metrics,
so that the same dashboard shows a real MWAA. The order is that of https://github.com/aws-samples/amazon-mwaa-examples.
"""

from source.layout import Board, Row
from source.panels import ANY_IS_BAD, NONE_IS_BAD, PERCENT, SHARE, Panel, Query

HERE = 'environment="$environment"'
DAG = 'dag=~"$dag"'
TASK = 'dag=~"$dag", task=~"$task"'


def recorded(name: str, legend: str, labels: str = "") -> Query:
    """A series under MWAA's name; one value a minute in CloudWatch, the last 60 s here."""
    return Query(f"{name}{{{HERE}{', ' if labels else ''}{labels}}}", legend)


def contained(expression: str, legend: str = "{{cluster}}") -> Query:
    """A query about MWAA's containers; `@` stands for the labels that select them."""
    return Query(expression.replace("@", f'{{{HERE}, cluster!=""}}'), legend)


CONTAINERS = Row(
    "Containers",
    (
        (
            Panel(
                "timeseries",
                "CPU utilization",
                "percent",
                "CPU used, in percent of what the containers of a cluster may use. AWS alarms at 95 % for 15 minutes "
                "(workers: 30). Workers that stay at 100 % delay heartbeats: lower `celery.worker_autoscale`, add "
                "workers or take a larger class.",
                (recorded("aws_mwaa_cpuutilization_average", "{{cluster}}", 'cluster!=""'),),
                steps=PERCENT,
                maximum=100,
            ),
            Panel(
                "timeseries",
                "Memory utilization",
                "percent",
                "Memory used, in percent of the containers' limit: page cache that the kernel may drop at once is not "
                "in it. Over 90 % the next allocation may end in an OOM kill: see *Memory tuning* for the task that "
                "grows.",
                (recorded("aws_mwaa_memory_utilization_average", "{{cluster}}", 'cluster!=""'),),
                steps=PERCENT,
                maximum=100,
            ),
        ),
        (
            Panel(
                "timeseries",
                "Network received",
                "Bps",
                "Bytes per second that the containers of a cluster receive. Workers that download much are better "
                "served by streaming from S3 than by local copies.",
                (recorded("aws_mwaa_network_rx_bytes_average", "{{cluster}}", 'cluster!=""'),),
            ),
            Panel(
                "timeseries",
                "Network sent",
                "Bps",
                "Bytes per second that the containers of a cluster send; tasks' logs are part of it.",
                (recorded("aws_mwaa_network_tx_bytes_average", "{{cluster}}", 'cluster!=""'),),
            ),
            Panel(
                "timeseries",
                "Ephemeral storage used",
                "decmbytes",
                "What the containers have written to their own disk. MWAA's containers have 20 GB, and lose it when "
                "they are replaced: keep nothing there that a retry would miss, and delete temporary files.",
                (recorded("aws_mwaa_ephemeral_storage_utilized_average", "{{cluster}}", 'cluster!=""'),),
            ),
        ),
    ),
)

DETAIL = Row(
    "Container detail",
    (
        (
            Panel(
                "timeseries",
                "Working set",
                "bytes",
                "Memory that counts towards the limit, without inactive file cache: the best single distance to an "
                "OOM kill.",
                (contained("sum by (cluster) (container_memory_working_set_bytes@)"),),
            ),
            Panel(
                "timeseries",
                "Anonymous memory",
                "bytes",
                "What processes have allocated themselves. Without swap the kernel cannot take it back: growth here "
                "is growth of your code or of Airflow.",
                (contained("sum by (cluster) (container_memory_rss@)"),),
            ),
            Panel(
                "timeseries",
                "Share of the limit",
                "percentunit",
                "Working set against the limit of the fullest container in each cluster. Orange from 80 %, red from "
                "90 %, as the warnings; at 100 % the kernel kills.",
                (
                    contained(
                        "max by (cluster) (container_memory_working_set_bytes@ / container_spec_memory_limit_bytes@)"
                    ),
                ),
                steps=SHARE,
                maximum=1,
            ),
        ),
        (
            Panel(
                "stat",
                "OOM kills",
                "short",
                "Processes that the kernel has killed for memory since each container's start. More than none: "
                "*Memory tuning* names the task, `./windtunnel explain` the cause.",
                (contained("sum by (cluster) (container_oom_events_total@)"),),
                steps=ANY_IS_BAD,
            ),
            Panel(
                "stat",
                "Restarts",
                "short",
                "Times that Docker has restarted a container. One at a deployment is normal; more means that a main "
                "process dies: see `./windtunnel logs`.",
                (contained("sum by (cluster) (container_restarts_total@)"),),
                steps=ANY_IS_BAD,
            ),
            Panel(
                "stat",
                "Processes",
                "short",
                "Processes per cluster. A worker holds one per slot and two per running task; a number that climbs "
                "while nothing runs shows supervisors that never end.",
                (contained("sum by (cluster) (container_processes@)"),),
            ),
        ),
        (
            Panel(
                "timeseries",
                "CPU used",
                "short",
                "CPUs in use. Compare with the class: mw1.small has one per container.",
                (contained("sum by (cluster) (rate(container_cpu_usage_seconds_total@[$__rate_interval]))"),),
            ),
            Panel(
                "timeseries",
                "CPU throttled",
                "percentunit",
                "Share of the scheduler periods of 100 ms in which a container had used up its CPU and had to wait. "
                "Steady throttling makes every task slower and heartbeats late.",
                (
                    contained(
                        "sum by (cluster) (rate(container_cpu_cfs_throttled_periods_total@[$__rate_interval]))"
                        " / sum by (cluster) (rate(container_cpu_cfs_periods_total@[$__rate_interval]))"
                    ),
                ),
                steps=SHARE,
                maximum=1,
            ),
            Panel(
                "timeseries",
                "Memory pressure",
                "percentunit",
                "Share of time in which at least one process waited for memory: the earliest sign before an OOM kill.",
                (
                    contained(
                        "max by (cluster) (rate(container_pressure_memory_waiting_seconds_total@[$__rate_interval]))"
                    ),
                ),
                steps=((None, "green"), (0.1, "orange"), (0.3, "red")),
                needs_pressure=True,
            ),
        ),
        (
            Panel(
                "timeseries",
                "Disk read and written",
                "Bps",
                "Bytes per second to and from block devices. Tasks that spill to disk show here first.",
                (
                    contained(
                        "sum by (cluster) (rate(container_fs_reads_bytes_total@[$__rate_interval]))", "{{cluster}} read"
                    ),
                    contained(
                        "sum by (cluster) (rate(container_fs_writes_bytes_total@[$__rate_interval]))",
                        "{{cluster}} written",
                    ),
                ),
            ),
            Panel(
                "timeseries",
                "Disk used against 20 GB",
                "percentunit",
                "The containers' own layer against the 20 GB that a container has on MWAA. A full disk ends tasks with "
                "`No space left on device`.",
                (contained("max by (cluster) (container_fs_usage_bytes@ / container_fs_limit_bytes@)"),),
                steps=SHARE,
                maximum=1,
            ),
            Panel(
                "timeseries",
                "Network",
                "Bps",
                "Bytes per second received and sent, straight from the containers' interfaces.",
                (
                    contained(
                        "sum by (cluster) (rate(container_network_receive_bytes_total@[$__rate_interval]))",
                        "{{cluster}} received",
                    ),
                    contained(
                        "sum by (cluster) (rate(container_network_transmit_bytes_total@[$__rate_interval]))",
                        "{{cluster}} sent",
                    ),
                ),
            ),
        ),
    ),
)

DATABASE_AND_QUEUE = Row(
    "Database and queue",
    (
        (
            Panel(
                "timeseries",
                "Database CPU",
                "percent",
                "CPU of the metadata database. AWS alarms at 95 % for 15 minutes. Usual causes: top-level code in DAG "
                "files that asks for variables, thousands of dynamic tasks, history that is never cleaned.",
                (recorded("aws_mwaa_cpuutilization_average", "{{database_role}}", 'database_role!=""'),),
                steps=PERCENT,
                maximum=100,
            ),
            Panel(
                "timeseries",
                "Database connections",
                "short",
                "Open connections to the database, the warehouse's too. They grow with workers, schedulers and tasks "
                "that ask for variables; refused ones show as tasks that fail before their code.",
                (recorded("aws_mwaa_database_connections_average", "{{database_role}}"),),
            ),
            Panel(
                "timeseries",
                "Freeable memory",
                "bytes",
                "Memory that the database's machine could still use. AWS alarms under 512 MiB for 15 minutes.",
                (recorded("aws_mwaa_freeable_memory_average", "{{database_role}}"),),
                steps=((None, "red"), (512 * 2**20, "green")),
            ),
        ),
        (
            Panel(
                "timeseries",
                "Age of the oldest queued task",
                "s",
                "How long the task that waits longest has waited for a worker. AWS alarms over 30 minutes, when "
                "Airflow fails such a task. Grows when slots are full: *Workers and queue* tells which.",
                (recorded("aws_mwaa_approximate_age_of_oldest_task_maximum", "oldest task"),),
                steps=((None, "green"), (300, "orange"), (1800, "red")),
            ),
            Panel(
                "timeseries",
                "Tasks in the queue",
                "short",
                "Tasks that wait for a worker, and tasks that workers have taken. MWAA adds workers when their sum "
                "exceeds the slots.",
                (
                    recorded("aws_mwaa_queued_tasks_average", "queued"),
                    recorded("aws_mwaa_running_tasks_average", "running"),
                ),
            ),
            Panel(
                "timeseries",
                "Database writes",
                "Bps",
                "Bytes per second that the metadata database writes: task states, heartbeats, serialized DAGs, XComs. "
                "Large XComs belong in S3.",
                (recorded("aws_mwaa_write_throughput_average", "{{database_role}}"),),
            ),
        ),
    ),
)

SCHEDULER = Row(
    "Scheduler",
    (
        (
            Panel(
                "timeseries",
                "Scheduler heartbeat",
                "short",
                "Heartbeats in the last minute. None for ten minutes is AWS's first alarm: nothing is scheduled then. "
                "Look at the scheduler's memory and log.",
                (recorded("amazonmwaa_scheduler_heartbeat_sum", "heartbeats"),),
                steps=NONE_IS_BAD,
            ),
            Panel(
                "timeseries",
                "Scheduler loop",
                "ms",
                "How long one round of the scheduler takes, and its critical section, in which only one scheduler "
                "works. Seconds here delay every task: fewer DAGs and tasks, or a larger class.",
                (
                    recorded("amazonmwaa_scheduler_loop_duration_average", "loop"),
                    recorded("amazonmwaa_critical_section_duration_average", "critical section"),
                ),
            ),
            Panel(
                "timeseries",
                "Executor",
                "short",
                "What the executor holds: running and queued tasks, and slots that are open (from `core.parallelism`).",
                (
                    recorded("amazonmwaa_running_tasks_average", "running"),
                    recorded("amazonmwaa_queued_tasks_average", "queued"),
                    recorded("amazonmwaa_open_slots_average", "open slots"),
                ),
            ),
        ),
        (
            Panel(
                "timeseries",
                "Tasks ready and starving",
                "short",
                "Tasks that could be queued now, and those that could not for want of a pool slot. Starving tasks "
                "need a larger pool or fewer `pool_slots`.",
                (
                    recorded("amazonmwaa_tasks_executable_average", "executable"),
                    recorded("amazonmwaa_tasks_starving_average", "starving"),
                ),
            ),
            Panel(
                "timeseries",
                "Orphaned tasks",
                "short",
                "Tasks of a scheduler that went away, adopted or cleared by another in the last minute. Other than "
                "none outside a restart: the scheduler dies.",
                (
                    recorded("amazonmwaa_orphaned_tasks_adopted_sum", "adopted"),
                    recorded("amazonmwaa_orphaned_tasks_cleared_sum", "cleared"),
                ),
                steps=ANY_IS_BAD,
            ),
            Panel(
                "timeseries",
                "Tasks lost",
                "short",
                "Tasks in the last minute whose heartbeat stopped or that were killed from outside. The usual cause is "
                "memory: *Memory tuning* has the verdicts.",
                (
                    recorded("amazonmwaa_zombies_killed_sum", "without heartbeat"),
                    recorded("amazonmwaa_tasks_killed_externally_sum", "killed externally"),
                ),
                steps=ANY_IS_BAD,
                needs_fault=True,
            ),
        ),
    ),
)

DAG_PROCESSING = Row(
    "DAG processing",
    (
        (
            Panel(
                "stat",
                "DAGs",
                "short",
                "DAGs found. Fewer than expected: an import error, or a file that `.airflowignore` hides.",
                (recorded("amazonmwaa_dag_bag_size_average", "DAGs"),),
            ),
            Panel(
                "stat",
                "Import errors",
                "short",
                "Files that could not be imported. The web interface shows each error; `./windtunnel doctor` too.",
                (recorded("amazonmwaa_import_errors_average", "import errors"),),
                steps=ANY_IS_BAD,
            ),
            Panel(
                "stat",
                "Time to parse all files",
                "s",
                "Seconds that the last round of parsing took: over all DAG files, or over those that were due. More "
                "than the 30 s of `min_file_process_interval` delays every change: move work out of the files' top "
                "level.",
                (recorded("amazonmwaa_total_parse_time_average", "parse time"),),
                steps=((None, "green"), (15, "orange"), (30, "red")),
                decimals=2,
            ),
        ),
        (
            Panel(
                "timeseries",
                "Parse time by file",
                "s",
                "How long each file takes. A jump after an edit shows what slows the DAG processor.",
                (recorded("amazonmwaa_dagfile_processing_last_duration_average", "{{dag_filename}}"),),
            ),
            Panel(
                "timeseries",
                "Since a file was last parsed",
                "s",
                "Seconds since each file was parsed. It must stay near the parse interval; growth means a stuck DAG "
                "processor.",
                (recorded("amazonmwaa_dagfile_processing_last_run_seconds_ago_average", "{{dag_filename}}"),),
            ),
            Panel(
                "timeseries",
                "Parse processes started",
                "short",
                "Processes that the DAG processor started in the last minute, one a file.",
                (recorded("amazonmwaa_processes_sum", "processes"),),
            ),
        ),
    ),
)

TASKS = Row(
    "Tasks",
    (
        (
            Panel(
                "timeseries",
                "Tasks finished",
                "short",
                "Tasks that finished in the last minute, by state. A task that the kernel killed is not in it: it "
                "never says that it ended.",
                (Query(f"sum by (state) (amazonmwaa_task_instance_finished_sum{{{HERE}, {TASK}}})", "{{state}}"),),
                stacked=True,
            ),
            Panel(
                "timeseries",
                "Duration of tasks",
                "ms",
                "How long tasks ran that finished in the last minute.",
                (recorded("amazonmwaa_task_instance_duration_average", "{{dag}} {{task}}", TASK),),
            ),
            Panel(
                "timeseries",
                "Duration of runs",
                "ms",
                "How long DAG runs took that succeeded in the last minute.",
                (recorded("amazonmwaa_dagduration_success_average", "{{dag}}", DAG),),
            ),
        ),
        (
            Panel(
                "timeseries",
                "Tasks started and succeeded",
                "short",
                "Tasks in the last minute. Started and never finished: killed. Compare over some minutes.",
                (
                    recorded("amazonmwaa_started_task_instances_sum", "started"),
                    recorded("amazonmwaa_task_instance_successes_sum", "succeeded"),
                ),
            ),
            Panel(
                "timeseries",
                "Tasks failed",
                "short",
                "Tasks that failed in the last minute. Their logs say why; `./windtunnel explain` sums it up.",
                (recorded("amazonmwaa_task_instance_failures_sum", "failed"),),
                steps=ANY_IS_BAD,
                needs_fault=True,
            ),
            Panel(
                "timeseries",
                "Pools",
                "short",
                "Slots of each pool that are open. A pool at none holds back its tasks whatever workers are free.",
                (recorded("amazonmwaa_pool_open_slots_average", "{{pool}}"),),
            ),
        ),
    ),
)

TRIGGERER = Row(
    "Triggerer",
    (
        (
            Panel(
                "timeseries",
                "Triggerer heartbeat",
                "short",
                "Heartbeats in the last minute. None: deferred tasks never come back.",
                (recorded("amazonmwaa_triggerer_heartbeat_sum", "heartbeats"),),
                steps=NONE_IS_BAD,
            ),
            Panel(
                "timeseries",
                "Triggers running",
                "short",
                "Deferred tasks that the triggerer watches. mw1.small carries 60 per scheduler.",
                (recorded("amazonmwaa_triggers_running_average", "{{host_name}}"),),
            ),
            Panel(
                "timeseries",
                "Triggers ended",
                "short",
                "Triggers that fired, failed or blocked the event loop in the last minute. "
                "A blocked loop holds up all of them: such a trigger calls blocking code.",
                (
                    recorded("amazonmwaa_triggers_succeeded_sum", "fired"),
                    recorded("amazonmwaa_triggers_failed_sum", "failed"),
                    recorded("amazonmwaa_triggers_blocked_main_thread_sum", "blocked the loop"),
                ),
                needs_fault=True,
            ),
        ),
    ),
)

BOARD = Board(
    "environment",
    "Environment",
    "Is the environment well? AWS's own sections for MWAA, under MWAA's names.",
    (CONTAINERS, DETAIL, DATABASE_AND_QUEUE, SCHEDULER, DAG_PROCESSING, TASKS, TRIGGERER),
)
