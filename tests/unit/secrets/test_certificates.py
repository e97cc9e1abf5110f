"""The environment's certificates, as a client that verifies sees them."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

import certificates
import generate


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "STORE", tmp_path / "store/values.json")
    monkeypatch.setattr(generate.os, "chown", lambda *_: None)
    monkeypatch.setenv("WINDTUNNEL_TLS", "on")
    monkeypatch.setenv("WINDTUNNEL_NAME", "wt")
    known = generate.values()
    generate.hand_out(known)
    generate.hand_out_certificates(known)
    return known


@pytest.fixture
def port(made: dict[str, str], tmp_path: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "control/webserver.crt", tmp_path / "control/webserver.key")
    server = HTTPServer(("127.0.0.1", 0), Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_who_trusts_the_authority_reaches_the_web_server(port: int, tmp_path: Path, host: str) -> None:
    context = ssl.create_default_context(cafile=tmp_path / "airflow/ca.crt")
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    assert httpx.get(f"https://{host}:{port}", verify=context, trust_env=False).status_code == 200


def test_who_does_not_is_warned(port: int) -> None:
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        httpx.get(f"https://localhost:{port}", trust_env=False)


def test_nothing_is_made_anew_while_it_lasts(made: dict[str, str]) -> None:
    assert certificates.issue(made, "wt") == {}
    assert generate.values() == made


def test_what_runs_out_is_renewed_by_the_same_authority(made: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "RENEWED_BEFORE", certificates.OF_SERVER)
    assert set(certificates.issue(made, "wt")) == {
        f"{server}_{what}" for server in certificates.SERVERS for what in ("key", "certificate")
    }


def test_a_new_authority_signs_every_certificate_anew(made: dict[str, str]) -> None:
    without = {name: value for name, value in made.items() if name != "ca_certificate"}
    assert {"ca_certificate", "webserver_certificate", "postgres_certificate"} <= set(certificates.issue(without, "wt"))


def test_postgres_is_given_a_key_that_nobody_else_reads(made: dict[str, str], tmp_path: Path) -> None:
    assert (tmp_path / "postgres/server.key").stat().st_mode & 0o777 == 0o400
    assert "sslmode=verify-full" in (tmp_path / "task-memory/warehouse-dsn").read_text()


def test_without_tls_nothing_of_it_is_left(
    made: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WINDTUNNEL_TLS")
    generate.hand_out(made)
    generate.hand_out_certificates(made)
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".crt", ".key")]
    assert "sslmode" not in (tmp_path / "task-memory/warehouse-dsn").read_text()
