"""Accounts: sign-up and its code, a forgotten password and its code. Each page asks the operation that an app would.

https://docs.aws.amazon.com/cognito/latest/developerguide/managed-login-endpoints.html
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from cognomen.api import errors
from cognomen.hosted import calls, challenges, fields, texts, views
from cognomen.hosted.forms import Anew, Visit
from cognomen.userpools import browser
from cognomen.userpools.rules import names, permissions, recovery, schema

_TERMS = ("terms-of-use", "privacy-policy")
_DEFAULT = "cognito:default"


def may_sign_up(of: Visit) -> bool:
    made_by_admin = of.pool.settings.pool.admin_create_user_config
    local = "COGNITO" in (of.client.settings.supported_identity_providers or [])
    return local and not (made_by_admin is not None and made_by_admin.allow_admin_create_user_only)


async def show_sign_up(of: Visit, alert: str = "", status: int = 200, *, given: Mapping[str, str] | None = None) -> Response:
    text = texts.ENGLISH
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
        fields=[fields.named(name, required, known) for name, required in _wanted(of)],
        rules=views.password_rules(of, text),
        terms=await _terms(of),
    )


async def sign_up(of: Visit, form: Mapping[str, str]) -> Response:
    text = texts.ENGLISH
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
    return await confirm(of, username=username, to=made.code_delivery_details.destination or "")


async def confirm(of: Visit, alert: str = "", status: int = 200, *, notice: str = "", username: str = "", to: str = "") -> Response:
    label = _own_name(of, texts.ENGLISH)
    return views.show(of, "confirm.html", alert=alert, notice=notice, status=status, label=label, username=username, to=to)


async def post_confirm(of: Visit, form: Mapping[str, str]) -> Response:
    username = form.get("username", "").strip()
    try:
        await calls.of_client(of, "ConfirmSignUp", username, ConfirmationCode=form.get("code", "").strip())
    except errors.ServiceError as error:
        return await confirm(of, error.message, views.status_of(error), username=username)
    raise Anew(notice=texts.ENGLISH["confirmed"], username=username)


async def resend(of: Visit, form: Mapping[str, str]) -> Response:
    username = form.get("username", "").strip()
    try:
        sent = (await calls.of_client(of, "ResendConfirmationCode", username)).code_delivery_details
    except errors.ServiceError as error:
        return await confirm(of, error.message, views.status_of(error), username=username)
    return await confirm(of, notice=texts.ENGLISH["sent_again"], username=username, to=(sent and sent.destination) or "")


async def show_forgot(of: Visit, alert: str = "", status: int = 200, *, username: str | None = None) -> Response:
    if recovery.only_by_admin(of.pool):
        raise Anew(alert or "Contact administrator to reset password.", 400)
    label, known = views.name_label(of, texts.ENGLISH), of.wanted.login_hint or "" if username is None else username
    return views.show(of, "forgot.html", alert=alert, status=status, label=label, name_type=views.name_type(of), username=known)


async def forgot(of: Visit, form: Mapping[str, str]) -> Response:
    username = form.get("username", "").strip()
    try:
        sent = (await calls.of_client(of, "ForgotPassword", username)).code_delivery_details
    except errors.ServiceError as error:
        return await show_forgot(of, error.message, views.status_of(error), username=username)
    again = texts.ENGLISH["sent_again"] if "again" in form else ""
    return await reset(of, username=username, to=(sent and sent.destination) or "", notice=again)


async def reset(of: Visit, alert: str = "", status: int = 200, *, username: str = "", to: str = "", notice: str = "") -> Response:
    text = texts.ENGLISH
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
    raise Anew(notice=texts.ENGLISH["reset_done"], username=username)


def _own_name(of: Visit, text: Mapping[str, str]) -> str:
    """What a new user is called by: an alias comes later."""
    return views.name_label(of, text) if names.username_attributes(of.pool) else text["username"]


def _wanted(of: Visit) -> list[tuple[str, bool]]:
    """The attributes that are asked, and whether they must be given: what the pool requires, and the addresses that it verifies by a code. What
    the name itself says is not asked again; where it may be an email or a phone number, either may be left out."""
    pool = of.pool.settings.pool
    named = names.username_attributes(of.pool)
    required = schema.required(pool.schema_attributes or [])
    may = permissions.writable(of.client, pool.schema_attributes or [])
    verified = [name for name in ("email", "phone_number") if name in (pool.auto_verified_attributes or []) and name not in required]
    asked = [(name, name not in named) for name in required] + [(name, False) for name in verified if name in may and name not in named]
    return [(name, must) for name, must in asked if [name] != named]


async def _terms(of: Visit) -> list[tuple[str, str]]:
    """(which document, its address)"""
    found = await of.cx.store.terms.of_client(of.pool.pool_id, of.client.client_id)
    return [(name, link) for name in _TERMS if name in found and (link := found[name].links.get(_DEFAULT))]
