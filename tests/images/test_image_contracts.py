"""Each image that compose is set to run, drop-in or official, keeps the contract in src/windtunnel/images.toml."""

import json
import re
import secrets
import socket
import time
import tomllib
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from python_on_whales import Container, DockerException, Network, Volume, docker

from command_line import CommandLine
from windtunnel.errors import RunFailed
from windtunnel.settings import EnvironmentFile
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

ROOT = Path(__file__).parents[2]
IMAGES = tomllib.loads((ROOT / "src/windtunnel/images.toml").read_text())
WITH_DATA = [name for name, image in IMAGES.items() if image["data"]]
GRACE = 10


@dataclass(frozen=True)
class Start:
    """What an image needs to start on its own."""

    command: list[str] = field(default_factory=list)
    envs: dict[str, str] = field(default_factory=dict)


# The official image has no configuration of its own.
PROXY = (
    "defaults\\n mode http\\n timeout client 1s\\n timeout connect 1s\\n timeout server 1s\\nfrontend f\\n bind :2375"
)
MINIO_SERVER = ["server", "/data", "--console-address", ":9001"]
STARTS = {
    "postgres": Start(envs={"POSTGRES_PASSWORD": "secret"}),
    "docker-proxy": Start(command=["bash", "-c", f"exec haproxy -db -f <(printf '{PROXY}\\n')"]),
    "task-memory": Start(
        envs={
            "WINDTUNNEL_NAME": "nobody",
            "DOCKER_API_URL": "http://127.0.0.1:1",
            "ALERTMANAGER_URL": "http://127.0.0.1:1",
            "WAREHOUSE_DSN_FILE": "/nowhere",
            "METADATA_RETENTION_DAYS": "1",
        }
    ),
    "aws": Start(envs={"CLOUDWATCH_PUSH": "False"}),
    "minio": Start(command=MINIO_SERVER, envs={"MINIO_ROOT_USER": "admin", "MINIO_ROOT_PASSWORD": "secret-secret"}),
}

Run = Callable[..., Container]


@pytest.fixture(scope="session")
def configured() -> Iterator[dict[str, str]]:
    """The image of each table entry, as a stack on this machine would run it."""
    cli = CommandLine(f"selftest-{secrets.token_hex(3)}")
    cli("up", "--no-start")
    environment = EnvironmentFile(cli.name)
    services = json.loads(Stack(environment).run("--profile", "*", "config", "--format", "json"))["services"]
    yield {name: services[image["services"][0]]["image"] for name, image in IMAGES.items()}
    environment.path.unlink()


def runner(configured: dict[str, str], cleanup: ExitStack) -> Run:
    def run(name: str, command: list[str] | None = None, **options: Any) -> Container:
        start = STARTS.get(name, Start())
        reference = configured[name]
        if not IMAGES[name]["source"] and not docker.image.exists(reference):
            pytest.skip(f"{reference} is not on this machine, and {IMAGES[name]['source_reason']}")
        container = docker.run(
            reference,
            start.command if command is None else command,
            detach=True,
            pull="never" if IMAGES[name]["source"] else "missing",
            name=f"dropin-{name}-{uuid.uuid4().hex[:8]}",
            **{"envs": start.envs, **options},
        )
        assert isinstance(container, Container)
        cleanup.callback(remove, container)
        wait_until(lambda: listens(name, container), f"{reference} to listen on {IMAGES[name]['ports']}", timeout=60)
        return container

    return run


def remove(container: Container) -> None:
    with suppress(DockerException):
        container.remove(force=True, volumes=True)


@pytest.fixture
def run(configured: dict[str, str]) -> Iterator[Run]:
    with ExitStack() as cleanup:
        yield runner(configured, cleanup)


@pytest.fixture(scope="module", params=IMAGES)
def running(request: pytest.FixtureRequest, configured: dict[str, str]) -> Iterator[tuple[str, Container]]:
    with ExitStack() as cleanup:
        yield request.param, runner(configured, cleanup)(request.param)


