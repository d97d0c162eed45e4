"""The authorization endpoint: a page of ours, a provider, or the app at once, where the browser is signed in already.

https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html
"""

from __future__ import annotations

from urllib.parse import urlencode

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
    if wanted.provider not in (None, _HERE) or (wanted.provider is None and wanted.identifier is not None):
        return await federated.depart(cx, at, wanted)
    if wanted.prompt not in _AFRESH and (answer := await _silently(cx, at, request, wanted)) is not None:
        return answer
    if wanted.prompt == "none":
        raise to_app(wanted.asked, "login_required", None)
    return answers.redirect(f"{at.base}/login?{urlencode(wanted.given)}")


async def _silently(cx: Context, at: Door, request: Request, wanted: Authorization) -> Response | None:
    """The answer for a browser that is signed in already; None where the user must be asked."""
    session_id = cookies.read(cx, at, request)
    found = await browser.present(cx, at.pool, wanted.client, session_id) if session_id else None
    if found is None:
        return None
    try:
        return await entered(cx, at, wanted.asked, await browser.reenter(cx, at.pool, wanted.client, wanted.asked, *found))
    except errors.ServiceError as error:  # a function that refuses tokens
        raise to_app(wanted.asked, "invalid_request", error.message) from error
