"""Identity pools: made, shown, changed, listed, deleted."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cognomen.api import errors, identity
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.identitypools import find
from cognomen.identitypools.rules import pool_settings
from cognomen.kernel import ids, paging
from cognomen.kernel.events import IdentityPoolDeleted
from cognomen.storage.errors import Missing, Stale, Taken
from cognomen.storage.identity_pools import IdentityPool, IdentityPoolSettings

MOST = 1000  # of a region: https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html
Update = Callable[[IdentityPoolSettings], IdentityPoolSettings]


@op
async def create_identity_pool(cx: Context, request: identity.CreateIdentityPoolInput) -> identity.IdentityPool:
    """The tag `_custom_id_` pins the id, as for user pools."""
    pinned = pool_settings.pinned_id(request.identity_pool_tags)
    pool_id = pinned or f"{cx.region}:{ids.uuid()}"
    now = cx.clock.now()
    pool = IdentityPool(pool_id, cx.region, now, now, IdentityPoolSettings(pool=pool_settings.created(pool_id, request)))
    try:
        await cx.store.identity_pools.add(pool, MOST)
    except Stale as cause:
        raise errors.LimitExceededException(f"Maximum number of identity pools ({MOST}) reached.") from cause
    except Taken as cause:
        raise errors.ResourceConflictException(f"IdentityPool '{pool_id}' already exists.") from cause
    return pool.settings.pool


@op
async def describe_identity_pool(cx: Context, request: identity.DescribeIdentityPoolInput) -> identity.IdentityPool:
    return (await find.pool(cx, request.identity_pool_id)).settings.pool


@op
async def update_identity_pool(cx: Context, request: identity.IdentityPool) -> identity.IdentityPool:
    def update(present: IdentityPoolSettings) -> IdentityPoolSettings:
        return msgspec.structs.replace(present, pool=pool_settings.updated(present.pool, request))

    return (await change(cx, request.identity_pool_id, update)).settings.pool


async def change(cx: Context, pool_id: str, update: Update) -> IdentityPool:
    """Replaces a pool's settings by `update(settings)`. Raises ResourceNotFoundException and what `update` raises."""
    try:
        return await cx.store.identity_pools.change(pool_id, update, cx.clock.now())
    except Missing as cause:
        raise find.no_pool(pool_id) from cause


@op
async def delete_identity_pool(cx: Context, request: identity.DeleteIdentityPoolInput) -> None:
    """From the answer on neither the pool nor an identity of it is found; what it held is removed in the background."""
    try:
        await cx.store.identity_pools.condemn(request.identity_pool_id)
    except Missing as cause:
        raise find.no_pool(request.identity_pool_id) from cause
    cx.keys.forget(request.identity_pool_id)
    cx.tell(IdentityPoolDeleted, request.identity_pool_id)
    cx.removals.set()


@op
async def list_identity_pools(cx: Context, request: identity.ListIdentityPoolsInput) -> identity.ListIdentityPoolsResponse:
    bound = paging.bound("ListIdentityPools", cx.region)
    found = await cx.store.identity_pools.page(cx.region, find.position(cx, bound, request.next_token), request.max_results + 1)
    shown = found[: request.max_results]
    return identity.ListIdentityPoolsResponse(
        identity_pools=[
            identity.IdentityPoolShortDescription(identity_pool_id=pool.pool_id, identity_pool_name=pool.settings.pool.identity_pool_name)
            for pool in shown
        ],
        next_token=cx.pager.token(bound, [shown[-1].pool_id]) if len(found) > len(shown) else None,
    )
