"""The stores of what is configured: pools and their removal, clients, groups."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from cognomen.api import idp
from cognomen.storage.branding import Customization, Image, Style
from cognomen.storage.clients import Client, ClientSecret
from cognomen.storage.codes import Code
from cognomen.storage.devices import Device
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.groups import Group
from cognomen.storage.identity_providers import FederationKey
from cognomen.storage.keys import AccessKey, SigningKeyRow
from cognomen.storage.pools import OWNED, Pool, PoolSettings
from cognomen.storage.resource_servers import ResourceServer
from cognomen.storage.sessions import Session
from cognomen.storage.sso_sessions import SsoSession
from cognomen.storage.store import Store
from cognomen.storage.terms import Terms
from tests.contracts.conftest import Database
from tests.contracts.test_identity_providers import identity
from tests.contracts.test_identity_providers import made as idp_made
from tests.contracts.test_users import add, user

POOL = "us-east-1_Contract1"
ODD = ["\U0001f600 group", "a", "A", "B", "_", "~", "ä", "я", "\uffff", "b"]


def pool(pool_id: str = POOL, region: str = "us-east-1", name: str = "p\0\U0001f600") -> Pool:
    return Pool(
        pool_id, region, 1.5, 2.5, PoolSettings(pool=idp.UserPoolType(name=name), mfa=idp.GetUserPoolMfaConfigResponse(), issuer="aws")
    )


def client(client_id: str, pool_id: str = POOL) -> Client:
    return Client(pool_id, client_id, 1.0, 2.0, idp.UserPoolClientType(client_name="c"), (ClientSecret("s", b"\0\xff", 3.0),))


def device(sub: str, key: str = "us-east-1_0", **members: Any) -> Device:
    given: dict[str, Any] = {"name": "n\U0001f600", "status": "remembered", "verifier": b"\0\xff", "last_ip": "::1"}
    times = {"created_at": 1.0, "modified_at": 2.0, "authenticated_at": 3.0}
    return Device(pool_id=POOL, sub=sub, device_key=key, **{**given, **times, **members})


def renamed(settings: PoolSettings, name: str) -> PoolSettings:
    return msgspec.structs.replace(settings, pool=msgspec.structs.replace(settings.pool, name=name))


async def soon(read: Callable[[], Awaitable[Any]], wanted: Any) -> Any:
    """What `read` answers once it answers what is wanted, or after three seconds whatever it answers."""
    for _ in range(150):
        found = await read()
        if found == wanted:
            return found
        await asyncio.sleep(0.02)
    return await read()


class TestPools:
    async def test_comes_back_as_it_was_stored(self, store: Store) -> None:
        await store.pools.add(pool())
        assert await store.pools.get(POOL) == pool()
        assert await store.pools.get("us-east-1_Another01") is None

    async def test_an_id_is_taken_once(self, store: Store) -> None:
        """Also by a pool that is being removed: its rows would become the new one's."""
        await store.pools.add(pool())
        with pytest.raises(Taken):
            await store.pools.add(pool(name="second"))
        await store.pools.condemn(POOL)
        with pytest.raises(Taken):
            await store.pools.add(pool(name="second"))
        while await store.pools.remove_part(POOL, 10):
            pass
        await store.pools.add(pool(name="second"))
        assert await store.pools.get(POOL) == pool(name="second")

    async def test_changes_are_read_and_written_in_one(self, store: Store) -> None:
        """Changes that come together are all there; `get` answers with the newest at once; the moment of the change is kept."""
        await store.pools.add(pool(name=""))
        await store.pools.get(POOL)
        await asyncio.gather(*(store.pools.change(POOL, lambda now: renamed(now, f"{now.pool.name}x"), 7.0) for _ in range(5)))
        found = await store.pools.get(POOL)
        assert found is not None and (found.settings.pool.name, found.created_at, found.modified_at) == ("xxxxx", 1.5, 7.0)
        with pytest.raises(Missing):
            await store.pools.change("us-east-1_Another01", lambda now: now, 7.0)

    async def test_pages_are_of_one_region_and_complete(self, store: Store) -> None:
        """In order of the ids, each once, condemned ones left out."""
        ids = [f"us-east-1_{name}" for name in ("Zz1", "aB2", "Bb3", "0c4", "b_5")]
        for each in ids:
            await store.pools.add(pool(each))
        await store.pools.add(pool("eu-west-1_Foreign01", "eu-west-1"))
        await store.pools.condemn(ids[0])
        seen: list[str] = []
        while page := await store.pools.page("us-east-1", seen[-1] if seen else "", 2):
            seen += [each.pool_id for each in page]
        assert seen == sorted(ids[1:])

    async def test_removal_goes_on_where_it_was_left(self, store: Store) -> None:
        """A condemned pool is not found, its clients neither; part after part its rows go, and at the end it is as if it had never been."""
        await _furnish(store)
        other = user("other", "us-east-1_Another01")
        await add(store, other)
        await store.pools.condemn(POOL)
        assert await store.pools.get(POOL) is None and await store.clients.find("client0") is None
        assert await store.pools.condemned() == [POOL]
        with pytest.raises(Missing):
            await store.pools.condemn(POOL)
        with pytest.raises(Missing):
            await store.clients.add(client("late"))
        parts = 1
        while await store.pools.remove_part(POOL, 3):
            parts += 1
            assert await store.pools.condemned() == [POOL], "it is listed until its last row is gone: a restart finds it"
        assert parts > len(OWNED)
        assert await store.pools.condemned() == []
        for table in (*(name for name, _ in OWNED), "clients", "signing_keys", "pools"):
            row = await store.engine.row(f"SELECT count(*) FROM {table} WHERE pool_id = $1", POOL)
            assert row is not None and row[0] == 0, table
        assert await store.users.by_sub(other.pool_id, other.sub) == other

    async def test_each_part_is_small(self, store: Store) -> None:
        """A part removes no more rows than it was told: writers wait for a part, never for a pool."""
        await store.pools.add(pool())
        await add(store, *(user(f"u{number}") for number in range(10)))
        await store.pools.condemn(POOL)
        assert await store.pools.remove_part(POOL, 4)
        assert len(await store.users.page(POOL, [], 60)) == 6


