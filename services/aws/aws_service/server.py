"""moto's server in this process, with our CloudWatch in it."""

import logging
from threading import Thread

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from aws_service import backend


def start(host: str, port: int) -> BaseWSGIServer:
    """Serve every service of moto at one port, from now until the program's end; port 0 takes any free one.

    Raises:
        OSError: the port is taken.
    """
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request and health check otherwise
    backend.install()
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server(host, port, app, threaded=True, request_handler=MotoRequestHandler)
    Thread(target=server.serve_forever, name="moto", daemon=True).start()
    return server
