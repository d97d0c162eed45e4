"""UserMigration: somebody whom the pool does not know signs in with a password, or forgot theirs; the function, or the directory that stands
in its place, says who they are elsewhere, and from then on they are a user here. Users who are here already, but never had a password here
(they were copied or imported), prove at the directory the one that they had.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.directories.directory import Directory, NotTold, UnknownThere, WrongThere
from cognomen.kernel import ids
from cognomen.kernel.events import SignedUp
from cognomen.kernel.log import get_logger
from cognomen.storage.clients import Client
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.triggers import catalog
from cognomen.triggers.invoke import unrecognizable
from cognomen.userpools import attributes, credentials, find, invitations
from cognomen.userpools.hooks.ask import Occasion, ask
from cognomen.userpools.rules import factors, names

log = get_logger("triggers")
_SUB = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Found(msgspec.Struct, frozen=True, rename="camel"):
    """The answer. Without `finalUserStatus` the user is confirmed, and has the password that was typed."""

    user_attributes: dict[str, str]
    final_user_status: Literal["CONFIRMED", "RESET_REQUIRED"] | None = None
    message_action: Literal["SUPPRESS", "RESEND"] | None = None
    desired_delivery_mediums: list[Literal["EMAIL", "SMS"]] | None = None
    force_alias_creation: bool | None = None
    enable_sms_mfa: bool | None = msgspec.field(default=None, name="enableSMSMFA")


class _Told(Found, frozen=True):
    """What a directory says, which may keep the `sub`, and knows passwords that must be changed."""

    sub: str = ""
    temporary: bool = False


def is_asked(cx: Context, pool: Pool, user: User | None) -> bool:
    """Is there a place to ask for this user's password: for nobody whom the pool knows, or for one who has none here?"""
    arn = catalog.arn_of(pool, catalog.USER_MIGRATION)
    return arn is not None and (user is None or (_lacks_password(user) and cx.directories.of(arn) is not None))


def _lacks_password(user: User) -> bool:
    return user.credential is None and user.status == "RESET_REQUIRED" and user.enabled


def _directory(cx: Context, pool: Pool) -> Directory | None:
    return cx.directories.of(catalog.arn_of(pool, catalog.USER_MIGRATION) or "")


async def bring_password(cx: Context, pool: Pool, user: User, password: str) -> User:
    """A user without a password, confirmed and with the one that the directory has. Raises WrongThere; where the directory does not know,
    the user is as before, who must choose a password by a code."""
    directory = _directory(cx, pool)
    try:
        if directory is None:
            return user
        await directory.check(user.username, password)
    except UnknownThere:
        return user
    except NotTold as cause:
        log.warning("a password could not be asked for", pool_id=pool.pool_id, reason=str(cause))
        return user
    sealed = credentials.make(cx, pool.pool_id, user.username, user.sub, password)

    def adopt(present: User) -> User:
        if present.credential is not None or present.status != user.status:  # another request was first, or an administrator
            return present
        return msgspec.structs.replace(present, credential=sealed, status="CONFIRMED", modified_at=cx.clock.now())

    try:
        return await cx.store.write(lambda tx: cx.store.users.change(tx, pool.pool_id, user.sub, adopt))
    except Missing as cause:
        raise WrongThere from cause


async def at_sign_in(
    cx: Context, pool: Pool, client: Client, typed: str, password: str, *, validation: Mapping[str, str], metadata: Mapping[str, str]
) -> User:
    """The user, here from now on. The pool's password policy is not asked, as AWS documents. Raises UserNotFoundException."""
    request = {"password": password, "validationData": dict(validation) or None}
    occasion = Occasion("Authentication", client.client_id, metadata)
    return await _migrate(cx, pool, client, occasion, typed, request, password)


async def at_forgotten_password(cx: Context, pool: Pool, client: Client, typed: str, metadata: Mapping[str, str] | None) -> User | None:
    """The user, here from now on and about to choose a password; None where the pool asks no function, or it knows nobody."""
    if not is_asked(cx, pool, None):
        return None
    occasion = Occasion("ForgotPassword", client.client_id, metadata)
    try:
        return await _migrate(cx, pool, client, occasion, typed, {"password": None, "validationData": None}, None)
    except errors.UserNotFoundException:
        return None


async def _migrate(
    cx: Context, pool: Pool, client: Client, occasion: Occasion, typed: str, request: dict[str, Any], password: str | None
) -> User:
    directory = _directory(cx, pool)
    try:
        answered = await (_told(directory, typed, password) if directory else _found(cx, pool, occasion, typed, request))
        user = await _made(cx, pool, typed, answered, password)
        mediums = answered.desired_delivery_mediums
        invited = [] if answered.message_action == "SUPPRESS" else invitations.addresses(user, mediums)
    except errors.ServiceError as cause:
        # One answer for every reason, as AWS gives it; the reason is for who runs the pool.
        log.warning("a user was not migrated", pool_id=pool.pool_id, reason=_reason(cause))
        raise _failed(client) from cause
    user, new = await _keep(cx, pool, client, typed, user, force_alias=bool(answered.force_alias_creation))
    if new:
        cx.tell(SignedUp, pool.pool_id, sub=user.sub, username=user.username, client_id=client.client_id)
        await _welcome(cx, pool, user, invited)
    return user


