"""The lockout after wrong passwords: from the fifth on, 2^(n-5) seconds, at most 15 minutes; forgotten after 15 quiet minutes.

https://docs.aws.amazon.com/cognito/latest/developerguide/authentication.html ("Lockout behavior for failed sign-in attempts").
A name that nobody has is counted like a user, so that a lockout tells nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cognomen.api import errors
from cognomen.context import Context
from cognomen.storage.codes import Attempts
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools import credentials, nobody
from cognomen.userpools.auth.steps import Attempt, incorrect

_KIND = "password"
_FREE = 5
_LONGEST = 900.0


def subject(cx: Context, attempt: Attempt) -> str:
    if attempt.user is not None:
        return attempt.user.sub
    return nobody.subject(cx, attempt.pool, attempt.typed)


async def refuse_locked(cx: Context, attempt: Attempt) -> None:
    """Raises NotAuthorizedException while locked, which does not lengthen the lockout; else notes the count."""
    now = cx.clock.now()
    attempts = await cx.store.attempts.get(attempt.pool.pool_id, subject(cx, attempt), _KIND, now)
    if _locked(attempts, now):
        raise _exceeded()
    attempt.failures = attempts.failures


async def count_failure(cx: Context, attempt: Attempt) -> None:
    """A unit of work of its own: the count must survive the error that follows. The request's mark is used up with it. Raises
    NotAuthorizedException where others locked meanwhile."""
    now = cx.clock.now()

    async def unit(tx: Tx) -> None:
        await _count(cx, tx, attempt.pool.pool_id, subject(cx, attempt), now)
        if attempt.mark is not None:
            await cx.store.used_marks.add(tx, attempt.pool.pool_id, attempt.mark, now + _LONGEST)

    await cx.store.write(unit)


async def _count(cx: Context, tx: Tx, pool_id: str, subject: str, now: float) -> None:
    """One wrong password more, unless those of the same moment locked first: from then on wrong and right are answered alike, or a burst of
    guesses would show the right one by its other answer."""
    if _locked(await cx.store.attempts.get(pool_id, subject, _KIND, now, tx), now):
        raise _exceeded()
    await cx.store.attempts.add(tx, pool_id, subject, _KIND, now, _LONGEST)


async def clear(cx: Context, tx: Tx, attempt: Attempt) -> None:
    """Within the unit of a success: forgets the failures, unless so many came in meanwhile that this one came too late."""
    await _forget_in_time(cx, tx, attempt.pool.pool_id, subject(cx, attempt), attempt.failures)


async def _forget_in_time(cx: Context, tx: Tx, pool_id: str, subject: str, seen: int) -> None:
    now = cx.clock.now()
    attempts = await cx.store.attempts.get(pool_id, subject, _KIND, now, tx)
    if attempts.failures > seen and _locked(attempts, now):
        raise _exceeded()
    if attempts.failures:
        await cx.store.attempts.reset(tx, pool_id, subject, _KIND)


def _locked(attempts: Attempts, now: float) -> bool:
    if attempts.failures < _FREE:
        return False
    return now < attempts.last_at + min(2.0 ** min(attempts.failures - _FREE, 20), _LONGEST)


def _exceeded() -> errors.NotAuthorizedException:
    return errors.NotAuthorizedException("Password attempts exceeded")


async def forget(cx: Context, tx: Tx, user: User) -> None:
    """A new password that was proved otherwise ends the lockout."""
    await cx.store.attempts.reset(tx, user.pool_id, user.sub, _KIND)


async def check_password(cx: Context, pool: Pool, user: User, password: str) -> Callable[[Tx], Awaitable[None]]:
    """The present password, asked of a signed-in user, under the same lockout; what is returned belongs into the unit of what it allows.

    Raises NotAuthorizedException, and so does that unit where wrong ones locked meanwhile.
    """
    now = cx.clock.now()
    attempts = await cx.store.attempts.get(pool.pool_id, user.sub, _KIND, now)
    if _locked(attempts, now):
        raise _exceeded()
    if user.credential is None or not await credentials.proves(cx, user, user.credential, password):
        await cx.store.write(lambda tx: _count(cx, tx, pool.pool_id, user.sub, now))
        raise incorrect()
    return lambda tx: _forget_in_time(cx, tx, pool.pool_id, user.sub, attempts.failures)
