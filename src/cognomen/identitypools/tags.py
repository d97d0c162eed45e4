"""Tags of identity pools, by the pool's ARN."""

from __future__ import annotations

import re

import msgspec

from cognomen.api import errors, identity
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.identitypools import find, pools
from cognomen.identitypools.rules import pool_settings
from cognomen.storage.identity_pools import IdentityPool, IdentityPoolSettings

_ARN = re.compile(r"arn:aws[\w-]*:cognito-identity:([\w-]+):([0-9]{12}):identitypool/([\w-]+:[0-9a-f-]+)", re.ASCII)


@op
async def tag_resource(cx: Context, request: identity.TagResourceInput) -> identity.TagResourceResponse:
    pool = await _pool(cx, request.resource_arn)
    await _change(cx, pool, lambda present: {**present, **request.tags})
    return identity.TagResourceResponse()


@op
async def untag_resource(cx: Context, request: identity.UntagResourceInput) -> identity.UntagResourceResponse:
    """A key that is not there is no error."""
    pool = await _pool(cx, request.resource_arn)
    gone = frozenset(request.tag_keys)
    await _change(cx, pool, lambda present: {key: value for key, value in present.items() if key not in gone})
    return identity.UntagResourceResponse()


@op
async def list_tags_for_resource(cx: Context, request: identity.ListTagsForResourceInput) -> identity.ListTagsForResourceResponse:
    pool = await _pool(cx, request.resource_arn)
    return identity.ListTagsForResourceResponse(tags=pool.settings.pool.identity_pool_tags or {})


async def _pool(cx: Context, arn: str) -> IdentityPool:
    """Raises InvalidParameterException for what is no identity pool's ARN, ResourceNotFoundException for one of another account or region."""
    named = _ARN.fullmatch(arn)
    if named is None:
        raise errors.InvalidParameterException(f"Invalid ARN: {arn} is not the ARN of an identity pool.")
    pool = await find.pool(cx, named[3])
    if (named[1], named[2]) != (pool.region, cx.settings.account):
        raise find.no_pool(named[3])
    return pool


async def _change(cx: Context, pool: IdentityPool, update: pool_settings.UpdateTags) -> None:
    def changed(present: IdentityPoolSettings) -> IdentityPoolSettings:
        after = update(present.pool.identity_pool_tags or {})
        pool_settings.check_tags(after)
        return msgspec.structs.replace(present, pool=msgspec.structs.replace(present.pool, identity_pool_tags=after))

    await pools.change(cx, pool.pool_id, changed)