async def _furnish(store: Store) -> None:
    """A pool that has rows in every table."""
    await store.pools.add(pool())
    await store.signing_keys.add(POOL, SigningKeyRow("a", b"a", "b", b"b"))
    for number in range(4):
        one = user(f"u{number}")
        await add(store, one)
        await store.clients.add(client(f"client{number}"))
        await store.resource_servers.add(ResourceServer(POOL, f"r{number}", "n", ()), most=9)
        await store.branding.put_customization(Customization(POOL, f"client{number}", 1.0, 1.0, "c", None), None)
        style = Style(POOL, f"b{number}", f"client{number}", 1.0, 1.0, False, None, ())
        await store.branding.add_style(style, [Image(f"i{number}", "PNG", b"p")])
        await store.identity_providers.add(
            idp_made(f"P{number}", f"p{number}", pool_id=POOL),
            9,
            FederationKey(pool_id=POOL, name=f"P{number}", created_at=1.0, certificate=b"c", sealed=b"k"),
        )
        await store.terms.add(Terms(POOL, f"t{number}", f"client{number}", "privacy-policy", 1.0, 1.0, {}))
        await store.groups.add(Group(POOL, f"g{number}", None, None, None, 1.0, 1.0))
        await store.groups.add_member(POOL, f"g{number}", one.sub)
        session = Session(POOL, str(uuid4()), one.sub, "client0", one.sub.encode(), 1.0, 9e9, None, "s")

        async def unit(tx: Tx, one: Any = one, session: Session = session) -> None:
            await store.users.claim_alias(tx, one, "email", one.username)
            await store.federated_identities.add(tx, identity(one.sub, one.sub, pool_id=POOL))
            await store.users.remember_credential(tx, one, 5.0, 3)
            await store.sessions.add(tx, session)
            await store.sso_sessions.add(tx, SsoSession(POOL, f"sso{one.sub}", one.sub, "client0", 1.0, 9e9, 1.0, "ip", "device"))
            await store.sessions.rotate(tx, session, one.sub.encode(), one.sub.encode(), b"new" + one.sub.encode(), 9.0)
            await store.devices.add(tx, device(one.sub))
            await store.codes.put(tx, Code(POOL, one.sub, "confirm", b"d", "email", "v", 9e9))
            await store.attempts.add(tx, POOL, one.sub, "password", 1.0, 900.0)
            await store.used_marks.add(tx, POOL, one.sub.encode(), 9e9)

        await store.write(unit)


