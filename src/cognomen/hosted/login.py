"""The sign-in page: a password, an identity provider, or the account that the browser is signed in with already.

https://docs.aws.amazon.com/cognito/latest/developerguide/login-endpoint.html
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from cognomen.api import errors
from cognomen.hosted import accounts, challenges, views
from cognomen.hosted.forms import Visit
from cognomen.oauth import cookies, flow
from cognomen.storage.sso_sessions import SsoSession
from cognomen.storage.users import User
from cognomen.userpools import browser
from cognomen.userpools.rules import first_factors, recovery

_HERE = "COGNITO"  # among a client's providers: the pool's own users
_LABELS = {"LoginWithAmazon": "Amazon", "SignInWithApple": "Apple"}
_CONTINUE, _CHOOSE = "continue", "choose"


class Provider(msgspec.Struct, frozen=True):
    """A button: `kind` is the provider's, for its look; `icon` the address of a picture."""

    label: str
    kind: str
    link: str
    icon: str | None


async def show(of: Visit, alert: str = "", status: int = 200, *, notice: str = "", username: str | None = None) -> Response:
    here = _signed_in_here(of)
    found = None if of.wanted.prompt == "login" or alert or notice else await _present(of)
    if found is not None:
        return views.show(of, "chooser.html", user=_name_of(of, found[1]), other=of.link("login", prompt="login"))
    text = of.text
    return views.show(
        of,
        "login.html",
        alert=alert,
        notice=notice,
        status=status,
        here=here,
        label=views.name_label(of, text),
        name_type=views.name_type(of),
        username=of.wanted.login_hint or "" if username is None else username,
        providers=await _providers(of),
        may_choose=here and _may_choose(of),
        may_sign_up=here and accounts.may_sign_up(of),
        may_recover=here and not recovery.only_by_admin(of.pool),
    )


async def post(of: Visit, form: Mapping[str, str]) -> Response:
    text = of.text
    if _CONTINUE in form:
        return await _continue(of)
    username, password = form.get("username", "").strip(), form.get("password", "")
    if not _signed_in_here(of):
        return await show(of, text["unavailable"], 400)
    chooses = _CHOOSE in form and _may_choose(of)
    if not username or not (password or chooses):
        return await show(of, text["fill_in"], 400, username=username)
    try:
        if chooses:
            return await challenges.ask(of, await browser.choose(of.cx, of.pool, of.client, of.wanted.asked, username), username)
        return await challenges.outcome(of, await browser.begin(of.cx, of.pool, of.client, of.wanted.asked, username, password), username)
    except errors.UserNotConfirmedException as error:
        return await accounts.confirm(of, error.message, 400, username=username)
    except errors.PasswordResetRequiredException as error:
        return await accounts.reset(of, error.message, 400, username=username)
    except errors.ServiceError as error:
        return await show(of, error.message, views.status_of(error), username=username)


async def _continue(of: Visit) -> Response:
    found = await _present(of) if of.wanted.prompt != "login" else None  # the app wants the user proved anew, whatever the form says
    if found is None:
        return await show(of)
    try:
        inside = await browser.reenter(of.cx, of.pool, of.client, of.wanted.asked, *found)
    except errors.ServiceError as error:  # a function that refuses tokens
        return await show(of, error.message, views.status_of(error))
    return await flow.entered(of.cx, of.at, of.wanted.asked, inside)


async def _present(of: Visit) -> tuple[SsoSession, User] | None:
    here = cookies.read(of.cx, of.at, of.request)
    if here is None:
        return None
    return await browser.present(of.cx, of.pool, of.client, here.session_id, here.provider, here.password)


def _signed_in_here(of: Visit) -> bool:
    return _HERE in (of.client.settings.supported_identity_providers or [])


def _may_choose(of: Visit) -> bool:
    """Choice-based sign-in: where the client allows it and the pool has more than passwords, as in managed login."""
    allowed = "ALLOW_USER_AUTH" in (of.client.settings.explicit_auth_flows or [])
    return allowed and first_factors.allowed(of.pool) != [first_factors.PASSWORD]


def _name_of(of: Visit, user: User) -> str:
    present = user.attributes
    return present.get("preferred_username") or present.get("email") or present.get("phone_number") or user.username


async def _providers(of: Visit) -> list[Provider]:
    """In the order of the client's list."""
    found = []
    for name in of.client.settings.supported_identity_providers or []:
        provider = None if name == _HERE else await of.cx.store.identity_providers.get(of.pool.pool_id, name)
        if provider is not None:
            link = of.link("oauth2/authorize", identity_provider=name, idp_identifier=None)
            found.append(Provider(_LABELS.get(name, name), provider.kind, link, of.look.icons.get(name)))
    return found
