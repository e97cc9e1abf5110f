"""Our AWS services on loopback ports, as the service `aws` starts them, empty for each test."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from aws_service import identities, server
from aws_service.front import Enforced, Open
from aws_service.identities import ExecutionRole
from aws_service.secrets_kept import SecretsKept
from unit.aws.aws_stack import REGION, Aws, forget_all

NOTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}


@pytest.fixture
def drawn() -> random.Random:
    """Random inputs, from a seed that a failing test shows."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture(autouse=True)
def without_proxies_and_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "AWS_ENDPOINT_URL", "AWS_PROFILE", "MOTO_ACCOUNT_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Aws]:
    forget_all()
    policy = tmp_path / "execution-role.json"
    policy.write_text(json.dumps(NOTHING))
    kept = tmp_path / "secrets.json"
    identities.make_administrator("secret of administrator")
    role = ExecutionRole(policy, "secret of airflow", REGION)
    app = server.moto()
    enforced = server.serve("127.0.0.1", 0, Enforced(app, role, SecretsKept(kept)))
    open_ = server.serve("127.0.0.1", 0, Open(app, enforced.port))
    yield Aws(open_.port, enforced.port, policy, kept)
    forget_all()
