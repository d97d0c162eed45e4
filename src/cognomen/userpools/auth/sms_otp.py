"""SMS_OTP: a code sent to the user's phone as the first factor of USER_AUTH."""

from __future__ import annotations

from cognomen.context import Context
from cognomen.userpools.auth import one_time_code
from cognomen.userpools.auth.steps import Ask, Attempt, Passed, Step

CHALLENGE = "SMS_OTP"


async def ask(cx: Context, attempt: Attempt) -> Ask:
    return await one_time_code.ask(
        cx, attempt, CHALLENGE, "phone_number", digits=8, write=lambda to, code: one_time_code.text(attempt, to, code)
    )


async def answer(cx: Context, attempt: Attempt) -> Step:
    await one_time_code.prove(cx, attempt, CHALLENGE, "SMS_OTP_CODE")
    return Passed(CHALLENGE)
