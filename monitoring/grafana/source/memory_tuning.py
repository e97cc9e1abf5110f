"""The dashboard *Memory tuning*: which task needs how much, what that is of a slot's budget, and what was killed.

The budget of a slot is (limit of a worker − what an idle worker holds) / slots: while every task stays under it, any
mix of tasks fits. What an idle worker holds is what its anonymous memory was under for a tenth of the chosen time.
"""

from source.layout import Board, Row
from source.panels import ANY_IS_BAD, SHARE, Panel, Query, Steps
from windtunnel.classes import WITH_WORKERS

WORKER = '{environment="$environment", cluster=~".+Worker"}'
MWAA = '{environment="$environment", cluster!=""}'
TASK = '{environment="$environment", dag_id=~"$dag", task_id=~"$task"}'
RUNNING = '{environment="$environment"}'

LIMIT = f"min by (environment) (container_spec_memory_limit_bytes{WORKER})"
# The least would be what a worker held while it started.
IDLE = f"max by (environment) (quantile_over_time(0.1, container_memory_rss{WORKER}[$__range]))"
SLOTS = f"min by (environment) (windtunnel_worker_slots{WORKER})"
BUDGET = f"(({LIMIT} - {IDLE}) / {SLOTS})"

PEAK = f"max_over_time(windtunnel_task_memory_peak_private_bytes{TASK}[$__range])"
PEAK_OF_TASK = f"max by (environment, dag_id, task_id) ({PEAK})"
TRY = "(environment, dag_id, task_id, map_index, run_id, try_number)"
OF_TASK = "{{dag_id}} {{task_id}}"
OF_TRY = "{{dag_id}} {{task_id}}[{{map_index}}] try {{try_number}}"

FULL = f"{IDLE} + on (environment) group_right () ({PEAK_OF_TASK} * on (environment) group_left () {SLOTS})"
LARGEST = f"{SLOTS} * max by (environment) ({PEAK})"

# A task that has ended reads 0 for some minutes.
ADDED = f"(windtunnel_task_memory_private_bytes{TASK} > 0)"
HELD = f"sum by (environment, container) (windtunnel_task_memory_private_bytes{RUNNING})"
ANONYMOUS = f"sum by (environment, container) (container_memory_rss{WORKER})"
ITSELF = f"({ANONYMOUS} - on (environment, container) {HELD}) or on (environment, container) {ANONYMOUS}"
OTHERS = f"{HELD} - on (environment, container) group_right () {ADDED}"

GIB = 2**30
SIZES = [one.worker[1] * GIB for one in WITH_WORKERS.values()]
CLASS_STEPS: Steps = ((None, "green"), *zip(SIZES, ("yellow", "orange", "red", "purple", "dark-red"), strict=True))
CLASS_NAMES: dict[tuple[float, float | None], str] = {
    **{(low, high): name for low, high, name in zip([0, *SIZES], SIZES, WITH_WORKERS, strict=False)},
    (SIZES[-1], None): "none: fewer slots",
}


