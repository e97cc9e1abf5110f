"""MWAA's operations on the one environment that a stack is: https://docs.aws.amazon.com/mwaa/latest/API/."""

from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from aws_service.admission import Asked, Caller, Refused, Resource, check
from mwaa_api import tokens
from mwaa_api.airflow_rest import Airflow, Rate
from mwaa_api.environment import Environment
from mwaa_api.errors import Denied, Invalid, NotFound
from mwaa_api.protocol import Parameters

# In the order of what they may do: https://docs.aws.amazon.com/mwaa/latest/userguide/access-policies.html
ROLES = ("Admin", "Op", "User", "Viewer", "Public")


class Call(NamedTuple):
    """Who calls, for which region, by which name of this host, with what."""

    caller: Caller
    region: str
    host: str
    parameters: Parameters


class Operations:
    """What each operation does, by its name."""

    def __init__(self, environment: Environment, airflow: Airflow, secret: str) -> None:
        self._environment = environment
        self._airflow = airflow
        self._secret = secret
        self._rate = Rate()

    def perform(self, name: str, call: Call) -> Parameters:
        """An operation's result.

        Raises:
            ApiError: its refusal.
        """
        operation: Callable[[Call], Parameters] = getattr(self, f"_{name}")
        return operation(call)

    def _CreateEnvironment(self, call: Call) -> Parameters:  # noqa: N802 (the operations' own names)
        name = call.parameters["Name"]
        self._allow(call, "CreateEnvironment", self._arn(name))
        if name == self._environment.name:
            raise Invalid(f"Environment {name} already exists")
        raise Invalid(
            f"This endpoint is environment {self._environment.name}'s, and one stack is one environment; "
            f"to create {name}, run: ./windtunnel --name {name} up"
        )

    def _GetEnvironment(self, call: Call) -> Parameters:  # noqa: N802
        self._known(call, "GetEnvironment")
        return {"Environment": self._environment.document}

    def _ListEnvironments(self, call: Call) -> Parameters:  # noqa: N802
        self._allow(call, "ListEnvironments", "*")
        return {"Environments": [self._environment.name]}

    def _UpdateEnvironment(self, call: Call) -> Parameters:  # noqa: N802
        self._known(call, "UpdateEnvironment")
        self._environment.update(call.parameters)
        return {"Arn": self._environment.arn}

    def _DeleteEnvironment(self, call: Call) -> Parameters:  # noqa: N802
        self._known(call, "DeleteEnvironment")
        self._environment.deleting()
        return {}

    def _CreateCliToken(self, call: Call) -> Parameters:  # noqa: N802
        self._known(call, "CreateCliToken")
        return {"CliToken": tokens.for_cli(self._secret, _identity(call)), "WebServerHostname": self._hostname(call)}

    def _CreateWebLoginToken(self, call: Call) -> Parameters:  # noqa: N802
        roles = self._roles(call, "CreateWebLoginToken")
        return {
            "WebToken": tokens.for_web(self._secret, _identity(call), roles),
            "WebServerHostname": self._hostname(call),
            "IamIdentity": _identity(call),
            "AirflowIdentity": tokens.airflow_identity(_identity(call)),
        }

    def _InvokeRestApi(self, call: Call) -> Parameters:  # noqa: N802
        roles = self._roles(call, "InvokeRestApi")
        self._rate.take()
        given = call.parameters
        status, reply = self._airflow.invoke(
            _identity(call), roles, given["Method"], given["Path"], given.get("QueryParameters"), given.get("Body")
        )
        return {"RestApiStatusCode": status, "RestApiResponse": reply}

    def _ListTagsForResource(self, call: Call) -> Parameters:  # noqa: N802
        self._known_by_arn(call, "ListTagsForResource")
        return {"Tags": self._environment.document["Tags"]}

    def _TagResource(self, call: Call) -> Parameters:  # noqa: N802
        self._known_by_arn(call, "TagResource")
        self._environment.tag(call.parameters["Tags"])
        return {}

    def _UntagResource(self, call: Call) -> Parameters:  # noqa: N802
        self._known_by_arn(call, "UntagResource")
        self._environment.untag(call.parameters["tagKeys"])
        return {}

    def _PublishMetrics(self, call: Call) -> Parameters:  # noqa: N802
        """For AWS's own use; here the metrics are known without."""
        name = call.parameters["EnvironmentName"]
        self._allow(call, "PublishMetrics", self._arn(name))
        self._named(name)
        return {}

    def _known(self, call: Call, action: str) -> None:
        self._allow(call, action, self._arn(call.parameters["Name"]))
        self._named(call.parameters["Name"])

    def _known_by_arn(self, call: Call, action: str) -> None:
        arn = call.parameters["ResourceArn"]
        self._allow(call, action, arn)
        if arn != self._environment.arn:
            raise NotFound(f"{arn} not found; this endpoint's environment is {self._environment.arn}")

    def _roles(self, call: Call, action: str) -> list[str]:
        """Airflow's roles that the caller has by IAM, which names them as resources."""
        name = call.parameters["Name"]
        base = self._arn(name).replace(f":environment/{name}", f":role/{name}")
        found = [role for role in ROLES if _is_allowed(call, action, f"{base}/{role}")]
        if not found:
            raise Denied("No Airflow role granted in IAM.")
        self._named(name)
        # Admin may do what the others may, and so on.
        return found[:1]

    def _named(self, name: str) -> None:
        if name != self._environment.name:
            raise NotFound(f"Environment {name} not found; this endpoint's environment is {self._environment.name}")

    def _allow(self, call: Call, action: str, arn: str) -> None:
        try:
            check(call.caller, _asked(action, [arn]), call.region)
        except Refused as refused:
            raise Denied(refused.message) from None

    def _arn(self, name: str) -> str:
        return f"{self._environment.arn.rpartition('/')[0]}/{name}"

    def _hostname(self, call: Call) -> str:
        """The web server as the caller can reach it: a task sees other addresses than the machine's own programs."""
        is_outside = call.host.partition(":")[0] in ("localhost", "127.0.0.1")
        return urlsplit(self._environment.document["WebserverUrl"] if is_outside else self._airflow.url).netloc


def _is_allowed(call: Call, action: str, arn: str) -> bool:
    try:
        check(call.caller, _asked(action, [arn]), call.region)
    except Refused:
        return False
    return True


def _asked(action: str, arns: Iterable[str]) -> Asked:
    return Asked(f"airflow:{action}", [Resource(arn, arn) for arn in arns])


def _identity(call: Call) -> str:
    """The caller as MWAA names one: user/ann, assumed-role/Admin/ann."""
    return call.caller.arn.rpartition(":")[2]


def names() -> set[str]:
    """The operations that there are."""
    return {name[1:] for name in vars(Operations) if name[1:2].isupper()}
