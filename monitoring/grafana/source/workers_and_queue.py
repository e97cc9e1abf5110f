"""The dashboard *Workers and queue*: does work wait, for what, and do the workers work."""

from source.growth import HERE, growth
from source.layout import Board, Row
from source.panels import ANY_IS_BAD, NONE_IS_BAD, SHARE, Panel, Query

TASK = f'{HERE}, dag_id=~"$dag", task_id=~"$task"'
FINISHED = f'{HERE}, dag=~"$dag", task=~"$task"'

IN_REDIS = f'sum by (environment) (redis_key_size{{{HERE}, key="default"}})'
# Redis deletes a list with its last message: while it answers, a key that is not there has none.
EMPTY = f"(max by (environment) (redis_up{{{HERE}}}) == 1) * 0"

WAITING = ((None, "green"), (300, "orange"), (1800, "red"))


def total(series: str) -> str:
    return f"sum by (environment) ({series}{{{HERE}}})"


def by(label: str, series: str, labels: str = HERE) -> str:
    return f"sum by ({label}) ({series}{{{labels}}})"


def rate(label: str, series: str) -> str:
    return f"sum by ({label}) (rate({series}{{{HERE}}}[$__rate_interval]))"


def quantile(share: float, series: str) -> str:
    return f"histogram_quantile({share}, sum by (le) ({growth(f'{series}_bucket{{{TASK}}}', 5)}))"


NOW = Row(
    "Now",
    (
        (
            Panel(
                "stat",
                "Running tasks",
                "short",
                "Tasks that workers run, as Airflow's database has it.",
                (Query(total("airflow_queue_running_tasks"), "running"),),
            ),
            Panel(
                "stat",
                "Queued tasks",
                "short",
                "Tasks that wait for a worker. Some are normal as a run starts; more for minutes: slots are full.",
                (Query(total("airflow_queue_queued_tasks"), "queued"),),
            ),
            Panel(
                "stat",
                "Oldest queued task",
                "s",
                "How long the task that waits longest has waited. Airflow fails it after 30 minutes.",
                (Query(f"max by (environment) (airflow_queue_oldest_task_age_seconds{{{HERE}}})", "age"),),
                steps=WAITING,
            ),
            Panel(
                "stat",
                "Worker load",
                "percentunit",
                "Share of the workers' capacity that is in use (Turbine's measure): at 90 % add a worker, at 50 % "
                "remove one.",
                (Query(f"max by (environment) (turbine_worker_load{{{HERE}}})", "load"),),
                steps=SHARE,
                maximum=1,
            ),
            Panel(
                "stat",
                "Workers online",
                "short",
                "Workers that send Celery's heartbeat. None: the queue fills, nothing runs.",
                (Query(total("flower_worker_online"), "workers"),),
                steps=NONE_IS_BAD,
            ),
            Panel(
                "stat",
                "Supervisors without a child",
                "short",
                "Supervisors whose task has ended and that hang for more than a minute, each with some 340 MB. More "
                "than none: restart that worker when it is idle.",
                (Query(total("windtunnel_supervisors_without_child"), "supervisors"),),
                steps=ANY_IS_BAD,
            ),
        ),
    ),
)

QUEUE = Row(
    "Queue",
    (
        (
            Panel(
                "timeseries",
                "Tasks running and queued",
                "short",
                "The queue in Airflow's database. Queued while fewer run than there are slots: look at pools, "
                "`max_active_tasks`, and the scheduler's heartbeat.",
                (
                    Query(total("airflow_queue_running_tasks"), "running"),
                    Query(total("airflow_queue_queued_tasks"), "queued"),
                    Query(total("windtunnel_worker_slots"), "slots of all workers"),
                ),
            ),
            Panel(
                "timeseries",
                "Age of the oldest queued task",
                "s",
                "Grows by a second a second while nothing takes the task: workers are full or away.",
                (Query(f"max by (environment) (airflow_queue_oldest_task_age_seconds{{{HERE}}})", "oldest task"),),
                steps=WAITING,
            ),
            Panel(
                "timeseries",
                "Messages in Redis",
                "short",
                "Messages in Celery's queue that no worker has taken. More messages than queued tasks in the database: "
                "something else uses the queue, or tasks were cleared.",
                (Query(f"{IN_REDIS} or on (environment) {EMPTY}", "messages"),),
            ),
        ),
        (
            Panel(
                "timeseries",
                "From queued to started",
                "s",
                "Mean time from queued to started of the tasks that started in the last five minutes. Airflow itself "
                "reports none. Seconds are normal; more: all slots are taken, or a worker is away.",
                (Query(f"max by (queue) (airflow_queue_start_delay_seconds{{{HERE}}})", "{{queue}}"),),
            ),
            Panel(
                "timeseries",
                "From scheduled to queued",
                "s",
                "How long tasks waited for a slot in a pool and in the executor: half of them at most, and 95 % at "
                "most. High while workers idle: pools, parallelism, or a slow scheduler.",
                (
                    Query(quantile(0.5, "airflow_task_scheduled_duration"), "half"),
                    Query(quantile(0.95, "airflow_task_scheduled_duration"), "95 %"),
                ),
            ),
            Panel(
                "timeseries",
                "Executor's slots",
                "short",
                "What the executor may still send (`core.parallelism`), has sent, and holds. None open: nothing more "
                "is queued, whatever workers are free.",
                (
                    Query(by("status", "airflow_executor_open_slots"), "{{status}}"),
                    Query(by("status", "airflow_executor_running_tasks"), "{{status}}"),
                    Query(by("status", "airflow_executor_queued_tasks"), "{{status}}"),
                ),
            ),
        ),
    ),
)

