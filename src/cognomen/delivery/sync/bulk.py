"""Bulk publishes: every dataset of an identity pool to its stream, dataset by dataset. How far it came is kept, so that it goes on after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from cognomen.delivery.rounds import pause
from cognomen.delivery.sync import record
from cognomen.delivery.sync.payloads import Payloads
from cognomen.delivery.sync.record import StreamRecord
from cognomen.delivery.sync.sink import NotSent, Stream, StreamGone, StreamSink
from cognomen.kernel.clock import Clock
from cognomen.kernel.log import get_logger
from cognomen.storage.datasets import Dataset
from cognomen.storage.errors import StorageError
from cognomen.storage.store import Store
from cognomen.storage.sync_bulk import FAILED, SUCCEEDED, Bulk
from cognomen.storage.sync_outbox import Change

_CLAIM_SECONDS = 120.0
_KEPT_SECONDS = 86_400.0  # in which it is tried; then it failed
_AT_ONCE = 100  # datasets
_MOST_BYTES = 1_000_000  # of records in memory, beside the last dataset
_MOST_KEYS = 1_024
log = get_logger("sync streams")


class BulkPublisher:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        payloads: Payloads,
        sink: StreamSink,
        stream_of: Callable[[str], Awaitable[Stream | None]],
        switch_off: Callable[[str, Stream, str], Awaitable[None]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._payloads = payloads
        self._sink = sink
        self._stream_of = stream_of
        self._switch_off = switch_off

    async def publish(self) -> None:
        """Those that are due, one after the other. Raises StorageError."""
        while (bulk := await self._store.sync_bulk.claim(self._clock.now(), self._clock.now() + _CLAIM_SECONDS)) is not None:
            stream = await self._stream_of(bulk.pool_id)
            if stream is None:
                await self._fail(bulk, "Streaming is not ENABLED for this identity pool.")
                continue
            await self._go_on(bulk, stream)

    async def _go_on(self, bulk: Bulk, stream: Stream) -> None:
        started_at = bulk.started_at
        try:
            while datasets := await self._store.datasets.page_of_pool(bulk.pool_id, (bulk.identity_id, bulk.name), _AT_ONCE):
                part = await self._fitting(datasets)
                arrived = await self._sink.send(stream, part) if part else ()
                if len(arrived) < len(part):
                    raise NotSent("the stream did not take every record")
                last = datasets[: len(part)][-1]
                due_at = self._clock.now() + _CLAIM_SECONDS
                after = msgspec.structs.replace(bulk, identity_id=last.identity_id, name=last.name, due_at=due_at, failures=0)
                if not await self._store.sync_bulk.change(bulk, after):
                    return
                bulk = after
                await asyncio.sleep(0)
        except NotSent as error:
            await self._put_off(bulk, str(error), started_at)
        except StreamGone as error:
            await self._fail(bulk, str(error))
            await self._switch_off(bulk.pool_id, stream, str(error))
        except StorageError:
            raise
        except Exception as bug:  # a stream that answers what nobody expects is one that failed
            log.exception("a bulk publish failed", pool_id=bulk.pool_id)
            await self._put_off(bulk, type(bug).__name__, started_at)
        else:
            await self._store.sync_bulk.change(bulk, msgspec.structs.replace(bulk, status=SUCCEEDED, completed_at=self._clock.now()))

    async def _fitting(self, datasets: list[Dataset]) -> list[StreamRecord]:
        """A record for each of the first datasets, as many as memory is to hold."""
        found: list[StreamRecord] = []
        size = 0
        for dataset in datasets:
            key = (dataset.pool_id, dataset.identity_id, dataset.name)
            held = await self._store.datasets.changed(*key, (0, ""), _MOST_KEYS, removed=False)
            change = Change(
                pool_id=dataset.pool_id,
                position=0,
                identity_id=dataset.identity_id,
                name=dataset.name,
                sync_count=dataset.sync_count,
                operation=record.REPLACE,
                modified_at=dataset.modified_at,
                records=record.of(held),
            )
            found.append(await self._payloads.record_of(change))
            size += len(change.records)
            if size > _MOST_BYTES:
                break
        return found

    async def _put_off(self, bulk: Bulk, reason: str, started_at: float) -> None:
        now = self._clock.now()
        if now > started_at + _KEPT_SECONDS:
            await self._fail(bulk, reason)
            return
        again = msgspec.structs.replace(bulk, due_at=now + pause(bulk.failures), failures=bulk.failures + 1)
        await self._store.sync_bulk.change(bulk, again)
        if not bulk.failures:
            log.warning("a bulk publish cannot go on now", reason=reason, pool_id=bulk.pool_id)

    async def _fail(self, bulk: Bulk, message: str) -> None:
        await self._store.sync_bulk.change(bulk, msgspec.structs.replace(bulk, status=FAILED, message=message))
        log.error("a bulk publish failed", pool_id=bulk.pool_id, reason=message)
