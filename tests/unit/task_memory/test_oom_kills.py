"""Verdicts on made-up kills: by the kernel's log, by the counter alone, and by Docker's word alone."""

from pathlib import Path

import pytest
from fake_worker import LIMIT, MAIN, MB, POOL, FakeProcess, FakeTask, FakeWorker

from task_memory.docker_api import Event
from task_memory.kernel_log import KernelKill

LOG = ("kernel log", True)
COUNTER = ("counter alone", False)


@pytest.fixture(params=[LOG, COUNTER], ids=lambda way: way[0])
def worker(request: pytest.FixtureRequest, tmp_path: Path) -> FakeWorker:
    return FakeWorker(tmp_path, log_readable=request.param[1])


def kill(worker: FakeWorker, pid: int) -> None:
    """The kernel kills: the log tells it, if it can be read; then the counter steps and the process is gone."""
    process = worker.processes[pid]
    if worker.log_readable:
        told = KernelKill(pid, "airflow", worker.container.id, process.private + process.shared, process.rss)
        worker.watch.killed(told, worker.now)
    worker.oom_kills += 1
    worker.end(pid)


def grow(worker: FakeWorker, process: FakeProcess, size: int, seconds: float) -> None:
    steps = round(seconds)
    for _ in range(steps):
        process.private += size // steps
        worker.tick(1)


def two_tasks(worker: FakeWorker, steady_size: int) -> tuple[FakeTask, FakeTask]:
    steady, growing = worker.task(201, "steady"), worker.task(301, "growing")
    worker.begin(steady, growing)
    steady.process.private += steady_size
    worker.tick(35)
    return steady, growing


def test_own_growth_is_kind_task(worker: FakeWorker) -> None:
    steady, growing = two_tasks(worker, 100 * MB)
    grow(worker, growing.process, 1500 * MB, 10)
    kill(worker, 301)
    worker.tick(3)
    [verdict] = worker.verdicts
    assert (verdict.kind, verdict.identity) == ("task", growing.identity)
    assert (verdict.container, verdict.limit, verdict.container_peak) == ("made-up-worker-1", LIMIT, LIMIT)
    assert verdict.task_peak == pytest.approx(1640 * MB, abs=MB)
    assert verdict.neighbours[0]["task_id"] == "steady"
    assert worker.record(growing).outcome == "oom"
    assert worker.record(steady).outcome is None


def test_anothers_growth_is_kind_neighbour(worker: FakeWorker) -> None:
    steady, growing = two_tasks(worker, 1000 * MB)
    grow(worker, growing.process, 700 * MB, 10)
    kill(worker, 201)
    worker.tick(3)
    [verdict] = worker.verdicts
    assert (verdict.kind, verdict.identity) == ("neighbour", steady.identity)
    culprit = verdict.neighbours[0]
    assert culprit["task_id"] == "growing" and culprit["run_id"] == "run"
    assert culprit["growth_bytes"] == pytest.approx(700 * MB, abs=MB)
    assert culprit["private_bytes"] == pytest.approx(720 * MB, abs=MB)


def test_growth_of_a_process_that_is_no_task_is_named(worker: FakeWorker) -> None:
    two_tasks(worker, 1000 * MB)
    grow(worker, worker.processes[POOL], 700 * MB, 10)
    kill(worker, 201)
    worker.tick(3)
    [verdict] = worker.verdicts
    assert verdict.kind == "neighbour"
    assert verdict.neighbours[0]["name"].startswith("[celeryd")
    assert "rss_bytes" in verdict.neighbours[0] and "dag_id" not in verdict.neighbours[0]


def test_a_whole_container_is_one_verdict_for_each_of_its_tasks(worker: FakeWorker) -> None:
    steady, growing = two_tasks(worker, 100 * MB)
    grow(worker, growing.process, 1500 * MB, 10)
    kill(worker, POOL)
    worker.tick()
    for pid in [*worker.processes]:
        worker.end(pid)
    worker.tick(4)
    assert {verdict.identity for verdict in worker.verdicts} == {steady.identity, growing.identity}
    assert {verdict.kind for verdict in worker.verdicts} == {"container"}
    assert len(worker.verdicts) == 2
    assert all(verdict.neighbours[0]["task_id"] == "growing" for verdict in worker.verdicts)
    assert worker.record(steady).outcome == worker.record(growing).outcome == "oom"


