"""What a change leaves for others, within the unit that makes it: a row for the pool's stream, and a notice for each other device that
subscribed to the dataset. A pool without streams and push costs no statement."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cognomen.api import sync
from cognomen.delivery.sync import record
from cognomen.storage.datasets import Dataset, Moved, Record
from cognomen.storage.engine import Tx
from cognomen.storage.store import Store
from cognomen.storage.sync_outbox import Change
from cognomen.storage.sync_settings import SyncSettings

ENABLED = "ENABLED"
_MOST_KEYS = 1_024


async def leave(
    store: Store,
    tx: Tx,
    settings: SyncSettings,
    after: Dataset,
    records: Sequence[Record],
    *,
    operation: str,
    now: float,
    device_id: str = "",
) -> bool:
    """True where there is something to deliver. `device_id` made the change, and is not told of it."""
    streamed = is_streamed(settings.streams)
    if streamed:
        await store.sync_outbox.add(tx, _change(after, records, operation))
    noticed = is_pushed(settings.push) and await store.sync_notices.add(
        tx, after.pool_id, after.identity_id, after.name, sync_count=after.sync_count, but=device_id, now=now
    )
    return streamed or noticed


async def leave_moved(store: Store, tx: Tx, settings: SyncSettings, moved: Sequence[Moved], now: float) -> bool:
    """For datasets that a merge gave to another identity: to the stream each is removed at the one, and comes whole to the other; who subscribed
    there to the dataset that it belongs to is told to look at that one."""
    waits = False
    for before, after in moved:
        if is_streamed(settings.streams):
            held = await store.datasets.changed(after.pool_id, after.identity_id, after.name, (0, ""), _MOST_KEYS, removed=False, tx=tx)
            await store.sync_outbox.add(tx, _removal(before, after.modified_at))
            await store.sync_outbox.add(tx, _change(after, held, record.REPLACE))
            waits = True
        if is_pushed(settings.push) and after.merged_name is not None:
            base = await store.datasets.get(after.pool_id, after.identity_id, after.merged_name, tx)
            count = base.sync_count if base is not None else 0
            key = (after.pool_id, after.identity_id, after.merged_name)
            waits = await store.sync_notices.add(tx, *key, sync_count=count, but="", now=now) or waits
    return waits


async def leave_deleted(store: Store, tx: Tx, settings: SyncSettings, gone: Sequence[Dataset], now: float) -> bool:
    """For datasets of an identity that was deleted: what the stream's reader has of them is to go, too."""
    if not is_streamed(settings.streams):
        return False
    for dataset in gone:
        await store.sync_outbox.add(tx, _removal(dataset, max(now, dataset.modified_at)))
    return bool(gone)


def is_streamed(streams: sync.CognitoStreams | None) -> bool:
    return streams is not None and streams.streaming_status == ENABLED and bool(streams.stream_name)


def is_pushed(push: sync.PushSync | None) -> bool:
    return push is not None and bool(push.application_arns)


def _removal(dataset: Dataset, at: float) -> Change:
    gone = msgspec.structs.replace(dataset, sync_count=dataset.sync_count + 1, modified_at=at)
    return _change(gone, (), record.REMOVE)


def _change(after: Dataset, records: Sequence[Record], operation: str) -> Change:
    return Change(
        pool_id=after.pool_id,
        position=int(after.modified_at * 1_000_000),
        identity_id=after.identity_id,
        name=after.name,
        sync_count=after.sync_count,
        operation=operation,
        modified_at=after.modified_at,
        records=record.of(records) if operation == record.REPLACE else "",
    )
