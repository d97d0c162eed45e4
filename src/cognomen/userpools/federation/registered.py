"""A pool's provider as federation/upstream takes it: its secrets opened, AWS's own details filled in, its documents read and kept up to date."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cognomen.context import Context
from cognomen.federation.connector import Refused, Unavailable
from cognomen.federation.upstream import documents
from cognomen.federation.upstream.documents import BadDocument
from cognomen.federation.upstream.port import Registered
from cognomen.kernel.log import get_logger
from cognomen.storage.errors import Missing
from cognomen.storage.identity_providers import IdentityProvider
from cognomen.userpools.federation import keys
from cognomen.userpools.rules.attribute_mapping import USERNAME
from cognomen.userpools.rules.provider_details import ADDRESSES, KINDS, OIDC, SAML, is_on

log = get_logger("federation")
_PURPOSE = "identity provider"
_FRESH = 6 * 3600.0  # seconds after which a document is read again, as AWS reads metadata
_AGAIN = 300.0  # after a failure
Documents = (Refused, Unavailable, BadDocument)


def sealed(cx: Context, pool_id: str, name: str, kind: str, details: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
    """The details that may be kept in the clear, and the others, sealed to the provider."""
    secret = {key: value for key, value in details.items() if key in KINDS[kind].secret}
    clear = {key: value for key, value in details.items() if key not in secret}
    return clear, cx.sealer.seal(_PURPOSE, msgspec.json.encode(secret), f"{pool_id}/{name}".encode())


def opened(cx: Context, provider: IdentityProvider) -> dict[str, str]:
    """All of the details that were given."""
    clear = cx.sealer.open(_PURPOSE, provider.sealed, f"{provider.pool_id}/{provider.name}".encode())
    return {**provider.details, **msgspec.json.decode(clear, type=dict[str, str])}


def complete(cx: Context, provider: IdentityProvider) -> dict[str, str]:
    """The details with what AWS fills in and what the provider's document says; secret ones too."""
    found = {name: provider.facts[name] for name in ADDRESSES if name in provider.facts}
    given = opened(cx, provider)
    return {**found, **given, **cx.upstreams.filled(provider.kind, given)}


async def read(cx: Context, kind: str, details: Mapping[str, str]) -> dict[str, Any]:
    """What the provider's document says; {} where none is needed. Raises Refused, Unavailable, BadDocument."""
    calls = cx.upstreams.calls
    if kind == SAML:
        if "MetadataFile" in details:
            return documents.described(details["MetadataFile"].encode(), calls)
        return await documents.published(calls, details["MetadataURL"])
    if kind == OIDC:
        for name in ADDRESSES:
            if name in details and not calls.may_ask(details[name]):
                raise BadDocument(f"{name} is not an https address")
        if not _discovers(details):
            return {}
        return await documents.discovered(calls, details["oidc_issuer"])
    return {}


def _discovers(details: Mapping[str, str]) -> bool:
    return not all(name in details for name in ("authorize_url", "token_url", "jwks_uri"))


async def fresh(cx: Context, provider: IdentityProvider) -> IdentityProvider:
    """The provider with what its document says now, or said when it could be read last. Raises Refused, Unavailable, BadDocument where it could
    never be read."""
    by_document = "MetadataURL" in provider.details or (provider.kind == OIDC and _discovers(provider.details))
    now = cx.clock.now()
    if not by_document or (provider.facts and now < _stale_at(provider)):
        return provider
    try:
        facts, at = await read(cx, provider.kind, provider.details), now
    except Documents as error:
        if not provider.facts:
            raise
        log.warning("a provider's document could not be read again", pool_id=provider.pool_id, provider=provider.name, reason=str(error))
        # Without its end, which may have passed: it is tried again after a while, not by each sign-in.
        facts, at = {name: fact for name, fact in provider.facts.items() if name != "valid_until"}, now - _FRESH + _AGAIN

    def update(present: IdentityProvider) -> IdentityProvider:
        if present.details != provider.details:
            return present  # changed meanwhile: what was read is of another
        return msgspec.structs.replace(present, facts=facts, facts_at=at)

    try:
        return await cx.store.identity_providers.change(provider.pool_id, provider.name, update)
    except Missing:
        return msgspec.structs.replace(provider, facts=facts)


def _stale_at(provider: IdentityProvider) -> float:
    until = provider.facts.get("valid_until")
    stale = provider.facts_at + _FRESH
    return stale if until is None else max(min(stale, float(until)), provider.facts_at + _AGAIN)


async def registered(cx: Context, provider: IdentityProvider) -> Registered:
    """Raises Refused, Unavailable, BadDocument, as `fresh`."""
    present = await fresh(cx, provider)
    details = complete(cx, present)
    signs = present.kind == SAML and "RequestSigningAlgorithm" in details
    encrypted = present.kind == SAML and is_on(details, "EncryptedResponses")
    return Registered(
        pool_id=present.pool_id,
        name=present.name,
        kind=present.kind,
        details={**details, **cx.upstreams.keys_at(present.kind)},
        facts=_facts(present),
        claims=tuple(claim for name, claim in present.mapping.items() if name != USERNAME),
        entity_id=entity_id(present.pool_id),
        signing_key=keys.opened(cx, await keys.signing(cx, present.pool_id)) if signs else None,
        encryption_key=keys.opened(cx, await keys.encryption(cx, present.pool_id, present.name)) if encrypted else None,
    )


def _facts(provider: IdentityProvider) -> dict[str, Any]:
    """Google names itself in two ways: https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken"""
    return {"issuers": ["accounts.google.com"], "pkce": True} if provider.kind == "Google" else provider.facts


def entity_id(pool_id: str) -> str:
    """The pool's name at SAML providers."""
    return f"urn:amazon:cognito:sp:{pool_id}"
