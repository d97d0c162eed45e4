"""What removed records and deleted datasets leave behind: enough for devices that come later, and never more than a bound."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.server import TestServer
from tests.kit.sync import Device, pool_for_guests, remove, replace

LONG = "\U0001f388" * 1_010  # four bytes each: some two hundred of them are a megabyte


@pytest.fixture
async def device(server: TestServer) -> Device:
    return await Device.guest(server, await pool_for_guests(server))


async def update(device: Device, *changes: Any, dataset: str = "settings", since: int = 0) -> Any:
    token = (await device.call("ListRecords", DatasetName=dataset, LastSyncCount=since))["SyncSessionToken"]
    return await device.call("UpdateRecords", DatasetName=dataset, SyncSessionToken=token, RecordPatches=list(changes))


async def churn(device: Device, number: int) -> int:
    """Two hundred long keys put and removed. The dataset's count afterwards."""
    keys = [f"{number}-{each:03}{LONG}" for each in range(200)]
    [first, *_] = (await update(device, *(replace(key, "") for key in keys)))["Records"]
    removed = await update(device, *(remove(key, first["SyncCount"]) for key in keys))
    return int(removed["Records"][0]["SyncCount"])


async def rows(device: Device, table: str) -> int:
    [count] = await device.server.store.engine.row(
        f"SELECT count(*) FROM {table} WHERE pool_id = $1 AND identity_id = $2",
        device.who["IdentityPoolId"],
        device.who["IdentityId"],
    )
    return int(count)


class TestRemovedRecords:
    async def test_what_was_never_there_leaves_nothing(self, device: Device) -> None:
        """Not a row, not a dataset, not a count; the device is answered all the same, since it waits for that."""
        answer = await update(device, remove("a", 0), remove("b", 0))
        assert [(each["Key"], each.get("Value"), each["SyncCount"]) for each in answer["Records"]] == [("a", None, 0), ("b", None, 0)]
        assert (await rows(device, "sync_records"), await rows(device, "sync_datasets")) == (0, 0)
        answer = await update(device, replace("a", "1"), remove("b", 0))
        assert [(each["Key"], each["SyncCount"]) for each in answer["Records"]] == [("a", 1), ("b", 1)]
        for _ in range(3):
            await update(device, *(remove(f"never {number}", 0) for number in range(100)))
        assert await rows(device, "sync_records") == 1
        listed = await device.call("ListRecords", DatasetName="settings")
        assert (listed["DatasetSyncCount"], listed["Count"]) == (1, 1)

    async def test_are_bounded(self, device: Device) -> None:
        """The oldest go first. Who comes from before them is told to begin anew and gets everything; who comes from later, what was removed."""
        await update(device, replace("stays", "1"), replace("goes", "1"))
        removed = (await update(device, remove("goes", 1)))["Records"][0]["SyncCount"]
        assert await device.values(since=1) == {"goes": None}
        counts = [await churn(device, number) for number in range(4)]
        assert await rows(device, "sync_records") < 450
        told = await device.call("ListRecords", DatasetName="settings", LastSyncCount=removed)
        assert (told["DatasetExists"], told["DatasetDeletedAfterRequestedSyncCount"]) == (True, True)
        assert [(each["Key"], each["Value"], each["SyncCount"]) for each in told["Records"]] == [("stays", "1", 1)]
        assert await device.values() == {"stays": "1"}
        late = await device.call("ListRecords", DatasetName="settings", LastSyncCount=counts[2])
        assert (late["DatasetDeletedAfterRequestedSyncCount"], late["Count"]) == (False, 200)

    async def test_that_are_forgotten_can_be_put_again(self, device: Device) -> None:
        """By a device that knows the count of the removal, and everything since; not by one that does not."""
        await update(device, replace("a", "1"), replace("b", "1"))
        removed = (await update(device, remove("a", 1), remove("b", 1)))["Records"][0]["SyncCount"]
        counts = [await churn(device, number) for number in range(3)]
        token = (await device.call("ListRecords", DatasetName="settings", LastSyncCount=1))["SyncSessionToken"]
        asked: dict[str, Any] = {"DatasetName": "settings", "SyncSessionToken": token, "RecordPatches": [replace("a", "2", 1)]}
        assert (await device.refused("UpdateRecords", **asked))[1] == "ResourceConflictException"
        await update(device, replace("b", "2", removed), since=counts[-1])
        assert await device.values() == {"b": "2"}

    async def test_pages_of_everything(self, device: Device) -> None:
        """A device that begins anew gets it in pages, as any listing."""
        await update(device, *(replace(f"k{number}", "") for number in range(5)))
        for number in range(3):
            await churn(device, number)
        await update(device, replace("k0", "new", 1))
        keys: list[str] = []
        more: dict[str, Any] = {}
        while True:
            listed = await device.call("ListRecords", DatasetName="settings", LastSyncCount=1, MaxResults=2, **more)
            assert listed["DatasetDeletedAfterRequestedSyncCount"] is True
            keys += [each["Key"] for each in listed["Records"]]
            if "NextToken" not in listed:
                break
            more = {"NextToken": listed["NextToken"], "SyncSessionToken": listed["SyncSessionToken"]}
        assert keys == ["k1", "k2", "k3", "k4", "k0"]


class TestDeletedDatasets:
    async def test_are_bounded(self, device: Device) -> None:
        """Of those that are forgotten a device learns all the same, also where one of them was made anew."""
        await device.put("first", a="1")
        await device.put("first", a="2")
        await device.call("DeleteDataset", DatasetName="first")
        for number in range(150):
            await device.put(f"set{number}", a="1")
            await device.call("DeleteDataset", DatasetName=f"set{number}")
            device.server.clock.advance(1)
            if number % 50 == 49:  # credentials live for an hour
                assert await rows(device, "sync_datasets") <= 101
        listed = await device.call("ListRecords", DatasetName="first", LastSyncCount=1)
        assert (listed["DatasetExists"], listed["DatasetDeletedAfterRequestedSyncCount"]) == (False, True)
        await device.put("first", a="3")
        listed = await device.call("ListRecords", DatasetName="first", LastSyncCount=2)
        assert (listed["DatasetExists"], listed["DatasetDeletedAfterRequestedSyncCount"]) == (True, True)
        assert [each["Value"] for each in listed["Records"]] == ["3"]
        assert listed["DatasetSyncCount"] > 3
        assert (await device.call("ListRecords", DatasetName="never", LastSyncCount=0))["DatasetDeletedAfterRequestedSyncCount"] is False
