"""Tokens that a role may be assumed with: id tokens of the user pools of this server.

A user pool is a provider by its issuer without the scheme, as for AWS once it is registered as an OpenID Connect provider; here each pool is
known without being registered. Identity pools and other providers come with the verification of their tokens (the port is `Login`).
"""

from __future__ import annotations

import re

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.tokens import jwt
from cognomen.tokens.issuer import all_issuers

_POOL = re.compile(r".*/([\w-]+_[0-9A-Za-z]+)", re.ASCII)
_NO_PROVIDER = "No OpenIDConnect provider found in your account for {}"


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """`provider` is what trust policies name: `Federated` of the principal; `context` the keys of their conditions."""

    provider: str
    issuer: str
    subject: str
    audience: str
    context: dict[str, list[str]]


async def verified(cx: Context, token: str) -> Login:
    """Raises InvalidIdentityTokenException, ExpiredTokenException."""
    try:
        read = jwt.read(token)
    except jwt.BadToken as cause:
        raise errors.InvalidIdentityTokenException(
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
        ) from cause
    issuer = str(read.claims.get("iss", ""))
    found = _POOL.fullmatch(issuer)
    pool = await cx.store.pools.get(found[1]) if found else None
    known = all_issuers(pool.settings.issuer, pool.pool_id, pool.region, cx.settings.public_url, cx.base_url) if pool else ()
    if pool is None or issuer not in known:
        raise errors.InvalidIdentityTokenException(_NO_PROVIDER.format(issuer[:256]))
    keys = await cx.keys.for_pool(pool.pool_id)
    try:
        claims = read.verified({keys.id_key.kid: keys.id_key.public})
    except jwt.BadToken as cause:
        raise errors.InvalidIdentityTokenException(
            "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements"
        ) from cause
    if claims.get("token_use") != "id":
        raise errors.InvalidIdentityTokenException(
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
        )
    if float(claims["exp"]) <= cx.clock.now():
        raise errors.ExpiredTokenException("Token expired: current date/time must be before the expiration date/time")
    client = await cx.store.clients.get(pool.pool_id, str(claims["aud"]))
    if client is None:
        raise errors.InvalidIdentityTokenException("Incorrect token audience")
    provider = issuer.partition("://")[2]
    subject, audience = str(claims["sub"]), str(claims["aud"])
    return Login(
        provider=provider,
        issuer=issuer,
        subject=subject,
        audience=audience,
        context={f"{provider}:aud": [audience], f"{provider}:sub": [subject]},
    )
