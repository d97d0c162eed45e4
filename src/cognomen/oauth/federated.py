"""The way to an identity provider and back. What must be remembered meanwhile is in a cookie of the browser that left, sealed: whoever comes back in
another browser, or twice, comes back to nothing (RFC 6749, 10.12).

A provider that answers by POST from its own site (SAML, Apple) is without that cookie, which browsers keep from such requests: the answer goes
through a page of ours first, which posts it again from here.
https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-identity-federation.html
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cognomen.api import errors
from cognomen.context import Context
from cognomen.kernel.secrets import Unsealable
from cognomen.oauth import answers, checks, cookies, parameters
from cognomen.oauth.checks import Authorization
from cognomen.oauth.doors import Door
from cognomen.oauth.errors import Again, ToApp, ToPage
from cognomen.oauth.flow import entered, to_app
from cognomen.storage.identity_providers import IdentityProvider
from cognomen.userpools import browser
from cognomen.userpools.federation import sign_in

SAML_PATH, OAUTH_PATH = "/saml2/idpresponse", "/oauth2/idpresponse"
_PURPOSE = "federated sign-in"
_SECONDS = 600  # that a user may stay with a provider
_MOST = 1 << 20  # bytes of a SAML response in its form
_LONGEST = 4_000  # characters of a cookie, which browsers end at 4,096 bytes
_AGAIN = "again"


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    given: dict[str, str]
    provider: str
    state: str
    trip: dict[str, str]
    until: float


async def depart(cx: Context, at: Door, wanted: Authorization) -> Response:
    """To the provider that the request names. Raises ToApp."""
    provider = await _wanted(cx, at, wanted)
    state = secrets.token_urlsafe(24)
    try:
        departure = await sign_in.depart(
            cx,
            at.pool,
            wanted.client,
            provider.name,
            callback=_callback(at, provider),
            state=state,
            login_hint=wanted.login_hint,
            lang=wanted.lang,
            acr_values=wanted.acr_values,
            fresh=wanted.prompt in ("login", "select_account"),
        )
    except errors.ServiceError as error:
        raise to_app(wanted.asked, "invalid_request", error.message) from error
    except sign_in.FederationError as error:
        raise to_app(wanted.asked, error.code, error.text) from error
    kept = _Kept(given=dict(wanted.given), provider=provider.name, state=state, trip=dict(departure.kept), until=cx.clock.now() + _SECONDS)
    sealed = cx.sealer.seal_text(_PURPOSE, msgspec.json.encode(kept), at.pool.pool_id.encode())
    if len(sealed) > _LONGEST:
        raise to_app(wanted.asked, "invalid_request", "The request is too long for a sign-in through an identity provider.")
    response = answers.redirect(departure.url)
    cookies.put(at, response, _name(at, state), sealed, _SECONDS)
    return response


async def arrive_by_get(cx: Context, at: Door, request: Request) -> Response:
    return await _arrive(cx, at, request, parameters.of_query(request))


async def arrive_by_post(cx: Context, at: Door, request: Request) -> Response:
    """Raises Again where the browser has kept its cookie to itself."""
    given = await parameters.of_form(request, _MOST)
    again = given.pop(_AGAIN, None)
    if again is None and request.headers.get("sec-fetch-site") != "same-origin" and not _cookie(at, request, given):
        raise Again({**given, _AGAIN: "1"})
    return await _arrive(cx, at, request, given)


async def _arrive(cx: Context, at: Door, request: Request, returned: Mapping[str, str]) -> Response:
    kept = _opened(cx, at, _cookie(at, request, returned))
    if kept is None:
        given, provider_name, trip, state = await _begun_there(returned)
    else:
        given, provider_name, trip, state = kept.given, kept.provider, kept.trip, kept.state
    wanted = await checks.authorization(cx, at, given)
    try:
        response = await _enter(cx, at, wanted, provider_name, returned, trip)
    except ToApp as error:
        response = answers.refused(error)
    if state:
        cookies.drop(at, response, _name(at, state))
    return response


async def _enter(
    cx: Context, at: Door, wanted: Authorization, provider_name: str, returned: Mapping[str, str], trip: Mapping[str, str]
) -> Response:
    provider = await cx.store.identity_providers.get(at.pool.pool_id, provider_name)
    if provider is None:
        raise to_app(wanted.asked, "invalid_request", "The identity provider does not exist.")
    try:
        arrival = await sign_in.arrival(cx, at.pool, wanted.client, provider.name, returned, trip, callback=_callback(at, provider))
        inside = await browser.enter(cx, at.pool, wanted.client, wanted.asked, arrival.user, provider.name, level=arrival.level)
    except sign_in.FederationError as error:
        raise to_app(wanted.asked, error.code, error.text) from error
    except errors.ServiceError as error:  # a function refused, or the user may not sign in
        raise to_app(wanted.asked, "invalid_request", error.message) from error
    return await entered(cx, at, wanted.asked, inside)


async def _wanted(cx: Context, at: Door, wanted: Authorization) -> IdentityProvider:
    found = None
    if wanted.provider is not None:
        found = await cx.store.identity_providers.get(at.pool.pool_id, wanted.provider)
    elif wanted.identifier is not None:
        found = await sign_in.identified(cx, at.pool, wanted.identifier)
    if found is None:
        raise to_app(wanted.asked, "invalid_request", "The identity provider does not exist.")
    return found


async def _begun_there(returned: Mapping[str, str]) -> tuple[dict[str, str], str, dict[str, str], str]:
    """A SAML sign-in that the provider began: its RelayState is the authorization request. Whether it may is the provider's IDPInit.

    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-SAML-session-initiation.html
    """
    relay = returned.get("RelayState", "")
    given = dict(parse_qsl(relay, max_num_fields=16)) if "SAMLResponse" in returned and relay.count("&") < 16 else {}
    if "identity_provider" not in given:
        raise ToPage("invalid_request", "The sign-in was not begun in this browser, or too long ago.")
    return given, given["identity_provider"], {}, ""


def _callback(at: Door, provider: IdentityProvider) -> str:
    return at.base + (SAML_PATH if provider.kind == "SAML" else OAUTH_PATH)


def _cookie(at: Door, request: Request, returned: Mapping[str, str]) -> str:
    state = returned.get("RelayState" if "SAMLResponse" in returned else "state", "")
    return request.cookies.get(_name(at, state), "") if state.isascii() and state.isprintable() else ""


def _name(at: Door, state: str) -> str:
    return f"{cookies.name(at, 'trip')}-{state[:12]}"


def _opened(cx: Context, at: Door, sealed: str) -> _Kept | None:
    try:
        kept = msgspec.json.decode(cx.sealer.open_text(_PURPOSE, sealed, at.pool.pool_id.encode()), type=_Kept)
    except (Unsealable, msgspec.DecodeError):
        return None
    return kept if cx.clock.now() < kept.until else None
