"""MWAA's API by botocore's own model of it: paths, parameters, validation and answers are all read from there."""

import json
import re
from typing import Any

from botocore.model import OperationModel, Shape
from botocore.validate import ParamValidator
from moto.core.parse import RestJSONParser
from moto.core.serialize import RestJSONSerializer
from moto.core.utils import get_service_model
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from mwaa_api.errors import ApiError, Invalid, NotFound

Parameters = dict[str, Any]
MODEL = get_service_model("mwaa")


def _rule(name: str) -> Rule:
    http = MODEL.operation_model(name).http
    return Rule(re.sub(r"{(\w+)}", r"<path:\1>", http["requestUri"]), methods=[http["method"]], endpoint=name)


# ARNs hold slashes, which a server sees decoded.
_MAP = Map([_rule(name) for name in MODEL.operation_names], merge_slashes=False)


def parse(request: Request) -> tuple[str, Parameters]:
    """The operation's name, and its parameters.

    Raises:
        NotFound: no operation has this method and path.
        Invalid: a parameter is missing or is not what the model says.
    """
    try:
        name, in_path = _MAP.bind_to_environ(request.environ).match()
    except HTTPException as error:
        raise NotFound(f"No operation for {request.method} {request.path}", "UnknownOperationException") from error
    model = MODEL.operation_model(name)
    parameters = _parameters(request, model, in_path)
    if problems := list(_problems(model, parameters)):
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected"
        raise Invalid(f"{count}: {'; '.join(problems)}")
    return name, parameters


def answer(name: str, result: Parameters) -> Response:
    """An operation's success."""
    made = RestJSONSerializer(MODEL.operation_model(name)).serialize(result)
    return Response(made["body"] or "{}", made["status_code"], content_type="application/json")


def refusal(error: ApiError) -> Response:
    """An operation's error, as boto3 reads it."""
    headers = {"X-Amzn-ErrorType": error.code}
    return Response(json.dumps(error.members), error.status, headers, content_type="application/json")


def _parameters(request: Request, model: OperationModel, in_path: dict[str, str]) -> Parameters:
    given = {
        "body": request.get_data(),
        "headers": request.headers,
        "method": request.method,
        "url_params": in_path,
        "url_path": request.path,
        "values": request.args,
    }
    try:
        parsed: Parameters = RestJSONParser(model).parse(given)
    except (ValueError, TypeError, AttributeError) as error:
        raise Invalid(
            f"The request's body is not what {model.name} takes: {error}", "SerializationException"
        ) from error
    return parsed


def _problems(model: OperationModel, parameters: Parameters) -> list[str]:
    """Everything that is wrong: what botocore's validator finds, and the constraints that it leaves to the service."""
    report = ParamValidator().validate(parameters, model.input_shape)
    if report.has_errors():
        return str(report.generate_report()).splitlines()
    return [
        f"Value at '{path}' failed to satisfy constraint: Member must {must}"
        for path, must in _unsatisfied(model.input_shape, parameters, "")
    ]


def _unsatisfied(shape: Shape, value: Any, path: str) -> list[tuple[str, str]]:
    if shape.type_name == "structure":
        given = [] if shape.is_document_type else [name for name in shape.members if name in value]
        return [one for name in given for one in _unsatisfied(shape.members[name], value[name], _below(path, name))]
    own = [(path, must) for must in _constraints(shape, value)]
    if shape.type_name == "list":
        parts = [(shape.member, part, f"{path}.{index + 1}.member") for index, part in enumerate(value)]
    elif shape.type_name == "map":
        parts = [(shape.key, key, f"{path}.key") for key in value]
        parts += [(shape.value, part, f"{path}.{key}") for key, part in value.items()]
    else:
        parts = []
    return own + [one for member, part, where in parts for one in _unsatisfied(member, part, where)]


def _constraints(shape: Shape, value: Any) -> list[str]:
    """What a value must do and does not, in the words of AWS's services."""
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    wanted, pattern = shape.metadata.get("enum"), shape.metadata.get("pattern", "")
    size = len(value) if hasattr(value, "__len__") else value
    have = "have length" if hasattr(value, "__len__") else "have value"
    checks = [
        (least is None or size >= least, f"{have} greater than or equal to {least}"),
        (most is None or size <= most, f"{have} less than or equal to {most}"),
        (not wanted or value in wanted, f"satisfy enum value set: [{', '.join(wanted or [])}]"),
        (not pattern or _fits(pattern, value), f"satisfy regular expression pattern: {pattern}"),
    ]
    return [must for met, must in checks if not met]


def _fits(pattern: str, value: str) -> bool:
    """Whether a text has a pattern; those of tags are of Unicode's classes, which Python's `re` has other names for."""
    return bool(re.fullmatch(pattern.replace(r"\p{L}\p{Z}\p{N}", r"\w\s"), value))


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
