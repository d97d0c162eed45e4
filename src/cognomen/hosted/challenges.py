"""What a sign-in asks after the password: a code, a new password, an authenticator app. The machine's session travels in the form, sealed for this
browser; the machine itself holds it to the authorization request that it began for.

To add a page for a challenge: a line in _PAGES, and a template.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec
import segno
from starlette.responses import Response

from cognomen.api import errors
from cognomen.hosted import calls, views
from cognomen.hosted.fields import Field
from cognomen.hosted.fields import named as field_of
from cognomen.hosted.forms import Anew, NotOurs, Visit
from cognomen.oauth import flow
from cognomen.userpools import browser
from cognomen.userpools.browser import Challenge

_ATTRIBUTE = "userAttributes."
_KEPT = frozenset(
    (
        "CODE_DELIVERY_DESTINATION",
        "CREDENTIAL_REQUEST_OPTIONS",
        "FRIENDLY_DEVICE_NAME",
        "MFAS_CAN_CHOOSE",
        "MFAS_CAN_SETUP",
        "requiredAttributes",
    )
)
_SECRET = "secret"  # of an authenticator app that is being set up
_FIRSTS = ("WEB_AUTHN", "EMAIL_OTP", "SMS_OTP")  # in place of a password, for which the first page has a field
# Challenge -> its template and the parameter of its answer.
_PAGES = {
    "SMS_MFA": ("code.html", "SMS_MFA_CODE"),
    "SMS_OTP": ("code.html", "SMS_OTP_CODE"),
    "EMAIL_OTP": ("code.html", "EMAIL_OTP_CODE"),
    "SOFTWARE_TOKEN_MFA": ("code.html", "SOFTWARE_TOKEN_MFA_CODE"),
    "SELECT_MFA_TYPE": ("select.html", "ANSWER"),
    "SELECT_CHALLENGE": ("select.html", "ANSWER"),
    "WEB_AUTHN": ("passkey.html", "CREDENTIAL"),
    "NEW_PASSWORD_REQUIRED": ("new_password.html", "NEW_PASSWORD"),
    "MFA_SETUP": ("set_up.html", ""),
}


class _State(msgspec.Struct, frozen=True):
    """`username` is what was typed, for the browser that keeps passwords."""

    name: str
    session: str
    username: str
    parameters: dict[str, str]


async def outcome(of: Visit, found: browser.Entered | Challenge, username: str) -> Response:
    """What a password, or the answer to a challenge, leads to."""
    if isinstance(found, Challenge):
        return await ask(of, found, username)
    return await flow.entered(of.cx, of.at, of.wanted.asked, found)


async def ask(of: Visit, challenge: Challenge, username: str) -> Response:
    kept = {name: value for name, value in challenge.parameters.items() if name in _KEPT}
    state = _State(challenge.name, challenge.session, username, kept)
    text = of.text
    if state.name == "SELECT_CHALLENGE":
        return await _choose(of, state, [name for name in _FIRSTS if name in challenge.available])
    if state.name not in _PAGES:
        raise Anew(text["no_such_step"], 400)
    if state.name == "MFA_SETUP":
        if "SOFTWARE_TOKEN_MFA" not in _list(kept.get("MFAS_CAN_SETUP")):
            raise Anew(text["set_up_impossible"], 400)
        begun = await calls.operation(of, "AssociateSoftwareToken", Session=state.session)
        state = _State(state.name, begun.session, username, {**kept, _SECRET: begun.secret_code})
    return _show(of, state)


async def _choose(of: Visit, state: _State, offered: list[str]) -> Response:
    """Where there is one way only, it is taken."""
    if not offered:
        raise Anew(of.text["no_other_way"], 400, username=state.username)
    if len(offered) > 1:
        return _show(of, msgspec.structs.replace(state, parameters={"MFAS_CAN_CHOOSE": msgspec.json.encode(offered).decode()}))
    found = await browser.answer(of.cx, of.pool, of.client, of.wanted.asked, state.name, state.session, {"ANSWER": offered[0]})
    return await outcome(of, found, state.username)


async def show(of: Visit, alert: str = "", status: int = 200) -> Response:
    """Looked at without what it was asked with: the sign-in begins anew."""
    raise Anew(alert, status)


async def post(of: Visit, form: Mapping[str, str]) -> Response:
    try:
        state = msgspec.json.decode(of.open(form.get("state", "")), type=_State)
    except msgspec.DecodeError as cause:  # something else that was sealed for this browser
        raise NotOurs from cause
    try:
        if "again" in form:
            found = await browser.ask_again(of.cx, of.pool, of.client, of.wanted.asked, state.name, state.session)
            return _show(of, _State(found.name, found.session, state.username, state.parameters), notice=of.text["sent_again"])
        return await outcome(of, await _answer(of, state, form), state.username)
    except errors.NotAuthorizedException as error:  # the session is over, or its user may not go on
        raise Anew(error.message, 400) from error
    except errors.ServiceError as error:
        return _show(of, state, alert=error.message, status=views.status_of(error), given=form)


async def _answer(of: Visit, state: _State, form: Mapping[str, str]) -> browser.Entered | Challenge:
    session, parameter = state.session, _PAGES[state.name][1]
    if state.name == "MFA_SETUP":
        code = form.get("code", "").replace(" ", "")
        session = (await calls.operation(of, "VerifySoftwareToken", Session=session, UserCode=code)).session
        responses = {}
    elif state.name == "NEW_PASSWORD_REQUIRED":
        wanted = _list(state.parameters.get("requiredAttributes"))
        responses = {parameter: form.get("password", "")}
        responses |= {name: form[key] for name in wanted if (key := f"attribute.{name.removeprefix(_ATTRIBUTE)}") in form}
    else:
        responses = {parameter: form.get("code", "").replace(" ", "")}
    return await browser.answer(of.cx, of.pool, of.client, of.wanted.asked, state.name, session, responses)


def _show(
    of: Visit, state: _State, *, alert: str = "", notice: str = "", status: int = 200, given: Mapping[str, str] | None = None
) -> Response:
    text = of.text
    parameters = state.parameters
    secret = parameters.get(_SECRET, "")
    link = _app_link(of, secret)
    return views.show(
        of,
        _PAGES[state.name][0],
        alert=alert,
        notice=notice,
        status=status,
        challenge=state.name,
        username=state.username,
        state=of.seal(state),
        to=parameters.get("CODE_DELIVERY_DESTINATION", ""),
        device=parameters.get("FRIENDLY_DEVICE_NAME", ""),
        options=parameters.get("CREDENTIAL_REQUEST_OPTIONS", ""),
        choices=_list(parameters.get("MFAS_CAN_CHOOSE")),
        fields=_fields(of, parameters, given or {}),
        rules=views.password_rules(of, text),
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        app_link=link,
        picture=segno.make(link, micro=False).svg_data_uri(scale=4, border=3) if secret else "",
    )


def _fields(of: Visit, parameters: Mapping[str, str], given: Mapping[str, str]) -> list[Field]:
    """What the pool requires and this user lacks."""
    missing = [name.removeprefix(_ATTRIBUTE) for name in _list(parameters.get("requiredAttributes"))]
    return [field_of(of.text, name, True, given) for name in missing]


def _app_link(of: Visit, secret: str) -> str:
    """The form that authenticator apps read (github.com/google/google-authenticator/wiki/Key-Uri-Format)."""
    issuer = quote(of.client.settings.client_name or "", safe="")
    return f"otpauth://totp/{issuer}?secret={secret}&issuer={issuer}"


def _list(encoded: str | None) -> list[str]:
    return msgspec.json.decode(encoded, type=list[str]) if encoded else []
