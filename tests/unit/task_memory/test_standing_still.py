"""A watch that stands still ends its process, so that Docker starts it again."""

import signal
import subprocess
import sys

STANDS_STILL = """
import socket
import threading
from task_memory import __main__ as service

service.STILL_SECONDS = 1
service.Receiver.__init__ = lambda self: setattr(self, "socket", socket.socket(type=socket.SOCK_DGRAM))
service.start_http_server = service.Store.start = service.OomAlerts.start = lambda *_, **__: None
service.Watch.tick = lambda *_: threading.Event().wait()
service.Service().run()
"""
ENVIRONMENT = {
    "WINDTUNNEL_NAME": "made-up",
    "DOCKER_API_URL": "http://127.0.0.1:1",
    "WAREHOUSE_DSN_FILE": "/nowhere",
    "METADATA_RETENTION_DAYS": "1",
    "ALERTMANAGER_URL": "http://127.0.0.1:1",
    "PYTHONPATH": ":".join(sys.path),
}


def test_the_kernel_ends_it() -> None:
    ended = subprocess.run([sys.executable, "-c", STANDS_STILL], env=ENVIRONMENT, timeout=60, capture_output=True)
    assert ended.returncode == -signal.SIGALRM, ended.stderr.decode()
