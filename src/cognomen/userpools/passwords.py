"""Passwords changed by their user, reset by a code, or set by an administrator."""

from __future__ import annotations

from collections.abc import Mapping

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel.events import PasswordChanged
from cognomen.storage.clients import Client
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools import access, attributes, client_auth, codes, credentials, find, messages, nobody, protection
from cognomen.userpools.auth import lockout
from cognomen.userpools.auth.steps import incorrect
from cognomen.userpools.federation import profiles
from cognomen.userpools.hooks import migration
from cognomen.userpools.hooks import sign_up as sign_up_hooks
from cognomen.userpools.hooks.ask import Occasion
from cognomen.userpools.rules import password_policy, recovery

_RESETTABLE = ("CONFIRMED", "RESET_REQUIRED")
_DAY = 86_400.0


@op
async def forgot_password(cx: Context, request: idp.ForgotPasswordRequest) -> idp.ForgotPasswordResponse:
    pool, client, user = await client_auth.named(cx, request.client_id, request.username, request.secret_hash)
    async with protection.event(cx, pool, client, "ForgotPassword", user, request.user_context_data, typed=request.username):
        return await _forgot(cx, request, pool, client, user)


async def _forgot(
    cx: Context, request: idp.ForgotPasswordRequest, pool: Pool, client: Client, user: User | None
) -> idp.ForgotPasswordResponse:
    if recovery.only_by_admin(pool):
        raise errors.NotAuthorizedException("Contact administrator to reset password.")
    await codes.limit_messages(cx, pool.pool_id, user.sub if user else nobody.subject(cx, pool, request.username), codes.RESET)
    if user is None:
        user = await migration.at_forgotten_password(cx, pool, client, request.username, request.client_metadata)
    try:
        if user is None:
            raise errors.UserNotFoundException("Username/client id combination not found.")
        _refuse_unresettable(pool, user)
    except errors.ServiceError:
        if client.settings.prevent_user_existence_errors != "ENABLED":
            raise
        return idp.ForgotPasswordResponse(code_delivery_details=await codes.simulate(cx, pool, request.username, codes.RESET, user))
    sent = await _send_reset(cx, pool, user, client.client_id, request.client_metadata)
    return idp.ForgotPasswordResponse(code_delivery_details=sent)


def _refuse_unresettable(pool: Pool, user: User) -> None:
    """Users who cannot reset. Where users are hidden they are answered like users who do not exist (AWS, "Managing error responses")."""
    if not user.enabled:
        raise errors.NotAuthorizedException("User is disabled.")
    if user.status not in (*_RESETTABLE, "UNCONFIRMED"):
        raise errors.NotAuthorizedException("User password cannot be reset in the current state.")
    if user.status == "UNCONFIRMED" or recovery.contact(pool, user) is None:
        raise _no_contact()


def _no_contact() -> errors.InvalidParameterException:
    return errors.InvalidParameterException("Cannot reset password for the user as there is no registered/verified email or phone_number")


async def _send_reset(
    cx: Context, pool: Pool, user: User, client_id: str, metadata: Mapping[str, str] | None
) -> idp.CodeDeliveryDetailsType:
    contact = recovery.contact(pool, user)
    if contact is None:
        raise _no_contact()
    prepared = codes.prepare(cx, user, codes.RESET, contact.attribute, contact.value)
    await cx.store.write(lambda tx: cx.store.codes.put(tx, prepared.row))
    return await codes.send(cx, pool, user, prepared, client_id, metadata)


@op
async def confirm_forgot_password(cx: Context, request: idp.ConfirmForgotPasswordRequest) -> idp.ConfirmForgotPasswordResponse:
    pool, client, user = await client_auth.named(cx, request.client_id, request.username, request.secret_hash)
    password_policy.check(password_policy.of(pool), request.password)
    async with protection.event(cx, pool, client, "PasswordChange", user, request.user_context_data, typed=request.username) as happening:
        await _confirm_forgot(cx, request, pool, client, user, happening)
    return idp.ConfirmForgotPasswordResponse()


async def _confirm_forgot(
    cx: Context,
    request: idp.ConfirmForgotPasswordRequest,
    pool: Pool,
    client: Client,
    user: User | None,
    happening: protection.Happening,
) -> None:
    if user is None:
        if client.settings.prevent_user_existence_errors == "ENABLED":
            await codes.refuse_nobody(cx, pool, request.username, codes.RESET)
        raise errors.UserNotFoundException("Username/client id combination not found.")
    row = await codes.check(cx, user, codes.RESET, request.confirmation_code)
    if not user.enabled:
        raise errors.NotAuthorizedException("User is disabled.")
    await credentials.check_new(cx, pool, user, request.password)
    await protection.refuse_compromised(cx, happening, "PASSWORD_CHANGE", request.password)
    sealed = credentials.make(cx, pool.pool_id, user.username, user.sub, request.password)

    async def unit(tx: Tx) -> User:
        await codes.spend(cx, tx, row)
        changed = await credentials.replace(cx, tx, pool, user, sealed, status="CONFIRMED", password_expires_at=None)
        await lockout.forget(cx, tx, user)
        if changed.attributes.get(row.attribute) == row.value and changed.attributes.get(f"{row.attribute}_verified") != "true":
            # The code that came back proves the address.
            changed = await attributes.apply(cx, tx, pool, changed, {f"{row.attribute}_verified": "true"})
        return changed

    confirmed = await find.write(cx, unit)
    _tell(cx, user, "reset", client)
    await sign_up_hooks.post_confirmation(cx, pool, Occasion("ConfirmForgotPassword", client.client_id, request.client_metadata), confirmed)


