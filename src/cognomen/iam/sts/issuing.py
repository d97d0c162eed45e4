"""What all ways of assuming a role have in common: the role's trust, limits of the session, its tags, the answer's members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cognomen.api import errors, sts
from cognomen.context import Context
from cognomen.policies.document import BadPolicy, parse
from cognomen.policies.evaluate import Request
from cognomen.storage.roles import Role
from cognomen.tokens import credentials, permissions

MOST_TAGS = 50


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """`duration` in seconds; `tags` override those of the role, whatever the case of their keys; `transitive` are keys of tags."""

    name: str
    principal: dict[str, str]
    context: Mapping[str, Sequence[str]]
    tags: dict[str, str] = {}
    transitive: list[str] = []
    duration: int = 3600


class NotTrusted(Exception):
    """The role is not there, or its trust policy does not let the principal do `action`."""

    def __init__(self, action: str) -> None:
        super().__init__(action)
        self.action = action


async def trusting(
    cx: Context, role_arn: str, actions: Sequence[str], principal: Mapping[str, str], context: Mapping[str, Sequence[str]]
) -> Role:
    """The role, where its trust policy lets the principal do all of it. Raises NotTrusted."""
    held = await cx.store.roles.permissions(role_arn) if role_arn.count(":") >= 5 else None
    asked = Request("", role_arn, principal, context)
    for action in actions:
        if held is None or not permissions.trusted(held.role, action, asked):
            raise NotTrusted(action)
    assert held is not None  # noqa: S101  # the loop has seen it
    return held.role


def issue(cx: Context, role: Role, request: Any, wanted: Wanted) -> credentials.Credentials:
    """Raises ValidationException, MalformedPolicyDocumentException."""
    if wanted.duration > role.max_session:
        raise errors.ValidationException("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    if request.policy is not None:
        try:
            parse(request.policy, "identity")
        except BadPolicy as cause:
            raise errors.MalformedPolicyDocumentException(str(cause)) from cause
    arns = [descriptor.arn for descriptor in request.policy_arns or [] if descriptor.arn]
    if len(arns) > 10:
        raise errors.ValidationException("1 validation error detected: at most 10 PolicyArns may be given.")
    given = {key.lower() for key in wanted.tags}
    return credentials.issue(
        cx.sealer,
        cx.clock,
        role_arn=role.arn,
        role_id=role.role_id,
        session_name=wanted.name,
        principal=wanted.principal,
        context=wanted.context,
        tags={**{key: value for key, value in role.tags.items() if key.lower() not in given}, **wanted.tags},
        transitive=wanted.transitive,
        duration=wanted.duration,
        session_policies=[request.policy] if request.policy else [],
        policy_arns=arns,
        least_size=request.minimum_session_token_size or 0,
    )


def tag_problem(tags: Mapping[str, str], transitive: Sequence[str]) -> str:
    """What is wrong with a session's tags, or nothing (reference_iam-quotas.html, id_session-tags.html)."""
    keys = {key.lower() for key in tags}
    if len(keys) != len(tags) or len(tags) > MOST_TAGS:
        return "Session tags must have distinct keys, 50 at the most."
    if any(not 1 <= len(key) <= 128 or len(value) > 256 for key, value in tags.items()):
        return "A session tag's key has 1 to 128 characters, its value 256 at the most."
    if any(key.startswith("aws:") for key in keys):
        return "Tag keys starting with 'aws:' are reserved for AWS use."
    if any(key.lower() not in keys for key in transitive):
        return "The specified transitive tag key must be included in the requested tags."
    return ""


def tag_keys(tags: Mapping[str, str], transitive: Sequence[str]) -> dict[str, list[str]]:
    """What a trust policy sees of the tags that are asked for."""
    context = {f"aws:RequestTag/{key}": [value] for key, value in tags.items()}
    context |= {"aws:TagKeys": list(tags)} if tags else {}
    return context | ({"sts:TransitiveTagKeys": list(transitive)} if transitive else {})


def answer(made: credentials.Credentials) -> dict[str, Any]:
    """The members that every answer has. PackedPolicySize is there only with session policies."""
    length = sum(map(len, (*made.session.policies, *made.session.policy_arns)))
    size = len(made.session_token)
    return {
        "credentials": sts.Credentials(
            access_key_id=made.access_key_id,
            secret_access_key=made.secret_access_key,
            session_token=made.session_token,
            expiration=made.expiration,
        ),
        "assumed_role_user": sts.AssumedRoleUser(assumed_role_id=made.session.user_id, arn=made.session.arn),
        "packed_policy_size": min(100, -(-length * 100 // 4096)) if length else None,
        "session_token_size": size,
        "session_token_utilization": -(-size * 100 // credentials.LONGEST_TOKEN),
    }
