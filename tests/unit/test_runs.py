"""A run is reported as it ended, whatever else there is and happens."""

import re
import time
from typing import Any

import httpx
import pytest

from unit.fake_airflow import Clock, FakeAirflow, raised, said, task
from windtunnel.errors import (
    MORE_EXACT,
    BadInput,
    DagImportFailed,
    DagNotFound,
    RunFailed,
    StackNotRunning,
    TimedOut,
    family,
)
from windtunnel.runs import RunResult, TaskFailure, run_dag

DONE = [task("load", "success")]
FAILED = [task("load", "failed", end_date="2026-11-21T05:19:40Z")]


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> FakeAirflow:
    return FakeAirflow(Clock(monkeypatch))


@pytest.fixture
def load(airflow: FakeAirflow) -> FakeAirflow:
    """An Airflow with one DAG, `load`."""
    airflow.has_dag("load", file="load/dag.py")
    return airflow


def run(airflow: FakeAirflow, dag_id: str = "load", **how: Any) -> RunResult:
    return run_dag(airflow.api(), dag_id, **how)


class TestTheResult:
    def test_a_success_comes_with_its_run_id_times_and_tasks(self, load: FakeAirflow) -> None:
        load.script = [("queued", []), ("running", [task("load", "running")]), ("success", DONE)]
        result = run(load)
        assert [result.run_id] == load.triggered
        assert result.start and result.end
        assert [(it.name, it.state) for it in result.tasks] == [("load", "success")]

    def test_the_configuration_reaches_the_run(self, load: FakeAirflow) -> None:
        result = run(load, conf={"day": "monday"})
        assert load.runs["load", result.run_id].conf == {"day": "monday"}

    def test_a_success_with_a_failed_task_is_a_success(self, load: FakeAirflow) -> None:
        load.script = [("success", [task("try_it", "failed"), task("clean_up", "success")])]
        assert [it.state for it in run(load).tasks] == ["failed", "success"]

    def test_old_successes_do_not_hide_a_new_failure(self, load: FakeAirflow) -> None:
        load.has_run("load", "old", "success", DONE)
        load.has_run("load", "older", "success", DONE)
        load.script = [("running", []), ("failed", FAILED)]
        with pytest.raises(RunFailed):
            run(load)

    def test_an_old_failure_does_not_hide_a_new_success(self, load: FakeAirflow) -> None:
        load.has_run("load", "old", "failed", FAILED)
        assert run(load).run_id != "old"

    def test_more_tasks_than_a_page_holds_are_all_in_the_result(self, load: FakeAirflow) -> None:
        load.script = [("success", [task("part", "success", map_index=i) for i in range(120)])]
        assert len(run(load).tasks) == 120

    def test_a_failure_on_the_second_page_is_found(self, load: FakeAirflow) -> None:
        parts = [task("part", "failed" if i == 110 else "success", map_index=i) for i in range(120)]
        load.script = [("failed", parts)]
        with pytest.raises(RunFailed, match=r"part\[110\]"):
            run(load)


class TestWaiting:
    def test_a_run_that_is_queued_for_long_is_waited_for_and_not_made_again(self, load: FakeAirflow) -> None:
        load.script = [("queued", [])] * 600 + [("running", [])] * 600 + [("success", DONE)]
        run(load)
        assert len(load.triggered) == 1
        assert load.clock.now > 2000

    def test_each_change_of_a_tasks_state_is_told_once(self, load: FakeAirflow) -> None:
        states = [None, "queued", "running", "running", "up_for_retry"]
        load.script = [("running", [task("load", state)]) for state in states]
        load.script += [("running", [task("load", "running", try_number=2)]), ("success", DONE)]
        told: list[tuple[str, str | None, int]] = []
        run(load, on_change=lambda it: told.append((it.name, it.state, it.try_number)))
        assert told == [
            ("load", "queued", 1),
            ("load", "running", 1),
            ("load", "up_for_retry", 1),
            ("load", "running", 2),
            ("load", "success", 1),
        ]

    def test_a_timeout_names_the_run_and_what_it_is_at(self, load: FakeAirflow) -> None:
        load.script = [("running", [task("load", "success"), task("swap", "running"), task("after", None)])]
        with pytest.raises(TimedOut, match=r"still running after 60 s; unfinished tasks: swap \(running\)$") as error:
            run(load, timeout=60)
        assert load.triggered[0] in error.value.message
        assert "./windtunnel logs worker" in error.value.help
        assert error.value.exit_code == 6

    def test_a_timeout_in_the_queue_points_at_the_scheduler(self, load: FakeAirflow) -> None:
        load.script = [("queued", [])]
        with pytest.raises(TimedOut, match="still queued after 60 s; unfinished tasks: none was started") as error:
            run(load, timeout=60)
        assert "./windtunnel logs scheduler" in error.value.help

    def test_an_interrupt_passes_and_leaves_the_run_id(self, load: FakeAirflow) -> None:
        load.script = [("running", [task("load", "running")])]
        run_ids: list[str] = []

        def interrupt(_: object) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(load, on_triggered=run_ids.append, on_change=interrupt)
        assert run_ids == load.triggered

    def test_a_paused_dag_is_unpaused(self, load: FakeAirflow) -> None:
        load.has_dag("load", is_paused=True)
        run(load)
        assert not load.dags["load"]["is_paused"]
        assert load.requests.index("PATCH /api/v2/dags/load") < load.requests.index("POST /api/v2/dags/load/dagRuns")

    def test_a_token_that_expires_on_the_way_is_renewed(self, load: FakeAirflow) -> None:
        load.script = [("running", []), ("running", []), ("success", DONE)]

        def expire(_: str) -> None:
            load.valid_token = "that of another login"

        assert run(load, on_triggered=expire)
        assert load.logins == 2


