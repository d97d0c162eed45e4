"""What a sign-in asks after the password, as pages: for each challenge the fields that it shows, and how they answer it.

The state of the sign-in goes through the form, sealed; what else a page must remember of it is nobody's secret but the user's.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

import segno
from starlette.responses import Response

from cognomen.api import errors, idp
from cognomen.hosted.visit import Visit
from cognomen.userpools import browser, software_tokens

Finished = Callable[[Visit, browser.Entered | browser.Challenge], Awaitable[Response]]
SET_UP = "MFA_SETUP"
_NEW_PASSWORD = "NEW_PASSWORD_REQUIRED"
_CHOICE = "SELECT_MFA_TYPE"
# Challenge -> the response that its code is, and what the page says.
_CODES = {
    "SMS_MFA": ("SMS_MFA_CODE", "Enter the code that we sent to {to}."),
    "EMAIL_OTP": ("EMAIL_OTP_CODE", "Enter the code that we sent to {to}."),
    "SOFTWARE_TOKEN_MFA": ("SOFTWARE_TOKEN_MFA_CODE", "Enter the code that your authenticator app shows{to}."),
}
_CHOICES = {"SMS_MFA": "A code by text message", "EMAIL_OTP": "A code by email", "SOFTWARE_TOKEN_MFA": "An authenticator app"}
_ENDED = ("NotAuthorizedException", "ResourceNotFoundException", "UserNotFoundException", "PasswordResetRequiredException")
_LONGEST = 4_096


class Again(Protocol):
    """The sign-in page, from its beginning."""

    async def __call__(self, visit: Visit, *, error: errors.ServiceError | str | None = None) -> Response: ...


async def show(visit: Visit, asked: browser.Challenge, error: errors.ServiceError | None = None) -> Response:
    """The page of a challenge."""
    if asked.name == SET_UP:
        return await _show_set_up(visit, asked.session)
    return await _page(visit, asked.name, asked.session, json.dumps(dict(asked.parameters)), error)


async def post(visit: Visit, given: Mapping[str, str], finished: Finished, *, again: Again) -> Response:
    name, session, shown = given["challenge"], given.get("session", ""), given.get("shown", "{}")
    try:
        await visit.charge("RespondToAuthChallenge")
        if name == SET_UP:
            session = (await _verified(visit, session, given.get("code", ""))).session or ""
        responses = _responses(name, given)
        outcome = await browser.answer(visit.cx, visit.pool, visit.client, visit.wanted.asked, name, session, responses)
    except errors.ServiceError as error:
        if error.code in _ENDED:  # the sign-in is over, or was never this one
            return await again(visit, error=error)
        if name == SET_UP:
            return await _set_up_page(visit, session, given.get("secret", ""), given.get("name", ""), error)
        return await _page(visit, name, session, shown, error)
    return await finished(visit, outcome)


def _responses(name: str, given: Mapping[str, str]) -> dict[str, str]:
    if name in _CODES:
        return {_CODES[name][0]: given.get("code", "").strip()}
    if name == _CHOICE:
        return {"ANSWER": given.get("answer", "")}
    if name == _NEW_PASSWORD:
        attributes = {key: value for key, value in given.items() if key.startswith("userAttributes.") and value}
        return {"NEW_PASSWORD": given.get("password", ""), **attributes}
    return {}


async def _page(visit: Visit, name: str, session: str, shown: str, error: errors.ServiceError | None) -> Response:
    """`shown` are the challenge's parameters as text. They come back from the browser: what is made of them is shown, and trusted with nothing."""
    parameters = _parameters(shown)
    values: dict[str, Any] = {
        "challenge": name,
        "session": session,
        "shown": shown,
        "kind": "none",
        "text": "",
        "fields": [],
        "choices": [],
    }
    if name in _CODES:
        to = parameters.get("CODE_DELIVERY_DESTINATION", "")
        if name == "SOFTWARE_TOKEN_MFA":
            device = parameters.get("FRIENDLY_DEVICE_NAME", "")
            to = f" for {device}" if device else ""
        values |= {"kind": "code", "text": _CODES[name][1].format(to=to)}
    elif name == _CHOICE:
        offered = _list(parameters.get("MFAS_CAN_CHOOSE", "[]"))
        values |= {"kind": "choice", "choices": [(each, _CHOICES[each]) for each in offered if each in _CHOICES]}
    elif name == _NEW_PASSWORD:
        values |= {"kind": "password", "fields": [(each, _label(each)) for each in _list(parameters.get("requiredAttributes", "[]"))]}
    else:
        error = error or errors.InvalidParameterException(f"This page does not know how to ask for {name}.")
    return await visit.show("challenge.html", error=error, **values)


async def _show_set_up(visit: Visit, session: str) -> Response:
    """MFA_SETUP: an authenticator app, by a secret that the page shows as text and as a picture."""
    made = await software_tokens.associate_software_token(visit.cx, idp.AssociateSoftwareTokenRequest(session=session))
    return await _set_up_page(visit, made.session or "", made.secret_code or "", "", None)


async def _set_up_page(visit: Visit, session: str, secret: str, name: str, error: errors.ServiceError | None) -> Response:
    issuer = visit.pool.settings.pool.name or "Cognomen"
    named = quote(issuer, safe="")
    picture = segno.make(f"otpauth://totp/{named}?secret={quote(secret[:128], safe='')}&issuer={named}", micro=False)
    return await visit.show(
        "challenge.html",
        error=error,
        challenge=SET_UP,
        session=session,
        shown="{}",
        kind="set_up",
        text="",
        fields=[],
        choices=[],
        secret=secret,
        picture=picture.svg_data_uri(scale=4, border=2),
    )


async def _verified(visit: Visit, session: str, code: str) -> idp.VerifySoftwareTokenResponse:
    return await software_tokens.verify_software_token(
        visit.cx, idp.VerifySoftwareTokenRequest(session=session, user_code=code.strip()[:16])
    )


def _parameters(shown: str) -> dict[str, str]:
    try:
        found = json.loads(shown[:_LONGEST])
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


def _list(text: str) -> list[str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _label(attribute: str) -> str:
    return attribute.removeprefix("userAttributes.").removeprefix("custom:").replace("_", " ").capitalize()
