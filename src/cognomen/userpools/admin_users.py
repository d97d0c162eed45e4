"""Users as an administrator sees and makes them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import ids
from cognomen.kernel.events import SignedUp
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools import attribute_updates, attributes, credentials, find, invitations
from cognomen.userpools.hooks import sign_up as hooks
from cognomen.userpools.hooks.ask import Occasion
from cognomen.userpools.passwords import temporary_days
from cognomen.userpools.rules import factors, first_factors, names, password_policy
from cognomen.userpools.sign_up import add_user

_DAY = 86_400.0


@op
async def admin_create_user(cx: Context, request: idp.AdminCreateUserRequest) -> idp.AdminCreateUserResponse:
    pool = await find.pool(cx, request.user_pool_id)
    if request.message_action == "RESEND":
        user = await _renew_invitation(cx, pool, request)
    else:
        user = await _create(cx, pool, request)
    return idp.AdminCreateUserResponse(user=shown(user))


async def _create(cx: Context, pool: Pool, request: idp.AdminCreateUserRequest) -> User:
    given = attributes.checked_by_admin(pool, request.user_attributes or [], creating=True)
    username, given = names.of_new_user(pool, request.username, given)
    password = None if _without_password(pool, request, given) else _temporary_password(pool, request)
    now, sub = cx.clock.now(), ids.sub()
    username = username or sub
    user = attributes.new_user(
        pool,
        sub,
        username,
        given,
        now=now,
        status="FORCE_CHANGE_PASSWORD" if password else "CONFIRMED",
        credential=credentials.make(cx, pool.pool_id, username, sub, password) if password else None,
        password_expires_at=now + _DAY * temporary_days(pool) if password else None,
    )
    invited = _invited(user, request)
    occasion = Occasion("AdminCreateUser", metadata=request.client_metadata)
    await hooks.pre_sign_up(cx, pool, occasion, username, given, request.validation_data)
    named, force = names.attribute_of(pool, request.username), bool(request.force_alias_creation)
    await add_user(cx, pool, user, None, named=named, force_alias=force, exists="User account already exists")
    cx.tell(SignedUp, pool.pool_id, sub=sub, username=username, by_admin=True)
    await invitations.send(cx, pool, user, password, invited, occasion)
    return user


def _invited(user: User, request: idp.AdminCreateUserRequest) -> list[str]:
    return [] if request.message_action == "SUPPRESS" else invitations.addresses(user, request.desired_delivery_mediums)


def _without_password(pool: Pool, request: idp.AdminCreateUserRequest, given: Mapping[str, str]) -> bool:
    """No password was given and the user can sign in by a code to a verified address (FIDELITY B.3.34)."""
    allowed = first_factors.allowed(pool)
    return not request.temporary_password and any(
        factor in allowed and given.get(attribute) and given.get(f"{attribute}_verified") == "true"
        for factor, attribute in first_factors.ADDRESS.items()
    )


def _temporary_password(pool: Pool, request: idp.AdminCreateUserRequest) -> str:
    """The one that was given, if it fits the policy, or a new one. Raises InvalidPasswordException."""
    policy = password_policy.of(pool)
    if request.temporary_password:
        password_policy.check(policy, request.temporary_password)
    return request.temporary_password or password_policy.generate(policy)


async def _renew_invitation(cx: Context, pool: Pool, request: idp.AdminCreateUserRequest) -> User:
    """RESEND: a new temporary password for a user who has not used theirs yet (FIDELITY B.4.49)."""
    user = await find.existing_user(cx, pool, request.username)
    if user.status != "FORCE_CHANGE_PASSWORD":
        raise errors.UnsupportedUserStateException("Resend not possible. User status is not FORCE_CHANGE_PASSWORD")
    password = _temporary_password(pool, request)
    sealed = credentials.make(cx, pool.pool_id, user.username, user.sub, password)
    expires_at = cx.clock.now() + _DAY * temporary_days(pool)

    async def unit(tx: Tx) -> User:
        return await credentials.replace(cx, tx, pool, user, sealed, password_expires_at=expires_at)

    renewed = await find.write(cx, unit)
    occasion = Occasion("AdminCreateUser", metadata=request.client_metadata)
    await invitations.send(cx, pool, renewed, password, _invited(renewed, request), occasion)
    return renewed


@op
async def admin_get_user(cx: Context, request: idp.AdminGetUserRequest) -> idp.AdminGetUserResponse:
    pool = await find.pool(cx, request.user_pool_id)
    user = await find.existing_user(cx, pool, request.username)
    return idp.AdminGetUserResponse(
        username=user.username,
        user_attributes=attributes.as_sent(user.attributes_json),
        user_create_date=user.created_at,
        user_last_modified_date=user.modified_at,
        enabled=user.enabled,
        user_status=user.status,
        mfa_options=factors.old_options(user),
        preferred_mfa_setting=factors.preferred(user),
        user_mfa_setting_list=factors.setting_list(user),
    )


@op
async def admin_delete_user(cx: Context, request: idp.AdminDeleteUserRequest) -> None:
    pool = await find.pool(cx, request.user_pool_id)
    user = await find.existing_user(cx, pool, request.username)
    await remove(cx, user)


@op
async def admin_enable_user(cx: Context, request: idp.AdminEnableUserRequest) -> idp.AdminEnableUserResponse:
    await _set_enabled(cx, request.user_pool_id, request.username, enabled=True)
    return idp.AdminEnableUserResponse()


@op
async def admin_disable_user(cx: Context, request: idp.AdminDisableUserRequest) -> idp.AdminDisableUserResponse:
    """The user's tokens are revoked too: https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminDisableUser.html"""
    await _set_enabled(cx, request.user_pool_id, request.username, enabled=False)
    return idp.AdminDisableUserResponse()


