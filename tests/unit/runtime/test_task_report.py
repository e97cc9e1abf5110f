"""What a task says of its memory: the datagrams, and that they cost the task nothing."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from windtunnel_runtime import task_report
from windtunnel_runtime.footprint import Footprint
from windtunnel_runtime.task_report import TaskReport, pause

FIGURES = Footprint(rss=4, pss=3, private=2, hwm=5)
IDENTITY: dict[str, object] = {
    "ti": "01a1fd4a-1c72-72b8-8baf-343a223065b1",
    "dag_id": "d",
    "task_id": "group.t",
    "map_index": -1,
    "run_id": "manual__2026-11-21T08:47:30+00:00",
    "try_number": 2,
}


class Receiver:
    """What task-memory hears."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(10)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.sizes: list[int] = []

    def next(self) -> dict[str, Any]:
        text = self._socket.recv(65536)
        self.sizes.append(len(text))
        return dict(json.loads(text))

    def until_finished(self) -> list[dict[str, Any]]:
        heard = [self.next()]
        while heard[-1]["phase"] != "finished":
            heard.append(self.next())
        return heard

    def has_more(self) -> bool:
        self._socket.settimeout(0.2)
        try:
            return bool(self.next())
        except TimeoutError:
            return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(task_report, "footprint", lambda: FIGURES)
    receiver = Receiver()
    yield receiver
    receiver.close()


def test_a_task_reports_from_its_start_to_its_end(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_report, "INTERVAL", 0.01)
    report = TaskReport(receiver.address, IDENTITY)
    heard = [receiver.next()]
    report.parsed()
    while [one["phase"] for one in heard].count("sample") < 2:
        heard.append(receiver.next())
    report.finished("up_for_retry")
    heard += receiver.until_finished()
    assert heard[0]["phase"] == "started"
    assert [one["phase"] for one in heard if one["phase"] != "sample"] == ["started", "parsed", "finished"]
    assert {one["outcome"] for one in heard[:-1]} == {None}
    assert heard[-1]["outcome"] == "up_for_retry"


def test_each_datagram_says_who_when_and_how_much(receiver: Receiver) -> None:
    TaskReport(receiver.address, IDENTITY).finished("success")
    for datagram in receiver.until_finished():
        assert datagram.pop("phase") in ("started", "finished")
        assert datagram.pop("at") > 1.7e9
        datagram.pop("outcome")
        assert datagram == IDENTITY | FIGURES.figures() | {"host": socket.gethostname(), "pid": os.getpid()}


def test_the_end_is_told_once(receiver: Receiver) -> None:
    report = TaskReport(receiver.address, IDENTITY)
    receiver.next()
    report.finished("success")
    report.finished("failed")
    assert receiver.next()["outcome"] == "success"
    assert not receiver.has_more()


def test_the_longest_names_fit_into_one_packet(receiver: Receiver) -> None:
    longest = IDENTITY | {name: "x" * 250 for name in ("dag_id", "task_id", "run_id")}
    TaskReport(receiver.address, longest).finished("up_for_reschedule")
    receiver.until_finished()
    assert max(receiver.sizes) < 1400


def test_a_fork_of_the_task_does_not_end_it(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    report = TaskReport(receiver.address, IDENTITY)
    receiver.next()
    with monkeypatch.context() as in_the_fork:
        in_the_fork.setattr(task_report.os, "getpid", lambda: -1)
        report.finished("failed")
    report.finished("success")
    assert receiver.next()["outcome"] == "success"


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_receiver_that_is_not_there_is_no_error(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver.close()
    refused = TaskReport(receiver.address, IDENTITY)
    monkeypatch.setattr(task_report.socket, "getaddrinfo", lambda *_, **__: (_ for _ in ()).throw(socket.gaierror()))
    for report in (refused, TaskReport("nowhere:1", IDENTITY)):
        report.parsed()
        report.parsed()
        report.finished("success")
    for thread in threading.enumerate():
        if thread.name == "windtunnel-task-memory":
            thread.join(10)


def test_what_is_slow_to_read_is_read_less_often() -> None:
    assert pause(read_s=0.0002) == 1.0
    assert pause(read_s=0.011) == pytest.approx(2.2)
