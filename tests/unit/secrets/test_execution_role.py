"""The execution role's file, and the files that `secrets` makes of it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

import execution_role
import generate

SHIPPED = Path(__file__).parents[3] / "services/secrets/execution-role.json"
NAMES = {"AWS_REGION": "eu-west-3", "BUCKET": "mine", "WINDTUNNEL_NAME": "wt"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    for name, value in NAMES.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def test_one_file_becomes_the_policy_of_iam_and_of_minio(root: Path) -> None:
    generate.hand_out_role(SHIPPED)
    of_aws = (root / "aws/execution-role.json").read_text()
    assert "log-group:airflow-wt-*" in of_aws and "arn:aws:ssm:eu-west-3:" in of_aws and "${" not in of_aws
    of_minio: dict[str, Any] = json.loads((root / "minio/airflow-policy.json").read_text())
    assert ["arn:aws:s3:::mine/*"] in [one["Resource"] for one in of_minio["Statement"]]
    assert "secretsmanager" not in json.dumps(of_minio)


def test_what_minio_leaves_out_is_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate.hand_out_role(SHIPPED)
    assert "Buckets: MinIO knows no action s3:GetAccountPublicAccessBlock" in capsys.readouterr().err


def test_iams_own_variables_stay(tmp_path: Path) -> None:
    file = tmp_path / "role.json"
    arn = "arn:aws:s3:::${BUCKET}/${aws:username}/*"
    file.write_text(json.dumps({"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": arn}}))
    policy = execution_role.read(file, NAMES)
    assert policy["Statement"]["Resource"] == "arn:aws:s3:::mine/${aws:username}/*"


@pytest.mark.parametrize(
    "text, said",
    [
        ("{", "not JSON"),
        ("[]", "expected an object with Version and Statement"),
        ('{"Statement": ["x"]}', "Statement 0: expected one Effect"),
        ('{"Statement": [{"Effect": "Allow", "Action": "s3:*"}]}', "Statement 0: expected one Resource or NotResource"),
        ('{"Statement": [{"Effect": "Maybe", "Action": "*", "Resource": "*"}]}', "Effect is 'Maybe'"),
    ],
)
def test_a_file_that_is_no_policy(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "role.json"
    file.write_text(text)
    with pytest.raises(execution_role.Malformed, match=said):
        execution_role.read(file, NAMES | os.environ)


def test_workers_can_read_neither_the_administrators_key_nor_the_tokens_secret() -> None:
    text = json.dumps(generate.FILES["airflow"])
    assert "administrator_secret_key" not in text and "mwaa_token_secret" not in text
