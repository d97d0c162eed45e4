"""Sign-up: a user makes an account, gets a code, and confirms it; or an administrator confirms it for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import ids
from cognomen.kernel.events import SignedUp, SignUpConfirmed
from cognomen.storage.clients import Client
from cognomen.storage.codes import Code
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools import attributes, client_auth, codes, credentials, find, nobody, protection
from cognomen.userpools.auth import sign_up_session
from cognomen.userpools.federation import profiles
from cognomen.userpools.hooks import sign_up as hooks
from cognomen.userpools.hooks.ask import Occasion
from cognomen.userpools.rules import first_factors, names, password_policy, schema


@op
async def sign_up(cx: Context, request: idp.SignUpRequest) -> idp.SignUpResponse:
    pool, client = await find.client(cx, request.client_id)
    client_auth.check_secret_hash(cx, client, request.secret_hash, request.username)
    async with protection.event(cx, pool, client, "SignUp", None, request.user_context_data) as happening:
        return await _sign_up(cx, request, pool, client, happening)


async def _sign_up(
    cx: Context, request: idp.SignUpRequest, pool: Pool, client: Client, happening: protection.Happening
) -> idp.SignUpResponse:
    admin_only = pool.settings.pool.admin_create_user_config
    if admin_only is not None and admin_only.allow_admin_create_user_only:
        raise errors.NotAuthorizedException("SignUp is not permitted for this user pool")
    given = attributes.checked_by_client(pool, client, request.user_attributes or [], creating=True)
    names.check_sign_up(pool, given)
    username, given = names.of_new_user(pool, request.username, given)
    await profiles.refuse_name(cx, pool, username)
    schema.check_required(pool.settings.pool.schema_attributes or [], given)
    password = request.password or None
    if password is not None or not _reachable_without_password(pool, given):
        password_policy.check(password_policy.of(pool), password or "")
    if password is not None:
        await protection.refuse_compromised(cx, happening, "SIGN_UP", password)

    now, sub = cx.clock.now(), ids.sub()
    username = username or sub
    occasion = Occasion("SignUp", client.client_id, request.client_metadata)
    verdict = await hooks.pre_sign_up(cx, pool, occasion, username, given, request.validation_data)
    user = attributes.new_user(
        pool,
        sub,
        username,
        given | {f"{name}_verified": "true" for name in verdict.verified},
        now=now,
        status="CONFIRMED" if verdict.confirmed else "UNCONFIRMED",
        credential=credentials.make(cx, pool.pool_id, username, sub, password) if password else None,
    )
    prepared = None if verdict.confirmed else _code_for(cx, pool, user)
    # "If an alias with that email already exists, the alias will be moved to the new user" (AWS, pre sign-up).
    named = names.attribute_of(pool, request.username)
    await add_user(cx, pool, user, prepared, named=named, force_alias=bool(verdict.verified))
    happening.user = user
    cx.tell(SignedUp, pool.pool_id, sub=sub, username=username, client_id=client.client_id)
    sent = await codes.send(cx, pool, user, prepared, client.client_id, request.client_metadata) if prepared else None
    if verdict.confirmed:
        await _settled(cx, pool, user, client.client_id, request.client_metadata)
    session = None if verdict.confirmed else sign_up_session.after_sign_up(cx, pool, client, user)
    return idp.SignUpResponse(user_confirmed=verdict.confirmed, user_sub=sub, code_delivery_details=sent, session=session)


def _reachable_without_password(pool: Pool, given: Mapping[str, str]) -> bool:
    """A user may have no password where the pool's first factors include a code, and there is an address to send it to."""
    allowed = first_factors.allowed(pool)
    return any(factor in allowed and given.get(attribute) for factor, attribute in first_factors.ADDRESS.items())


async def add_user(
    cx: Context,
    pool: Pool,
    user: User,
    prepared: codes.Prepared | None,
    *,
    named: str | None,
    force_alias: bool,
    exists: str = "User already exists",
) -> None:
    """Adds the user, the aliases that are theirs at once and the code, together. Raises UsernameExistsException, also for an alias: neither
    SignUp nor AdminCreateUser has AliasExistsException (FIDELITY B.4.40)."""

    async def unit(tx: Tx) -> None:
        await cx.store.users.add(tx, user)
        try:
            await attributes.settle_aliases(cx, tx, pool, user, names.naming_attributes(pool), named=named, force=force_alias)
        except errors.AliasExistsException as cause:
            raise errors.UsernameExistsException(cause.message) from cause
        if prepared is not None:
            await codes.limit_destination(cx, tx, prepared)
            await cx.store.codes.put(tx, prepared.row)

    try:
        await cx.store.write(unit)
    except Taken as cause:
        raise errors.UsernameExistsException(exists) from cause
    except Missing as cause:
        raise errors.ResourceNotFoundException(f"User pool {pool.pool_id} does not exist.") from cause


def _code_for(cx: Context, pool: Pool, user: User) -> codes.Prepared | None:
    """A code for the contact that sign-up verifies: the phone number where both could be, as AWS does."""
    verified = pool.settings.pool.auto_verified_attributes or []
    present = user.attributes
    for attribute in ("phone_number", "email"):
        if attribute in verified and present.get(attribute):
            return codes.prepare(cx, user, codes.SIGN_UP, attribute, present[attribute])
    return None


