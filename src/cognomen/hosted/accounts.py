"""Accounts: sign-up and its code, a forgotten password and its code. Each page asks the operation that an app would.

https://docs.aws.amazon.com/cognito/latest/developerguide/managed-login-endpoints.html
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from cognomen.api import errors
from cognomen.hosted import calls, challenges, fields, views
from cognomen.hosted.forms import Anew, NotOurs, Visit
from cognomen.userpools import browser
from cognomen.userpools.auth import sign_up_session
from cognomen.userpools.rules import names, permissions, recovery, schema

_TERMS = ("terms-of-use", "privacy-policy")
_DEFAULT = "cognito:default"


class _NewAccount(msgspec.Struct, frozen=True):
    """`session` is SignUp's, good until `until` (epoch seconds)."""

    username: str
    session: str
    until: float


def may_sign_up(of: Visit) -> bool:
    made_by_admin = of.pool.settings.pool.admin_create_user_config
    local = "COGNITO" in (of.client.settings.supported_identity_providers or [])
    return local and not (made_by_admin is not None and made_by_admin.allow_admin_create_user_only)


async def show_sign_up(of: Visit, alert: str = "", status: int = 200, *, given: Mapping[str, str] | None = None) -> Response:
    text = of.text
    if not may_sign_up(of):
        raise Anew(alert or "SignUp is not permitted for this user pool", 400)
    known = given or {}
    return views.show(
        of,
        "signup.html",
        alert=alert,
        status=status,
        label=_own_name(of, text),
        name_type=views.name_type(of),
        username=known.get("username", of.wanted.login_hint or ""),
        fields=[fields.named(text, name, required, known) for name, required in _wanted(of)],
        rules=views.password_rules(of, text),
        terms=await _terms(of),
    )


async def sign_up(of: Visit, form: Mapping[str, str]) -> Response:
    text = of.text
    username, password = form.get("username", "").strip(), form.get("password", "")
    if not may_sign_up(of):
        return await show_sign_up(of)
    if not username or not password:
        return await show_sign_up(of, text["fill_in"], 400, given=form)
    offered = {name for name, _ in _wanted(of)}
    given = [{"Name": name, "Value": value.strip()} for name, value in fields.attributes(form).items() if name in offered]
    try:
        made = await calls.of_client(of, "SignUp", username, Password=password, UserAttributes=given)
    except errors.ServiceError as error:
        return await show_sign_up(of, error.message, views.status_of(error), given=form)
    if made.user_confirmed:
        try:
            return await challenges.outcome(
                of, await browser.begin(of.cx, of.pool, of.client, of.wanted.asked, username, password), username
            )
        except errors.ServiceError as error:
            raise Anew(error.message, views.status_of(error), username=username) from error
    if made.code_delivery_details is None:
        raise Anew(notice=text["no_code"], username=username)
    state = await _new_account(of, username, made.user_sub)
    return await confirm(of, username=username, to=made.code_delivery_details.destination or "", state=state)


async def _new_account(of: Visit, username: str, sub: str) -> str:
    """For the form that takes the code: what lets the new user in once it is right, as managed login does; else the password is asked for again."""
    user = await of.cx.store.users.by_sub(of.pool.pool_id, sub)
    if user is None or of.pool.settings.pool.mfa_configuration == "ON":  # a code alone is not enough there
        return ""
    until = of.cx.clock.now() + 60.0 * (of.client.settings.auth_session_validity or 3)
    return of.seal(_NewAccount(username, sign_up_session.begun(of.cx, of.pool, of.client, user), until))


async def confirm(
    of: Visit, alert: str = "", status: int = 200, *, notice: str = "", username: str = "", to: str = "", state: str = ""
) -> Response:
    label = _own_name(of, of.text)
    return views.show(of, "confirm.html", alert=alert, notice=notice, status=status, label=label, username=username, to=to, state=state)


async def post_confirm(of: Visit, form: Mapping[str, str]) -> Response:
    username, state = form.get("username", "").strip(), form.get("state", "")
    new = _opened(of, state, username)
    session = new.session if new is not None and of.cx.clock.now() < new.until else None
    try:
        code = form.get("code", "").strip()
        done = await calls.of_client(of, "ConfirmSignUp", username, ConfirmationCode=code, Session=session)
    except errors.ServiceError as error:
        return await confirm(of, error.message, views.status_of(error), username=username, state=state)
    if done.session is None:
        raise Anew(notice=of.text["confirmed"], username=username)
    try:
        found = await browser.confirmed(of.cx, of.pool, of.client, of.wanted.asked, username, done.session)
        return await challenges.outcome(of, found, username)
    except errors.ServiceError as error:
        raise Anew(error.message, views.status_of(error), username=username) from error


