"""Tokens that a role may be assumed with: id tokens of this server's user pools, OpenID tokens of its identity pools, and id tokens of providers
that are registered with IAM.

A user pool is a provider by its issuer without the scheme, as for AWS once it is registered as an OpenID Connect provider; here each pool is
known without being registered.
"""

from __future__ import annotations

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.federation.connector import OIDC, Expected, Refused, Unavailable
from cognomen.tokens import identity_tokens, jwt, pool_tokens
from cognomen.tokens.issuer import own_base

_NO_PROVIDER = "No OpenIDConnect provider found in your account for {}"
_NO_JWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
_NO_KEY = "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements"
_EXPIRED = "Token expired: current date/time must be before the expiration date/time"


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """`federated` is whom trust policies name; `context` the keys of their conditions; `tags` are principal tags in the token."""

    federated: str
    issuer: str
    subject: str
    audience: str
    context: dict[str, list[str]]
    tags: dict[str, str] = {}


async def verified(cx: Context, token: str) -> Login:
    """Raises InvalidIdentityTokenException, ExpiredTokenException, IDPCommunicationErrorException."""
    try:
        read = jwt.read(token)
    except jwt.BadToken as cause:
        raise errors.InvalidIdentityTokenException(_NO_JWT) from cause
    if "aud" not in read.claims:
        raise errors.InvalidIdentityTokenException(_NO_JWT)
    login = await _of_identity_pool(cx, read) or await _of_user_pool(cx, read)
    return login or await _of_registered(cx, token, str(read.claims.get("iss", "")))


async def _of_identity_pool(cx: Context, read: jwt.Unverified) -> Login | None:
    own = own_base(cx.settings.public_url or None, cx.base_url)
    audience = read.claims.get("aud")
    # Only an identity pool's id has a colon.
    if not isinstance(audience, str) or ":" not in audience:
        return None
    try:
        claims = await identity_tokens.verified(cx.store, cx.keys, cx.clock, read, own)
    except identity_tokens.Expired as cause:
        raise errors.ExpiredTokenException(_EXPIRED) from cause
    except identity_tokens.NotOurs as cause:
        if read.claims.get("iss") == identity_tokens.ISSUER:
            raise errors.InvalidIdentityTokenException(_NO_KEY) from cause
        return None
    return Login(
        federated=identity_tokens.PROVIDER,
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        audience=str(claims["aud"]),
        context=identity_tokens.context_of(claims),
        tags=identity_tokens.tags_of(claims),
    )


async def _of_user_pool(cx: Context, read: jwt.Unverified) -> Login | None:
    try:
        found = await pool_tokens.issued(cx.store, read, cx.settings.public_url, cx.base_url)
    except pool_tokens.NotOurs:
        return None
    try:
        claims = await pool_tokens.verified(found, cx.keys)
    except pool_tokens.NotGood as cause:
        raise errors.InvalidIdentityTokenException(_NO_KEY) from cause
    if float(claims["exp"]) <= cx.clock.now():
        raise errors.ExpiredTokenException(_EXPIRED)
    if claims["iss"] == identity_tokens.ISSUER:  # whoever names a pool's issuer by a tag does not become an identity pool by it
        raise errors.InvalidIdentityTokenException(_NO_KEY)
    return _login(str(claims["iss"]), str(claims["sub"]), found.client.client_id)


async def _of_registered(cx: Context, token: str, issuer: str) -> Login:
    name = issuer.partition("://")[2].removesuffix("/")
    provider = await cx.store.openid_providers.get(cx.settings.account, name) if name else None
    if provider is None:
        raise errors.InvalidIdentityTokenException(_NO_PROVIDER.format(issuer[:256]))
    try:
        found = await cx.connectors[OIDC].verify(token, Expected(provider=name, audiences=tuple(provider.client_ids), now=cx.clock.now()))
    except Refused as cause:
        if str(cause).startswith("Token expired"):
            raise errors.ExpiredTokenException(_EXPIRED) from cause
        wrong = "Incorrect token audience" if "audience" in str(cause) else _NO_KEY
        raise errors.InvalidIdentityTokenException(wrong) from cause
    except Unavailable as cause:
        raise errors.IDPCommunicationErrorException("An error occurred when communicating with the identity provider.") from cause
    login = _login(issuer, found.subject, found.audience)
    return msgspec.structs.replace(login, federated=provider.arn, tags=identity_tokens.tags_of(found.claims))


def _login(issuer: str, subject: str, audience: str) -> Login:
    provider = issuer.partition("://")[2]
    return Login(
        federated=provider,
        issuer=issuer,
        subject=subject,
        audience=audience,
        context={f"{provider}:aud": [audience], f"{provider}:sub": [subject]},
    )
