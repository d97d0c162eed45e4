"""A registered device stays registered when its guest becomes a user."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cognomen_sync import SyncError
from tests.kit.identity import identity
from tests.kit.receiver import Receiver
from tests.kit.sync import sync
from tests.operations.test_sync_push_direct import GCM, GOOD, Keys
from tests.sync_client.conftest import Devices
from tests.sync_client.test_merges import ADOPT, put


@pytest.fixture
def firebase() -> Iterator[Receiver]:
    with Receiver(GOOD) as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, firebase: Receiver) -> dict[str, Any]:
    account = {"project_id": "game-1", "client_email": "push@game-1.example", "token_uri": f"{firebase.url}/token"}
    file = tmp_path / "firebase.json"
    file.write_text(json.dumps({**account, "private_key": Keys.pem(rsa.generate_private_key(65537, 2048))}))
    return {"push_applications": {GCM: {"file": str(file), "url": firebase.url}}}


@pytest.mark.parametrize("registered_before", [False, True])
async def test_a_merge(devices: Devices, registered_before: bool) -> None:
    """The service carries device and subscriptions over; the device knows its id, names it in updates, and subscribes without registering anew."""
    server = devices.world.server
    await server.alone()
    await sync(server, "SetIdentityPoolConfiguration", IdentityPoolId=devices.world.pool_id, PushSync={"ApplicationArns": [GCM]})
    client = devices("kim" if registered_before else None, number=0)
    if registered_before:
        await put(client, "other", a="1")
        await client.register_device("GCM", "the token")
        client.set_logins(None)
    else:
        await put(devices(), "other", a="1")
    await put(client, "settings", a="1")
    await client.register_device("GCM", "the token")
    await client.open_dataset("settings").subscribe()
    client.set_logins(devices.logins("kim"))
    for name in ("settings", "other"):
        await client.open_dataset(name).synchronize(ADOPT)
        await put(client, name, b="2")
        await client.open_dataset(name).subscribe()
    rows = await server.store.engine.rows("SELECT identity_id, device_id FROM sync_devices")
    device_id = client._file.device(str(client.identity_id))
    assert [tuple(row) for row in rows] == [(client.identity_id, device_id)]
    subscribed = await server.store.engine.rows("SELECT name FROM sync_subscriptions WHERE device_id = $1 ORDER BY name", device_id)
    assert [row[0] for row in subscribed] == ["other", "settings"]
    assert (await server.store.datasets.get(devices.world.pool_id, client.identity_id, "other")).modified_by == device_id


async def test_an_identity_that_was_deleted(devices: Devices) -> None:
    """Takes its devices along: the next one registers."""
    server = devices.world.server
    await sync(server, "SetIdentityPoolConfiguration", IdentityPoolId=devices.world.pool_id, PushSync={"ApplicationArns": [GCM]})
    client = devices(None)
    await put(client, "settings", a="1")
    await client.register_device("GCM", "the token")
    await identity(server, "DeleteIdentities", IdentityIdsToDelete=[client.identity_id])
    server.clock.advance(3_400)
    await client.open_dataset("settings").synchronize()
    with pytest.raises(SyncError, match="not registered"):
        await client.open_dataset("settings").subscribe()
