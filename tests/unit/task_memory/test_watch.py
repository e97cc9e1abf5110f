"""Peaks and outcomes of tasks, from made-up processes and datagrams."""

import random
from pathlib import Path

import pytest
from fake_worker import MAIN, MB, FakeProcess, FakeTask, FakeWorker

from task_memory.processes import Process, Rollup

# /proc counts in KiB.
ROUNDING = 5000


@pytest.fixture
def worker(tmp_path: Path) -> FakeWorker:
    return FakeWorker(tmp_path)


@pytest.fixture
def task(worker: FakeWorker) -> FakeTask:
    task = worker.task(201, "first")
    worker.begin(task)
    return task


def peak(worker: FakeWorker, task: FakeTask) -> object:
    return pytest.approx(worker.record(task).peak_private, abs=ROUNDING)


def test_a_plateau_is_what_the_task_has_added(worker: FakeWorker, task: FakeTask, dice: random.Random) -> None:
    size = dice.randint(10, 600) * MB
    task.process.private += size
    worker.tick(1)
    task.process.private -= size
    worker.tick(1)
    assert size == peak(worker, task)
    record = worker.record(task)
    assert record.baseline == 20 * MB
    assert record.peak_rss == pytest.approx(140 * MB + size, abs=ROUNDING)
    assert record.added == pytest.approx(0, abs=ROUNDING)


def test_what_is_used_before_the_users_code_is_baseline(worker: FakeWorker) -> None:
    task = worker.task(201, "first")
    worker.tick(1)
    task.process.private += 50 * MB
    task.process.hwm = task.process.rss + 80 * MB
    worker.tick(1)
    worker.say(task, "parsed")
    worker.tick(1)
    assert worker.record(task).baseline == 70 * MB
    assert peak(worker, task) == 0


def test_a_spike_between_two_looks_is_told_by_the_high_water_mark(worker: FakeWorker, task: FakeTask) -> None:
    task.process.private += 10 * MB
    worker.tick()
    task.process.hwm = task.process.rss + 300 * MB
    worker.tick()
    assert peak(worker, task) == 310 * MB
    task.process.private += 100 * MB
    worker.tick()
    assert peak(worker, task) == 310 * MB


def test_a_spike_after_the_last_look_is_in_the_last_word(worker: FakeWorker, task: FakeTask) -> None:
    task.process.hwm = task.process.rss + 300 * MB
    worker.say(task, "finished", "success")
    assert peak(worker, task) == 300 * MB
    assert worker.stored[-1][0] == "success"


def test_copied_pages_and_files(worker: FakeWorker, task: FakeTask) -> None:
    task.process.file += 500 * MB
    task.process.shared -= 30 * MB
    task.process.private += 30 * MB
    worker.say(task, "sample")
    worker.tick()
    assert peak(worker, task) == 30 * MB


def test_a_child_that_executes_a_program_counts_wholly(worker: FakeWorker, task: FakeTask) -> None:
    child = worker.add(FakeProcess(301, 201, "python3 -c pass", private=200 * MB, stack=99))
    worker.tick(1)
    worker.end(child.pid)
    worker.tick(1)
    assert peak(worker, task) == 200 * MB
    assert worker.record(task).added == pytest.approx(0, abs=ROUNDING)


def test_a_fork_counts_by_what_it_writes(worker: FakeWorker, task: FakeTask) -> None:
    task.process.private, task.process.shared = 0, 120 * MB
    fork = worker.add(FakeProcess(301, 201, task.process.title, shared=120 * MB, sharers=4))
    worker.tick(0.3)
    assert worker.record(task).peak_private < 25 * MB
    fork.private += 100 * MB
    worker.tick(0.3)
    assert worker.record(task).added == pytest.approx(100 * MB, abs=25 * MB)


def test_what_was_written_just_before_the_fork_counts_once(worker: FakeWorker, task: FakeTask) -> None:
    task.process.shared += 150 * MB
    worker.add(FakeProcess(301, 201, task.process.title, shared=task.process.shared, sharers=5, file=15 * MB))
    worker.tick()
    assert worker.record(task).added == pytest.approx(150 * MB, abs=MB)
    assert peak(worker, task) == pytest.approx(150 * MB, abs=MB)


