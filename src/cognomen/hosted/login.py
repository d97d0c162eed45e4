"""The sign-in page, and what it asks after the password. The machine decides; a page shows what it asked and brings the answer.

https://docs.aws.amazon.com/cognito/latest/developerguide/login-endpoint.html
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from cognomen.api import errors
from cognomen.hosted import accounts, challenges, entrance
from cognomen.hosted.visit import Visit, takes_own_users
from cognomen.oauth import cookies
from cognomen.oauth.errors import ToPage
from cognomen.storage.users import User
from cognomen.userpools import browser


async def show(visit: Visit) -> Response:
    """GET. Who is signed in may go on, as this user or another."""
    _refuse_without_providers(visit)
    present = await _present(visit)
    return await entrance.page(visit, present=present.username if present is not None else "")


async def post(visit: Visit) -> Response:
    """A name and a password, the answer to a challenge, or "go on" of who is signed in."""
    given = await visit.form()
    _refuse_without_providers(visit)
    if "continue" in given:
        return await _go_on(visit)
    if "challenge" in given:
        return await challenges.post(visit, given, entrance.finished, again=entrance.page)
    return await _sign_in(visit, given)


async def _sign_in(visit: Visit, given: Mapping[str, str]) -> Response:
    if not takes_own_users(visit.client):
        raise ToPage("invalid_request", "Users of this app sign in through an identity provider.")
    username, password = given.get("username", "").strip(), given.get("password", "")
    if not username or not password:
        return await entrance.page(visit, username=username, error="Enter your name and your password.")
    try:
        await visit.charge("InitiateAuth")
        outcome = await browser.begin(visit.cx, visit.pool, visit.client, visit.wanted.asked, username, password)
    except errors.UserNotConfirmedException:
        return await accounts.ask_code(visit, username)
    except errors.PasswordResetRequiredException as error:
        return await accounts.send_reset(visit, username, error)
    except errors.ServiceError as error:
        return await entrance.page(visit, username=username, error=error)
    return await entrance.finished(visit, outcome)


async def _go_on(visit: Visit) -> Response:
    session_id = cookies.read(visit.cx, visit.at, visit.request)
    found = await browser.present(visit.cx, visit.pool, visit.client, session_id) if session_id else None
    if found is None:
        return await entrance.page(visit, error="You are signed in no more.")
    try:
        return await entrance.finished(visit, await browser.reenter(visit.cx, visit.pool, visit.client, visit.wanted.asked, *found))
    except errors.ServiceError as error:
        return await entrance.page(visit, error=error)


async def _present(visit: Visit) -> User | None:
    session_id = cookies.read(visit.cx, visit.at, visit.request)
    if session_id is None or visit.wanted.prompt == "login":
        return None
    found = await browser.present(visit.cx, visit.pool, visit.client, session_id)
    return found[1] if found is not None else None


def _refuse_without_providers(visit: Visit) -> None:
    """As AWS: a client has pages once it says who may sign in through them."""
    if not visit.client.settings.supported_identity_providers:
        raise ToPage(
            "invalid_request",
            "Login pages unavailable: the app client names nobody in SupportedIdentityProviders. COGNITO are the pool's own users.",
        )
