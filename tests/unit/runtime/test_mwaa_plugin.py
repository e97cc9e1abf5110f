"""The plugin with MWAA's paths: there in the web server, and of no cost in any other process."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# As much of Airflow as the plugin's module imports.
LOADED = """import sys, types
for name in ("airflow", "airflow.sdk", "airflow.sdk.plugins_manager"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["airflow.sdk.plugins_manager"].AirflowPlugin = object
from windtunnel_runtime.mwaa_plugin import MwaaPlugin
print([one["name"] for one in MwaaPlugin.fastapi_root_middlewares], "starlette" in sys.modules)
"""


@pytest.mark.parametrize("secret_file, found", [("", "[] False"), ("/nowhere/secret", "['aws_mwaa'] True")])
def test_who_does_not_serve_mwaas_paths_imports_nothing_for_them(secret_file: str, found: str) -> None:
    environment = {"PYTHONPATH": str(ROOT / "airflow"), "MWAA_TOKEN_SECRET_FILE": secret_file}
    done = subprocess.run([sys.executable, "-c", LOADED], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == found