async def _set_enabled(cx: Context, pool_id: str, username: str, *, enabled: bool) -> None:
    pool = await find.pool(cx, pool_id)
    await set_enabled(cx, await find.existing_user(cx, pool, username), enabled=enabled)


async def set_enabled(cx: Context, user: User, *, enabled: bool) -> None:
    """Who is disabled is signed out everywhere. Raises UserNotFoundException."""
    now = cx.clock.now()

    async def unit(tx: Tx) -> None:
        await cx.store.users.change(
            tx,
            user.pool_id,
            user.sub,
            lambda present: msgspec.structs.replace(
                present, enabled=enabled, modified_at=now, signed_out_at=present.signed_out_at if enabled else now
            ),
        )
        if not enabled:
            await cx.store.sessions.revoke_all(tx, user.pool_id, user.sub, now)
            await cx.store.sso_sessions.remove_all(tx, user.pool_id, user.sub)

    await find.write(cx, unit)


@op
async def admin_update_user_attributes(cx: Context, request: idp.AdminUpdateUserAttributesRequest) -> idp.AdminUpdateUserAttributesResponse:
    """A new address is sent a code where the pool verifies it, unless the request says that it is verified."""
    pool = await find.pool(cx, request.user_pool_id)
    changes = attributes.checked_by_admin(pool, request.user_attributes)
    user = await find.existing_user(cx, pool, request.username)
    await attribute_updates.make(cx, pool, user, changes, "", request.client_metadata, by_admin=True)
    return idp.AdminUpdateUserAttributesResponse()


@op
async def admin_delete_user_attributes(cx: Context, request: idp.AdminDeleteUserAttributesRequest) -> idp.AdminDeleteUserAttributesResponse:
    pool = await find.pool(cx, request.user_pool_id)
    gone = [idp.AttributeType(name=name, value="") for name in request.user_attribute_names]
    changes = attributes.checked_by_admin(pool, gone)
    user = await find.existing_user(cx, pool, request.username)
    await find.write(cx, lambda tx: attributes.apply(cx, tx, pool, user, changes))
    return idp.AdminDeleteUserAttributesResponse()


async def remove(cx: Context, user: User) -> None:
    await find.write(cx, lambda tx: cx.store.users.remove(tx, user))


def shown(user: User) -> idp.UserType:
    """A user as lists and AdminCreateUser show one."""
    return idp.UserType(
        username=user.username,
        attributes=attributes.as_sent(user.attributes_json),
        user_create_date=user.created_at,
        user_last_modified_date=user.modified_at,
        enabled=user.enabled,
        user_status=user.status,
    )
