"""What devices are still to be told: for each dataset to which one subscribed the newest sync count, until the device's platform took it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cognomen.storage.engine import Engine, Tx

_COLUMNS = "pool_id, identity_id, name, device_id, sync_count, created_at, due_at, failures"
_KEY = "pool_id = $1 AND identity_id = $2 AND name = $3 AND device_id = $4"


class Notice(msgspec.Struct, frozen=True):
    """`due_at` is when it may be tried (again), after so many failures in a row."""

    pool_id: str
    identity_id: str
    name: str
    device_id: str
    sync_count: int
    created_at: float
    due_at: float
    failures: int

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (self.pool_id, self.identity_id, self.name, self.device_id)


class SyncNotices:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add(self, tx: Tx, pool_id: str, identity_id: str, name: str, *, sync_count: int, but: str, now: float) -> bool:
        """For every subscriber but one. What waits is replaced, not doubled. True where there is one."""
        added = await tx.run(
            f"INSERT INTO sync_notices ({_COLUMNS})"
            " SELECT pool_id, identity_id, name, device_id, CAST($4 AS BIGINT), CAST($5 AS DOUBLE PRECISION),"
            " CAST($5 AS DOUBLE PRECISION), 0 FROM sync_subscriptions"
            " WHERE pool_id = $1 AND identity_id = $2 AND name = $3 AND device_id <> $6"
            " ON CONFLICT (pool_id, identity_id, name, device_id) DO UPDATE SET sync_count = excluded.sync_count",
            pool_id,
            identity_id,
            name,
            sync_count,
            now,
            but,
        )
        return added > 0

    async def claim(self, now: float, until: float, limit: int) -> list[Notice]:
        """Those that are due, longest due first; until then they are this process's own."""
        rows = await self._engine.rows(f"SELECT {_COLUMNS} FROM sync_notices WHERE due_at <= $1 ORDER BY due_at LIMIT $2", now, limit)
        if not rows:
            return []

        async def unit(tx: Tx) -> list[Notice]:
            taken = []
            for notice in (Notice(*row) for row in rows):
                row = await tx.row(f"SELECT {_COLUMNS} FROM sync_notices WHERE {_KEY} AND due_at = $5", *notice.key, notice.due_at)
                if row is not None:
                    await tx.run(f"UPDATE sync_notices SET due_at = $5 WHERE {_KEY}", *notice.key, until)
                    taken.append(msgspec.structs.replace(Notice(*row), due_at=until))
            return taken

        return await self._engine.write(unit, large=len(rows) > 32)

    async def told(self, notices: Sequence[Notice], now: float) -> None:
        """Forgets them; where a newer count came meanwhile, that is due at once."""

        async def unit(tx: Tx) -> None:
            for notice in notices:
                await tx.run(
                    f"UPDATE sync_notices SET due_at = $6, created_at = $6, failures = 0 WHERE {_KEY} AND sync_count > $5",
                    *notice.key,
                    notice.sync_count,
                    now,
                )
                await tx.run(f"DELETE FROM sync_notices WHERE {_KEY} AND sync_count <= $5", *notice.key, notice.sync_count)

        await self._engine.write(unit, large=len(notices) > 32)

    async def put_off(self, notices: Sequence[tuple[Notice, float]]) -> None:
        """Each to its time, unless another took it meanwhile."""

        async def unit(tx: Tx) -> None:
            for notice, due_at in notices:
                await tx.run(
                    f"UPDATE sync_notices SET due_at = $6, failures = $7 WHERE {_KEY} AND due_at = $5",
                    *notice.key,
                    notice.due_at,
                    due_at,
                    notice.failures + 1,
                )

        await self._engine.write(unit, large=len(notices) > 32)

    async def drop(self, notices: Sequence[Notice]) -> None:
        async def unit(tx: Tx) -> None:
            for notice in notices:
                await tx.run(f"DELETE FROM sync_notices WHERE {_KEY}", *notice.key)

        await self._engine.write(unit, large=len(notices) > 32)
