"""Passwords as they are kept: an SRP salt and verifier, sealed to the user. The password itself is never stored, nor any other hash of it.

The SRP identity is the user's own user name (USER_ID_FOR_SRP), whichever alias they typed.
"""

from __future__ import annotations

import secrets

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.kernel import srp
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools import foreign_passwords, nobody
from cognomen.userpools.rules import password_policy

_PURPOSE = "credential"
_SALT_BYTES = 16


def suffix(pool_id: str) -> str:
    """The part of the pool's id that SRP hashes with the user name."""
    return pool_id.split("_", 1)[-1]


def make(cx: Context, pool_id: str, username: str, sub: str, password: str) -> bytes:
    """The sealed credential of a new password. In the loop's own thread, as `matches`."""
    verifier = srp.make_verifier(suffix(pool_id), username, password)
    return cx.sealer.seal(_PURPOSE, verifier.salt + verifier.value, _bound(pool_id, sub))


def of(cx: Context, pool: Pool, user: User | None, typed: str) -> srp.Verifier:
    """What proves this user's password; for nobody, or a user without a password, a decoy that costs the same to check."""
    if user is None or user.credential is None or foreign_passwords.is_foreign(user.credential):
        return nobody.verifier(cx, pool, typed)
    return _open(cx, user, user.credential)


def mark(cx: Context, user: User | None) -> str:
    """Tells one password of a user from the next, and nothing else; as long for nobody."""
    sealed = user.credential if user is not None else None
    return cx.sealer.mac("password mark", sealed or b"").hex()[:16]


def _open(cx: Context, user: User, sealed: bytes) -> srp.Verifier:
    clear = cx.sealer.open(_PURPOSE, sealed, _bound(user.pool_id, user.sub))
    return srp.Verifier(clear[:_SALT_BYTES], clear[_SALT_BYTES:])


def matches(verifier: srp.Verifier, pool_id: str, username: str, password: str) -> bool:
    """Is this the password? Costs the same for every verifier and every password.

    In the loop's own thread: the table's arithmetic keeps the interpreter lock (0.25 ms), so a worker would only add the way there and back."""
    return srp.check_password(verifier, suffix(pool_id), username, password)


async def proves(cx: Context, user: User, sealed: bytes, password: str) -> bool:
    """Is this the password of one of the user's sealed credentials, present or past, their own or one that they brought?"""
    if foreign_passwords.is_foreign(sealed):
        return await foreign_passwords.matches(cx, user, sealed, password)
    return matches(_open(cx, user, sealed), user.pool_id, user.username, password)


async def check_new(cx: Context, pool: Pool, user: User, password: str) -> None:
    """Raises InvalidPasswordException or PasswordHistoryPolicyViolationException when the pool's policy refuses the password."""
    policy = password_policy.of(pool)
    password_policy.check(policy, password)
    remembered = policy.password_history_size or 0
    if not remembered:
        return
    past = await cx.store.users.past_credentials(cx.store.engine, pool.pool_id, user.sub, remembered - 1)
    for sealed in [user.credential, *past]:
        if sealed is not None and await proves(cx, user, sealed, password):
            raise errors.PasswordHistoryPolicyViolationException("Password has previously been used.")


async def replace(cx: Context, tx: Tx, pool: Pool, user: User, sealed: bytes, **changes: object) -> User:
    """Within a unit: the user's credential becomes `sealed`, the old one is remembered, `changes` are applied beside it. Raises Missing."""
    now = cx.clock.now()
    remembered = password_policy.of(pool).password_history_size or 0
    if remembered:
        await cx.store.users.remember_credential(tx, user, now, remembered - 1)
    return await cx.store.users.change(
        tx, user.pool_id, user.sub, lambda present: msgspec.structs.replace(present, credential=sealed, modified_at=now, **changes)
    )


def void(cx: Context, present: User, now: float) -> User:
    """The user, who must choose another password. Who has none here gets one that nobody knows: the one that is kept elsewhere counts no more."""
    credential = present.credential or make(cx, present.pool_id, present.username, present.sub, secrets.token_urlsafe(32))
    return msgspec.structs.replace(present, status="RESET_REQUIRED", credential=credential, modified_at=now)


def _bound(pool_id: str, sub: str) -> bytes:
    return f"{pool_id}/{sub}".encode()
