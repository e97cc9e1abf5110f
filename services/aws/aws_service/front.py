"""What stands before moto: at one port only what anybody may use, at the other AWS's own way of letting callers in.

moto 5.2.5 can enforce policies itself, but answers every refusal as XML, so that boto3 reads `403` in the place of
`AccessDeniedException`, and knows no resources (`policy`).
"""

import json
import logging
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from werkzeug.wrappers import Request, Response

from aws_service import asked, identities, signature
from aws_service.admission import DENIED, Caller, Refused, authenticated, check, in_words_of, is_query
from aws_service.identities import ExecutionRole, Malformed
from aws_service.secrets_kept import SecretsKept
from aws_service.signature import Signature

Environ = dict[str, Any]
WSGI = Callable[[Environ, Any], Iterable[bytes]]
OPEN_SERVICES = {"monitoring", "logs"}
# What moto's server has beside AWS's services: a reset among it. The stack's health check asks for its front page.
MOTOS_OWN = ("/moto-api", "/latest/", "/favicon.ico")
HEALTH = "/moto-api/"

log = logging.getLogger(__name__)


class Open:
    """The application for CloudWatch and Logs, for anybody; other services have a port of their own."""

    def __init__(self, app: WSGI, enforced_port: int) -> None:
        self._app = app
        self._enforced_port = enforced_port

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        is_open = _service(request) in OPEN_SERVICES and not _is_motos_own(request)
        if is_open or (request.method, request.path) == ("GET", HEALTH):
            return self._app(environ, start_response)
        here = f"this port is CloudWatch's and Logs' alone, ask for {_service(request) or 'others'}"
        answer = _refusal(request, Refused(in_words_of(request, DENIED), f"{here} at port {self._enforced_port}"))
        return answer(environ, start_response)


class Enforced:
    """The application for callers who sign with a key that is known and are allowed what they ask for."""

    def __init__(self, app: WSGI, role: ExecutionRole, kept: SecretsKept) -> None:
        self._app = app
        self._role = role
        self._kept = kept

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        body = request.get_data()
        try:
            if _is_motos_own(request):
                raise Refused(in_words_of(request, DENIED), f"{request.path} is not one of AWS's")
            caller, signed = self._caller(request)
            wanted = asked.of(request, signed)
            check(caller, wanted, signed.region, in_words_of(request, DENIED))
        except Refused as refused:
            return _refusal(request, refused)(environ, start_response)
        environ["wsgi.input"] = BytesIO(body)
        environ["HTTP_AUTHORIZATION"] = environ["HTTP_AUTHORIZATION"].replace(
            f"Credential={signed.key_id}/", f"Credential={caller.moto_id}/"
        )
        answer = Response.from_app(self._app, environ)
        if answer.status_code == 200:
            self._kept.after(wanted.action)
        return answer(environ, start_response)

    def _caller(self, request: Request) -> tuple[Caller, Signature]:
        try:
            self._role.refresh()
        except Malformed as error:
            log.error("%s; the policy before it stays in force", error)
        return authenticated(request, identities.find)


def _is_motos_own(request: Request) -> bool:
    return request.path.startswith(MOTOS_OWN)


def _service(request: Request) -> str:
    try:
        return signature.of(request).service
    except signature.Unsigned:
        return ""


def _refusal(request: Request, refused: Refused) -> Response:
    """An error as boto3 reads it: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization"""
    if is_query(request):
        error = f"<Type>Sender</Type><Code>{refused.code}</Code><Message>{escape(refused.message)}</Message>"
        text = f"<ErrorResponse><Error>{error}</Error><RequestId>windtunnel</RequestId></ErrorResponse>"
        return Response(text, 403, content_type="text/xml")
    text = json.dumps({"__type": refused.code, "Message": refused.message, "message": refused.message})
    headers = {"X-Amzn-ErrorType": refused.code}
    return Response(text, 400, headers, content_type="application/x-amz-json-1.1")
