"""What a guest brings along to the user that they turn out to be: which dataset it belongs to, and what was still to be sent."""

from __future__ import annotations

from typing import Any

import pytest

from cognomen_sync import AsyncCognitoSync, Callbacks, adopt_merged_async
from tests.sync_client.conftest import Devices
from tests.sync_client.test_synchronize import NOBODY

ADOPT = Callbacks(on_datasets_merged=adopt_merged_async)


async def put(client: AsyncCognitoSync, name: str, **values: str) -> None:
    client.open_dataset(name).put_all(values)
    await client.open_dataset(name).synchronize(NOBODY)


async def everything(client: AsyncCognitoSync) -> dict[str, dict[str, str]]:
    """By name, once all was synchronised."""
    for name in client.datasets():
        await client.open_dataset(name).synchronize()
    return {name: dict(client.open_dataset(name)) for name in client.datasets()}


@pytest.mark.parametrize("sent", [True, False])
async def test_names_with_dots_and_colons(devices: Devices, sent: bool) -> None:
    """`a.b` is not of `a`, nor `x.y:z` of `x`: each goes into its own, edits included that were made before the merge."""
    names = ["a", "a.b", "a.b.c", "x", "x.y:z", "x.us-east-1:1"]
    known = devices()
    for name in names:
        await put(known, name, user=name)
    client = devices(None)
    for name in names:
        client.open_dataset(name).put("guest", name)
        if sent:
            await client.open_dataset(name).synchronize(NOBODY)
        client.open_dataset(name).put("unsent", name)
    guest = client.identity_id
    client.set_logins(devices.logins("kim"))
    told: dict[str, list[str]] = {}

    async def merged(dataset: Any, found: list[str]) -> bool:
        told[dataset.name] = found
        return await adopt_merged_async(dataset, found)

    for name in names:
        await client.open_dataset(name).synchronize(Callbacks(on_datasets_merged=merged))
    assert told == ({name: [f"{name}.{guest}"] for name in names} if sent else {})
    expected = {name: {"user": name, "guest": name, "unsent": name} for name in names}
    assert await everything(client) == expected
    for name in names:
        await known.open_dataset(name).synchronize(NOBODY)
    assert await everything(known) == expected


async def test_long_names_that_begin_alike(devices: Devices) -> None:
    """Both sides cut them in the same way: each finds its own, unsent edits included."""
    names = ["n" * 127 + end for end in "ab"]
    known = devices()
    for name in names:
        await put(known, name, user=name)
    client = devices(None)
    for name in names:
        await put(client, name, guest=name)
        client.open_dataset(name).put("unsent", name)
    client.set_logins(devices.logins("kim"))
    for name in names:
        await client.open_dataset(name).synchronize(ADOPT)
    assert await everything(client) == {name: {"user": name, "guest": name, "unsent": name} for name in names}


async def test_a_dataset_of_ones_own_that_looks_merged(devices: Devices) -> None:
    """Is nobody's but the user's: it is neither offered for adoption nor deleted."""
    client = devices()
    await put(client, "a", x="1")
    await put(client, "a.us-east-1:00000000-0000-0000-0000-000000000000", y="2")
    client.open_dataset("a.us-east-1:00000000-0000-0000-0000-000000000000").put("z", "3")
    await client.open_dataset("a").synchronize(NOBODY)
    assert await everything(client) == {"a": {"x": "1"}, "a.us-east-1:00000000-0000-0000-0000-000000000000": {"y": "2", "z": "3"}}


async def test_never_sent_and_taken(devices: Devices) -> None:
    """What a guest never sent meets a copy of the user's dataset that lies here: nothing is mixed before the application says so."""
    client = devices("kim", number=0)
    await put(client, "a.b", user="1")
    client.set_logins(None)
    await client.open_dataset("other").synchronize(NOBODY)
    guest = client.identity_id
    client.open_dataset("a.b").put("guest", "2")
    client.set_logins(devices.logins("kim"))
    await client.open_dataset("a").synchronize(NOBODY)
    assert (client.datasets(), dict(client.open_dataset("a.b"))) == (["a.b", f"a.b.{guest}"], {"user": "1"})
    await client.open_dataset("a.b").synchronize(ADOPT)
    assert await everything(client) == {"a.b": {"user": "1", "guest": "2"}}


async def test_another_device_adopted_first(devices: Devices) -> None:
    """And deleted the merged dataset: what was still to be sent from here is taken over all the same."""
    known = devices()
    await put(known, "settings", user="1")
    client = devices(None)
    await put(client, "settings", sent="2")
    client.open_dataset("settings").put("unsent", "3")
    guest = client.identity_id
    client.set_logins(devices.logins("kim"))
    await client.open_dataset("other").synchronize(NOBODY)
    await known.open_dataset("settings").synchronize(ADOPT)
    await client.open_dataset("settings").synchronize(ADOPT)
    assert await everything(client) == {"settings": {"user": "1", "sent": "2", "unsent": "3"}}
    assert client.identity_id != guest
