"""How many sync sessions a pool had: those of a month, and those that may still go on, by the moment at which they end."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import msgspec

from cognomen.storage.engine import Engine, Reader, Tx

_SHARDS = 32
_EVERY = 300  # seconds: sessions that end within are counted together
_UPSERT = (
    "INSERT INTO sync_open_sessions (pool_id, ends_at, shard, issued, ended) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (pool_id, ends_at, shard) DO UPDATE SET issued = sync_open_sessions.issued + excluded.issued,"
    " ended = sync_open_sessions.ended + excluded.ended"
)


class Open(msgspec.Struct, frozen=True):
    """Sessions of a pool that end until `ends_at`."""

    pool_id: str
    ends_at: int
    issued: int
    ended: int


def together(ends_at: float) -> int:
    """The moment with which a session's end is counted."""
    return int(ends_at // _EVERY + 1) * _EVERY


class SyncSessions:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def end(self, tx: Tx, pool_id: str, identity_id: str, ends_at: float) -> None:
        """Within the unit of the update that ends it."""
        await tx.run(_UPSERT, pool_id, together(ends_at), zlib.crc32(identity_id.encode()) % _SHARDS, 0, 1)

    async def issued(self, counts: Mapping[tuple[str, int], int]) -> None:
        """Adds sessions, by pool and the moment of `together`."""

        async def unit(tx: Tx) -> None:
            for (pool_id, ends_at), more in sorted(counts.items()):
                await tx.run(_UPSERT, pool_id, ends_at, 0, more, 0)

        await self._engine.write(unit)

    async def over(self, tx: Reader, now: float, limit: int) -> list[Open]:
        """Those that cannot go on any more."""
        rows = await tx.rows(
            "SELECT pool_id, ends_at, SUM(issued), SUM(ended) FROM sync_open_sessions WHERE ends_at < $1"
            " GROUP BY pool_id, ends_at ORDER BY ends_at, pool_id LIMIT $2",
            int(now),
            limit,
        )
        return [Open(row[0], row[1], int(row[2]), int(row[3])) for row in rows]

    async def settle(self, tx: Tx, of: Open, month: str) -> None:
        """Adds them to their month. Each counts once, however it ended; more can have ended than are known to have been issued, where a server was
        killed before it kept that."""
        await tx.run("DELETE FROM sync_open_sessions WHERE pool_id = $1 AND ends_at = $2", of.pool_id, of.ends_at)
        await tx.run(
            "INSERT INTO sync_sessions (pool_id, month, sessions) VALUES ($1, $2, $3)"
            " ON CONFLICT (pool_id, month) DO UPDATE SET sessions = sync_sessions.sessions + excluded.sessions",
            of.pool_id,
            month,
            max(of.issued, of.ended),
        )

    async def of_pool(self, pool_id: str, month: str) -> int:
        """What is settled of a month."""
        row = await self._engine.row("SELECT sessions FROM sync_sessions WHERE pool_id = $1 AND month = $2", pool_id, month)
        return int(row[0]) if row is not None else 0

    async def open_of_pool(self, pool_id: str) -> list[Open]:
        rows = await self._engine.rows(
            "SELECT pool_id, ends_at, SUM(issued), SUM(ended) FROM sync_open_sessions WHERE pool_id = $1 GROUP BY pool_id, ends_at", pool_id
        )
        return [Open(row[0], row[1], int(row[2]), int(row[3])) for row in rows]
