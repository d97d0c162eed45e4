"""What every way to sign a browser in ends with: back to the app, with what it asked for or with the reason why not."""

from __future__ import annotations

from starlette.responses import Response

from cognomen.context import Context
from cognomen.oauth import answers, cookies
from cognomen.oauth.doors import Door
from cognomen.oauth.errors import ToApp
from cognomen.userpools.authorization import Asked
from cognomen.userpools.browser import Entered


async def entered(cx: Context, at: Door, asked: Asked, user_is: Entered) -> Response:
    """The browser goes back to the app, and remembers who is signed in."""
    response = answers.to_app(asked.redirect_uri, user_is.granted)
    if user_is.sso_session is not None:
        cookies.give(cx, at, response, cookies.Remembered(user_is.sso_session, user_is.provider, user_is.password))
    return response


def to_app(asked: Asked, code: str, description: str | None) -> ToApp:
    return ToApp(code, description, redirect_uri=asked.redirect_uri, state=asked.state, in_fragment=asked.response_type == "token")
