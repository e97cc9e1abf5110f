"""Signals to the processes of tasks in a worker, which call themselves what they are."""

from windtunnel.containers import Container

SIGNAL = """
for folder in /proc/[0-9]*; do
    if grep -qa "^airflow $1" $folder/cmdline; then kill -$2 ${folder#/proc/}; fi
done 2> /dev/null; true
"""


def signal(worker: Container, title: str, name: str) -> None:
    """To all processes of tasks that are called so: `worker` runs a task, its `supervisor` watches it."""
    worker.execute("sh", "-c", SIGNAL, "-", title, name)
