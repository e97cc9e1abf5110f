"""What the client makes of Airflow's answers."""

import httpx
import pytest

from unit.fake_airflow import Clock, FakeAirflow, raised, said, task
from windtunnel.airflow_api import LoggedException
from windtunnel.errors import DagNotFound, StackNotRunning, UsageError, WindtunnelError


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> FakeAirflow:
    return FakeAirflow(Clock(monkeypatch))


def test_it_logs_in_once_and_only_when_it_must(airflow: FakeAirflow) -> None:
    airflow.has_dag("load")
    api = airflow.api()
    assert airflow.requests == []
    api.dag("load")
    api.dag("load")
    assert airflow.requests == ["POST /auth/token", "GET /api/v2/dags/load", "GET /api/v2/dags/load"]


def test_an_expired_token_is_renewed_and_the_request_repeated(airflow: FakeAirflow) -> None:
    airflow.has_dag("load")
    api = airflow.api()
    api.dag("load")
    airflow.valid_token = "that of another login"
    assert api.dag("load")
    assert airflow.logins == 2


def test_a_token_of_a_stack_that_was_made_anew_is_renewed_too(airflow: FakeAirflow) -> None:
    airflow.has_dag("load")
    api = airflow.api()
    api.dag("load")
    airflow.broken_answers = [httpx.Response(403, json={"detail": "Invalid JWT token"})]
    assert api.dag("load")
    assert airflow.logins == 2


def test_a_trigger_with_an_expired_token_makes_one_run(airflow: FakeAirflow) -> None:
    airflow.has_dag("load")
    api = airflow.api()
    api.dag("load")
    airflow.valid_token = "that of another login"
    api.trigger("load")
    assert len(airflow.triggered) == 1


def test_a_wrong_password_is_a_wrong_setting(airflow: FakeAirflow) -> None:
    with pytest.raises(UsageError, match=r"refuses the user 'admin': Invalid credentials"):
        airflow.api(password="wrong").dag("load")


def test_a_refused_connection_means_that_the_stack_is_down(airflow: FakeAirflow) -> None:
    airflow.goes_away_for(3600)
    with pytest.raises(StackNotRunning, match=r"does not answer at http://airflow\.test: .*refused") as error:
        airflow.api().dag("load")
    assert error.value.help == "./windtunnel up"


def test_a_short_absence_is_not_noticed(airflow: FakeAirflow) -> None:
    airflow.has_dag("load")
    airflow.goes_away_for(0.9)
    assert airflow.api().dag("load")


@pytest.mark.parametrize("failures, succeeds", [(2, True), (3, False)])
def test_a_get_is_tried_three_times(airflow: FakeAirflow, failures: int, succeeds: bool) -> None:
    airflow.has_dag("load")
    airflow.broken_answers = [httpx.Response(503, text="Service Unavailable")] * failures
    if succeeds:
        assert airflow.api().dag("load")
    else:
        with pytest.raises(StackNotRunning, match=r"answered 503: Service Unavailable"):
            airflow.api().dag("load")


def test_a_get_that_timed_out_is_not_tried_again_at_once(airflow: FakeAirflow) -> None:
    airflow.broken_answers = [httpx.ReadTimeout("timed out")]
    with pytest.raises(StackNotRunning, match="timed out"):
        airflow.api().health()
    assert len(airflow.requests) == 1


def test_a_trigger_is_never_tried_again(airflow: FakeAirflow) -> None:
    airflow.has_dag("load")
    airflow.lost_answer_to_trigger = httpx.ReadError("connection reset")
    with pytest.raises(StackNotRunning):
        airflow.api().trigger("load")
    assert len(airflow.triggered) == 1


def test_a_refusal_tells_what_airflow_said(airflow: FakeAirflow) -> None:
    api = airflow.api()
    api.dag("load")
    airflow.broken_answers = [httpx.Response(409, json={"detail": {"reason": "Unique constraint violation"}})]
    with pytest.raises(WindtunnelError, match=r"POST /api/v2/dags/load/dagRuns: .* 409: .*Unique constraint"):
        api.trigger("load", run_id="twice")