BUDGETS = Row(
    "Peak against the budget",
    (
        (
            Panel(
                "stat",
                "Limit of a worker",
                "bytes",
                "Memory limit of one worker's container, as the environment class gives it. The kernel kills at it.",
                (Query(LIMIT, "limit"),),
            ),
            Panel(
                "stat",
                "An idle worker holds",
                "bytes",
                "What a worker's anonymous memory was under for a tenth of the chosen time: Celery, its pool and what "
                "they have imported. Choose a time in which it was idle for a while. Fewer slots make it smaller.",
                (Query(IDLE, "idle worker"),),
            ),
            Panel(
                "stat",
                "Slots of a worker",
                "short",
                "Tasks that one worker runs at once: `celery.worker_autoscale`. Fewer slots give each a larger budget.",
                (Query(SLOTS, "slots"),),
            ),
            Panel(
                "stat",
                "Budget of a slot",
                "bytes",
                "(Limit − idle worker) / slots: what each task may add while all slots are busy. A task's own process "
                "costs some 60 MB before its code begins: keep peaks under 80 % of the budget.",
                (Query(BUDGET, "budget"),),
            ),
        ),
        (
            Panel(
                "bargauge",
                "Peak of each task, in shares of the budget",
                "percentunit",
                "Highest private memory of each task in the chosen time over the budget of a slot. Over 100 %, a "
                "worker full of this task is killed. Stream instead of collecting, split the task, give it more "
                "`pool_slots`, or lower `celery.worker_autoscale`.",
                (Query(f"{PEAK_OF_TASK} / on (environment) group_left () {BUDGET}", OF_TASK),),
                steps=SHARE,
                maximum=1,
            ),
            Panel(
                "bargauge",
                "How many fit in a worker at once",
                "short",
                "(Limit − idle worker) / peak of the task: so many of this task can run at once in one worker. Fewer "
                "than the slots: a pool of this size keeps them apart.",
                (Query(f"({LIMIT} - {IDLE}) / on (environment) group_right () {PEAK_OF_TASK}", OF_TASK),),
                decimals=0,
            ),
        ),
        (
            Panel(
                "table",
                "Every try",
                "bytes",
                "Each try in the chosen time: what it added at its peak, its peaks of resident and proportional "
                "memory, and what it started with. A click on the task leads to its log.",
                (
                    Query(f"max by {TRY} ({PEAK})", "Peak private"),
                    Query(f"max by {TRY} ({PEAK}) / on (environment) group_left () {BUDGET}", "Share of the budget"),
                    Query(f"max by {TRY} ({PEAK.replace('peak_private', 'peak_rss')})", "Peak RSS"),
                    Query(f"max by {TRY} ({PEAK.replace('peak_private', 'peak_pss')})", "Peak PSS"),
                    Query(f"max by {TRY} ({PEAK.replace('peak_private', 'baseline')})", "Baseline"),
                ),
                columns={"Share of the budget": "percentunit"},
                log_link=True,
            ),
        ),
    ),
)

OVER_TIME = Row(
    "Tasks over time",
    (
        (
            Panel(
                "timeseries",
                "Private memory of running tasks",
                "bytes",
                "What each running task has added by now, its child processes included. A staircase is a list that "
                "collects; a saw is work in batches, as it should be. Click a line for the task's log.",
                (Query(ADDED, OF_TRY),),
                log_link=True,
            ),
            Panel(
                "timeseries",
                "Growth of running tasks",
                "Bps",
                "Slope of each task's private memory over 30 s. A line that stays above none is a leak: the limit less "
                "the working set, divided by it, is the time that is left.",
                (Query(f"windtunnel_task_memory_growth_bytes_per_second{TASK}", OF_TRY),),
                minimum=None,
                log_link=True,
            ),
        ),
        (
            Panel(
                "timeseries",
                "What fills a worker",
                "bytes",
                "Anonymous memory of each worker: what tasks have added, and the rest (Celery, pool, supervisors). At "
                "a kill, the tasks at that moment share the blame: the one that grew is the culprit.",
                (
                    Query(f"windtunnel_task_memory_private_bytes{RUNNING} > 0", OF_TRY),
                    Query(
                        ITSELF,
                        "{{container}} itself",
                    ),
                ),
                stacked=True,
                log_link=True,
            ),
            Panel(
                "bargauge",
                "Neighbours at their most",
                "bytes",
                "The most that other tasks held in the same worker while this task ran. A task that died with a small "
                "peak and large neighbours died for them: separate them by a pool or a queue.",
                (
                    Query(
                        f"max by (environment, dag_id, task_id) (max_over_time(({OTHERS})[$__range:10s]))",
                        OF_TASK,
                    ),
                ),
            ),
        ),
    ),
)

HEADROOM = Row(
    "Headroom per class",
    (
        (
            Panel(
                "stat",
                "Smallest class for these tasks",
                "bytes",
                "The smallest class whose worker holds, with as many slots as now, the largest task in every slot. "
                "MWAA's default slots double with the class: set `celery.worker_autoscale` when you change it.",
                (Query(f"{IDLE} + {LARGEST}", "needs"),),
                steps=CLASS_STEPS,
                texts=CLASS_NAMES,
            ),
            Panel(
                "stat",
                "Headroom in this class",
                "percentunit",
                "Share of the limit that is left when every slot runs the largest task of the chosen time. Below none, "
                "such a moment is an OOM kill.",
                (
                    Query(
                        f"({LIMIT} - {IDLE} - {LARGEST}) / {LIMIT}",
                        "headroom",
                    ),
                ),
                steps=((None, "red"), (0.1, "orange"), (0.2, "green")),
                minimum=None,
            ),
        ),
        (
            Panel(
                "bargauge",
                "A worker full of this task needs",
                "bytes",
                "Idle worker + slots × peak of the task. Colours change at the workers' memory by class: "
                + ", ".join(f"{name} {size // GIB} GiB" for name, size in zip(WITH_WORKERS, SIZES, strict=True))
                + ". Dark red is more than any class has.",
                (
                    Query(
                        FULL,
                        OF_TASK,
                    ),
                ),
                steps=CLASS_STEPS,
            ),
        ),
    ),
)