# A test names `volume` and `network` before `run`: pytest tears down in reverse, so the containers go first.
@pytest.fixture
def volume() -> Iterator[Volume]:
    volume = docker.volume.create(f"dropin-{uuid.uuid4().hex[:8]}")
    yield volume
    volume.remove()


@pytest.fixture
def network() -> Iterator[Network]:
    network = docker.network.create(f"dropin-{uuid.uuid4().hex[:8]}")
    yield network
    network.remove()


def shell(container: Container, script: str, **options: Any) -> str:
    return str(container.execute(["sh", "-c", script], **options))


def listening(container: Container) -> set[str]:
    """Ports of the container's sockets that accept: state 0A for TCP, 07 for UDP (include/net/tcp_states.h)."""
    ports = set()
    for protocol, state in (("tcp", "0A"), ("udp", "07")):
        for line in shell(container, f"cat /proc/net/{protocol} /proc/net/{protocol}6").splitlines():
            columns = line.split()
            if len(columns) > 3 and columns[3] == state:
                ports.add(f"{int(columns[1].rpartition(':')[2], 16)}/{protocol}")
    return ports


def listens(name: str, container: Container) -> bool:
    container.reload()
    if not container.state.running:
        raise RunFailed(f"{container.name} ended: {container.logs(tail=20)}")
    return set(IMAGES[name]["ports"]) <= listening(container)


def secret(folder: Path, content: str) -> Path:
    """A file that any user id can read, as compose mounts secrets from files."""
    file = folder / f"secret-{uuid.uuid4().hex[:8]}"
    file.write_text(content)
    file.chmod(0o644)
    return file


def test_the_table_is_read() -> None:
    assert {"postgres", "redis", "minio", "prometheus"} <= set(WITH_DATA)
    assert STARTS.keys() <= IMAGES.keys()


def test_user_of_the_process(running: tuple[str, Container]) -> None:
    name, container = running
    status = shell(container, "cat /proc/1/status")
    uids = re.search(r"^Uid:\s+(\d+)\s+(\d+)", status, re.M)
    assert uids
    assert {int(uid) for uid in uids.groups()} == {IMAGES[name]["uid"]}


def test_ports(running: tuple[str, Container]) -> None:
    name, container = running
    assert set(IMAGES[name]["ports"]) <= listening(container)


def test_version_is_of_the_release_line(running: tuple[str, Container]) -> None:
    name, container = running
    printed = shell(container, " ".join(IMAGES[name]["version"]) + " 2>&1")
    assert re.search(rf"(?<!\d)(?<!\d\.){re.escape(IMAGES[name]['line'])}(?!\d)", printed), printed


def test_tools(running: tuple[str, Container]) -> None:
    name, container = running
    assert IMAGES[name]["tools"]
    for tool in IMAGES[name]["tools"]:
        assert shell(container, f"command -v {tool}")


@pytest.mark.parametrize("name", IMAGES)
def test_stops_within_the_grace_period(name: str, run: Run) -> None:
    container = run(name)
    started = time.monotonic()
    container.stop(time=GRACE)
    container.reload()
    assert time.monotonic() - started < GRACE
    assert container.state.exit_code != 137, "killed"


@pytest.mark.parametrize("name", WITH_DATA)
def test_data_outlives_the_container(name: str, volume: Volume, run: Run) -> None:
    data = IMAGES[name]["data"]
    first = run(name, volumes=[(volume, data)])
    first.execute(["touch", f"{data}/kept"], user=str(IMAGES[name]["uid"]))
    first.stop(time=GRACE)
    remove(first)
    second = run(name, volumes=[(volume, data)])
    assert shell(second, f"ls {data}/kept")


def pg_query(container: Container, password: str, statement: str) -> str:
    """By TCP with a password, as every client of ours."""
    return shell(
        container, f'psql -h "$(hostname -i)" -U app -d store -At -c "{statement}"', envs={"PGPASSWORD": password}
    )


