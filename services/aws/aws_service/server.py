"""moto's server in this process, with our CloudWatch in it, behind one front for each of its two ports."""

import logging
from threading import Thread

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from aws_service import backend
from aws_service.front import WSGI, Enforced, Open
from aws_service.identities import ExecutionRole
from aws_service.secrets_kept import SecretsKept


def moto() -> WSGI:
    """All of moto's services as one application, CloudWatch ours; there can be one in a process."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request and health check otherwise
    backend.install()
    app: WSGI = DomainDispatcherApplication(create_backend_app)
    return app


def serve(host: str, port: int, app: WSGI) -> BaseWSGIServer:
    """Serve an application from now until the program's end; port 0 takes any free one.

    Raises:
        OSError: the port is taken.
    """
    server = make_server(host, port, app, threaded=True, request_handler=MotoRequestHandler)
    Thread(target=server.serve_forever, name=f"port {server.port}", daemon=True).start()
    return server


def start(host: str, ports: tuple[int, int], role: ExecutionRole, kept: SecretsKept) -> tuple[int, int]:
    """Serve CloudWatch and Logs to anybody at the first port, everything to known callers at the second.

    Raises:
        OSError: a port is taken.
    """
    app = moto()
    enforced = serve(host, ports[1], Enforced(app, role, kept))
    return serve(host, ports[0], Open(app, enforced.port)).port, enforced.port
