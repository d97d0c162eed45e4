"""Policy documents read into values that can be asked: the grammar of versions 2012-10-17 and 2008-10-17, refused in AWS's words.

Grammar: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html. Sizes count no white space:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, Literal

import msgspec

from cognomen.policies.conditions import Condition, condition
from cognomen.policies.template import Template, Wild, segments, template

VERSIONS: Final = ("2012-10-17", "2008-10-17")
MANAGED_SIZE: Final = 6_144
INLINE_SIZE: Final = 10_240  # of all inline policies of one role together
TRUST_SIZE: Final = 2_048
SESSION_SIZE: Final = 2_048
LONGEST: Final = 131_072  # characters of any document, as the service model has it

SYNTAX: Final = "Syntax errors in policy."
Kind = Literal["any", "identity", "trust"]

_ACTION: Final = re.compile(r"\*|[A-Za-z0-9.*?-]+:[A-Za-z0-9*?]*")
_ASSUME: Final = re.compile(r"sts:(\*|assumerole.*|tagsession|setsourceidentity|setcontext)")
_KEYS: Final = {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
_PRINCIPALS: Final = {"AWS", "Federated", "Service", "CanonicalUser"}
_AWS_PRINCIPAL: Final = re.compile(r"\*|[0-9]{12}|arn:[\w-]+:(iam|sts)::([0-9]{12}|aws):.+|A[A-Z]{3}[A-Z0-9]{12,}")


class BadPolicy(Exception):
    """The text is no policy. `str()` is what AWS says in MalformedPolicyDocument."""


class Resource(msgspec.Struct, frozen=True):
    """`parts` are the six of an ARN. `whole` is there where a `*` before the last of them could reach over colons, `at_ends` where each of those ends
    its part, as AWS says that it must for that."""

    parts: tuple[Template, ...]
    whole: Template | None
    at_ends: bool


class Statement(msgspec.Struct, frozen=True):
    """`actions` are in lower case; `not_...` say that what is listed is what is left out."""

    sid: str
    allows: bool
    actions: tuple[Template, ...]
    not_actions: bool
    resources: tuple[Resource, ...]
    not_resources: bool
    principals: dict[str, tuple[str, ...]] | None
    not_principals: bool
    conditions: tuple[Condition, ...]


class Policy(msgspec.Struct, frozen=True):
    version: str
    statements: tuple[Statement, ...]
    name: str = ""  # whose the document is, for those who explain a decision


def parse(text: str, kind: Kind = "any", name: str = "") -> Policy:
    """The policy of a document. `identity` policies name resources and no principal, `trust` policies the other way round. Raises BadPolicy."""
    document = _object(_json(text))
    if not document.keys() <= {"Version", "Id", "Statement"} or not isinstance(document.get("Id", ""), str):
        raise BadPolicy(SYNTAX)
    version = document.get("Version", "2008-10-17")
    if not isinstance(version, str) or version not in VERSIONS:
        raise BadPolicy(SYNTAX)
    if kind == "identity" and version != "2012-10-17":
        raise BadPolicy("Policy document must be version 2012-10-17 or greater.")
    listed = document.get("Statement")
    given = listed if isinstance(listed, list) else [listed]
    if not given:
        raise BadPolicy(SYNTAX)
    statements = tuple(_statement(_object(one), version, kind) for one in given)
    sids = [one.sid for one in statements if one.sid]
    if len(sids) != len(set(sids)):
        raise BadPolicy("Statement IDs (SID) in a single policy must be unique.")
    return Policy(version, statements, name)


def size(text: str) -> int:
    """Characters that count against a quota: white space does not."""
    return len(re.sub(r"\s", "", text))


def _json(text: str) -> Any:
    if len(text) > LONGEST:
        raise BadPolicy(SYNTAX)
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_once)
    except (ValueError, RecursionError) as cause:
        raise BadPolicy(SYNTAX) from cause


def _once(pairs: Any) -> dict[str, Any]:
    """An element that is given twice could be read in two ways; NaN and Infinity, which come here too, are no JSON."""
    if isinstance(pairs, str) or len(dict(pairs)) != len(pairs):
        raise ValueError("no JSON of a policy")
    return dict(pairs)


def _object(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise BadPolicy(SYNTAX)
    return given


def _statement(given: dict[str, Any], version: str, kind: Kind) -> Statement:
    sid = given.get("Sid", "")
    effect = given.get("Effect")
    doubled = any(name in given and f"Not{name}" in given for name in ("Action", "Resource", "Principal"))
    if not given.keys() <= _KEYS or effect not in ("Allow", "Deny") or not isinstance(sid, str) or doubled:
        raise BadPolicy(SYNTAX)
    if kind != "any" and not re.fullmatch(r"[A-Za-z0-9]*", sid):
        raise BadPolicy("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")
    actions = _texts(given.get("Action", given.get("NotAction", [])))
    resources = _texts(given.get("Resource", given.get("NotResource", [])))
    _check_actions(actions, kind)
    _check_place(given, resources, kind)
    with_variables = version == "2012-10-17"
    try:
        conditions = tuple(
            condition(operator, key, [_scalar(value) for value in _listed(values)], variables=with_variables)
            for operator, keys in _object(given.get("Condition", {})).items()
            for key, values in _object(keys).items()
        )
    except ValueError as cause:
        raise BadPolicy(SYNTAX) from cause
    return Statement(
        sid,
        effect == "Allow",
        tuple(template(action.lower(), variables=False) for action in actions),
        "NotAction" in given,
        tuple(_resource(resource, variables=with_variables) for resource in resources),
        "NotResource" in given,
        _principals(given.get("Principal", given.get("NotPrincipal"))),
        "NotPrincipal" in given,
        conditions,
    )


def _check_actions(actions: list[str], kind: Kind) -> None:
    if not actions:
        raise BadPolicy("Policy statement must contain actions.")
    for action in actions:
        if action != "*" and ":" not in action:
            raise BadPolicy("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
        if action.count(":") > 1:
            raise BadPolicy("Actions/Condition can contain only one colon.")
        vendor = action.partition(":")[0]
        if not re.fullmatch(r"[A-Za-z0-9.*?-]+", vendor):
            raise BadPolicy(f"Vendor {vendor} is not valid")
        if not _ACTION.fullmatch(action):
            raise BadPolicy(SYNTAX)
        if kind == "trust" and not _ASSUME.fullmatch(action.lower()):
            raise BadPolicy("AssumeRole policy may only specify STS AssumeRole actions.")


def _check_place(given: dict[str, Any], resources: list[str], kind: Kind) -> None:
    """What a policy of this kind must and must not name."""
    if kind == "trust":
        if "Resource" in given or "NotResource" in given:
            raise BadPolicy("Has prohibited field Resource.")
        if "Principal" not in given and "NotPrincipal" not in given:
            raise BadPolicy("Missing required field Principal.")
    elif kind == "identity":
        if "Principal" in given or "NotPrincipal" in given:
            raise BadPolicy("Policy document should not specify a principal.")
        if not resources:
            raise BadPolicy("Policy statement must contain resources.")
    for resource in resources:
        if resource != "*" and not resource.startswith("arn:"):
            raise BadPolicy(f'Resource {resource} must be in ARN format or "*".')


def _resource(given: str, *, variables: bool) -> Resource:
    """Parts that are left out are `*` (reference_policies_elements_resource.html)."""
    any_text = template("*", variables=False)
    whole = template(given, variables=variables)
    cut = segments(whole, 6) if given != "*" else ()
    wild = [part.parts for part in cut[:5] if Wild.ANY in part.parts]
    at_ends = all(Wild.ANY not in parts[:-1] for parts in wild)
    return Resource(cut + (any_text,) * (6 - len(cut)), whole if wild else None, at_ends)


def _principals(given: Any) -> dict[str, tuple[str, ...]] | None:
    if given is None:
        return None
    if given == "*":
        return {"*": ("*",)}
    named = {kind: tuple(_texts(values)) for kind, values in _object(given).items()}
    if not named or not named.keys() <= _PRINCIPALS or not all(named.values()):
        raise BadPolicy(SYNTAX)
    for value in named.get("AWS", ()):
        if not _AWS_PRINCIPAL.fullmatch(value):
            raise BadPolicy(f'Invalid principal in policy: "AWS":"{value}"')
    return named


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _texts(given: Any) -> list[str]:
    listed = _listed(given)
    if not all(isinstance(one, str) for one in listed):
        raise BadPolicy(SYNTAX)
    return listed


def _scalar(given: Any) -> str:
    """Values of conditions may be numbers and booleans too."""
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, str | int | float):
        return str(given)
    raise BadPolicy(SYNTAX)
