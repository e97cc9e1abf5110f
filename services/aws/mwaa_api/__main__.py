"""MWAA's API at port 4568.

Settings, from the environment: WINDTUNNEL_NAME, AWS_REGION, BUCKET, DAG_S3_PATH, ENVIRONMENT_CLASS, AIRFLOW_VERSION
and WEBSERVER_URL (as callers reach it), which the environment's document begins with; DOCUMENT, the file that keeps it;
AIRFLOW_URL, the web server as this service reaches it, and AIRFLOW_CA_FILE, who signs its certificate; SECRETS_FOLDER
with the keys of callers; TOKEN_SECRET_FILE, the secret of the web server's tokens; DOCKER_API_URL, docker-proxy;
DELIVERY, `project` or `bucket`.
"""

import argparse
import logging
import os
import signal
from pathlib import Path
from threading import Thread

from werkzeug.serving import BaseWSGIServer, make_server

from mwaa_api import __version__
from mwaa_api.airflow_rest import Airflow
from mwaa_api.app import App
from mwaa_api.applying import Stack
from mwaa_api.callers import Callers
from mwaa_api.environment import Apply, Environment
from mwaa_api.operations import Operations

PORT = 4568


def main() -> None:
    """Serve until SIGTERM."""
    arguments = argparse.ArgumentParser(prog="mwaa_api", description="MWAA's API for this stack.")
    arguments.add_argument("--version", action="version", version=__version__)
    arguments.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = dict(os.environ)
    stack = Stack(settings["DOCKER_API_URL"], settings["WINDTUNNEL_NAME"], settings["DELIVERY"])
    server = serve("0.0.0.0", PORT, application(settings, stack.apply))
    # From a thread of its own: `shutdown` waits for the loop that this handler interrupts.
    signal.signal(signal.SIGTERM, lambda *_: Thread(target=server.shutdown).start())
    server.serve_forever()


def application(settings: dict[str, str], apply: Apply) -> App:
    """The application for these settings."""
    secret = Path(settings["TOKEN_SECRET_FILE"]).read_text()
    environment = Environment(Path(settings["DOCUMENT"]), settings, apply)
    airflow = Airflow(settings["AIRFLOW_URL"], secret, authority=settings.get("AIRFLOW_CA_FILE", ""))
    operations = Operations(environment, airflow, secret)
    return App(operations, Callers(Path(settings["SECRETS_FOLDER"])))


def serve(host: str, port: int, app: App) -> BaseWSGIServer:
    """A server at a port, which serves once it is told to; port 0 takes any free one.

    Raises:
        OSError: the port is taken.
    """
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request and health check otherwise
    return make_server(host, port, app, threaded=True)


if __name__ == "__main__":
    main()
