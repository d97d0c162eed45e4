"""Who an access token speaks for. Every operation that takes one comes through here, so that none forgets expiry, scope or revocation."""

from __future__ import annotations

from typing import Any

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.storage.clients import Client
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.tokens import jwt, pool_tokens
from cognomen.userpools import find
from cognomen.userpools.rules import scopes

SCOPE = "aws.cognito.signin.user.admin"


class Access(msgspec.Struct, frozen=True):
    pool: Pool
    client: Client
    user: User
    claims: dict[str, Any]


async def of(cx: Context, access_token: str, scope: str = scopes.SELF) -> Access:
    """Raises NotAuthorizedException for a token that is forged, expired, revoked or without the scope, UserNotFoundException when its user
    is gone (FIDELITY B.7.61)."""
    try:
        token = jwt.read(access_token)
    except jwt.BadToken as cause:
        raise invalid() from cause
    pool, client = await _issued_to(cx, token)
    keys = await cx.keys.for_pool(pool.pool_id)
    try:
        claims = token.verified({keys.access_key.kid: keys.access_key.public})
    except jwt.BadSignature as cause:
        raise errors.NotAuthorizedException("Could not verify signature for Access Token") from cause
    except jwt.BadToken as cause:
        raise invalid() from cause
    if claims.get("token_use") != "access" or claims.get("client_id") != client.client_id:
        raise invalid()
    if claims["exp"] <= cx.clock.now():
        raise errors.NotAuthorizedException("Access Token has expired")
    if scope not in str(claims.get("scope", "")).split(" "):
        raise errors.NotAuthorizedException("Access Token does not have required scopes")
    user = await _not_revoked(cx, pool, claims)
    if not user.enabled:
        raise errors.NotAuthorizedException("User is disabled.")
    return Access(pool, client, user, claims)


async def of_whoever(cx: Context, access_token: str) -> Access:
    """For operations whose model has no UserNotFoundException: the token of a user who is gone is worth nothing any more."""
    try:
        return await of(cx, access_token)
    except errors.UserNotFoundException as cause:
        raise errors.NotAuthorizedException("Access Token has been revoked") from cause


async def _issued_to(cx: Context, token: jwt.Unverified) -> tuple[Pool, Client]:
    """The client that the token names; believed only once the signature of that client's pool has been verified."""
    try:
        return await find.client(cx, str(token.claims.get("client_id")))
    except errors.ResourceNotFoundException as cause:
        raise invalid() from cause


async def _not_revoked(cx: Context, pool: Pool, claims: dict[str, Any]) -> User:
    """The token's user, if its session lives. Raises NotAuthorizedException, UserNotFoundException."""
    user, counts = await pool_tokens.whose(cx.store, pool.pool_id, claims)
    if user is None:
        raise find.no_user()
    if not counts:
        raise errors.NotAuthorizedException("Access Token has been revoked")
    return user


def invalid() -> errors.NotAuthorizedException:
    return errors.NotAuthorizedException("Invalid Access Token")
