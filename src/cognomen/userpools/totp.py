"""Time-based one-time passwords (RFC 6238): six digits, 30 seconds, one step early or late. The secret is kept sealed, a code is taken once."""

from __future__ import annotations

import pyotp

from cognomen.api import errors
from cognomen.context import Context
from cognomen.kernel import secrets
from cognomen.kernel.secrets import Unsealable
from cognomen.storage.engine import Tx
from cognomen.storage.users import User

_PURPOSE = "software token"
_STEP = 30
_SECRET_CHARACTERS = 52  # 260 bits in base32, as AWS gives


def new_secret() -> str:
    return pyotp.random_base32(_SECRET_CHARACTERS)


def seal(cx: Context, user: User, secret: str) -> str:
    return cx.sealer.seal_text(_PURPOSE, secret.encode(), _bound(user))


def open_secret(cx: Context, user: User, sealed: str) -> str:
    """Raises SoftwareTokenMFANotFoundException where there is none."""
    try:
        return cx.sealer.open_text(_PURPOSE, sealed, _bound(user)).decode()
    except Unsealable as cause:
        raise errors.SoftwareTokenMFANotFoundException("Software token MFA has not been enabled by the user.") from cause


def step_of(cx: Context, secret: str, code: str) -> int | None:
    """The time step whose code this is; None for a wrong code."""
    now = int(cx.clock.now()) // _STEP
    generator = _Decoded(secret)
    found = None
    for step in (now - 1, now, now + 1):  # all three each time: how long it takes tells nothing
        if secrets.equal(generator.at(step), code):
            found = step
    return found


class _Decoded(pyotp.HOTP):
    """pyotp takes the base32 apart for each code; three are made at a time, and that was half of their cost."""

    _decoded: bytes | None = None

    def byte_secret(self) -> bytes:
        if self._decoded is None:
            self._decoded = super().byte_secret()
        return self._decoded


async def use(cx: Context, tx: Tx, user: User, step: int) -> None:
    """Within the unit that gives the code its effect. Raises ExpiredCodeException for a code that was used before (FIDELITY B.3.35)."""
    mark = cx.sealer.mac("software token code", user.pool_id.encode(), user.sub.encode(), str(step).encode())
    if not await cx.store.used_marks.add(tx, user.pool_id, mark, cx.clock.now() + 3 * _STEP):
        raise errors.ExpiredCodeException("Your software token has already been used once.")


def _bound(user: User) -> bytes:
    return f"{user.pool_id} {user.sub}".encode()
