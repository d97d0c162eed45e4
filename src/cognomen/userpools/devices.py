"""Devices that users are remembered on: confirmed after a sign-in, shown, remembered or not, forgotten."""

from __future__ import annotations

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import paging
from cognomen.storage.devices import Device
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Taken
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools import access, device_tracking, find, pages


@op
async def confirm_device(cx: Context, request: idp.ConfirmDeviceRequest) -> idp.ConfirmDeviceResponse:
    """The device of the sign-in that the access token is of, and no other, brings the verifier of its secret."""
    of = await access.of(cx, request.access_token)
    pool, user = of.pool, of.user
    if not device_tracking.remembers(pool):
        raise errors.InvalidUserPoolConfigurationException("User pool is not configured to remember devices.")
    if of.claims.get("device_key") != request.device_key:
        raise errors.InvalidParameterException("Invalid device key given.")
    waits = device_tracking.asks_user(pool)
    now = cx.clock.now()
    device = Device(
        pool_id=pool.pool_id,
        sub=user.sub,
        device_key=request.device_key,
        name=request.device_name,
        status=device_tracking.NOT_REMEMBERED if waits else device_tracking.REMEMBERED,
        verifier=device_tracking.seal(cx, pool.pool_id, user.sub, request.device_key, request.device_secret_verifier_config),
        created_at=now,
        modified_at=now,
        authenticated_at=now,
        last_ip=cx.source_ip,
    )

    async def unit(tx: Tx) -> None:
        if await cx.store.users.by_sub(pool.pool_id, user.sub, tx) is None:
            raise find.no_user()
        await cx.store.devices.add(tx, device)

    try:
        await cx.store.write(unit)
    except Taken as cause:
        raise errors.DeviceKeyExistsException("Device already exists.") from cause
    return idp.ConfirmDeviceResponse(user_confirmation_necessary=waits)


@op
async def get_device(cx: Context, request: idp.GetDeviceRequest) -> idp.GetDeviceResponse:
    of = await _of(cx, request.access_token)
    return idp.GetDeviceResponse(device=await _shown_one(cx, of.pool, of.user, request.device_key))


@op
async def admin_get_device(cx: Context, request: idp.AdminGetDeviceRequest) -> idp.AdminGetDeviceResponse:
    pool, user = await _named_to_read(cx, request.user_pool_id, request.username)
    return idp.AdminGetDeviceResponse(device=await _shown_one(cx, pool, user, request.device_key))


async def _of(cx: Context, access_token: str | None) -> access.Access:
    """The model does not require the token where it must be there all the same."""
    if access_token is None:
        raise errors.InvalidParameterException("Missing required parameter AccessToken")
    return await access.of(cx, access_token)


async def _named(cx: Context, pool_id: str, username: str) -> tuple[Pool, User]:
    pool = await find.pool(cx, pool_id)
    return pool, await find.existing_user(cx, pool, username)


async def _named_to_read(cx: Context, pool_id: str, username: str) -> tuple[Pool, User]:
    """For AdminGetDevice and AdminListDevices, whose model has no UserNotFoundException."""
    try:
        return await _named(cx, pool_id, username)
    except errors.UserNotFoundException as cause:
        raise errors.ResourceNotFoundException("User does not exist.") from cause


async def _shown_one(cx: Context, pool: Pool, user: User, device_key: str) -> idp.DeviceType:
    device = await cx.store.devices.get(pool.pool_id, user.sub, device_key)
    if device is None:
        raise device_tracking.missing()
    return _shown(cx, pool, user, device)


def _shown(cx: Context, pool: Pool, user: User, device: Device) -> idp.DeviceType:
    owner = f"{user.username}.{pool.pool_id}"
    attributes = {
        "device_status": "valid",
        "device_name": device.name,
        "dev:device_arn": f"arn:aws:cognito-idp:{pool.region}:{cx.settings.account}:owner/{owner}/device/{device.device_key}",
        "dev:device_owner": owner,
        "last_ip_used": device.last_ip,
        "dev:device_remembered_status": device.status,
        "dev:device_sdk": "aws-sdk",
    }
    return idp.DeviceType(
        device_key=device.device_key,
        device_attributes=[idp.AttributeType(name=name, value=value) for name, value in attributes.items() if value],
        device_create_date=device.created_at,
        device_last_modified_date=device.modified_at,
        device_last_authenticated_date=device.authenticated_at,
    )


