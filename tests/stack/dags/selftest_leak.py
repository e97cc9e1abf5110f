"""A task that fills its container to 70 % of the memory limit at once, and from there leaks until the kernel kills."""

import time
from pathlib import Path

from airflow.sdk import dag, get_current_context, task

MEMORY = Path("/sys/fs/cgroup/memory")  # version 1; its files are elsewhere in version 2
LIMIT, USAGE, STAT, INACTIVE = (
    (MEMORY / "memory.limit_in_bytes", MEMORY / "memory.usage_in_bytes", MEMORY / "memory.stat", "total_inactive_file")
    if MEMORY.exists()
    else (*(MEMORY.parent / f"memory.{name}" for name in ("max", "current", "stat")), "inactive_file")
)


def working_set() -> int:
    """Bytes of the container's memory that the kernel cannot simply drop."""
    stat = dict(line.split() for line in STAT.read_text().splitlines())
    return int(USAGE.read_text()) - int(stat[INACTIVE])


@dag(schedule=None, catchup=False)
def selftest_leak() -> None:
    @task
    def leak() -> None:
        per_second = get_current_context()["dag_run"].conf["bytes_per_second"]
        held = [b"x" * max(int(LIMIT.read_text()) * 7 // 10 - working_set(), 0)]
        while True:
            held.append(b"x" * (per_second // 4))
            time.sleep(0.25)

    leak()


selftest_leak()
