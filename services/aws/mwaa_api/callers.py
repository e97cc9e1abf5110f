"""Who may call MWAA's API: the administrator, and the execution role as far as its policy goes.

Users that somebody makes in IAM are known to the service `aws` alone.
"""

import json
from pathlib import Path

from moto.core.models import DEFAULT_ACCOUNT_ID

from aws_service.identities import ADMINISTRATOR, EVERYTHING, ROLE, ROLE_KEY_ID, SESSION, Caller


class Callers:
    """The folder with both secret keys and execution-role.json, read at every request: a policy's change is at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key_id: str) -> Caller | None:
        """The caller whose key this is; None: nobody's."""
        if key_id == ADMINISTRATOR:
            arn = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:user/{ADMINISTRATOR}"
            return Caller(arn, key_id, self._read("administrator-secret-key"), None, [EVERYTHING])
        if key_id == ROLE_KEY_ID:
            arn = f"arn:aws:sts::{DEFAULT_ACCOUNT_ID}:assumed-role/{ROLE}/{SESSION}"
            policy = json.loads(self._read("execution-role.json"))
            return Caller(arn, key_id, self._read("execution-role-secret-key"), None, [policy])
        return None

    def _read(self, name: str) -> str:
        return (self._folder / name).read_text()
