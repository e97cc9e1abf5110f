"""Who signed a request, and whether with their key: AWS's Signature Version 4, computed again by botocore.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

import hmac
import re
from typing import NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from werkzeug.wrappers import Request

_HEADER = re.compile(r"AWS4-HMAC-SHA256 Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]+)")


class Unsigned(Exception):
    """A request without a signature, or with one of another kind than Version 4's header."""


class Signature(NamedTuple):
    """What a request says of its signature; `service` and `region` are those that it is signed for."""

    key_id: str
    region: str
    service: str
    headers: tuple[str, ...]
    value: str


def of(request: Request) -> Signature:
    """The signature that a request bears.

    Raises:
        Unsigned: it bears none.
    """
    found = _HEADER.fullmatch(request.headers.get("Authorization", ""))
    scope = found[1].split("/") if found else []
    if not found or len(scope) != 5:
        raise Unsigned
    return Signature(scope[0], scope[2], scope[3], tuple(found[2].split(";")), found[3])


def is_by(request: Request, signature: Signature, secret_key: str) -> bool:
    """Whether the signature of a request was made with this secret key."""
    auth = SigV4Auth(Credentials(signature.key_id, secret_key), signature.service, signature.region)
    signed = _as_signed(request, signature)
    canonical = auth.canonical_request(signed)
    computed = auth.signature(auth.string_to_sign(signed, canonical), signed)
    return hmac.compare_digest(computed, signature.value)


def _as_signed(request: Request, signature: Signature) -> AWSRequest:
    """The request as botocore had it before it was sent: the signed headers, and the path as on the wire."""
    path = request.environ.get("RAW_URI") or request.full_path
    headers = {name: request.headers[name] for name in signature.headers if name in request.headers}
    signed = AWSRequest(request.method, f"http://{request.host}{path}", data=request.get_data(), headers=headers)
    signed.context["timestamp"] = request.headers.get("X-Amz-Date", "")
    return signed
