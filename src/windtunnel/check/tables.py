"""The tables beside this module: facts of Airflow 3.3.1 and of MWAA, each in one place."""

import re
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


def is_reserved(variable: str) -> bool:
    """Whether MWAA sets this environment variable itself, whatever startup.sh does."""
    names = plain(variable)
    patterns = [row["pattern"] for row in _of_the_containers()["reserved"]]
    if any(re.fullmatch(pattern, name) for pattern in patterns for name in names):
        return True
    options = [re.sub("^airflow__(.+?)__", r"\1.", name.lower()) for name in names if name.startswith("AIRFLOW__")]
    return any(mwaa()[option]["kind"] in ("forced", "refused", "ignored") for option in options if option in mwaa())


def plain(name: str) -> list[str]:
    """An option's or a variable's name, and what it is without a suffix that has its value given in another way."""
    ends = [suffix.upper() if name.isupper() else suffix for suffix in _of_the_containers()["suffixes"]]
    return [name, *(name.removesuffix(end) for end in ends if name.endswith(end))]


@cache
def _of_the_containers() -> dict[str, Any]:
    return tomllib.loads((ROOT / "airflow/windtunnel_runtime/options.toml").read_text())
