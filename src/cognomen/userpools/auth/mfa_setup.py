"""MFA_SETUP: the pool requires a second factor and the user has none yet. A software token is set up within the sign-in: AssociateSoftwareToken
and VerifySoftwareToken take and give the Session, and the answer to the challenge brings it back."""

from __future__ import annotations

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.userpools.auth.steps import Ask, Attempt, Passed, Step
from cognomen.userpools.rules import factors

CHALLENGE = "MFA_SETUP"
DONE = "mfa_setup"  # in the session: VerifySoftwareToken has proved and kept a software token


def ask(attempt: Attempt) -> Ask:
    parameters = {
        "MFAS_CAN_SETUP": msgspec.json.encode(factors.offered(attempt.pool)).decode(),
        "USER_ID_FOR_SRP": attempt.signed_in_user.username,
    }
    return Ask(CHALLENGE, parameters)


async def answer(cx: Context, attempt: Attempt) -> Step:
    if attempt.kept.get(DONE) != factors.SOFTWARE_TOKEN or not factors.is_set_up(attempt.signed_in_user, factors.SOFTWARE_TOKEN):
        raise errors.InvalidParameterException("The user has not set up a multi-factor authentication method.")
    return Passed(CHALLENGE)
