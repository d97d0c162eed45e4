"""BulkPublish: every dataset of an identity pool to its stream, beside the requests. One at a time, and once in 24 hours where it succeeds.

https://docs.aws.amazon.com/cognitosync/latest/APIReference/API_BulkPublish.html
"""

from __future__ import annotations

from cognomen.api import errors, sync
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.delivery.sync.changes import is_streamed
from cognomen.kernel.events import BulkPublishStarted
from cognomen.storage import sync_bulk
from cognomen.storage.engine import Tx
from cognomen.sync import find

_DAY = 86_400.0


@op
async def bulk_publish(cx: Context, request: sync.BulkPublishRequest) -> sync.BulkPublishResponse:
    find.by_developer(cx)
    pool = await find.pool(cx, request.identity_pool_id)
    if not is_streamed((await cx.store.sync_settings.get(pool.pool_id)).streams):
        raise errors.InvalidParameterException("Streaming is not ENABLED for this identity pool.")
    now = cx.clock.now()

    async def unit(tx: Tx) -> None:
        last = await cx.store.sync_bulk.get(pool.pool_id, tx)
        if last is not None and last.status == sync_bulk.IN_PROGRESS:
            raise errors.DuplicateRequestException("A bulk publish of this identity pool is in progress.")
        if last is not None and last.status == sync_bulk.SUCCEEDED and now < (last.completed_at or 0) + _DAY:
            raise errors.AlreadyStreamedException("This identity pool was bulk published within the last 24 hours.")
        await cx.store.sync_bulk.start(tx, pool.pool_id, now)

    await cx.store.write(unit)
    cx.tell(BulkPublishStarted, pool.pool_id)
    return sync.BulkPublishResponse(identity_pool_id=pool.pool_id)


@op
async def get_bulk_publish_details(cx: Context, request: sync.GetBulkPublishDetailsRequest) -> sync.GetBulkPublishDetailsResponse:
    find.by_developer(cx)
    pool = await find.pool(cx, request.identity_pool_id)
    last = await cx.store.sync_bulk.get(pool.pool_id)
    if last is None:
        return sync.GetBulkPublishDetailsResponse(identity_pool_id=pool.pool_id, bulk_publish_status="NOT_STARTED")
    return sync.GetBulkPublishDetailsResponse(
        identity_pool_id=pool.pool_id,
        bulk_publish_start_time=last.started_at,
        bulk_publish_complete_time=last.completed_at if last.status == sync_bulk.SUCCEEDED else None,
        bulk_publish_status=last.status,
        failure_message=last.message if last.status == sync_bulk.FAILED else None,
    )
