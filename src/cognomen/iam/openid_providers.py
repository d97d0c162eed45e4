"""OpenID Connect providers whose tokens the account trusts. Their tokens are verified, and their thumbprints looked at, where they are used, not here.

Unlike AWS nothing is fetched from a provider that is registered without thumbprints: the list stays empty.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from cognomen.api import errors, iam
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.iam import documents
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.openid_providers import OpenIdProvider

MOST = 100  # providers of an account, and audiences of a provider (reference_iam-quotas.html)
replace = msgspec.structs.replace


@op
async def create_open_id_connect_provider(
    cx: Context, request: iam.CreateOpenIDConnectProviderRequest
) -> iam.CreateOpenIDConnectProviderResponse:
    provider = OpenIdProvider(
        account=cx.settings.account,
        url=_url(request.url),
        created_at=cx.clock.now(),
        client_ids=_audiences(list(dict.fromkeys(request.client_id_list or []))),
        thumbprints=_thumbprints(request.thumbprint_list or []),
        tags=documents.tag_map(request.tags),
    )
    try:
        await cx.store.openid_providers.add(provider, MOST)
    except Taken as cause:
        if cause.what == "quota":
            raise errors.LimitExceededException(f"Cannot exceed quota for OpenIdConnectProvidersPerAccount: {MOST}") from cause
        raise errors.EntityAlreadyExistsException(f"Provider with url {request.url} already exists.") from cause
    return iam.CreateOpenIDConnectProviderResponse(open_id_connect_provider_arn=provider.arn, tags=documents.tag_list(provider.tags))


@op
async def get_open_id_connect_provider(cx: Context, request: iam.GetOpenIDConnectProviderRequest) -> iam.GetOpenIDConnectProviderResponse:
    arn = request.open_id_connect_provider_arn
    provider = await cx.store.openid_providers.get(cx.settings.account, _named(cx, arn))
    if provider is None:
        raise gone(arn)
    return iam.GetOpenIDConnectProviderResponse(
        url=provider.url,
        client_id_list=provider.client_ids,
        thumbprint_list=provider.thumbprints,
        create_date=provider.created_at,
        tags=documents.tag_list(provider.tags),
    )


@op
async def list_open_id_connect_providers(
    cx: Context, request: iam.ListOpenIDConnectProvidersRequest
) -> iam.ListOpenIDConnectProvidersResponse:
    found = await cx.store.openid_providers.list(cx.settings.account)
    listed = [iam.OpenIDConnectProviderListEntry(arn=provider.arn) for provider in found]
    return iam.ListOpenIDConnectProvidersResponse(open_id_connect_provider_list=listed)


@op
async def delete_open_id_connect_provider(cx: Context, request: iam.DeleteOpenIDConnectProviderRequest) -> None:
    arn = request.open_id_connect_provider_arn
    try:
        await cx.store.openid_providers.remove(cx.settings.account, _named(cx, arn))
    except Missing as cause:
        raise gone(arn) from cause


@op
async def update_open_id_connect_provider_thumbprint(cx: Context, request: iam.UpdateOpenIDConnectProviderThumbprintRequest) -> None:
    thumbprints = _thumbprints(request.thumbprint_list)
    await _change(cx, request.open_id_connect_provider_arn, lambda provider: replace(provider, thumbprints=thumbprints))


@op
async def add_client_id_to_open_id_connect_provider(cx: Context, request: iam.AddClientIDToOpenIDConnectProviderRequest) -> None:
    """One that is there is no error."""

    def update(provider: OpenIdProvider) -> OpenIdProvider:
        return replace(provider, client_ids=_audiences(list(dict.fromkeys([*provider.client_ids, request.client_id]))))

    await _change(cx, request.open_id_connect_provider_arn, update)


@op
async def remove_client_id_from_open_id_connect_provider(cx: Context, request: iam.RemoveClientIDFromOpenIDConnectProviderRequest) -> None:
    """One that is not there is no error."""

    def update(provider: OpenIdProvider) -> OpenIdProvider:
        return replace(provider, client_ids=[one for one in provider.client_ids if one != request.client_id])

    await _change(cx, request.open_id_connect_provider_arn, update)


def gone(arn: str) -> errors.NoSuchEntityException:
    return errors.NoSuchEntityException(f"OpenIDConnect Provider not found for arn {arn}")


async def _change(cx: Context, arn: str, update: Callable[[OpenIdProvider], OpenIdProvider]) -> None:
    try:
        await cx.store.openid_providers.change(cx.settings.account, _named(cx, arn), update)
    except Missing as cause:
        raise gone(arn) from cause


def _url(given: str) -> str:
    """Without its scheme. https alone, without query, fragment or user; plain http is for providers on this machine."""
    try:
        parts = urlsplit(given)
        local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
        bad = (
            not parts.hostname
            or "@" in parts.netloc
            or "?" in given
            or "#" in given
            or not (parts.scheme == "https" or local)
            or "//" in parts.path
        )
    except ValueError as cause:
        raise errors.InvalidInputException("Invalid Open ID Connect Provider URL") from cause
    if bad or any(character.isspace() for character in given):
        raise errors.InvalidInputException("Invalid Open ID Connect Provider URL")
    return f"{parts.netloc.lower()}{parts.path.removesuffix('/')}"


def _named(cx: Context, arn: str) -> str:
    """The URL in an ARN of this account; of another it names nothing here."""
    begin = f"arn:aws:iam::{cx.settings.account}:oidc-provider/"
    if not arn.startswith("arn:") or ":oidc-provider/" not in arn:
        raise errors.InvalidInputException(f"Invalid ARN: {arn}")
    return arn.removeprefix(begin) if arn.startswith(begin) else ""


def _thumbprints(given: list[str]) -> list[str]:
    if len(given) > 5:
        raise errors.InvalidInputException("Thumbprint list must contain fewer than 5 entries.")
    return given


def _audiences(given: list[str]) -> list[str]:
    if len(given) > MOST:
        raise errors.LimitExceededException(f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {MOST}")
    return given
