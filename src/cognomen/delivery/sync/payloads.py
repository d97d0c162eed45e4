"""Changes as records of a stream. One too large for a record is kept apart for a week, at an address that only the stream's reader learns."""

from __future__ import annotations

import msgspec

from cognomen.delivery.sync import record
from cognomen.delivery.sync.record import StreamRecord
from cognomen.kernel.clock import Clock
from cognomen.kernel.secrets import Sealer, Unsealable
from cognomen.storage.store import Store
from cognomen.storage.sync_outbox import Change

SECONDS = 7 * 86_400.0  # as long as an address that S3 signs
PATH = "/sync/updates"
_PURPOSE = "sync update"
_LONGEST = 1_024


class Named(msgspec.Struct, frozen=True, array_like=True):
    pool_id: str
    payload_id: str
    ends_at: float


class Payloads:
    def __init__(self, store: Store, clock: Clock, sealer: Sealer, own_url: str) -> None:
        self._store = store
        self._clock = clock
        self._sealer = sealer
        self._own_url = own_url

    async def record_of(self, change: Change) -> StreamRecord:
        data = record.inline(change)
        if len(data) > record.MOST_BYTES:
            named = Named(change.pool_id, record.payload_id(change), self._clock.now() + SECONDS)
            await self._store.sync_outbox.keep_payload(named.pool_id, named.payload_id, change.identity_id, change.records, named.ends_at)
            token = self._sealer.seal_text(_PURPOSE, msgspec.msgpack.encode(named))
            data = record.by_address(change, f"{self._own_url}{PATH}/{token}")
        return StreamRecord(change.identity_id, data, change)

    async def at(self, token: str) -> str | None:
        """The records of an update, as JSON; None where there is nothing, or nothing any more."""
        try:
            if len(token) > _LONGEST:
                return None
            named = msgspec.msgpack.decode(self._sealer.open_text(_PURPOSE, token), type=Named)
        except (Unsealable, UnicodeEncodeError):
            return None
        if self._clock.now() >= named.ends_at:
            return None
        return await self._store.sync_outbox.payload(named.pool_id, named.payload_id)
