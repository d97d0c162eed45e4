"""A pool's MFA and passkey settings, shown and replaced as a whole."""

from __future__ import annotations

import msgspec

from cognomen.api import idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.storage.pools import PoolSettings
from cognomen.userpools import find, pools
from cognomen.userpools.rules import message_senders, mfa_settings


@op
async def get_user_pool_mfa_config(cx: Context, request: idp.GetUserPoolMfaConfigRequest) -> idp.GetUserPoolMfaConfigResponse:
    return (await find.pool(cx, request.user_pool_id)).settings.mfa


@op
async def set_user_pool_mfa_config(cx: Context, request: idp.SetUserPoolMfaConfigRequest) -> idp.SetUserPoolMfaConfigResponse:
    region = (await find.pool(cx, request.user_pool_id)).region

    def update(present: PoolSettings) -> PoolSettings:
        pool, mfa = mfa_settings.replaced(present.pool, request)
        message_senders.check_region(pool, region)
        return msgspec.structs.replace(present, pool=pool, mfa=mfa)

    changed = await pools.change(cx, request.user_pool_id, update)
    return idp.SetUserPoolMfaConfigResponse(**msgspec.structs.asdict(changed.settings.mfa))
