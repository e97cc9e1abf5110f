"""The live page: on this machine alone, and honest when Prometheus is away."""

import threading
from collections.abc import Iterator
from typing import cast

import httpx
import pytest

from unit.report.fake_prometheus import SPAN
from windtunnel.errors import PortTaken, StackNotRunning, UsageError
from windtunnel.report import build
from windtunnel.report.build import Source
from windtunnel.report.page import Report
from windtunnel.report.server import Latest, Server


class FakeSource:
    """Gives an empty report, or fails as told."""

    def __init__(self) -> None:
        self.reports = 0
        self.is_down = False

    def report(self, refresh_seconds: int = 0) -> Report:
        if self.is_down:
            raise StackNotRunning("Prometheus does not answer")
        self.reports += 1
        return Report("tunnel", SPAN, SPAN.end, (), {}, (), refresh_seconds=refresh_seconds)


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def server(source: FakeSource) -> Iterator[Server]:
    server = Server(Latest(cast(Source, source)), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, trust_env=False)


def test_it_serves_the_page_on_loopback(server: Server) -> None:
    answer = get(server.url)
    assert server.url.startswith("http://127.0.0.1:")
    assert answer.status_code == 200 and "tunnel" in answer.text and "setTimeout(refresh, 10000)" in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_browsers_that_ask_at_once_get_one_drawing(server: Server, source: FakeSource) -> None:
    assert get(server.url).content == get(f"{server.url}?theme=dark").content
    assert source.reports == 1


def test_prometheus_away_is_said_and_passes(server: Server, source: FakeSource) -> None:
    source.is_down = True
    answer = get(server.url)
    assert (answer.status_code, answer.text) == (503, "Prometheus does not answer")
    source.is_down = False
    assert get(server.url).status_code == 200


def test_no_other_name_and_no_other_path(server: Server) -> None:
    assert get(server.url, Host="evil.example:80").status_code == 403
    assert get(f"{server.url}etc/passwd").status_code == 404


def test_a_taken_port_is_an_error(server: Server) -> None:
    with pytest.raises(PortTaken, match=str(server.server_address[1])):
        Server(server.latest, int(server.server_address[1]))


@pytest.mark.parametrize("since, seconds", [("90s", 90), ("15m", 900), ("1h", 3600), ("7d", 604800)])
def test_spans(since: str, seconds: int) -> None:
    assert build.seconds(since) == seconds


@pytest.mark.parametrize("since", ["", "1", "h", "59s", "0h", "-1h", "1h30m", "1y"])
def test_what_is_no_span_is_a_usage_error(since: str) -> None:
    with pytest.raises(UsageError, match="--since"):
        build.seconds(since)
