"""The two tokens that MWAA gives out for its web server: for the CLI, and to log in. Both live for a minute.

The web server knows their secret (`windtunnel_runtime.mwaa_tokens` reads them).
"""

import hashlib
import time
from typing import Any

import jwt

LIFETIME = 60  # seconds: https://docs.aws.amazon.com/mwaa/latest/userguide/call-mwaa-apis-cli.html


def for_cli(secret: str, caller: str) -> str:
    """A token for one of /aws_mwaa/cli's commands, as whoever asked for it (`caller`, an IAM identity)."""
    return _signed(secret, {"aud": "cli", "sub": caller})


def for_web(secret: str, caller: str, roles: list[str]) -> str:
    """A token to log in with as a user who has these of Airflow's roles."""
    return _signed(secret, {"aud": "web", "sub": airflow_identity(caller), "roles": roles})


def airflow_identity(caller: str) -> str:
    """The user's name in Airflow: the IAM identity's, or a digest of it where it is over 64 characters."""
    return caller if len(caller) <= 64 else hashlib.sha256(caller.encode()).hexdigest()


def _signed(secret: str, claims: dict[str, Any]) -> str:
    now = int(time.time())
    return jwt.encode({"iat": now, "exp": now + LIFETIME} | claims, secret, algorithm="HS256")
