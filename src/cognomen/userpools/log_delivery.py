"""Where a pool's logs go: shown, and replaced as a whole."""

from __future__ import annotations

import msgspec

from cognomen.api import idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.storage.pools import Pool, PoolSettings
from cognomen.userpools import find, pools
from cognomen.userpools.rules import log_settings


@op
async def get_log_delivery_configuration(
    cx: Context, request: idp.GetLogDeliveryConfigurationRequest
) -> idp.GetLogDeliveryConfigurationResponse:
    return idp.GetLogDeliveryConfigurationResponse(log_delivery_configuration=_shown(await find.pool(cx, request.user_pool_id)))


@op
async def set_log_delivery_configuration(
    cx: Context, request: idp.SetLogDeliveryConfigurationRequest
) -> idp.SetLogDeliveryConfigurationResponse:
    """An empty list ends all delivery; records that wait for a destination that is gone are dropped."""
    await find.pool(cx, request.user_pool_id)

    def update(present: PoolSettings) -> PoolSettings:
        log_settings.check(present.pool, request.log_configurations)
        return msgspec.structs.replace(present, logs=request.log_configurations)

    changed = await pools.change(cx, request.user_pool_id, update)
    return idp.SetLogDeliveryConfigurationResponse(log_delivery_configuration=_shown(changed))


def _shown(pool: Pool) -> idp.LogDeliveryConfigurationType:
    return idp.LogDeliveryConfigurationType(user_pool_id=pool.pool_id, log_configurations=pool.settings.logs)
