"""The claims of access and id tokens, exactly as the live service writes them, in its order (FIDELITY B.1). Pure: who may
see which attribute, and which role of which group wins, was decided before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

# Attributes whose claim is a JSON boolean; each stands beside the attribute that it speaks of.
_VERIFIED: Final = (("email", "email_verified"), ("phone_number", "phone_number_verified"))
_FLAGS: Final = frozenset(flag for _, flag in _VERIFIED)
# What is stored with a user but becomes a claim by another way.
_NOT_COPIED: Final = frozenset({"sub", "identities"}) | _FLAGS


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in. `groups` in order of precedence; `roles` their ARNs in the same order, `preferred_role` the one of the lowest precedence
    if there is just one. `attributes` holds all of the user's, as stored (texts); they show nothing before `readable` was applied."""

    sub: str
    username: str
    groups: Sequence[str] = ()
    roles: Sequence[str] = ()
    preferred_role: str | None = None
    attributes: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        return f"Subject(sub={self.sub!r}, ***)"


class Strength(msgspec.Struct, frozen=True):
    """How strongly the user signed in: `acr`, and `amr`, the methods (OpenID Connect Core, 2)."""

    acr: str
    amr: tuple[str, ...]


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What one issue of tokens has in common. Times in whole epoch seconds. `origin_jti` is None where the client has token
    revocation switched off: then neither it nor `jti` is written."""

    issuer: str
    client_id: str
    event_id: str
    auth_time: int
    issued_at: int
    origin_jti: str | None = None
    strength: Strength | None = None


def access_claims(
    subject: Subject, grant: Grant, *, expires_at: int, scope: str, jti: str, device_key: str | None = None
) -> dict[str, Any]:
    """No `aud`, no `email`, no attribute: an access token says who and what for, not what they are like."""
    claims: dict[str, Any] = {"sub": subject.sub}
    if device_key is not None:
        claims["device_key"] = device_key
    if subject.groups:
        claims["cognito:groups"] = list(subject.groups)
    claims["iss"] = grant.issuer
    claims["client_id"] = grant.client_id
    if grant.origin_jti is not None:
        claims["origin_jti"] = grant.origin_jti
    claims["event_id"] = grant.event_id
    claims["token_use"] = "access"
    _say_strength(claims, grant)
    claims["scope"] = scope
    claims["auth_time"] = grant.auth_time
    claims["exp"] = expires_at
    claims["iat"] = grant.issued_at
    if grant.origin_jti is not None:
        claims["jti"] = jti
    claims["username"] = subject.username
    return claims


def client_claims(client_id: str, *, issuer: str, scope: str, issued_at: int, expires_at: int, jti: str) -> dict[str, Any]:
    """Of a token that speaks for a client itself. `version` is 2, as live ones have it."""
    return {
        "sub": client_id,
        "token_use": "access",
        "scope": scope,
        "auth_time": issued_at,
        "iss": issuer,
        "exp": expires_at,
        "iat": issued_at,
        "version": 2,
        "jti": jti,
        "client_id": client_id,
    }


def id_claims(
    subject: Subject,
    grant: Grant,
    *,
    expires_at: int,
    jti: str,
    readable: Collection[str] | None = None,
    identities: Sequence[Mapping[str, Any]] = (),
    nonce: str | None = None,
) -> dict[str, Any]:
    """`readable` is the client's ReadAttributes; None, where the client names none, means every standard attribute and no custom one."""
    attributes = subject.attributes or {}
    claims: dict[str, Any] = {"sub": subject.sub}
    if subject.groups:
        claims["cognito:groups"] = list(subject.groups)
    if subject.roles:
        claims["cognito:roles"] = list(subject.roles)
    if subject.preferred_role is not None:
        claims["cognito:preferred_role"] = subject.preferred_role
    for attribute, flag in _VERIFIED:
        if (attribute in attributes or flag in attributes) and _may_read(flag, readable):
            claims[flag] = attributes.get(flag) == "true"
    claims["iss"] = grant.issuer
    claims["cognito:username"] = subject.username
    if grant.origin_jti is not None:
        claims["origin_jti"] = grant.origin_jti
    claims["aud"] = grant.client_id
    claims["event_id"] = grant.event_id
    claims["token_use"] = "id"
    _say_strength(claims, grant)
    claims["auth_time"] = grant.auth_time
    claims["exp"] = expires_at
    claims["iat"] = grant.issued_at
    if grant.origin_jti is not None:
        claims["jti"] = jti
    if identities:
        claims["identities"] = [dict(identity) for identity in identities]
    if nonce is not None:
        claims["nonce"] = nonce
    for name, value in attributes.items():
        if name not in _NOT_COPIED and name not in claims and _may_read(name, readable):
            claims[name] = _typed(name, value)
    return claims


def _say_strength(claims: dict[str, Any], grant: Grant) -> None:
    if grant.strength is not None:
        claims["acr"] = grant.strength.acr
        if grant.strength.amr:
            claims["amr"] = list(grant.strength.amr)


def _may_read(name: str, readable: Collection[str] | None) -> bool:
    if readable is None:
        return not name.startswith(("custom:", "dev:"))
    return name in readable


def _typed(name: str, value: str) -> Any:
    """Texts, but for two: `updated_at` is a number and `address` an object (OpenID Connect Core, 5.1). Custom numbers stay texts."""
    if name == "updated_at":
        try:
            return int(value)
        except ValueError:
            return value
    if name == "address":
        return {"formatted": value}
    return value
