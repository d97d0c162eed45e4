"""USER_SRP_AUTH and PASSWORD_VERIFIER: the password proved by SRP-6a and never sent."""

from __future__ import annotations

from collections.abc import Mapping

from cognomen.context import Context
from cognomen.storage.clients import Client
from cognomen.userpools import credentials, nobody
from cognomen.userpools.auth import srp_exchange
from cognomen.userpools.auth.password import temporary_password_expired
from cognomen.userpools.auth.session import SessionState, state_of
from cognomen.userpools.auth.steps import Ask, Attempt, Passed, Step, WrongPassword

CHALLENGE = "PASSWORD_VERIFIER"
_PURPOSE = "srp secret block"


async def begin(cx: Context, attempt: Attempt) -> Step:
    A = srp_exchange.public_value(attempt.parameters)
    verifier = credentials.of(cx, attempt.pool, attempt.user, attempt.typed)
    user_id = shown_name(cx, attempt)
    asked = srp_exchange.begin(cx, _PURPOSE, state_of(cx, attempt, CHALLENGE), A, verifier, user_id)
    return Ask(CHALLENGE, {"USER_ID_FOR_SRP": user_id, "USERNAME": user_id, **asked}, with_session=False)


def recover(cx: Context, client: Client, responses: Mapping[str, str]) -> SessionState:
    """The session in which the challenge was asked, from the SECRET_BLOCK that came back."""
    return srp_exchange.reopen(cx, _PURPOSE, client, responses).state


async def answer(cx: Context, attempt: Attempt) -> Step:
    block = srp_exchange.reopen(cx, _PURPOSE, attempt.client, attempt.parameters)
    verifier = credentials.of(cx, attempt.pool, attempt.user, attempt.typed)
    proved = await srp_exchange.is_proved(cx, block, verifier, credentials.suffix(attempt.pool.pool_id), attempt.parameters)
    user = attempt.user
    if not proved or user is None or user.credential is None:
        raise WrongPassword
    if user.password_expires_at is not None and user.password_expires_at <= cx.clock.now():
        raise temporary_password_expired()
    return Passed("PASSWORD_SRP")


def shown_name(cx: Context, attempt: Attempt) -> str:
    """The user's own name, as challenges tell it to the client; for nobody, what one would look like."""
    return attempt.user.username if attempt.user else nobody.user_id(cx, attempt.pool, attempt.typed)
