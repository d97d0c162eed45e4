"""Sign-in by a password sent in the clear: USER_PASSWORD_AUTH, ADMIN_USER_PASSWORD_AUTH and its old name ADMIN_NO_SRP_AUTH."""

from __future__ import annotations

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.directories.directory import WrongThere
from cognomen.storage.errors import Missing
from cognomen.storage.users import User
from cognomen.userpools import credentials, foreign_passwords
from cognomen.userpools.auth import lockout
from cognomen.userpools.auth.steps import Attempt, Passed, Step, WrongPassword, incorrect, required
from cognomen.userpools.hooks import migration


async def begin(cx: Context, attempt: Attempt) -> Step:
    password = required(attempt.parameters, "PASSWORD")
    await migrate(cx, attempt)
    user = attempt.user
    if user is not None and foreign_passwords.is_foreign(user.credential):
        return await _brought(cx, attempt, user, password)
    verifier = credentials.of(cx, attempt.pool, user, attempt.typed)
    username = user.username if user else attempt.typed
    fits = credentials.matches(verifier, attempt.pool.pool_id, username, password)
    if not fits or user is None or user.credential is None:
        raise WrongPassword
    if user.password_expires_at is not None and user.password_expires_at <= cx.clock.now():
        raise temporary_password_expired()
    return Passed("PASSWORD")


async def migrate(cx: Context, attempt: Attempt) -> None:
    """Asks where users of the pool were before, if it names such a place, for somebody unknown who brings a password, or for who is known
    but has no password here yet; once in a request.

    Under the same lockout as any guess: else the directory that is asked could be tried out here. Where users are hidden the attempt of one who
    was not migrated goes on, and fails, as a wrong password does.
    """
    if attempt.migrated or not migration.is_asked(cx, attempt.pool, attempt.user):
        return
    attempt.migrated = True
    await lockout.refuse_locked(cx, attempt)
    password = required(attempt.parameters, "PASSWORD")
    try:
        if attempt.user is not None:
            attempt.user = await migration.bring_password(cx, attempt.pool, attempt.user, password)
        else:
            attempt.user = await migration.at_sign_in(
                cx, attempt.pool, attempt.client, attempt.typed, password, validation=attempt.validation, metadata=attempt.metadata
            )
    except WrongThere:
        if attempt.hides_users:
            return
        await lockout.count_failure(cx, attempt)
        raise incorrect() from None
    except errors.UserNotFoundException:
        if attempt.hides_users:
            return
        await lockout.count_failure(cx, attempt)
        raise


async def _brought(cx: Context, attempt: Attempt, user: User, password: str) -> Step:
    """The first password of a user who was imported with a hash: from this success on it is kept as all others are. At once, since what follows
    holds the user to the password that they had here: the next challenge, an authorization code, a browser's sign-in."""
    if user.credential is None or not await credentials.proves(cx, user, user.credential, password):
        raise WrongPassword
    sealed = credentials.make(cx, user.pool_id, user.username, user.sub, password)
    try:
        present = await cx.store.write(lambda tx: foreign_passwords.adopt(cx, tx, user, sealed))
    except Missing as cause:
        raise WrongPassword from cause
    if present is None or (present != sealed and not await credentials.proves(cx, user, present, password)):
        raise WrongPassword  # replaced meanwhile, and not by another sign-in with the same one
    attempt.user = msgspec.structs.replace(user, credential=present)
    return Passed("PASSWORD")


def temporary_password_expired() -> errors.NotAuthorizedException:
    return errors.NotAuthorizedException("Temporary password has expired and must be reset by an administrator.")
