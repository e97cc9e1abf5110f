"""Docker's containers and events, as its API tells of them."""

import itertools
import json
import logging

import httpx
import pytest
from fake_docker import ENVIRONMENT, Docker, happened, inspected

from task_memory.docker_api import Container, DockerAPI, DockerUnavailable

ID = "4be7" * 16


@pytest.fixture
def api(docker: Docker) -> DockerAPI:
    return DockerAPI("http://docker-proxy:2375", httpx.MockTransport(docker))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr("task_memory.docker_api.time.sleep", taken.append)
    return taken


def filters(request: httpx.Request) -> dict[str, list[str]]:
    parsed: dict[str, list[str]] = json.loads(request.url.params["filters"])
    return parsed


def test_a_container(api: DockerAPI, docker: Docker) -> None:
    docker.containers = [inspected(ID, "worker", 4711)]
    assert api.containers(ENVIRONMENT) == [
        Container(
            id=ID,
            name="made-up-worker-1",
            component="worker",
            cluster="BaseWorker",
            pid=4711,
            memory_limit_bytes=2 * 2**30,
            cpus=1.5,
            started_at=pytest.approx(1795248932.056164),
            restarts=2,
            state="running",
            slots=20,
        )
    ]


def test_only_what_runs_in_the_environment_is_asked_for(api: DockerAPI, docker: Docker) -> None:
    api.containers(ENVIRONMENT)
    assert filters(docker.asked[0]) == {"label": [f"windtunnel.environment={ENVIRONMENT}"], "status": ["running"]}


@pytest.mark.parametrize(
    ("component", "cluster"),
    [
        ("worker", "BaseWorker"),
        ("additional-worker", "AdditionalWorker"),
        ("scheduler", "Scheduler"),
        ("webserver", "WebServer"),
        ("postgres", ""),
    ],
)
def test_mwaas_clusters(component: str, cluster: str, api: DockerAPI, docker: Docker) -> None:
    docker.containers = [inspected(ID, component, 4711)]
    (container,) = api.containers(ENVIRONMENT)
    assert (container.component, container.cluster) == (component, cluster)


def test_a_container_without_limits_or_labels(api: DockerAPI, docker: Docker) -> None:
    docker.containers = [
        inspected(ID, "x", 4711, HostConfig={"Memory": 0, "NanoCpus": 0}, Config={"Labels": None, "Env": None})
    ]
    (container,) = api.containers(ENVIRONMENT)
    assert (container.memory_limit_bytes, container.cpus, container.component) == (None, None, "")


def test_containers_come_by_name(api: DockerAPI, docker: Docker) -> None:
    docker.containers = [inspected(digit * 64, name, 1) for digit, name in (("1", "worker"), ("2", "aws"))]
    assert [container.component for container in api.containers(ENVIRONMENT)] == ["aws", "worker"]


def test_a_container_that_ends_between_two_questions_is_left_out(api: DockerAPI, docker: Docker) -> None:
    stopped = {"Status": "exited", "Running": False, "Pid": 0, "StartedAt": "2026-11-21T08:15:32Z"}
    docker.containers = [inspected(ID, "worker", 0, State=stopped)]
    assert api.containers(ENVIRONMENT) == []
    assert api.container("of-no-such-name") is None


def test_sizes_of_writable_layers(api: DockerAPI, docker: Docker) -> None:
    docker.containers = [inspected(ID, "worker", 4711), inspected("2" * 64, "redis", 4712)]
    docker.writable = {ID: 153442}
    assert api.writable_bytes(ENVIRONMENT) == {ID: 153442, "2" * 64: 0}


@pytest.mark.parametrize("status", [403, 500])
def test_a_refusal_says_what_was_refused(status: int, api: DockerAPI, docker: Docker) -> None:
    docker.status = status
    with pytest.raises(DockerUnavailable, match=rf"/containers/json: status {status}: not today"):
        api.containers(ENVIRONMENT)


def test_no_answer() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused", request=request)

    with pytest.raises(DockerUnavailable, match=r"http://docker-proxy:2375.*Connection refused"):
        DockerAPI("http://docker-proxy:2375", httpx.MockTransport(refuse)).containers(ENVIRONMENT)


def test_an_answer_that_is_not_dockers() -> None:
    api = DockerAPI("http://docker-proxy:2375", httpx.MockTransport(lambda _: httpx.Response(200, text="<html>")))
    with pytest.raises(DockerUnavailable, match="/containers/json"):
        api.running_ids(ENVIRONMENT)


def test_an_event(api: DockerAPI, docker: Docker) -> None:
    docker.streams = [[happened("die", 1_795_248_932_500_000_000, exitCode="137")]]
    event = next(api.events(ENVIRONMENT))
    assert (event.at, event.action, event.container_id) == (1795248932.5, "die", "a" * 64)
    assert (event.name, event.component, event.attributes["exitCode"]) == ("made-up-worker-1", "worker", "137")
    assert filters(docker.asked[0]) == {
        "type": ["container"],
        "event": ["start", "die", "oom"],
        "label": [f"windtunnel.environment={ENVIRONMENT}"],
    }


def test_a_broken_stream_goes_on_where_it_broke(
    api: DockerAPI, docker: Docker, pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    docker.streams = [
        [happened("start", 1_000_000_001), happened("oom", 2_000_000_002)],
        [happened("die", 3_000_000_003)],
    ]
    events = [*itertools.islice(api.events(ENVIRONMENT), 3)]
    assert [event.action for event in events] == ["start", "oom", "die"]
    assert docker.asked[1].url.params["since"] == "2.000000003"
    assert pauses == [0.5]


def test_events_wait_longer_and_longer_for_docker(
    api: DockerAPI, docker: Docker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    docker.status = 503
    docker.streams = [[happened("start", 1_000_000_001)]]
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        docker.status = 503 if len(pauses) < 7 else 200

    monkeypatch.setattr("task_memory.docker_api.time.sleep", pause)
    with caplog.at_level(logging.WARNING):
        assert next(api.events(ENVIRONMENT)).action == "start"
    assert pauses == [0.5, 1, 2, 4, 8, 10, 10]
    assert "status 503" in caplog.text
