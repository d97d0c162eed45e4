"""Identity providers of a pool: made, shown, changed, listed, deleted. Sign-in through them is in `federation/`.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-identity-provider.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import paging
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.identity_providers import FederationKey, IdentityProvider
from cognomen.storage.pools import Pool
from cognomen.userpools import find, pages
from cognomen.userpools.federation import keys, registered
from cognomen.userpools.rules import attribute_mapping, provider_details
from cognomen.userpools.rules.provider_details import APPLE, OIDC, SAML, is_on

_MOST = 1000  # AWS's quota, adjustable up to this (quotas of user pools)
_MOST_LISTED = 50  # of the answer's list, by the model; MaxResults goes up to 60


@op
async def create_identity_provider(cx: Context, request: idp.CreateIdentityProviderRequest) -> idp.CreateIdentityProviderResponse:
    """The provider's document is read at once, so that a wrong address is found here and not by the first user."""
    pool = await find.pool(cx, request.user_pool_id)
    wanted = _wanted(cx, pool, request.provider_name, request.provider_type, request.provider_details, request)
    wanted, key = await _with_document(cx, wanted)
    await _add(cx, wanted, key)
    return idp.CreateIdentityProviderResponse(identity_provider=await shown(cx, wanted))


def _wanted(
    cx: Context,
    pool: Pool,
    name: str,
    kind: str,
    details: Mapping[str, str],
    request: idp.CreateIdentityProviderRequest | idp.IdentityProviderType,
) -> IdentityProvider:
    """What is to be kept, checked but for the provider's document. Raises InvalidParameterException."""
    provider_details.check_name(name, kind)
    clear, sealed = _details(cx, pool.pool_id, name, kind, details)
    now = cx.clock.now()
    return IdentityProvider(
        pool_id=pool.pool_id,
        name=name,
        kind=kind,
        created_at=now,
        modified_at=now,
        details=clear,
        mapping=attribute_mapping.checked(kind, request.attribute_mapping, pool.settings.pool.schema_attributes or []),
        identifiers=list(request.idp_identifiers or []),
        acr=_acr(kind, request.acr_mapping),
        sealed=sealed,
    )


