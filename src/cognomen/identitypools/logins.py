"""Logins that are verified: by whom a token may be for a pool, whether it is good, and whose it is. The table of kinds is in `_prove`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from cognomen.api import errors, identity
from cognomen.context import Context
from cognomen.federation.connector import GOOGLE, OIDC, SAML, Expected, Refused, Unavailable, Verified, expected_of
from cognomen.identitypools.rules.pool_settings import SOCIAL
from cognomen.storage.identities import Login
from cognomen.storage.identity_pools import IdentityPool
from cognomen.tokens import identity_tokens, jwt, pool_tokens

_DIGEST = "identity login"  # purpose of the keyed digest
# Texts: amazon-cognito-identity-js #7, #12, #40, #91, #371.
UNSUPPORTED = "Token is not from a supported provider of this identity pool."
_INVALID = "Invalid login token. {}"
_WRONG_ISSUER = "Issuer doesn't match providerName"
_UNVERIFIED = "Couldn't verify signed token."
_NO_TOKEN = "Not a valid OpenId Connect identity token."


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """A login that was verified. `provider` is its one name, whichever form the request used; `whom` names the person for `amr`; `mapped` are names
    under which a role mapping or tag map may speak of it, the closest first."""

    provider: str
    login: Login
    whom: str
    claims: Mapping[str, Any]
    mapped: tuple[str, ...]


async def verified(cx: Context, pool: IdentityPool, logins: Mapping[str, str]) -> list[Proven]:
    """All of a request's logins: one bad one refuses the request. Raises NotAuthorizedException, ExternalServiceException,
    ResourceConflictException where two are of one provider."""
    if len(logins) == 1:
        [(name, token)] = logins.items()
        return [await _prove(cx, pool, name, token)]
    proven = list(await asyncio.gather(*(_prove(cx, pool, name, token) for name, token in logins.items())))
    if len({one.provider for one in proven}) < len(proven):
        raise errors.ResourceConflictException("Two logins are of the same provider.")
    return proven


async def _prove(cx: Context, pool: IdentityPool, name: str, token: str) -> Proven:
    configured = pool.settings.pool
    if name == identity_tokens.PROVIDER:
        raise invalid("Can't pass in a Cognito token.")
    application = (configured.supported_login_providers or {}).get(name)
    if application is not None and name in SOCIAL:
        expected = Expected(provider=name, audiences=(application,), now=cx.clock.now())
        return _proven(cx, pool, name, await _asked(cx, name, token, expected), mapped=(name,))
    if name in (configured.saml_provider_arns or []):
        expected = Expected(provider=name, audiences=(), now=cx.clock.now())
        return _proven(cx, pool, name, await _asked(cx, SAML, token, expected), mapped=(name,))
    registered = _registered(configured, name)
    if registered is not None:
        url = registered.partition(":oidc-provider/")[2]
        provider = await cx.store.openid_providers.get(cx.settings.account, url)
        if provider is None or provider.arn != registered:
            raise unsupported()
        # Apps on several platforms register Google (google.html of Cognito's guide), which names itself without a scheme too.
        kind = GOOGLE if url == GOOGLE else OIDC
        found = await _asked(cx, kind, token, expected_of(provider, cx.clock.now()))
        return _proven(cx, pool, url, found, mapped=(url, registered))
    if name in SOCIAL:
        raise unsupported()
    return await _of_user_pool(cx, pool, name, token)


def _registered(configured: identity.IdentityPool, name: str) -> str | None:
    """The ARN of the OpenID Connect provider of this name: its address without the scheme, or its ARN."""
    for arn in configured.open_id_connect_provider_arns or []:
        if name in (arn, arn.partition(":oidc-provider/")[2]):
            return arn
    return None


async def _asked(cx: Context, kind: str, token: str, expected: Expected) -> Verified:
    connector = cx.connectors.get(kind)
    if connector is None:
        raise unsupported()
    try:
        return await connector.verify(token, expected)
    except Refused as cause:
        raise invalid(str(cause)) from cause
    except Unavailable as cause:
        raise errors.NotAuthorizedException(f"{_INVALID.format(_UNVERIFIED)} The provider cannot be asked: {cause}.") from cause


async def _of_user_pool(cx: Context, pool: IdentityPool, name: str, token: str) -> Proven:
    """Id tokens of user pools here, whichever of its issuer's forms the pool and the request name it by."""
    try:
        read = jwt.read(token)
    except jwt.BadToken as cause:
        raise invalid(_NO_TOKEN) if _names_one(pool, name) else unsupported() from cause
    if "aud" not in read.claims:
        raise invalid("Missing a required claim: aud")
    try:
        found = await pool_tokens.issued(cx.store, read, cx.settings.public_url, cx.base_url)
    except pool_tokens.NotOurs as cause:
        issuer = str(read.claims.get("iss", "")).partition("://")[2]
        raise invalid(_WRONG_ISSUER) if issuer != name else unsupported() from cause
    names = [issuer.partition("://")[2] for issuer in found.issuers]
    if name not in names:
        raise invalid(_WRONG_ISSUER)
    entry = _entry(pool, found.client.client_id, names)
    if entry is None:
        raise unsupported()
    try:
        claims = await pool_tokens.verified(found, cx.keys)
    except pool_tokens.NotGood as cause:
        raise invalid(_UNVERIFIED) from cause
    if claims["exp"] <= (now := cx.clock.now()):
        raise invalid(f"Token expired: {int(now)} >= {int(claims['exp'])}")
    if entry.server_side_token_check:
        user, counts = await pool_tokens.whose(cx.store, found.pool.pool_id, claims)
        if user is None or not user.enabled or not counts:
            raise invalid("Token is revoked.")
    # One name for all forms, so that a user has one identity by whichever the app signs in.
    provider = f"cognito-idp.{found.pool.region}.amazonaws.com/{found.pool.pool_id}"
    forms = dict.fromkeys((name, str(entry.provider_name), provider, *names))
    return Proven(
        provider=provider,
        login=_login(cx, pool, provider, claims["sub"]),
        whom=f"{provider}:CognitoSignIn:{claims['sub']}",
        claims=claims,
        mapped=(*(f"{form}:{found.client.client_id}" for form in forms), *forms),
    )


