"""Devices of an identity, and the datasets of whose changes they are told. For identities alone: a device speaks for itself.

https://docs.aws.amazon.com/cognito/latest/developerguide/push-sync.html
"""

from __future__ import annotations

from cognomen.api import errors, sync
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.delivery.sync.platform import BadToken, NoPlatform, NotNow
from cognomen.delivery.sync.push import PURPOSE
from cognomen.kernel import ids
from cognomen.storage.engine import Tx
from cognomen.storage.sync_devices import Device
from cognomen.sync import find

_LONGEST_TOKEN = 4_096


@op
async def register_device(cx: Context, request: sync.RegisterDeviceRequest) -> sync.RegisterDeviceResponse:
    """A token that is registered already keeps its device id. Raises InvalidConfigurationException where the pool can not reach the platform."""
    find.by_identity(cx)
    pool_id, identity_id = request.identity_pool_id, request.identity_id
    await find.check_identity(cx, pool_id, identity_id)
    if not request.token.strip() or len(request.token) > _LONGEST_TOKEN or not request.token.isprintable():
        raise errors.InvalidParameterException("Token is not valid.")
    push = (await cx.store.sync_settings.get(pool_id)).push
    application = next((arn for arn in (push.application_arns if push else None) or [] if f":app/{request.platform}/" in arn), None)
    if push is None or application is None:
        raise errors.InvalidConfigurationException(f"The identity pool has no platform application for {request.platform}.")
    try:
        endpoint = await cx.push.register(application, push.role_arn or "", request.token)
    except NoPlatform as cause:
        raise errors.InvalidConfigurationException(str(cause)) from cause
    except BadToken as cause:
        raise errors.InvalidParameterException("Token is not valid.") from cause
    except NotNow as cause:
        raise errors.TooManyRequestsException("The push service can not be asked now.") from cause
    device_id = ids.uuid()
    device = Device(
        pool_id=pool_id,
        identity_id=identity_id,
        device_id=device_id,
        platform=request.platform,
        application=application,
        endpoint=endpoint,
        token=cx.sealer.seal(PURPOSE, request.token.encode(), pool_id.encode()),
        # of the pool, not of the identity: when identities are merged, a device that both had registered is known as one
        digest=cx.sealer.mac(PURPOSE, pool_id.encode(), request.platform.encode(), request.token.encode()),
        created_at=cx.clock.now(),
    )

    async def unit(tx: Tx) -> str:
        present = await cx.store.identities.get(pool_id, identity_id, tx)
        if present is None or present.merged_into is not None:
            raise errors.NotAuthorizedException(f"Identity '{identity_id}' is disabled.")
        return await cx.store.sync_devices.put(tx, device)

    return sync.RegisterDeviceResponse(device_id=await cx.store.write(unit))


@op
async def subscribe_to_dataset(cx: Context, request: sync.SubscribeToDatasetRequest) -> sync.SubscribeToDatasetResponse:
    """The dataset must be there (AWS's guide: synchronise it at least once before)."""
    find.by_identity(cx)
    pool_id, identity_id, name = request.identity_pool_id, request.identity_id, request.dataset_name
    await find.check_identity(cx, pool_id, identity_id)

    async def unit(tx: Tx) -> None:
        await _check_device(cx, tx, pool_id, identity_id, request.device_id)
        dataset = await cx.store.datasets.get(pool_id, identity_id, name, tx)
        if dataset is None or not dataset.present:
            raise errors.ResourceNotFoundException(f"Dataset '{name}' not found.")
        await cx.store.sync_devices.subscribe(tx, pool_id, identity_id, name, request.device_id)

    await cx.store.write(unit)
    return sync.SubscribeToDatasetResponse()


@op
async def unsubscribe_from_dataset(cx: Context, request: sync.UnsubscribeFromDatasetRequest) -> sync.UnsubscribeFromDatasetResponse:
    """One that was not subscribed is none afterwards either."""
    find.by_identity(cx)
    pool_id, identity_id = request.identity_pool_id, request.identity_id
    await find.check_identity(cx, pool_id, identity_id)

    async def unit(tx: Tx) -> None:
        await _check_device(cx, tx, pool_id, identity_id, request.device_id)
        await cx.store.sync_devices.unsubscribe(tx, pool_id, identity_id, request.dataset_name, request.device_id)

    await cx.store.write(unit)
    return sync.UnsubscribeFromDatasetResponse()


async def _check_device(cx: Context, tx: Tx, pool_id: str, identity_id: str, device_id: str) -> None:
    if await cx.store.sync_devices.get(pool_id, identity_id, device_id, tx) is None:
        raise errors.ResourceNotFoundException("The device is not registered.")
