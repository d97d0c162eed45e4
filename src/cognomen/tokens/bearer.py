"""Tokens of user pools that whoever stands before another service accepts: signature, issuer, time, use and revocation."""

from __future__ import annotations

from typing import Any

import msgspec

from cognomen.kernel.clock import Clock
from cognomen.storage.store import Store
from cognomen.tokens import jwt, pool_tokens
from cognomen.tokens.issuer import all_issuers
from cognomen.tokens.keys import NoKeys, SigningKeys


class Invalid(Exception):
    """No token of these pools, or one that counts no more."""


class Expired(Exception):
    """It was one, once."""


class Bearer(msgspec.Struct, frozen=True):
    """`claims` are verified. `username` is empty for a token without a user."""

    pool_id: str
    client_id: str
    username: str
    claims: dict[str, Any]


async def verified(store: Store, keys: SigningKeys, clock: Clock, token: str, *, uses: tuple[str, ...], own_url: str) -> Bearer:
    """`uses` are access, id or both; `own_url` is how this server is called in the issuers of its pools. Raises Invalid, Expired."""
    try:
        read = jwt.read(token)
        client = await store.clients.find(str(read.claims.get("client_id") or read.claims.get("aud")))
        pool = await store.pools.get(client.pool_id) if client is not None else None
        if client is None or pool is None:
            raise Invalid("no client of this server")
        pair = await keys.for_pool(pool.pool_id)
        use = read.claims.get("token_use")
        key = pair.id_key if use == "id" else pair.access_key
        claims = read.verified({key.kid: key.public})
    except (jwt.BadToken, NoKeys) as cause:
        raise Invalid("not signed by a pool of this server") from cause
    named = claims.get("aud") if use == "id" else claims.get("client_id")
    if use not in uses or named != client.client_id:
        raise Invalid("not for this use")
    issuer = str(claims.get("iss", ""))
    known = all_issuers(pool.settings.issuer, pool.pool_id, pool.region, own_url or None, own_url or issuer)
    if issuer not in known:
        raise Invalid("another issuer")
    if float(claims["exp"]) <= clock.now():
        raise Expired
    username = await _whose(store, pool.pool_id, client.client_id, claims)
    return Bearer(pool.pool_id, client.client_id, username, claims)


async def _whose(store: Store, pool_id: str, client_id: str, claims: dict[str, Any]) -> str:
    """As the operations have it that take an access token: the session lives, and the user may sign in."""
    if str(claims.get("sub")) == client_id:
        return ""  # a client's own token: there is no user whose it could be
    user, counts = await pool_tokens.whose(store, pool_id, claims)
    if user is None or not counts:
        raise Invalid("revoked")
    if not user.enabled:
        raise Invalid("disabled")
    return user.username
