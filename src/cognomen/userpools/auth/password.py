"""Sign-in by a password sent in the clear: USER_PASSWORD_AUTH, ADMIN_USER_PASSWORD_AUTH and its old name ADMIN_NO_SRP_AUTH."""

from __future__ import annotations

from cognomen.api import errors
from cognomen.context import Context
from cognomen.userpools import credentials
from cognomen.userpools.auth.steps import Attempt, Passed, Step, WrongPassword, required


async def begin(cx: Context, attempt: Attempt) -> Step:
    password = required(attempt.parameters, "PASSWORD")
    user = attempt.user
    verifier = credentials.of(cx, attempt.pool, user, attempt.typed)
    username = user.username if user else attempt.typed
    fits = credentials.matches(verifier, attempt.pool.pool_id, username, password)
    if not fits or user is None or user.credential is None:
        raise WrongPassword
    if user.password_expires_at is not None and user.password_expires_at <= cx.clock.now():
        raise temporary_password_expired()
    return Passed("PASSWORD")


def temporary_password_expired() -> errors.NotAuthorizedException:
    return errors.NotAuthorizedException("Temporary password has expired and must be reset by an administrator.")