async def _found(cx: Context, pool: Pool, occasion: Occasion, typed: str, request: dict[str, Any]) -> Found:
    answer = await ask(cx, pool, catalog.USER_MIGRATION, occasion, typed, request)
    try:
        return msgspec.convert(answer, Found)
    except msgspec.ValidationError as cause:
        raise unrecognizable() from cause


async def _told(directory: Directory, typed: str, password: str | None) -> Found:
    try:
        person = await (directory.find(typed) if password is None else directory.person(typed, password))
    except (UnknownThere, WrongThere) as cause:
        raise errors.UserNotFoundException("nobody there has this name and password") from cause
    except NotTold as cause:
        raise errors.UnexpectedLambdaException(str(cause)) from cause
    named = {"username": person.username} if person.username else {}
    return _Told({**person.attributes, **named}, message_action="SUPPRESS", sub=person.sub, temporary=person.temporary)


async def _made(cx: Context, pool: Pool, typed: str, answered: Found, password: str | None) -> User:
    """The user as the answer has it. Raises InvalidParameterException where the pool could not have such a user."""
    listed = [idp.AttributeType(name=name, value=value) for name, value in answered.user_attributes.items() if value]
    if not listed:
        raise unrecognizable()
    given = attributes.checked_by_admin(pool, [item for item in listed if item.name != "username"], creating=True)
    named = answered.user_attributes.get("username") or typed
    if (fault := names.fault(named)) is not None:
        raise errors.InvalidParameterException(fault)
    username, given = names.of_new_user(pool, named, given)
    told = answered if isinstance(answered, _Told) else None
    now, sub = cx.clock.now(), told.sub if told and _SUB.fullmatch(told.sub) else ids.sub()
    username = username or sub
    reset = password is None or answered.final_user_status == "RESET_REQUIRED"
    status = "RESET_REQUIRED" if reset else "FORCE_CHANGE_PASSWORD" if told and told.temporary else "CONFIRMED"
    user = attributes.new_user(
        pool,
        sub,
        username,
        given,
        now=now,
        status=status,
        credential=credentials.make(cx, pool.pool_id, username, sub, password) if password is not None else None,
    )
    return _with_texts(pool, user) if answered.enable_sms_mfa else user


def _with_texts(pool: Pool, user: User) -> User:
    """SMS becomes the second factor. Raises InvalidParameterException without a phone number, or where the pool has none by SMS: "or else the
    migration of that user will fail"."""
    if factors.SMS not in factors.offered(pool) or not factors.is_set_up(user, factors.SMS):
        raise errors.InvalidParameterException("enableSMSMFA needs a phone number, and a user pool with MFA by SMS.")
    return factors.with_factors(user, factors.Factors(enabled=(factors.SMS,), preferred=factors.SMS))


async def _keep(cx: Context, pool: Pool, client: Client, typed: str, user: User, *, force_alias: bool) -> tuple[User, bool]:
    """The user kept; or the one whom another request has kept meanwhile."""

    async def unit(tx: Tx) -> None:
        await cx.store.users.add(tx, user)
        named = names.attribute_of(pool, typed)
        await attributes.settle_aliases(cx, tx, pool, user, names.naming_attributes(pool), named=named, force=force_alias)

    try:
        await cx.store.write(unit)
    except Taken as cause:
        present = await find.user(cx, pool, typed)
        if present is None:
            raise _failed(client) from cause
        return present, False
    except (Missing, errors.AliasExistsException) as cause:
        raise _failed(client) from cause
    return user, True


async def _welcome(cx: Context, pool: Pool, user: User, invited: list[str]) -> None:
    """The invitation, which never holds the password: it is the user's own. The user is here whether it can be sent or not."""
    try:
        await invitations.send(cx, pool, user, None, invited, Occasion("AdminCreateUser"))
    except errors.ServiceError as cause:
        log.warning("a migrated user was not welcomed", pool_id=pool.pool_id, reason=_reason(cause))


def _failed(client: Client) -> errors.UserNotFoundException:
    return errors.UserNotFoundException(f"Exception migrating user in app client {client.client_id}")


def _reason(cause: errors.ServiceError) -> str:
    """Without a function's own words, which may repeat the password that it was asked about."""
    return cause.code if isinstance(cause, errors.UserLambdaValidationException) else f"{cause.code}: {cause.message}"
