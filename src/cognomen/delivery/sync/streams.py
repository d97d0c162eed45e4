"""Takes changes of datasets to their pools' streams, beside the requests: in an identity's order, again and again until they arrive.

A change arrives at least once: one that arrived while the answer was lost is sent again. A stream that is gone is switched off, as AWS does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from cognomen.delivery.rounds import pause, rounds
from cognomen.delivery.sync.bulk import BulkPublisher
from cognomen.delivery.sync.payloads import Payloads
from cognomen.delivery.sync.sink import NotSent, Stream, StreamGone, StreamSink
from cognomen.kernel.clock import Clock
from cognomen.kernel.events import BulkPublishStarted, DatasetChanged, Event, Events
from cognomen.kernel.log import get_logger
from cognomen.storage.errors import StorageError
from cognomen.storage.store import Store
from cognomen.storage.sync_outbox import Change, Claim
from cognomen.storage.sync_settings import SyncSettings

_GATHER_SECONDS = 0.05
_CLAIM_SECONDS = 120.0
_AT_ONCE = 4  # pools
_MOST = 500  # changes in a batch
_MOST_CHARACTERS = 2_000_000  # in a batch, so that memory does not follow what waits
log = get_logger("sync streams")


class StreamDelivery:
    def __init__(self, store: Store, clock: Clock, payloads: Payloads, sink: StreamSink) -> None:
        self._store = store
        self._clock = clock
        self._payloads = payloads
        self._sink = sink
        self._bulk = BulkPublisher(store, clock, payloads, sink, self.stream_of, self.switch_off)
        self._woken = asyncio.Event()

    def listen(self, events: Events) -> None:
        events.on(DatasetChanged, self._heard)
        events.on(BulkPublishStarted, self._heard)

    def _heard(self, event: Event) -> None:
        if not isinstance(event, DatasetChanged) or event.waits:
            self._woken.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        await rounds("stream delivery", self.deliver, self._woken, log, gather=_GATHER_SECONDS)

    async def stop(self) -> None:
        await self._sink.close()

    async def deliver(self) -> None:
        """Delivers what waits and is due, and goes on with bulk publishes, until nothing is. Raises StorageError."""
        few = asyncio.Semaphore(_AT_ONCE)

        async def one(pool_id: str) -> None:
            async with few:
                await self._deliver_pool(pool_id)

        await asyncio.gather(*(one(pool_id) for pool_id in await self._store.sync_outbox.waiting()))
        await self._bulk.publish()

    async def _deliver_pool(self, pool_id: str) -> None:
        """Changes of a stream that is off stay until it is on again."""
        stream = await self.stream_of(pool_id)
        if stream is None:
            return
        now = self._clock.now()
        claim = await self._store.sync_outbox.claim(pool_id, now, now + _CLAIM_SECONDS)
        if claim is None:
            return
        until = asyncio.get_running_loop().time() + _CLAIM_SECONDS / 2
        try:
            while batch := await self._store.sync_outbox.first(pool_id, _MOST, _MOST_CHARACTERS):
                await self._send(stream, batch)
                if asyncio.get_running_loop().time() > until:
                    self._woken.set()
                    break
        except NotSent as error:
            await self._put_off(claim, str(error))
            return
        except StreamGone as error:
            await self._store.sync_outbox.release(claim, due_at=0.0, failures=0)
            await self.switch_off(pool_id, stream, str(error))
            return
        except StorageError:
            raise
        except Exception as bug:  # a stream that answers what nobody expects is one that failed
            log.exception("stream delivery failed", pool_id=pool_id)
            await self._put_off(claim, type(bug).__name__)
            return
        await self._store.sync_outbox.release(claim, due_at=0.0, failures=0)
        if claim.failures:
            log.info("changes arrive at the stream again", pool_id=pool_id, stream=stream.name)

    async def _send(self, stream: Stream, batch: Sequence[Change]) -> None:
        arrived = await self._sink.send(stream, [await self._payloads.record_of(change) for change in batch])
        await self._store.sync_outbox.delivered(each.change for each in arrived)

    async def _put_off(self, claim: Claim, reason: str) -> None:
        due_at = self._clock.now() + pause(claim.failures)
        await self._store.sync_outbox.release(claim, due_at=due_at, failures=claim.failures + 1)
        if not claim.failures:
            log.warning("changes cannot be delivered to the stream now and are kept", reason=reason, pool_id=claim.pool_id)

    async def stream_of(self, pool_id: str) -> Stream | None:
        """None where the pool is gone or its stream is not on."""
        pool = await self._store.identity_pools.get(pool_id)
        streams = (await self._store.sync_settings.get(pool_id)).streams
        if pool is None or streams is None or streams.streaming_status != "ENABLED" or not streams.stream_name:
            return None
        return Stream(streams.stream_name, streams.role_arn or "", pool.region)

    async def switch_off(self, pool_id: str, stream: Stream, reason: str) -> None:
        """Unless it was set anew meanwhile."""

        def update(present: SyncSettings) -> SyncSettings:
            streams = present.streams
            if streams is None or (streams.stream_name, streams.role_arn or "") != (stream.name, stream.role):
                return present
            return msgspec.structs.replace(present, streams=msgspec.structs.replace(streams, streaming_status="DISABLED"))

        await self._store.sync_settings.change(pool_id, update)
        log.error("the stream of an identity pool was switched off", pool_id=pool_id, stream=stream.name, reason=reason)
