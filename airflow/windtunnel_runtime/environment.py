"""The environment of an Airflow component: what MWAA lets a user set, and what it keeps for itself.

From the lowest to the highest: the container's own variables, what startup.sh exports, the configuration options, what
MWAA forces or reserves. https://docs.aws.amazon.com/mwaa/latest/userguide/using-startup-script.html and
configuring-env-variables.html there; the order is that of MWAA's images (aws/amazon-mwaa-docker-images,
`mwaa/config/setup_environment.py`).
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("options.toml")


@dataclass(frozen=True)
class Option:
    """One of Airflow's options, `section.key`, as MWAA treats it. The fields are explained in the table's head."""

    name: str
    kind: str
    mwaa: str
    here: str = ""
    why: str = ""


@dataclass
class Environment:
    """Variables, and what of a user's was left out, with the reason."""

    variables: dict[str, str]
    refused: list[str] = field(default_factory=list)

    def export(self, exported: Mapping[str, str]) -> None:
        """Take what startup.sh exported."""
        for name, value in exported.items():
            if reason := why_reserved(name):
                self.refused.append(f"startup.sh: {name} is not taken: {reason}")
            else:
                self.variables[name] = value

    def configure(self, options: Mapping[str, object]) -> None:
        """Take configuration options, `section.key` → value."""
        for name, value in options.items():
            if reason := why_refused(name):
                self.refused.append(f"configuration option {name} is not taken: {reason}")
            else:
                self.variables[variable(name)] = "" if value is None else str(value)


def variable(option: str) -> str:
    """The variable that sets an option (https://airflow.apache.org/docs/apache-airflow/stable/howto/set-config.html).

    Raises:
        ValueError: it is not of the form section.key.
    """
    section, dot, key = option.rpartition(".")
    if not (section and dot and key):
        raise ValueError(f"configuration option {option!r}: expected section.key")
    # A section may have dots, a variable's name may not: common.io.
    return f"AIRFLOW__{section.upper().replace('.', '_')}__{key.upper()}"


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text())


@cache
def options() -> dict[str, Option]:
    """All of the table's options, by name."""
    return {row["name"]: Option(**row) for row in _table()["option"]}


def why_refused(option: str) -> str:
    """Why a user may not set an option; empty if they may."""
    try:
        variable(option)
    except ValueError as error:
        return str(error)
    row = next((options()[name] for name in _plain(option.lower()) if name in options()), None)
    if row and row.kind in ("ignored", "refused"):
        return row.why
    return "MWAA sets it itself" if row and row.kind == "forced" else ""


def why_reserved(name: str) -> str:
    """Why startup.sh may not set a variable; empty if it may."""
    for row in _table()["reserved"]:
        if any(re.fullmatch(row["pattern"], plain) for plain in _plain(name)):
            return str(row["why"])
    section, _, key = name.removeprefix("AIRFLOW__").partition("__")
    return why_refused(f"{section}.{key}") if name.startswith("AIRFLOW__") and key else ""


def _plain(name: str) -> list[str]:
    """The name, and what it is without a suffix by which a command or the secrets backend gives its value."""
    ends = [suffix.upper() if name.isupper() else suffix for suffix in _table()["suffixes"]]
    return [name, *(name.removesuffix(end) for end in ends if name.endswith(end))]
