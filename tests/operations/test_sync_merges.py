"""What becomes of a guest's datasets when the guest turns out to be a user who has an identity already."""

from __future__ import annotations

from typing import Any

import pytest

from cognomen.storage.sync_devices import Device as SyncDevice
from tests.kit.identity import Directory, identity
from tests.kit.server import TestServer
from tests.kit.sync import Device, pool_for_guests, put_as_developer, sync


class Merging:
    """A pool for guests and for kim, who has an identity."""

    def __init__(self, server: TestServer) -> None:
        self.server = server
        self.pool_id = ""
        self.logins: dict[str, str] = {}
        self.user: dict[str, Any] = {}

    @classmethod
    async def made(cls, server: TestServer) -> Merging:
        made = cls(server)
        directory = await Directory.made(server)
        await directory.user("kim")
        made.pool_id = await pool_for_guests(server)
        pool = await identity(server, "DescribeIdentityPool", IdentityPoolId=made.pool_id)
        await identity(server, "UpdateIdentityPool", **{**pool, "CognitoIdentityProviders": [directory.provider()]})
        made.logins = await directory.logins("kim")
        user = (await identity(server, "GetId", IdentityPoolId=made.pool_id, Logins=made.logins))["IdentityId"]
        made.user = {"IdentityPoolId": made.pool_id, "IdentityId": user}
        return made

    async def guest(self) -> Device:
        return await Device.guest(self.server, self.pool_id)

    async def merge(self, guest: Device) -> str:
        """The guest signs in. Gives the guest's id."""
        await identity(self.server, "GetOpenIdToken", IdentityId=guest.who["IdentityId"], Logins=self.logins)
        return str(guest.who["IdentityId"])

    async def held(self, name: str) -> tuple[list[str], list[str]]:
        """What the user's dataset holds, and which merged ones belong to it."""
        listed = await sync(self.server, "ListRecords", DatasetName=name, **self.user)
        return [record["Value"] for record in listed["Records"]], listed["MergedDatasetNames"]

    async def names(self) -> list[str]:
        return sorted(each["DatasetName"] for each in (await sync(self.server, "ListDatasets", **self.user))["Datasets"])


@pytest.fixture
async def merging(server: TestServer) -> Merging:
    return await Merging.made(server)


async def test_a_guests_datasets_come_along(merging: Merging) -> None:
    """As NAME.IDENTITY, named by the dataset of that name; the guest's credentials are good for nothing more."""
    guest = await merging.guest()
    await guest.put("settings", color="red")
    await guest.put("games", level="7")
    await put_as_developer(merging.server, merging.user, color="blue")
    who = await merging.merge(guest)
    named = f"settings.{who}"
    assert await merging.held("settings") == (["blue"], [named])
    assert await merging.held(named) == (["red"], [])
    assert await merging.held("games") == ([], [f"games.{who}"])
    assert (await guest.refused("ListRecords", DatasetName="settings"))[:2] == (403, "NotAuthorizedException")
    await sync(merging.server, "DeleteDataset", DatasetName=named, **merging.user)
    assert await merging.held("settings") == (["blue"], [])


async def test_dots_and_colons_in_names(merging: Merging) -> None:
    """A name says nothing about where a dataset came from: `a.b` is not of `a`, nor is one that the user called `a.x:y`."""
    guest = await merging.guest()
    for name in ("a", "a.b", "a.b.c", "x:y", "a.x:y"):
        await guest.put(name, a=f"guest's {name}")
    await put_as_developer(merging.server, merging.user, "a.us-east-1:1", a="user's")
    who = await merging.merge(guest)
    for name in ("a", "a.b", "a.b.c", "x:y", "a.x:y"):
        assert await merging.held(name) == ([], [f"{name}.{who}"])
        assert await merging.held(f"{name}.{who}") == ([f"guest's {name}"], [])
    assert await merging.held("a.us-east-1:1") == (["user's"], [])


async def test_long_names_that_begin_alike(merging: Merging) -> None:
    """Each goes on under a name of its own that is not too long, and is found by the one that it had."""
    guest = await merging.guest()
    alike = "n" * 127
    for end in "ab":
        await guest.put(alike + end, a=f"guest's {end}")
    await guest.put("m" * 81, a="just fits")
    who = await merging.merge(guest)
    found = set()
    for end in "ab":
        values, [named] = await merging.held(alike + end)
        assert (values, len(named), named.endswith(f".{who}")) == ([], 128, True)
        assert await merging.held(named) == ([f"guest's {end}"], [])
        found.add(named)
    assert len(found) == 2
    assert await merging.names() == sorted([f"{'m' * 81}.{who}", *found])


