"""The tables beside this module: facts of Airflow 3.3.1 and of MWAA, each in one place."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from windtunnel.settings import ROOT


@cache
def table(name: str) -> dict[str, Any]:
    """The table of this name: imports, modules or options."""
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text())


@cache
def mwaa() -> dict[str, dict[str, str]]:
    """What MWAA does with Airflow's options, by name; the containers read the same table."""
    return {row["name"]: row for row in _of_the_containers()["option"]}


@cache
def reserved() -> list[str]:
    """Patterns of the names of variables that startup.sh can't set."""
    return [row["pattern"] for row in _of_the_containers()["reserved"]]


def _of_the_containers() -> dict[str, Any]:
    return tomllib.loads((ROOT / "airflow/windtunnel_runtime/options.toml").read_text())
