"""Several Airflow components in one container, under one memory limit.

The arguments name MWAA's components: `scheduler` is scheduler, dag-processor and triggerer, and beside them
`retention` and, where tasks' memory is watched, `failure_callbacks`; `worker` and `webserver` are one process each.
All are forked from one process that has imported Airflow, so that they share its pages and start at once. When one
ends, the container ends, and Docker restarts it: MWAA counts every Airflow process of a container as essential
(https://github.com/aws/amazon-mwaa-docker-images, `mwaa/subprocess`).
"""

import gc
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

from windtunnel_runtime import failure_callbacks, log_shipping, retention

SCHEDULER = {
    "scheduler": ["airflow", "scheduler", "--skip-serve-logs"],
    "dag-processor": ["airflow", "dag-processor"],
    "triggerer": ["airflow", "triggerer", "--skip-serve-logs"],
}
ADDITIONAL = {
    "worker": ["airflow", "celery", "worker", "--skip-serve-logs"],
    "webserver": ["airflow", "api-server", "--host", "0.0.0.0", "--port", "8080"],
}


# Seconds that a component but the worker has to end; the worker has what the container's stop_grace_period leaves.
PATIENCE = 30


def main() -> int:
    """Run the components until one ends or SIGTERM comes; the container's exit status."""
    _import_airflow()
    components = _Components({name: _fork(name, run) for name, run in _wanted(sys.argv[1:]).items()})
    signal.signal(signal.SIGTERM, lambda *_: components.stop())
    signal.signal(signal.SIGINT, lambda *_: components.stop())
    signal.signal(signal.SIGALRM, lambda *_: components.kill())
    status = components.wait()
    log_shipping.drain()
    return status


class _Components:
    """The running children by name, each told to stop once."""

    def __init__(self, running: dict[str, int]) -> None:
        self.running = running
        self._told: set[str] = set()

    def wait(self) -> int:
        """Wait for all to end; 1 when one ended that was not told to."""
        status = 0
        while self.running:
            ended, code = os.wait()
            name = next(name for name, child in self.running.items() if child == ended)
            del self.running[name]
            if not self._told:
                print(f"supervisor: {name} ended with {os.waitstatus_to_exitcode(code)}; stopping", file=sys.stderr)
                status = 1
            self.stop()
        return status

    def stop(self) -> None:
        """Tell the worker, and the others only when it is gone: its tasks need them to end."""
        now = {"worker"} & set(self.running) or set(self.running)
        for name in now - self._told:
            self._signal(name, signal.SIGTERM)
        self._told |= now
        if "worker" not in now:
            signal.alarm(PATIENCE)

    def kill(self) -> None:
        """End those that did not when they were told, as MWAA does after its patience."""
        for name in self.running:
            print(f"supervisor: {name} did not end within {PATIENCE} s of SIGTERM; killed", file=sys.stderr)
            self._signal(name, signal.SIGKILL)

    def _signal(self, name: str, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(self.running[name], number)


def _wanted(components: list[str]) -> dict[str, Callable[[], None]]:
    found = {name: _component(argv) for name, argv in ADDITIONAL.items() if name in components}
    return (_scheduler() if "scheduler" in components else {}) | found


def _scheduler() -> dict[str, Callable[[], None]]:
    """MWAA's mwaa.triggerer_enabled leaves the triggerer out."""
    wanted = os.environ.get("AIRFLOW__MWAA__TRIGGERER_ENABLED") or os.environ.get("TRIGGERER_ENABLED", "True")
    triggerer = wanted.lower() == "true"
    found = {name: _component(argv) for name, argv in SCHEDULER.items() if triggerer or name != "triggerer"}
    found["retention"] = retention.keep
    return found | ({"failure-callbacks": failure_callbacks.keep} if failure_callbacks.wanted() else {})


def _import_airflow() -> None:
    """Import what the components share; frozen, since the collector's own marks would unshare its pages."""
    import airflow.cli.cli_parser
    import airflow.jobs.scheduler_job_runner
    import airflow.jobs.triggerer_job_runner

    if set(sys.argv) & set(ADDITIONAL):
        import airflow.api_fastapi.execution_api.app
        import airflow.providers.celery.executors.celery_executor  # noqa: F401

    gc.collect()
    gc.freeze()


def _component(argv: list[str]) -> Callable[[], None]:
    def run() -> None:
        from airflow.__main__ import main as airflow

        sys.argv = argv
        airflow()

    return run


def _fork(name: str, run: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        log_shipping.join(name)
        run()
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
