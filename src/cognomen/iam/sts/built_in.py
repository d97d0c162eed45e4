"""Providers that STS knows without being told: Google by its id tokens, Facebook and Amazon by access tokens that they alone can judge. For which
application a token is, the role's trust policy says by the keys of its conditions
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif).
"""

from __future__ import annotations

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.federation.connector import Expected, Refused, Unavailable, Verified
from cognomen.policies.trust import AMAZON, FACEBOOK, GOOGLE

NO_KEY = "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements"
EXPIRED = "Token expired: current date/time must be before the expiration date/time"
WRONG_AUDIENCE = "Incorrect token audience"
# Of each, the names of its user and its application.
_KEYS = {FACEBOOK: ("id", "app_id"), AMAZON: ("user_id", "app_id")}


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """`federated` are the names under which trust policies may know the provider; `context` the keys of their conditions; `tags` are principal tags in
    the token, `transitive` the keys of those that pass on."""

    federated: tuple[str, ...]
    issuer: str
    subject: str
    audience: str
    context: dict[str, list[str]]
    tags: dict[str, str] = {}
    transitive: list[str] = []


async def by_access_token(cx: Context, provider: str, token: str) -> Login:
    """Raises ValidationException, InvalidIdentityTokenException, IDPCommunicationErrorException."""
    if provider not in _KEYS:
        raise errors.ValidationException(f"ProviderId must be {AMAZON} or {FACEBOOK}; it is for OAuth 2.0 access tokens alone.")
    found = await asked(cx, provider, token, Expected(provider=provider, audiences=None, now=cx.clock.now()))
    user, application = _KEYS[provider]
    return Login(
        federated=(provider,),
        issuer=provider,
        subject=found.subject,
        audience=found.audience,
        context={f"{provider}:{user}": [found.subject], f"{provider}:{application}": [found.audience]},
    )


async def of_google(cx: Context, token: str, issuer: str) -> Login | None:
    """None for another's. `aud` is the application that asked for the token (`azp`), `oaud` the one that it is for: an app on a phone asks for
    tokens for its server. Google that is registered besides is known by its ARN too, for the clients that are registered."""
    if issuer not in (GOOGLE, f"https://{GOOGLE}"):
        return None
    found = await asked(cx, GOOGLE, token, Expected(provider=GOOGLE, audiences=None, now=cx.clock.now()))
    presenter = found.claims.get("azp")
    audience = presenter if isinstance(presenter, str) and presenter else found.audience
    registered = await cx.store.openid_providers.get(cx.settings.account, GOOGLE)
    arns = (registered.arn,) if registered is not None and found.audience in registered.client_ids else ()
    return Login(
        federated=(GOOGLE, *arns),
        issuer=issuer,
        subject=found.subject,
        audience=audience,
        context={f"{GOOGLE}:aud": [audience], f"{GOOGLE}:oaud": [found.audience], f"{GOOGLE}:sub": [found.subject]},
    )


async def asked(cx: Context, kind: str, token: str, expected: Expected) -> Verified:
    """What the provider's connector makes of a token. Raises InvalidIdentityTokenException, ExpiredTokenException, IDPCommunicationErrorException."""
    try:
        return await cx.connectors[kind].verify(token, expected)
    except Refused as cause:
        if str(cause).startswith("Token expired"):
            raise errors.ExpiredTokenException(EXPIRED) from cause
        raise errors.InvalidIdentityTokenException(WRONG_AUDIENCE if "audience" in str(cause) else NO_KEY) from cause
    except Unavailable as cause:
        raise errors.IDPCommunicationErrorException("An error occurred when communicating with the identity provider.") from cause
