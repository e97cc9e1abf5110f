"""An execution role's policy as MinIO takes it."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from minio_policy import ACTIONS, of_role

ROOT = Path(__file__).parents[3]

BUCKET = ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"]


def role(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": BUCKET} | one for one in statements]}


def actions_of(policy: dict[str, Any]) -> list[str]:
    return [action for statement in policy["Statement"] for action in statement["Action"]]


def test_the_statements_on_s3_are_kept_and_no_others() -> None:
    given = role(
        {"Action": ["s3:GetObject", "logs:PutLogEvents"]},
        {"Action": "secretsmanager:GetSecretValue", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::bucket/raw/*"},
    )
    assert of_role(given).policy == {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": BUCKET},
            {"Effect": "Deny", "Action": ["s3:DeleteObject"], "Resource": ["arn:aws:s3:::bucket/raw/*"]},
        ],
    }


def test_what_minio_does_not_know_is_left_out_and_told() -> None:
    given = role({"Sid": "Mine", "Action": ["s3:GetAccountPublicAccessBlock", "s3:ListBucket"]})
    policy, left_out = of_role(given)
    assert actions_of(policy) == ["s3:ListBucket"]
    assert left_out == ["Mine: MinIO knows no action s3:GetAccountPublicAccessBlock"]


def test_everything_is_everything_on_s3() -> None:
    policy = of_role(role({"Action": "*", "Resource": "*"})).policy
    assert policy["Statement"][0]["Resource"] == ["arn:aws:s3:::*"]
    assert set(actions_of(policy)) == {f"s3:{one}" for one in ACTIONS}


def test_not_action_is_every_other_action() -> None:
    found = actions_of(of_role(role({"NotAction": ["s3:Delete*", "logs:*"]})).policy)
    assert "s3:GetObject" in found and not [one for one in found if one.startswith("s3:Delete")]


@pytest.mark.parametrize(
    "excluded, kept",
    [
        ("arn:aws:kms:*:*:key/*", {"Resource": ["arn:aws:s3:::*"]}),
        ("arn:aws:s3:::closed/*", {"NotResource": ["arn:aws:s3:::closed/*"]}),
    ],
)
def test_not_resource(excluded: str, kept: dict[str, list[str]]) -> None:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "NotResource": excluded}
    policy = of_role({"Statement": statement}).policy
    assert policy["Statement"] == [{"Effect": "Allow", "Action": ["s3:GetObject"]} | kept]


def test_a_condition_stays_with_the_actions_that_have_it() -> None:
    condition = {"StringLike": {"s3:prefix": "raw/*"}}
    policy, left_out = of_role(role({"Action": ["s3:ListBucket", "s3:GetObject"], "Condition": condition}))
    assert policy["Statement"] == [
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": BUCKET, "Condition": condition}
    ]
    assert left_out == ["Statement 0: MinIO has no condition s3:prefix on s3:GetObject"]


def test_nothing_reaches_minio_that_it_would_refuse(drawn: random.Random) -> None:
    """One action that MinIO does not know would cost the role its whole policy."""
    names = [*ACTIONS, "GetBucketAcl", "PutBucketWebsite", "CreateAccessPoint"]
    for _ in range(100):
        given = [drawn.choice(["s3:", "S3:"]) + drawn.choice(names) for _ in range(drawn.randrange(1, 8))]
        given = [one[: drawn.randrange(4, len(one))] + "*" if drawn.random() < 0.3 else one for one in given]
        given = [one.lower() if drawn.random() < 0.2 else one for one in given]
        policy, left_out = of_role(role({"Action": given}))
        found = actions_of(policy)
        assert set(found) <= {f"s3:{one}" for one in ACTIONS}
        plain = {one.lower() for one in given if "*" not in one}
        assert plain - {one.lower() for one in found} == {line.rpartition(" ")[2].lower() for line in left_out} & plain


def test_the_shipped_role_lets_tasks_use_the_bucket() -> None:
    text = (ROOT / "services/secrets/execution-role.json").read_text().replace("${BUCKET}", "bucket")
    policy = of_role(json.loads(text)).policy
    assert {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"} <= set(actions_of(policy))
    resources = {resource for one in policy["Statement"] for resource in one["Resource"]}
    assert resources == {*BUCKET, "arn:aws:s3:::*"}


@pytest.fixture
def drawn() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)
