"""The authorization endpoint: a page of ours, a provider, or the app at once, where the browser is signed in already.

https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html
"""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cognomen.api import errors
from cognomen.context import Context
from cognomen.oauth import answers, checks, cookies, federated, parameters
from cognomen.oauth.checks import Authorization
from cognomen.oauth.doors import Door
from cognomen.oauth.flow import entered, to_app
from cognomen.userpools import browser

_AFRESH = frozenset(("login", "select_account"))
_HERE = "COGNITO"  # as identity_provider: the pool's own users


async def authorize(cx: Context, at: Door, request: Request) -> Response:
    wanted = await checks.authorization(cx, at, parameters.of_query(request))
    provider = wanted.provider or (_only_provider(wanted) if wanted.identifier is None else None)
    through_provider = wanted.identifier is not None if provider is None else provider != _HERE
    # Who names a provider wants its word, now; who wants nobody asked is content with what is known here.
    if wanted.prompt not in _AFRESH and (wanted.prompt == "none" or not through_provider):
        answer = await _silently(cx, at, request, wanted)
        if answer is not None:
            return answer
        if wanted.prompt == "none":
            raise to_app(wanted.asked, "login_required", None)
    if through_provider:
        return await federated.depart(cx, at, msgspec.structs.replace(wanted, provider=provider))
    return answers.redirect(f"{at.base}/login?{urlencode(wanted.given)}")


def _only_provider(wanted: Authorization) -> str | None:
    """Where a client's users come through one provider and no other way, there is nothing to choose on a page."""
    supported = wanted.client.settings.supported_identity_providers or []
    return supported[0] if len(supported) == 1 and supported[0] != _HERE else None


async def _silently(cx: Context, at: Door, request: Request, wanted: Authorization) -> Response | None:
    """The answer for a browser that is signed in already; None where the user must be asked. Who names a provider means nobody of another."""
    here = cookies.read(cx, at, request)
    if here is None or wanted.provider not in (None, here.provider):
        return None
    found = await browser.present(cx, at.pool, wanted.client, here.session_id, here.provider, here.password)
    if found is None:
        return None
    try:
        return await entered(cx, at, wanted.asked, await browser.reenter(cx, at.pool, wanted.client, wanted.asked, *found))
    except errors.ServiceError as error:  # a function that refuses tokens
        raise to_app(wanted.asked, "invalid_request", error.message) from error
