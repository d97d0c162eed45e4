"""USER_AUTH: the user chooses by what to sign in. SELECT_CHALLENGE offers, PREFERRED_CHALLENGE goes straight to one, and a Session of
ConfirmSignUp needs neither.

https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-selection-sdk.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.userpools.auth import email_otp, password, password_srp, sign_up_session, sms_otp, step_up, web_authn
from cognomen.userpools.auth.steps import Ask, Attempt, Passed, Step, incorrect, required
from cognomen.userpools.rules import first_factors

SELECT = "SELECT_CHALLENGE"


async def begin(cx: Context, attempt: Attempt) -> Step:
    if attempt.session is not None:
        step_up.refuse_with_session(attempt)
        return sign_up_session.prove(cx, attempt)
    firsts = await _firsts(cx, attempt)
    if await step_up.begin(cx, attempt, firsts):
        return Passed(step_up.FACTOR)
    offered = step_up.leading(attempt, firsts)
    preferred = attempt.parameters.get("PREFERRED_CHALLENGE", "")
    if preferred in offered:
        parameter = _AT_ONCE.get(preferred)
        return await _go_on(cx, attempt, preferred, at_once=parameter is not None and bool(attempt.parameters.get(parameter)))
    if not offered:
        raise incorrect()
    return Ask(SELECT, {"USERNAME": password_srp.shown_name(cx, attempt)}, available=tuple(offered))


async def answer_selection(cx: Context, attempt: Attempt) -> Step:
    """SELECT_CHALLENGE: a password comes with the choice, what needs a question first is asked."""
    chosen = required(attempt.parameters, "ANSWER")
    offered = await _offered(cx, attempt)
    if chosen not in offered:
        raise errors.InvalidParameterException("The selected challenge is not available.")
    return await _go_on(cx, attempt, chosen, at_once=chosen in _AT_ONCE)


async def _ask_password(cx: Context, attempt: Attempt) -> Ask:
    return Ask(first_factors.PASSWORD, {})


async def _ask_password_srp(cx: Context, attempt: Attempt) -> Ask:
    return Ask(first_factors.PASSWORD_SRP, {})


# Challenge -> the parameter that answers it together with the choice.
_AT_ONCE = {first_factors.PASSWORD: "PASSWORD", first_factors.PASSWORD_SRP: "SRP_A"}
_ANSWER: dict[str, Callable[[Context, Attempt], Awaitable[Step]]] = {
    first_factors.PASSWORD: password.begin,
    first_factors.PASSWORD_SRP: password_srp.begin,
}
_ASK: dict[str, Callable[[Context, Attempt], Awaitable[Ask]]] = {
    first_factors.PASSWORD: _ask_password,
    first_factors.PASSWORD_SRP: _ask_password_srp,
    first_factors.EMAIL_OTP: email_otp.ask,
    first_factors.SMS_OTP: sms_otp.ask,
    first_factors.WEB_AUTHN: web_authn.ask,
}


async def _go_on(cx: Context, attempt: Attempt, chosen: str, *, at_once: bool) -> Step:
    if at_once:
        return await _ANSWER[chosen](cx, attempt)
    ask = await _ASK[chosen](cx, attempt)
    return msgspec.structs.replace(ask, available=(chosen,))


async def _offered(cx: Context, attempt: Attempt) -> list[str]:
    return step_up.leading(attempt, await _firsts(cx, attempt))


async def _firsts(cx: Context, attempt: Attempt) -> list[str]:
    offered = first_factors.offered(attempt.pool, attempt.user, has_passkey=await web_authn.is_possible(cx, attempt))
    if not offered and attempt.hides_users:
        # A user who has set up nothing that the pool allows is answered as nobody is: anything else would tell that they exist.
        attempt.user = None
        offered = first_factors.offered(attempt.pool, None, has_passkey=False)
    return offered