class TestDevices:
    async def _add(self, store: Store, *devices: Device) -> None:
        async def unit(tx: Tx) -> None:
            for each in devices:
                await store.devices.add(tx, each)

        await store.write(unit)

    async def test_is_one_users_and_added_once(self, store: Store) -> None:
        """Of two users with one key each has their own; pages are by key, of one user."""
        await self._add(store, *(device("anna", f"k_{n}") for n in (2, 0, 1)), device("bea", "k_0", name=None))
        assert await store.devices.get(POOL, "anna", "k_1") == device("anna", "k_1")
        assert await store.devices.get(POOL, "bea", "k_1") is None
        assert await store.devices.get("us-east-1_Another01", "anna", "k_1") is None
        assert await store.devices.page(POOL, "anna", "", 2) == [device("anna", "k_0"), device("anna", "k_1")]
        assert await store.devices.page(POOL, "anna", "k_1", 2) == [device("anna", "k_2")]
        with pytest.raises(Taken):
            await self._add(store, device("bea", "k_0"))

    async def test_changes_and_goes(self, store: Store) -> None:
        """Each change touches one device; where there is none it says so. A sign-in ends the challenge that was under way."""
        await self._add(store, device("anna"), device("bea"))

        async def change(tx: Tx) -> list[bool]:
            key = (POOL, "anna", "us-east-1_0")
            done = [await store.devices.set_status(tx, *key, "not_remembered", 7.0), await store.devices.ask(tx, *key, "sealed")]
            changed = await store.devices.get(*key, tx)
            assert changed == device("anna", status="not_remembered", modified_at=7.0, asked="sealed")
            done.append(await store.devices.authenticated(tx, *key, 8.0, "::2"))
            changed = await store.devices.get(*key, tx)
            assert changed == device("anna", status="not_remembered", modified_at=7.0, authenticated_at=8.0, last_ip="::2")
            return [*done, await store.devices.remove(tx, *key)]

        assert await store.write(change) == [True] * 4

        async def again(tx: Tx) -> list[bool]:
            key = (POOL, "anna", "us-east-1_0")
            return [
                await store.devices.set_status(tx, *key, "remembered", 7.0),
                await store.devices.ask(tx, *key, "sealed"),
                await store.devices.authenticated(tx, *key, 8.0, "::2"),
                await store.devices.remove(tx, *key),
            ]

        assert await store.write(again) == [False] * 4
        assert await store.devices.get(POOL, "bea", "us-east-1_0") == device("bea")


