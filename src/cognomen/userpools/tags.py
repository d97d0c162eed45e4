"""Tags of user pools, by the pool's ARN."""

from __future__ import annotations

import re

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.storage.pools import Pool, PoolSettings
from cognomen.userpools import find, pools
from cognomen.userpools.rules import tags

_ARN = re.compile(r"arn:aws[\w-]*:cognito-idp:([\w-]+):([0-9]{12}):userpool/([\w-]+_[0-9a-zA-Z]+)", re.ASCII)


@op
async def tag_resource(cx: Context, request: idp.TagResourceRequest) -> idp.TagResourceResponse:
    pool = await _pool(cx, request.resource_arn)
    await _change(cx, pool, lambda present: {**present, **request.tags})
    return idp.TagResourceResponse()


@op
async def untag_resource(cx: Context, request: idp.UntagResourceRequest) -> idp.UntagResourceResponse:
    """A key that is not there is no error."""
    pool = await _pool(cx, request.resource_arn)
    gone = frozenset(request.tag_keys)
    await _change(cx, pool, lambda present: {key: value for key, value in present.items() if key not in gone})
    return idp.UntagResourceResponse()


@op
async def list_tags_for_resource(cx: Context, request: idp.ListTagsForResourceRequest) -> idp.ListTagsForResourceResponse:
    pool = await _pool(cx, request.resource_arn)
    return idp.ListTagsForResourceResponse(tags=pool.settings.pool.user_pool_tags or {})


async def _pool(cx: Context, arn: str) -> Pool:
    """Raises InvalidParameterException for what is no pool's ARN, ResourceNotFoundException for one of another account or region."""
    named = _ARN.fullmatch(arn)
    if named is None:
        raise errors.InvalidParameterException(f"Invalid ARN: {arn} is not the ARN of a user pool.")
    pool = await find.pool(cx, named[3])
    if (named[1], named[2]) != (pool.region, cx.settings.account):
        raise errors.ResourceNotFoundException(f"User pool {named[3]} does not exist.")
    return pool


async def _change(cx: Context, pool: Pool, update: tags.Update) -> None:
    def changed(present: PoolSettings) -> PoolSettings:
        before = present.pool.user_pool_tags or {}
        after = update(before)
        tags.check(after)
        return msgspec.structs.replace(
            present,
            pool=msgspec.structs.replace(present.pool, user_pool_tags=after),
            issuer=tags.issuer_after(before, after, present.issuer, cx.settings.issuer),
        )

    await pools.change(cx, pool.pool_id, changed)