@pytest.mark.parametrize("deleted", [False, True])
async def test_a_name_that_is_taken(merging: Merging, deleted: bool) -> None:
    """The user's own dataset of that name stays what it is, also one that is deleted; the guest's gets a number."""
    guest = await merging.guest()
    named = f"settings.{guest.who['IdentityId']}"
    await put_as_developer(merging.server, merging.user, named, a="user's")
    if deleted:
        await sync(merging.server, "DeleteDataset", DatasetName=named, **merging.user)
    await guest.put("settings", a="guest's")
    await merging.merge(guest)
    assert await merging.held("settings") == ([], [f"{named}-2"])
    assert await merging.held(f"{named}-2") == (["guest's"], [])
    assert await merging.held(named) == ([] if deleted else ["user's"], [])


async def test_one_guest_after_the_other(merging: Merging) -> None:
    """Each brings its own."""
    first, second = await merging.guest(), await merging.guest()
    for number, guest in enumerate((first, second)):
        await guest.put("settings", a=str(number))
        await merging.merge(guest)
    assert (await merging.held("settings"))[1] == sorted(f"settings.{guest.who['IdentityId']}" for guest in (first, second))


async def test_users_that_are_merged(server: TestServer) -> None:
    """What the source had been given by a guest keeps its name and stays with it."""
    pool_id = await pool_for_guests(server)
    pool = await identity(server, "DescribeIdentityPool", IdentityPoolId=pool_id)
    await identity(server, "UpdateIdentityPool", **{**pool, "DeveloperProviderName": "app"})

    async def user(name: str, **more: str) -> str:
        answer = await identity(server, "GetOpenIdTokenForDeveloperIdentity", IdentityPoolId=pool_id, Logins={"app": name}, **more)
        return str(answer["IdentityId"])

    async def merge(source: str, target: str) -> None:
        named = {"SourceUserIdentifier": source, "DestinationUserIdentifier": target}
        await identity(server, "MergeDeveloperIdentities", IdentityPoolId=pool_id, DeveloperProviderName="app", **named)

    ids = {}
    for name in ("a", "b", "c"):
        ids[name] = await user(name)
        await put_as_developer(server, {"IdentityPoolId": pool_id, "IdentityId": ids[name]}, x=name)
    await merge("a", "b")
    await merge("b", "c")
    who: dict[str, Any] = {"IdentityPoolId": pool_id, "IdentityId": ids["c"]}
    listed = await sync(server, "ListRecords", DatasetName="settings", **who)
    assert listed["MergedDatasetNames"] == sorted([f"settings.{ids['a']}", f"settings.{ids['b']}"])
    of_a = await sync(server, "ListRecords", DatasetName=f"settings.{ids['a']}", **who)
    assert ([record["Value"] for record in of_a["Records"]], of_a["MergedDatasetNames"]) == (["a"], [])


async def test_many_devices(merging: Merging) -> None:
    """Merges bring no more than an identity may have: each would be told of every change. Those that registered last stay."""
    store = merging.server.store
    guest = await merging.guest()
    await guest.put("settings", a="1")
    pool_id, user, who = merging.pool_id, merging.user["IdentityId"], guest.who["IdentityId"]

    async def unit(tx: Any) -> None:
        for identity_id, first in ((user, 0), (who, 60)):
            for number in range(first, first + 60):
                device = SyncDevice(
                    pool_id=pool_id,
                    identity_id=identity_id,
                    device_id=f"d{number}",
                    platform="GCM",
                    application="a",
                    endpoint="",
                    token=b"t",
                    digest=str(number).encode(),
                    created_at=float(number),
                )
                await store.sync_devices.put(tx, device)
                await store.sync_devices.subscribe(tx, pool_id, identity_id, "settings", f"d{number}")

    await store.write(unit)
    await merging.merge(guest)
    for table in ("sync_devices", "sync_subscriptions"):
        rows = await store.engine.rows(f"SELECT identity_id, device_id FROM {table}")
        assert {tuple(row) for row in rows} == {(user, f"d{number}") for number in range(20, 120)}, table
