"""The series that Prometheus gets of the environment's containers."""

import errno
import os

import httpx
import pytest
from fake_docker import ENVIRONMENT, Docker, inspected
from fake_host import Figures, Host, write
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from task_memory import container_metrics
from task_memory.container_metrics import ContainerMetrics
from task_memory.docker_api import DockerAPI
from windtunnel.wait import wait_until

WORKER = "4be7" * 16
REDIS = "97c1" * 16
NET_DEV = """\
Inter-|   Receive                                     |  Transmit
 face |bytes packets errs drop fifo frame comp multic |bytes packets errs drop fifo colls carrier comp
    lo:    9999  104    0    0    0     0    0      0     9999   104    0    0    0     0       0    0
  eth0: 1000000  100    0    0    0     0    0      0  2000000   200    0    0    0     0       0    0
  eth1:   23456  100    0    0    0     0    0      0    34567   200    0    0    0     0       0    0
"""

Series = dict[str, float]


@pytest.fixture
def watched(docker: Docker, host: Host, figures: Figures) -> Docker:
    """A worker on cgroup v2 that Docker knows."""
    start(docker, host, figures, WORKER, "worker", 4711)
    return docker


@pytest.fixture
def registry(docker: Docker, host: Host, monkeypatch: pytest.MonkeyPatch) -> CollectorRegistry:
    monkeypatch.setattr(container_metrics, "LIST_SECONDS", 0)
    registry = CollectorRegistry()
    api = DockerAPI("http://docker-proxy:2375", httpx.MockTransport(docker))
    registry.register(ContainerMetrics(api, ENVIRONMENT, host.proc, host.cgroups))
    return registry


def start(docker: Docker, host: Host, figures: Figures, id: str, component: str, pid: int) -> None:
    docker.containers.append(inspected(id, component, pid))
    host.v2(pid, f"/docker/{id}", figures)
    write(host.proc / str(pid) / "net", {"dev": NET_DEV})


def scraped(registry: CollectorRegistry, component: str = "worker") -> Series:
    """The values of one component's container by name of the series."""
    families = text_string_to_metric_families(generate_latest(registry).decode())
    samples = [sample for family in families for sample in family.samples]
    return {sample.name: sample.value for sample in samples if sample.labels["component"] == component}


def test_every_series_of_a_container(watched: Docker, registry: CollectorRegistry, figures: Figures) -> None:
    watched.writable = {WORKER: 153442}
    wait_until(lambda: "container_fs_usage_bytes" in scraped(registry), "the size of the layer", 10, interval=0.01)
    assert scraped(registry) == {
        "container_memory_usage_bytes": figures.usage,
        "container_memory_working_set_bytes": figures.usage - figures.inactive_file,
        "container_memory_rss": figures.anon,
        "container_memory_cache": figures.cache,
        "container_memory_max_usage_bytes": figures.peak,
        "container_spec_memory_limit_bytes": figures.limit,
        "container_oom_events_total": figures.oom_kills,
        "container_memory_failcnt": figures.failures,
        "container_cpu_usage_seconds_total": figures.cpu_seconds,
        "container_spec_cpu_quota": 150000,
        "container_spec_cpu_period": 100000,
        "container_cpu_cfs_periods_total": figures.periods,
        "container_cpu_cfs_throttled_periods_total": figures.throttled_periods,
        "container_cpu_cfs_throttled_seconds_total": figures.throttled_seconds,
        "container_network_receive_bytes_total": 1023456,
        "container_network_transmit_bytes_total": 2034567,
        "container_fs_reads_bytes_total": figures.read,
        "container_fs_writes_bytes_total": figures.written,
        "container_fs_usage_bytes": 153442,
        "container_fs_limit_bytes": 20 * 2**30,
        "windtunnel_worker_slots": 20,
        "container_processes": figures.processes,
        "container_start_time_seconds": pytest.approx(1795248932.056164),
        "container_restarts_total": 2,
    } | {
        f"container_pressure_{resource}_{what}_seconds_total": pytest.approx(seconds[resource], abs=1e-6)
        for resource in ("cpu", "memory", "io")
        for what, seconds in (("waiting", figures.waiting), ("stalled", figures.stalled))
    }


