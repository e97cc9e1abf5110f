"""Where Windtunnel is not MWAA: the page that is made from the tables."""

import tomllib
from functools import cache
from importlib.resources import files

from windtunnel.check.tables import mwaa

INTRODUCTION = """\
# Differences from MWAA

Made from `src/windtunnel/differences.toml` and `airflow/windtunnel_runtime/options.toml`; `./windtunnel docs` writes it
anew. The tests ask the running containers for every option.
"""
OPTIONS = """
## Airflow's options

Of {count} options that MWAA forces, computes or has a default of its own for, {equal} have MWAA's value here, or are
generated here as there. The rest:
"""


@cache
def differences() -> list[dict[str, str]]:
    """What is different beside options, in the order of the page."""
    table = tomllib.loads(files(__package__).joinpath("differences.toml").read_text())
    rows: list[dict[str, str]] = table["difference"]
    return rows


def differing_options() -> list[dict[str, str]]:
    """The options of another value here than in MWAA."""
    return [row for row in mwaa().values() if "here" in row]


def documentation() -> str:
    """The text of docs/differences.md."""
    general = [_row(row, "what", "mwaa", "here", "why", "notice") for row in differences()]
    options = [_row(row | {"name": f"`{row['name']}`"}, "name", "mwaa", "here", "why") for row in differing_options()]
    count = len(mwaa())
    return "\n".join(
        [
            INTRODUCTION,
            *_head("what", "in MWAA", "here", "why", "how one notices"),
            *general,
            OPTIONS.format(count=count, equal=count - len(options)),
            *_head("option", "in MWAA", "here", "why"),
            *options,
            "",
        ]
    )


def _head(*titles: str) -> list[str]:
    return [f"| {' | '.join(titles)} |", "| --- " * len(titles) + "|"]


def _row(row: dict[str, str], *keys: str) -> str:
    return "| " + " | ".join((row[key] or "–").replace("<", "&lt;") for key in keys) + " |"
