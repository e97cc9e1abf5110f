"""MWAA's scheduler container: scheduler, dag-processor and triggerer under one memory limit.

All three are forked from one process that has imported Airflow, so that they share its pages and start at once. When
one ends, the container ends, and Docker restarts it: MWAA counts every Airflow process of a container as essential
(https://github.com/aws/amazon-mwaa-docker-images, `mwaa/subprocess`).
"""

import gc
import os
import signal
import sys
from collections.abc import Callable

from windtunnel_runtime import retention

COMPONENTS = {
    "scheduler": ["airflow", "scheduler", "--skip-serve-logs"],
    "dag-processor": ["airflow", "dag-processor"],
    "triggerer": ["airflow", "triggerer", "--skip-serve-logs"],
}


def main() -> int:
    """Run the components until one ends or SIGTERM comes; the container's exit status."""
    _import_airflow()
    children = {_fork(_component(argv)): name for name, argv in _wanted().items()}
    children[_fork(retention.keep)] = "retention"
    stopping = _forward_signals(children)
    ended, status = os.wait()
    name = children.pop(ended)
    if not stopping:
        print(f"supervisor: {name} ended with status {os.waitstatus_to_exitcode(status)}; stopping", file=sys.stderr)
        _signal_all(children, signal.SIGTERM)
    while children:
        children.pop(os.wait()[0])
    return 0 if stopping else 1


def _wanted() -> dict[str, list[str]]:
    """MWAA's mwaa.triggerer_enabled leaves the triggerer out."""
    triggerer = os.environ.get("TRIGGERER_ENABLED", "True").lower() == "true"
    return {name: argv for name, argv in COMPONENTS.items() if triggerer or name != "triggerer"}


def _import_airflow() -> None:
    """Import what the components share; frozen, since the collector's own marks would unshare its pages."""
    import airflow.cli.cli_parser
    import airflow.jobs.scheduler_job_runner
    import airflow.jobs.triggerer_job_runner  # noqa: F401

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


def _forward_signals(children: dict[int, str]) -> list[int]:
    """Hand SIGTERM and SIGINT on to all children; the list that is returned fills when one came."""
    received: list[int] = []

    def forward(number: int, _: object) -> None:
        received.append(number)
        _signal_all(children, signal.SIGTERM)

    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGINT, forward)
    return received


def _signal_all(children: dict[int, str], number: signal.Signals) -> None:
    for child in children:
        os.kill(child, number)


if __name__ == "__main__":
    sys.exit(main())
