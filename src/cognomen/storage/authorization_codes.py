"""Authorization codes between the browser's sign-in and the app's token request: found by digest, used once."""

from __future__ import annotations

import msgspec

from cognomen.storage.engine import Engine, Reader, Tx

_COLUMNS = "pool_id, digest, sub, body, used, expires_at"


class AuthorizationCode(msgspec.Struct, frozen=True):
    """`body` is sealed by who issued it. `used` is 1 once tokens were given for it."""

    pool_id: str
    digest: bytes
    sub: str
    body: bytes
    used: int
    expires_at: float


class AuthorizationCodes:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add(self, tx: Tx, code: AuthorizationCode) -> None:
        await tx.run(
            f"INSERT INTO authorization_codes ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)",
            *msgspec.structs.astuple(code),
        )

    async def get(self, pool_id: str, digest: bytes, now: float, tx: Reader | None = None) -> AuthorizationCode | None:
        """Used ones too, until they expire."""
        sql = f"SELECT {_COLUMNS} FROM authorization_codes WHERE pool_id = $1 AND digest = $2 AND expires_at > $3"
        row = await (tx or self._engine).row(sql, pool_id, digest, now)
        return AuthorizationCode(*row) if row else None

    async def use(self, tx: Tx, code: AuthorizationCode) -> bool:
        """False when it was used before, or is gone."""
        return bool(
            await tx.run(
                "UPDATE authorization_codes SET used = 1 WHERE pool_id = $1 AND digest = $2 AND used = 0", code.pool_id, code.digest
            )
        )
