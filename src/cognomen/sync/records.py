"""Records: what changed since a device was here last, and the changes that it brings.

https://docs.aws.amazon.com/cognitosync/latest/APIReference/API_ListRecords.html
https://docs.aws.amazon.com/cognitosync/latest/APIReference/API_UpdateRecords.html
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cognomen.api import errors, sync
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.delivery.sync import changes as changes_of
from cognomen.delivery.sync import record
from cognomen.kernel import paging
from cognomen.kernel.events import DatasetChanged
from cognomen.storage import sync_remains
from cognomen.storage.datasets import Dataset, Record
from cognomen.storage.engine import Tx
from cognomen.sync import find, patches, session, trigger
from cognomen.sync.patches import Change, Update

_PAGE = 1_024
_LONGEST_DEVICE = 256
_MANY = 32  # records; so many values may be long, too
_MOST_COUNTED = 1_000  # datasets, where twenty are enough


@op
async def list_records(cx: Context, request: sync.ListRecordsRequest) -> sync.ListRecordsResponse:
    """Removed records come without a value, to devices that had synchronised before."""
    pool_id, identity_id, name = request.identity_pool_id, request.identity_id, request.dataset_name
    await find.check_reader(cx, pool_id, identity_id)
    since = request.last_sync_count or 0
    bound = paging.bound("ListRecords", pool_id, identity_id, name, str(since))
    limit = find.page_size(request.max_results, _PAGE)
    dataset = await cx.store.datasets.get(pool_id, identity_id, name)
    floor = dataset.deleted_count if dataset is not None else await sync_remains.forgotten_count(cx.store.engine, pool_id, identity_id)
    anew = since < floor
    count, key, *begun = find.position(cx, bound, request.next_token, [0 if anew else since + 1, ""])
    if request.sync_session_token is not None:
        token = request.sync_session_token
        session.open_session(cx, pool_id, identity_id, name, token)
    else:  # a listing in pages is one session, also for who does not name it
        token = str(begun[0]) if begun else session.begin(cx, pool_id, identity_id, name, since)
    found: list[Record] = []
    if dataset is not None and dataset.present:
        after = (int(str(count)), str(key))
        found = await cx.store.datasets.changed(pool_id, identity_id, name, after, limit + 1, removed=since > 0 and not anew)
    page = found[:limit]
    return sync.ListRecordsResponse(
        records=[shown(each) for each in page],
        next_token=cx.pager.token(bound, [page[-1].sync_count, page[-1].key_id, token]) if len(found) > limit else None,
        count=len(page),
        dataset_sync_count=dataset.sync_count if dataset is not None else 0,
        last_modified_by=dataset.modified_by if dataset is not None else None,
        merged_dataset_names=await cx.store.datasets.merged_names(pool_id, identity_id, name),
        dataset_exists=dataset is not None and dataset.present,
        dataset_deleted_after_requested_sync_count=since > 0 and anew,
        sync_session_token=token,
    )


@op
async def update_records(cx: Context, request: sync.UpdateRecordsRequest) -> sync.UpdateRecordsResponse:
    pool_id, identity_id, name = request.identity_pool_id, request.identity_id, request.dataset_name
    await find.check_identity(cx, pool_id, identity_id)
    opened = session.open_session(cx, pool_id, identity_id, name, request.sync_session_token)
    now = cx.clock.now()
    by = _changed_by(cx, request)
    changes = patches.of_request(request.record_patches or [], now)
    seen = await trigger.ask(cx, pool_id, identity_id, name, changes) if changes else None
    wanted = seen.changes if seen is not None else changes
    settings = await cx.store.sync_settings.get(pool_id)

    async def unit(tx: Tx) -> tuple[list[Record], bool]:
        await session.end(cx, tx, pool_id, identity_id, opened)
        before = await cx.store.datasets.get(pool_id, identity_id, name, tx)
        if seen is not None and seen.sync_count != (before.sync_count if before is not None else 0):
            raise errors.ResourceConflictException("The dataset was changed while the function looked at it.")
        present = await cx.store.datasets.records(tx, pool_id, identity_id, name, dict.fromkeys(each.key for each in (*changes, *wanted)))
        patches.check_counts(changes, present, _folded(before, opened))
        dataset = before or await _new(tx, pool_id, identity_id, name, now)
        update = await _store(cx, tx, dataset, wanted, present, by=by, now=now)
        waits = bool(update.stored) and await changes_of.leave(
            cx.store, tx, settings, update.after, update.stored, operation=record.REPLACE, device_id=request.device_id or "", now=now
        )
        return [*update.stored, *update.ignored], waits

    records, waits = await cx.store.write(unit, large=len(wanted) > _MANY)
    cx.tell(DatasetChanged, pool_id, identity_id=identity_id, waits=waits)
    return sync.UpdateRecordsResponse(records=[shown(each) for each in records])


def _folded(before: Dataset | None, opened: session.Session) -> int:
    """Up to which count the removals may be forgotten that the device has seen."""
    return before.deleted_count if before is not None and opened.since >= before.deleted_count else 0


async def _store(
    cx: Context, tx: Tx, before: Dataset, changes: Sequence[Change], present: dict[str, Record], *, by: str, now: float
) -> Update:
    """Raises LimitExceededException."""
    update = patches.applied(before, changes, present, by=by, now=now)
    if not update.stored:
        return update
    after = update.after
    if not before.present or after.bytes > before.bytes:
        count, stored, _ = await cx.store.datasets.of_identity(after.pool_id, after.identity_id, _MOST_COUNTED, tx)
        if not before.present and count >= patches.MOST_DATASETS:
            raise errors.LimitExceededException(f"An identity can have at most {patches.MOST_DATASETS} datasets.")
        if stored + after.bytes - before.bytes > patches.MOST_OF_IDENTITY:
            raise errors.LimitExceededException("An identity can store at most 20 MB.")
    if not before.present:
        after = msgspec.structs.replace(after, present=True, created_at=now)
    await cx.store.datasets.change_records(tx, after, update.stored)
    if after.removed_bytes > sync_remains.MOST_BYTES:
        after = await sync_remains.fold(tx, after)
    await cx.store.datasets.put(tx, after)
    await cx.store.datasets.count_bytes(tx, after.pool_id, after.identity_id, after.bytes - before.bytes, now)
    return msgspec.structs.replace(update, after=after)


async def _new(tx: Tx, pool_id: str, identity_id: str, name: str, now: float) -> Dataset:
    """Its count goes on from those of which nothing is left: it may have been one of them."""
    count = await sync_remains.forgotten_count(tx, pool_id, identity_id)
    return Dataset(
        pool_id=pool_id,
        identity_id=identity_id,
        name=name,
        present=False,
        created_at=now,
        modified_at=now,
        sync_count=count,
        deleted_count=count,
    )


def _changed_by(cx: Context, request: sync.UpdateRecordsRequest) -> str:
    """The device, or what the client says of itself, or whose credentials these are."""
    own = request.identity_id if find.is_identity(cx) else cx.caller.account or cx.settings.account
    return (request.device_id or request.client_context or own)[:_LONGEST_DEVICE]


def shown(each: Record) -> sync.Record:
    return sync.Record(
        key=each.key,
        value=each.value,
        sync_count=each.sync_count,
        last_modified_date=each.modified_at,
        last_modified_by=each.modified_by,
        device_last_modified_date=each.device_modified_at,
    )
