"""What a request to an AWS service asks for: IAM's name of the action, and the resources that it is about."""

import json
from collections.abc import Callable
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.secretsmanager.models import secretsmanager_backends
from werkzeug.wrappers import Request

from aws_service.admission import Asked, Resource
from aws_service.policy import listed
from aws_service.signature import Signature

# IAM's names of services that sign by another: https://docs.aws.amazon.com/service-authorization/latest/reference/
PREFIXES = {"monitoring": "cloudwatch"}


EVERYTHING = [Resource("*", "*")]


def of(request: Request, signature: Signature) -> Asked:
    """The action of a request in AWS's JSON or query protocol; anything else is `service:*` on everything."""
    prefix = PREFIXES.get(signature.service, signature.service)
    if target := request.headers.get("X-Amz-Target"):
        name, parameters = target.rpartition(".")[2], _json(request)
    elif name := request.form.get("Action", ""):
        parameters = dict(request.form)
    else:
        return Asked(f"{prefix}:*", EVERYTHING)
    find = RESOURCES.get(prefix)
    resources = find(parameters, signature.region) if find else []
    return Asked(f"{prefix}:{name}", resources or EVERYTHING)


def _json(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.get_data() or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _secrets(parameters: dict[str, Any], region: str) -> list[Resource]:
    named = parameters.get("SecretId") or parameters.get("Name")
    return [Resource(_secret_arn(named, region), named)] if isinstance(named, str) else []


def _secret_arn(name: str, region: str) -> str:
    """The ARN of a secret by its name or ARN; one that is not there has no random end."""
    known = secretsmanager_backends[DEFAULT_ACCOUNT_ID][region].secrets
    if name.startswith("arn:"):
        return name
    if name in known:
        return str(known[name].arn)
    return f"arn:aws:secretsmanager:{region}:{DEFAULT_ACCOUNT_ID}:secret:{name}"


def _parameters(parameters: dict[str, Any], region: str) -> list[Resource]:
    names = [one for key in ("Name", "Names", "Path") if key in parameters for one in listed(parameters[key])]
    arns = [_parameter_arn(str(name), region) for name in names]
    return [Resource(arn, arn) for arn in arns]


def _parameter_arn(name: str, region: str) -> str:
    if name.startswith("arn:"):
        return name
    # A version or label may follow the name: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html
    return f"arn:aws:ssm:{region}:{DEFAULT_ACCOUNT_ID}:parameter/{name.lstrip('/').partition(':')[0]}"


def _roles(parameters: dict[str, Any], region: str) -> list[Resource]:
    arn = parameters.get("RoleArn")
    return [Resource(arn, arn)] if arn else []


def _identities(parameters: dict[str, Any], region: str) -> list[Resource]:
    """Users, roles and policies; without a name, as in ListUsers, everything."""
    kinds = {"UserName": "user", "RoleName": "role", "GroupName": "group", "PolicyName": "policy"}
    found = [
        f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:{kind}/{parameters[key]}"
        for key, kind in kinds.items()
        if key in parameters
    ][:1]
    return [Resource(arn, arn) for arn in found]


# By IAM's prefix of the action: how to find the resources in a request's parameters.
RESOURCES: dict[str, Callable[[dict[str, Any], str], list[Resource]]] = {
    "secretsmanager": _secrets,
    "ssm": _parameters,
    "sts": _roles,
    "iam": _identities,
}
