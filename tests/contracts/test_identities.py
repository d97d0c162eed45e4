"""What storage promises of identity pools and identities, on each database."""

from __future__ import annotations

import pytest

from cognomen.api.identity import IdentityPool as Shape
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Missing, Stale, Taken
from cognomen.storage.identities import Identity, Login
from cognomen.storage.identity_pools import IdentityPool, IdentityPoolSettings
from cognomen.storage.store import Store
from tests.contracts.conftest import Database

POOL = "us-east-1:a"
KIM, LEE = Login("idp", b"kim"), Login("idp", b"lee")


def identity(name: str, pool_id: str = POOL) -> Identity:
    return Identity(pool_id=pool_id, identity_id=f"us-east-1:{name}", created_at=1.0, modified_at=1.0)


async def opened(database: Database) -> Store:
    store = await database.store()
    for pool_id in (POOL, "us-east-1:b"):
        shape = Shape(identity_pool_id=pool_id, identity_pool_name="x", allow_unauthenticated_identities=True)
        await store.identity_pools.add(IdentityPool(pool_id, "us-east-1", 1.0, 1.0, IdentityPoolSettings(pool=shape)), 10)
    return store


async def add(store: Store, made: Identity, *logins: Login) -> None:
    async def unit(tx: Tx) -> None:
        await store.identities.add(tx, made, logins)

    await store.write(unit)


async def merge(store: Store, source: str, target: str) -> None:
    async def unit(tx: Tx) -> None:
        await store.identities.merge(tx, POOL, source, target, 5.0)

    await store.write(unit)


async def test_a_region_has_a_quota(database: Database) -> None:
    store = await opened(database)
    kept = await store.identity_pools.get(POOL)
    assert kept is not None
    with pytest.raises(Stale):
        await store.identity_pools.add(IdentityPool("us-east-1:c", "us-east-1", 1.0, 1.0, kept.settings), 2)
    with pytest.raises(Taken):
        await store.identity_pools.add(kept, 10)


async def test_found_by_id_and_by_login(database: Database) -> None:
    """In its own pool alone; a login leads to one identity."""
    store = await opened(database)
    await add(store, identity("1"), KIM)
    found = await store.identities.find("us-east-1:1")
    assert (found, await store.identities.pool_of("us-east-1:1")) == (identity("1"), POOL)
    assert await store.identities.pool_of("us-east-1:9") is None
    assert await store.identities.linked_to(POOL, KIM) == "us-east-1:1"
    assert await store.identities.linked_to("us-east-1:b", KIM) is None
    with pytest.raises(Taken):
        await add(store, identity("2"), LEE, KIM)
    assert (await store.identities.find("us-east-1:2"), await store.identities.linked_to(POOL, LEE)) == (None, None)


async def test_no_identity_in_a_pool_that_goes(database: Database) -> None:
    store = await opened(database)
    await store.identity_pools.condemn(POOL)
    with pytest.raises(Missing):
        await add(store, identity("1"))
    assert await store.identity_pools.condemned() == [POOL]
    assert await store.identity_pools.get(POOL) is None


async def test_merges_lead_to_the_last(database: Database) -> None:
    """Whatever was merged into the source leads to the new target too; none of them is listed as enabled."""
    store = await opened(database)
    for number, login in (("1", KIM), ("2", LEE)):
        await add(store, identity(number), login)
    await add(store, identity("3"))
    await merge(store, "us-east-1:1", "us-east-1:2")
    await merge(store, "us-east-1:2", "us-east-1:3")
    found = [await store.identities.get(POOL, f"us-east-1:{number}") for number in "123"]
    assert [one.merged_into for one in found if one] == ["us-east-1:3", "us-east-1:3", None]
    assert {login.digest for login in await store.identities.logins(POOL, "us-east-1:3")} == {b"kim", b"lee"}
    enabled = await store.identities.page(POOL, "", 10, enabled_only=True)
    assert [(one.identity.identity_id, one.providers) for one in enabled] == [("us-east-1:3", ["idp"])]
    assert [one.identity.identity_id for one in await store.identities.page(POOL, "us-east-1:1", 1)] == ["us-east-1:2"]


async def test_removed_and_unlinked(database: Database) -> None:
    store = await opened(database)
    await add(store, identity("1"), KIM)

    async def unlink(tx: Tx) -> None:
        await store.identities.unlink(tx, POOL, "us-east-1:1", KIM, 5.0)

    async def link(tx: Tx) -> None:
        await store.identities.link(tx, POOL, "us-east-1:1", [LEE], 5.0)

    async def remove(tx: Tx) -> None:
        await store.identities.remove(tx, POOL, "us-east-1:1")

    await store.write(unlink)
    with pytest.raises(Missing):
        await store.write(unlink)
    await store.write(link)
    assert (await store.identities.get(POOL, "us-east-1:1") or identity("9")).authenticated
    await store.write(remove)
    for unit in (remove, link):
        with pytest.raises(Missing):
            await store.write(unit)
    assert (await store.identities.find("us-east-1:1"), await store.identities.linked_to(POOL, LEE)) == (None, None)
