"""The second factor: whether a sign-in needs one, and which. MFA_SETUP where it needs one and the user has none, SELECT_MFA_TYPE where
the user has several and prefers none.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.userpools.auth import device_srp, email_otp, mfa_setup, sms_mfa, software_token_mfa, step_up, web_authn
from cognomen.userpools.auth.steps import Ask, Attempt, Step, required
from cognomen.userpools.rules import factors

SELECT = "SELECT_MFA_TYPE"
KEPT = "mfa"  # what threat protection demands: "REQUIRED" or "IF_CONFIGURED"
_SYNONYMS = {"EMAIL_MFA": factors.EMAIL}  # as the model's text of RespondToAuthChallenge has it
_PROVED = frozenset({sms_mfa.CHALLENGE, email_otp.SECOND, software_token_mfa.CHALLENGE, mfa_setup.CHALLENGE, web_authn.BOTH})
_SAME_CHANNEL = {factors.EMAIL: "EMAIL_OTP", factors.SMS: "SMS_OTP"}
_ASK: dict[str, Callable[[Context, Attempt], Awaitable[Ask]]] = {
    factors.SMS: sms_mfa.ask,
    factors.EMAIL: email_otp.ask,
    factors.SOFTWARE_TOKEN: software_token_mfa.ask,
}


async def follow(cx: Context, attempt: Attempt) -> Ask | None:
    pool = attempt.pool
    if (levels := step_up.missing(attempt)) is not None:  # whatever stands for a second factor, it does not raise the level
        return await _ask_one_of(cx, attempt, levels)
    demanded = attempt.kept.get(KEPT)
    mode = pool.settings.pool.mfa_configuration or "OFF"
    if (mode == "OFF" and demanded is None) or _is_proved(attempt):
        return None
    if demanded is None and device_srp.stands_for_mfa(attempt):  # what threat protection demands, no device waives
        return None
    choices = _choices(attempt)
    if choices:
        return await _ask_one_of(cx, attempt, choices)
    if mode == "ON":
        return mfa_setup.ask(attempt)
    if demanded == "REQUIRED":
        raise errors.NotAuthorizedException("Unable to login because of security reasons.")
    return None


async def _ask_one_of(cx: Context, attempt: Attempt, choices: Sequence[str]) -> Ask:
    user = attempt.signed_in_user
    chosen = factors.of(user).preferred
    if chosen in choices or len(choices) == 1:
        return await _ASK[chosen if chosen in choices else choices[0]](cx, attempt)
    parameters = {"MFAS_CAN_CHOOSE": msgspec.json.encode(choices).decode(), "USER_ID_FOR_SRP": user.username}
    return Ask(SELECT, parameters)


async def ask_for(cx: Context, attempt: Attempt, challenge: str) -> Ask:
    """One named factor, where a trigger chooses. Raises MFAMethodNotFoundException for one that the user or the pool lacks."""
    if challenge not in factors.offered(attempt.pool) or not factors.is_set_up(attempt.signed_in_user, challenge):
        raise errors.MFAMethodNotFoundException("MFA method not found.")
    return await _ASK[challenge](cx, attempt)


async def answer_selection(cx: Context, attempt: Attempt) -> Step:
    """SELECT_MFA_TYPE: the chosen factor is asked for."""
    chosen = required(attempt.parameters, "ANSWER")
    chosen = _SYNONYMS.get(chosen, chosen)
    levels = step_up.missing(attempt)
    choices = _choices(attempt) if levels is None else levels
    if chosen not in choices:
        raise errors.InvalidParameterException("Invalid MFA type selected.")
    return await _ASK[chosen](cx, attempt)


def _choices(attempt: Attempt) -> list[str]:
    """What the user may be asked for; not the mailbox or phone that was the first factor."""
    by_default = attempt.pool.settings.pool.mfa_configuration == "ON" or KEPT in attempt.kept
    found = factors.active(attempt.pool, attempt.signed_in_user, by_default=by_default)
    return [name for name in found if _SAME_CHANNEL.get(name) not in attempt.factors]


def _is_proved(attempt: Attempt) -> bool:
    """A second factor was passed, or what stands for one: CUSTOM_AUTH, where the pool's own functions decide alone what is enough."""
    return not _PROVED.isdisjoint(attempt.factors) or attempt.flow == "CUSTOM_AUTH"
