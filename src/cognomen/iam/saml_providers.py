"""SAML providers: their metadata, the keys that their assertions may be encrypted for, their tags. Responses are verified where they are used.

Texts: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_saml.html. As at AWS, dates of metadata and certificates do not count.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cognomen.api import errors, iam
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.iam import documents
from cognomen.saml import encryption, metadata
from cognomen.saml.errors import Malformed
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.saml_providers import PrivateKey, SamlProvider

MOST = 100  # providers of an account (reference_iam-quotas.html)
MOST_KEYS = 2
KEY = "saml private key"  # the purpose for which a key is sealed, bound to the provider's ARN
replace = msgspec.structs.replace


@op
async def create_saml_provider(cx: Context, request: iam.CreateSAMLProviderRequest) -> iam.CreateSAMLProviderResponse:
    described = _described(request.saml_metadata_document)
    provider = SamlProvider(
        account=cx.settings.account,
        name=request.name,
        uuid=documents.unique_id("SAMLSP"),
        created_at=cx.clock.now(),
        entity_id=described.entity_id,
        certificates=described.certificates,
        valid_until=described.valid_until,
        encryption=request.assertion_encryption_mode,
        tags=documents.tag_map(request.tags),
    )
    if request.add_private_key is not None:
        provider = replace(provider, private_keys=[_sealed(cx, provider.arn, request.add_private_key)])
    _check_mode(provider)
    try:
        await cx.store.saml_providers.add(provider, request.saml_metadata_document, MOST)
    except Taken as cause:
        if cause.what == "quota":
            raise errors.LimitExceededException(f"Cannot exceed quota for SAMLProvidersPerAccount: {MOST}") from cause
        raise errors.EntityAlreadyExistsException(f"Provider with name {request.name} already exists.") from cause
    return iam.CreateSAMLProviderResponse(saml_provider_arn=provider.arn, tags=documents.tag_list(provider.tags))


@op
async def get_saml_provider(cx: Context, request: iam.GetSAMLProviderRequest) -> iam.GetSAMLProviderResponse:
    provider = await find(cx, request.saml_provider_arn)
    try:
        document = await cx.store.saml_providers.document(provider.account, provider.name)
    except Missing as cause:
        raise gone(request.saml_provider_arn) from cause
    return iam.GetSAMLProviderResponse(
        saml_provider_uuid=provider.uuid,
        saml_metadata_document=document,
        create_date=provider.created_at,
        valid_until=provider.valid_until,
        tags=documents.tag_list(provider.tags),
        assertion_encryption_mode=provider.encryption,
        private_key_list=[iam.SAMLPrivateKey(key_id=key.key_id, timestamp=key.added_at) for key in provider.private_keys] or None,
    )


@op
async def list_saml_providers(cx: Context, request: iam.ListSAMLProvidersRequest) -> iam.ListSAMLProvidersResponse:
    found = await cx.store.saml_providers.list(cx.settings.account)
    listed = [iam.SAMLProviderListEntry(arn=one.arn, valid_until=one.valid_until, create_date=one.created_at) for one in found]
    return iam.ListSAMLProvidersResponse(saml_provider_list=listed)


@op
async def update_saml_provider(cx: Context, request: iam.UpdateSAMLProviderRequest) -> iam.UpdateSAMLProviderResponse:
    """What is not given stays as it is. The key in use is taken away in a request of its own, after the new one was added."""
    document = request.saml_metadata_document
    if (document, request.assertion_encryption_mode, request.add_private_key, request.remove_private_key) == (None, None, None, None):
        raise errors.InvalidInputException(
            "Unable to update identity provider. No updates are defined for metadata or encryption assertion."
        )
    if request.add_private_key is not None and request.remove_private_key is not None:
        raise errors.InvalidInputException(
            "Unable to add and remove private keys in the same request. Set a value for only one of the two parameters."
        )
    described = None if document is None else _described(document)
    added = None if request.add_private_key is None else _sealed(cx, request.saml_provider_arn, request.add_private_key)

    def update(provider: SamlProvider) -> SamlProvider:
        after = replace(
            provider,
            encryption=request.assertion_encryption_mode or provider.encryption,
            private_keys=_keys(provider, added, request.remove_private_key),
        )
        if described is not None:
            after = replace(after, entity_id=described.entity_id, certificates=described.certificates, valid_until=described.valid_until)
        _check_mode(after)
        return after

    await _change(cx, request.saml_provider_arn, update, document)
    return iam.UpdateSAMLProviderResponse(saml_provider_arn=request.saml_provider_arn)


@op
async def delete_saml_provider(cx: Context, request: iam.DeleteSAMLProviderRequest) -> None:
    try:
        await cx.store.saml_providers.remove(cx.settings.account, named(cx, request.saml_provider_arn))
    except Missing as cause:
        raise gone(request.saml_provider_arn) from cause


@op
async def tag_saml_provider(cx: Context, request: iam.TagSAMLProviderRequest) -> None:
    await _change(cx, request.saml_provider_arn, lambda one: replace(one, tags=documents.tag_map(request.tags, one.tags)))


@op
async def untag_saml_provider(cx: Context, request: iam.UntagSAMLProviderRequest) -> None:
    """A key that is not there is no error."""
    keys = {key.lower() for key in request.tag_keys}
    await _change(
        cx,
        request.saml_provider_arn,
        lambda one: replace(one, tags={key: value for key, value in one.tags.items() if key.lower() not in keys}),
    )


@op
async def list_saml_provider_tags(cx: Context, request: iam.ListSAMLProviderTagsRequest) -> iam.ListSAMLProviderTagsResponse:
    provider = await find(cx, request.saml_provider_arn)
    limit, bound = request.max_items or 100, f"ListSAMLProviderTags {provider.uuid}"
    start = documents.after(cx, bound, request.marker)
    found = [tag for tag in documents.tag_list(dict(sorted(provider.tags.items()))) or [] if tag.key > start or not start]
    page, more, marker = documents.cut(cx, bound, found, limit, lambda tag: tag.key)
    return iam.ListSAMLProviderTagsResponse(tags=page, is_truncated=more, marker=marker)


async def find(cx: Context, arn: str) -> SamlProvider:
    """Raises NoSuchEntityException, InvalidInputException."""
    provider = await cx.store.saml_providers.get(cx.settings.account, named(cx, arn))
    if provider is None:
        raise gone(arn)
    return provider


def gone(arn: str) -> errors.NoSuchEntityException:
    return errors.NoSuchEntityException(f"Manifest not found for arn {arn}")


def named(cx: Context, arn: str) -> str:
    """The name in an ARN of this account; of another it names nothing here."""
    begin = f"arn:aws:iam::{cx.settings.account}:saml-provider/"
    if not arn.startswith("arn:") or ":saml-provider/" not in arn:
        raise errors.InvalidInputException(f"Invalid ARN: {arn}")
    return arn.removeprefix(begin) if arn.startswith(begin) else ""


async def _change(cx: Context, arn: str, update: Callable[[SamlProvider], SamlProvider], document: str | None = None) -> None:
    try:
        await cx.store.saml_providers.change(cx.settings.account, named(cx, arn), update, document)
    except Missing as cause:
        raise gone(arn) from cause


def _described(document: str) -> metadata.IdentityProvider:
    try:
        return metadata.read_metadata(document.encode("utf-8", "surrogatepass"))
    except Malformed as cause:
        raise errors.InvalidInputException("Could not parse metadata.") from cause


def _sealed(cx: Context, arn: str, pem: str) -> PrivateKey:
    try:
        encryption.private_key(pem)
    except encryption.BadKey as cause:
        raise errors.InvalidInputException("Invalid private key.") from cause
    return PrivateKey(documents.unique_id("SAMLPK"), cx.clock.now(), cx.sealer.seal_text(KEY, pem.encode(), arn.encode()))


def _keys(provider: SamlProvider, added: PrivateKey | None, removed: str | None) -> list[PrivateKey]:
    if added is not None and len(provider.private_keys) >= MOST_KEYS:
        raise errors.LimitExceededException(f"Private key limit of {MOST_KEYS} is reached.")
    if removed is not None and removed not in [key.key_id for key in provider.private_keys]:
        raise errors.InvalidInputException("Failed to remove private key because the Key ID does not match a private key.")
    return [*(key for key in provider.private_keys if key.key_id != removed), *([added] if added else [])]


def _check_mode(provider: SamlProvider) -> None:
    if provider.encryption == "Required" and not provider.private_keys:
        raise errors.InvalidInputException("Unable to set assertion encryption mode to Required because no private key is provided.")
