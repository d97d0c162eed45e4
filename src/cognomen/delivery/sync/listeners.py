"""Open event streams of this process: who waits for changes of an identity's datasets, woken as soon as this process made one.

Nothing is kept for them: a stream looks at the datasets' counts, so none is missed, however it came about and wherever it was made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from cognomen.kernel.events import DatasetChanged, Events

MOST_OF_IDENTITY = 20
MOST = 10_000


class TooMany(Exception):
    """There are as many open as there may be."""


class Listeners:
    def __init__(self) -> None:
        self._open: dict[tuple[str, str], set[asyncio.Event]] = {}
        self._count = 0
        self.closed = False

    def listen(self, events: Events) -> None:
        events.on(DatasetChanged, self._heard)

    def _heard(self, event: DatasetChanged) -> None:
        for woken in self._open.get((event.pool_id, event.identity_id), ()):
            woken.set()

    @contextmanager
    def waiting(self, pool_id: str, identity_id: str) -> Iterator[asyncio.Event]:
        """An event that is set at every change. Raises TooMany."""
        key = (pool_id, identity_id)
        if self._count >= MOST or len(self._open.get(key, ())) >= MOST_OF_IDENTITY or self.closed:
            raise TooMany
        woken = asyncio.Event()
        self._open.setdefault(key, set()).add(woken)
        self._count += 1
        try:
            yield woken
        finally:
            self._count -= 1
            self._open[key].discard(woken)
            if not self._open[key]:
                del self._open[key]

    def close(self) -> None:
        """Ends all: each stream looks at `closed` when it is woken."""
        self.closed = True
        for each in self._open.values():
            for woken in each:
                woken.set()


async def first_of(woken: asyncio.Event, gone: asyncio.Task[None], seconds: float) -> None:
    """Until something changed, the client has gone, or so many seconds are over."""
    waiting = asyncio.ensure_future(woken.wait())
    try:
        await asyncio.wait({waiting, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    woken.clear()