def test_slots_are_what_the_worker_was_started_with(watched: Docker, host: Host, registry: CollectorRegistry) -> None:
    write(host.proc / "4711/root/tmp", {"windtunnel-worker-autoscale": "3,1"})
    assert scraped(registry)["windtunnel_worker_slots"] == 3
    file = host.proc / "4711/root/tmp/windtunnel-worker-autoscale"
    file.unlink()
    assert scraped(registry)["windtunnel_worker_slots"] == 20
    os.mkfifo(file)
    assert scraped(registry)["windtunnel_worker_slots"] == 20


def test_labels(watched: Docker, registry: CollectorRegistry) -> None:
    (family,) = (f for f in registry.collect() if f.name == "container_memory_rss")
    (sample,) = family.samples
    assert sample.labels == {"container": "made-up-worker-1", "component": "worker", "cluster": "BaseWorker"}


def test_registering_asks_nothing_of_docker(docker: Docker, registry: CollectorRegistry) -> None:
    assert docker.asked == []


def test_what_the_kernel_does_not_keep_is_left_out(watched: Docker, registry: CollectorRegistry, host: Host) -> None:
    for file in ("memory.peak", "memory.pressure", "io.stat"):
        (host.cgroups / "docker" / WORKER / file).unlink()
    (host.proc / "4711/net/dev").unlink()
    names = scraped(registry).keys()
    left_out = ("max_usage", "pressure_memory", "fs_reads", "fs_writes", "network")
    assert not [name for name in names if any(word in name for word in left_out)]
    assert {"container_memory_rss", "container_pressure_cpu_waiting_seconds_total"} <= names


def test_containers_come_and_go(watched: Docker, registry: CollectorRegistry, host: Host, figures: Figures) -> None:
    assert not scraped(registry, "redis")
    start(watched, host, figures, REDIS, "redis", 4712)
    assert scraped(registry, "redis") and scraped(registry, "worker")
    watched.containers = [data for data in watched.containers if data["Id"] == REDIS]
    assert scraped(registry, "redis") and not scraped(registry, "worker")


def test_a_container_is_inspected_once(watched: Docker, registry: CollectorRegistry) -> None:
    for _ in range(3):
        scraped(registry)
    assert len([request for request in watched.asked if WORKER in request.url.path]) == 1


def test_a_restarted_container_is_found_again(
    watched: Docker, registry: CollectorRegistry, host: Host, figures: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its id stays the same; reading its old control group fails as the kernel makes it fail."""

    def gone(*_: object) -> bytes:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    assert scraped(registry)["container_restarts_total"] == 2
    with monkeypatch.context() as patch:
        patch.setattr("task_memory.cgroups.os.pread", gone)
        assert not scraped(registry)
    watched.containers = [inspected(WORKER, "worker", 4799, RestartCount=3)]
    host.v2(4799, f"/docker/{WORKER}", figures)
    assert scraped(registry)["container_restarts_total"] == 3


def test_a_silent_docker_takes_no_figures_away(
    watched: Docker, registry: CollectorRegistry, host: Host, figures: Figures
) -> None:
    scraped(registry)
    watched.status = 503
    (host.cgroups / "docker" / WORKER / "memory.current").write_text(f"{figures.usage + 1}\n")
    assert scraped(registry)["container_memory_usage_bytes"] == figures.usage + 1


def test_a_scrape_does_not_wait_for_a_docker_that_hangs(
    watched: Docker, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    scraped(registry)
    monkeypatch.setattr(container_metrics, "PATIENCE_SECONDS", 0.01)
    watched.answers.clear()
    watched.containers = []
    assert scraped(registry)
    watched.answers.set()
    wait_until(lambda: not scraped(registry), "the late answer", timeout=10, interval=0.01)


def test_scrapes_in_quick_succession_ask_docker_once(
    watched: Docker, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_metrics, "LIST_SECONDS", 5)
    for _ in range(3):
        scraped(registry)
    lists = [request for request in watched.asked if request.url.path == "/containers/json"]
    assert len([request for request in lists if "size" not in request.url.params]) == 1
