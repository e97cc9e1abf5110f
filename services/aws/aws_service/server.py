"""moto's server in this process, with our CloudWatch and Logs in it, at whatever ports there are fronts for."""

import logging
from threading import Thread

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from aws_service import backend, logs
from aws_service.front import WSGI


def moto() -> WSGI:
    """All of moto's services as one application, CloudWatch and Logs ours; there can be one in a process."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request and health check otherwise
    backend.install()
    logs.install()
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