class TestClients:
    async def test_comes_back_as_it_was_stored(self, store: Store) -> None:
        """By its id alone too; another pool does not have it."""
        await store.pools.add(pool())
        await store.clients.add(client("c"))
        assert await store.clients.find("c") == client("c") == await store.clients.get(POOL, "c")
        assert await store.clients.get("us-east-1_Another01", "c") is None
        with pytest.raises(Taken):
            await store.clients.add(client("c"))
        assert await store.clients.count(POOL) == 1

    async def test_changes_are_read_and_written_in_one(self, store: Store) -> None:
        """Secrets that two callers add at once are both kept; what the update refuses changes nothing."""
        await store.pools.add(pool())
        await store.clients.add(client("c"))

        def more(now: Client) -> Client:
            if len(now.secrets) == 4:
                raise LookupError
            return msgspec.structs.replace(now, secrets=(*now.secrets, ClientSecret(str(len(now.secrets)), b"x", 1.0)))

        outcomes = await asyncio.gather(*(store.clients.change(POOL, "c", more) for _ in range(5)), return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Client"] * 3 + ["LookupError"] * 2
        found = await store.clients.find("c")
        assert found is not None and [secret.secret_id for secret in found.secrets] == ["s", "1", "2", "3"]
        with pytest.raises(Missing):
            await store.clients.change("us-east-1_Another01", "c", more)

    async def test_removal_ends_its_sessions(self, store: Store) -> None:
        """The client is found by no way, its sessions are gone, the neighbour's stay."""
        await _furnish(store)
        await store.clients.remove(POOL, "client0")
        assert await store.clients.find("client0") is None and await store.clients.count(POOL) == 3
        assert await store.engine.rows("SELECT origin_jti FROM sessions") == []
        with pytest.raises(Missing):
            await store.clients.remove(POOL, "client0")
        assert await store.clients.find("client1") is not None

    async def test_pages_are_complete(self, store: Store) -> None:
        await store.pools.add(pool())
        ids = [f"{number:03}" for number in range(9)]
        for each in ids:
            await store.clients.add(client(each))
        seen: list[str] = []
        while page := await store.clients.page(POOL, seen[-1] if seen else "", 2):
            seen += [each.client_id for each in page]
        assert seen == ids


async def test_configuration_is_fresh_in_every_process(database: Database) -> None:
    """Pools, clients and access keys are kept in memory by each process: what another process changes or removes is seen soon by all."""
    if not database.shared:
        pytest.skip("a database in memory has one process")
    ours, theirs = await database.store(), await database.store()
    await ours.pools.add(pool())
    await ours.clients.add(client("c"))
    await ours.access_keys.add(AccessKey("AKIA", "n", "admin", b"s", 1.0))
    assert await theirs.pools.get(POOL) == pool() and await theirs.clients.find("c") == client("c")
    assert await theirs.access_keys.get("AKIA") is not None
    changed = await ours.pools.change(POOL, lambda now: renamed(now, "new"), 3.0)
    assert await soon(lambda: theirs.pools.get(POOL), changed) == changed
    await ours.access_keys.revoke("AKIA", 5.0)
    assert await soon(lambda: theirs.access_keys.get("AKIA"), None) is None
    await ours.clients.remove(POOL, "c")
    assert await soon(lambda: theirs.clients.find("c"), None) is None
    await ours.pools.condemn(POOL)
    assert await soon(lambda: theirs.pools.get(POOL), None) is None


class TestGroups:
    async def test_comes_back_and_changes(self, store: Store) -> None:
        """Every field, none where none was given; a change keeps the name; a second of the name is Taken."""
        full = Group(POOL, "g", "d \U0001f600", "arn", 0, 1.5, 2.5)
        await store.groups.add(full)
        await store.groups.add(Group(POOL, "bare", None, None, None, 1.5, 2.5))
        assert await store.groups.get(POOL, "g") == full
        assert await store.groups.get(POOL, "bare") == Group(POOL, "bare", None, None, None, 1.5, 2.5)
        with pytest.raises(Taken):
            await store.groups.add(full)
        changed = await store.groups.change(
            POOL, "g", lambda now: msgspec.structs.replace(now, description=None, precedence=9, modified_at=4.0)
        )
        assert (
            await store.groups.get(POOL, "g") == changed == msgspec.structs.replace(full, description=None, precedence=9, modified_at=4.0)
        )
        with pytest.raises(Missing):
            await store.groups.change(POOL, "none", lambda now: now)

    async def test_membership(self, store: Store) -> None:
        """Of what exists only; twice is once; it ends with the group, with the user, or when asked."""
        anna, bea = user("anna"), user("bea")
        await add(store, anna, bea)
        for name in ("g", "h"):
            await store.groups.add(Group(POOL, name, None, None, None, 1.0, 1.0))
        for name, sub, what in (("none", anna.sub, "group"), ("g", "nobody", "user")):
            with pytest.raises(Missing, match=what):
                await store.groups.add_member(POOL, name, sub)
        for name, one in (("g", anna), ("g", anna), ("h", anna), ("g", bea)):
            await store.groups.add_member(POOL, name, one.sub)
        assert [group.name for group in await store.groups.of_user(POOL, anna.sub)] == ["g", "h"]
        assert await store.groups.members(POOL, "g", [], 9) == sorted([anna, bea], key=lambda one: one.sub)
        await store.groups.remove_member(POOL, "g", bea.sub)
        await store.groups.remove(POOL, "h")
        assert [group.name for group in await store.groups.of_user(POOL, anna.sub)] == ["g"]
        assert await store.groups.members(POOL, "h", [], 9) == []
        with pytest.raises(Missing):
            await store.groups.remove(POOL, "h")

    @pytest.mark.parametrize("limit", [1, 3, 60])
    async def test_pages_of_odd_names(self, store: Store, limit: int) -> None:
        """In the order of the names' bytes on every engine, complete and without repeats; so are a user's groups and a group's users."""
        one = user("u")
        await add(store, one)
        for name in ODD:
            await store.groups.add(Group(POOL, name, None, None, None, 1.0, 1.0))
            await store.groups.add_member(POOL, name, one.sub)
        await store.groups.add(Group("us-east-1_Another01", "c", None, None, None, 1.0, 1.0))
        ordered = sorted(ODD, key=str.encode)
        seen: list[str] = []
        while page := await store.groups.page(POOL, seen[-1] if seen else "", limit):
            seen += [group.name for group in page]
        assert seen == ordered
        seen = []
        while page := await store.groups.of_user(POOL, one.sub, seen[-1] if seen else "", limit):
            seen += [group.name for group in page]
        assert seen == ordered
        members = [user(f"m{number}") for number in range(5)]
        await add(store, *members)
        for member in members:
            await store.groups.add_member(POOL, "a", member.sub)
        subs: list[str] = []
        while found := await store.groups.members(POOL, "a", subs[-1:], limit):
            subs += [member.sub for member in found]
        assert subs == sorted(member.sub for member in [one, *members])
