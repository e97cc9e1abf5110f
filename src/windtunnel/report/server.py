"""The report on a loopback port, made anew as data comes: live dashboards for a machine without Grafana."""

import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from windtunnel.errors import PortTaken, WindtunnelError
from windtunnel.report import page
from windtunnel.report.build import Source

REFRESH_SECONDS = 10  # as often as Prometheus has something new


@dataclass
class Latest:
    """The newest page; several browsers that ask within one refresh get the same."""

    source: Source
    refresh_seconds: int = REFRESH_SECONDS
    _page: bytes = b""
    _made_at: float = field(default=float("-inf"))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def html(self) -> bytes:
        """The page, made now or less than a refresh ago.

        Raises:
            WindtunnelError: Prometheus does not answer.
        """
        with self._lock:
            if time.monotonic() - self._made_at > self.refresh_seconds / 2:
                self._page = page.html(self.source.report(self.refresh_seconds)).encode()
                self._made_at = time.monotonic()
            return self._page


class Server(ThreadingHTTPServer):
    """Serves one page on 127.0.0.1."""

    daemon_threads = True

    def __init__(self, latest: Latest, port: int) -> None:
        """
        Raises:
            PortTaken: another program has the port.
        """
        self.latest = latest
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise PortTaken(
                f"report: port {port} is taken ({error})", "./windtunnel report --watch --port 0"
            ) from error

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        # A foreign page whose name was made to resolve to 127.0.0.1 would be let in by the browser.
        host = self.headers.get("Host", "").rpartition(":")[0]
        if host not in ("127.0.0.1", "localhost"):
            self._answer(HTTPStatus.FORBIDDEN, b"this address is for this machine alone", "text/plain")
        elif self.path.partition("?")[0] != "/":
            self._answer(HTTPStatus.NOT_FOUND, b"there is one page: /", "text/plain")
        else:
            self._page()

    def _page(self) -> None:
        try:
            self._answer(HTTPStatus.OK, self.server.latest.html(), "text/html")
        except WindtunnelError as error:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, error.message.encode(), "text/plain")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """A refresh every few seconds is no news."""


def watch(server: Server) -> None:
    """Serve until Ctrl-C."""
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
