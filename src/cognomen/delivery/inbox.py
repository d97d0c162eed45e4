"""The inbox: messages kept in the database, sealed, for the page and for tests to read."""

from __future__ import annotations

import msgspec

from cognomen.delivery.message import Message
from cognomen.kernel import ids
from cognomen.kernel.clock import Clock
from cognomen.kernel.secrets import Sealer
from cognomen.storage.engine import Unit
from cognomen.storage.inbox import Inbox as InboxRows
from cognomen.storage.inbox import InboxRow

_PURPOSE = "inbox"
_TRIM_EVERY = 256


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message as `GET /inbox.json` shows it (PRODUCT.md, "Inbox")."""

    id: str
    channel: str
    to: str
    pool_id: str
    username: str
    subject: str
    body: str
    code: str | None
    link: str | None
    sent_at: float
    text: str | None = None
    sender: str | None = None
    reply_to: str | None = None


class Inbox:
    def __init__(self, rows: InboxRows, sealer: Sealer, clock: Clock) -> None:
        self._rows = rows
        self._sealer = sealer
        self._clock = clock
        self._sent = 0
        self._last = 0.0

    async def send(self, message: Message, first: Unit[None] | None = None) -> None:
        """`first` is written before it, in the same unit."""
        message_id = ids.uuid()
        # Newest first needs an order among messages of one instant.
        self._last = max(self._clock.now(), self._last + 1e-6)
        sealed = self._sealer.seal(_PURPOSE, msgspec.json.encode(message), message_id.encode())
        await self._rows.add(InboxRow(message_id, message.pool_id, message.channel, message.to.lower(), self._last, sealed), first)
        self._sent += 1
        if self._sent % _TRIM_EVERY == 0:
            await self._rows.trim()

    async def newest(self, to: str | None = None, limit: int = 100) -> list[Kept]:
        """Newest first; of one address (case does not count), or of all."""
        rows = await self._rows.newest(to.lower() if to is not None else None, limit)
        return [self._open(row) for row in rows]

    async def clear(self) -> None:
        await self._rows.clear()

    def _open(self, row: InboxRow) -> Kept:
        message = msgspec.json.decode(self._sealer.open(_PURPOSE, row.body, row.message_id.encode()), type=Message)
        return Kept(id=row.message_id, sent_at=row.sent_at, **msgspec.structs.asdict(message))