@op
async def confirm_sign_up(cx: Context, request: idp.ConfirmSignUpRequest) -> idp.ConfirmSignUpResponse:
    pool, client, user = await client_auth.named(cx, request.client_id, request.username, request.secret_hash)
    if user is None:
        raise _nobody(client, codes.expired())
    sign_up_session.check(cx, client, user, request.session)
    row = await confirm(
        cx,
        pool,
        user,
        request.confirmation_code,
        force_alias=bool(request.force_alias_creation),
        client_id=client.client_id,
        metadata=request.client_metadata,
    )
    session = sign_up_session.after_confirmation(cx, pool, client, user, request.session, row.attribute)
    return idp.ConfirmSignUpResponse(session=session)


async def confirm(
    cx: Context, pool: Pool, user: User, code: str, *, force_alias: bool, client_id: str, metadata: Mapping[str, str] | None = None
) -> Code:
    """The user's code confirms the account and verifies the address that it went to. Also what the link in a mail does."""
    if user.status != "UNCONFIRMED":
        raise _cannot_confirm(user)
    row = await codes.check(cx, user, codes.SIGN_UP, code)

    async def unit(tx: Tx) -> User:
        await codes.spend(cx, tx, row)
        confirmed = await cx.store.users.change(tx, user.pool_id, user.sub, _confirmed(cx))
        if confirmed.attributes.get(row.attribute) == row.value:
            return await attributes.apply(cx, tx, pool, confirmed, {f"{row.attribute}_verified": "true"}, force_alias=force_alias)
        return confirmed

    await _settled(cx, pool, await find.write(cx, unit), client_id, metadata)
    return row


@op
async def admin_confirm_sign_up(cx: Context, request: idp.AdminConfirmSignUpRequest) -> idp.AdminConfirmSignUpResponse:
    pool = await find.pool(cx, request.user_pool_id)
    user = await find.existing_user(cx, pool, request.username)

    async def unit(tx: Tx) -> User:
        await cx.store.codes.drop(tx, user.pool_id, user.sub, codes.SIGN_UP)
        return await cx.store.users.change(tx, user.pool_id, user.sub, _confirmed(cx))

    await _settled(cx, pool, await find.write(cx, unit), "", request.client_metadata)
    return idp.AdminConfirmSignUpResponse()


@op
async def resend_confirmation_code(cx: Context, request: idp.ResendConfirmationCodeRequest) -> idp.ResendConfirmationCodeResponse:
    pool, client, user = await client_auth.named(cx, request.client_id, request.username, request.secret_hash)
    async with protection.event(cx, pool, client, "ResendCode", user, request.user_context_data, typed=request.username):
        return await _resend(cx, request, pool, client, user)


async def _resend(
    cx: Context, request: idp.ResendConfirmationCodeRequest, pool: Pool, client: Client, user: User | None
) -> idp.ResendConfirmationCodeResponse:
    subject = user.sub if user else nobody.subject(cx, pool, request.username)
    await codes.limit_messages(cx, pool.pool_id, subject, codes.SIGN_UP)
    if user is None:
        if client.settings.prevent_user_existence_errors != "ENABLED":
            raise _nobody(client, codes.expired())
        return idp.ResendConfirmationCodeResponse(code_delivery_details=await codes.simulate(cx, pool, request.username, codes.SIGN_UP))
    if not user.enabled:  # "returns CodeDeliveryDetails for a disabled user or a user that doesn't exist" (AWS, user existence errors)
        if client.settings.prevent_user_existence_errors != "ENABLED":
            raise errors.NotAuthorizedException("User is disabled.")
        sent = await codes.simulate(cx, pool, request.username, codes.SIGN_UP, user)
        return idp.ResendConfirmationCodeResponse(code_delivery_details=sent)
    if user.status != "UNCONFIRMED":
        raise errors.InvalidParameterException("User is already confirmed.")
    prepared = _code_for(cx, pool, user)
    if prepared is None:
        raise errors.InvalidParameterException("Cannot resend codes. Auto verification not turned on.")
    await cx.store.write(lambda tx: cx.store.codes.put(tx, prepared.row))
    return idp.ResendConfirmationCodeResponse(
        code_delivery_details=await codes.send(cx, pool, user, prepared, client.client_id, request.client_metadata, source="ResendCode")
    )


def _confirmed(cx: Context) -> Callable[[User], User]:
    def update(present: User) -> User:
        if present.status != "UNCONFIRMED":
            raise _cannot_confirm(present)
        return msgspec.structs.replace(present, status="CONFIRMED", modified_at=cx.clock.now())

    return update


def _cannot_confirm(user: User) -> errors.NotAuthorizedException:
    return errors.NotAuthorizedException(f"User cannot be confirmed. Current status is {user.status}")


def _nobody(client: Client, hidden: errors.ServiceError) -> errors.ServiceError:
    """The error for a user who does not exist, or, where users are hidden, the one that a wrong code gets."""
    if client.settings.prevent_user_existence_errors == "ENABLED":
        return hidden
    return errors.UserNotFoundException("Username/client id combination not found.")


async def _settled(cx: Context, pool: Pool, user: User, client_id: str, metadata: Mapping[str, str] | None) -> None:
    """After the unit that confirmed the account."""
    cx.tell(SignUpConfirmed, user.pool_id, sub=user.sub, username=user.username)
    await hooks.post_confirmation(cx, pool, Occasion("ConfirmSignUp", client_id, metadata), user)
