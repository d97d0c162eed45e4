"""What a request to make or change an identity pool asks for, complete and checked. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from cognomen.api import errors, identity

UpdateTags = Callable[[dict[str, str]], dict[str, str]]
CUSTOM_ID = "_custom_id_"
# https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_CreateIdentityPool.html, SupportedLoginProviders
SOCIAL = frozenset(
    ("graph.facebook.com", "accounts.google.com", "www.amazon.com", "api.twitter.com", "www.digits.com", "appleid.apple.com")
)
_POOL_ID = re.compile(r"[\w-]{1,18}:[0-9a-f-]{1,36}", re.ASCII)
_USER_POOL = re.compile(r"[\w.:-]+(?:/[\w.:-]+)*/[\w-]+_[0-9A-Za-z]+|[\w.-]+(?::[0-9]+)?(?:/[\w.:-]+)*", re.ASCII)
_OIDC = re.compile(r"arn:aws[\w-]*:iam::[0-9]{12}:oidc-provider/.+", re.ASCII | re.DOTALL)
_SAML = re.compile(r"arn:aws[\w-]*:iam::[0-9]{12}:saml-provider/[\w._-]{1,128}", re.ASCII)
_MOST_TAGS = 50


def pinned_id(tags: Mapping[str, str] | None) -> str | None:
    """The id that a new pool is to have, where a tag names one. Raises InvalidParameterException."""
    pinned = (tags or {}).get(CUSTOM_ID)
    if pinned is not None and not _POOL_ID.fullmatch(pinned):
        raise errors.InvalidParameterException(
            f"The tag {CUSTOM_ID} must be an identity pool id, such as us-east-1:12345678-abcd-4cde-8f00-123456789012."
        )
    return pinned


def created(pool_id: str, request: identity.CreateIdentityPoolInput) -> identity.IdentityPool:
    """Raises InvalidParameterException."""
    pool = identity.IdentityPool(
        identity_pool_id=pool_id,
        identity_pool_name=request.identity_pool_name,
        allow_unauthenticated_identities=request.allow_unauthenticated_identities,
        allow_classic_flow=request.allow_classic_flow,
        supported_login_providers=request.supported_login_providers or None,
        developer_provider_name=request.developer_provider_name,
        open_id_connect_provider_arns=request.open_id_connect_provider_arns or None,
        cognito_identity_providers=_providers(request.cognito_identity_providers),
        saml_provider_arns=request.saml_provider_arns or None,
        identity_pool_tags=request.identity_pool_tags or {},
    )
    _check(pool)
    return pool


def updated(present: identity.IdentityPool, asked: identity.IdentityPool) -> identity.IdentityPool:
    """What is left out goes back to its default, but for tags, which have operations of their own, and the developer provider's name, which can
    be given once. Raises InvalidParameterException."""
    if present.developer_provider_name and asked.developer_provider_name not in (None, present.developer_provider_name):
        raise errors.InvalidParameterException("DeveloperProviderName cannot be changed once it is set.")
    pool = msgspec.structs.replace(
        asked,
        supported_login_providers=asked.supported_login_providers or None,
        developer_provider_name=asked.developer_provider_name or present.developer_provider_name,
        open_id_connect_provider_arns=asked.open_id_connect_provider_arns or None,
        cognito_identity_providers=_providers(asked.cognito_identity_providers),
        saml_provider_arns=asked.saml_provider_arns or None,
        identity_pool_tags=(present.identity_pool_tags or {}) if asked.identity_pool_tags is None else asked.identity_pool_tags,
    )
    _check(pool)
    return pool


def providers(pool: identity.IdentityPool) -> set[str]:
    """Every name under which role mappings and tag maps may speak of the pool's providers."""
    return {
        *(pool.supported_login_providers or {}),
        *(str(one.provider_name) for one in pool.cognito_identity_providers or []),
        *(pool.open_id_connect_provider_arns or []),
        *(arn.partition("oidc-provider/")[2] for arn in pool.open_id_connect_provider_arns or []),
        *(pool.saml_provider_arns or []),
        *([pool.developer_provider_name] if pool.developer_provider_name else []),
    }


def check_tags(tags: Mapping[str, str]) -> None:
    """Raises InvalidParameterException."""
    if any(key.lower().startswith("aws:") for key in tags):
        raise errors.InvalidParameterException("Tag keys must not begin with aws:, which is reserved.")
    if len(tags) > _MOST_TAGS:
        raise errors.InvalidParameterException(f"Number of tags exceeds the limit of {_MOST_TAGS}.")


def _providers(asked: list[identity.CognitoIdentityProvider] | None) -> list[identity.CognitoIdentityProvider] | None:
    """ServerSideTokenCheck is shown even where it was not given, as Terraform expects."""
    if not asked:
        return None
    return [msgspec.structs.replace(one, server_side_token_check=bool(one.server_side_token_check)) for one in asked]


def _check(pool: identity.IdentityPool) -> None:
    check_tags(pool.identity_pool_tags or {})
    unknown = sorted(set(pool.supported_login_providers or {}) - SOCIAL)
    if unknown:
        raise errors.InvalidParameterException(f"{unknown[0]} is not a supported login provider.")
    if pool.developer_provider_name in SOCIAL:
        raise errors.InvalidParameterException("DeveloperProviderName is the name of a public provider.")
    for arns, form, kind in (
        (pool.open_id_connect_provider_arns, _OIDC, "OpenID Connect provider"),
        (pool.saml_provider_arns, _SAML, "SAML provider"),
    ):
        wrong = next((arn for arn in arns or [] if not form.fullmatch(arn)), None)
        if wrong is not None:
            raise errors.InvalidParameterException(f"Invalid {kind} ARN: {wrong}")
        if len(set(arns or [])) < len(arns or []):
            raise errors.InvalidParameterException(f"The same {kind} is named twice.")
    seen = set()
    for provider in pool.cognito_identity_providers or []:
        if not provider.provider_name or not provider.client_id or not _USER_POOL.fullmatch(provider.provider_name):
            raise errors.InvalidParameterException("Invalid Cognito Identity Provider")
        seen.add((provider.provider_name, provider.client_id))
    if len(seen) < len(pool.cognito_identity_providers or []):
        raise errors.InvalidParameterException("The same Cognito Identity Provider is named twice.")
