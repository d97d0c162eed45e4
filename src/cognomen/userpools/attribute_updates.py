"""Attributes of a user who is there, set by the user or by an administrator: what takes effect at once, and what is sent a code first."""

from __future__ import annotations

from collections.abc import Mapping

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools import attributes, codes, find, messages


async def make(
    cx: Context,
    pool: Pool,
    user: User,
    changes: Mapping[str, str],
    client_id: str,
    metadata: Mapping[str, str] | None,
    *,
    by_admin: bool = False,
) -> list[idp.CodeDeliveryDetailsType]:
    """Sets what `changes` says and sends the codes that its new addresses need; returns where they went.

    Raises AliasExistsException, TooManyRequestsException, UserNotFoundException, and for a message that cannot be sent
    CodeDeliveryFailureException, or what AdminUpdateUserAttributes declares instead.
    """
    present = user.attributes
    proving = [name for name in attributes.VERIFIABLE if _must_prove(pool, name, present, changes)]
    prepared = [codes.prepare(cx, user, name, name, changes[name]) for name in proving]
    if prepared:
        await _limit(cx, user)
    withheld = set(verified_first(pool)) & set(proving)
    at_once = {name: value for name, value in changes.items() if name.removesuffix("_verified") not in withheld}

    async def unit(tx: Tx) -> User:
        after = await attributes.apply(cx, tx, pool, user, at_once) if at_once else user
        for each in prepared:
            await cx.store.codes.put(tx, each.row)
        return after

    changed = await find.write(cx, unit)
    sent = []
    for each in prepared:
        sending = codes.send(cx, pool, changed, each, client_id, metadata, source="UpdateUserAttribute")
        sent.append(await (messages.declared(each.row.attribute, sending) if by_admin else sending))
    return sent


def verified_first(pool: Pool) -> list[str]:
    """Attributes whose new value waits for its code (AttributesRequireVerificationBeforeUpdate)."""
    settings = pool.settings.pool.user_attribute_update_settings
    return (settings.attributes_require_verification_before_update if settings else None) or []


def _must_prove(pool: Pool, name: str, present: Mapping[str, str], changes: Mapping[str, str]) -> bool:
    """A new address is sent a code where the pool verifies that attribute by itself, or lets no value in unproved; unless an
    administrator vouches for it in the same request."""
    if not changes.get(name) or changes[name] == present.get(name) or changes.get(f"{name}_verified") == "true":
        return False
    return name in (pool.settings.pool.auto_verified_attributes or []) or name in verified_first(pool)


async def _limit(cx: Context, user: User) -> None:
    """The operations that update attributes have no LimitExceededException."""
    try:
        await codes.limit_messages(cx, user.pool_id, user.sub, "attribute")
    except errors.LimitExceededException as cause:
        raise errors.TooManyRequestsException(cause.message) from cause


async def pending(cx: Context, pool: Pool, user: User, name: str) -> str | None:
    """The address that waits for its code, where the pool lets none in before."""
    if name not in verified_first(pool):
        return None
    row = await cx.store.codes.get(user.pool_id, user.sub, name)
    return row.value if row is not None and row.expires_at > cx.clock.now() else None