def test_a_refusal_of_the_request_names_the_fields(airflow: FakeAirflow) -> None:
    api = airflow.api()
    api.dag("load")
    detail = [{"type": "dict_type", "loc": ["body", "conf"], "msg": "Input should be a valid dictionary"}]
    airflow.broken_answers = [httpx.Response(422, json={"detail": detail})]
    with pytest.raises(WindtunnelError, match=r"422: body\.conf: Input should be a valid dictionary"):
        api.trigger("load")


def test_another_program_on_the_port_is_told_from_airflow(airflow: FakeAirflow) -> None:
    airflow.broken_answers = [httpx.Response(200, text="<html>It works!</html>")]
    with pytest.raises(StackNotRunning, match=r"is not Airflow: '<html>It works!</html>'"):
        airflow.api().health()


def test_an_answer_of_another_form_is_told_as_such(airflow: FakeAirflow) -> None:
    airflow.has_dag("load")
    del airflow.dags["load"]["is_stale"]
    with pytest.raises(WindtunnelError, match=r"not of the form that 3\.3\.1 gives: KeyError\('is_stale'\)"):
        airflow.api().dag("load")


def test_health_needs_no_login(airflow: FakeAirflow) -> None:
    assert airflow.api(password="wrong").health() == {"metadatabase": "healthy", "triggerer": None}


def test_what_is_not_there_is_none(airflow: FakeAirflow) -> None:
    assert airflow.api().dag("load") is None
    assert airflow.api().dag_run("load", "run") is None


def test_a_dag_that_is_not_there_cannot_be_triggered(airflow: FakeAirflow) -> None:
    with pytest.raises(DagNotFound, match="'load' not found"):
        airflow.api().trigger("load")


def test_a_trigger_hands_over_its_configuration_and_run_id(airflow: FakeAirflow) -> None:
    airflow.has_dag("load")
    airflow.script = [("queued", [])]
    run = airflow.api().trigger("load", {"day": "monday"}, "my run+1")
    assert (run.run_id, run.start) == ("my run+1", None)
    assert airflow.runs["load", "my run+1"].conf == {"day": "monday"}
    assert airflow.api().dag_run("load", "my run+1")


def test_a_paused_dag_can_be_unpaused(airflow: FakeAirflow) -> None:
    airflow.has_dag("load", is_paused=True)
    airflow.api().unpause("load")
    assert not airflow.dags["load"]["is_paused"]


def test_more_task_instances_than_a_page_holds_are_all_seen(airflow: FakeAirflow) -> None:
    airflow.has_run("load", "run", "success", [task("part", "success", map_index=i) for i in range(250)])
    tasks = airflow.api().task_instances("load", "run")
    assert [it.map_index for it in tasks] == list(range(250))


def test_more_import_errors_than_a_page_holds_are_all_seen(airflow: FakeAirflow) -> None:
    for number in range(101):
        airflow.has_import_error(f"{number}.py")
    assert airflow.api().import_errors()[-1].filename == "100.py"


def test_a_log_keeps_its_entries_whole(airflow: FakeAirflow) -> None:
    airflow.has_log("part", said("one line\u2028of text"), raised("KeyError", "'x'"), map_index=2, try_number=3)
    log = airflow.api().task_log("load", "run", "part", 3, map_index=2)
    assert [entry.event for entry in log[1:]] == ["one line\u2028of text", "Task failed with exception"]
    assert [entry.level for entry in log] == [None, "info", "error"]
    assert log[-1].exception == LoggedException("KeyError", "'x'", "/usr/local/airflow/dags/load.py:13")


def test_a_task_that_never_started_has_no_log(airflow: FakeAirflow) -> None:
    assert airflow.api().task_log("load", "run", "part", 0) == []


def test_an_xcom_is_read_by_its_map_index(airflow: FakeAirflow) -> None:
    airflow.xcoms["part", "return_value", 1] = {"rows": 10}
    assert airflow.api().xcom("load", "run", "part", map_index=1) == {"rows": 10}
    with pytest.raises(WindtunnelError, match=r"404: XCom entry with key: `return_value` not found"):
        airflow.api().xcom("load", "run", "part")


def test_a_runs_page_can_be_opened(airflow: FakeAirflow) -> None:
    url = airflow.api().run_url("load", "manual__2026-11-21T05:19:23+00:00")
    assert url == "http://airflow.test/dags/load/runs/manual__2026-11-21T05%3A19%3A23%2B00%3A00"
