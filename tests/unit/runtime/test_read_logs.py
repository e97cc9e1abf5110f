"""The end of a log group as `./windtunnel logs` prints it, from each of the three places."""

import io
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from windtunnel_runtime import read_logs
from windtunnel_runtime.read_logs import Tail, readable, source

ENVIRONMENT = {"AIRFLOW_ENV_NAME": "pipelines", "WINDTUNNEL_BUCKET": "pipelines"}
GROUP = "airflow-pipelines-Task"
Write = Callable[[str, list[str]], None]


@pytest.fixture
def volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.setattr(read_logs, "LOGS", tmp_path)
    written = iter(range(1_000_000))

    def write(stream: str, lines: list[str]) -> None:
        file = tmp_path / stream
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as log:
            log.writelines(f"{line}\n" for line in lines)
        # Each later than the one before, however fast the test is.
        os.utime(file, (0, 1e9 + next(written)))

    return write


@pytest.fixture
def in_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with mock_aws():
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3").create_bucket(Bucket="pipelines")
        boto3.client("logs").create_log_group(logGroupName=GROUP)
        yield


@pytest.fixture
def s3(in_aws: None) -> Write:
    client, held, written = boto3.client("s3"), dict[str, str](), iter(range(1_000_000))
    kept = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets["pipelines"].keys

    def write(stream: str, lines: list[str]) -> None:
        held[stream] = held.get(stream, "") + "".join(f"{line}\n" for line in lines)
        client.put_object(Bucket="pipelines", Key=f"logs/{stream}", Body=held[stream].encode())
        # Each later than the one before: the listing's times are whole seconds.
        kept[f"logs/{stream}"].last_modified = datetime.fromtimestamp(1e9 + next(written), UTC).replace(tzinfo=None)

    return write


@pytest.fixture
def cloudwatch(in_aws: None) -> Write:
    client, start, written = boto3.client("logs"), int(time.time() * 1000) - 1_000_000, iter(range(1_000_000))

    def write(stream: str, lines: list[str]) -> None:
        known = client.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=stream)["logStreams"]
        if not known:
            client.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        events = [{"timestamp": start + next(written), "message": line} for line in lines]
        client.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)

    return write


@pytest.fixture(params=["volume", "s3", "cloudwatch"])
def written(request: pytest.FixtureRequest) -> tuple[Write, Tail]:
    write: Write = request.getfixturevalue(request.param)
    return write, Tail(source("Task", ENVIRONMENT | {"WINDTUNNEL_TASK_LOGS": request.param}))


def stream(task: str) -> str:
    return f"dag_id=d/run_id=r/task_id={task}/attempt=1.log"


def headed(task: str, *lines: str) -> list[str]:
    return [f"==> {stream(task)} <==", *lines]


def test_the_newest_is_last_and_each_has_its_streams_name(
    written: tuple[Write, Tail], capsys: pytest.CaptureFixture[str]
) -> None:
    write, tail = written
    for task in ("b", "a", "c"):
        write(stream(task), [f"{task} says 1", f"{task} says 2"])
    tail.last(5)
    expected = [*headed("b", "b says 2"), *headed("a", "a says 1", "a says 2"), *headed("c", "c says 1", "c says 2")]
    assert capsys.readouterr().out.splitlines() == expected


def test_what_comes_later_is_printed_once(written: tuple[Write, Tail], capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    drawn = random.Random(seed)
    write, tail = written
    write(stream("old"), [f"old {n}" for n in range(drawn.randint(1, 50))])
    write(stream("new"), ["before"])
    capsys.readouterr()
    tail.last(1)
    later = []
    for n in range(drawn.randint(3, 10)):
        task = drawn.choice(["old", "new", "newer"])
        write(stream(task), [f"later {n}"])
        later.append((task, f"later {n}"))
        tail.more()
        tail.more()
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == headed("new", "before")
    assert [line for line in printed[2:] if not line.startswith("==>")] == [line for _, line in later]
    for task, line in later:
        above = [one for one in printed[: printed.index(line)] if one.startswith("==>")]
        assert above[-1:] == headed(task)


def test_of_a_long_log_the_end_is_looked_at(
    volume: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(read_logs, "MOST_BYTES", 25)
    volume(stream("a"), [f"line {n}" for n in range(100)])
    Tail(source("Task", ENVIRONMENT)).last(1000)
    assert capsys.readouterr().out.splitlines()[-2:] == ["line 98", "line 99"]


def test_dag_files_have_a_group_of_their_own_on_the_volume(volume: Write, capsys: pytest.CaptureFixture[str]) -> None:
    volume(stream("a"), ["of a task"])
    volume("dag_processor/2026-11-21/dags-folder/mine.py.log", ["of a file"])
    for kind in ("volume", "s3"):
        Tail(source("DAGProcessing", ENVIRONMENT | {"WINDTUNNEL_TASK_LOGS": kind})).last(10)
        said = capsys.readouterr().out.splitlines()
        assert said == ["==> dag_processor/2026-11-21/dags-folder/mine.py.log <==", "of a file"]


def test_it_follows_until_its_input_ends(
    volume: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    volume(stream("a"), ["hello"])
    reader, writer = os.pipe()
    os.close(writer)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(os.fdopen(reader, "rb")))
    monkeypatch.setattr(os, "environ", ENVIRONMENT)
    read_logs.main("Task", 10, follow=True)
    assert capsys.readouterr().out.splitlines() == headed("a", "hello")


@pytest.mark.parametrize("text", ["plain text", '{"event"', "[1]", '{"no": "event"}', "3"])
def test_a_line_of_no_ones_making_is_printed_as_it_is(text: str) -> None:
    assert readable(text) == text


def test_airflows_lines_are_for_people() -> None:
    line = {"timestamp": "2026-11-21T22:54:19Z", "level": "error", "event": "Task failed", "logger": "task"}
    line |= {"error_detail": [{"exc_type": "ValueError", "exc_value": "no rows", "frames": []}]}
    assert readable(json.dumps(line)) == "2026-11-21T22:54:19Z ERROR Task failed\n    ValueError: no rows"
