"""The connections, variables and pools that a project's files ask for."""

from pathlib import Path

import pytest

from windtunnel_runtime import seed

YAML = """\
connections:
  warehouse_copy: postgres://me:secret@host/db
  api: {conn_type: http, host: example.com, extra: {timeout: 5}}
variables: {bucket: mine, limits: {rows: 5}}
pools: {heavy: 2, light: {slots: 9, description: for light ones}}
"""
ENV = """\
# mine
AIRFLOW_CONN_API={"conn_type": "http", "host": "example.com"}
AIRFLOW_VAR_BUCKET=mine=yours
AIRFLOW_POOL_HEAVY=2
"""


def test_yaml(tmp_path: Path) -> None:
    (tmp_path / "seed.yaml").write_text(YAML)
    found = seed.read(tmp_path)
    assert found.variables == {"bucket": "mine", "limits": {"rows": 5}}
    assert [seed.connection_fields(said) for said in found.connections.values()] == [
        {"uri": "postgres://me:secret@host/db"},
        {"conn_type": "http", "host": "example.com", "extra": '{"timeout": 5}'},
    ]
    assert seed.pool_fields(found.pools["heavy"])["slots"] == 2
    assert seed.pool_fields(found.pools["light"])["description"] == "for light ones"


def test_env(tmp_path: Path) -> None:
    (tmp_path / "seed.env").write_text(ENV)
    found = seed.read(tmp_path)
    assert found.variables == {"bucket": "mine=yours"}
    assert seed.connection_fields(found.connections["api"]) == {"conn_type": "http", "host": "example.com"}
    assert seed.pool_fields(found.pools["heavy"])["slots"] == 2


def test_no_file_is_nothing_to_set(tmp_path: Path) -> None:
    assert seed.read(tmp_path) == seed.Seed()


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("seed.yaml", "connection: {}", "expected the keys connections, pools, variables"),
        ("seed.yaml", "connections: [a]", "expected connections by name"),
        ("seed.yaml", "connections: {", "seed.yaml"),
        ("seed.env", "\nAIRFLOW_CONN_X", "line 2"),
        ("seed.env", "PATH=/bin", "line 1"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=told):
        seed.read(tmp_path)
