"""watchtower's handler, so that no CloudWatch that is slow, away or full can hold up who logs.

It keeps a bounded number of lines and drops what comes beyond; as in MWAA, it makes streams and no groups.
"""

import logging
import warnings
from typing import Any

import boto3
import watchtower
from botocore.config import Config

# Lines that wait to be sent; more than a busy component writes in the interval.
MOST = 10_000


class Handler(watchtower.CloudWatchLogHandler):
    """Sends what is logged to one group; see watchtower for the fields."""

    FLUSH_TIMEOUT = 5

    def emit(self, message: logging.LogRecord) -> None:
        """Queue a line, unless too many wait already."""
        if sum(queue.qsize() for queue in self.queues.values()) < MOST:
            super().emit(message)


def client(region: str, attempts: int) -> Any:
    """A client of Logs that tries each request so often, and waits a few seconds for each answer."""
    retries = {"mode": "standard", "max_attempts": attempts}
    return boto3.client("logs", region, config=Config(connect_timeout=2, read_timeout=5, retries=retries))


def handler(group: str, stream: str, logs: Any, interval: int, **more: Any) -> Handler:
    """A handler for a group, by its full name, that sends every `interval` seconds."""
    # One word of a CloudWatch that is away is enough.
    warnings.simplefilter("once", watchtower.WatchtowerWarning)
    return Handler(
        log_group_name=group,
        log_stream_name=stream,
        boto3_client=logs,
        create_log_group=False,
        send_interval=interval,
        **more,
    )
