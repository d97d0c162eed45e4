"""Sign-in through an identity provider: `depart` says where the browser goes, `arrival` who came back.

The first sign-in makes a profile: InboundFederation, PreSignUp, the profile, PostConfirmation. Every later one updates it: InboundFederation,
PreAuthentication, the attributes, PostAuthentication. Tokens, and the function that is asked before them, are the edge's.
https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html#lambda-triggers-for-federated-users
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.federation.upstream.port import Declined, Departure, Told, Trip
from cognomen.kernel.log import get_logger
from cognomen.storage.clients import Client
from cognomen.storage.identity_providers import IdentityProvider
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools.federation import arrivals, registered
from cognomen.userpools.federation.failure import FederationError
from cognomen.userpools.hooks import federation as hooks
from cognomen.userpools.rules import acr, attribute_mapping
from cognomen.userpools.rules.provider_details import SAML, is_on

__all__ = ["Arrival", "Departure", "FederationError", "arrival", "depart", "identified"]

log = get_logger("federation")
_STATE = "state"
_MARK = "federation assertion"


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in, and the level of the pool's four that the provider's `acr` stands for: None where the provider maps none."""

    user: User
    level: int | None = None
    first: bool = False


async def identified(cx: Context, pool: Pool, identifier: str) -> IdentityProvider | None:
    """The provider that an `idp_identifier` names: itself, or the domain of the email address that it is."""
    providers = cx.store.identity_providers
    found = await providers.by_identifier(pool.pool_id, identifier)
    domain = identifier.rpartition("@")[2] if "@" in identifier else ""
    return found or (await providers.by_identifier(pool.pool_id, domain) if domain else None)


async def supported(cx: Context, pool: Pool, client: Client, name: str) -> IdentityProvider:
    """Raises ResourceNotFoundException, InvalidParameterException."""
    found = await cx.store.identity_providers.get(pool.pool_id, name)
    if found is None:
        raise errors.ResourceNotFoundException(f"Identity provider {name} does not exist.")
    if name not in (client.settings.supported_identity_providers or []):
        raise errors.InvalidParameterException(f"Identity provider {name} is not supported by the client.")
    return found


async def depart(
    cx: Context,
    pool: Pool,
    client: Client,
    provider_name: str,
    *,
    callback: str,
    state: str,
    login_hint: str | None = None,
    lang: str | None = None,
    acr_values: str = "",
    fresh: bool = False,
) -> Departure:
    """Where the browser goes. `acr_values` are the pool's own names of levels; `fresh` asks the provider to prove the user anew. Raises
    ResourceNotFoundException, InvalidParameterException, and FederationError where the provider's document cannot be read."""
    provider = await supported(cx, pool, client, provider_name)
    trip = Trip(
        callback=callback,
        state=state,
        now=cx.clock.now(),
        login_hint=login_hint or "",
        lang=lang or "",
        acr=" ".join(dict.fromkeys(value for level in acr.wanted(pool, acr_values) if (value := provider.acr.get(f"Level{level}")))),
        fresh=fresh,
    )
    try:
        there = await registered.registered(cx, provider)
        departure = await cx.upstreams.of(provider.kind).leave(there, trip)
    except registered.Documents as error:
        raise _failure(provider, str(error)) from error
    return Departure(departure.url, {**departure.kept, _STATE: state})


async def arrival(
    cx: Context,
    pool: Pool,
    client: Client,
    provider_name: str,
    returned: Mapping[str, str],
    kept: Mapping[str, str],
    *,
    callback: str,
) -> Arrival:
    """The signed-in user, kept and up to date. `returned` are the callback's parameters, `kept` what the departure kept; empty where the provider
    began (IDPInit). Raises FederationError, and what functions raise."""
    try:
        provider = await supported(cx, pool, client, provider_name)
    except errors.ServiceError as error:
        raise FederationError(error.message, "invalid_request") from error
    _check_state(provider, returned, kept)
    told = await _told(cx, provider, returned, kept, callback)
    if told.assertion_id:
        await _use(cx, pool, told)
    subject = arrivals.checked_subject(pool, provider, told.subject)
    said = hooks.Said(
        provider_name=provider.name,
        provider_type=_type(provider),
        token_response=told.token_response,
        id_token=told.id_token,
        user_info=told.user_info,
        saml_response=None if told.saml_response is None else attribute_mapping.texts(told.saml_response),
    )
    original = attribute_mapping.texts(told.claims)
    username = arrivals.username(pool, provider, subject)
    claims = await hooks.inbound(cx, pool, client.client_id, username, said, original)
    mapped = attribute_mapping.mapped(provider.mapping, claims)
    user, first = await arrivals.settle(cx, pool, client, provider, subject, told.issuer, mapped)
    return Arrival(user=user, level=_level(provider, told), first=first)


def _type(provider: IdentityProvider) -> Any:
    return provider.kind  # one of AWS's names, as CreateIdentityProvider checked it


def _check_state(provider: IdentityProvider, returned: Mapping[str, str], kept: Mapping[str, str]) -> None:
    """The edge has found `kept` by the browser and the state; that both fit is asked here again. Raises FederationError."""
    saml = provider.kind == SAML
    if not kept and saml and is_on(provider.details, "IDPInit"):
        return
    given, expected = returned.get("RelayState" if saml else "state", ""), kept.get(_STATE, "")
    if not expected or not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace")):
        text = "Invalid samlResponse or relayState from identity provider" if saml else "Invalid state from identity provider"
        raise FederationError(text, "invalid_request")


async def _told(cx: Context, provider: IdentityProvider, returned: Mapping[str, str], kept: Mapping[str, str], callback: str) -> Told:
    trip = Trip(callback=callback, state="", now=cx.clock.now())
    try:
        there = await registered.registered(cx, provider)
        return await cx.upstreams.of(provider.kind).take(there, returned, kept, trip)
    except Declined as error:
        log.info("a provider sent a user back with an error", pool_id=provider.pool_id, provider=provider.name, reason=error.code)
        raise FederationError(error.description or error.code, error.code) from error
    except registered.Documents as error:
        raise _failure(provider, str(error)) from error


def _failure(provider: IdentityProvider, reason: str) -> FederationError:
    log.warning("a sign-in through a provider failed", pool_id=provider.pool_id, provider=provider.name, reason=reason)
    if provider.kind == SAML:
        return FederationError(f"Invalid SAML response received: {reason}.")
    return FederationError(f"Exception processing authorization code: {reason}.")


async def _use(cx: Context, pool: Pool, told: Told) -> None:
    """An assertion is taken once, whatever becomes of the sign-in. Raises FederationError."""
    mark = cx.sealer.mac(_MARK, told.issuer.encode(), told.assertion_id.encode())
    if not await cx.store.write(lambda tx: cx.store.used_marks.add(tx, pool.pool_id, mark, told.until)):
        raise FederationError("Invalid SAML response received: the assertion was used before.")


def _level(provider: IdentityProvider, told: Told) -> int | None:
    """ "When the IdP returns an ACR value that isn't mapped, Amazon Cognito resolves it to the lowest level" (AcrMapping)."""
    if not provider.acr:
        return None
    value = (told.id_token or {}).get("acr")
    if not isinstance(value, str):
        return 1
    return next((number for number in range(4, 0, -1) if provider.acr.get(f"Level{number}") == value), 1)
