"""EMAIL_OTP: a code sent to the user's mail address, as a second factor after the password, or as the first of USER_AUTH (eight digits,
FIDELITY B.3.30)."""

from __future__ import annotations

from cognomen.context import Context
from cognomen.userpools.auth import one_time_code
from cognomen.userpools.auth.steps import Ask, Attempt, Passed, Step

CHALLENGE = "EMAIL_OTP"
SECOND = "EMAIL_MFA"  # what a proved second factor is called among the attempt's factors


async def ask(cx: Context, attempt: Attempt) -> Ask:
    digits = 6 if attempt.factors else 8
    return await one_time_code.ask(
        cx, attempt, CHALLENGE, "email", digits=digits, write=lambda to, code: one_time_code.mail(attempt, to, code)
    )


async def answer(cx: Context, attempt: Attempt) -> Step:
    await one_time_code.prove(cx, attempt, CHALLENGE, "EMAIL_OTP_CODE")
    return Passed(SECOND if attempt.factors else CHALLENGE)
