"""PreTokenGeneration: a function adds, changes and suppresses claims, scopes and groups of the tokens that are about to be signed.

Version 1 speaks of the id token (and the groups of both), versions 2 and 3 of both tokens. Claims that say who issued a token, to whom, when
and about whom are not the function's: what it says of them is ignored.
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cognomen.context import Context
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.tokens import claims
from cognomen.triggers import catalog
from cognomen.triggers.invoke import unrecognizable
from cognomen.userpools.hooks.ask import Occasion, ask

_COMMON = frozenset(
    [
        "acr",
        "amr",
        "at_hash",
        "auth_time",
        "azp",
        "cognito:username",
        "exp",
        "iat",
        "identities",
        "iss",
        "jti",
        "nbf",
        "nonce",
        "origin_jti",
        "sub",
        "token_use",
        "event_id",
        "cognito:groups",
        "cognito:roles",
        "cognito:preferred_role",
    ]
)
_RESERVED_ID = _COMMON | {"aud"}
_RESERVED_ACCESS = _COMMON | {"client_id", "device_key", "scope", "username", "version", "aud"}
_SIMPLE = frozenset(("phone_number_verified", "email_verified", "updated_at", "address"))  # no objects or lists in the id token
_OUR_SCOPES = "aws.cognito."
_DETAILS = "claimsAndScopeOverrideDetails"


class Groups(msgspec.Struct, frozen=True, rename="camel"):
    groups_to_override: list[str] | None = None
    iam_roles_to_override: list[str] | None = None
    preferred_role: str | None = None


class TokenChange(msgspec.Struct, frozen=True, rename="camel"):
    claims_to_add_or_override: dict[str, Any] | None = None
    claims_to_suppress: list[str] | None = None
    scopes_to_add: list[str] | None = None
    scopes_to_suppress: list[str] | None = None


class Override(msgspec.Struct, frozen=True, rename="camel"):
    """What an answer changes, of whichever version. `group_override_details` left out leaves the groups alone; null or empty takes them all."""

    id_token_generation: TokenChange | None = None
    access_token_generation: TokenChange | None = None
    group_override_details: Groups | msgspec.UnsetType | None = msgspec.UNSET


class _First(msgspec.Struct, frozen=True, rename="camel"):
    """claimsOverrideDetails of version 1, whose claims are texts."""

    claims_to_add_or_override: dict[str, str] | None = None
    claims_to_suppress: list[str] | None = None
    group_override_details: Groups | msgspec.UnsetType | None = msgspec.UNSET


async def override(cx: Context, pool: Pool, occasion: Occasion, user: User, subject: claims.Subject, scope: str) -> Override | None:
    """What the function changes; None where the pool names none, or it changes nothing. Raises InvalidLambdaResponseException."""
    if not is_asked(pool):
        return None
    version = version_of(pool)
    request: dict[str, Any] = {
        "userAttributes": catalog.user_attributes(user),
        "groupConfiguration": {
            "groupsToOverride": list(subject.groups),
            "iamRolesToOverride": list(subject.roles),
            "preferredRole": subject.preferred_role,
        },
    }
    member = "claimsOverrideDetails"
    if version != "1":
        request["scopes"] = scope.split(" ")
        member = _DETAILS
    answer = await ask(cx, pool, catalog.PRE_TOKEN_GENERATION, occasion, user.username, request, version=version, response={member: None})
    details = answer.get(member) if answer else None
    if details is None:
        return None
    try:
        if version != "1":
            return msgspec.convert(details, Override)
        first = msgspec.convert(details, _First)
    except msgspec.ValidationError as cause:
        raise unrecognizable() from cause
    change = TokenChange(dict(first.claims_to_add_or_override or {}), first.claims_to_suppress)
    return Override(id_token_generation=change, group_override_details=first.group_override_details)


async def override_for_client(cx: Context, pool: Pool, occasion: Occasion, client_id: str, scopes: Sequence[str]) -> Override | None:
    """What the function changes in a token of the client itself, which it is asked about from version 3 on; there is no user in the event.

    https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html ("Version three")
    """
    if not is_asked(pool) or version_of(pool) != "3":
        return None
    request: dict[str, Any] = {"userAttributes": {}, "scopes": list(scopes)}
    answer = await ask(cx, pool, catalog.PRE_TOKEN_GENERATION, occasion, client_id, request, version="3", response={_DETAILS: None})
    details = answer.get(_DETAILS) if answer else None
    if details is None:
        return None
    try:
        return msgspec.convert(details, Override)
    except msgspec.ValidationError as cause:
        raise unrecognizable() from cause


def is_asked(pool: Pool) -> bool:
    return catalog.arn_of(pool, catalog.PRE_TOKEN_GENERATION) is not None


def version_of(pool: Pool) -> str:
    """ "1", "2" or "3", as events name it."""
    config = pool.settings.pool.lambda_config
    versioned = config.pre_token_generation_config if config is not None else None
    return versioned.lambda_version.removeprefix("V").partition("_")[0] if versioned is not None else "1"


def regrouped(subject: claims.Subject, change: Override) -> claims.Subject:
    """The subject with the groups and roles that the function gives it, in both tokens."""
    groups = change.group_override_details
    if groups is msgspec.UNSET:
        return subject
    given = groups or Groups()
    return claims.Subject(
        sub=subject.sub,
        username=subject.username,
        groups=given.groups_to_override or [],
        roles=given.iam_roles_to_override or [],
        preferred_role=given.preferred_role or None,
        attributes=subject.attributes,
    )


def applied_to_id(before: dict[str, Any], change: Override) -> dict[str, Any]:
    asked = change.id_token_generation
    if asked is None:
        return before
    added = _allowed(asked.claims_to_add_or_override, _RESERVED_ID)
    if any(isinstance(value, dict | list) for name, value in added.items() if name in _SIMPLE):
        raise unrecognizable()
    return _without({**before, **added}, asked.claims_to_suppress, _RESERVED_ID)


def applied_to_access(before: dict[str, Any], change: Override) -> dict[str, Any]:
    """Scopes first; `aud` may be added if it is the client's id."""
    asked = change.access_token_generation
    if asked is None:
        return before
    given = asked.claims_to_add_or_override or {}
    added = _allowed(given, _RESERVED_ACCESS)
    if given.get("aud") == before["client_id"]:
        added["aud"] = given["aud"]
    after = {**before, "scope": _scopes(str(before["scope"]), asked), **added}
    return _without(after, asked.claims_to_suppress, _RESERVED_ACCESS)


def _scopes(before: str, asked: TokenChange) -> str:
    added = asked.scopes_to_add or []
    if any(not scope or not scope.isprintable() or " " in scope for scope in added):
        raise unrecognizable()
    suppressed = set(asked.scopes_to_suppress or [])
    # Scopes of AWS's own let a token act on its user: none is given by a function that was not there before.
    present = before.split(" ")
    wanted = [*present, *(scope for scope in added if not scope.startswith(_OUR_SCOPES))]
    return " ".join(dict.fromkeys(scope for scope in wanted if scope not in suppressed))


def _allowed(added: Mapping[str, Any] | None, reserved: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in (added or {}).items() if name not in reserved and value is not None}


def _without(after: dict[str, Any], suppressed: list[str] | None, reserved: frozenset[str]) -> dict[str, Any]:
    gone = set(suppressed or []) - reserved
    return {name: value for name, value in after.items() if name not in gone}
