"""The tables beside this module: facts of Airflow 3.3.1 and of MWAA, each in one place."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def table(name: str) -> dict[str, Any]:
    """The table of this name: imports, modules, mwaa or options."""
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text())
