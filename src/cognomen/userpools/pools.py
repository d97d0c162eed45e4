"""User pools: made, shown, changed, listed, deleted."""

from __future__ import annotations

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import ids, paging
from cognomen.storage.domains import CUSTOM, PREFIX
from cognomen.storage.errors import Missing, Stale, Taken
from cognomen.storage.pools import Pool, PoolSettings
from cognomen.userpools import find, pages
from cognomen.userpools.rules import message_senders, pool_settings, schema, tags

_TRIES = 5


@op
async def create_user_pool(cx: Context, request: idp.CreateUserPoolRequest) -> idp.CreateUserPoolResponse:
    asked = request.user_pool_tags or {}
    tags.check(asked)
    pinned, issuer = tags.pinned_id(asked), tags.issuer(asked, cx.settings.issuer)
    settings = pool_settings.complete(request)
    message_senders.check_region(settings, cx.region)
    mfa = pool_settings.mfa_of(settings)
    now = cx.clock.now()
    for _ in range(_TRIES):
        pool_id = pinned or ids.pool_id(cx.region)
        pool = Pool(pool_id, cx.region, now, now, PoolSettings(pool=settings, mfa=mfa, issuer=issuer))
        try:
            await cx.store.pools.add(pool)
        except Taken as cause:
            if pinned:
                raise errors.InvalidParameterException(f"A user pool with the id {pool_id} exists already.") from cause
            continue
        cx.keys.prepare(pool_id)
        return idp.CreateUserPoolResponse(user_pool=await _shown(cx, pool))
    raise errors.InternalErrorException("No free user pool id was found.")


@op
async def describe_user_pool(cx: Context, request: idp.DescribeUserPoolRequest) -> idp.DescribeUserPoolResponse:
    return idp.DescribeUserPoolResponse(user_pool=await _shown(cx, await find.pool(cx, request.user_pool_id)))


@op
async def update_user_pool(cx: Context, request: idp.UpdateUserPoolRequest) -> idp.UpdateUserPoolResponse:
    region = (await find.pool(cx, request.user_pool_id)).region

    def update(present: PoolSettings) -> PoolSettings:
        before = present.pool.user_pool_tags or {}
        asked = before if request.user_pool_tags is None else request.user_pool_tags
        tags.check(asked)
        issuer = tags.issuer_after(before, asked, present.issuer, cx.settings.issuer)
        pool, mfa = pool_settings.changed(present.pool, present.mfa, request)
        pool_settings.check_tracking(pool, present.sessions)
        message_senders.check_region(pool, region)
        return msgspec.structs.replace(present, pool=pool, mfa=mfa, issuer=issuer)

    await change(cx, request.user_pool_id, update)
    return idp.UpdateUserPoolResponse()


@op
async def add_custom_attributes(cx: Context, request: idp.AddCustomAttributesRequest) -> idp.AddCustomAttributesResponse:
    await find.pool(cx, request.user_pool_id)

    def update(present: PoolSettings) -> PoolSettings:
        attributes = schema.extend(present.pool.schema_attributes or schema.standard(), request.custom_attributes)
        return msgspec.structs.replace(present, pool=msgspec.structs.replace(present.pool, schema_attributes=attributes))

    await change(cx, request.user_pool_id, update)
    return idp.AddCustomAttributesResponse()


async def change(cx: Context, pool_id: str, update: pool_settings.Update) -> Pool:
    """Replaces a pool's settings by `update(settings)`. Raises ResourceNotFoundException and what `update` raises."""
    try:
        return await cx.store.pools.change(pool_id, update, cx.clock.now())
    except Missing as cause:
        raise errors.ResourceNotFoundException(f"User pool {pool_id} does not exist.") from cause


@op
async def delete_user_pool(cx: Context, request: idp.DeleteUserPoolRequest) -> None:
    """From the answer on the pool is not found; what it held is removed in the background, and after a crash at the next start."""
    pool = await find.pool(cx, request.user_pool_id)
    if pool.settings.pool.deletion_protection == "ACTIVE":
        raise errors.InvalidParameterException(
            "The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first."
        )
    try:
        await cx.store.pools.condemn(pool.pool_id)
    except Missing as cause:
        raise errors.ResourceNotFoundException(f"User pool {pool.pool_id} does not exist.") from cause
    except Stale as cause:
        raise errors.InvalidParameterException(
            "User pool cannot be deleted. It has a domain configured that should be deleted first."
        ) from cause
    cx.keys.forget(pool.pool_id)
    cx.removals.set()


@op
async def list_user_pools(cx: Context, request: idp.ListUserPoolsRequest) -> idp.ListUserPoolsResponse:
    bound = paging.bound("ListUserPools", cx.region)
    after = pages.position(cx, bound, request.next_token)
    found = await cx.store.pools.page(cx.region, after[0] if after else "", request.max_results + 1)
    shown = found[: request.max_results]
    return idp.ListUserPoolsResponse(
        user_pools=[_described(pool) for pool in shown],
        next_token=cx.pager.token(bound, [shown[-1].pool_id]) if len(found) > len(shown) else None,
    )


def _described(pool: Pool) -> idp.UserPoolDescriptionType:
    settings = pool.settings.pool
    return idp.UserPoolDescriptionType(
        id=pool.pool_id,
        name=settings.name,
        lambda_config=settings.lambda_config or idp.LambdaConfigType(),
        last_modified_date=pool.modified_at,
        creation_date=pool.created_at,
    )


def arn(cx: Context, pool: Pool) -> str:
    return f"arn:aws:cognito-idp:{pool.region}:{cx.settings.account}:userpool/{pool.pool_id}"


async def _shown(cx: Context, pool: Pool) -> idp.UserPoolType:
    domains = {domain.kind: domain.domain for domain in await cx.store.domains.of_pool(pool.pool_id)}
    return msgspec.structs.replace(
        pool.settings.pool,
        id=pool.pool_id,
        arn=arn(cx, pool),
        domain=domains.get(PREFIX),
        custom_domain=domains.get(CUSTOM),
        creation_date=pool.created_at,
        last_modified_date=pool.modified_at,
        acr_configuration=None if pool.settings.pool.user_pool_tier == "LITE" else pool_settings.acr_levels(pool.settings.pool),
        estimated_number_of_users=await cx.store.users.estimate(pool.pool_id),
    )
