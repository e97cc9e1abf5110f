"""The S3 statements of an execution role's policy, as MinIO takes them.

MinIO refuses a whole policy for one action or condition that it does not know, so what it does not know is left out,
and told. Its rules: https://github.com/minio/pkg/blob/v3.1.3/policy/action.go and policy/statement.go there.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

Statement = dict[str, Any]

ACTIONS = {
    "AbortMultipartUpload", "BypassGovernanceRetention", "CreateBucket", "DeleteBucket", "DeleteBucketCors",
    "DeleteBucketPolicy", "DeleteObject", "DeleteObjectTagging", "DeleteObjectVersion", "DeleteObjectVersionTagging",
    "GetBucketCors", "GetBucketLocation", "GetBucketNotification", "GetBucketObjectLockConfiguration",
    "GetBucketPolicy", "GetBucketPolicyStatus", "GetBucketTagging", "GetBucketVersioning",
    "GetEncryptionConfiguration", "GetLifecycleConfiguration", "GetObject", "GetObjectAttributes",
    "GetObjectLegalHold", "GetObjectRetention", "GetObjectTagging", "GetObjectVersion", "GetObjectVersionAttributes",
    "GetObjectVersionForReplication", "GetObjectVersionTagging", "GetReplicationConfiguration", "HeadBucket",
    "ListAllMyBuckets", "ListBucket", "ListBucketMultipartUploads", "ListBucketVersions", "ListMultipartUploadParts",
    "PutBucketCors", "PutBucketNotification", "PutBucketObjectLockConfiguration", "PutBucketPolicy",
    "PutBucketTagging", "PutBucketVersioning", "PutEncryptionConfiguration", "PutLifecycleConfiguration", "PutObject",
    "PutObjectLegalHold", "PutObjectRetention", "PutObjectTagging", "PutObjectVersionTagging",
    "PutReplicationConfiguration", "ReplicateDelete", "ReplicateObject", "ReplicateTags", "RestoreObject",
}  # fmt: skip
LIST_KEYS = {"s3:prefix", "s3:delimiter", "s3:max-keys"}
# Condition keys, in lower case, that MinIO has for every action, and those that it has for some.
COMMON_KEYS = {
    "aws:currenttime",
    "aws:epochtime",
    "aws:referer",
    "aws:securetransport",
    "aws:sourceip",
    "aws:userid",
    "aws:useragent",
    "aws:username",
    "s3:authtype",
    "s3:signatureage",
    "s3:signatureversion",
    "s3:x-amz-content-sha256",
}
KEYS_OF = {"ListBucket": LIST_KEYS, "ListBucketVersions": LIST_KEYS}
OPERATORS = {
    "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike",
    "StringNotLike", "BinaryEquals", "IpAddress", "NotIpAddress", "Null", "Bool", "NumericEquals", "NumericNotEquals",
    "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals", "DateEquals",
    "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals",
}  # fmt: skip


class Translated(NamedTuple):
    """A policy for MinIO, and a line for each part of the role's S3 statements that it leaves out."""

    policy: dict[str, Any]
    left_out: list[str]


def of_role(policy: dict[str, Any]) -> Translated:
    """The statements on S3 of a role's policy (`Version`, `Statement`), resources as they are."""
    kept: list[Statement] = []
    left_out: list[str] = []
    for number, statement in enumerate(_listed(policy["Statement"])):
        name = statement.get("Sid") or f"Statement {number}"
        kept += _translated(statement, name, left_out)
    return Translated({"Version": policy.get("Version", "2012-10-17"), "Statement": kept}, left_out)


def _translated(statement: Statement, name: str, left_out: list[str]) -> list[Statement]:
    resources = _resources(statement)
    actions = sorted(_actions(statement, name, left_out)) if resources else []
    whole = {"Effect": statement["Effect"], **resources}
    conditions = statement.get("Condition")
    if not conditions:
        return [whole | {"Action": actions}] if actions else []
    return [
        whole | {"Action": [action], "Condition": conditions}
        for action in actions
        if _has_conditions(action, conditions, name, left_out)
    ]


def _actions(statement: Statement, name: str, left_out: list[str]) -> set[str]:
    """The S3 actions of a statement in AWS's own spelling: policies name them in any case and with wildcards."""
    if "NotAction" in statement:
        return {f"s3:{one}" for one in ACTIONS} - _expanded(_listed(statement["NotAction"]))
    on_s3 = [one for one in _listed(statement["Action"]) if one == "*" or one.lower().startswith("s3:")]
    left_out += [f"{name}: MinIO knows no action {one}" for one in on_s3 if not _expanded([one])]
    return _expanded(on_s3)


def _expanded(actions: Iterable[str]) -> set[str]:
    patterns = [one.lower() for one in actions]
    return {f"s3:{one}" for one in ACTIONS if any(fnmatchcase(f"s3:{one}".lower(), pattern) for pattern in patterns)}


def _resources(statement: Statement) -> dict[str, list[str]]:
    """The resources of S3; empty: the statement is about none."""
    key = "NotResource" if "NotResource" in statement else "Resource"
    on_s3 = [one for one in _listed(statement[key]) if one == "*" or one.startswith("arn:aws:s3:::")]
    if key == "NotResource" and not on_s3:
        return {"Resource": ["arn:aws:s3:::*"]}
    return {key: ["arn:aws:s3:::*" if one == "*" else one for one in on_s3]} if on_s3 else {}


def _has_conditions(action: str, conditions: dict[str, dict[str, Any]], name: str, left_out: list[str]) -> bool:
    """Whether MinIO can judge every condition of an action."""
    known = COMMON_KEYS | KEYS_OF.get(action.removeprefix("s3:"), set())
    unknown = [key for keys in conditions.values() for key in keys if key.lower() not in known]
    unknown += [operator for operator in conditions if operator not in OPERATORS]
    if unknown:
        left_out.append(f"{name}: MinIO has no condition {', '.join(unknown)} on {action}")
    return not unknown


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
