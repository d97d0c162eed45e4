"""The last bulk publish of each identity pool: how it stands, and how far it came, so that another process can go on with it."""

from __future__ import annotations

import msgspec

from cognomen.storage.engine import Engine, Reader, Row, Tx

_COLUMNS = "pool_id, status, started_at, completed_at, message, identity_id, name, due_at, failures"
IN_PROGRESS, SUCCEEDED, FAILED = "IN_PROGRESS", "SUCCEEDED", "FAILED"


class Bulk(msgspec.Struct, frozen=True):
    """Goes on behind the dataset `name` of `identity_id`; `due_at` is when it may be tried (again)."""

    pool_id: str
    status: str
    started_at: float
    completed_at: float | None
    message: str
    identity_id: str
    name: str
    due_at: float
    failures: int


def _bulk(row: Row) -> Bulk:
    return Bulk(*row)


class SyncBulks:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get(self, pool_id: str, tx: Reader | None = None) -> Bulk | None:
        row = await (tx or self._engine).row(f"SELECT {_COLUMNS} FROM sync_bulk WHERE pool_id = $1", pool_id)
        return _bulk(row) if row else None

    async def start(self, tx: Tx, pool_id: str, now: float) -> None:
        """In the place of the last one."""
        await tx.run("DELETE FROM sync_bulk WHERE pool_id = $1", pool_id)
        await tx.run(
            f"INSERT INTO sync_bulk ({_COLUMNS}) VALUES ($1, $2, $3, NULL, '', '', '', $3, 0)",
            pool_id,
            IN_PROGRESS,
            now,
        )

    async def claim(self, now: float, until: float) -> Bulk | None:
        """One that is due, this process's own until then."""
        row = await self._engine.row(
            f"SELECT {_COLUMNS} FROM sync_bulk WHERE status = $1 AND due_at <= $2 ORDER BY due_at LIMIT 1", IN_PROGRESS, now
        )
        if row is None:
            return None
        found = _bulk(row)

        async def unit(tx: Tx) -> bool:
            return (
                await tx.run("UPDATE sync_bulk SET due_at = $3 WHERE pool_id = $1 AND due_at = $2", found.pool_id, found.due_at, until) == 1
            )

        return msgspec.structs.replace(found, due_at=until) if await self._engine.write(unit) else None

    async def change(self, before: Bulk, after: Bulk) -> bool:
        """False where another goes on with it, or where it was started anew."""

        async def unit(tx: Tx) -> bool:
            changed = await tx.run(
                "UPDATE sync_bulk SET status = $4, completed_at = $5, message = $6, identity_id = $7, name = $8, due_at = $9, failures = $10"
                " WHERE pool_id = $1 AND started_at = $2 AND due_at = $3",
                before.pool_id,
                before.started_at,
                before.due_at,
                after.status,
                after.completed_at,
                after.message,
                after.identity_id,
                after.name,
                after.due_at,
                after.failures,
            )
            return changed == 1

        return await self._engine.write(unit)
