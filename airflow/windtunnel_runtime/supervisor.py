"""Several Airflow components in one container, under one memory limit.

Scheduler, dag-processor and triggerer are MWAA's scheduler container; `worker` and `webserver` as arguments add these.
All are forked from one process that has imported Airflow, so that they share its pages and start at once. When one
ends, the container ends, and Docker restarts it: MWAA counts every Airflow process of a container as essential
(https://github.com/aws/amazon-mwaa-docker-images, `mwaa/subprocess`).
"""

import gc
import os
import signal
import sys
from collections.abc import Callable

from windtunnel_runtime import retention

SCHEDULER = {
    "scheduler": ["airflow", "scheduler", "--skip-serve-logs"],
    "dag-processor": ["airflow", "dag-processor"],
    "triggerer": ["airflow", "triggerer", "--skip-serve-logs"],
}
ADDITIONAL = {
    "worker": ["airflow", "celery", "worker", "--skip-serve-logs"],
    "webserver": ["airflow", "api-server", "--host", "0.0.0.0", "--port", "8080"],
}


def main() -> int:
    """Run the components until one ends or SIGTERM comes; the container's exit status."""
    _import_airflow()
    children = {_fork(_component(argv)): name for name, argv in _wanted().items()}
    children[_fork(retention.keep)] = "retention"
    stopping = _listen(children)
    while children:
        ended, status = os.wait()
        name = children.pop(ended)
        if not stopping:
            print(f"supervisor: {name} ended with {os.waitstatus_to_exitcode(status)}; stopping", file=sys.stderr)
            stopping.append(1)
        _stop(children)
    return 1 if 1 in stopping else 0


def _wanted() -> dict[str, list[str]]:
    """MWAA's mwaa.triggerer_enabled leaves the triggerer out."""
    triggerer = os.environ.get("TRIGGERER_ENABLED", "True").lower() == "true"
    scheduler = {name: argv for name, argv in SCHEDULER.items() if triggerer or name != "triggerer"}
    return scheduler | {name: ADDITIONAL[name] for name in sys.argv[1:]}


def _import_airflow() -> None:
    """Import what the components share; frozen, since the collector's own marks would unshare its pages."""
    import airflow.api_fastapi.execution_api.app
    import airflow.cli.cli_parser
    import airflow.jobs.scheduler_job_runner
    import airflow.jobs.triggerer_job_runner
    import airflow.providers.celery.executors.celery_executor  # noqa: F401

    gc.collect()
    gc.freeze()


def _component(argv: list[str]) -> Callable[[], None]:
    def run() -> None:
        from airflow.__main__ import main as airflow

        sys.argv = argv
        airflow()

    return run


def _fork(run: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        run()
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def _listen(children: dict[int, str]) -> list[int]:
    """Stop all children on SIGTERM or SIGINT; the list that is returned has the signal that came."""
    stopping: list[int] = []

    def stop(number: int, _: object) -> None:
        stopping.append(number)
        _stop(children)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping


def _stop(children: dict[int, str]) -> None:
    """Tell the worker to stop, and the others only when it is gone: its tasks need them to end."""
    workers = [child for child, name in children.items() if name == "worker"]
    for child in workers or children:
        os.kill(child, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
