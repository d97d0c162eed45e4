"""Pools, clients and users by what a request names, and the one error for each that is not there."""

from __future__ import annotations

from typing import TypeVar

from cognomen.api import errors
from cognomen.context import Context
from cognomen.storage.clients import Client
from cognomen.storage.engine import Reader, Unit
from cognomen.storage.errors import Missing
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools.rules import names

T = TypeVar("T")


async def pool(cx: Context, pool_id: str) -> Pool:
    found = await cx.store.pools.get(pool_id)
    if found is None:
        raise errors.ResourceNotFoundException(f"User pool {pool_id} does not exist.")
    return found


async def client(cx: Context, client_id: str) -> tuple[Pool, Client]:
    """The client of a public request, which names no pool."""
    found = await cx.store.clients.find(client_id)
    owner = await cx.store.pools.get(found.pool_id) if found else None
    if found is None or owner is None:
        raise no_client(client_id)
    return owner, found


async def client_in(cx: Context, pool_id: str, client_id: str) -> tuple[Pool, Client]:
    owner = await pool(cx, pool_id)
    found = await cx.store.clients.get(pool_id, client_id)
    if found is None:
        raise no_client(client_id)
    return owner, found


def no_client(client_id: str) -> errors.ResourceNotFoundException:
    return errors.ResourceNotFoundException(f"User pool client {client_id} does not exist.")


async def user(cx: Context, owner: Pool, name: str, tx: Reader | None = None, *, with_groups: bool = False) -> User | None:
    """The user whom `name` leads to: a user name, a sub, or an alias that the pool allows and the user owns."""
    users = cx.store.users
    found = await users.by_username(owner.pool_id, names.key(owner, name), tx, with_groups=with_groups)
    if found is None and names.is_sub(name):
        found = await users.by_sub(owner.pool_id, name, tx)
    if found is None and (attribute := names.attribute_of(owner, name)) is not None:
        found = await users.by_alias(owner.pool_id, attribute, names.key(owner, name), tx)
    return found


async def existing_user(cx: Context, owner: Pool, name: str) -> User:
    found = await user(cx, owner, name)
    if found is None:
        raise no_user()
    return found


def no_user() -> errors.UserNotFoundException:
    return errors.UserNotFoundException("User does not exist.")


async def write(cx: Context, unit: Unit[T]) -> T:
    """Runs a unit of work on a user who was found before. Raises UserNotFoundException when they are gone meanwhile."""
    try:
        return await cx.store.write(unit)
    except Missing as cause:
        raise no_user() from cause
