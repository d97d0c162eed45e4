"""Hears what happens and puts it into the queues of the database. A listener cannot wait: what it hears stands in memory for a moment.

A process that is killed loses what it heard within that moment, and nothing that was written.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Iterator

from cognomen.delivery.logs import records
from cognomen.kernel.clock import Clock
from cognomen.kernel.events import Event, Events
from cognomen.kernel.log import get_logger
from cognomen.storage.logs import LogEntry
from cognomen.storage.pools import Pool
from cognomen.storage.store import Store

MOST = 10_000  # events that stand in memory; more are not kept
_AT_ONCE = 200  # events in one unit of work
log = get_logger("logs")


class Collector:
    """`everywhere` are destinations of the server, which get the records of every pool; `heard` is called when there is something to flush."""

    def __init__(self, store: Store, clock: Clock, everywhere: tuple[str, ...], heard: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._everywhere = everywhere
        self._heard = heard
        self._events: deque[Event] = deque()
        self._lost = 0
        self._last = 0
        self._writing: asyncio.Task[None] | None = None

    def listen(self, events: Events) -> None:
        for kind in records.KINDS:
            events.on(kind, self.hear)

    def hear(self, event: Event) -> None:
        if not self._everywhere:
            pool = self._store.pools.kept(event.pool_id)
            if pool is not None and not pool.settings.logs:
                return
        if len(self._events) >= MOST:
            self._lost += 1
            return
        self._events.append(event)
        self._heard()

    async def flush(self) -> None:
        """Writes what was heard. Raises StorageError, with all of it still there."""
        while self._events or not self._idle:
            if self._idle:
                self._writing = asyncio.create_task(self._write_some())
            # A task of its own: who waits may be cancelled, and would not know whether it was written.
            await asyncio.shield(self._writing)  # type: ignore[arg-type]
        if self._lost:
            log.error("log records were not kept: more happened than could be written", records=self._lost)
            self._lost = 0

    @property
    def _idle(self) -> bool:
        return self._writing is None or self._writing.done()

    async def _write_some(self) -> None:
        some = [self._events[at] for at in range(min(len(self._events), _AT_ONCE))]
        entries = [entry for event in some for entry in await self._entries(event)]
        refused = await self._store.logs.add(entries, self._clock.now()) if entries else 0
        for _ in some:
            self._events.popleft()
        if refused:
            log.error("log records were not kept: too many wait for their destination", records=refused)

    async def _entries(self, event: Event) -> list[LogEntry]:
        pool = await self._store.pools.get(event.pool_id)
        record = records.of(event, protected=is_protected(pool)) if pool is not None else None
        if pool is None or record is None:
            return []
        places = [*self._everywhere, *(source for source in exported(pool) if source == record.source)]
        return [LogEntry(event.pool_id, place, self._next_id(event.at), event.at, record.text) for place in places]

    def _next_id(self, at: float) -> str:
        """Later than any before it of this process, though two events may be of one moment."""
        self._last = max(int(at * 1_000_000), self._last + 1)
        return f"{self._last:016x}-{secrets.token_hex(4)}"


def exported(pool: Pool) -> Iterator[str]:
    """The event sources that the pool sends to its own destinations. User activity is AWS's for the Plus plan with threat protection."""
    for config in pool.settings.logs:
        if config.event_source == records.NOTIFICATION or (pool.settings.pool.user_pool_tier == "PLUS" and is_protected(pool)):
            yield config.event_source


def is_protected(pool: Pool) -> bool:
    add_ons = pool.settings.pool.user_pool_add_ons
    return add_ons is not None and add_ons.advanced_security_mode in ("AUDIT", "ENFORCED")
