"""Tokens that MWAA's API (the service mwaa-api) has signed for this web server: for the CLI, and to log in."""

from pathlib import Path
from typing import Any

import jwt


class BadToken(Exception):
    """No token, one that has expired, or one that is not mwaa-api's or not for this purpose."""


def read(token: str, purpose: str, secret_file: Path) -> dict[str, Any]:
    """A token's claims; `purpose` is `cli` or `web`.

    Raises:
        BadToken: it does not hold.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            secret_file.read_text(),
            algorithms=["HS256"],
            audience=purpose,
            options={"require": ["exp", "aud", "sub"]},
        )
    except jwt.InvalidTokenError as error:
        raise BadToken(str(error)) from error
    return claims
