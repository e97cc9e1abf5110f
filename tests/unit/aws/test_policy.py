"""What IAM policies allow: the elements and conditions that execution roles use."""

import random
from typing import Any

import pytest

from aws_service.policy import Verdict, matches, verdict

BUCKET = "arn:aws:s3:::bucket"
NOBODY: dict[str, str] = {}


def judged(statement: dict[str, Any], action: str = "s3:GetObject", resource: str = BUCKET, **context: str) -> Verdict:
    whole = {"Effect": "Allow", "Action": "*", "Resource": "*"} | statement
    for element in ("Action", "Resource"):
        if f"Not{element}" in statement:
            del whole[element]
    return verdict([{"Statement": whole}], action, resource, {key.replace("_", ":"): context[key] for key in context})


@pytest.mark.parametrize(
    "statement, allowed",
    [
        ({"Action": "s3:Get*"}, True),
        ({"Action": ["logs:*", "S3:getobject"]}, True),
        ({"Action": "s3:Get"}, False),
        ({"NotAction": "s3:Put*"}, True),
        ({"NotAction": ["s3:Get*"]}, False),
        ({"Resource": "arn:aws:s3:::buck?t"}, True),
        ({"Resource": "arn:aws:s3:::Bucket"}, False),
        ({"Resource": "arn:aws:s3:::buck.t"}, False),
        ({"NotResource": BUCKET}, False),
    ],
)
def test_what_a_statement_names(statement: dict[str, Any], allowed: bool) -> None:
    assert (judged(statement) is Verdict.ALLOWED) == allowed


@pytest.mark.parametrize(
    "operator, wanted, value, met",
    [
        ("StringEquals", "eu-west-3", "eu-west-3", True),
        ("StringEquals", ["us-east-1", "eu-west-3"], "eu-west-3", True),
        ("StringEquals", "eu-west-3", None, False),
        ("StringEqualsIfExists", "eu-west-3", None, True),
        ("StringNotEquals", "eu-west-3", "eu-west-3", False),
        ("StringNotEquals", ["a", "eu-west-3"], "eu-west-3", False),
        ("StringNotEquals", "eu-west-3", None, True),
        ("StringLike", "eu-*", "eu-west-3", True),
        ("StringNotLike", "eu-*", "eu-west-3", False),
        ("ForAnyValue:StringLike", "eu-*", "eu-west-3", True),
        ("Null", "true", None, True),
        ("Null", "true", "eu-west-3", False),
        ("Bool", "false", "False", True),
        ("NumericLessThan", "5", "3", False),
    ],
)
def test_conditions(operator: str, wanted: Any, value: str | None, met: bool) -> None:
    condition = {"Condition": {operator: {"aws:RequestedRegion": wanted}}}
    context = {} if value is None else {"aws_RequestedRegion": value}
    assert (judged(condition, **context) is Verdict.ALLOWED) == met


def test_a_refusal_whose_condition_cannot_be_judged_refuses() -> None:
    statements = [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"NumericLessThan": {"x": "1"}}},
    ]
    assert verdict([{"Statement": statements}], "s3:GetObject", BUCKET, NOBODY) is Verdict.DENIED


def test_variables_in_resources() -> None:
    mine = {"Resource": "arn:aws:s3:::bucket/${aws:username}/*"}
    assert judged(mine, resource="arn:aws:s3:::bucket/ann/x", aws_username="ann") is Verdict.ALLOWED
    assert judged(mine, resource="arn:aws:s3:::bucket/bob/x", aws_username="ann") is Verdict.NOT_ALLOWED


def test_wildcards_stand_for_text_and_nothing_else_does(drawn: random.Random) -> None:
    for _ in range(300):
        value = "".join(drawn.choices("ab.+[]\\(/-", k=drawn.randrange(8)))
        cut = sorted(drawn.choices(range(len(value) + 1), k=2))
        assert matches(f"{value[: cut[0]]}*{value[cut[1] :]}", value)
        assert matches("?" * len(value), value)
        assert not matches(f"{value}?", value)
        assert matches(value, value) and not matches(f"{value}a", value)