class TestAnAirflowThatGoesAway:
    def test_a_run_outlives_a_restart_of_airflow(self, load: FakeAirflow) -> None:
        load.script = [("running", []), ("running", []), ("success", DONE)]
        assert run(load, on_triggered=lambda _: load.goes_away_for(60))
        assert len(load.triggered) == 1

    def test_a_run_outlives_a_database_that_fails_for_a_while(self, load: FakeAirflow) -> None:
        load.script = [("running", []), ("success", DONE)]
        broken = httpx.Response(500, json={"detail": "Internal Server Error"})
        assert run(load, on_triggered=lambda _: load.broken_answers.extend([broken] * 20))

    def test_an_airflow_that_stays_away_is_told_with_the_run(self, load: FakeAirflow) -> None:
        with pytest.raises(StackNotRunning, match=r"the run manual__\S+ may go on") as error:
            run(load, on_triggered=lambda _: load.goes_away_for(1e9))
        assert error.value.help == "./windtunnel up"

    def test_an_absence_longer_than_the_timeout_is_a_timeout(self, load: FakeAirflow) -> None:
        with pytest.raises(TimedOut, match=r"the run manual__\S+ of load is still unknown after 30 s"):
            run(load, timeout=30, on_triggered=lambda _: load.goes_away_for(1e9))

    def test_a_stack_that_is_down_is_told_at_once(self, airflow: FakeAirflow) -> None:
        airflow.goes_away_for(1e9)
        with pytest.raises(StackNotRunning):
            run(airflow)
        assert time.monotonic() < 1005

    def test_a_lost_answer_to_the_trigger_does_not_make_a_second_run(self, load: FakeAirflow) -> None:
        load.lost_answer_to_trigger = httpx.ReadTimeout("timed out")
        assert [run(load).run_id] == load.triggered

    def test_a_trigger_that_was_lost_itself_is_told_as_uncertain(self, load: FakeAirflow) -> None:
        load.lost_answer_to_trigger = httpx.ReadTimeout("timed out")
        load.forgets_runs = True
        with pytest.raises(StackNotRunning, match=r"the run manual__\S+ of load may or may not have been made"):
            run(load)
        assert len(load.triggered) == 1

    def test_a_run_that_is_deleted_under_way_has_failed(self, load: FakeAirflow) -> None:
        load.script = [("running", [])]
        with pytest.raises(RunFailed, match=r"the run manual__\S+ of load is gone"):
            run(load, on_triggered=lambda _: load.runs.clear())


