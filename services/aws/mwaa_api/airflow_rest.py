"""InvokeRestApi's way to Airflow: logged in by a token of its own, and held to MWAA's limits."""

import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import requests

from mwaa_api import tokens
from mwaa_api.errors import RestApiError, Throttled

# https://docs.aws.amazon.com/mwaa/latest/userguide/access-mwaa-apache-airflow-rest-api.html
TIMEOUT = 10.0  # seconds
LARGEST = 6 * 1024 * 1024  # bytes of a reply
A_SECOND = 10  # requests
LOGIN = "/pluginsv2/aws_mwaa/login"


class Rate:
    """Ten requests in any one second."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._recent: deque[float] = deque(maxlen=A_SECOND)

    def take(self) -> None:
        """Count a request.

        Raises:
            Throttled: ten were counted within the last second.
        """
        if len(self._recent) == A_SECOND and self._now() - self._recent[0] < 1:
            raise Throttled("Rate exceeded")
        self._recent.append(self._now())


class Airflow:
    """The web server at a URL.

    Args:
        authority: the file with the certificate of who signs an https address's; empty: the public ones do.
    """

    def __init__(self, url: str, secret: str, timeout: float = TIMEOUT, authority: str = "") -> None:
        self.url = url.rstrip("/")
        self._authority = authority
        self._secret = secret
        self._timeout = timeout
        self._sessions: dict[tuple[str, ...], str] = {}

    def invoke(
        self, caller: str, roles: list[str], method: str, path: str, query: Any = None, body: Any = None
    ) -> tuple[int, Any]:
        """The status and body of Airflow's answer, asked as `caller` with some of Airflow's roles.

        Raises:
            RestApiError: Airflow answers with an error, too much, not in time, or not at all.
        """
        deadline = time.monotonic() + self._timeout
        who = (caller, *roles)
        for fresh in (who not in self._sessions, True):
            if fresh:
                self._sessions[who] = self._log_in(caller, roles, deadline)
            headers = {"Authorization": f"Bearer {self._sessions[who]}"}
            url = f"{self.url}/api/v2/{path.lstrip('/')}"
            status, text = self._send(
                method, url, deadline, params=_query(query), json=body, headers=headers, allow_redirects=False
            )
            # A session that ended, or that an Airflow before this one gave.
            if status != 401 or fresh:
                break
        reply = _read(text)
        if status >= 400:
            raise RestApiError(status, reply)
        return status, reply

    def _log_in(self, caller: str, roles: list[str], deadline: float) -> str:
        token = tokens.for_web(self._secret, caller, roles)
        with self._session() as session:
            try:
                answer = session.post(f"{self.url}{LOGIN}", data={"token": token}, timeout=self._left(deadline))
            except requests.RequestException as error:
                raise _away(error) from error
        if "_token" not in answer.cookies:
            raise RestApiError(502, f"Airflow gives no session: {answer.status_code} {answer.text[:200]}")
        return str(answer.cookies["_token"])

    def _send(self, method: str, url: str, deadline: float, **more: Any) -> tuple[int, bytes]:
        """Status and body; the whole exchange ends by the deadline."""
        parts, size = [], 0
        try:
            with (
                self._session() as session,
                session.request(method, url, stream=True, timeout=self._left(deadline), **more) as answer,
            ):
                for part in answer.iter_content(65536):
                    parts.append(part)
                    size += len(part)
                    if size > LARGEST:
                        raise RestApiError(502, f"Airflow's reply exceeds MWAA's limit of {LARGEST} bytes")
                    self._left(deadline)
                return answer.status_code, b"".join(parts)
        except requests.RequestException as error:
            raise _away(error) from error

    def _session(self) -> requests.Session:
        session = requests.Session()
        # The web server is beside this: a proxy out of the environment would only be in the way.
        session.trust_env = False
        session.verify = self._authority or True
        return session

    def _left(self, deadline: float) -> float:
        left = deadline - time.monotonic()
        if left <= 0:
            raise RestApiError(504, f"Airflow did not answer within {self._timeout:g} seconds")
        return left


def _away(error: requests.RequestException) -> RestApiError:
    if isinstance(error, requests.Timeout):
        return RestApiError(504, f"Airflow did not answer within {TIMEOUT:g} seconds")
    return RestApiError(503, f"Airflow does not answer: {type(error).__name__}")


def _query(given: Any) -> dict[str, Any]:
    """Query parameters as Airflow reads them: `true` and `false`, lists repeated."""
    return {key: json.dumps(value) if isinstance(value, bool) else value for key, value in (given or {}).items()}


def _read(text: bytes) -> Any:
    if not text:
        return {}
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")
