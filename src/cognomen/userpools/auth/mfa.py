"""The second factor: whether a sign-in needs one, and which. MFA_SETUP where it needs one and the user has none, SELECT_MFA_TYPE where
the user has several and prefers none.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.storage.pools import Pool
from cognomen.userpools.auth import email_otp, mfa_setup, sms_mfa, software_token_mfa
from cognomen.userpools.auth.steps import Ask, Attempt, Step, required
from cognomen.userpools.rules import factors

SELECT = "SELECT_MFA_TYPE"
KEPT = "mfa"  # what threat protection demands: "REQUIRED" or "IF_CONFIGURED"
_PROVED = frozenset({sms_mfa.CHALLENGE, email_otp.SECOND, software_token_mfa.CHALLENGE, mfa_setup.CHALLENGE})
_ASK: dict[str, Callable[[Context, Attempt], Awaitable[Ask]]] = {
    factors.SMS: sms_mfa.ask,
    factors.EMAIL: email_otp.ask,
    factors.SOFTWARE_TOKEN: software_token_mfa.ask,
}


async def follow(cx: Context, attempt: Attempt) -> Ask | None:
    pool = attempt.pool
    demanded = attempt.kept.get(KEPT)
    mode = pool.settings.pool.mfa_configuration or "OFF"
    if (mode == "OFF" and demanded is None) or _is_proved(attempt):
        return None
    user = attempt.signed_in_user
    choices = factors.active(pool, user, by_default=mode == "ON" or demanded is not None)
    if choices:
        chosen = factors.of(user).preferred
        if chosen in choices or len(choices) == 1:
            return await _ASK[chosen if chosen in choices else choices[0]](cx, attempt)
        parameters = {"MFAS_CAN_CHOOSE": msgspec.json.encode(choices).decode(), "USER_ID_FOR_SRP": user.username}
        return Ask(SELECT, parameters)
    if mode == "ON":
        return mfa_setup.ask(attempt)
    if demanded == "REQUIRED":
        raise errors.NotAuthorizedException("Unable to login because of security reasons.")
    return None


async def answer_selection(cx: Context, attempt: Attempt) -> Step:
    """SELECT_MFA_TYPE: the chosen factor is asked for."""
    user = attempt.signed_in_user
    chosen = required(attempt.parameters, "ANSWER")
    choices = factors.active(attempt.pool, user, by_default=_by_default(attempt.pool, attempt))
    if chosen not in choices:
        raise errors.InvalidParameterException("Invalid MFA type selected.")
    return await _ASK[chosen](cx, attempt)


def _by_default(pool: Pool, attempt: Attempt) -> bool:
    return pool.settings.pool.mfa_configuration == "ON" or KEPT in attempt.kept


def _is_proved(attempt: Attempt) -> bool:
    """A second factor was passed, or what stands for one: a custom challenge, whose trigger decides alone what is enough."""
    return not _PROVED.isdisjoint(attempt.factors) or "CUSTOM_CHALLENGE" in attempt.factors
