"""Sync operations as AWS bills them: a session that was issued, once it ended with an update or by time. Updates count in their own unit of work. What is
issued is counted in memory and kept every few seconds, since asking must not write: a server that is killed forgets the last of those that nobody used.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime

from cognomen.kernel.clock import Clock
from cognomen.kernel.events import Events, SyncSessionBegan
from cognomen.kernel.log import get_logger
from cognomen.storage.engine import Tx
from cognomen.storage.errors import StorageError
from cognomen.storage.store import Store
from cognomen.storage.sync_sessions import together

SECONDS = 1_800.0  # of a session
_EVERY = 5.0
_LATE = 60.0  # by which servers' clocks may differ
_AT_ONCE = 200
log = get_logger("metering")


class SyncSessions:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._issued: Counter[tuple[str, int]] = Counter()

    def listen(self, events: Events) -> None:
        events.on(SyncSessionBegan, self._count)

    def _count(self, event: SyncSessionBegan) -> None:
        self._issued[event.pool_id, together(event.at + SECONDS)] += 1

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            await self.keep()
            await self.settle()

    async def keep(self) -> None:
        """Adds what was issued to what is open."""
        if not self._issued:
            return
        issued, self._issued = self._issued, Counter()
        try:
            await self._store.sync_sessions.issued(issued)
        except StorageError as error:
            self._issued.update(issued)
            log.warning("sync sessions could not be counted yet", reason=str(error))

    async def settle(self) -> None:
        """Adds what is over to its month."""
        before = self._clock.now() - _LATE

        async def unit(tx: Tx) -> None:
            for each in await self._store.sync_sessions.over(tx, before, _AT_ONCE):
                await self._store.sync_sessions.settle(tx, each, month_of(each.ends_at - SECONDS))

        try:
            while await self._store.sync_sessions.over(self._store.engine, before, 1):
                await self._store.write(unit)
        except StorageError as error:
            log.warning("sync sessions could not be settled yet", reason=str(error))


async def sessions_of(store: Store, pool_id: str, now: float) -> int:
    """Of this month: those that are over, and those that ended with an update."""
    month = month_of(now)
    ended = [each.ended for each in await store.sync_sessions.open_of_pool(pool_id) if month_of(each.ends_at - SECONDS) == month]
    return await store.sync_sessions.of_pool(pool_id, month) + sum(ended)


def month_of(at: float) -> str:
    """`YYYY-MM`, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m")
