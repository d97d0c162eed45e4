"""Datasets: listed, described, deleted. They come into being with their first record.

https://docs.aws.amazon.com/cognitosync/latest/APIReference/API_Dataset.html
"""

from __future__ import annotations

import msgspec

from cognomen.api import errors, sync
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.delivery.sync import changes, record
from cognomen.kernel import paging
from cognomen.kernel.events import DatasetChanged
from cognomen.storage import sync_remains
from cognomen.storage.datasets import Dataset
from cognomen.storage.engine import Tx
from cognomen.sync import find

_PAGE = 60


@op
async def list_datasets(cx: Context, request: sync.ListDatasetsRequest) -> sync.ListDatasetsResponse:
    pool_id, identity_id = request.identity_pool_id, request.identity_id
    await find.check_reader(cx, pool_id, identity_id)
    bound = paging.bound("ListDatasets", pool_id, identity_id)
    limit = find.page_size(request.max_results, _PAGE)
    after = str(find.position(cx, bound, request.next_token, [""])[0])
    found = await cx.store.datasets.page(pool_id, identity_id, after, limit + 1)
    page = found[:limit]
    token = cx.pager.token(bound, [page[-1].name]) if len(found) > limit else None
    return sync.ListDatasetsResponse(datasets=[shown(each) for each in page], count=len(page), next_token=token)


@op
async def describe_dataset(cx: Context, request: sync.DescribeDatasetRequest) -> sync.DescribeDatasetResponse:
    await find.check_identity(cx, request.identity_pool_id, request.identity_id)
    found = await cx.store.datasets.get(request.identity_pool_id, request.identity_id, request.dataset_name)
    if found is None or not found.present:
        raise _no_dataset(request.dataset_name)
    return sync.DescribeDatasetResponse(dataset=shown(found))


@op
async def delete_dataset(cx: Context, request: sync.DeleteDatasetRequest) -> sync.DeleteDatasetResponse:
    """Its records go at once. That it was there, and up to which sync count, stays: devices that come later are told to drop theirs."""
    pool_id, identity_id, name = request.identity_pool_id, request.identity_id, request.dataset_name
    await find.check_identity(cx, pool_id, identity_id)
    settings = await cx.store.sync_settings.get(pool_id)

    async def unit(tx: Tx) -> tuple[Dataset, bool]:
        present = await cx.store.datasets.get(pool_id, identity_id, name, tx)
        if present is None or not present.present:
            raise _no_dataset(name)
        await cx.store.datasets.clear(tx, pool_id, identity_id, name)
        count = present.sync_count + 1
        now = max(cx.clock.now(), present.modified_at)
        gone = msgspec.structs.replace(
            present,
            present=False,
            sync_count=count,
            deleted_count=count,
            records=0,
            bytes=0,
            modified_at=now,
            merged_from=None,
            merged_name=None,
            removed_bytes=0,
        )
        await cx.store.datasets.put(tx, gone)
        await sync_remains.forget_deleted(tx, pool_id, identity_id)
        await cx.store.datasets.count_bytes(tx, pool_id, identity_id, -present.bytes, now)
        return present, await changes.leave(cx.store, tx, settings, gone, (), operation=record.REMOVE, now=now)

    deleted, waits = await cx.store.write(unit, large=True)
    cx.tell(DatasetChanged, pool_id, identity_id=identity_id, waits=waits)
    return sync.DeleteDatasetResponse(dataset=shown(deleted))


def shown(dataset: Dataset) -> sync.Dataset:
    return sync.Dataset(
        identity_id=dataset.identity_id,
        dataset_name=dataset.name,
        creation_date=dataset.created_at,
        last_modified_date=dataset.modified_at,
        last_modified_by=dataset.modified_by,
        data_storage=dataset.bytes,
        num_records=dataset.records,
    )


def _no_dataset(name: str) -> errors.ResourceNotFoundException:
    return errors.ResourceNotFoundException(f"Dataset '{name}' not found.")
