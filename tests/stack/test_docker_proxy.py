"""docker-proxy lets the services beside Airflow read containers and events, and nobody do anything else."""

import json

import pytest

from windtunnel.errors import WindtunnelError
from windtunnel.machine import run
from windtunnel.stack import Stack

ASK = """\
import json, socket, sys

def status(request):
    with socket.create_connection(("docker-proxy", 2375), timeout=20) as connection:
        connection.sendall(request.encode("latin-1"))
        return int(connection.makefile("rb").readline().split()[1])

print(json.dumps({request: status(request) for request in json.loads(sys.argv[1])}))
"""
REST = " HTTP/1.1\r\nHost: docker-proxy\r\nConnection: close\r\n"
ALLOWED = (
    "GET /_ping",
    "HEAD /_ping",
    "GET /v1.41/version",
    "GET /containers/json?size=true",
    "GET /v1.41/containers/json",
    "GET /containers/{worker}/json",
    "GET /events?until=1",
)
# What changes something names no container: should one pass, the tests' stack must not suffer.
REFUSED = (
    "POST /containers/create",
    "POST /containers/nobody/exec",
    "POST /containers/nobody/stop",
    "POST /containers/nobody/update",
    "POST /containers/nobody/restart?t=90",
    "POST /containers/{name}-postgres-1/restart?t=90",
    "POST /containers/{name}-worker-99/stop?t=90",
    "POST /containers/{name}-worker-99/restart",
    "POST /v1.41/containers/{name}-worker-99/restart?t=90",
    "GET /containers/{name}-worker-99/restart?t=90",
    "PUT /containers/nobody/archive?path=/",
    "DELETE /containers/nobody",
    "POST /containers/json",
    "OPTIONS *",
    "GET /containers/{worker}/logs",
    "GET /containers/{worker}/archive?path=/run/secrets",
    "GET /v1.41/containers/{worker}/attach/ws",
    "GET /info",
    "GET /images/json",
    "GET /secrets",
    "GET /v1.41/v1.41/info",
    # Other spellings of paths.
    "GET //containers/json",
    "GET /containers//json",
    "GET /containers/json/",
    "GET /CONTAINERS/json",
    "GET /containers/../info",
    "GET /containers/../json",
    "GET /containers/json/../../info",
    "GET /containers/%2e%2e/json",
    "GET /containers/x%2f..%2f..%2finfo?/json",
    "GET /containers/{worker}%2flogs%3f/json",
    "GET /info?/containers/json",
    "GET /info;/containers/json",
    "GET http://docker-proxy/_ping",
    "GET http://docker-proxy/info",
)
REFUSED_HEADERS = (
    "Connection: upgrade\r\nUpgrade: tcp\r\n\r\n",
    "Content-Length: 2\r\n\r\n{}",
    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
)


def statuses(stack: Stack, requests: list[str]) -> dict[str, int]:
    """What docker-proxy answers the service task-memory to each raw request."""
    answer = stack.container("task-memory").execute("python3", "-c", ASK, json.dumps(requests))
    found: dict[str, int] = json.loads(answer)
    return found


def lines(stack: Stack, templates: tuple[str, ...]) -> list[str]:
    names = {"{worker}": stack.container("worker").name, "{name}": stack.name}
    for placeholder, name in names.items():
        templates = tuple(template.replace(placeholder, name) for template in templates)
    return [template + REST + "\r\n" for template in templates]


def test_reading_is_allowed(stack: Stack) -> None:
    answers = statuses(stack, lines(stack, ALLOWED))
    assert set(answers.values()) == {200}, answers


def test_the_stacks_own_airflow_containers_may_be_started_anew(stack: Stack) -> None:
    """Docker itself answers of one that is not there."""
    answers = statuses(stack, lines(stack, ("POST /containers/{name}-worker-99/restart?t=90",)))
    assert set(answers.values()) == {404}, answers


def test_everything_else_is_refused(stack: Stack) -> None:
    answers = statuses(stack, lines(stack, REFUSED))
    assert set(answers.values()) == {403}, answers


def test_nothing_follows_a_request_that_is_allowed(stack: Stack) -> None:
    answers = statuses(stack, ["GET /_ping" + REST + headers for headers in REFUSED_HEADERS])
    assert set(answers.values()) == {403}, answers


def test_a_malformed_request_does_not_reach_docker(stack: Stack) -> None:
    """A tab in the target, and a host that the target contradicts, are no HTTP."""
    targets = ("GET /_ping\t/info", "GET http://other/_ping", "CONNECT docker-proxy:2375")
    answers = statuses(stack, lines(stack, targets))
    assert set(answers.values()) == {400}, answers


def test_a_task_cannot_reach_it(stack: Stack) -> None:
    """Neither by its name nor by its address."""
    networks = json.loads(run(["docker", "inspect", stack.container("docker-proxy").id], WindtunnelError))[0][
        "NetworkSettings"
    ]["Networks"]
    (address,) = (network["IPAddress"] for network in networks.values())
    for host in ("docker-proxy", address):
        connect = f"import socket; socket.create_connection(({host!r}, 2375), timeout=3)"
        with pytest.raises(WindtunnelError, match=r"gaierror|timed out|unreachable|refused"):
            stack.container("worker").execute("python3", "-c", connect)


def test_only_docker_proxy_has_the_socket_and_it_has_no_capability(stack: Stack) -> None:
    inspected = json.loads(run(["docker", "inspect", *(one.id for one in stack.containers())], WindtunnelError))
    with_socket = [one for one in inspected if any("docker.sock" in mount["Destination"] for mount in one["Mounts"])]
    assert [one["Config"]["Labels"]["windtunnel.component"] for one in with_socket] == ["docker-proxy"]
    assert "CapEff:\t0000000000000000" in stack.container("docker-proxy").execute("cat", "/proc/1/status")