def _details(cx: Context, pool_id: str, name: str, kind: str, given: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
    details = provider_details.checked(kind, given)
    if kind == APPLE:
        from cognomen.federation.upstream import apple

        try:
            apple.private_key(details["private_key"])
        except apple.BadKey as cause:
            raise errors.InvalidParameterException("The value of private_key in ProviderDetails is not valid.") from cause
    return registered.sealed(cx, pool_id, name, kind, details)


def _acr(kind: str, given: Mapping[str, str] | None) -> dict[str, str]:
    if given and kind != OIDC:
        raise errors.InvalidParameterException("AcrMapping is only supported for providers of type OIDC.")
    return dict(given or {})


async def _with_document(cx: Context, wanted: IdentityProvider) -> tuple[IdentityProvider, FederationKey | None]:
    """With what its document says, and the key for which it is to encrypt. Raises InvalidParameterException."""
    try:
        facts = await registered.read(cx, wanted.kind, wanted.details)
    except registered.Documents as error:
        raise errors.InvalidParameterException(f"{_source(wanted)}: {error}.") from error
    return msgspec.structs.replace(wanted, facts=facts, facts_at=cx.clock.now()), await _key(cx, wanted)


def _source(wanted: IdentityProvider) -> str:
    if wanted.kind == SAML:
        return "The provider's metadata cannot be used"
    return "Unable to contact well-known endpoint"


async def _key(cx: Context, wanted: IdentityProvider) -> FederationKey | None:
    encrypted = wanted.kind == SAML and is_on(wanted.details, "EncryptedResponses")
    return await keys.make(cx, wanted.pool_id, wanted.name) if encrypted else None


async def _add(cx: Context, wanted: IdentityProvider, key: FederationKey | None) -> None:
    try:
        await cx.store.identity_providers.add(wanted, _MOST, key)
    except Missing as cause:
        raise errors.ResourceNotFoundException(f"User pool {wanted.pool_id} does not exist.") from cause
    except Taken as cause:
        if cause.what == "quota":
            raise errors.LimitExceededException(f"A user pool can have {_MOST} identity providers.") from cause
        if cause.what == "identifier":
            raise errors.DuplicateProviderException("One of the IdpIdentifiers belongs to another identity provider.") from cause
        raise errors.DuplicateProviderException(f"A provider with the name {wanted.name} already exists.") from cause


async def put(cx: Context, pool: Pool, given: idp.IdentityProviderType) -> None:
    """A provider as another pool showed it, made or replaced. Its document is read with the first sign-in: its address need not answer now.
    Raises InvalidParameterException, and what CreateIdentityProvider raises."""
    name = given.provider_name or ""
    wanted = _wanted(cx, pool, name, given.provider_type or "", given.provider_details or {}, given)
    if "MetadataFile" in wanted.details:
        wanted, key = await _with_document(cx, wanted)
    else:
        key = await _key(cx, wanted)
    if await cx.store.identity_providers.get(pool.pool_id, name) is None:
        await _add(cx, wanted, key)
        return

    def update(present: IdentityProvider) -> IdentityProvider:
        if present.kind != wanted.kind:
            raise errors.InvalidParameterException(f"Provider {name} cannot be of type {wanted.kind}.")
        return msgspec.structs.replace(wanted, created_at=present.created_at)

    await _change(cx, pool.pool_id, name, update, key)


@op
async def describe_identity_provider(cx: Context, request: idp.DescribeIdentityProviderRequest) -> idp.DescribeIdentityProviderResponse:
    provider = await existing(cx, request.user_pool_id, request.provider_name)
    return idp.DescribeIdentityProviderResponse(identity_provider=await shown(cx, provider))


@op
async def get_identity_provider_by_identifier(
    cx: Context, request: idp.GetIdentityProviderByIdentifierRequest
) -> idp.GetIdentityProviderByIdentifierResponse:
    pool = await find.pool(cx, request.user_pool_id)
    provider = await cx.store.identity_providers.by_identifier(pool.pool_id, request.idp_identifier)
    if provider is None:
        raise errors.ResourceNotFoundException(f"Identity provider with the identifier {request.idp_identifier} does not exist.")
    return idp.GetIdentityProviderByIdentifierResponse(identity_provider=await shown(cx, provider))


async def existing(cx: Context, pool_id: str, name: str) -> IdentityProvider:
    """Raises ResourceNotFoundException."""
    pool = await find.pool(cx, pool_id)
    found = await cx.store.identity_providers.get(pool.pool_id, name)
    if found is None:
        raise no_provider(name)
    return found


def no_provider(name: str) -> errors.ResourceNotFoundException:
    return errors.ResourceNotFoundException(f"Identity provider {name} does not exist.")


@op
async def update_identity_provider(cx: Context, request: idp.UpdateIdentityProviderRequest) -> idp.UpdateIdentityProviderResponse:
    """What the request leaves out stays; a member that it gives is given whole."""
    pool = await find.pool(cx, request.user_pool_id)
    before = await existing(cx, pool.pool_id, request.provider_name)
    changes: dict[str, Any] = {"modified_at": cx.clock.now()}
    key: FederationKey | None = None
    if request.provider_details is not None:
        clear, sealed = _details(cx, pool.pool_id, before.name, before.kind, request.provider_details)
        read, key = await _with_document(cx, msgspec.structs.replace(before, details=clear))
        changes |= {"details": clear, "sealed": sealed, "facts": read.facts, "facts_at": read.facts_at}
    if request.attribute_mapping is not None:
        attributes = pool.settings.pool.schema_attributes or []
        changes["mapping"] = attribute_mapping.checked(before.kind, request.attribute_mapping, attributes)
    if request.idp_identifiers is not None:
        changes["identifiers"] = list(request.idp_identifiers)
    if request.acr_mapping is not None:
        changes["acr"] = _acr(before.kind, request.acr_mapping)

    def update(present: IdentityProvider) -> IdentityProvider:
        return msgspec.structs.replace(present, **changes)

    after = await _change(cx, pool.pool_id, before.name, update, key)
    return idp.UpdateIdentityProviderResponse(identity_provider=await shown(cx, after))


async def _change(cx: Context, pool_id: str, name: str, update: Any, key: FederationKey | None) -> IdentityProvider:
    try:
        return await cx.store.identity_providers.change(pool_id, name, update, key)
    except Missing as cause:
        raise no_provider(name) from cause
    except Taken as cause:
        raise errors.InvalidParameterException("One of the IdpIdentifiers belongs to another identity provider.") from cause


@op
async def delete_identity_provider(cx: Context, request: idp.DeleteIdentityProviderRequest) -> None:
    """Who signed in through it stays, and signs in again once a provider of this name is there. Clients name it no more."""
    pool = await find.pool(cx, request.user_pool_id)
    try:
        await cx.store.identity_providers.remove(pool.pool_id, request.provider_name)
    except Missing as cause:
        raise no_provider(request.provider_name) from cause


@op
async def list_identity_providers(cx: Context, request: idp.ListIdentityProvidersRequest) -> idp.ListIdentityProvidersResponse:
    pool = await find.pool(cx, request.user_pool_id)
    bound = paging.bound("ListIdentityProviders", pool.pool_id)
    after = pages.position(cx, bound, request.next_token)
    limit = min(request.max_results or _MOST_LISTED, _MOST_LISTED)
    found = await cx.store.identity_providers.page(pool.pool_id, after[0] if after else "", limit + 1)
    return idp.ListIdentityProvidersResponse(
        providers=[
            idp.ProviderDescription(
                provider_name=one.name, provider_type=one.kind, last_modified_date=one.modified_at, creation_date=one.created_at
            )
            for one in found[:limit]
        ],
        next_token=cx.pager.token(bound, [found[limit - 1].name]) if len(found) > limit else None,
    )


@op
async def get_signing_certificate(cx: Context, request: idp.GetSigningCertificateRequest) -> idp.GetSigningCertificateResponse:
    pool = await find.pool(cx, request.user_pool_id)
    return idp.GetSigningCertificateResponse(certificate=keys.shown(await keys.signing(cx, pool.pool_id)))


async def shown(cx: Context, provider: IdentityProvider) -> idp.IdentityProviderType:
    """As AWS shows one to its administrators: with the client's secret, without Apple's private key."""
    details = registered.complete(cx, provider)
    details.pop("private_key", None)
    if provider.kind == SAML:
        details |= {
            name: str(provider.facts[fact])
            for name, fact in (("SSORedirectBindingURI", "sso_redirect"), ("SLORedirectBindingURI", "slo_redirect"))
            if provider.facts.get(fact)
        }
        key = await cx.store.identity_providers.key(provider.pool_id, provider.name)
        if key is not None:
            details["ActiveEncryptionCertificate"] = keys.shown(key)
    return idp.IdentityProviderType(
        user_pool_id=provider.pool_id,
        provider_name=provider.name,
        provider_type=provider.kind,
        provider_details=details,
        attribute_mapping=provider.mapping,
        idp_identifiers=provider.identifiers,
        acr_mapping=provider.acr or None,
        last_modified_date=provider.modified_at,
        creation_date=provider.created_at,
    )
