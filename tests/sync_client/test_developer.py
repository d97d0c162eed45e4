"""Users whom the app's own backend authenticates: it gives the identity's id with a token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from cognomen_sync import DeveloperLogin, Refused
from tests.kit.identity import identity
from tests.kit.sync_client import World
from tests.sync_client.conftest import Devices
from tests.sync_client.test_merges import everything, put
from tests.sync_client.test_synchronize import NOBODY, wire_of


class Backend:
    """Signs its own users in, with a developer's key."""

    def __init__(self, world: World) -> None:
        self._world = world

    @classmethod
    async def made(cls, world: World) -> Backend:
        pool = await identity(world.server, "DescribeIdentityPool", IdentityPoolId=world.pool_id)
        await identity(world.server, "UpdateIdentityPool", **{**pool, "DeveloperProviderName": "app"})
        return cls(world)

    async def sign_in(self, user: str, **more: str) -> DeveloperLogin:
        asked = {"IdentityPoolId": self._world.pool_id, "Logins": {"app": user}, **more}
        answer = await identity(self._world.server, "GetOpenIdTokenForDeveloperIdentity", **asked)
        return DeveloperLogin(answer["IdentityId"], answer["Token"])

    def source(self, user: str) -> Callable[[], Awaitable[DeveloperLogin]]:
        async def asked() -> DeveloperLogin:
            return await self.sign_in(user)

        return asked


@pytest.fixture
async def backend(world: World) -> Backend:
    return await Backend.made(world)


async def test_two_devices(devices: Devices, backend: Backend) -> None:
    """Nothing is looked up but credentials; when they end, the backend is asked again."""
    one, two = devices(None, logins=backend.source("ann")), devices(None, logins=await backend.sign_in("ann"))
    await put(one, "settings", a="1")
    await put(two, "settings", b="2")
    assert wire_of(one, devices).asked == ["GetCredentialsForIdentity", "GET", "POST"]
    assert (one.identity_id, dict(two.open_dataset("settings"))) == (two.identity_id, {"a": "1", "b": "2"})
    devices.world.server.clock.advance(3_500)
    await one.open_dataset("settings").synchronize(NOBODY)
    assert dict(one.open_dataset("settings")) == {"a": "1", "b": "2"}
    with pytest.raises(Refused, match="Token expired"):  # given once, it can not be renewed
        await two.open_dataset("settings").synchronize(NOBODY)


async def test_a_guest_whom_the_backend_makes_a_user(devices: Devices, backend: Backend) -> None:
    """By the guest's id, which stays; what was put before the first contact belongs to whoever comes first."""
    client = devices(None)
    await put(client, "settings", a="guest's")
    client.open_dataset("settings").put("b", "not sent")
    guest = client.identity_id
    assert guest is not None
    client.set_logins(await backend.sign_in("ann", IdentityId=guest))
    await client.open_dataset("settings").synchronize(NOBODY)
    assert (client.identity_id, await everything(client)) == (guest, {"settings": {"a": "guest's", "b": "not sent"}})
    first = devices(None, logins=backend.source("ann"))
    first.open_dataset("settings").put("c", "before")
    await first.open_dataset("settings").synchronize(NOBODY)
    assert dict(first.open_dataset("settings")) == {"a": "guest's", "b": "not sent", "c": "before"}


async def test_users_and_guests_are_kept_apart(devices: Devices, backend: Backend) -> None:
    """A guest whom the backend does not name stays another, and so does another user; each finds their own."""
    client = devices(None)
    await put(client, "settings", who="guest")
    guest = client.identity_id
    for user in ("ann", "bob"):
        client.set_logins(backend.source(user))
        await client.open_dataset("settings").synchronize(NOBODY)
        assert dict(client.open_dataset("settings")) == {}
        await put(client, "settings", who=user)
        assert (dict(client.open_dataset("settings")), client.identity_id == guest) == ({"who": user}, False)
    client.open_dataset("settings").put("unsent", "bob's")
    client.set_logins(backend.source("ann"))
    await client.open_dataset("settings").synchronize(NOBODY)
    assert dict(client.open_dataset("settings")) == {"who": "ann"}
    client.set_logins(backend.source("bob"))
    await client.open_dataset("settings").synchronize(NOBODY)
    assert await everything(client) == {"settings": {"who": "bob", "unsent": "bob's"}}


@pytest.mark.parametrize("comes_as", ["ann", "bob"])
async def test_users_whom_the_backend_merges(devices: Devices, backend: Backend, comes_as: str) -> None:
    """What was still to be sent goes along, whichever of the two the backend names then."""
    bob = devices(None, logins=backend.source("bob"))
    await put(bob, "settings", b="2")
    client = devices(None, logins=backend.source("ann"))
    await put(client, "settings", a="1")
    client.open_dataset("settings").put("unsent", "3")
    ann = client.identity_id
    names = {"SourceUserIdentifier": "ann", "DestinationUserIdentifier": "bob", "DeveloperProviderName": "app"}
    await identity(devices.world.server, "MergeDeveloperIdentities", IdentityPoolId=devices.world.pool_id, **names)
    client.set_logins(backend.source(comes_as))
    await client.open_dataset("settings").synchronize()
    assert client.identity_id == bob.identity_id
    assert await everything(client) == {"settings": {"b": "2"}, f"settings.{ann}": {"a": "1", "unsent": "3"}}
