"""Tries a table of `check` where Airflow is: python imports_in_airflow.py "$(cat imports.toml)" prints what is wrong.

It runs in Airflow's own environment, in which neither Windtunnel nor pytest is.
"""

import importlib
import re
import sys
import tomllib
import warnings


def tried(path: str) -> list[str]:
    """What a module, or one name of a module, warns of when it is imported.

    Raises:
        ImportError, AttributeError: it is not there.
    """
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = importlib.import_module(path)
        except ModuleNotFoundError:
            module, _, name = path.rpartition(".")
            found = getattr(importlib.import_module(module), name)
        # A module that has moved warns for each of its names.
        for name in {"BaseHook", "XCOM_RETURN_KEY", *getattr(found, "__all__", ())} if path.count(".") > 1 else ():
            getattr(found, name, None)
    return [str(one.message) for one in said]


def is_there(path: str) -> bool:
    try:
        tried(path)
    except (ImportError, AttributeError):
        return False
    return True


def wrong(table: dict[str, dict[str, str]]) -> list[str]:
    """The lines that are not as the table says."""
    found = [f"removed, but there: {old}" for old in table["removed"] if is_there(old)]
    found += [f"moved, but not there: {old}" for old in table["moved"] if not is_there(old)]
    installed = ("airflow.sdk", "airflow.providers.standard", "airflow.providers.common.sql", "airflow.models")
    for new in sorted({new for side in table.values() for new in side.values()}):
        path = re.split(r"[ (]", new)[0].rstrip(".…")
        if path.startswith((*installed, "airflow.providers.amazon")) and not is_there(path):
            found.append(f"the replacement is not there: {path}")
    return found


if __name__ == "__main__":
    problems = wrong(tomllib.loads(sys.argv[1]))
    print("\n".join(problems) or "all lines hold")
    sys.exit(bool(problems))
