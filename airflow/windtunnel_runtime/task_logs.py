"""Where the logs of tasks go: what the setting TASK_LOGS makes of Airflow's options.

https://airflow.apache.org/docs/apache-airflow-providers-amazon/stable/logging/s3-task-handler.html and
cloud-watch-task-handlers.html there.
"""

from collections.abc import Mapping

from windtunnel_runtime import log_groups
from windtunnel_runtime.environment import variable

KINDS = ("volume", "s3", "cloudwatch")
FOLDER = "logs"  # in the bucket


def kind(environment: Mapping[str, str]) -> str:
    """The setting's value in a container; `volume` when it is none of the known ones."""
    found = environment.get("WINDTUNNEL_TASK_LOGS", "")
    return found if found in KINDS else "volume"


def problem(environment: Mapping[str, str]) -> str:
    """What is wrong with the setting, if anything."""
    found = environment.get("WINDTUNNEL_TASK_LOGS") or "volume"
    return "" if found in KINDS else f"TASK_LOGS: expected {', '.join(KINDS)}, found {found!r}: they are on the volume"


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that set Airflow's options in a container of this environment; none for the volume."""
    made = {"s3": _s3, "cloudwatch": _cloudwatch}.get(kind(environment))
    options = made(environment) if made else {}
    return {variable(f"logging.{name}"): value for name, value in options.items()}


def _s3(environment: Mapping[str, str]) -> dict[str, str]:
    return _remote(f"s3://{environment['WINDTUNNEL_BUCKET']}/{FOLDER}")


def _cloudwatch(environment: Mapping[str, str]) -> dict[str, str]:
    return _remote(f"cloudwatch://{log_groups.arn('Task', environment)}") | {
        "logging_config_class": "windtunnel_runtime.cloudwatch_task_logs.LOGGING_CONFIG",
        # What DAG files say when they are read is in the output of their processor, and so in its group.
        "dag_processor_log_target": "stdout",
    }


def _remote(folder: str) -> dict[str, str]:
    return {"remote_logging": "True", "remote_base_log_folder": folder, "remote_log_conn_id": "aws_default"}
