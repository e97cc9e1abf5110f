"""The service `task-memory`: watches the tasks and containers of one environment from outside."""

import argparse
import gc
import logging
import os
import queue
import selectors
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server

from task_memory import __version__
from task_memory.container_metrics import ContainerMetrics
from task_memory.datagrams import Receiver
from task_memory.docker_api import Container, DockerAPI, DockerUnavailable, Event
from task_memory.kernel_log import KernelLog
from task_memory.oom_alerts import OomAlerts
from task_memory.store import Store
from task_memory.task_metrics import TaskMetrics
from task_memory.verdicts import Verdict
from task_memory.watch import Watch

# Seconds between two looks while tasks run, and while none does.
TICK_SECONDS, IDLE_TICK_SECONDS = 0.25, 0.5
# The watch counts as dead when it has not looked for so long: then the kernel ends it, and Docker starts it again.
STILL_SECONDS = 10
PORT = 9105
RELIST_SECONDS = 30

log = logging.getLogger(__name__)

News = queue.SimpleQueue[list[Container] | Event]


class Service:
    """Everything put together."""

    def __init__(self) -> None:
        environment = os.environ["WINDTUNNEL_NAME"]
        api = DockerAPI(os.environ["DOCKER_API_URL"])
        self._store = Store(Path(os.environ["WAREHOUSE_DSN_FILE"]), int(os.environ["METADATA_RETENTION_DAYS"]))
        self._alerts = OomAlerts(os.environ["ALERTMANAGER_URL"], environment)
        self._receiver = Receiver()
        self._kernel_log = KernelLog()
        readable = self._kernel_log.descriptor is not None
        self._watch = Watch(self._store.record, self._verdict, log_readable=readable)
        self._metrics = TaskMetrics(self._watch)
        self._news = News()
        self._ticked_at = time.monotonic()
        self._registry = CollectorRegistry()
        self._registry.register(ContainerMetrics(api, environment))
        self._registry.register(self._metrics)
        for listen in (_list_containers, _follow_events):
            threading.Thread(target=listen, args=(api, environment, self._news), daemon=True).start()

    def run(self) -> None:
        """Watch without end."""
        self._store.start()
        self._alerts.start()
        start_http_server(PORT, registry=self._registry)
        selector = selectors.DefaultSelector()
        selector.register(self._receiver.socket, selectors.EVENT_READ, self._take_datagrams)
        if self._kernel_log.descriptor is not None:
            selector.register(self._kernel_log.descriptor, selectors.EVENT_READ, self._take_kills)
        gc.freeze()
        while True:
            pause = max(0.0, self._next_tick_at() - time.monotonic())
            ready: list[Callable[[], None]] = [key.data for key, _ in selector.select(pause)]
            for take in ready:
                take()
            if time.monotonic() >= self._next_tick_at():
                self._take_news()
                self._ticked_at = time.monotonic()
                signal.alarm(STILL_SECONDS)
                self._watch.tick(time.time())

    def _next_tick_at(self) -> float:
        return self._ticked_at + (TICK_SECONDS if self._watch.has_tasks() else IDLE_TICK_SECONDS)

    def _take_datagrams(self) -> None:
        for datagram in self._receiver.waiting():
            self._metrics.datagram(datagram.phase)
            self._watch.told(datagram)

    def _take_kills(self) -> None:
        for kill in self._kernel_log.kills():
            self._watch.killed(kill, time.time())

    def _take_news(self) -> None:
        while not self._news.empty():
            news = self._news.get()
            if isinstance(news, Event):
                self._watch.happened(news, time.time())
            else:
                self._watch.run_in(news, time.time())

    def _verdict(self, verdict: Verdict) -> None:
        log.warning("killed for memory: %s", verdict)
        self._alerts.post(verdict)
        self._store.verdict(verdict)
        self._metrics.verdict(verdict)


def _list_containers(api: DockerAPI, environment: str, news: News) -> None:
    """The containers of the environment, again and again: an event may be lost."""
    while True:
        news.put(_listed(api, environment))
        time.sleep(RELIST_SECONDS)


def _follow_events(api: DockerAPI, environment: str, news: News) -> None:
    for event in api.events(environment):
        news.put(event)
        if event.action == "start":
            news.put(_listed(api, environment))


def _listed(api: DockerAPI, environment: str) -> list[Container]:
    try:
        return api.containers(environment)
    except DockerUnavailable as error:
        log.warning("the list of containers stays as it was: %s", error)
        return []


def main() -> None:
    """Watch until SIGTERM."""
    arguments = argparse.ArgumentParser(prog="task_memory", description=__doc__)
    arguments.add_argument("--version", action="version", version=__version__)
    arguments.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    Service().run()


if __name__ == "__main__":
    main()
