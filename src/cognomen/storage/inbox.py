"""Messages kept for the inbox page; their bodies are sealed, and the oldest go when there are too many."""

from __future__ import annotations

import msgspec

from cognomen.storage.engine import Engine, Tx, Unit

MOST = 10_000


class InboxRow(msgspec.Struct, frozen=True):
    message_id: str
    pool_id: str
    channel: str
    recipient: str
    sent_at: float
    body: bytes


_COLUMNS = "message_id, pool_id, channel, recipient, sent_at, body"


class Inbox:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add(self, row: InboxRow, first: Unit[None] | None = None) -> None:
        """`first` is done in the same unit; what it raises leaves no row."""

        async def unit(tx: Tx) -> None:
            if first is not None:
                await first(tx)
            await tx.run(f"INSERT INTO inbox ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)", *msgspec.structs.astuple(row))

        await self._engine.write(unit)

    async def newest(self, recipient: str | None, limit: int) -> list[InboxRow]:
        """Newest first; of one recipient, or of all."""
        if recipient is None:
            rows = await self._engine.rows(f"SELECT {_COLUMNS} FROM inbox ORDER BY sent_at DESC LIMIT $1", limit)
        else:
            rows = await self._engine.rows(
                f"SELECT {_COLUMNS} FROM inbox WHERE recipient = $1 ORDER BY sent_at DESC LIMIT $2", recipient, limit
            )
        return [InboxRow(*row) for row in rows]

    async def clear(self) -> None:
        async def unit(tx: Tx) -> None:
            await tx.run("DELETE FROM inbox")

        await self._engine.write(unit, large=True)

    async def trim(self) -> None:
        """Removes the oldest beyond MOST."""

        async def unit(tx: Tx) -> None:
            await tx.run(
                "DELETE FROM inbox WHERE message_id IN (SELECT message_id FROM inbox ORDER BY sent_at DESC LIMIT $1 OFFSET $2)", 1000, MOST
            )

        await self._engine.write(unit, large=True)
