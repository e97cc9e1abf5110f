"""What `check` knows of Airflow is what Airflow is."""

import json

from windtunnel.check.tables import table
from windtunnel.settings import ROOT
from windtunnel.stack import Stack

OPTIONS = """
import json
from airflow.configuration import conf
from airflow.providers_manager import ProvidersManager
ProvidersManager().initialize_providers_configuration()
sections = conf.configuration_description
print(json.dumps({name: sorted(section["options"]) for name, section in sections.items() if section["options"]}))
"""


def test_removed_imports_fail_and_moved_ones_work(stack: Stack) -> None:
    program = (ROOT / "tests/imports_in_airflow.py").read_text()
    imports = (ROOT / "src/windtunnel/check/imports.toml").read_text()
    said = stack.container("webserver").execute("python3", "-c", program, imports)
    assert said.strip().endswith("all lines hold"), said


def test_the_options_are_airflows_own(stack: Stack) -> None:
    said = stack.container("webserver").execute("python3", "-c", OPTIONS)
    assert table("options")["options"] == json.loads(said.splitlines()[-1])
