"""MWAA's web login: a token of mwaa-api for a session of the web server, as a user who has the role that IAM grants."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from windtunnel_runtime import mwaa_tokens

# Seconds: https://docs.aws.amazon.com/mwaa/latest/userguide/access-mwaa-apache-airflow-rest-api.html
SESSION = 12 * 3600
# The address that MWAA's console opens has the token behind its `#`, which a browser keeps to itself.
PAGE = """<!doctype html><title>Airflow</title><p id="said">Logging in…</p><script>
fetch("/pluginsv2/aws_mwaa/login", {method: "POST", body: new URLSearchParams({token: location.hash.slice(1)})})
  .then((answer) => { if (answer.ok) location.replace("/"); else document.getElementById("said").textContent =
    "This login token does not hold (HTTP " + answer.status + "); they live for 60 seconds."; });
</script>"""

# The JWT of a session for a user of this name with these roles.
Sessions = Callable[[str, list[str]], str]


def log_in(form: bytes, secret_file: Path, sessions: Sessions) -> str:
    """The session for a form with a `token`.

    Raises:
        BadToken: the token does not hold.
    """
    token = parse_qs(form.decode(errors="replace")).get("token", [""])[0]
    claims = mwaa_tokens.read(token, "web", secret_file)
    return sessions(claims["sub"], claims["roles"])


def fab_session(name: str, roles: list[str]) -> str:
    """A session of Airflow's FAB auth manager; the user is made, and has these roles and no others."""
    from airflow import settings
    from airflow.providers.fab.www.utils import get_fab_auth_manager

    manager = get_fab_auth_manager()
    app: Any = manager.flask_app
    try:
        with app.app_context():
            user = _user(app.appbuilder.sm, name, roles)
            return str(manager.generate_jwt(user, expiration_time_in_seconds=SESSION))
    finally:
        # This thread's connection; it would stay idle in a transaction.
        settings.Session.remove()


def _user(security: Any, name: str, roles: list[str]) -> Any:
    wanted = [security.find_role(role) for role in roles]
    user = security.find_user(username=name)
    if not user:
        return security.add_user(name, name, "-", f"{name}@mwaa", wanted)
    if {role.id for role in user.roles} != {role.id for role in wanted}:
        user.roles = wanted
        security.update_user(user)
    return user
