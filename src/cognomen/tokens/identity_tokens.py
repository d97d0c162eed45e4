"""OpenID tokens of identity pools: signed with a key of the pool, for STS and for whoever trusts the pool as a provider.

Form of the live ones (header aside: those are signed with RS512): iss, sub (the identity), aud (the pool), amr, exp, iat and the pool's ARN.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cognomen.kernel.clock import Clock
from cognomen.storage.identity_pools import IdentityPool
from cognomen.storage.store import Store
from cognomen.tokens import jwt
from cognomen.tokens.keys import NoKeys, SigningKeys
from cognomen.tokens.signer import Signer

PROVIDER: Final = "cognito-identity.amazonaws.com"
ISSUER: Final = f"https://{PROVIDER}"
_POOL_ARN: Final = f"{ISSUER}/identity-pool-arn"
# Where STS looks for session tags: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
_TAGS: Final = "https://aws.amazon.com/tags"


class NotOurs(Exception):
    """No identity pool here has issued it."""


class Expired(Exception):
    """It has ended."""


def issuer_of(kind: str, pool_id: str, own: str) -> str:
    """`aws`: the name by which roles' trust policies know identity pools. `self`: an address with a discovery document, for others."""
    return ISSUER if kind == "aws" else f"{own}/{pool_id}"


def discovery(pool_id: str, base: str) -> dict[str, Any]:
    """`/{identityPoolId}/.well-known/openid-configuration`: what AWS's IAM reads of a provider, and whoever else trusts the pool."""
    here = f"{base.rstrip('/')}/{pool_id}"
    return {
        "issuer": here,
        "jwks_uri": f"{here}/.well-known/jwks.json",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def amr(providers: Mapping[str, str]) -> list[str]:
    """`providers`: name -> the name with whom it is, as the live tokens write it. None of them for a guest."""
    if not providers:
        return ["unauthenticated"]
    return ["authenticated", *(text for name, whom in providers.items() for text in (name, whom))]


async def issue(
    keys: SigningKeys,
    signer: Signer,
    clock: Clock,
    pool: IdentityPool,
    *,
    account: str,
    issuer: str,
    identity_id: str,
    methods: list[str],
    seconds: int,
    tags: Mapping[str, str] | None = None,
) -> str:
    """A token of `seconds`. Raises NoKeys when the pool went away meanwhile."""
    key = (await keys.for_pool(pool.pool_id)).id_key
    now = int(clock.now())
    claims: dict[str, Any] = {
        "sub": identity_id,
        "aud": pool.pool_id,
        "amr": methods,
        "iss": issuer,
        _POOL_ARN: f"arn:aws:cognito-identity:{pool.region}:{account}:identitypool/{pool.pool_id}",
        "exp": now + seconds,
        "iat": now,
    }
    if tags:
        claims[_TAGS] = {"principal_tags": {key: [value] for key, value in tags.items()}}
    (token,) = await jwt.begin_signing(signer, (claims, key.kid, key.private)).tokens()
    return token


async def verified(store: Store, keys: SigningKeys, clock: Clock, token: jwt.Unverified, own: str) -> dict[str, Any]:
    """The claims. Raises NotOurs, Expired."""
    pool_id = token.claims.get("aud")
    pool = await store.identity_pools.get(pool_id) if isinstance(pool_id, str) else None
    if pool is None or token.claims.get("iss") not in (ISSUER, f"{own}/{pool.pool_id}"):
        raise NotOurs
    try:
        key = (await keys.for_pool(pool.pool_id)).id_key
        claims = token.verified({key.kid: key.public})
    except (jwt.BadToken, NoKeys) as cause:
        raise NotOurs from cause
    if claims["exp"] <= clock.now():
        raise Expired
    return claims


def tags_of(claims: Mapping[str, Any]) -> dict[str, str]:
    """Principal tags in a token whose signature was verified, of one's own making or another's."""
    found = claims.get(_TAGS)
    tags = found.get("principal_tags") if isinstance(found, dict) else None
    if not isinstance(tags, dict):
        return {}
    return {key: value[0] for key, value in tags.items() if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str)}


def transitive_of(claims: Mapping[str, Any]) -> list[str]:
    """The keys of those tags that pass on to a role which is assumed from the session's."""
    found = claims.get(_TAGS)
    keys = found.get("transitive_tag_keys") if isinstance(found, dict) else None
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []


def context_of(claims: Mapping[str, Any]) -> dict[str, list[str]]:
    """Keys of conditions, by which roles know whom they trust."""
    return {f"{PROVIDER}:aud": [claims["aud"]], f"{PROVIDER}:sub": [claims["sub"]], f"{PROVIDER}:amr": list(claims["amr"])}