def test_postgres_init_files_password_file_and_restart(volume: Volume, run: Run, tmp_path: Path) -> None:
    init = tmp_path / "init"
    init.mkdir()
    (init / "1.sql").write_text("CREATE TABLE init (line text);")
    (init / "2.sh").write_text('psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c "INSERT INTO init VALUES (\'once\')"\n')
    init.chmod(0o755)
    options: dict[str, Any] = {
        "envs": {
            "POSTGRES_PASSWORD_FILE": "/run/secrets/password",
            "POSTGRES_USER": "app",
            "POSTGRES_DB": "store",
        },
        "volumes": [
            (volume, IMAGES["postgres"]["data"]),
            (secret(tmp_path, "from 'file'\n"), "/run/secrets/password", "ro"),
            (init, "/docker-entrypoint-initdb.d", "ro"),
        ],
    }
    command = ["postgres", "-c", "work_mem=7MB"]

    container = run("postgres", command, **options)
    assert pg_query(container, "from 'file'", "INSERT INTO init VALUES ('restart') RETURNING line").startswith(
        "restart"
    )
    assert pg_query(container, "from 'file'", "SHOW work_mem") == "7MB"
    assert pg_query(container, "from 'file'", "SHOW server_encoding") == "UTF8"
    with pytest.raises(DockerException, match="password authentication failed"):
        pg_query(container, "wrong", "SELECT 1")
    container.stop(time=GRACE)
    remove(container)

    container = run("postgres", command, **options)
    assert pg_query(container, "from 'file'", "SELECT line FROM init ORDER BY line").split() == ["once", "restart"]


def test_postgres_retries_a_first_start_whose_init_file_failed(configured: dict[str, str], tmp_path: Path) -> None:
    """A start that failed half-way must not be taken for a finished one."""
    # https://github.com/docker-library/docs/blob/master/postgres/README.md#initialization-scripts
    if configured["postgres"] != IMAGES["postgres"]["drop_in"]:
        pytest.skip("the official image goes on without the rest of its init files")
    (tmp_path / "1.sql").write_text("SELECT 1/0;")
    tmp_path.chmod(0o755)
    container = docker.create(
        configured["postgres"],
        name=f"dropin-postgres-{uuid.uuid4().hex[:8]}",
        envs=STARTS["postgres"].envs,
        volumes=[(tmp_path, "/docker-entrypoint-initdb.d", "ro")],
    )
    try:
        for _ in range(2):
            with pytest.raises(DockerException):
                container.start(attach=True)
            assert "division by zero" in container.logs(tail=20)
    finally:
        remove(container)


def test_redis_config_file_password_and_restart(volume: Volume, run: Run, tmp_path: Path) -> None:
    config = secret(tmp_path, "requirepass from-file\nappendonly yes\n")
    options: dict[str, Any] = {"volumes": [(volume, "/data"), (config, "/run/secrets/redis.conf", "ro")]}
    command = ["redis-server", "/run/secrets/redis.conf", "--maxmemory-policy", "noeviction"]
    cli = 'redis-cli -h "$(hostname -i)" --no-auth-warning'

    container = run("redis", command, **options)
    assert "NOAUTH" in shell(container, f"{cli} set key value")
    assert shell(container, f"{cli} -a from-file set key value") == "OK"
    container.stop(time=GRACE)
    remove(container)

    container = run("redis", command, **options)
    assert shell(container, f"{cli} -a from-file get key") == "value"


def test_redis_without_password_serves_other_hosts(run: Run) -> None:
    container = run("redis")
    assert shell(container, 'redis-cli -h "$(hostname -i)" ping') == "PONG"


