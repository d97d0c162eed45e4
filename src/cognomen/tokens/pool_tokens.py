"""Id tokens of this server's user pools, as whoever trusts a user pool verifies them: identity pools, and roles assumed with a web identity.

The pool is found by the client that the token is for, so that every form of issuer is known, custom ones too.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

from cognomen.storage.clients import Client
from cognomen.storage.pools import Pool
from cognomen.storage.sessions import Session
from cognomen.storage.store import Store
from cognomen.storage.users import User
from cognomen.tokens import jwt
from cognomen.tokens.issuer import all_issuers, is_loopback
from cognomen.tokens.keys import NoKeys, SigningKeys


class NotOurs(Exception):
    """No user pool here issues under its name, to its client."""


class NotGood(Exception):
    """Signed by another, or not an id token."""


class Issued(msgspec.Struct, frozen=True):
    """A token that a pool here may have issued: nothing of it is verified yet. `issuers` are all names of the pool."""

    token: jwt.Unverified
    pool: Pool
    client: Client
    issuers: tuple[str, ...]


async def issued(store: Store, token: jwt.Unverified, public_url: str, base_url: str) -> Issued:
    """Raises NotOurs."""
    client_id, issuer = token.claims.get("aud"), token.claims.get("iss")
    client = await store.clients.find(client_id) if isinstance(client_id, str) else None
    pool = await store.pools.get(client.pool_id) if client else None
    if client is None or pool is None:
        raise NotOurs
    known = all_issuers(pool.settings.issuer, pool.pool_id, pool.region, public_url, base_url)
    if issuer not in known:
        if public_url or not _is_loopback_of(issuer, pool.pool_id):
            raise NotOurs
        known = (*known, str(issuer))
    return Issued(token, pool, client, known)


def _is_loopback_of(issuer: object, pool_id: str) -> bool:
    """Without a `public_url` the pool's own issuer follows the name by which this machine was called, which may have been another at the sign-in."""
    try:
        parts = urlsplit(str(issuer))
        return parts.path == f"/{pool_id}" and not parts.query and not parts.fragment and is_loopback(parts.hostname or "")
    except ValueError:
        return False


async def verified(found: Issued, keys: SigningKeys) -> dict[str, Any]:
    """The claims; their times are the caller's to check. Raises NotGood."""
    try:
        pair = await keys.for_pool(found.pool.pool_id)
        claims = found.token.verified({pair.id_key.kid: pair.id_key.public})
    except (jwt.BadToken, NoKeys) as cause:  # no keys: the pool went away meanwhile
        raise NotGood from cause
    if claims.get("token_use") != "id":
        raise NotGood
    return claims


async def whose(store: Store, pool_id: str, claims: dict[str, Any]) -> tuple[User | None, bool]:
    """The user of a token, and whether their sign-in still counts: its session not revoked, or, where the client's tokens name no session, nobody
    signed them out since."""
    origin_jti = claims.get("origin_jti")
    if origin_jti is not None:
        found: tuple[Session, User] | None = await store.sessions.with_user(pool_id, str(claims["sub"]), str(origin_jti))
        if found is not None and found[0].revoked_at is None:
            return found[1], True
    user = await store.users.by_sub(pool_id, str(claims["sub"]))
    if user is None or origin_jti is not None:
        return user, False
    return user, user.signed_out_at is None or claims["iat"] > user.signed_out_at
