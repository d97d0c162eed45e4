"""Whether policies permit a request: an explicit deny wins, then what allows, within what limits.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html (one account). Costs a few microseconds for
each statement; nothing is remembered between two decisions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Final

import msgspec

from cognomen.policies.conditions import holds
from cognomen.policies.document import Policy, Resource, Statement
from cognomen.policies.template import Context, Variable, matches
from cognomen.policies.trust import EVERYBODYS


class Request(msgspec.Struct, frozen=True):
    """What is asked. `principal` is who asks by kind: {"AWS": the ARN of a role's session} or {"Federated": a provider}. Keys of `context` may be
    in any case; all values are texts."""

    action: str
    resource: str
    principal: Mapping[str, str] = {}
    context: Mapping[str, Sequence[str]] = {}


class Effect(Enum):
    """The words of SimulateCustomPolicy."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


class Decision(msgspec.Struct, frozen=True):
    """`decided` are the policy and the statement that allowed or denied; None where nothing spoke of the request, or a limit did not allow it."""

    effect: Effect
    decided: tuple[Policy, Statement] | None = None

    @property
    def allowed(self) -> bool:
        return self.effect is Effect.ALLOWED


Found = tuple[Policy, Statement]
_ROLE: Final = re.compile(r"arn:[\w-]+:iam::([0-9]{12}):role/(?:.*/)?([^/]+)")
_SESSION: Final = re.compile(r"arn:[\w-]+:sts::([0-9]{12}):assumed-role/([^/]+)/.*")
_NOBODY: Final = Decision(Effect.IMPLICIT_DENY)


def decide(
    identity: Sequence[Policy],
    request: Request,
    *,
    resource_policy: Policy | None = None,
    boundary: Policy | None = None,
    session: Sequence[Policy] = (),
) -> Decision:
    """The decision of one account: what the identity's or the resource's policy allows, within the boundary and within what the session policies
    allow together. A resource's policy that names the caller itself (not its role) is bounded by neither."""
    asked = _Asked(request)
    others = [policy for policy in (resource_policy, boundary) if policy is not None]
    denied = next((found for policy in (*identity, *others, *session) for found in asked.applying(policy, allows=False)), None)
    if denied is not None:
        return Decision(Effect.EXPLICIT_DENY, denied)
    by_resource = next(asked.applying(resource_policy, allows=True), None) if resource_policy else None
    if by_resource is not None and asked.is_named_itself(by_resource[1]):
        return Decision(Effect.ALLOWED, by_resource)
    allowed = _first(asked, identity) or by_resource
    within = (boundary is None or _first(asked, [boundary])) and (not session or _first(asked, session))
    return Decision(Effect.ALLOWED, allowed) if allowed and within else _NOBODY


def trusts(trust: Policy, action: str, request: Request) -> bool:
    """Whether a role's trust policy lets the request's principal do `action` (sts:AssumeRoleWithWebIdentity and its like). Whom everybody can come by
    is never trusted without a condition, not even by a principal of `*`."""
    asked = _Asked(msgspec.structs.replace(request, action=action))
    if next(asked.applying(trust, allows=False), None) is not None:
        return False
    everybodys = request.principal.get("Federated") in EVERYBODYS
    return any(statement.conditions or not everybodys for _, statement in asked.applying(trust, allows=True))


def names(policy: Policy, prefix: str) -> bool:
    """Whether a condition or a variable of the policy asks for a key that begins so, in small letters."""
    return any(_names(statement, prefix) for statement in policy.statements)


def _names(statement: Statement, prefix: str) -> bool:
    templates = [part for resource in statement.resources for part in resource.parts]
    templates += [value for condition in statement.conditions for value in condition.values]
    variables = (part.key for one in templates for part in one.parts if isinstance(part, Variable))
    return any(key.startswith(prefix) for key in (*(condition.key for condition in statement.conditions), *variables))


def applying(policies: Iterable[Policy], request: Request) -> list[Found]:
    """All statements that speak of the request, allowing or denying: what a simulation lists."""
    asked = _Asked(request)
    return [found for policy in policies for allows in (False, True) for found in asked.applying(policy, allows=allows)]


def _first(asked: _Asked, policies: Sequence[Policy]) -> Found | None:
    return next((found for policy in policies for found in asked.applying(policy, allows=True)), None)


class _Asked:
    """A request made ready to be compared with many statements."""

    __slots__ = ("action", "arn", "context", "principal", "resource")

    def __init__(self, request: Request) -> None:
        self.action = request.action.lower()
        self.arn = request.resource
        parts = request.resource.split(":", 5) if request.resource.startswith("arn:") else []
        self.resource = (*parts, *[""] * (6 - len(parts))) if parts else ()
        self.principal = request.principal
        self.context: Context = {key.lower(): values for key, values in request.context.items()}

    def applying(self, policy: Policy, *, allows: bool) -> Iterator[Found]:
        for statement in policy.statements:
            if statement.allows is allows and self.is_in(statement):
                yield policy, statement

    def is_in(self, statement: Statement) -> bool:
        if any(matches(action, self.action, {}) for action in statement.actions) is statement.not_actions:
            return False
        # What denies is read as wide as it can be, what allows as narrow: NotResource turns the one into the other.
        wide = statement.allows is statement.not_resources
        if statement.resources and any(self.is_resource(one, wide=wide) for one in statement.resources) is statement.not_resources:
            return False
        if statement.principals is not None and self.is_principal(statement.principals) is statement.not_principals:
            return False
        return all(holds(one, self.context) for one in statement.conditions)

    def is_resource(self, wanted: Resource, *, wide: bool) -> bool:
        """Part by part, the last one first, since that tells most resources apart. Besides, a `*` reaches over colons: where it ends a part, and
        wherever it stands in a wide reading. What has no ARN is fitted by `*` alone."""
        if not self.resource:
            return all(part.literal == "*" for part in wanted.parts)
        pairs = zip(reversed(wanted.parts), reversed(self.resource), strict=True)
        if all(part.literal == "*" or matches(part, value, self.context) for part, value in pairs):
            return True
        return wanted.whole is not None and (wide or wanted.at_ends) and matches(wanted.whole, self.arn, self.context)

    def is_principal(self, wanted: Mapping[str, Sequence[str]]) -> bool:
        if "*" in wanted or "*" in wanted.get("AWS", ()):
            return True
        return any(_is_named(kind, name, value) for kind, name in self.principal.items() for value in wanted.get(kind, ()))

    def is_named_itself(self, statement: Statement) -> bool:
        """A user or a session by its own ARN. A role's ARN means every session of it, which has its limits."""
        arn = self.principal.get("AWS", "")
        return not statement.not_principals and statement.principals is not None and arn in statement.principals.get("AWS", ())


def _is_named(kind: str, name: str, wanted: str) -> bool:
    """`wanted` may be the ARN itself, its account, or the role of a session."""
    if name == wanted or kind != "AWS":
        return name == wanted
    account = name.split(":")[4] if name.count(":") >= 5 else ""
    if wanted == account or wanted == f"{name.split(':iam:', maxsplit=1)[0].split(':sts:', maxsplit=1)[0]}:iam::{account}:root":
        return bool(account)
    role = _ROLE.fullmatch(wanted)
    session = _SESSION.fullmatch(name)
    return role is not None and session is not None and (role[1], role[2]) == (session[1], session[2])
