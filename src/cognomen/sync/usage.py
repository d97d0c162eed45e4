"""What identities and identity pools store. For pools: by developers alone."""

from __future__ import annotations

from cognomen.api import sync
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import paging
from cognomen.metering.sync_sessions import sessions_of
from cognomen.storage.identity_pools import IdentityPool
from cognomen.sync import find

_PAGE = 60
_MOST_COUNTED = 10_000  # datasets of an identity: more than twenty only by merges


@op
async def describe_identity_usage(cx: Context, request: sync.DescribeIdentityUsageRequest) -> sync.DescribeIdentityUsageResponse:
    await find.check_identity(cx, request.identity_pool_id, request.identity_id)
    count, stored, changed_at = await cx.store.datasets.of_identity(request.identity_pool_id, request.identity_id, _MOST_COUNTED)
    usage = sync.IdentityUsage(
        identity_id=request.identity_id,
        identity_pool_id=request.identity_pool_id,
        last_modified_date=changed_at or None,
        dataset_count=count,
        data_storage=stored,
    )
    return sync.DescribeIdentityUsageResponse(identity_usage=usage)


@op
async def describe_identity_pool_usage(
    cx: Context, request: sync.DescribeIdentityPoolUsageRequest
) -> sync.DescribeIdentityPoolUsageResponse:
    find.by_developer(cx)
    return sync.DescribeIdentityPoolUsageResponse(identity_pool_usage=await _usage(cx, await find.pool(cx, request.identity_pool_id)))


@op
async def list_identity_pool_usage(cx: Context, request: sync.ListIdentityPoolUsageRequest) -> sync.ListIdentityPoolUsageResponse:
    find.by_developer(cx)
    bound = paging.bound("ListIdentityPoolUsage", cx.region)
    limit = find.page_size(request.max_results, _PAGE)
    after = str(find.position(cx, bound, request.next_token, [""])[0])
    found = await cx.store.identity_pools.page(cx.region, after, limit + 1)
    page = found[:limit]
    usages = [await _usage(cx, pool) for pool in page]
    token = cx.pager.token(bound, [page[-1].pool_id]) if len(found) > limit else None
    return sync.ListIdentityPoolUsageResponse(identity_pool_usages=usages, max_results=limit, count=len(page), next_token=token)


async def _usage(cx: Context, pool: IdentityPool) -> sync.IdentityPoolUsage:
    """Sessions are those of this month."""
    found = await cx.store.datasets.of_pool(pool.pool_id)
    return sync.IdentityPoolUsage(
        identity_pool_id=pool.pool_id,
        sync_sessions_count=await sessions_of(cx.store, pool.pool_id, cx.clock.now()),
        data_storage=found.bytes,
        last_modified_date=max(found.modified_at, pool.modified_at),
    )