def test_a_child_on_its_way_to_a_program_is_not_its_parent_again(worker: FakeWorker, task: FakeTask) -> None:
    task.process.private += 100 * MB
    worker.tick()
    parent = task.process
    child = worker.add(
        FakeProcess(301, 201, parent.title, parent.private, parent.shared, parent.sharers, parent.file, parent.hwm)
    )
    worker.tick(1.5)
    assert peak(worker, task) == 100 * MB
    assert worker.record(task).peak_rss == pytest.approx(240 * MB, abs=ROUNDING)
    child.stack, child.private, child.shared, child.file, child.hwm = 99, 3 * MB, 0, MB, 0
    worker.tick(1.5)
    assert peak(worker, task) == 103 * MB


def test_outside_alone_gives_the_peak_too(worker: FakeWorker) -> None:
    task = worker.task(201, "first")
    worker.tick()
    task.process.private += 100 * MB
    worker.tick(0.5)
    task.process.private -= 50 * MB
    worker.tick()
    worker.say(task, "sample")
    assert peak(worker, task) == 100 * MB
    assert worker.stored


def test_a_task_too_short_to_be_seen_is_recorded_by_its_own_word(worker: FakeWorker) -> None:
    task = worker.task(201, "short")
    worker.say(task, "parsed")
    task.process.private += 40 * MB
    worker.say(task, "finished", "skipped")
    assert worker.stored[-1] == ("skipped", 40 * MB)


def test_a_task_that_vanishes_without_a_word_was_killed(worker: FakeWorker, task: FakeTask) -> None:
    worker.end(201)
    worker.tick(2)
    assert worker.record(task).outcome is None
    worker.tick(2)
    assert worker.record(task).outcome == "killed"
    assert worker.verdicts == []


def test_a_word_that_comes_after_the_end_counts(worker: FakeWorker, task: FakeTask) -> None:
    worker.end(201)
    worker.tick()
    worker.say(task, "finished", "failed")
    worker.tick(4)
    assert worker.record(task).outcome == "failed"


def test_a_task_whose_process_was_never_seen_does_not_run_for_ever(worker: FakeWorker) -> None:
    task = worker.task(201, "elsewhere")
    worker.say(task, "parsed")
    worker.processes.pop(200)
    worker.processes.pop(201)
    worker.tick(34)
    assert worker.record(task).outcome == "killed"


def test_a_supervisor_without_a_child_is_counted_after_a_minute(worker: FakeWorker, task: FakeTask) -> None:
    found = worker.watch.containers[worker.container.id]
    files = worker.proc / "200" / "fd"
    files.mkdir()
    (files / "7").symlink_to("/usr/local/airflow/logs/dag_id=made_up/attempt=1.log")
    worker.tick(1)
    assert found.childless_supervisors(worker.now + 100) == 0
    worker.end(201)
    worker.tick(2)
    assert found.childless_supervisors(worker.now) == 0
    worker.tick(62)
    assert found.childless_supervisors(worker.now) == 1


def test_a_supervisor_that_waits_for_its_next_task_is_none_without_a_child(worker: FakeWorker, task: FakeTask) -> None:
    worker.tick(1)
    worker.end(201)
    worker.tick(65)
    assert worker.watch.containers[worker.container.id].childless_supervisors(worker.now) == 0


def test_ended_tasks_are_forgotten_after_minutes(worker: FakeWorker, task: FakeTask) -> None:
    worker.say(task, "finished", "success")
    worker.end(201)
    worker.tick(1)
    assert task.ti in worker.watch.records
    worker.now += 400
    worker.tick()
    assert worker.watch.records == {}


def test_a_stopped_container_is_no_verdict(worker: FakeWorker, task: FakeTask) -> None:
    for pid in (201, 200, 101, MAIN):
        worker.end(pid)
    worker.tick(4)
    assert worker.watch.containers == {}
    assert worker.record(task).outcome == "killed"
    assert worker.verdicts == []


def test_what_is_written_while_it_is_read_is_not_counted_twice(
    worker: FakeWorker, task: FakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cheap reading comes first; until the expensive one, the task goes on writing."""
    rollup = Process.rollup

    def written_meanwhile(process: Process) -> Rollup:
        task.process.private = 27 * MB
        task.process.write(worker.proc)
        return rollup(process)

    task.process.private = 20 * MB
    monkeypatch.setattr(Process, "rollup", written_meanwhile)
    monkeypatch.setattr("task_memory.process_tree.ROLLUP_SECONDS", 0)
    worker.record(task).tree._rollup_due = 0  # type: ignore[union-attr]
    worker.tick(1)
    assert peak(worker, task) == 7 * MB
