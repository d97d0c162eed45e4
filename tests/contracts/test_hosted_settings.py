"""What storage promises of what a pool's pages and OAuth endpoints are configured with, on each database."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from cognomen.storage.domains import CUSTOM, PREFIX, Domain
from cognomen.storage.errors import Missing, Stale, Taken
from cognomen.storage.resource_servers import ResourceServer, Scope
from cognomen.storage.store import Store
from tests.contracts.conftest import Database
from tests.contracts.test_aggregates import POOL, pool, soon

OTHER = "us-east-1_Another01"


def domain(name: str = "people", kind: str = PREFIX, pool_id: str = POOL) -> Domain:
    return Domain(pool_id, kind, name, 1.5, 2.5, 1, "arn" if kind == CUSTOM else None)


def server(identifier: str = "api", *scopes: str, pool_id: str = POOL) -> ResourceServer:
    return ResourceServer(pool_id, identifier, "n", tuple(Scope(name, f"{name}\U0001f600") for name in scopes))


class TestDomains:
    async def test_is_found_by_its_name_alone(self, store: Store) -> None:
        """In whichever pool; the pool's own are listed; nothing is found by a part of a name."""
        await store.pools.add(pool())
        await store.domains.add(domain())
        await store.domains.add(domain("auth.example.com", CUSTOM))
        assert await store.domains.find("people") == domain()
        assert await store.domains.find("auth.example.com") == domain("auth.example.com", CUSTOM)
        assert await store.domains.of_pool(POOL) == (domain("auth.example.com", CUSTOM), domain())
        assert (await store.domains.find("peopl"), await store.domains.of_pool(OTHER)) == (None, ())

    async def test_what_is_taken(self, store: Store) -> None:
        """The name among all pools, the kind in its pool; whoever is refused has taken nothing."""
        await store.pools.add(pool())
        await store.pools.add(pool(OTHER))
        await store.domains.add(domain())
        with pytest.raises(Taken, match="pool"):
            await store.domains.add(domain("second"))
        with pytest.raises(Taken, match="domain"):
            await store.domains.add(domain(pool_id=OTHER))
        assert await store.domains.of_pool(OTHER) == ()
        await store.domains.add(domain("second", pool_id=OTHER))
        with pytest.raises(Missing):
            await store.domains.add(domain("third", pool_id="us-east-1_None00000"))

    async def test_of_many_at_once_one_has_it(self, store: Store) -> None:
        ids = [f"us-east-1_Many0000{n}" for n in range(5)]
        for each in ids:
            await store.pools.add(pool(each))
        await asyncio.gather(*(store.domains.add(domain(pool_id=each)) for each in ids), return_exceptions=True)
        found = await store.domains.find("people")
        assert found is not None
        assert [each for each in ids if await store.domains.of_pool(each)] == [found.pool_id]

    async def test_changes_and_goes(self, store: Store) -> None:
        """What is kept in memory is never older than the change. Another pool's is Missing. A name that was given back is free."""
        await store.pools.add(pool())
        await store.pools.add(pool(OTHER))
        await store.domains.add(domain())
        await store.domains.find("people"), await store.domains.of_pool(POOL)
        newer = msgspec.structs.replace(domain(), managed_login_version=2, modified_at=9.0, certificate_arn="b")
        assert await store.domains.change(POOL, "people", lambda _: newer) == newer
        assert (await store.domains.find("people"), await store.domains.of_pool(POOL)) == (newer, (newer,))
        for refused in (store.domains.change(OTHER, "people", lambda now: now), store.domains.remove(OTHER, "people")):
            with pytest.raises(Missing):
                await refused
        await store.domains.remove(POOL, "people")
        assert (await store.domains.find("people"), await store.domains.of_pool(POOL)) == (None, ())
        await store.domains.add(domain(pool_id=OTHER))

    async def test_holds_its_pool(self, store: Store) -> None:
        """A pool that has a domain is not condemned."""
        await store.pools.add(pool())
        await store.domains.add(domain())
        with pytest.raises(Stale):
            await store.pools.condemn(POOL)
        await store.domains.remove(POOL, "people")
        await store.pools.condemn(POOL)
        with pytest.raises(Missing):
            await store.domains.add(domain())

    async def test_another_process_sees_it(self, database: Database) -> None:
        """Soon, also where it had kept the one before."""
        if not database.shared:
            pytest.skip("a database in memory has one process")
        here, there = await database.store(), await database.store()
        await here.pools.add(pool())
        await here.domains.add(domain())
        assert await soon(lambda: there.domains.find("people"), domain()) == domain()
        await here.domains.remove(POOL, "people")
        assert await soon(lambda: there.domains.find("people"), None) is None


class TestResourceServers:
    async def test_comes_back_as_it_was_stored(self, store: Store) -> None:
        await store.pools.add(pool())
        await store.resource_servers.add(server("api", "read", "write"), most=2)
        await store.resource_servers.add(server("b"), most=2)
        assert await store.resource_servers.get(POOL, "api") == server("api", "read", "write")
        assert await store.resource_servers.scopes(POOL) == {"api/read", "api/write"}
        assert await store.resource_servers.page(POOL, "api", 9) == [server("b")]
        assert (await store.resource_servers.get(OTHER, "api"), await store.resource_servers.scopes(OTHER)) == (None, frozenset())
        with pytest.raises(Taken, match="quota"):
            await store.resource_servers.add(server("c"), most=2)
        with pytest.raises(Taken):
            await store.resource_servers.add(server("b"), most=9)
        with pytest.raises(Missing):
            await store.resource_servers.add(server("b", pool_id=OTHER), most=9)

    async def test_scopes_are_never_older_than_a_change(self, store: Store) -> None:
        await store.pools.add(pool())
        assert await store.resource_servers.scopes(POOL) == frozenset()
        await store.resource_servers.add(server("api", "read"), most=9)
        assert await store.resource_servers.scopes(POOL) == {"api/read"}
        await store.resource_servers.put(server("api", "other"))
        assert await store.resource_servers.scopes(POOL) == {"api/other"}
        await store.resource_servers.remove(POOL, "api")
        assert await store.resource_servers.scopes(POOL) == frozenset()
        with pytest.raises(Missing):
            await store.resource_servers.put(server("api"))
        with pytest.raises(Missing):
            await store.resource_servers.remove(POOL, "api")