CONTAINERS = Row(
    "Containers' memory",
    (
        (
            Panel(
                "timeseries",
                "Page cache against anonymous memory",
                "bytes",
                "What workers' processes hold (anonymous) and files that the kernel caches for them. Cache is dropped "
                "before a kill: only anonymous memory is a need. Cache that grows is no leak.",
                (
                    Query(f"container_memory_rss{WORKER}", "{{container}} anonymous"),
                    Query(f"container_memory_cache{WORKER}", "{{container}} page cache"),
                ),
                stacked=True,
            ),
            Panel(
                "timeseries",
                "Working set against the limit",
                "bytes",
                "Working set of each worker, its highest usage ever (page cache included), and the limit.",
                (
                    Query(f"container_memory_working_set_bytes{WORKER}", "{{container}} working set"),
                    Query(f"container_memory_max_usage_bytes{WORKER}", "{{container}} peak"),
                    Query(f"container_spec_memory_limit_bytes{WORKER}", "{{container}} limit"),
                ),
            ),
        ),
        (
            Panel(
                "bargauge",
                "Container peak, in shares of the limit",
                "percentunit",
                "Highest working set of each container in the chosen time over its limit. Over 90 % the container is "
                "one task away from a kill.",
                (
                    Query(
                        f"max_over_time(container_memory_working_set_bytes{MWAA}[$__range])"
                        f" / max_over_time(container_spec_memory_limit_bytes{MWAA}[$__range])",
                        "{{container}}",
                    ),
                ),
                steps=SHARE,
                maximum=1,
            ),
            Panel(
                "bargauge",
                "Leak slope of the containers",
                "Bps",
                "Slope of each container's anonymous memory over the chosen time: choose hours. Growth while tasks "
                "come and go is Airflow's or a library's leak, not a task's: compare *Supervisors without a child* in "
                "*Workers and queue*.",
                (
                    Query(
                        f"deriv(container_memory_rss{MWAA}[$__range])",
                        "{{container}}",
                    ),
                ),
                minimum=None,
            ),
        ),
    ),
)

KILLS = Row(
    "OOM history",
    (
        (
            Panel(
                "timeseries",
                "OOM kills by container",
                "short",
                "Processes that the kernel has killed for memory, counted since each container's start. A step is a "
                "kill: the verdict beside names the task.",
                (Query(f"container_oom_events_total{MWAA}", "{{container}}"),),
                steps=ANY_IS_BAD,
            ),
            Panel(
                "timeseries",
                "Allocations at the limit",
                "short",
                "Times that a worker hit its limit and the kernel had to take page cache back. Many without a kill: "
                "close to the edge, and slow.",
                (Query(f"container_memory_failcnt{WORKER}", "{{container}}"),),
            ),
            Panel(
                "timeseries",
                "Killed tasks",
                "short",
                "Tasks that died of memory, by verdict: of their own growth (task), of another's (neighbour) or with "
                "their whole worker (container). `./windtunnel explain DAG TASK` shows the evidence.",
                (
                    Query(
                        f"sum by (dag_id, task_id, kind) (windtunnel_oom_kills_total{TASK})",
                        "{{dag_id}} {{task_id}}: {{kind}}",
                    ),
                ),
                steps=ANY_IS_BAD,
                needs_fault=True,
            ),
        ),
        (
            Panel(
                "timeseries",
                "Waiting for memory",
                "percentunit",
                "Share of time in which some or all processes of a worker waited for memory. It rises before a kill: "
                "warnings fire from it.",
                (
                    Query(
                        f"rate(container_pressure_memory_waiting_seconds_total{WORKER}[$__rate_interval])",
                        "{{container}} some",
                    ),
                    Query(
                        f"rate(container_pressure_memory_stalled_seconds_total{WORKER}[$__rate_interval])",
                        "{{container}} all",
                    ),
                ),
                steps=((None, "green"), (0.1, "orange"), (0.3, "red")),
                needs_pressure=True,
            ),
        ),
    ),
)

BOARD = Board(
    "memory-tuning",
    "Memory tuning",
    "Which task needs how much memory, what of a slot's budget that is, and which class would carry it.",
    (BUDGETS, OVER_TIME, HEADROOM, CONTAINERS, KILLS),
)
