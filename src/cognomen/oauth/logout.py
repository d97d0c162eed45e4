"""The logout endpoint: the browser's single sign-on session ends, and the browser goes to one of the client's own addresses.

https://docs.aws.amazon.com/cognito/latest/developerguide/logout-endpoint.html
"""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from cognomen.context import Context
from cognomen.oauth import answers, checks, cookies, parameters
from cognomen.oauth.doors import Door
from cognomen.oauth.errors import ToPage
from cognomen.userpools import browser


async def logout(cx: Context, at: Door, request: Request) -> Response:
    """To `logout_uri`, one of the client's LogoutURLs; or, with `redirect_uri` and `response_type`, to the login page of another user. Nothing is
    ended for a request that is not good: an address in a picture's source would else sign users out."""
    given = parameters.of_query(request)
    client = await cx.store.clients.get(at.pool.pool_id, given.get("client_id", ""))
    if client is None:
        raise ToPage("invalid_request", "App client does not exist.")
    if "logout_uri" in given:
        target = given["logout_uri"]
        if target not in (client.settings.logout_urls or []):
            raise ToPage("redirect_mismatch", "The logout URI is not one of the app client's sign-out URLs.")
    else:
        wanted = await checks.authorization(cx, at, given)
        target = f"{at.base}/login?{urlencode(wanted.given)}"
    remembered = cookies.read(cx, at, request)
    if remembered is not None:
        await browser.leave(cx, at.pool, remembered.session_id)
    response = answers.redirect(target)
    cookies.drop(at, response, cookies.name(at))
    return response
