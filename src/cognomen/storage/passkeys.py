"""Registered passkeys: public keys and counters, by user."""

from __future__ import annotations

import msgspec

from cognomen.storage.engine import Engine, Reader, Row, Tx
from cognomen.storage.errors import Stale

_COLUMNS = "pool_id, sub, credential_id, public_key, sign_count, relying_party_id, attachment, transports, name, created_at, used_at"


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """`credential_id` is base64url without padding, as browsers give it; `public_key` is a COSE key."""

    pool_id: str
    sub: str
    credential_id: str
    public_key: bytes
    sign_count: int
    relying_party_id: str
    attachment: str | None
    transports: list[str]
    name: str
    created_at: float
    used_at: float | None = None


def _passkey(row: Row) -> Passkey:
    return Passkey(
        pool_id=row[0],
        sub=row[1],
        credential_id=row[2],
        public_key=row[3],
        sign_count=row[4],
        relying_party_id=row[5],
        attachment=row[6],
        transports=msgspec.json.decode(row[7], type=list[str]),
        name=row[8],
        created_at=row[9],
        used_at=row[10],
    )


class Passkeys:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add(self, tx: Tx, passkey: Passkey) -> None:
        """Raises Taken when the pool knows the credential already, of whichever user."""
        await tx.run(
            f"INSERT INTO passkeys ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            passkey.pool_id,
            passkey.sub,
            passkey.credential_id,
            passkey.public_key,
            passkey.sign_count,
            passkey.relying_party_id,
            passkey.attachment,
            msgspec.json.encode(passkey.transports).decode(),
            passkey.name,
            passkey.created_at,
            passkey.used_at,
        )

    async def of_user(self, pool_id: str, sub: str, after: str = "", limit: int = 100, tx: Reader | None = None) -> list[Passkey]:
        """Ordered by credential id; `after` is the last one seen."""
        rows = await (tx or self._engine).rows(
            f"SELECT {_COLUMNS} FROM passkeys WHERE pool_id = $1 AND sub = $2 AND credential_id > $3 ORDER BY credential_id LIMIT $4",
            pool_id,
            sub,
            after,
            limit,
        )
        return [_passkey(row) for row in rows]

    async def get(self, pool_id: str, sub: str, credential_id: str) -> Passkey | None:
        row = await self._engine.row(
            f"SELECT {_COLUMNS} FROM passkeys WHERE pool_id = $1 AND sub = $2 AND credential_id = $3", pool_id, sub, credential_id
        )
        return _passkey(row) if row else None

    async def use(self, tx: Tx, passkey: Passkey, sign_count: int, now: float) -> None:
        """Keeps the counter of a use. Raises Stale when the passkey was used or removed since it was read."""
        changed = await tx.run(
            "UPDATE passkeys SET sign_count = $4, used_at = $5 WHERE pool_id = $1 AND sub = $2 AND credential_id = $3 AND sign_count = $6",
            passkey.pool_id,
            passkey.sub,
            passkey.credential_id,
            sign_count,
            now,
            passkey.sign_count,
        )
        if not changed:
            raise Stale(passkey.credential_id)

    async def remove(self, tx: Tx, pool_id: str, sub: str, credential_id: str) -> bool:
        return bool(
            await tx.run("DELETE FROM passkeys WHERE pool_id = $1 AND sub = $2 AND credential_id = $3", pool_id, sub, credential_id)
        )
