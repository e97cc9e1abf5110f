"""Who may call MWAA's API: the administrator, and the execution role as far as its policy goes.

Users that somebody makes in IAM are known to the service `aws` alone.
"""

import json
from pathlib import Path

from aws_service.admission import Caller
from aws_service.named import ADMINISTRATOR, ADMINISTRATOR_ARN, EVERYTHING, ROLE_KEY_ID, SESSION_ARN


class Callers:
    """The folder with both secret keys and execution-role.json, read at every request: a policy's change is at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key_id: str) -> Caller | None:
        """The caller whose key this is; None: nobody's."""
        if key_id == ADMINISTRATOR:
            return Caller(ADMINISTRATOR_ARN, key_id, self._read("administrator-secret-key"), None, [EVERYTHING])
        if key_id == ROLE_KEY_ID:
            policy = json.loads(self._read("execution-role.json"))
            return Caller(SESSION_ARN, key_id, self._read("execution-role-secret-key"), None, [policy])
        return None

    def _read(self, name: str) -> str:
        return (self._folder / name).read_text()
