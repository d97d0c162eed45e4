"""A guest becomes a user, and the device never hears of it: the answer is lost, the app is started anew or the user goes. Nobody is locked out,
and what was still to be sent reaches whom it belongs to."""

from __future__ import annotations

import pytest

from cognomen_sync import AsyncCognitoSync, Retry, Unreachable
from tests.kit.identity import identity
from tests.sync_client.conftest import Devices
from tests.sync_client.test_merges import ADOPT, everything, put
from tests.sync_client.test_synchronize import CALM, NOBODY, lost, wire_of


async def signed_in_unheard(devices: Devices, *, known: bool) -> AsyncCognitoSync:
    """A guest's device with an edit that is still to be sent, after a sign-in as kim whose answer was lost."""
    if known:
        await put(devices(), "settings", user="1")
    client = devices(None, number=10, retry=Retry(total=0.5, first=0.0))
    await put(client, "settings", sent="2")
    client.open_dataset("settings").put("unsent", "3")
    client.set_logins(devices.logins("kim"))
    wire_of(client, devices).after = lambda request: lost() if "Credentials" in request.headers.get("x-amz-target", "") else None
    with pytest.raises(Unreachable):
        await client.open_dataset("settings").synchronize()
    wire_of(client, devices).after = CALM
    return client


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("restarts", [True, False])
async def test_the_user_goes_and_comes_back(devices: Devices, known: bool, restarts: bool) -> None:
    """Whoever is there meanwhile begins with nothing, under an identity of their own; with the user comes what was to be sent."""
    client = await signed_in_unheard(devices, known=known)
    guest = client.identity_id
    if restarts:
        await client.close()
        client = devices(None, number=10)
    else:
        client.set_logins(None)
    dataset = client.open_dataset("settings")
    await dataset.synchronize(NOBODY)
    assert (dict(dataset), client.identity_id in (None, guest)) == ({}, False)
    dataset.put("another", "4")
    await dataset.synchronize(NOBODY)
    assert await everything(client) == {"settings": {"another": "4"}}
    client.set_logins(devices.logins("kim"))
    await dataset.synchronize(ADOPT)
    everywhere = {"settings": {**({"user": "1"} if known else {}), "sent": "2", "unsent": "3", "another": "4"}}
    assert await everything(client) == everywhere
    fresh = devices()
    await fresh.open_dataset("settings").synchronize(NOBODY)
    assert await everything(fresh) == everywhere


@pytest.mark.parametrize("known", [True, False])
async def test_another_user_comes(devices: Devices, known: bool) -> None:
    """They see nothing of it, and find their own; the first one's edit waits for the first one."""
    await devices.world.directory.user("lee")
    client = await signed_in_unheard(devices, known=known)
    client.set_logins(devices.logins("lee"))
    dataset = client.open_dataset("settings")
    await dataset.synchronize(NOBODY)
    assert dict(dataset) == {}
    await put(client, "settings", lee="5")
    await everything(client)
    client.set_logins(devices.logins("kim"))
    await dataset.synchronize(ADOPT)
    assert await everything(client) == {"settings": {**({"user": "1"} if known else {}), "sent": "2", "unsent": "3"}}


async def test_a_guest_who_may_not_come_any_more(devices: Devices) -> None:
    """Where guest access was switched off, nobody begins apart: the refusal is told, and the data stays."""
    client = devices(None)
    await put(client, "settings", a="1")
    client.open_dataset("settings").put("b", "2")
    guest = client.identity_id
    server = devices.world.server
    pool = await identity(server, "DescribeIdentityPool", IdentityPoolId=devices.world.pool_id)
    await identity(server, "UpdateIdentityPool", **{**pool, "AllowUnauthenticatedIdentities": False})
    server.clock.advance(3_400)
    with pytest.raises(Exception, match="not supported"):
        await client.open_dataset("settings").synchronize()
    assert (client.identity_id, dict(client.open_dataset("settings"))) == (guest, {"a": "1", "b": "2"})
