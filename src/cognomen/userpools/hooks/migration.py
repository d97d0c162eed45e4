"""UserMigration: somebody whom the pool does not know signs in with a password, or forgot theirs; the function says who they are elsewhere,
and from then on they are a user here.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from cognomen.api import errors, idp
from cognomen.context import Context
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
from cognomen.userpools.rules import names

log = get_logger("triggers")


class Found(msgspec.Struct, frozen=True, rename="camel"):
    """The answer. Without `finalUserStatus` the user is confirmed, and has the password that was typed."""

    user_attributes: dict[str, str]
    final_user_status: Literal["CONFIRMED", "RESET_REQUIRED"] | None = None
    message_action: Literal["SUPPRESS", "RESEND"] | None = None
    desired_delivery_mediums: list[Literal["EMAIL", "SMS"]] | None = None
    force_alias_creation: bool | None = None


def is_asked(pool: Pool) -> bool:
    return catalog.arn_of(pool, catalog.USER_MIGRATION) is not None


async def at_sign_in(
    cx: Context, pool: Pool, client: Client, typed: str, password: str, *, validation: Mapping[str, str], metadata: Mapping[str, str]
) -> User:
    """The user, here from now on. The pool's password policy is not asked, as AWS documents. Raises UserNotFoundException."""
    request = {"password": password, "validationData": dict(validation) or None}
    occasion = Occasion("Authentication", client.client_id, metadata)
    return await _migrate(cx, pool, client, occasion, typed, request, password)


async def at_forgotten_password(cx: Context, pool: Pool, client: Client, typed: str, metadata: Mapping[str, str] | None) -> User | None:
    """The user, here from now on and about to choose a password; None where the pool asks no function, or it knows nobody."""
    if not is_asked(pool):
        return None
    occasion = Occasion("ForgotPassword", client.client_id, metadata)
    try:
        return await _migrate(cx, pool, client, occasion, typed, {"password": None, "validationData": None}, None)
    except errors.UserNotFoundException:
        return None


async def _migrate(
    cx: Context, pool: Pool, client: Client, occasion: Occasion, typed: str, request: dict[str, Any], password: str | None
) -> User:
    try:
        answer = await ask(cx, pool, catalog.USER_MIGRATION, occasion, typed, request)
        try:
            answered = msgspec.convert(answer, Found)
        except msgspec.ValidationError as cause:
            raise unrecognizable() from cause
        user = await _made(cx, pool, typed, answered, password)
        mediums = answered.desired_delivery_mediums
        invited = [] if answered.message_action == "SUPPRESS" else invitations.addresses(user, mediums)
    except errors.ServiceError as cause:
        # One answer for every reason, as AWS gives it; the reason is for who runs the pool.
        log.warning("a user was not migrated", pool_id=pool.pool_id, reason=f"{cause.code}: {cause.message}")
        raise errors.UserNotFoundException(f"Exception migrating user in app client {client.client_id}") from cause
    user, new = await _keep(cx, pool, client, typed, user, force_alias=bool(answered.force_alias_creation))
    if new:
        cx.tell(SignedUp, pool.pool_id, sub=user.sub, username=user.username, client_id=client.client_id)
        await _welcome(cx, pool, user, invited)
    return user


async def _made(cx: Context, pool: Pool, typed: str, answered: Found, password: str | None) -> User:
    """The user as the answer has it. Raises InvalidParameterException where the pool could not have such a user."""
    listed = [idp.AttributeType(name=name, value=value) for name, value in answered.user_attributes.items() if value]
    if not listed:
        raise unrecognizable()
    given = attributes.checked_by_admin(pool, [item for item in listed if item.name != "username"], creating=True)
    username, given = names.of_new_user(pool, answered.user_attributes.get("username") or typed, given)
    now, sub = cx.clock.now(), ids.sub()
    username = username or sub
    reset = password is None or answered.final_user_status == "RESET_REQUIRED"
    return attributes.new_user(
        pool,
        sub,
        username,
        given,
        now=now,
        status="RESET_REQUIRED" if reset else "CONFIRMED",
        credential=credentials.make(cx, pool.pool_id, username, sub, password) if password is not None else None,
    )


async def _keep(cx: Context, pool: Pool, client: Client, typed: str, user: User, *, force_alias: bool) -> tuple[User, bool]:
    """The user kept; or the one whom another request has kept meanwhile."""

    async def unit(tx: Tx) -> None:
        await cx.store.users.add(tx, user)
        await attributes.settle_aliases(cx, tx, pool, user, names.naming_attributes(pool), force=force_alias)

    try:
        await cx.store.write(unit)
    except Taken as cause:
        present = await find.user(cx, pool, typed)
        if present is None:
            raise errors.UserNotFoundException(f"Exception migrating user in app client {client.client_id}") from cause
        return present, False
    except (Missing, errors.AliasExistsException) as cause:
        raise errors.UserNotFoundException(f"Exception migrating user in app client {client.client_id}") from cause
    return user, True


async def _welcome(cx: Context, pool: Pool, user: User, invited: list[str]) -> None:
    """The invitation, which never holds the password: it is the user's own. The user is here whether it can be sent or not."""
    try:
        await invitations.send(cx, pool, user, None, invited, Occasion("AdminCreateUser"))
    except errors.ServiceError as cause:
        log.warning("a migrated user was not welcomed", pool_id=pool.pool_id, reason=f"{cause.code}: {cause.message}")
