"""The execution role's policy out of its file, with the names of this environment in the places left for them.

`${AWS_REGION}`, `${BUCKET}` and `${WINDTUNNEL_NAME}` are filled in; IAM's own variables, `${aws:username}`, stay.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

NAMES = ("AWS_REGION", "BUCKET", "WINDTUNNEL_NAME")
ELEMENTS = (("Effect",), ("Action", "NotAction"), ("Resource", "NotResource"))


class Malformed(Exception):
    """The file holds no policy of a role; the message says where, what was found and what is expected."""


def read(file: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """The policy: `Version`, and a `Statement` or a list of them.

    Raises:
        Malformed: it is not JSON, or a statement lacks an element.
    """
    text = Template(file.read_text()).safe_substitute({name: environment[name] for name in NAMES})
    try:
        policy = json.loads(text)
    except ValueError as error:
        raise Malformed(f"{file}: not JSON: {error}") from error
    if not isinstance(policy, dict) or "Statement" not in policy:
        raise Malformed(f"{file}: expected an object with Version and Statement, found {text.strip()[:40]!r}")
    for number, statement in enumerate(_listed(policy["Statement"])):
        _check(statement, f"{file}: Statement {number}")
    return policy


def _check(statement: Any, where: str) -> None:
    for names in ELEMENTS:
        if not isinstance(statement, dict) or len(statement.keys() & set(names)) != 1:
            raise Malformed(f"{where}: expected one {' or '.join(names)}, found {json.dumps(statement)[:80]}")
    if statement["Effect"] not in ("Allow", "Deny"):
        raise Malformed(f"{where}: Effect is {statement['Effect']!r}, expected Allow or Deny")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
