"""SOFTWARE_TOKEN_MFA: a code of the user's authenticator app after the password was proved; each code is taken once."""

from __future__ import annotations

from cognomen.api import errors
from cognomen.context import Context
from cognomen.storage.engine import Tx
from cognomen.userpools import totp
from cognomen.userpools.auth import one_time_code
from cognomen.userpools.auth.steps import Ask, Attempt, Passed, Step, WrongAnswer, required
from cognomen.userpools.rules import factors

CHALLENGE = "SOFTWARE_TOKEN_MFA"


async def ask(cx: Context, attempt: Attempt) -> Ask:
    user = attempt.signed_in_user
    parameters = {"USER_ID_FOR_SRP": user.username}
    name = factors.of(user).device_name
    if name:
        parameters["FRIENDLY_DEVICE_NAME"] = name
    return Ask(CHALLENGE, parameters)


async def answer(cx: Context, attempt: Attempt) -> Step:
    user = attempt.signed_in_user
    code = required(attempt.parameters, "SOFTWARE_TOKEN_MFA_CODE")
    await one_time_code.refuse_guessing(cx, attempt)
    secret = totp.open_secret(cx, user, factors.of(user).secret)
    step = totp.step_of(cx, secret, code)
    if step is None:
        await one_time_code.count_wrong(cx, attempt)
        raise WrongAnswer(errors.CodeMismatchException("Invalid code received for user"))

    async def settle(tx: Tx) -> None:
        await totp.use(cx, tx, user, step)

    attempt.settle = (*attempt.settle, settle, one_time_code.forget_wrong(cx, attempt))
    return Passed(CHALLENGE)
