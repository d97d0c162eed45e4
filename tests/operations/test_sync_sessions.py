"""Which sync sessions count, and when: each once, with its update or when its time is over."""

from __future__ import annotations

import pytest

from tests.kit.server import TestServer
from tests.kit.sync import Device, pool_for_guests, replace, sync


@pytest.fixture
async def device(server: TestServer) -> Device:
    await server.alone()
    return await Device.guest(server, await pool_for_guests(server))


async def counted(device: Device) -> int:
    usage = await sync(device.server, "DescribeIdentityPoolUsage", IdentityPoolId=device.who["IdentityPoolId"])
    return int(usage["IdentityPoolUsage"]["SyncSessionsCount"])


async def later(device: Device, seconds: float) -> None:
    """What runs beside the requests has had its turn."""
    device.server.clock.advance(seconds)
    await device.server.server.sync_sessions.keep()
    await device.server.server.sync_sessions.settle()


async def test_with_its_update(device: Device) -> None:
    """At once, without waiting for anything; and not again when its time is over."""
    await device.put(a="1")
    assert await counted(device) == 1
    await later(device, 0)
    assert await counted(device) == 1
    await later(device, 3_000)
    await later(device, 3_000)
    assert await counted(device) == 1


async def test_when_its_time_is_over(device: Device) -> None:
    """A session that nobody used."""
    await device.token()
    await later(device, 0)
    assert await counted(device) == 0
    await later(device, 1_790)
    assert await counted(device) == 0
    await later(device, 600)
    assert await counted(device) == 1


async def test_both_together(device: Device) -> None:
    for number in range(3):
        await device.put(**{f"k{number}": "1"})
        await device.token()
    assert await counted(device) == 3
    await later(device, 3_000)
    assert await counted(device) == 6


async def test_what_was_refused_goes_on(device: Device) -> None:
    """An update that is refused ends no session."""
    token = await device.token()
    await device.refused("UpdateRecords", DatasetName="settings", SyncSessionToken=token, RecordPatches=[replace("a", "1", 7)])
    assert await counted(device) == 0
    await device.call("UpdateRecords", DatasetName="settings", SyncSessionToken=token, RecordPatches=[replace("a", "1")])
    await later(device, 3_000)
    assert await counted(device) == 1


async def test_an_update_without_patches(device: Device) -> None:
    """Ends its session as any other."""
    token = await device.token()
    answer = await device.call("UpdateRecords", DatasetName="settings", SyncSessionToken=token, RecordPatches=[])
    assert (answer["Records"], await counted(device)) == ([], 1)
    again = await device.refused("UpdateRecords", DatasetName="settings", SyncSessionToken=token, RecordPatches=[])
    assert again == (400, "InvalidParameterException", "The SyncSessionToken was used before.")


async def test_pages_are_one_session(device: Device) -> None:
    """Whether or not the token is named with the page: it is answered the same, and used once."""
    await device.put(a="1", b="2", c="3")
    first = await device.call("ListRecords", DatasetName="settings", MaxResults=1)
    second = await device.call("ListRecords", DatasetName="settings", MaxResults=1, NextToken=first["NextToken"])
    third = await device.call(
        "ListRecords", DatasetName="settings", MaxResults=1, NextToken=second["NextToken"], SyncSessionToken=first["SyncSessionToken"]
    )
    assert {page["SyncSessionToken"] for page in (first, second, third)} == {first["SyncSessionToken"]}
    await device.call(
        "UpdateRecords", DatasetName="settings", SyncSessionToken=third["SyncSessionToken"], RecordPatches=[replace("d", "4")]
    )
    await later(device, 3_000)
    assert await counted(device) == 2


async def test_its_month_is_that_in_which_it_began(device: Device) -> None:
    device.server.clock.advance(1_801_440_000.0 - 600 - device.server.clock.now())  # ten minutes before the first of February, UTC
    fresh = await Device.guest(device.server, device.who["IdentityPoolId"])
    await fresh.put(a="1")
    await fresh.token()
    assert await counted(device) == 1
    await later(device, 3_600)
    assert await counted(device) == 0
    rows = await device.server.store.engine.rows("SELECT month, sessions FROM sync_sessions")
    assert [tuple(row) for row in rows] == [("2027-01", 2)]
