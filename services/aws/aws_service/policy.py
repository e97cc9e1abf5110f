"""Whether IAM policies allow an action: Allow and Deny, wildcards, Not-elements, and the usual conditions.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html for identity-based policies.
moto 5.2.5 has an evaluation of its own, which knows neither resources (a policy on one secret allows none) nor most
conditions, and takes a statement whose condition is not met for a refusal.
"""

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache
from typing import Any

Policy = Mapping[str, Any]
Context = Mapping[str, str]


class Verdict(Enum):
    """What all policies of a caller say together; the value is AWS's reason for a refusal."""

    ALLOWED = ""
    NOT_ALLOWED = "because no identity-based policy allows the {action} action"
    DENIED = "with an explicit deny in an identity-based policy"


def verdict(policies: Iterable[Policy], action: str, resource: str, context: Context) -> Verdict:
    """The verdict on one action (`service:Name`) on one resource (an ARN or `*`).

    `context` holds condition keys such as aws:RequestedRegion. A statement with an operator that is not known here
    allows nothing, and denies.
    """
    statements = [one for policy in policies for one in listed(policy["Statement"])]
    applying = {one["Effect"] for one in statements if _applies(one, action, resource, context)}
    if "Deny" in applying:
        return Verdict.DENIED
    return Verdict.ALLOWED if "Allow" in applying else Verdict.NOT_ALLOWED


def listed(value: Any) -> list[Any]:
    """A policy's element that may be one thing or a list of them."""
    return value if isinstance(value, list) else [value]


def _applies(statement: Policy, action: str, resource: str, context: Context) -> bool:
    return (
        _named(statement, "Action", action.lower(), str.lower)
        and _named(statement, "Resource", resource, lambda pattern: _filled(pattern, context))
        and _conditions_hold(statement, context)
    )


def _named(statement: Policy, element: str, value: str, prepare: Any) -> bool:
    """Whether a statement's Action or Resource, or the Not of it, is about a value."""
    if f"Not{element}" in statement:
        return not any(matches(prepare(one), value) for one in listed(statement[f"Not{element}"]))
    return any(matches(prepare(one), value) for one in listed(statement[element]))


def _filled(pattern: str, context: Context) -> str:
    """A pattern with policy variables such as ${aws:username} in it filled in; an unknown one matches nothing."""
    return re.sub(r"\$\{([^}]+)\}", lambda found: context.get(found[1], found[0]), pattern)


def matches(pattern: str, value: str) -> bool:
    """IAM's wildcards: `*` is any text, `?` any one character, everything else is itself."""
    return bool(_compiled(pattern).fullmatch(value))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in re.split(r"([*?])", pattern))
    return re.compile("".join(parts), re.DOTALL)


def _conditions_hold(statement: Policy, context: Context) -> bool:
    """All of a statement's conditions; on a Deny, those that cannot be judged count as met."""
    unknown = statement["Effect"] == "Deny"
    return all(
        _holds(operator, key, listed(wanted), context, unknown)
        for operator, keys in (statement.get("Condition") or {}).items()
        for key, wanted in keys.items()
    )


def _holds(operator: str, key: str, wanted: list[Any], context: Context, unknown: bool) -> bool:
    plain = operator.removesuffix("IfExists").rpartition(":")[2]
    value = {known.lower(): text for known, text in context.items()}.get(key.lower())
    if plain == "Null":
        return (value is None) == (str(wanted[0]).lower() == "true")
    if plain not in OPERATORS:
        return unknown
    negated = plain in NEGATED
    if value is None:
        return negated or operator.endswith("IfExists")
    return any(OPERATORS[plain](_filled(str(one), context), value) for one in wanted) != negated


def _equal(wanted: str, value: str) -> bool:
    return wanted == value


def _equal_in_any_case(wanted: str, value: str) -> bool:
    return wanted.lower() == value.lower()


# What a condition's operator compares; the negated ones compare the same and turn the result round.
OPERATORS = {
    "StringEquals": _equal,
    "StringNotEquals": _equal,
    "StringEqualsIgnoreCase": _equal_in_any_case,
    "StringNotEqualsIgnoreCase": _equal_in_any_case,
    "StringLike": matches,
    "StringNotLike": matches,
    "ArnEquals": matches,
    "ArnNotEquals": matches,
    "ArnLike": matches,
    "ArnNotLike": matches,
    "Bool": _equal_in_any_case,
}
NEGATED = {"StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike", "ArnNotEquals", "ArnNotLike"}