def _names_one(pool: IdentityPool, name: str) -> bool:
    return any(one.provider_name == name for one in pool.settings.pool.cognito_identity_providers or [])


def _entry(pool: IdentityPool, client_id: str, names: list[str]) -> identity.CognitoIdentityProvider | None:
    for one in pool.settings.pool.cognito_identity_providers or []:
        if one.client_id == client_id and one.provider_name in names:
            return one
    return None


def _proven(cx: Context, pool: IdentityPool, provider: str, found: Verified, *, mapped: tuple[str, ...]) -> Proven:
    login = _login(cx, pool, provider, found.subject)
    return Proven(provider=provider, login=login, whom=f"{provider}:{found.subject}", claims=found.claims, mapped=mapped)


def developer(cx: Context, pool: IdentityPool, provider: str, identifier: str) -> Proven:
    """A user of the developer's own, whose word is the signature of the request."""
    made = _login(cx, pool, provider, identifier)
    sealed = cx.sealer.seal("developer identifier", identifier.encode(), pool.pool_id.encode())
    return Proven(
        provider=provider,
        login=msgspec.structs.replace(made, sealed=sealed),
        whom=f"{provider}:{pool.pool_id}:{identifier}",
        claims={"sub": identifier},
        mapped=(provider,),
    )


def identifier_of(cx: Context, pool: IdentityPool, login: Login) -> str:
    return cx.sealer.open("developer identifier", login.sealed or b"", pool.pool_id.encode()).decode()


def _login(cx: Context, pool: IdentityPool, provider: str, subject: str) -> Login:
    return Login(provider, cx.sealer.mac(_DIGEST, pool.pool_id.encode(), provider.encode(), subject.encode("utf-8", "surrogatepass")))


def unsupported() -> errors.NotAuthorizedException:
    return errors.NotAuthorizedException(UNSUPPORTED)


def invalid(why: str) -> errors.NotAuthorizedException:
    return errors.NotAuthorizedException(_INVALID.format(why))
