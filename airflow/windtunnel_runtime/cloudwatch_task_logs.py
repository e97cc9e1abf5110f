"""Tasks' logs in CloudWatch, as in MWAA: written line by line into the group Task, which the web server reads.

Airflow takes both names from here, as from MWAA's own module, when it is the option logging.logging_config_class
(https://airflow.apache.org/docs/apache-airflow/stable/administration-and-deployment/logging-monitoring/advanced-logging-configuration.html).
The work is the Amazon provider's. What is different: nothing is asked of CloudWatch before there is a line, so that a
task starts without it; the logs of triggers are read too; and a stream that CloudWatch has not is read from its file.
"""

import os
from functools import cached_property
from typing import Any

from airflow.config_templates.airflow_local_settings import BASE_LOG_FOLDER
from airflow.config_templates.airflow_local_settings import DEFAULT_LOGGING_CONFIG as LOGGING_CONFIG
from airflow.providers.amazon.aws.log.cloudwatch_task_handler import CloudWatchRemoteLogIO, json_serialize_legacy
from airflow.sdk.log import relative_path_from_logger
from botocore.exceptions import BotoCoreError, ClientError

from windtunnel_runtime import cloudwatch_handler, log_groups

__all__ = ["LOGGING_CONFIG", "REMOTE_TASK_LOG"]
# The logs of DAG files have a group of their own; MWAA's module leaves them out too.
NOT_OF_TASKS = "dag_processor"
SEND_SECONDS = 5


class Group(CloudWatchRemoteLogIO):
    """The provider's reader and writer of a group, with our handler."""

    def _build_handler(self) -> cloudwatch_handler.Handler:
        logs = cloudwatch_handler.client(self.region_name, attempts=1)
        return cloudwatch_handler.handler(
            self.log_group, self.log_stream_name, logs, SEND_SECONDS, json_serialize_default=json_serialize_legacy
        )


class TaskLogs:
    """Airflow's RemoteLogStreamIO, for the group Task."""

    def __init__(self) -> None:
        arn = log_groups.arn("Task")
        self._group = Group(base_log_folder=BASE_LOG_FOLDER, log_group_arn=arn, delete_local_copy=False)

    @property
    def processors(self) -> tuple[Any, ...]:
        """What structlog hands each line of a task, a trigger or a DAG file to."""
        (write,) = self._group.processors

        def write_tasks(logger: Any, method: str, event: Any) -> Any:
            path = relative_path_from_logger(logger) if logger else None
            return event if path and path.parts[0] == NOT_OF_TASKS else write(logger, method, event)

        return (write_tasks,)

    def upload(self, path: os.PathLike[str] | str, ti: Any = None) -> None:
        """Send what still waits; the file stays."""
        self._group.upload(path, ti)

    def read(self, relative_path: str, ti: Any) -> Any:
        """As `stream`, with all lines read at once."""
        messages, streams = self.stream(relative_path, ti)
        return messages, [f"{line}\n" for stream in streams for line in stream]

    def stream(self, relative_path: str, ti: Any) -> Any:
        """Where the log of a try was found, and a generator of lines for each stream of it: its own, its triggers'.

        Without any, Airflow reads the files on the volume.
        """
        try:
            names = self._streams(relative_path.replace(":", "_"))
        except (BotoCoreError, ClientError) as error:
            return [f"CloudWatch does not answer: {error}"], []
        found = [self._group.stream(name, ti) for name in names]
        return [said for messages, _ in found for said in messages], [one for _, streams in found for one in streams]

    @cached_property
    def _client(self) -> Any:
        return cloudwatch_handler.client(self._group.region_name, attempts=1)

    def _streams(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("describe_log_streams").paginate(
            logGroupName=self._group.log_group, logStreamNamePrefix=prefix
        )
        return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]


REMOTE_TASK_LOG = TaskLogs()
