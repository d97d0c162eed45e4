"""Takes log records from the queues to their destinations, beside the requests: in order, in batches, again and again for a day.

A record arrives at least once: one that arrived while the answer was lost is sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from cognomen.delivery.logs import aws_sinks, destination
from cognomen.delivery.logs.collect import Collector
from cognomen.delivery.logs.sink import NotSent, Sink
from cognomen.delivery.rounds import pause, rounds
from cognomen.kernel.aws import Aws
from cognomen.kernel.clock import Clock
from cognomen.kernel.events import Events
from cognomen.kernel.log import get_logger
from cognomen.storage.errors import StorageError
from cognomen.storage.logs import LogEntry, LogQueue
from cognomen.storage.store import Store

KEPT_SECONDS = 86_400.0  # then a record is dropped
_GATHER_SECONDS = 0.2  # so that what happens together leaves together
_CLAIM_SECONDS = 60.0
_ANSWER_SECONDS = 30.0
_AT_ONCE = 4  # queues, each in a thread
_MOST = 500  # records in a batch, as Firehose and Kinesis take
_MOST_CHARACTERS = 250_000  # of four bytes at most each: under the megabyte that CloudWatch Logs takes
log = get_logger("logs")


class LogDelivery:
    """`servers` are the destinations of the server itself, by name; those of pools are in their settings."""

    def __init__(self, store: Store, clock: Clock, *, servers: Mapping[str, Sink], aws: Aws, account: str) -> None:
        self._store = store
        self._clock = clock
        self._servers = servers
        self._aws = aws
        self._account = account
        self._woken = asyncio.Event()
        self._collector = Collector(store, clock, tuple(servers), self._woken.set)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="logs")

    def listen(self, events: Events) -> None:
        self._collector.listen(events)

    async def run(self) -> None:
        """Until it is cancelled."""
        await rounds("log delivery", self.deliver, self._woken, log, gather=_GATHER_SECONDS)

    async def stop(self) -> None:
        """Writes what was heard; what is not delivered then is so after the next start."""
        try:
            await self._collector.flush()
        except StorageError as error:
            log.warning("log records were lost: the database cannot be written", reason=str(error))
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def deliver(self) -> None:
        """Writes what was heard and delivers what is due, until nothing is. Raises StorageError."""
        await self._collector.flush()
        while queues := await self._store.logs.due(self._clock.now(), _AT_ONCE):
            await asyncio.gather(*(self._deliver_some(queue) for queue in queues))

    async def _deliver_some(self, queue: LogQueue) -> None:
        """One batch of one queue."""
        now = self._clock.now()
        if not await self._store.logs.claim(queue, now + _CLAIM_SECONDS):
            return
        sink = await self._sink(queue)
        if sink is None:
            dropped = await self._store.logs.drop(queue)
            log.warning("log records were dropped: their destination is gone", records=dropped, **_named(queue))
            return
        batch = _batch(await self._store.logs.first(queue, _MOST))
        try:
            arrived = await self._send(sink, batch) if batch else ()
        except NotSent as error:
            await self._put_off(queue, str(error))
            return
        except StorageError:
            raise
        except Exception as bug:  # a destination that answers what nobody expects is one that failed
            log.exception("log delivery failed", **_named(queue))
            await self._put_off(queue, type(bug).__name__)
            return
        await self._store.logs.delivered(queue, [entry.entry_id for entry in arrived], self._clock.now())
        if queue.failures:
            log.info("log records arrive again", **_named(queue))

    async def _send(self, sink: Sink, batch: Sequence[LogEntry]) -> Sequence[LogEntry]:
        sending = asyncio.get_running_loop().run_in_executor(self._threads, sink.send, batch)
        try:
            return await asyncio.wait_for(sending, _ANSWER_SECONDS)
        except TimeoutError as error:
            raise NotSent(f"no answer in {_ANSWER_SECONDS:g} seconds") from error

    async def _put_off(self, queue: LogQueue, reason: str) -> None:
        now = self._clock.now()
        dropped = await self._store.logs.failed(queue, due_at=now + pause(queue.failures), before=now - KEPT_SECONDS)
        if dropped:
            log.error("log records were dropped: they could not be delivered for a day", records=dropped, reason=reason, **_named(queue))
        elif not queue.failures:
            log.warning("log records cannot be delivered now and are kept", reason=reason, **_named(queue))

    async def _sink(self, queue: LogQueue) -> Sink | None:
        if queue.destination in self._servers:
            return self._servers[queue.destination]
        pool = await self._store.pools.get(queue.pool_id)
        config = next((config for config in pool.settings.logs if config.event_source == queue.destination), None) if pool else None
        if pool is None or config is None:
            return None
        return aws_sinks.sink(self._aws, destination.of(config), pool, self._account, config.event_source)


def _batch(entries: Sequence[LogEntry]) -> list[LogEntry]:
    batch: list[LogEntry] = []
    characters = 0
    for entry in entries:
        characters += len(entry.record)
        if batch and characters > _MOST_CHARACTERS:
            break
        batch.append(entry)
    return batch


def _named(queue: LogQueue) -> dict[str, str]:
    return {"pool_id": queue.pool_id, "destination": queue.destination}
