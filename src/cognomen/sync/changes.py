"""What a change leaves for others, within the unit that makes it: a row for the pool's stream, and a notice for each other device that
subscribed to the dataset. A pool without streams and push costs no statement."""

from __future__ import annotations

from collections.abc import Sequence

from cognomen.api import sync
from cognomen.context import Context
from cognomen.delivery.sync import record
from cognomen.storage.datasets import Dataset, Record
from cognomen.storage.engine import Tx
from cognomen.storage.sync_outbox import Change
from cognomen.storage.sync_settings import SyncSettings

ENABLED = "ENABLED"


async def leave(
    cx: Context, tx: Tx, settings: SyncSettings, after: Dataset, records: Sequence[Record], *, operation: str, device_id: str = ""
) -> bool:
    """True where there is something to deliver. `device_id` made the change, and is not told of it."""
    streamed = is_streamed(settings.streams)
    if streamed:
        await cx.store.sync_outbox.add(tx, _change(after, records, operation))
    noticed = is_pushed(settings.push) and await cx.store.sync_notices.add(
        tx, after.pool_id, after.identity_id, after.name, sync_count=after.sync_count, but=device_id, now=cx.clock.now()
    )
    return streamed or noticed


def is_streamed(streams: sync.CognitoStreams | None) -> bool:
    return streams is not None and streams.streaming_status == ENABLED and bool(streams.stream_name)


def is_pushed(push: sync.PushSync | None) -> bool:
    return push is not None and bool(push.application_arns)


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
