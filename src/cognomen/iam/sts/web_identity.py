"""Tokens in JWT's form that a role may be assumed with: OpenID tokens of this server's identity pools, id tokens of its user pools, Google's, and
those of providers that are registered with IAM.

A user pool that is registered, by any form of its issuer, is the provider of that ARN, for the clients that are registered with it. One that is not
is known all the same, by its issuer without the scheme.
"""

from __future__ import annotations

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.federation.connector import OIDC, expected_of
from cognomen.iam.sts.built_in import EXPIRED, NO_KEY, WRONG_AUDIENCE, Login, asked, of_google
from cognomen.policies.trust import EVERYBODYS
from cognomen.storage.openid_providers import OpenIdProvider
from cognomen.tokens import identity_tokens, jwt, pool_tokens
from cognomen.tokens.issuer import own_base

_NO_PROVIDER = "No OpenIDConnect provider found in your account for {}"
_NO_JWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"


async def verified(cx: Context, token: str) -> Login:
    """Raises InvalidIdentityTokenException, ExpiredTokenException, IDPCommunicationErrorException."""
    try:
        read = jwt.read(token)
    except jwt.BadToken as cause:
        raise errors.InvalidIdentityTokenException(_NO_JWT) from cause
    if "aud" not in read.claims:
        raise errors.InvalidIdentityTokenException(_NO_JWT)
    issuer = str(read.claims.get("iss", ""))
    login = await _of_identity_pool(cx, read) or await _of_user_pool(cx, read) or await of_google(cx, token, issuer)
    return login or await _of_registered(cx, token, issuer)


async def _of_identity_pool(cx: Context, read: jwt.Unverified) -> Login | None:
    own = own_base(cx.settings.public_url or None, cx.base_url)
    audience = read.claims.get("aud")
    # Only an identity pool's id has a colon.
    if not isinstance(audience, str) or ":" not in audience:
        return None
    try:
        claims = await identity_tokens.verified(cx.store, cx.keys, cx.clock, read, own)
    except identity_tokens.Expired as cause:
        raise errors.ExpiredTokenException(EXPIRED) from cause
    except identity_tokens.NotOurs as cause:
        if read.claims.get("iss") == identity_tokens.ISSUER:
            raise errors.InvalidIdentityTokenException(NO_KEY) from cause
        return None
    return Login(
        federated=(identity_tokens.PROVIDER,),
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
        raise errors.InvalidIdentityTokenException(NO_KEY) from cause
    if float(claims["exp"]) <= cx.clock.now():
        raise errors.ExpiredTokenException(EXPIRED)
    issuer, client_id = str(claims["iss"]), found.client.client_id
    registered = await _registered_as(cx, found.issuers)
    provider = next((one for one in registered if client_id in one.client_ids), None)
    if registered and provider is None:
        raise errors.InvalidIdentityTokenException(WRONG_AUDIENCE)
    if provider is None and _is_anothers(issuer):
        raise errors.InvalidIdentityTokenException(NO_KEY)
    return _login(issuer, str(claims["sub"]), client_id, provider)


async def _registered_as(cx: Context, issuers: tuple[str, ...]) -> list[OpenIdProvider]:
    """The providers under which a pool with these names is registered, in the order of its names."""
    registered = {provider.url: provider for provider in await cx.store.openid_providers.list(cx.settings.account)}
    return [registered[name] for name in map(_name_of, issuers) if name in registered]


def _is_anothers(issuer: str) -> bool:
    """Whoever names a pool's issuer by a tag does not become an identity pool or Google by it, and no provider that has an ARN."""
    name = _name_of(issuer)
    return name in EVERYBODYS or name.startswith("arn:")


async def _of_registered(cx: Context, token: str, issuer: str) -> Login:
    name = _name_of(issuer)
    provider = await cx.store.openid_providers.get(cx.settings.account, name) if name else None
    if provider is None:
        raise errors.InvalidIdentityTokenException(_NO_PROVIDER.format(issuer[:256]))
    found = await asked(cx, OIDC, token, expected_of(provider, cx.clock.now()))
    login = _login(issuer, found.subject, found.audience, provider)
    tags, transitive = identity_tokens.tags_of(found.claims), identity_tokens.transitive_of(found.claims)
    return msgspec.structs.replace(login, tags=tags, transitive=transitive)


def _name_of(issuer: str) -> str:
    """As IAM registers it: without its scheme and the slash at its end, its host in small letters."""
    host, slash, path = issuer.partition("://")[2].partition("/")
    return f"{host.lower()}{slash}{path}".removesuffix("/")


def _login(issuer: str, subject: str, audience: str, provider: OpenIdProvider | None) -> Login:
    """The keys of conditions go by the token's issuer and by the name that was registered: a policy may have been written with either."""
    own = issuer.partition("://")[2]
    names = dict.fromkeys((own, provider.url) if provider else (own,))
    return Login(
        federated=(provider.arn if provider else own,),
        issuer=issuer,
        subject=subject,
        audience=audience,
        context={f"{name}:{key}": [value] for name in names for key, value in (("aud", audience), ("sub", subject))},
    )
