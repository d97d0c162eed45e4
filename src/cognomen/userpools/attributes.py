"""A user's attributes as they change: checked against the schema and the client's permissions, and carried into the aliases.

Verified flags and aliases follow the values here and nowhere else: a new email is unverified until it is proved, and an alias belongs to
the user who verified it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import msgspec

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.storage.clients import Client
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool
from cognomen.storage.users import User, attributes_json
from cognomen.userpools.rules import names, permissions, schema

VERIFIABLE = ("email", "phone_number")


def checked_by_client(pool: Pool, client: Client, given: Sequence[idp.AttributeType], *, creating: bool = False) -> dict[str, str]:
    """Name -> value of what a user sets through an app client. Raises InvalidParameterException and NotAuthorizedException."""
    kept = schema.checked(pool.settings.pool.schema_attributes or [], given, by_admin=False, creating=creating)
    if not kept.keys() <= permissions.writable(client, pool.settings.pool.schema_attributes or []):
        raise errors.NotAuthorizedException("A client attempted to write unauthorized attribute")
    return kept


def checked_by_admin(pool: Pool, given: Sequence[idp.AttributeType], *, creating: bool = False) -> dict[str, str]:
    return schema.checked(pool.settings.pool.schema_attributes or [], given, by_admin=True, creating=creating)


def merged(before: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """The attributes after `changes`, where an empty value removes one, and a changed email or phone number loses its verification."""
    after = dict(before)
    for name in VERIFIABLE:
        if name in changes and changes[name] != before.get(name) and f"{name}_verified" not in changes:
            after[f"{name}_verified"] = "false"
    after.update(changes)
    for name in VERIFIABLE:
        if not after.get(name):
            after.pop(f"{name}_verified", None)
    return {name: value for name, value in after.items() if value != ""}


def new_user(
    pool: Pool,
    sub: str,
    username: str,
    given: Mapping[str, str],
    *,
    now: float,
    status: str,
    credential: bytes | None,
    password_expires_at: float | None = None,
) -> User:
    """A user who is not kept yet, with attributes that were checked before."""
    return User(
        pool_id=pool.pool_id,
        sub=sub,
        username=username,
        username_key=names.key(pool, username),
        status=status,
        created_at=now,
        modified_at=now,
        attributes_json=attributes_json(sub, merged({}, given)),
        credential=credential,
        password_expires_at=password_expires_at,
    )


async def apply(cx: Context, tx: Tx, pool: Pool, user: User, changes: Mapping[str, str], *, force_alias: bool = False) -> User:
    """Within a unit: sets (or, where empty, removes) attributes. Raises Missing, AliasExistsException."""
    now = cx.clock.now()

    def update(present: User) -> User:
        return msgspec.structs.replace(present.with_attributes(merged(present.attributes, changes)), modified_at=now)

    changed = await cx.store.users.change(tx, user.pool_id, user.sub, update)
    touched = {name.removesuffix("_verified") for name in changes}
    await settle_aliases(cx, tx, pool, changed, touched, force=force_alias)
    return changed


async def settle_aliases(
    cx: Context, tx: Tx, pool: Pool, user: User, touched: Iterable[str], *, named: str | None = None, force: bool = False
) -> None:
    """Makes the aliases of the touched attributes what the user's attributes say. `named` is the attribute by which a new user is named, in a
    pool with username attributes.

    A verified alias that another user owns moves only by `force` (ForceAliasCreation), and that user's value is then no longer verified.
    What is a user's name, or was never verified, does not move. Raises AliasExistsException.
    """
    present = user.attributes
    wanted = set(touched) & set(names.naming_attributes(pool))
    if wanted and named is None and names.username_attributes(pool):
        owned = await cx.store.users.aliases_of(tx, user)
        named = owned[0] if len(owned) == 1 else None  # the only name that the user goes by stays theirs when it changes
    for attribute in names.naming_attributes(pool):
        if attribute not in wanted:
            continue
        await cx.store.users.drop_alias(tx, user, attribute)
        if not names.claims_alias(pool, attribute, present, named=named):
            continue
        if attribute == "preferred_username" and await _names_another(cx, tx, pool, user, present[attribute]):
            raise alias_exists(attribute)
        loser = await cx.store.users.claim_alias(tx, user, attribute, names.key(pool, present[attribute]))
        if loser is None:
            continue
        if not force or attribute not in VERIFIABLE or attribute in names.username_attributes(pool):
            raise alias_exists(attribute)
        await _unverify(cx, tx, user.pool_id, loser, attribute)


async def _names_another(cx: Context, tx: Tx, pool: Pool, user: User, value: str) -> bool:
    """Is this somebody else's user name? It would lead to them, whoever prefers it."""
    found = await cx.store.users.by_username(pool.pool_id, names.key(pool, value), tx)
    return found is not None and found.sub != user.sub


async def _unverify(cx: Context, tx: Tx, pool_id: str, sub: str, attribute: str) -> None:
    def update(present: User) -> User:
        return present.with_attributes({**present.attributes, f"{attribute}_verified": "false"})

    await cx.store.users.change(tx, pool_id, sub, update)


def alias_exists(attribute: str) -> errors.AliasExistsException:
    return errors.AliasExistsException(f"An account with the given {attribute} already exists.")


def readable_as_sent(pool: Pool, client: Client, user: User) -> list[idp.AttributeType]:
    """The user's attributes that this client may read; `sub`, and `identities` of who has some, it always may."""
    allowed = permissions.readable(client, pool.settings.pool.schema_attributes or [])
    return [item for item in decoded(user.attributes_json) if item.name in allowed or item.name in ("sub", "identities")]


decoded = msgspec.json.Decoder(list[idp.AttributeType]).decode
"""A user's stored attributes as AWS's list."""


def as_sent(stored: str) -> list[idp.AttributeType]:
    """All of a user's attributes for an answer: stored as they are sent, so they are passed through unread."""
    return cast("list[idp.AttributeType]", msgspec.Raw(stored))


def listed(user: User, attributes: Mapping[str, str]) -> list[idp.AttributeType]:
    """As AWS lists them: `sub` first."""
    return [
        idp.AttributeType(name="sub", value=user.sub),
        *(idp.AttributeType(name=name, value=value) for name, value in attributes.items()),
    ]
