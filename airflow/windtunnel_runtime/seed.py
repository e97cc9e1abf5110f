"""The connections, variables and pools of a project's seed.yaml or seed.env, set whenever the file has changed.

YAML: `connections` and `variables` by name, as Airflow's own files of secrets have them, and `pools` by name, each its
slots or its fields. Env: AIRFLOW_CONN_NAME, AIRFLOW_VAR_NAME and AIRFLOW_POOL_NAME.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

NAMES = ("seed.yaml", "seed.env")
PREFIXES = {"AIRFLOW_CONN_": "connections", "AIRFLOW_VAR_": "variables", "AIRFLOW_POOL_": "pools"}


@dataclass(frozen=True)
class Seed:
    """What to set, by name: connections as URI, JSON or fields, variables as anything, pools as slots or fields."""

    connections: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    pools: dict[str, Any] = field(default_factory=dict)


def files(project: Path) -> list[Path]:
    """Those that there are."""
    return [project / name for name in NAMES if (project / name).is_file()]


def read(project: Path) -> Seed:
    """What the files say, the later beating the former.

    Raises:
        ValueError: a file says something else; the message has what was found and expected.
    """
    found = Seed()
    for file in files(project):
        for kind, entries in (_yaml(file) if file.suffix == ".yaml" else _env(file)).items():
            getattr(found, kind).update(entries)
    return found


def _yaml(file: Path) -> dict[str, dict[str, Any]]:
    kinds = set(PREFIXES.values())
    try:
        said = yaml.safe_load(file.read_text()) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{file.name}: {error}") from error
    if not isinstance(said, dict) or not said.keys() <= kinds:
        raise ValueError(f"{file.name}: expected the keys {', '.join(sorted(kinds))}, found {said!r:.200}")
    for kind, entries in said.items():
        if not isinstance(entries, dict):
            raise ValueError(f"{file.name}: expected {kind} by name, found {entries!r:.200}")
    return said


def _env(file: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(file.read_text().splitlines(), 1):
        name, equals, value = line.strip().partition("=")
        prefix = next((one for one in PREFIXES if name.startswith(one)), "")
        if not name or name.startswith("#"):
            continue
        if not (prefix and equals):
            raise ValueError(f"{file.name}, line {number}: expected {' or '.join(PREFIXES)}NAME=…, found {line!r:.80}")
        found.setdefault(PREFIXES[prefix], {})[name.removeprefix(prefix).lower()] = value
    return found


def apply(seed: Seed) -> None:
    """Set all of it in Airflow's database; what is there under another name stays."""
    from airflow.models import Connection, Variable
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session

    with create_session() as session:
        for name, said in seed.connections.items():
            session.query(Connection).filter_by(conn_id=name).delete()
            session.add(Connection(conn_id=name, **connection_fields(said)))
        for name, said in seed.variables.items():
            Variable.set(name, said if isinstance(said, str) else json.dumps(said), session=session)
        for name, said in seed.pools.items():
            Pool.create_or_update_pool(name=name, **pool_fields(said), session=session)


def connection_fields(said: Any) -> dict[str, Any]:
    """The fields of a connection given as URI, as JSON or as fields."""
    if isinstance(said, str):
        if not said.lstrip().startswith("{"):
            return {"uri": said}
        said = json.loads(said)
    extra = said.get("extra")
    return said | ({"extra": json.dumps(extra)} if isinstance(extra, dict) else {})


def pool_fields(said: Any) -> dict[str, Any]:
    """The fields of a pool given by its slots or by fields."""
    given = said if isinstance(said, dict) else {"slots": said}
    return {
        "slots": int(given["slots"]),
        "description": given.get("description", ""),
        "include_deferred": bool(given.get("include_deferred", False)),
    }
