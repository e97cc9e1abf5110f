"""HTTP: /metrics for Prometheus, /healthz for the health check."""

import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

PORT = 9105


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Each scrape would be a line."""


def serve(registry: CollectorRegistry, healthy: Callable[[], bool], port: int = PORT) -> WSGIServer:
    """Answer in a thread; /healthz is 200 while `healthy()`, else 503."""
    metrics = make_wsgi_app(registry)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/healthz":
            answer: Iterable[bytes] = metrics(environ, start_response)
            return answer
        fine = healthy()
        start_response("200 OK" if fine else "503 Service Unavailable", [("Content-Type", "text/plain")])
        return [b"ok\n" if fine else b"the watch stands still\n"]

    server = make_server("", port, application, server_class=_Server, handler_class=_Silent)
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    return server