def test_docker_alone_tells_of_a_container_gone_at_once(tmp_path: Path) -> None:
    worker = FakeWorker(tmp_path, log_readable=False)
    steady, _ = two_tasks(worker, 100 * MB)
    for pid in [*worker.processes]:
        worker.end(pid)
    worker.tick()
    assert worker.verdicts == []
    oom = Event(worker.now, "oom", worker.container.id, worker.container.name, "worker")
    worker.watch.happened(oom, worker.now)
    assert [verdict.kind for verdict in worker.verdicts] == ["container", "container"]
    assert worker.record(steady).outcome == "oom"


def test_a_killed_child_is_its_tasks_verdict_and_the_task_lives_on(tmp_path: Path) -> None:
    worker = FakeWorker(tmp_path)
    task = worker.task(201, "parent")
    worker.begin(task)
    child = worker.add(FakeProcess(401, 201, "sort", stack=99))
    worker.tick()
    grow(worker, child, 1800 * MB, 10)
    kill(worker, 401)
    worker.tick(3)
    [verdict] = worker.verdicts
    assert (verdict.kind, verdict.identity) == ("task", task.identity)
    assert worker.record(task).outcome is None
    worker.say(task, "finished", "failed")
    assert worker.record(task).outcome == "failed"


def test_a_killed_process_of_nobody_is_no_verdict(worker: FakeWorker) -> None:
    two_tasks(worker, 100 * MB)
    worker.add(FakeProcess(501, MAIN, "[celeryd: celery@made-up:ForkPoolWorker-9]"))
    worker.tick(3)
    kill(worker, 501)
    worker.tick(4)
    assert worker.verdicts == []


def test_the_kernels_last_figure_is_the_peak(tmp_path: Path) -> None:
    worker = FakeWorker(tmp_path)
    task = worker.task(201, "fast")
    worker.begin(task)
    worker.tick(1)
    task.process.private += 900 * MB
    kill(worker, 201)
    worker.tick(1)
    assert worker.record(task).peak_private == pytest.approx(900 * MB, abs=MB)
    assert worker.verdicts[0].task_peak == pytest.approx(1040 * MB, abs=MB)
    assert worker.stored[-1] == ("oom", worker.record(task).peak_private)


def test_the_log_may_come_after_the_process_is_seen_to_be_gone(tmp_path: Path) -> None:
    worker = FakeWorker(tmp_path)
    task = worker.task(201, "late")
    worker.begin(task)
    task.process.private += 900 * MB
    worker.tick()
    worker.end(201)
    worker.oom_kills += 1
    worker.tick(0.9)
    worker.watch.killed(KernelKill(201, "airflow", worker.container.id, 1000 * MB, 1040 * MB), worker.now)
    worker.tick(4)
    assert [verdict.kind for verdict in worker.verdicts] == ["task"]
    assert worker.record(task).outcome == "oom"


def test_a_silent_log_is_replaced_by_the_counter(tmp_path: Path) -> None:
    worker = FakeWorker(tmp_path, log_readable=True)
    task = worker.task(201, "unlogged")
    worker.begin(task)
    worker.end(201)
    worker.oom_kills += 1
    worker.tick(2)
    assert [verdict.identity for verdict in worker.verdicts] == [task.identity]


def test_a_kill_that_the_log_has_told_is_no_other_tasks(tmp_path: Path) -> None:
    worker = FakeWorker(tmp_path)
    steady, growing = two_tasks(worker, 100 * MB)
    kill(worker, 301)
    worker.end(201)
    worker.tick(6)
    assert [verdict.identity for verdict in worker.verdicts] == [growing.identity]
    assert worker.record(steady).outcome == "killed"


def test_two_kills_are_two_verdicts(worker: FakeWorker) -> None:
    steady, growing = two_tasks(worker, 100 * MB)
    grow(worker, growing.process, 900 * MB, 5)
    kill(worker, 301)
    worker.tick(3)
    grow(worker, steady.process, 1500 * MB, 5)
    kill(worker, 201)
    worker.tick(3)
    assert [(verdict.identity, verdict.kind) for verdict in worker.verdicts] == [
        (growing.identity, "task"),
        (steady.identity, "task"),
    ]
