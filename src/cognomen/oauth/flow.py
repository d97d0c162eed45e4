"""From an authorization request to its answer: a page, a provider, or the app at once. Each step of the pages comes back to `entered`.

https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html
"""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from cognomen.api import errors
from cognomen.context import Context
from cognomen.oauth import answers, checks, cookies, parameters
from cognomen.oauth.checks import Authorization
from cognomen.oauth.doors import Door
from cognomen.oauth.errors import ToApp
from cognomen.userpools import browser
from cognomen.userpools.authorization import Asked
from cognomen.userpools.browser import Entered

_AFRESH = frozenset(("login", "select_account"))


async def authorize(cx: Context, at: Door, request: Request) -> Response:
    wanted = await checks.authorization(cx, at, parameters.of_query(request))
    if wanted.prompt not in _AFRESH and (answer := await _silently(cx, at, request, wanted)) is not None:
        return answer
    if wanted.prompt == "none":
        raise to_app(wanted.asked, "login_required", None)
    return answers.redirect(f"{at.base}/login?{urlencode(wanted.given)}")


async def entered(cx: Context, at: Door, asked: Asked, user_is: Entered) -> Response:
    """The browser goes back to the app, and remembers who is signed in."""
    response = answers.to_app(asked.redirect_uri, user_is.granted)
    if user_is.sso_session is not None:
        cookies.give(cx, at, response, user_is.sso_session)
    return response


def to_app(asked: Asked, code: str, description: str | None) -> ToApp:
    return ToApp(code, description, redirect_uri=asked.redirect_uri, state=asked.state, in_fragment=asked.response_type == "token")


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