class TestAFailure:
    def test_it_names_the_task_the_try_and_the_exception(self, load: FakeAirflow) -> None:
        load.script = [("failed", [task("load", "failed", try_number=2, max_tries=1)])]
        load.has_log("load", raised("OSError", "first try"))
        load.has_log("load", said("reading"), raised("KeyError", "'x'"), try_number=2)
        failures: list[TaskFailure] = []
        with pytest.raises(RunFailed) as error:
            run(load, on_failure=failures.append)
        where = "/usr/local/airflow/dags/load.py:13"
        assert f"\n  load, try 2 of 2: KeyError: 'x' ({where})" in error.value.message
        assert load.triggered[0] in error.value.message
        assert "./windtunnel logs worker" in error.value.help
        assert failures[0].log_tail == ("reading", f"Task failed with exception: KeyError: 'x' ({where})")

    def test_a_mapped_task_is_named_with_its_index(self, load: FakeAirflow) -> None:
        load.script = [("failed", [task("part", "success", map_index=1), task("part", "failed", map_index=2)])]
        load.has_log("part", raised("RuntimeError", "part 2 is bad"), map_index=2)
        with pytest.raises(RunFailed, match=r"part\[2\], try 1 of 1: RuntimeError: part 2 is bad"):
            run(load)

    @pytest.mark.parametrize("kind", family(BadInput).values(), ids=lambda kind: kind.__name__)
    def test_bad_input_has_its_own_exit_code(self, load: FakeAirflow, kind: type[BadInput]) -> None:
        load.script = [("failed", FAILED)]
        load.has_log("load", raised(kind.__name__, "file ended at byte 17"))
        with pytest.raises(kind, match="file ended at byte 17") as error:
            run(load)
        assert type(error.value) is kind

    @pytest.mark.parametrize("name", MORE_EXACT)
    def test_a_more_exact_name_has_the_exit_code_of_its_kind(self, load: FakeAirflow, name: str) -> None:
        load.script = [("failed", FAILED)]
        load.has_log("load", raised(name, "file ended at byte 17"))
        with pytest.raises(MORE_EXACT[name], match="file ended at byte 17"):
            run(load)

    def test_other_errors_of_ours_in_a_task_are_a_failed_run(self, load: FakeAirflow) -> None:
        load.script = [("failed", FAILED)]
        load.has_log("load", raised("StackNotRunning", "of another stack"))
        with pytest.raises(RunFailed):
            run(load)

    def test_the_first_task_to_fail_decides(self, load: FakeAirflow) -> None:
        later = task("a", "failed", end_date="2026-11-21T05:20:00.5Z")
        first = task("b", "failed", end_date="2026-11-21T05:20:00Z")
        load.script = [("failed", [later, first])]
        load.has_log("a", raised("KeyError", "'x'"))
        load.has_log("b", raised("TruncatedInput", "file ended at byte 17"))
        with pytest.raises(BadInput) as error:
            run(load)
        assert error.value.exit_code == 15

    def test_exceptions_that_a_task_or_a_callback_only_logs_do_not_count(self, load: FakeAirflow) -> None:
        load.script = [("failed", FAILED)]
        handled, failed = raised("MissingObject", "dealt with", event="trying another"), raised("KeyError", "'x'")
        load.has_log("load", handled, failed, raised("OSError", "mail", event="Failed to run task callback"))
        with pytest.raises(RunFailed, match="KeyError: 'x'"):
            run(load)

    def test_a_killed_task_is_told_by_the_end_of_its_log(self, load: FakeAirflow) -> None:
        load.script = [("failed", FAILED)]
        load.has_log("load", said("working"), said("Process terminated by signal."))
        with pytest.raises(RunFailed, match=r"try 1 of 1: no exception in its log, which ends with: Process term"):
            run(load)

    def test_a_log_that_is_uploaded_late_is_waited_for(self, load: FakeAirflow, monkeypatch: Any) -> None:
        load.script = [("failed", FAILED)]
        start = load.clock.now

        def upload(seconds: float) -> None:
            load.clock.now += seconds
            if load.clock.now > start + 4:
                load.has_log("load", raised("TruncatedInput", "file ended at byte 17"))

        monkeypatch.setattr(time, "sleep", upload)
        with pytest.raises(BadInput, match="file ended at byte 17"):
            run(load)

    def test_a_log_that_cannot_be_read_leaves_the_run_failed(self, load: FakeAirflow) -> None:
        load.script = [("failed", FAILED)]
        with pytest.raises(RunFailed, match="load, try 1 of 1: its log is not there"):
            run(load, on_change=lambda _: load.goes_away_for(1e9))

    def test_of_many_failed_tasks_some_are_told_and_the_rest_counted(self, load: FakeAirflow) -> None:
        load.script = [("failed", [task("part", "failed", map_index=i) for i in range(50)])]
        with pytest.raises(RunFailed, match=r"failed too: part\[5\], .*part\[14\] and 35 more") as error:
            run(load)
        assert error.value.message.count("try 1 of 1") == 5
        assert load.clock.now < 1015

    def test_upstream_failures_are_not_told_as_failures(self, load: FakeAirflow) -> None:
        load.script = [("failed", [*FAILED, task("after", "upstream_failed", try_number=0)])]
        with pytest.raises(RunFailed) as error:
            run(load)
        assert "after" not in error.value.message

    def test_a_run_that_failed_without_a_failed_task_is_told_as_such(self, load: FakeAirflow) -> None:
        load.script = [("failed", [task("load", "skipped")])]
        with pytest.raises(RunFailed, match="though none of its tasks did"):
            run(load)


