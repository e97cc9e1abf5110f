"""MWAA's API as a WSGI application: who calls, what for, and the answer."""

import logging
from collections.abc import Iterable
from typing import Any

from werkzeug.wrappers import Request, Response

from aws_service.admission import Caller, Refused, authenticated
from mwaa_api import protocol
from mwaa_api.callers import Callers
from mwaa_api.errors import ApiError, Denied
from mwaa_api.operations import Call, Operations

HEALTH = "/health"
log = logging.getLogger(__name__)


class App:
    """The application; `callers` knows who has which key."""

    def __init__(self, operations: Operations, callers: Callers) -> None:
        self._operations = operations
        self._callers = callers

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        answer = Response("") if request.path == HEALTH else self._answer(request)
        return answer(environ, start_response)

    def _answer(self, request: Request) -> Response:
        try:
            caller, region = self._caller(request)
            name, parameters = protocol.parse(request)
            return protocol.answer(name, self._operations.perform(name, Call(caller, region, request.host, parameters)))
        except ApiError as error:
            return protocol.refusal(error)
        except Exception as crash:
            log.exception("%s %s", request.method, request.path)
            return protocol.refusal(ApiError(f"{type(crash).__name__}: {crash}"))

    def _caller(self, request: Request) -> tuple[Caller, str]:
        try:
            caller, signed = authenticated(request, self._callers.find)
        except Refused as refused:
            raise Denied(refused.message, refused.code) from None
        return caller, signed.region
