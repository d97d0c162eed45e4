"""Accounts on the pages: sign-up, its code, and a forgotten password. Each is the operation of the same name, its input checked as any request's."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from cognomen.api import errors
from cognomen.hosted import entrance
from cognomen.hosted.visit import Visit, takes_own_users
from cognomen.oauth.errors import ToPage
from cognomen.userpools import browser
from cognomen.userpools.rules import names, password_policy, permissions, schema

_INPUTS = {"email": "email", "phone_number": "tel", "birthdate": "date", "website": "url", "picture": "url", "profile": "url"}
_FILLED = {
    "email": "email",
    "phone_number": "tel",
    "name": "name",
    "given_name": "given-name",
    "family_name": "family-name",
    "birthdate": "bday",
}


async def show_sign_up(visit: Visit) -> Response:
    return await _sign_up_page(visit, {}, None)


async def post_sign_up(visit: Visit) -> Response:
    given = await visit.form()
    _refuse_elsewhere(visit)
    attributes = {name: given[name] for name, *_ in _fields(visit) if given.get(name)}
    username = given.get("username", "").strip()
    if given.get("password", "") != given.get("again", ""):
        return await _sign_up_page(visit, given, "The two passwords are not the same.")
    try:
        pairs = [{"Name": name, "Value": value} for name, value in attributes.items()]
        made = await visit.operate("SignUp", username, Password=given.get("password", ""), UserAttributes=pairs)
        if not made.user_confirmed:
            to = made.code_delivery_details.destination if made.code_delivery_details else ""
            return await _code_page(visit, username, f"We sent a code to {to}." if to else "", None)
        await visit.charge("InitiateAuth")
        outcome = await browser.begin(visit.cx, visit.pool, visit.client, visit.wanted.asked, username, given.get("password", ""))
    except errors.ServiceError as error:
        return await _sign_up_page(visit, given, error)
    return await entrance.finished(visit, outcome)


async def ask_code(visit: Visit, username: str) -> Response:
    """For who has proved their password and not yet their address."""
    return await _code_page(
        visit, username, "Your account is not confirmed yet. Enter the code that we sent you, or ask for another.", None
    )


async def post_confirm(visit: Visit) -> Response:
    """The code of a sign-up, or another one asked for."""
    given = await visit.form()
    _refuse_elsewhere(visit)
    username = given.get("username", "")
    try:
        if "resend" in given:
            sent = (await visit.operate("ResendConfirmationCode", username)).code_delivery_details
            return await _code_page(visit, username, f"We sent a new code to {sent.destination}." if sent else "", None)
        await visit.operate("ConfirmSignUp", username, ConfirmationCode=given.get("code", "").strip())
    except errors.ServiceError as error:
        return await _code_page(visit, username, "", error)
    return await entrance.page(visit, username=username, notice="Your account is confirmed. Sign in to go on.")


async def show_forgot(visit: Visit) -> Response:
    return await _forgot_page(visit, visit.wanted.login_hint or "", None)


async def post_forgot(visit: Visit) -> Response:
    given = await visit.form()
    _refuse_elsewhere(visit)
    return await send_reset(visit, given.get("username", "").strip(), None)


async def send_reset(visit: Visit, username: str, why: errors.ServiceError | None) -> Response:
    """A code for a new password. `why` is said where the user did not ask for it."""
    try:
        sent = (await visit.operate("ForgotPassword", username)).code_delivery_details
    except errors.ServiceError as error:
        return await _forgot_page(visit, username, error)
    notice = f"We sent a code to {sent.destination}." if sent else ""
    return await _reset_page(visit, username, f"{why.message}. {notice}" if why is not None else notice, None)


async def post_reset(visit: Visit) -> Response:
    given = await visit.form()
    _refuse_elsewhere(visit)
    username = given.get("username", "")
    if given.get("password", "") != given.get("again", ""):
        return await _reset_page(visit, username, "", "The two passwords are not the same.")
    try:
        await visit.operate(
            "ConfirmForgotPassword", username, ConfirmationCode=given.get("code", "").strip(), Password=given.get("password", "")
        )
    except errors.ServiceError as error:
        return await _reset_page(visit, username, "", error)
    return await entrance.page(visit, username=username, notice="Your password is changed. Sign in to go on.")


async def _sign_up_page(visit: Visit, given: Mapping[str, str], error: errors.ServiceError | str | None) -> Response:
    _refuse_elsewhere(visit)
    terms = await visit.cx.store.terms.of_client(visit.pool.pool_id, visit.client.client_id)
    links = {name: found.links.get("cognito:default", "") for name, found in terms.items()}
    return await visit.show(
        "sign_up.html",
        error=error,
        username=given.get("username", visit.wanted.login_hint or ""),
        named=entrance.label(visit),
        fields=[(name, label, kind, filled, required, given.get(name, "")) for name, label, kind, filled, required in _fields(visit)],
        rules=password_policy.described(password_policy.of(visit.pool)),
        terms=links.get("terms-of-use", ""),
        privacy=links.get("privacy-policy", ""),
    )


def _fields(visit: Visit) -> list[tuple[str, str, str, str, bool]]:
    """What sign-up asks beside name and password: the required attributes, those that are verified at once, and those that name a user, as far
    as the client may write them. Name, label, type, what a browser may fill in, required."""
    pool = visit.pool
    by = names.username_attributes(pool)
    required = list(schema.required(pool.settings.pool.schema_attributes or []))
    verified = pool.settings.pool.auto_verified_attributes or []
    wanted = dict.fromkeys([*required, *verified])
    needed = {*required, *(verified if len(verified) == 1 else ())}  # without an address nobody gets the code
    allowed = permissions.writable(visit.client, pool.settings.pool.schema_attributes or [])
    shown = [name for name in wanted if name in allowed and name != "sub" and not (len(by) == 1 and name in by)]
    return [(name, _label(name), _INPUTS.get(name, "text"), _FILLED.get(name, "off"), name in needed) for name in shown]


def _label(attribute: str) -> str:
    return attribute.removeprefix("custom:").replace("_", " ").capitalize()


async def _code_page(visit: Visit, username: str, notice: str, error: errors.ServiceError | str | None) -> Response:
    return await visit.show("confirm.html", error=error, notice=notice, username=username)


async def _forgot_page(visit: Visit, username: str, error: errors.ServiceError | str | None) -> Response:
    _refuse_elsewhere(visit)
    return await visit.show("forgot.html", error=error, username=username, named=entrance.label(visit))


async def _reset_page(visit: Visit, username: str, notice: str, error: errors.ServiceError | str | None) -> Response:
    rules = password_policy.described(password_policy.of(visit.pool))
    return await visit.show("reset.html", error=error, notice=notice, username=username, rules=rules)


def _refuse_elsewhere(visit: Visit) -> None:
    if not takes_own_users(visit.client):
        raise ToPage("invalid_request", "Users of this app sign in through an identity provider.")