@op
async def change_password(cx: Context, request: idp.ChangePasswordRequest) -> idp.ChangePasswordResponse:
    of = await access.of(cx, request.access_token)
    async with protection.event(cx, of.pool, of.client, "PasswordChange", of.user) as happening:
        await _change(cx, request, of, happening)
    return idp.ChangePasswordResponse()


async def _change(cx: Context, request: idp.ChangePasswordRequest, of: access.Access, happening: protection.Happening) -> None:
    user, in_time = of.user, None
    profiles.refuse_external(user, "change password")
    if user.credential is not None:
        if not request.previous_password:
            raise errors.InvalidParameterException("Missing required parameter PreviousPassword")
        in_time = await lockout.check_password(cx, of.pool, user, request.previous_password)
    password_policy.check(password_policy.of(of.pool), request.proposed_password)
    await credentials.check_new(cx, of.pool, user, request.proposed_password)
    await protection.refuse_compromised(cx, happening, "PASSWORD_CHANGE", request.proposed_password)
    sealed = credentials.make(cx, user.pool_id, user.username, user.sub, request.proposed_password)

    async def unit(tx: Tx) -> None:
        if in_time is not None:
            await in_time(tx)
        present = await cx.store.users.by_sub(user.pool_id, user.sub, tx)
        if present is not None and present.credential != user.credential:
            raise incorrect()  # another change came first: what was proved is no longer the password
        await credentials.replace(cx, tx, of.pool, user, sealed, password_expires_at=None)

    await find.write(cx, unit)
    _tell(cx, user, "change", of.client)


@op
async def admin_reset_user_password(cx: Context, request: idp.AdminResetUserPasswordRequest) -> idp.AdminResetUserPasswordResponse:
    pool = await find.pool(cx, request.user_pool_id)
    user = await find.existing_user(cx, pool, request.username)
    if not user.enabled:
        raise errors.NotAuthorizedException("User is disabled")
    if user.status not in _RESETTABLE:
        raise errors.NotAuthorizedException("User password cannot be reset in the current state.")
    contact = recovery.contact(pool, user, by_admin=True)
    if contact is None:
        raise _no_contact()
    prepared = codes.prepare(cx, user, codes.RESET, contact.attribute, contact.value)

    async def unit(tx: Tx) -> User:
        now = cx.clock.now()
        await cx.store.codes.put(tx, prepared.row)
        return await cx.store.users.change(tx, user.pool_id, user.sub, lambda present: credentials.void(cx, present, now))

    reset = await find.write(cx, unit)
    await messages.declared(contact.attribute, codes.send(cx, pool, reset, prepared, "", request.client_metadata))
    return idp.AdminResetUserPasswordResponse()


@op
async def admin_set_user_password(cx: Context, request: idp.AdminSetUserPasswordRequest) -> idp.AdminSetUserPasswordResponse:
    pool = await find.pool(cx, request.user_pool_id)
    user = await find.existing_user(cx, pool, request.username)
    password_policy.check(password_policy.of(pool), request.password)
    await credentials.check_new(cx, pool, user, request.password)
    sealed = credentials.make(cx, pool.pool_id, user.username, user.sub, request.password)
    permanent = bool(request.permanent)
    expires_at = None if permanent else cx.clock.now() + _DAY * temporary_days(pool)

    async def unit(tx: Tx) -> None:
        status = "CONFIRMED" if permanent else "FORCE_CHANGE_PASSWORD"
        await credentials.replace(cx, tx, pool, user, sealed, status=status, password_expires_at=expires_at)
        await lockout.forget(cx, tx, user)
        await cx.store.codes.drop(tx, user.pool_id, user.sub, codes.RESET)

    await find.write(cx, unit)
    _tell(cx, user, "admin", None)
    return idp.AdminSetUserPasswordResponse()


def temporary_days(pool: Pool) -> int:
    """How long a temporary password is good: the policy's days, else those of the older member, else seven."""
    days = password_policy.of(pool).temporary_password_validity_days
    if days is not None:
        return days
    invited = pool.settings.pool.admin_create_user_config
    return (invited.unused_account_validity_days if invited else None) or 7


def _tell(cx: Context, user: User, how: str, client: Client | None) -> None:
    cx.tell(PasswordChanged, user.pool_id, sub=user.sub, username=user.username, client_id=client.client_id if client else "", how=how)
