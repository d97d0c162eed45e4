"""Devices that users confirmed: found by user and key, listed in pages by key."""

from __future__ import annotations

import msgspec

from cognomen.storage.engine import Engine, Reader, Row, Tx

_COLUMNS = "pool_id, sub, device_key, name, status, verifier, created_at, modified_at, authenticated_at, last_ip, asked"
_KEY = "pool_id = $1 AND sub = $2 AND device_key = $3"


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device of one user. `verifier` is sealed. `status` is remembered or not_remembered; `asked` a challenge under way, sealed."""

    pool_id: str
    sub: str
    device_key: str
    name: str | None
    status: str
    verifier: bytes
    created_at: float
    modified_at: float
    authenticated_at: float
    last_ip: str
    asked: str | None = None


_NAMES = Device.__struct_fields__


def _device(row: Row) -> Device:
    return Device(**dict(zip(_NAMES, row, strict=True)))


class Devices:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add(self, tx: Tx, device: Device) -> None:
        """Raises Taken when the user has this device already."""
        values = ", ".join(f"${n}" for n in range(1, len(_NAMES) + 1))
        await tx.run(f"INSERT INTO devices ({_COLUMNS}) VALUES ({values})", *msgspec.structs.astuple(device))

    async def get(self, pool_id: str, sub: str, device_key: str, tx: Reader | None = None) -> Device | None:
        row = await (tx or self._engine).row(f"SELECT {_COLUMNS} FROM devices WHERE {_KEY}", pool_id, sub, device_key)
        return _device(row) if row else None

    async def page(self, pool_id: str, sub: str, after: str, limit: int) -> list[Device]:
        rows = await self._engine.rows(
            f"SELECT {_COLUMNS} FROM devices WHERE pool_id = $1 AND sub = $2 AND device_key > $3 ORDER BY device_key LIMIT $4",
            pool_id,
            sub,
            after,
            limit,
        )
        return [_device(row) for row in rows]

    async def set_status(self, tx: Tx, pool_id: str, sub: str, device_key: str, status: str, now: float) -> bool:
        """False when there is no such device; so do the others answer."""
        return bool(await tx.run(f"UPDATE devices SET status = $4, modified_at = $5 WHERE {_KEY}", pool_id, sub, device_key, status, now))

    async def ask(self, tx: Tx, pool_id: str, sub: str, device_key: str, asked: str) -> bool:
        return bool(await tx.run(f"UPDATE devices SET asked = $4 WHERE {_KEY}", pool_id, sub, device_key, asked))

    async def authenticated(self, tx: Tx, pool_id: str, sub: str, device_key: str, now: float, ip: str) -> bool:
        """A sign-in with the device: no challenge of it is under way any more."""
        return bool(
            await tx.run(
                f"UPDATE devices SET authenticated_at = $4, last_ip = $5, asked = NULL WHERE {_KEY}", pool_id, sub, device_key, now, ip
            )
        )

    async def remove(self, tx: Tx, pool_id: str, sub: str, device_key: str) -> bool:
        return bool(await tx.run(f"DELETE FROM devices WHERE {_KEY}", pool_id, sub, device_key))