@op
async def list_devices(cx: Context, request: idp.ListDevicesRequest) -> idp.ListDevicesResponse:
    of = await access.of(cx, request.access_token)
    shown, token = await _page(cx, "ListDevices", of.pool, of.user, request.limit, request.pagination_token)
    return idp.ListDevicesResponse(devices=shown, pagination_token=token)


@op
async def admin_list_devices(cx: Context, request: idp.AdminListDevicesRequest) -> idp.AdminListDevicesResponse:
    pool, user = await _named_to_read(cx, request.user_pool_id, request.username)
    shown, token = await _page(cx, "AdminListDevices", pool, user, request.limit, request.pagination_token)
    return idp.AdminListDevicesResponse(devices=shown, pagination_token=token)


async def _page(
    cx: Context, operation: str, pool: Pool, user: User, limit: int | None, token: str | None
) -> tuple[list[idp.DeviceType], str | None]:
    bound = paging.bound(operation, pool.pool_id, user.sub)
    after = pages.position(cx, bound, token)
    most = limit or pages.MOST
    found = await cx.store.devices.page(pool.pool_id, user.sub, after[0] if after else "", most + 1)
    listed = found[:most]
    more = cx.pager.token(bound, [listed[-1].device_key]) if len(found) > most else None
    return [_shown(cx, pool, user, device) for device in listed], more


@op
async def update_device_status(cx: Context, request: idp.UpdateDeviceStatusRequest) -> idp.UpdateDeviceStatusResponse:
    of = await access.of(cx, request.access_token)
    await _set_status(cx, of.user, request.device_key, request.device_remembered_status)
    return idp.UpdateDeviceStatusResponse()


@op
async def admin_update_device_status(cx: Context, request: idp.AdminUpdateDeviceStatusRequest) -> idp.AdminUpdateDeviceStatusResponse:
    _, user = await _named(cx, request.user_pool_id, request.username)
    await _set_status(cx, user, request.device_key, request.device_remembered_status)
    return idp.AdminUpdateDeviceStatusResponse()


async def _set_status(cx: Context, user: User, device_key: str, status: str | None) -> None:
    """Without a status, a device that is there stays as it is."""
    now = cx.clock.now()

    async def unit(tx: Tx) -> bool:
        if status is None:
            return await cx.store.devices.get(user.pool_id, user.sub, device_key, tx) is not None
        return await cx.store.devices.set_status(tx, user.pool_id, user.sub, device_key, status, now)

    if not await cx.store.write(unit):
        raise device_tracking.missing()


@op
async def forget_device(cx: Context, request: idp.ForgetDeviceRequest) -> None:
    of = await _of(cx, request.access_token)
    await _forget(cx, of.user, request.device_key, asking=of.claims.get("origin_jti"))


@op
async def admin_forget_device(cx: Context, request: idp.AdminForgetDeviceRequest) -> None:
    _, user = await _named(cx, request.user_pool_id, request.username)
    await _forget(cx, user, request.device_key, asking=None)


async def _forget(cx: Context, user: User, device_key: str, *, asking: str | None) -> None:
    """The device is gone and its sessions end. The session that asks for it keeps its access token for as long as that is good, as Amazon
    Cognito leaves it; refreshed it cannot be any more, as a session of a device that is not there."""
    now = cx.clock.now()

    async def unit(tx: Tx) -> bool:
        await cx.store.sessions.revoke_device(tx, user.pool_id, user.sub, device_key, now, but=asking or "")
        return await cx.store.devices.remove(tx, user.pool_id, user.sub, device_key)

    if not await cx.store.write(unit):
        raise device_tracking.missing()