class TestADagThatIsNotThere:
    def test_one_that_was_never_parsed_is_not_found(self, airflow: FakeAirflow) -> None:
        with pytest.raises(DagNotFound, match="no DAG load that it can run, after 30 s") as error:
            run(airflow)
        assert error.value.exit_code == 4
        assert airflow.triggered == []

    def test_one_that_is_parsed_soon_is_waited_for(self, airflow: FakeAirflow) -> None:
        airflow.has_dag("load", appears_after=20)
        assert run(airflow)

    def test_one_whose_file_is_gone_is_not_found(self, airflow: FakeAirflow) -> None:
        airflow.has_dag("load", is_stale=True)
        with pytest.raises(DagNotFound, match="after 30 s"):
            run(airflow)
        assert airflow.triggered == []

    def test_one_whose_file_is_gone_but_was_broken_is_not_found(self, airflow: FakeAirflow) -> None:
        airflow.has_dag("load", is_stale=True, has_import_errors=True)
        with pytest.raises(DagNotFound):
            run(airflow)

    def test_the_files_that_do_not_import_are_mentioned(self, airflow: FakeAirflow) -> None:
        airflow.has_import_error("other.py")
        with pytest.raises(DagNotFound, match=r"files that do not import: other\.py"):
            run(airflow)


class TestAnImportError:
    def test_that_of_the_dags_own_file_is_final(self, load: FakeAirflow) -> None:
        load.has_dag("load", file="load/dag.py", is_stale=True, has_import_errors=True)
        load.has_import_error("load/dag.py")
        with pytest.raises(DagImportFailed, match=r"load/dag\.py.*\n.*\nModuleNotFoundError") as error:
            run(load)
        assert error.value.exit_code == 5
        assert load.triggered == []

    def test_that_of_another_file_does_not_count(self, load: FakeAirflow) -> None:
        load.has_import_error("other/dag.py")
        assert run(load, read_dag_file=lambda _: "DAG('load')")

    def test_that_of_the_same_path_in_another_bundle_does_not_count(self, load: FakeAirflow) -> None:
        load.has_import_error("load/dag.py", bundle="another")
        assert run(load)

    def test_that_of_another_file_does_not_become_that_of_a_missing_dag(self, airflow: FakeAirflow) -> None:
        airflow.has_import_error("other.py")
        with pytest.raises(DagNotFound):
            run(airflow, read_dag_file=lambda _: "DAG('other')\nTriggerDagRunOperator(trigger_dag_id='load')")

    def test_a_stale_dag_may_have_moved_to_the_broken_file(self, load: FakeAirflow) -> None:
        load.has_dag("load", file="old.py", is_stale=True)
        load.has_import_error("new.py")
        with pytest.raises(DagImportFailed, match=r"new\.py"):
            run(load, read_dag_file={"new.py": "DAG('load')"}.get)

    @pytest.mark.parametrize(
        "text",
        [
            "with DAG('load'):",
            'dag = DAG(\n    "load",\n',
            "DAG(schedule=timedelta(days=1), dag_id='load')",
            "DAG(\n    schedule=None,\n    dag_id='load',\n)",
            "@dag(schedule=None, dag_id='load')\ndef other(): ...",
            "@dag\ndef load(): ...",
            "@sdk.dag(schedule=timedelta(days=1))\ndef load(): ...",
            "DAG_ID = 'load'\nDAG(DAG_ID)",
        ],
    )
    def test_a_broken_file_that_would_define_the_dag_counts(self, airflow: FakeAirflow, text: str) -> None:
        airflow.has_import_error("some.py")
        with pytest.raises(DagImportFailed, match=r"some\.py"):
            run(airflow, read_dag_file=lambda _: text)

    @pytest.mark.parametrize(
        "text",
        [
            "DAG('load_more')",
            "DAG('reload')",
            "@dag\ndef other():\n    @task\n    def load(): ...",
            "# load is elsewhere",
            "ExternalTaskSensor(external_dag_id='load')",
        ],
    )
    def test_a_broken_file_that_only_mentions_the_dag_does_not_count(self, airflow: FakeAirflow, text: str) -> None:
        airflow.has_import_error("load.py")
        with pytest.raises(DagNotFound):
            run(airflow, read_dag_file=lambda _: text)

    @pytest.mark.parametrize("file, counts", [("load.py", True), ("x/load/dag.py", True), ("load/x/dag.py", False)])
    def test_an_unreadable_file_counts_by_its_name(self, airflow: FakeAirflow, file: str, counts: bool) -> None:
        airflow.has_import_error(file)
        with pytest.raises(DagImportFailed if counts else DagNotFound, match=re.escape(file)):
            run(airflow)
