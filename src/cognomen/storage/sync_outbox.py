"""Changes of datasets on their way to a pool's stream. They are written in the unit of the change and stay until they arrived.

Whoever delivers a pool's changes takes its queue for a while; a process that dies leaves it to the others once that time has come.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

import msgspec

from cognomen.storage.engine import Engine, Row, Tx

_COLUMNS = "pool_id, position, identity_id, name, sync_count, operation, modified_at, records"
_ORDER = "position, identity_id, name, sync_count"
_MOST_POOLS = 1_000


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """`position` in microseconds; `operation` is replace, or remove for a dataset that was deleted; `records` is a JSON list."""

    pool_id: str
    position: int
    identity_id: str
    name: str
    sync_count: int
    operation: str
    modified_at: float
    records: str


class Claim(msgspec.Struct, frozen=True):
    """A pool's queue is this process's own until `until`; `failures` in a row."""

    pool_id: str
    until: float
    failures: int


def _change(row: Row) -> Change:
    return Change(
        pool_id=row[0],
        position=row[1],
        identity_id=row[2],
        name=row[3],
        sync_count=row[4],
        operation=row[5],
        modified_at=row[6],
        records=row[7],
    )


class SyncOutbox:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add(self, tx: Tx, change: Change) -> None:
        await tx.run(f"INSERT INTO sync_outbox ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", *msgspec.structs.astuple(change))

    async def waiting(self) -> list[str]:
        """Pools with changes that wait: one look at the index for each, however many changes there are."""
        found: list[str] = []
        after = ""
        while len(found) < _MOST_POOLS:
            row = await self._engine.row("SELECT pool_id FROM sync_outbox WHERE pool_id > $1 ORDER BY pool_id LIMIT 1", after)
            if row is None:
                break
            after = row[0]
            found.append(after)
        return found

    async def claim(self, pool_id: str, now: float, until: float) -> Claim | None:
        """None while another has it, or while it is not due again."""

        async def unit(tx: Tx) -> Claim | None:
            row = await tx.row("SELECT due_at, failures FROM sync_queues WHERE pool_id = $1", pool_id)
            if row is not None and row[0] > now:
                return None
            await tx.run(
                "INSERT INTO sync_queues (pool_id, due_at, failures) VALUES ($1, $2, 0)"
                " ON CONFLICT (pool_id) DO UPDATE SET due_at = excluded.due_at",
                pool_id,
                until,
            )
            return Claim(pool_id, until, int(row[1]) if row is not None else 0)

        return await self._engine.write(unit)

    async def release(self, claim: Claim, *, due_at: float, failures: int) -> None:
        """Gives the queue back, unless its time was over and another has it."""

        async def unit(tx: Tx) -> None:
            await tx.run(
                "UPDATE sync_queues SET due_at = $3, failures = $4 WHERE pool_id = $1 AND due_at = $2",
                claim.pool_id,
                claim.until,
                due_at,
                failures,
            )

        await self._engine.write(unit)

    async def due_now(self, pool_id: str) -> None:
        """A stream that was set anew is tried at once."""

        async def unit(tx: Tx) -> None:
            await tx.run("UPDATE sync_queues SET due_at = 0, failures = 0 WHERE pool_id = $1", pool_id)

        await self._engine.write(unit)

    async def first(self, pool_id: str, limit: int, characters: int) -> list[Change]:
        """The oldest, in order: up to `limit`, and no more than hold so many characters, but at least one."""
        lengths = await self._engine.rows(
            f"SELECT LENGTH(records) FROM sync_outbox WHERE pool_id = $1 ORDER BY {_ORDER} LIMIT $2", pool_id, limit
        )
        fits = sum(total <= characters for total in accumulate(int(row[0]) for row in lengths))
        rows = await self._engine.rows(
            f"SELECT {_COLUMNS} FROM sync_outbox WHERE pool_id = $1 ORDER BY {_ORDER} LIMIT $2", pool_id, max(fits, 1)
        )
        return [_change(row) for row in rows]

    async def delivered(self, changes: Iterable[Change]) -> None:
        gone = list(changes)

        async def unit(tx: Tx) -> None:
            for change in gone:
                await tx.run(
                    "DELETE FROM sync_outbox WHERE pool_id = $1 AND position = $2 AND identity_id = $3 AND name = $4 AND sync_count = $5",
                    change.pool_id,
                    change.position,
                    change.identity_id,
                    change.name,
                    change.sync_count,
                )

        await self._engine.write(unit, large=len(gone) > 32)

    async def keep_payload(self, pool_id: str, payload_id: str, identity_id: str, records: str, expires_at: float) -> None:
        """What is kept already stays as it is, for longer."""

        async def unit(tx: Tx) -> None:
            await tx.run(
                "INSERT INTO sync_payloads (pool_id, payload_id, identity_id, expires_at, records) VALUES ($1, $2, $3, $4, $5)"
                " ON CONFLICT (pool_id, payload_id) DO UPDATE SET expires_at = excluded.expires_at",
                pool_id,
                payload_id,
                identity_id,
                expires_at,
                records,
            )

        await self._engine.write(unit, large=True)

    async def payload(self, pool_id: str, payload_id: str) -> str | None:
        row = await self._engine.row("SELECT records FROM sync_payloads WHERE pool_id = $1 AND payload_id = $2", pool_id, payload_id)
        return str(row[0]) if row else None


async def forget(tx: Tx, pool_id: str, identity_id: str) -> None:
    """Within the unit that removes an identity."""
    for table in ("sync_outbox", "sync_payloads"):
        await tx.run(f"DELETE FROM {table} WHERE pool_id = $1 AND identity_id = $2", pool_id, identity_id)
