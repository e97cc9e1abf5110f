"""The Airflow plugin that gives the web server MWAA's own paths, where MWAA_TOKEN_SECRET_FILE names the tokens' secret.

Airflow loads plugins in every process, tasks' own included: without the variable, which the web server alone has, this
imports nothing. Airflow reserves /pluginsv2 for plugins of Airflow 2, which cost a second Flask application; so a
middleware answers before Airflow's routes do.
"""

import os
from pathlib import Path
from typing import Any

from airflow.sdk.plugins_manager import AirflowPlugin

SECRET_FILE = "MWAA_TOKEN_SECRET_FILE"


def _middlewares() -> list[dict[str, Any]]:
    secret_file = os.environ.get(SECRET_FILE)
    if not secret_file:
        return []
    from windtunnel_runtime.mwaa_login import fab_session
    from windtunnel_runtime.mwaa_routes import MwaaPaths

    arguments = {"secret_file": Path(secret_file), "sessions": fab_session}
    return [{"name": "aws_mwaa", "middleware": MwaaPaths, "kwargs": arguments}]


class MwaaPlugin(AirflowPlugin):
    """The distribution's entry point `airflow.plugins`."""

    name = "windtunnel_mwaa"
    fastapi_root_middlewares = _middlewares()