def test_minio_credential_files_and_restart(volume: Volume, run: Run, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "envs": {
            "MINIO_ROOT_USER_FILE": "/run/secrets/user",
            "MINIO_ROOT_PASSWORD_FILE": "/run/secrets/password",
        },
        "volumes": [
            (volume, "/data"),
            (secret(tmp_path, "from-file\n"), "/run/secrets/user", "ro"),
            (secret(tmp_path, "pass-from-file\n"), "/run/secrets/password", "ro"),
        ],
    }
    alias = "wget -q -O /dev/null http://localhost:9000/minio/health/live && mc alias set s http://localhost:9000"

    container = run("minio", **options)
    wait_until(lambda: shell(container, f"{alias} from-file pass-from-file"), "MinIO to be live", timeout=30)
    shell(container, "mc mb s/bucket && echo content | mc pipe s/bucket/key")
    with pytest.raises(DockerException):
        shell(container, f"{alias} from-file pass-wrong")
    container.stop(time=GRACE)
    remove(container)

    container = run("minio", **options)
    wait_until(lambda: shell(container, f"{alias} from-file pass-from-file"), "MinIO to be live", timeout=30)
    assert shell(container, "mc cat s/bucket/key") == "content"


def test_statsd_exporter_turns_packets_into_metrics(run: Run) -> None:
    container = run("statsd-exporter", publish=[("127.0.0.1:", 9125, "udp")])
    ports = container.network_settings.ports or {}
    port = int(ports["9125/udp"][0]["HostPort"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"airflow.probe:3|c", ("127.0.0.1", port))
    wait_until(
        lambda: "airflow_probe 3" in shell(container, "wget -q -O - http://localhost:9102/metrics"),
        "the packet's metric",
        timeout=20,
    )


@pytest.mark.parametrize(
    ("name", "folder", "content", "checker", "port"),
    [
        ("prometheus", "prometheus", "global: {scrape_interval: 7s}\n", "promtool check config", 9090),
        ("alertmanager", "alertmanager", "route: {receiver: r}\nreceivers: [{name: r}]\n", "amtool check-config", 9093),
    ],
)
def test_config_file(name: str, folder: str, content: str, checker: str, port: int, run: Run, tmp_path: Path) -> None:
    path = f"/etc/{folder}/{name}.yml"
    storage = "--storage.tsdb.path" if name == "prometheus" else "--storage.path"
    container = run(
        name,
        [f"--config.file={path}", f"{storage}={IMAGES[name]['data']}"],
        volumes=[(secret(tmp_path, content), path, "ro")],
    )
    assert shell(container, f"{checker} {path}")
    wait_until(lambda: shell(container, f"wget -q -O - http://localhost:{port}/-/ready"), f"{name} ready", timeout=30)


def test_redis_exporter_password_file(network: Network, run: Run, tmp_path: Path) -> None:
    run("redis", ["redis-server", "--requirepass", "secret"], networks=[network], network_aliases=["redis"])
    passwords = secret(tmp_path, json.dumps({"redis://redis:6379": "secret"}))
    exporter = run(
        "redis-exporter",
        envs={"REDIS_ADDR": "redis://redis:6379", "REDIS_PASSWORD_FILE": "/run/secrets/passwords"},
        volumes=[(passwords, "/run/secrets/passwords", "ro")],
        networks=[network],
    )
    assert "\nredis_up 1\n" in shell(exporter, "wget -q -O - http://localhost:9121/metrics")


def test_postgres_exporter_password_file(network: Network, run: Run, tmp_path: Path) -> None:
    run("postgres", networks=[network], network_aliases=["postgres"])
    exporter = run(
        "postgres-exporter",
        envs={
            "DATA_SOURCE_URI": "postgres:5432/postgres?sslmode=disable",
            "DATA_SOURCE_USER": "postgres",
            "DATA_SOURCE_PASS_FILE": "/run/secrets/password",
        },
        volumes=[(secret(tmp_path, "secret\n"), "/run/secrets/password", "ro")],
        networks=[network],
    )
    assert "\npg_up 1\n" in shell(exporter, "wget -q -O - http://localhost:9187/metrics")
