"""Letting a caller in: who has signed a request, and whether their policies allow what it asks for."""

from collections.abc import Callable
from typing import NamedTuple

from moto.core.models import DEFAULT_ACCOUNT_ID
from werkzeug.wrappers import Request

from aws_service import signature
from aws_service.policy import Policy, Verdict, verdict
from aws_service.signature import Signature

# What the two older protocols of AWS, JSON and query, call the same refusal.
NO_TOKEN = ("MissingAuthenticationTokenException", "MissingAuthenticationToken")
UNKNOWN_KEY = ("UnrecognizedClientException", "InvalidClientTokenId")
WRONG_SIGNATURE = ("InvalidSignatureException", "SignatureDoesNotMatch")
DENIED = ("AccessDeniedException", "AccessDenied")


class Resource(NamedTuple):
    """What policies name (`arn`), and what AWS's refusal calls it (`shown`)."""

    arn: str
    shown: str


class Asked(NamedTuple):
    """One action on some resources; all of them must be allowed."""

    action: str
    resources: list[Resource]


class Caller(NamedTuple):
    """An identity with a key: its ARN, the key's id in moto, secret and session token (or None), and its policies."""

    arn: str
    moto_id: str
    secret_key: str
    session_token: str | None
    policies: list[Policy]


class Refused(Exception):
    """The service's answer to a caller whom it does not let in: an error code of AWS's, and its message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def authenticated(request: Request, find: Callable[[str], Caller | None]) -> tuple[Caller, Signature]:
    """The caller who has signed a request.

    Raises:
        Refused: it is not signed, with a key that nobody has, or not with the key's secret.
    """
    try:
        signed = signature.of(request)
    except signature.Unsigned:
        raise Refused(in_words_of(request, NO_TOKEN), "Missing Authentication Token") from None
    caller = find(signed.key_id)
    if not caller or (caller.session_token and request.headers.get("X-Amz-Security-Token") != caller.session_token):
        message = "The security token included in the request is invalid."
        raise Refused(in_words_of(request, UNKNOWN_KEY), message)
    if not signature.is_by(request, signed, caller.secret_key):
        message = "The request signature we calculated does not match the signature you provided."
        raise Refused(in_words_of(request, WRONG_SIGNATURE), f"{message} Check your AWS Secret Access Key.")
    return caller, signed


def check(caller: Caller, wanted: Asked, region: str, code: str = "AccessDeniedException") -> None:
    """Let pass what the policies of a caller allow.

    Raises:
        Refused: they do not allow it on each of the resources; the message is AWS's.
    """
    # Who one is, one may always know: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    if wanted.action == "sts:GetCallerIdentity":
        return
    context = {
        "aws:PrincipalArn": caller.arn,
        "aws:PrincipalAccount": DEFAULT_ACCOUNT_ID,
        "aws:username": caller.arn.rpartition("/")[2],
        "aws:RequestedRegion": region,
        "aws:SecureTransport": "false",
    }
    for resource in wanted.resources:
        found = verdict(caller.policies, wanted.action, resource.arn, context)
        if found is not Verdict.ALLOWED:
            reason = found.value.format(action=wanted.action)
            who = f"User: {caller.arn} is not authorized to perform: {wanted.action}"
            raise Refused(code, f"{who} on resource: {resource.shown} {reason}")


def is_query(request: Request) -> bool:
    """Whether a request is in AWS's query protocol, as IAM's and STS's are; else it is in JSON."""
    return "Action" in request.form


def in_words_of(request: Request, codes: tuple[str, str]) -> str:
    """The one of two codes that a request's protocol has."""
    return codes[is_query(request)]
