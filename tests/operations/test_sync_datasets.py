"""Datasets of Cognito Sync: listed, described, deleted; and what identities and pools store."""

from __future__ import annotations

import pytest

from tests.kit.identity import identity, identity_pool
from tests.kit.server import TestServer
from tests.kit.sync import Device, pool_for_guests, refused, sync


@pytest.fixture
async def device(server: TestServer) -> Device:
    return await Device.guest(server, await pool_for_guests(server))


class TestDatasets:
    async def test_are_described(self, device: Device, server: TestServer) -> None:
        began = server.clock.now()
        await device.put("games", level="7", name="Kim")
        server.clock.advance(60)
        await device.put("games", level="8")
        found = (await device.call("DescribeDataset", DatasetName="games"))["Dataset"]
        assert {name: value for name, value in found.items() if not name.endswith("Date")} == {
            "IdentityId": device.who["IdentityId"],
            "DatasetName": "games",
            "LastModifiedBy": device.who["IdentityId"],
            "DataStorage": len("level8nameKim"),
            "NumRecords": 2,
        }
        assert (found["CreationDate"].timestamp(), found["LastModifiedDate"].timestamp()) == (began, began + 60)

    async def test_are_listed_in_pages(self, device: Device) -> None:
        for name in ("b", "a", "c", "B"):
            await device.put(name, x="1")
        first = await device.call("ListDatasets", MaxResults=3)
        second = await device.call("ListDatasets", MaxResults=3, NextToken=first["NextToken"])
        names = [each["DatasetName"] for page in (first, second) for each in page["Datasets"]]
        assert (sorted(names), first["Count"], second["Count"], "NextToken" in second) == (["B", "a", "b", "c"], 3, 1, False)
        other = await Device.guest(device.server, device.who["IdentityPoolId"])
        assert (await other.refused("ListDatasets", NextToken=first["NextToken"]))[1:] == (
            "InvalidParameterException",
            "Invalid NextToken.",
        )

    async def test_the_next_session_learns_of_a_deletion(self, device: Device) -> None:
        """Whoever synchronised before it; and who comes later starts afresh, with counts that go on."""
        await device.put(a="1")
        await device.put(b="1")
        deleted = (await device.call("DeleteDataset", DatasetName="settings"))["Dataset"]
        assert (deleted["NumRecords"], deleted["DataStorage"]) == (2, 4)
        late = await device.call("ListRecords", DatasetName="settings", LastSyncCount=1)
        assert (late["Records"], late["DatasetExists"], late["DatasetDeletedAfterRequestedSyncCount"]) == ([], False, True)
        assert late["DatasetSyncCount"] == 3
        assert await device.put(a="new") == {"a": 4}
        again = await device.call("ListRecords", DatasetName="settings", LastSyncCount=2)
        assert ([record["Value"] for record in again["Records"]], again["DatasetExists"]) == (["new"], True)
        assert again["DatasetDeletedAfterRequestedSyncCount"] is True
        for since in (0, 3, 4):
            listed = await device.call("ListRecords", DatasetName="settings", LastSyncCount=since)
            assert listed["DatasetDeletedAfterRequestedSyncCount"] is False

    async def test_a_deleted_one_is_not_there(self, device: Device) -> None:
        await device.put(a="1")
        await device.call("DeleteDataset", DatasetName="settings")
        gone = (404, "ResourceNotFoundException", "Dataset 'settings' not found.")
        assert await device.refused("DescribeDataset", DatasetName="settings") == gone
        assert await device.refused("DeleteDataset", DatasetName="settings") == gone
        assert (await device.call("ListDatasets"))["Datasets"] == []


class TestUsage:
    async def test_of_an_identity(self, device: Device, server: TestServer) -> None:
        who = device.who
        assert (await device.call("DescribeIdentityUsage"))["IdentityUsage"] == {**who, "DatasetCount": 0, "DataStorage": 0}
        await device.put("a", key="value")
        await device.put("b", key="v")
        usage = (await device.call("DescribeIdentityUsage"))["IdentityUsage"]
        assert usage.pop("LastModifiedDate").timestamp() == server.clock.now()
        assert usage == {**who, "DatasetCount": 2, "DataStorage": 12}
        await device.call("DeleteDataset", DatasetName="a")
        assert (await device.call("DescribeIdentityUsage"))["IdentityUsage"]["DatasetCount"] == 1

    async def test_of_a_pool(self, device: Device, server: TestServer) -> None:
        """What identities store, and the month's sessions."""
        pool_id = device.who["IdentityPoolId"]
        other = await Device.guest(server, pool_id)
        await device.put(key="value")
        await other.put(key="v")
        usage = (await sync(server, "DescribeIdentityPoolUsage", IdentityPoolId=pool_id))["IdentityPoolUsage"]
        assert (usage["SyncSessionsCount"], usage["DataStorage"]) == (2, 12)
        server.clock.advance(40 * 86_400)
        usage = (await sync(server, "DescribeIdentityPoolUsage", IdentityPoolId=pool_id))["IdentityPoolUsage"]
        assert (usage["SyncSessionsCount"], usage["DataStorage"]) == (0, 12)

    async def test_of_all_pools(self, server: TestServer) -> None:
        pools = sorted([await identity_pool(server) for _ in range(3)])
        first = await sync(server, "ListIdentityPoolUsage", MaxResults=2)
        second = await sync(server, "ListIdentityPoolUsage", MaxResults=2, NextToken=first["NextToken"])
        found = [each["IdentityPoolId"] for page in (first, second) for each in page["IdentityPoolUsages"]]
        assert (found, first["Count"], first["MaxResults"], "NextToken" in second) == (pools, 2, 2, False)

    async def test_pools_are_for_developers(self, device: Device) -> None:
        """A role's policy may say what it likes."""
        wide = await Device.guest(device.server, await pool_for_guests(device.server, "*", "wide"))
        for operation in ("DescribeIdentityPoolUsage", "GetCognitoEvents"):
            answer = await refused(device.server, operation, wide.headers, IdentityPoolId=wide.who["IdentityPoolId"])
            assert answer[:2] == (403, "NotAuthorizedException"), operation

    async def test_a_deleted_pool_leaves_nothing(self, device: Device, server: TestServer) -> None:
        await device.put(a="1")
        await identity(server, "DeleteIdentityPool", IdentityPoolId=device.who["IdentityPoolId"])
        missing = await refused(server, "DescribeIdentityPoolUsage", IdentityPoolId=device.who["IdentityPoolId"])
        assert missing[:2] == (404, "ResourceNotFoundException")
