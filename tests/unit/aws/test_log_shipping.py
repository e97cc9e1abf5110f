"""A container's output on its way to CloudWatch: all of it goes on to where it went, whatever CloudWatch does."""

import os
import random
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID

from aws_service import logs
from unit.aws.aws_stack import REGION, Aws
from windtunnel.settings import ROOT
from windtunnel.wait import wait_until
from windtunnel_runtime import log_groups

# As boot and supervisor do it: argv has the pipes' folder, a file that was printed before, and what is printed now.
COMPONENT = """
import os, sys
from pathlib import Path
from windtunnel_runtime import log_shipping

log_shipping.PIPES = Path(sys.argv[1])
log_shipping.start("scheduler", {"requirements_install": Path(sys.argv[2])})
log_shipping.join("scheduler")
if not os.fork():
    log_shipping.join("dag-processor")
    os.execvp("cat", ["cat", sys.argv[3]])
os.wait()
os.write(2, b"last words\\n")
log_shipping.drain()
"""


class Container:
    """What one prints, run as a component that logs to an endpoint."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.folder = folder
        self.output = folder / "output"
        # What the shipping process is known by, which is nobody's child.
        self.mark = f"MARK={uuid.uuid4()}"
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "airflow"),
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AIRFLOW_ENV_NAME": "pipelines",
            "MARK": self.mark.removeprefix("MARK="),
        }

    def run(self, printed: str, before: str = "") -> None:
        (self.folder / "printed").write_text(printed)
        (self.folder / "before").write_text(before)
        arguments = [str(self.folder / name) for name in ("pipes", "before", "printed")]
        # What the shipping process itself has to say, that CloudWatch is away, goes to the other file.
        with self.output.open("wb") as output, (self.folder / "errors").open("wb") as errors:
            command = [sys.executable, "-c", COMPONENT, *arguments]
            subprocess.run(command, env=self._environment, stdout=output, stderr=errors, check=True, timeout=120)

    def said(self) -> tuple[str, bool]:
        """What was printed, and whether the last words were, which came by a pipe of their own."""
        lines = self.output.read_text().splitlines(keepends=True)
        return "".join(line for line in lines if line != "last words\n"), "last words\n" in lines

    def shipping(self) -> list[int]:
        """The processes that are left."""
        found = [path for path in Path("/proc").glob("[0-9]*/environ") if self._is_mine(path)]
        return [int(path.parent.name) for path in found]

    def _is_mine(self, path: Path) -> bool:
        try:
            return self.mark.encode() in path.read_bytes().split(b"\0")
        except OSError:
            return False


@pytest.fixture
def endpoint(aws: Aws) -> str:
    logs.make_groups(log_groups.TABLE, "pipelines", REGION, DEFAULT_ACCOUNT_ID)
    return f"http://127.0.0.1:{aws.open_port}"


@pytest.fixture
def container(tmp_path: Path, endpoint: str) -> Iterator[Container]:
    yield from ended(Container(tmp_path, endpoint))


@pytest.fixture
def without_cloudwatch(tmp_path: Path) -> Iterator[Container]:
    # A port that nothing listens at: https://www.iana.org/assignments/service-names-port-numbers
    yield from ended(Container(tmp_path, "http://127.0.0.1:1"))


def ended(container: Container) -> Iterator[Container]:
    yield container
    for process in container.shipping():
        os.kill(process, signal.SIGKILL)


def events(client: Any, group: str, prefix: str) -> list[str]:
    full = f"airflow-pipelines-{group}"
    found = client.describe_log_streams(logGroupName=full, logStreamNamePrefix=prefix)["logStreams"]
    read = [client.get_log_events(logGroupName=full, logStreamName=one["logStreamName"]) for one in found]
    return [event["message"] for one in read for event in one["events"]]


def test_each_component_has_its_group_and_the_output_stays_whole(
    container: Container, aws: Aws, drawn: random.Random
) -> None:
    lines = ["".join(drawn.choices("aé漢 {}%", k=drawn.choice([1, 20, 20_000]))) for _ in range(40)]
    text = "\n".join(["first", *lines, "", "end"]) + "\n"
    container.run(text, before="Collecting\nInstalled\n")
    assert container.said() == (text, True)
    client = aws.client("logs", "anyone", port=aws.open_port)
    wait_until(lambda: events(client, "DAGProcessing", "dag-processor_")[-1:] == ["end"], "the last line", 60)
    wait_until(lambda: events(client, "Scheduler", "scheduler_") == ["last words"], "the container's own line", 60)
    assert events(client, "Scheduler", "requirements_install_") == ["Collecting", "Installed"]
    # Of one batch, CloudWatch keeps the order within a millisecond as it came.
    assert events(client, "DAGProcessing", "dag-processor_") == [line for line in text.split("\n") if line.strip()]


def test_a_cloudwatch_that_is_away_takes_nothing_from_the_output(without_cloudwatch: Container) -> None:
    text = "".join(f"line {n}\n" for n in range(50_000))
    without_cloudwatch.run(text)
    assert without_cloudwatch.said() == (text, True)
    assert len(without_cloudwatch.shipping()) == 1


def test_a_process_that_nobody_reads_for_prints_where_it_did(tmp_path: Path) -> None:
    (tmp_path / "pipes").mkdir()
    os.mkfifo(tmp_path / "pipes/worker")
    script = "import sys; from pathlib import Path; from windtunnel_runtime import log_shipping\n"
    script += "log_shipping.PIPES = Path(sys.argv[1]); log_shipping.join('worker'); print('here')"
    command = [sys.executable, "-c", script, str(tmp_path / "pipes")]
    environment = {"PYTHONPATH": str(ROOT / "airflow"), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == "here\n"