POOLS = Row(
    "Pools",
    (
        (
            Panel(
                "timeseries",
                "Open slots",
                "short",
                "Slots that each pool has left. None left: its tasks wait, whatever workers are free.",
                (Query(by("pool_name", "airflow_pool_open_slots"), "{{pool_name}}"),),
            ),
            Panel(
                "timeseries",
                "Slots in use",
                "short",
                "Slots of all pools by what they hold. Deferred ones count only in pools that include them.",
                (
                    Query(total("airflow_pool_running_slots"), "running"),
                    Query(total("airflow_pool_queued_slots"), "queued"),
                    Query(total("airflow_pool_scheduled_slots"), "scheduled"),
                    Query(total("airflow_pool_deferred_slots"), "deferred"),
                ),
                stacked=True,
            ),
            Panel(
                "timeseries",
                "Starving tasks",
                "short",
                "Tasks that their pool has no slot for. Raise the pool's slots, or the tasks wait in turn, as meant.",
                (Query(by("pool_name", "airflow_pool_starving_tasks"), "{{pool_name}}"),),
                steps=((None, "green"), (1, "orange")),
            ),
        ),
    ),
)

WORKERS = Row(
    "Workers",
    (
        (
            Panel(
                "timeseries",
                "Load",
                "percentunit",
                "Share of the workers' capacity in use (Turbine's measure). It is 100 % when all slots are taken; "
                "near none for long: fewer workers would do.",
                (Query(f"max by (environment) (turbine_worker_load{{{HERE}}})", "load"),),
                steps=SHARE,
                maximum=1,
            ),
            Panel(
                "timeseries",
                "Tasks in work, by worker",
                "short",
                "Tasks that each Celery worker runs. One at none beside full ones: it does not take messages.",
                (Query(by("worker", "flower_worker_number_of_currently_executing_tasks"), "{{worker}}"),),
            ),
            Panel(
                "timeseries",
                "Supervisors without a child, by worker",
                "short",
                "A count that stays is Airflow's leak of supervisors: memory shrinks with each.",
                (Query(by("container", "windtunnel_supervisors_without_child"), "{{container}}"),),
                steps=ANY_IS_BAD,
            ),
        ),
        (
            Panel(
                "timeseries",
                "Celery's events",
                "ops",
                "Events per second that workers send to Flower: sent, received, started, succeeded. Airflow 3 reports "
                "success to Celery even for a killed task: judge by *Tasks finished*.",
                (Query(rate("type", "flower_events_total"), "{{type}}"),),
            ),
            Panel(
                "timeseries",
                "Heartbeats",
                "ops",
                "Heartbeats per second of scheduler, DAG processor and triggerer. A line that ends is a component that "
                "hangs or is gone.",
                (
                    Query(rate("environment", "airflow_scheduler_heartbeat"), "scheduler"),
                    Query(rate("environment", "airflow_dag_processor_heartbeat"), "DAG processor"),
                    Query(rate("environment", "airflow_triggerer_heartbeat"), "triggerer"),
                ),
            ),
            Panel(
                "timeseries",
                "Memory of the workers, in shares of the limit",
                "percentunit",
                "Working set over limit. Full memory with free slots: lower `celery.worker_autoscale`; see *Memory "
                "tuning*.",
                (
                    Query(
                        f'container_memory_working_set_bytes{{{HERE}, cluster=~".+Worker"}}'
                        f' / container_spec_memory_limit_bytes{{{HERE}, cluster=~".+Worker"}}',
                        "{{container}}",
                    ),
                ),
                steps=SHARE,
                maximum=1,
            ),
        ),
    ),
)

THROUGHPUT = Row(
    "Throughput",
    (
        (
            Panel(
                "timeseries",
                "Tasks finished",
                "ops",
                "Tasks per second over the last minute, by the state in which they ended. A killed task is not in it.",
                (Query(f"{by('state', 'amazonmwaa_task_instance_finished_sum', FINISHED)} / 60", "{{state}}"),),
                stacked=True,
            ),
            Panel(
                "timeseries",
                "Tasks started and finished since the start",
                "short",
                "Counted since statsd-exporter's start. Lines that part for good: tasks were killed, for a killed task "
                "never reports its end.",
                (
                    Query(by("environment", "airflow_ti_start", TASK), "started"),
                    Query(by("environment", "airflow_ti_finish", TASK), "finished"),
                ),
            ),
            Panel(
                "timeseries",
                "Duration of tasks",
                "s",
                "Half of the tasks took at most, and 95 % at most, over five minutes.",
                (
                    Query(quantile(0.5, "airflow_task_duration"), "half"),
                    Query(quantile(0.95, "airflow_task_duration"), "95 %"),
                ),
            ),
        ),
    ),
)

BOARD = Board(
    "workers-and-queue",
    "Workers and queue",
    "Does work wait, for what, and do the workers work?",
    (NOW, QUEUE, POOLS, WORKERS, THROUGHPUT),
)
