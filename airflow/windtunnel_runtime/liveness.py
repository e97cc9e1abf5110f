"""A sign of life from the Celery worker, for the container's health check.

MWAA turns remote control off, and with it `celery inspect ping`. The worker's own event heartbeat runs in the loop that
fetches tasks, every 2 s, so a heartbeat that was sent lately says that the worker is there to take work.
"""

from pathlib import Path

from celery.signals import heartbeat_sent

SIGN = Path("/tmp/worker-heartbeat")


@heartbeat_sent.connect
def touch(**_: object) -> None:
    """Leave the sign; its modification time is the time of the last heartbeat."""
    SIGN.touch()
