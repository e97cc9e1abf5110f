"""Who may call the enforced services: the environment's execution role, an administrator, and whoever they make in IAM.

All are moto's own users and roles, so `get-caller-identity`, `get-role-policy` and the like tell the truth of them.
"""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.models import IAMBackend, iam_backends
from moto.sts.models import AssumedRole, STSBackend, sts_backends

from aws_service.admission import Caller
from aws_service.named import ADMINISTRATOR, EVERYTHING, ROLE, ROLE_ARN, ROLE_KEY_ID, SESSION
from aws_service.policy import Policy

POLICY = "execution-role-policy"
# https://docs.aws.amazon.com/mwaa/latest/userguide/mwaa-create-role.html
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["airflow.amazonaws.com", "airflow-env.amazonaws.com"]},
            "Action": "sts:AssumeRole",
        }
    ],
}


log = logging.getLogger(__name__)
# moto reads a key's id only if it has AWS's form. The environment's own have names, by which MinIO knows them too.
_moto_ids: dict[str, str] = {}


class ExecutionRole:
    """The environment's role in moto's IAM, whose policy is the content of a file."""

    def __init__(self, policy: Path, secret_key: str, region: str) -> None:
        self._policy = policy
        self._seen = 0
        _iam().create_role(ROLE, json.dumps(TRUST), "/", None, "Windtunnel's execution role", [], "3600", None)
        session = _sts().assume_role(region, SESSION, ROLE_ARN, "", 3600, "")
        session.secret_access_key, session.session_token = secret_key, ""
        _moto_ids[ROLE_KEY_ID] = session.access_key_id
        self.refresh()

    def refresh(self) -> None:
        """Take the policy of the file as it is now: in AWS too a change is in force at once.

        Raises:
            Malformed: it is no IAM policy.
        """
        changed = self._policy.stat().st_mtime_ns
        if changed == self._seen:
            return
        self._seen = changed
        try:
            _iam().put_role_policy(ROLE, POLICY, self._policy.read_text())
        except ServiceException as error:
            raise Malformed(f"{self._policy}: {error.message}") from error
        log.info("the execution role has the policy of %s", self._policy)


class Malformed(Exception):
    """The execution role's policy is not one that IAM takes; the one before stays in force."""


def make_administrator(secret_key: str) -> None:
    """A user who may do everything."""
    _iam().create_user("us-east-1", ADMINISTRATOR)
    _iam().put_user_policy(ADMINISTRATOR, "everything", json.dumps(EVERYTHING))
    key = _iam().create_access_key(ADMINISTRATOR)
    key.secret_access_key = secret_key
    _moto_ids[ADMINISTRATOR] = key.access_key_id


def find(key_id: str) -> Caller | None:
    """The caller whose key this is; None: nobody's."""
    moto_id = _moto_ids.get(key_id, key_id)
    if session := _sts().get_assumed_role_from_access_key(moto_id):
        token = session.session_token or None
        return Caller(session.arn, moto_id, session.secret_access_key, token, _policies_of_role(session))
    for user in _iam().list_users("/", None, None):
        for key in user.access_keys:
            if key.access_key_id == moto_id and key.status == "Active":
                return Caller(user.arn, moto_id, key.secret_access_key, None, list(_policies_of_user(user.name)))
    return None


def _policies_of_role(session: AssumedRole) -> list[Policy]:
    name = session.role_arn.rpartition("/")[2]
    inline = [_iam().get_role_policy(name, one)[1] for one in _iam().list_role_policies(name)]
    attached, _ = _iam().list_attached_role_policies(name)
    return [_document(one) for one in [*inline, *attached]]


def _policies_of_user(name: str) -> Iterator[Policy]:
    """Those of the user, and of the groups that the user is in."""
    yield from (_document(_iam().get_user_policy(name, one)) for one in _iam().list_user_policies(name))
    yield from (_document(one) for one in _iam().list_attached_user_policies(name)[0])
    for group in _iam().get_groups_for_user(name):
        yield from (
            _document(_iam().get_group_policy(group.name, one)) for one in _iam().list_group_policies(group.name)
        )
        yield from (_document(one) for one in _iam().list_attached_group_policies(group.name)[0])


def _document(policy: Any) -> Policy:
    """A policy in one of the forms that moto has for it."""
    if isinstance(policy, dict):
        policy = policy["policy_document"]
    elif not isinstance(policy, str):
        policy = next(one.document for one in policy.versions if one.is_default)
    loaded: Policy = json.loads(policy)
    return loaded


def _iam() -> IAMBackend:
    return iam_backends[DEFAULT_ACCOUNT_ID]["aws"]


def _sts() -> STSBackend:
    return sts_backends[DEFAULT_ACCOUNT_ID]["aws"]
