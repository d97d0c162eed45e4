"""The page with which a sign-in begins, and what every step of it comes back to: the app, or the next question."""

from __future__ import annotations

from starlette.responses import Response

from cognomen.api import errors
from cognomen.hosted import challenges
from cognomen.hosted.visit import HERE, Visit, takes_own_users
from cognomen.oauth import flow
from cognomen.userpools import browser
from cognomen.userpools.rules import names

_KINDS = {"email": "email", "phone_number": "phone number"}


async def page(
    visit: Visit, *, username: str = "", present: str = "", error: errors.ServiceError | str | None = None, notice: str = ""
) -> Response:
    supported = visit.client.settings.supported_identity_providers or []
    return await visit.show(
        "login.html",
        error=error,
        notice=notice,
        username=username or visit.wanted.login_hint or "",
        present=present,
        named=label(visit),
        own=takes_own_users(visit.client),
        providers=[name for name in supported if name != HERE],
        sign_up=may_sign_up(visit),
    )


async def finished(visit: Visit, outcome: browser.Entered | browser.Challenge) -> Response:
    """Back to the app, or the page of what is asked next."""
    if isinstance(outcome, browser.Entered):
        return await flow.entered(visit.cx, visit.at, visit.wanted.asked, outcome)
    return await challenges.show(visit, outcome)


def label(visit: Visit) -> str:
    """What the name is called that users of this pool sign in with."""
    by = names.username_attributes(visit.pool)
    kinds = [_KINDS[name] for name in (by or names.alias_attributes(visit.pool)) if name in _KINDS]
    text = " or ".join(kinds if by else ["username", *kinds])
    return text.capitalize()


def may_sign_up(visit: Visit) -> bool:
    config = visit.pool.settings.pool.admin_create_user_config
    return takes_own_users(visit.client) and not (config is not None and config.allow_admin_create_user_only)
