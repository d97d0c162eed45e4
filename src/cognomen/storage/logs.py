"""Log records that wait for their destination: a queue for each pool and destination, in order, bounded.

Whoever delivers a queue first pushes its due time ahead, so that no other process does the same; a process that dies leaves it to the
others once that time has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from cognomen.storage.engine import Engine, Tx

MOST = 100_000  # records that wait in one queue; later ones are not kept


class LogEntry(msgspec.Struct, frozen=True):
    """One record as it will be sent (JSON); `entry_id` orders the records of a queue."""

    pool_id: str
    destination: str
    entry_id: str
    created_at: float
    record: str


class LogQueue(msgspec.Struct, frozen=True):
    """`failures` in a row; `due_at` is when it may be tried (again)."""

    pool_id: str
    destination: str
    failures: int
    due_at: float


class LogQueues:
    def __init__(self, engine: Engine, most: int = MOST) -> None:
        self._engine = engine
        self._most = most

    async def add(self, entries: Sequence[LogEntry], now: float) -> int:
        """Keeps the entries, in one unit; returns how many had no room in their queue. Those of a pool that is gone are not kept."""
        queues: dict[tuple[str, str], list[LogEntry]] = {}
        for entry in entries:
            queues.setdefault((entry.pool_id, entry.destination), []).append(entry)

        async def unit(tx: Tx) -> int:
            refused = 0
            for (pool_id, destination), waiting in queues.items():
                if await tx.row("SELECT 1 FROM pools WHERE pool_id = $1 AND state = 'active'", pool_id) is None:
                    continue
                row = await tx.row("SELECT waiting FROM log_queues WHERE pool_id = $1 AND destination = $2", pool_id, destination)
                kept = waiting[: max(self._most - (row[0] if row else 0), 0)]
                refused += len(waiting) - len(kept)
                for entry in kept:
                    await tx.run(
                        "INSERT INTO log_entries (pool_id, destination, entry_id, created_at, record) VALUES ($1, $2, $3, $4, $5)",
                        *msgspec.structs.astuple(entry),
                    )
                if kept:
                    await tx.run(
                        "INSERT INTO log_queues (pool_id, destination, waiting, failures, due_at) VALUES ($1, $2, $3, 0, $4)"
                        " ON CONFLICT (pool_id, destination) DO UPDATE SET waiting = log_queues.waiting + excluded.waiting",
                        pool_id,
                        destination,
                        len(kept),
                        now,
                    )
            return refused

        return await self._engine.write(unit)

    async def due(self, now: float, limit: int) -> list[LogQueue]:
        """Queues whose time has come, longest due first."""
        rows = await self._engine.rows(
            "SELECT pool_id, destination, failures, due_at FROM log_queues WHERE due_at <= $1 ORDER BY due_at LIMIT $2", now, limit
        )
        return [LogQueue(*row) for row in rows]

    async def claim(self, queue: LogQueue, until: float) -> bool:
        """Makes the queue this process's own until then; False when another was first."""

        async def unit(tx: Tx) -> bool:
            changed = await tx.run(
                "UPDATE log_queues SET due_at = $4 WHERE pool_id = $1 AND destination = $2 AND due_at = $3",
                queue.pool_id,
                queue.destination,
                queue.due_at,
                until,
            )
            return changed == 1

        return await self._engine.write(unit)

    async def first(self, queue: LogQueue, limit: int) -> list[LogEntry]:
        """The oldest entries of a queue."""
        rows = await self._engine.rows(
            "SELECT pool_id, destination, entry_id, created_at, record FROM log_entries"
            " WHERE pool_id = $1 AND destination = $2 ORDER BY entry_id LIMIT $3",
            queue.pool_id,
            queue.destination,
            limit,
        )
        return [LogEntry(*row) for row in rows]

    async def delivered(self, queue: LogQueue, entry_ids: Iterable[str], now: float) -> None:
        """Forgets what has arrived. The queue is due again at once while something waits, and gone when nothing does."""
        gone = list(entry_ids)

        async def unit(tx: Tx) -> None:
            removed = 0
            for entry_id in gone:
                removed += await tx.run(
                    "DELETE FROM log_entries WHERE pool_id = $1 AND destination = $2 AND entry_id = $3",
                    queue.pool_id,
                    queue.destination,
                    entry_id,
                )
            await self._settle(tx, queue, removed, failures=0, due_at=now)

        await self._engine.write(unit, large=len(gone) > 32)

    async def failed(self, queue: LogQueue, *, due_at: float, before: float) -> int:
        """Puts the next try off, and drops what was kept `before` then; returns how many records that were."""

        async def unit(tx: Tx) -> int:
            removed = await tx.run(
                "DELETE FROM log_entries WHERE pool_id = $1 AND destination = $2 AND created_at < $3",
                queue.pool_id,
                queue.destination,
                before,
            )
            await self._settle(tx, queue, removed, failures=queue.failures + 1, due_at=due_at)
            return removed

        return await self._engine.write(unit, large=True)

    async def drop(self, queue: LogQueue) -> int:
        """Drops all that waits for a destination that is gone; returns how many records that were."""

        async def unit(tx: Tx) -> int:
            key = (queue.pool_id, queue.destination)
            removed = await tx.run("DELETE FROM log_entries WHERE pool_id = $1 AND destination = $2", *key)
            await tx.run("DELETE FROM log_queues WHERE pool_id = $1 AND destination = $2", *key)
            return removed

        return await self._engine.write(unit, large=True)

    @staticmethod
    async def _settle(tx: Tx, queue: LogQueue, removed: int, *, failures: int, due_at: float) -> None:
        key = (queue.pool_id, queue.destination)
        if await tx.row("SELECT 1 FROM log_entries WHERE pool_id = $1 AND destination = $2 LIMIT 1", *key) is None:
            await tx.run("DELETE FROM log_queues WHERE pool_id = $1 AND destination = $2", *key)
            return
        await tx.run(
            "UPDATE log_queues SET waiting = waiting - $3, failures = $4, due_at = $5 WHERE pool_id = $1 AND destination = $2",
            *key,
            removed,
            failures,
            due_at,
        )
