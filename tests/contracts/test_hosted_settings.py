"""What storage promises of what a pool's pages and OAuth endpoints are configured with, on each database."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from cognomen.storage.branding import ALL, Asset, Customization, Image, Look, Style
from cognomen.storage.domains import CUSTOM, PREFIX, Domain
from cognomen.storage.errors import Missing, Stale, Taken
from cognomen.storage.resource_servers import ResourceServer, Scope
from cognomen.storage.store import Store
from cognomen.storage.terms import Terms
from tests.contracts.conftest import Database
from tests.contracts.test_aggregates import POOL, client, pool, soon

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


def customization(client_id: str = ALL, css: str | None = "a", image_id: str | None = None, at: float = 1.5) -> Customization:
    return Customization(POOL, client_id, at, at, css, image_id)


def style(branding_id: str = "b", client_id: str = "c", *assets: Asset) -> Style:
    return Style(POOL, branding_id, client_id, 1.5, 2.5, False, b'{"a":"\xf0\x9f\x98\x80"}', assets)


def asset(image_id: str = "i") -> Asset:
    return Asset("FORM_LOGO", "DARK", "PNG", None, image_id)


def image(image_id: str = "i") -> Image:
    return Image(image_id, "PNG", b"\0\xff" + image_id.encode())


async def with_clients(store: Store) -> Store:
    await store.pools.add(pool())
    await store.clients.add(client("c"))
    await store.clients.add(client("d"))
    return store


class TestBranding:
    async def test_a_clients_look(self, store: Store) -> None:
        """Its own customization, or that for all; its style. Never older than a change."""
        branding = (await with_clients(store)).branding
        assert await branding.for_client(POOL, "c") == Look(None, None)
        await branding.put_customization(customization(), None)
        await branding.add_style(style(), [])
        assert await branding.for_client(POOL, "c") == Look(customization(), style())
        assert await branding.for_client(POOL, "d") == Look(customization(), None)
        await branding.put_customization(customization("c", "own"), None)
        assert (await branding.for_client(POOL, "c")).customization == customization("c", "own")
        await branding.put_customization(customization("c", None), None)
        await branding.remove_style(POOL, "b")
        assert await branding.for_client(POOL, "c") == Look(customization(), None)
        assert await branding.for_client(OTHER, "c") == Look(None, None)

    async def test_a_customization_keeps_its_beginning(self, store: Store) -> None:
        """And only the image that it names."""
        branding = (await with_clients(store)).branding
        await branding.put_customization(customization(image_id="i"), image())
        assert (await branding.asset(POOL, "i"), await branding.asset(OTHER, "i")) == (image(), None)
        kept = await branding.put_customization(customization(image_id="j", at=9.0), image("j"))
        assert (kept.created_at, kept.modified_at) == (1.5, 9.0)
        assert (await branding.asset(POOL, "i"), await branding.asset(POOL, "j")) == (None, image("j"))
        with pytest.raises(Missing):
            await branding.put_customization(customization("none"), None)

    async def test_styles_and_their_images(self, store: Store) -> None:
        """One for a client; a change drops the images that are named no more; who is refused leaves none."""
        branding = (await with_clients(store)).branding
        await branding.add_style(style("b", "c", asset()), [image()])
        assert (await branding.style(POOL, "b"), await branding.style_of(POOL, "c")) == (style("b", "c", asset()),) * 2
        assert await branding.images(POOL, "b") == {"i": image().content}
        with pytest.raises(Taken):
            await branding.add_style(style("b2", "c", asset("x")), [image("x")])
        with pytest.raises(Missing):
            await branding.add_style(style("b2", "none"), [])
        assert await branding.asset(POOL, "x") is None
        after = await branding.change_style(POOL, "b", lambda _: style("b", "c", asset("j")), [image("j"), image("unnamed")])
        assert (after, await branding.images(POOL, "b")) == (style("b", "c", asset("j")), {"j": image("j").content})
        for refused in (branding.change_style(POOL, "none", lambda now: now), branding.remove_style(POOL, "none")):
            with pytest.raises(Missing):
                await refused

    async def test_goes_with_the_client(self, store: Store) -> None:
        """Another client's stays."""
        branding = (await with_clients(store)).branding
        for name in ("c", "d"):
            await branding.add_style(style(f"b{name}", name, asset(f"s{name}")), [image(f"s{name}")])
            await branding.put_customization(customization(name, image_id=f"u{name}"), image(f"u{name}"))
            await store.terms.add(terms(f"t{name}", name))
        await store.clients.remove(POOL, "c")
        assert [await branding.asset(POOL, each) is None for each in ("sc", "uc", "sd", "ud")] == [True, True, False, False]
        assert (await branding.style(POOL, "bc"), await branding.customization(POOL, "c"), await store.terms.get(POOL, "tc")) == (None,) * 3
        assert await store.terms.get(POOL, "td") == terms("td", "d")


def terms(terms_id: str = "t", client_id: str = "c", name: str = "terms-of-use") -> Terms:
    return Terms(POOL, terms_id, client_id, name, 1.5, 2.5, {"cognito:default": "https://\U0001f600.example"})


class TestTerms:
    async def test_of_a_client(self, store: Store) -> None:
        """One of each name; never older than a change; by pages of the pool."""
        mine = (await with_clients(store)).terms
        assert await mine.of_client(POOL, "c") == {}
        await mine.add(terms())
        await mine.add(terms("t2", name="privacy-policy"))
        assert await mine.of_client(POOL, "c") == {"terms-of-use": terms(), "privacy-policy": terms("t2", name="privacy-policy")}
        for taken in (mine.add(terms("t3")), mine.change(POOL, "t2", lambda _: terms("t2"))):
            with pytest.raises(Taken):
                await taken
        changed = msgspec.structs.replace(terms(), links={"cognito:default": "x"}, modified_at=9.0)
        assert await mine.change(POOL, "t", lambda _: changed) == changed == (await mine.of_client(POOL, "c"))["terms-of-use"]
        assert [each.terms_id for each in await mine.page(POOL, "t", 9)] == ["t2"]
        await mine.remove(POOL, "t")
        assert list(await mine.of_client(POOL, "c")) == ["privacy-policy"]
        for missing in (mine.remove(POOL, "t"), mine.add(terms("t", "none")), mine.change(OTHER, "t2", lambda now: now)):
            with pytest.raises(Missing):
                await missing