def _opened(of: Visit, state: str, username: str) -> _NewAccount | None:
    """Raises NotOurs for what was not sealed for this form."""
    if not state:
        return None
    try:
        new = msgspec.json.decode(of.open(state), type=_NewAccount)
    except msgspec.DecodeError as cause:
        raise NotOurs from cause
    if new.username != username:
        raise NotOurs
    return new


async def resend(of: Visit, form: Mapping[str, str]) -> Response:
    username, state = form.get("username", "").strip(), form.get("state", "")
    try:
        sent = (await calls.of_client(of, "ResendConfirmationCode", username)).code_delivery_details
    except errors.ServiceError as error:
        return await confirm(of, error.message, views.status_of(error), username=username, state=state)
    return await confirm(of, notice=of.text["sent_again"], username=username, to=(sent and sent.destination) or "", state=state)


async def show_forgot(of: Visit, alert: str = "", status: int = 200, *, username: str | None = None) -> Response:
    if recovery.only_by_admin(of.pool):
        raise Anew(alert or "Contact administrator to reset password.", 400)
    label, known = views.name_label(of, of.text), of.wanted.login_hint or "" if username is None else username
    return views.show(of, "forgot.html", alert=alert, status=status, label=label, name_type=views.name_type(of), username=known)


async def forgot(of: Visit, form: Mapping[str, str]) -> Response:
    username = form.get("username", "").strip()
    try:
        sent = (await calls.of_client(of, "ForgotPassword", username)).code_delivery_details
    except errors.ServiceError as error:
        return await show_forgot(of, error.message, views.status_of(error), username=username)
    again = of.text["sent_again"] if "again" in form else ""
    return await reset(of, username=username, to=(sent and sent.destination) or "", notice=again)


async def reset(of: Visit, alert: str = "", status: int = 200, *, username: str = "", to: str = "", notice: str = "") -> Response:
    text = of.text
    return views.show(
        of,
        "reset.html",
        alert=alert,
        notice=notice,
        status=status,
        label=views.name_label(of, text),
        username=username,
        to=to,
        rules=views.password_rules(of, text),
    )


async def post_reset(of: Visit, form: Mapping[str, str]) -> Response:
    username, password = form.get("username", "").strip(), form.get("password", "")
    try:
        await calls.of_client(of, "ConfirmForgotPassword", username, ConfirmationCode=form.get("code", "").strip(), Password=password)
    except errors.ServiceError as error:
        return await reset(of, error.message, views.status_of(error), username=username)
    raise Anew(notice=of.text["reset_done"], username=username)


def _own_name(of: Visit, text: Mapping[str, str]) -> str:
    """What a new user is called by: an alias comes later."""
    return views.name_label(of, text) if names.username_attributes(of.pool) else text["username"]


def _wanted(of: Visit) -> list[tuple[str, bool]]:
    """The attributes that are asked, and whether they must be given: what the pool requires, and the addresses that it verifies by a code. What
    the name itself says is not asked again; where it may be an email or a phone number, either may be left out. The form asks for the one address
    that can confirm the account, though the operation does not."""
    pool = of.pool.settings.pool
    named = names.username_attributes(of.pool)
    required = schema.required(pool.schema_attributes or [])
    may = permissions.writable(of.client, pool.schema_attributes or [])
    verified = [name for name in ("email", "phone_number") if name in (pool.auto_verified_attributes or []) and name not in required]
    asked = [(name, name not in named) for name in required] + [
        (name, len(verified) == 1) for name in verified if name in may and name not in named
    ]
    return [(name, must) for name, must in asked if [name] != named]


async def _terms(of: Visit) -> list[tuple[str, str]]:
    """(which document, its address)"""
    found = await of.cx.store.terms.of_client(of.pool.pool_id, of.client.client_id)
    return [(name, link) for name in _TERMS if name in found and (link := _link(of, found[name].links))]


def _link(of: Visit, links: Mapping[str, str]) -> str | None:
    return links.get(of.text["terms"]) or links.get(_DEFAULT)
