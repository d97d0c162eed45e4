"""Password hashes that came with imported users: sealed in the place of the credential until the first sign-in by a password sent in the
clear proves one; then the SRP verifier takes that place. SRP itself cannot work before, and fails as with a wrong password.
"""

from __future__ import annotations

import msgspec

from cognomen.context import Context
from cognomen.kernel import password_hashes
from cognomen.kernel.secrets import Sealer
from cognomen.storage.engine import Tx
from cognomen.storage.users import User

_MARK = b"\xf0"  # sealed values begin otherwise
_PURPOSE = "foreign password hash"


def seal(sealer: Sealer, pool_id: str, sub: str, text: str) -> bytes:
    """The credential of a user who brings the hash `text`."""
    return _MARK + sealer.seal(_PURPOSE, text.encode(), _bound(pool_id, sub))


def is_foreign(credential: bytes | None) -> bool:
    return credential is not None and credential[:1] == _MARK


async def matches(cx: Context, user: User, credential: bytes, password: str) -> bool:
    """Is this the password of the foreign `credential`? In a worker: such hashes are slow by intent."""
    text = cx.sealer.open(_PURPOSE, credential[1:], _bound(user.pool_id, user.sub)).decode()
    return await cx.workers.run(password_hashes.verify, text, password)


async def adopt(cx: Context, tx: Tx, user: User, sealed: bytes) -> bytes | None:
    """Within a unit: the proved password's own credential takes the hash's place, unless another one has meanwhile. The user's credential from
    then on. Raises Missing."""

    def update(present: User) -> User:
        return msgspec.structs.replace(present, credential=sealed) if present.credential == user.credential else present

    return (await cx.store.users.change(tx, user.pool_id, user.sub, update)).credential


def _bound(pool_id: str, sub: str) -> bytes:
    return f"{pool_id}/{sub}".encode()
