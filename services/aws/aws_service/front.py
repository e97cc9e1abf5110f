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

from moto.core.models import DEFAULT_ACCOUNT_ID
from werkzeug.wrappers import Request, Response

from aws_service import asked, identities, policy, signature
from aws_service.identities import Caller, ExecutionRole, Malformed
from aws_service.policy import Verdict
from aws_service.secrets_kept import SecretsKept
from aws_service.signature import Signature

Environ = dict[str, Any]
WSGI = Callable[[Environ, Any], Iterable[bytes]]
OPEN_SERVICES = {"monitoring", "logs"}
# What moto's server shows of itself; the stack's health check asks for it.
HEALTH = "/moto-api/"

log = logging.getLogger(__name__)


class Refused(Exception):
    """The service's answer to a caller whom it does not let in: an error code of AWS's, and its message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


# What the two older protocols of AWS, JSON and query, call the same refusal.
NO_TOKEN = ("MissingAuthenticationTokenException", "MissingAuthenticationToken")
UNKNOWN_KEY = ("UnrecognizedClientException", "InvalidClientTokenId")
WRONG_SIGNATURE = ("InvalidSignatureException", "SignatureDoesNotMatch")
DENIED = ("AccessDeniedException", "AccessDenied")


class Open:
    """The application for CloudWatch and Logs, for anybody; other services have a port of their own."""

    def __init__(self, app: WSGI, enforced_port: int) -> None:
        self._app = app
        self._enforced_port = enforced_port

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        if (request.method, request.path) == ("GET", HEALTH) or _service(request) in OPEN_SERVICES:
            return self._app(environ, start_response)
        here = f"this port is CloudWatch's and Logs' alone, ask for {_service(request) or 'others'}"
        answer = _refusal(request, Refused(_in_words_of(request, DENIED), f"{here} at port {self._enforced_port}"))
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
            caller, signed = self._caller(request)
            wanted = asked.of(request, signed)
            check(caller.arn, caller.policies, wanted, signed.region, _in_words_of(request, DENIED))
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


def authenticated(request: Request, find: Callable[[str], Caller | None]) -> tuple[Caller, Signature]:
    """The caller who has signed a request.

    Raises:
        Refused: it is not signed, with a key that nobody has, or not with the key's secret.
    """
    try:
        signed = signature.of(request)
    except signature.Unsigned:
        raise Refused(_in_words_of(request, NO_TOKEN), "Missing Authentication Token") from None
    caller = find(signed.key_id)
    if not caller or (caller.session_token and request.headers.get("X-Amz-Security-Token") != caller.session_token):
        message = "The security token included in the request is invalid."
        raise Refused(_in_words_of(request, UNKNOWN_KEY), message)
    if not signature.is_by(request, signed, caller.secret_key):
        message = "The request signature we calculated does not match the signature you provided."
        raise Refused(_in_words_of(request, WRONG_SIGNATURE), f"{message} Check your AWS Secret Access Key.")
    return caller, signed


def check(
    arn: str, policies: list[policy.Policy], wanted: asked.Asked, region: str, code: str = "AccessDeniedException"
) -> None:
    """Let pass what the policies of a caller allow.

    Raises:
        Refused: they do not allow it on each of the resources; the message is AWS's.
    """
    # Who one is, one may always know: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    if wanted.action == "sts:GetCallerIdentity":
        return
    context = {
        "aws:PrincipalArn": arn,
        "aws:PrincipalAccount": DEFAULT_ACCOUNT_ID,
        "aws:username": arn.rpartition("/")[2],
        "aws:RequestedRegion": region,
        "aws:SecureTransport": "false",
    }
    for resource in wanted.resources:
        found = policy.verdict(policies, wanted.action, resource.arn, context)
        if found is not Verdict.ALLOWED:
            reason = found.value.format(action=wanted.action)
            message = (
                f"User: {arn} is not authorized to perform: {wanted.action} on resource: {resource.shown} {reason}"
            )
            raise Refused(code, message)


def _service(request: Request) -> str:
    try:
        return signature.of(request).service
    except signature.Unsigned:
        return ""


def _is_query(request: Request) -> bool:
    return "Action" in request.form


def _in_words_of(request: Request, codes: tuple[str, str]) -> str:
    return codes[_is_query(request)]


def _refusal(request: Request, refused: Refused) -> Response:
    """An error as boto3 reads it: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization"""
    if _is_query(request):
        error = f"<Type>Sender</Type><Code>{refused.code}</Code><Message>{escape(refused.message)}</Message>"
        text = f"<ErrorResponse><Error>{error}</Error><RequestId>windtunnel</RequestId></ErrorResponse>"
        return Response(text, 403, content_type="text/xml")
    text = json.dumps({"__type": refused.code, "Message": refused.message, "message": refused.message})
    headers = {"X-Amzn-ErrorType": refused.code}
    return Response(text, 400, headers, content_type="application/x-amz-json-1.1")
