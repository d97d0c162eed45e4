"""Sync operations, counted by identity pool and month: a session that begins is one, however it ends. Counted in memory and added up every
few seconds: a server that is killed loses the count of those."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime

from cognomen.kernel.events import Events, SyncSessionBegan
from cognomen.kernel.log import get_logger
from cognomen.storage.engine import Tx
from cognomen.storage.errors import StorageError
from cognomen.storage.store import Store

_EVERY = 5.0
log = get_logger("metering")


class SyncSessions:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts: Counter[tuple[str, str]] = Counter()

    def listen(self, events: Events) -> None:
        events.on(SyncSessionBegan, self._count)

    def _count(self, event: SyncSessionBegan) -> None:
        self._counts[event.pool_id, month_of(event.at)] += 1

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            await self.keep()

    async def keep(self) -> None:
        """Adds what was counted to the pools' months."""
        if not self._counts:
            return
        counted, self._counts = self._counts, Counter()

        async def unit(tx: Tx) -> None:
            for (pool_id, month), more in sorted(counted.items()):
                await self._store.datasets.count_sessions(tx, pool_id, month, more)

        try:
            await self._store.write(unit)
        except StorageError as error:
            self._counts.update(counted)
            log.warning("sync sessions could not be counted yet", reason=str(error))


def month_of(at: float) -> str:
    """`YYYY-MM`, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m")
