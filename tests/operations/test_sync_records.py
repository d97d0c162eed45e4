"""ListRecords and UpdateRecords: counts, conflicts, sessions, limits, pages; each identity on its own."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.kit.identity import ACCOUNT, identity, identity_pool
from tests.kit.server import TestServer
from tests.kit.sync import Device, pool_for_guests, refused, remove, replace, sync

BAD_TOKEN = (400, "InvalidParameterException", "SyncSessionToken not valid for these inputs")


@pytest.fixture
async def device(server: TestServer) -> Device:
    return await Device.guest(server, await pool_for_guests(server))


def conflict(key: str, there: int, given: int) -> tuple[int, str, str]:
    return 409, "ResourceConflictException", f"Current SyncCount for: {key} is: {there} not: {given}"


async def update(device: Device, *changes: Any, dataset: str = "settings", **more: Any) -> Any:
    token = await device.token(dataset)
    return await device.call("UpdateRecords", DatasetName=dataset, SyncSessionToken=token, RecordPatches=list(changes), **more)


async def refused_update(device: Device, *changes: Any, dataset: str = "settings", **more: Any) -> tuple[int, str, str]:
    token = await device.token(dataset)
    return await device.refused("UpdateRecords", DatasetName=dataset, SyncSessionToken=token, RecordPatches=list(changes), **more)


class TestRecords:
    async def test_what_is_put_is_listed(self, device: Device, server: TestServer) -> None:
        """With whose device changed it when, and the count of its change."""
        before = await device.call("ListRecords", DatasetName="settings")
        assert {name: before.get(name) for name in ("Records", "Count", "DatasetSyncCount", "DatasetExists", "MergedDatasetNames")} == {
            "Records": [],
            "Count": 0,
            "DatasetSyncCount": 0,
            "DatasetExists": False,
            "MergedDatasetNames": [],
        }
        answer = await update(device, replace("color", "red", DeviceLastModifiedDate=1_000), replace("size", "", 0), DeviceId="phone")
        after = await device.call("ListRecords", DatasetName="settings")
        [color, size] = after["Records"]
        assert (color["Key"], color["Value"], color["SyncCount"], color["LastModifiedBy"]) == ("color", "red", 1, "phone")
        assert (size["Key"], size["Value"], size["SyncCount"]) == ("size", "", 1)
        assert color["DeviceLastModifiedDate"].timestamp() == 1_000
        assert color["LastModifiedDate"].timestamp() == server.clock.now() == size["DeviceLastModifiedDate"].timestamp()
        assert answer["Records"] == after["Records"]
        assert (after["DatasetSyncCount"], after["DatasetExists"], after["LastModifiedBy"]) == (1, True, "phone")

    async def test_only_what_changed_since(self, device: Device) -> None:
        """A removed record comes without a value, but not to who never synchronised."""
        await update(device, replace("a", "1"), replace("b", "1"))
        await update(device, replace("b", "2", 1))
        await update(device, remove("a", 1))
        assert await device.values(since=1) == {"b": "2", "a": None}
        assert await device.values(since=2) == {"a": None}
        assert await device.values(since=3) == {}
        assert await device.values() == {"b": "2"}

    async def test_a_stale_count_applies_nothing(self, device: Device) -> None:
        await update(device, replace("a", "1"), replace("b", "1"))
        await update(device, replace("a", "2", 1))
        assert await refused_update(device, replace("b", "x", 1), replace("a", "x", 1)) == conflict("a", 2, 1)
        assert await refused_update(device, replace("new", "x", 7)) == conflict("new", 0, 7)
        assert await refused_update(device, replace("a", "x", 0)) == conflict("a", 2, 0)
        assert await refused_update(device, remove("a", 1)) == conflict("a", 2, 1)
        assert await device.values() == {"a": "2", "b": "1"}

    async def test_over_a_removed_record(self, device: Device) -> None:
        """By who saw the removal, and by who never saw the key; not by who saw only its value."""
        await update(device, replace("a", "1"), replace("b", "1"), replace("c", "1"))
        await update(device, remove("a", 1), remove("b", 1), remove("c", 1))
        assert await refused_update(device, replace("a", "x", 1)) == conflict("a", 2, 1)
        await update(device, replace("a", "2", 2), replace("b", "2", 0))
        assert await device.values() == {"a": "2", "b": "2"}

    async def test_who_changed_it(self, device: Device) -> None:
        """A device id, else what the client says of itself, else whose credentials these are."""
        [first] = (await update(device, replace("a", "1")))["Records"]
        [second] = (await update(device, replace("a", "2", 1), ClientContext="tablet"))["Records"]
        [third] = (await update(device, replace("a", "3", 2), ClientContext="tablet", DeviceId="phone"))["Records"]
        token = (await sync(device.server, "ListRecords", DatasetName="settings", **device.who))["SyncSessionToken"]
        patches = [replace("a", "4", 3)]
        [fourth] = (
            await sync(device.server, "UpdateRecords", DatasetName="settings", SyncSessionToken=token, RecordPatches=patches, **device.who)
        )["Records"]
        by = [record["LastModifiedBy"] for record in (first, second, third, fourth)]
        assert by == [device.who["IdentityId"], "tablet", "phone", ACCOUNT]

    async def test_pages(self, device: Device) -> None:
        """In the order of their changes; a page's token is good for its own list alone."""
        await update(device, *[replace(f"k{n}", "v") for n in range(7)])
        await update(device, replace("k3", "w", 1))
        names: list[str] = []
        more: dict[str, Any] = {}
        while True:
            listed = await device.call("ListRecords", DatasetName="settings", MaxResults=3, **more)
            assert listed["Count"] == len(listed["Records"])
            names += [record["Key"] for record in listed["Records"]]
            if "NextToken" not in listed:
                break
            more = {"NextToken": listed["NextToken"], "SyncSessionToken": listed["SyncSessionToken"]}
        assert names == ["k0", "k1", "k2", "k4", "k5", "k6", "k3"]
        for other in ({"LastSyncCount": 1}, {"DatasetName": "other"}):
            asked = {"DatasetName": "settings", "MaxResults": 3, "NextToken": more["NextToken"], **other}
            assert (await device.refused("ListRecords", **asked))[1:] == ("InvalidParameterException", "Invalid NextToken.")

    @pytest.mark.parametrize(
        "key", ["a/b?c=d&e#f", "\u2603 \U0001f388 \xdcn", " ", "%2e%2e%2f", "a" * 1024, "\u202ertl", "e\u0301\xe9"], ids=ascii
    )
    async def test_odd_keys_and_values(self, device: Device, key: str) -> None:
        await update(device, replace(key, key * 3))
        assert await device.values() == {key: key * 3}

    async def test_long_keys(self, device: Device) -> None:
        """1,024 characters of four bytes each, which nothing can make shorter; told apart by their last one, and listed in pages."""
        chance = random.Random(1)
        alike = "".join(chr(chance.randrange(0x10000, 0x10FFFF)) for _ in range(1_023))
        keys = [alike + end for end in "abc"]
        await update(device, *[replace(key, key) for key in keys])
        assert await device.values() == {key: key for key in keys}
        first = await device.call("ListRecords", DatasetName="settings", MaxResults=2)
        second = await device.call("ListRecords", DatasetName="settings", MaxResults=2, NextToken=first["NextToken"])
        assert sorted(record["Key"] for page in (first, second) for record in page["Records"]) == keys
        await update(device, replace(keys[0], "2", 1), remove(keys[1], 1))
        assert await device.values() == {keys[0]: "2", keys[2]: keys[2]}


class TestSessions:
    async def test_a_token_is_good_once(self, device: Device) -> None:
        token = await device.token()
        asked: dict[str, Any] = {"DatasetName": "settings", "SyncSessionToken": token}
        await device.call("UpdateRecords", RecordPatches=[replace("a", "1")], **asked)
        again = await device.refused("UpdateRecords", RecordPatches=[replace("b", "1")], **asked)
        assert again == (400, "InvalidParameterException", "The SyncSessionToken was used before.")
        assert await device.values() == {"a": "1"}

    async def test_a_refused_update_leaves_it_good(self, device: Device) -> None:
        asked: dict[str, Any] = {"DatasetName": "settings", "SyncSessionToken": await device.token()}
        assert await device.refused("UpdateRecords", RecordPatches=[replace("a", "1", 5)], **asked) == conflict("a", 0, 5)
        await device.call("UpdateRecords", RecordPatches=[replace("a", "1")], **asked)
        assert await device.values() == {"a": "1"}

    async def test_it_ends(self, device: Device, server: TestServer) -> None:
        token = await device.token()
        server.clock.advance(1_800)
        asked: dict[str, Any] = {"DatasetName": "settings", "SyncSessionToken": token}
        ended = (400, "InvalidParameterException", "The SyncSessionToken has expired.")
        assert (await Device.guest(server, device.who["IdentityPoolId"])) is not None
        assert await refused(server, "UpdateRecords", RecordPatches=[replace("a", "1")], **asked, **device.who) == ended
        assert await refused(server, "ListRecords", **asked, **device.who) == ended

    async def test_it_is_of_one_dataset_of_one_identity(self, device: Device, server: TestServer) -> None:
        other = await Device.guest(server, device.who["IdentityPoolId"])
        token = await device.token()
        changes = [replace("a", "1")]
        for who, dataset in ((other, "settings"), (device, "other")):
            asked: dict[str, Any] = {"DatasetName": dataset, "SyncSessionToken": token, "RecordPatches": changes}
            assert await who.refused("UpdateRecords", **asked) == BAD_TOKEN

    @pytest.mark.parametrize("token", ["", "x", "\u2603", "A" * 5_000, "=" * 40], ids=ascii)
    async def test_what_is_none(self, device: Device, token: str) -> None:
        asked: dict[str, Any] = {"DatasetName": "settings", "SyncSessionToken": token, "RecordPatches": [replace("a", "1")]}
        assert await device.refused("UpdateRecords", **asked) == BAD_TOKEN


class TestWhose:
    async def test_another_identitys_data(self, device: Device, server: TestServer) -> None:
        """Whatever the role's policy says."""
        wide = await pool_for_guests(server, "*", "wide")
        mine, theirs = await Device.guest(server, wide), await Device.guest(server, wide)
        await theirs.put(a="1")
        for operation in ("ListRecords", "DescribeDataset", "DeleteDataset"):
            answer = await mine.refused(operation, DatasetName="settings", **theirs.who)
            assert answer == (403, "NotAuthorizedException", "Access to Identity is forbidden."), operation
        assert (await mine.refused("ListDatasets", **theirs.who))[:2] == (403, "NotAuthorizedException")
        assert (await mine.refused("DescribeIdentityUsage", **theirs.who))[:2] == (403, "NotAuthorizedException")
        assert (await mine.refused("ListRecords", DatasetName="settings", **device.who))[:2] == (403, "NotAuthorizedException")

    async def test_what_the_policy_does_not_allow(self, server: TestServer) -> None:
        """The policy is asked of the identity's own ARN, dataset included."""
        device = await Device.guest(server, await pool_for_guests(server, "arn:aws:cognito-sync:us-east-1:*:identitypool/*/dataset/open"))
        await device.put("open", a="1")
        status, code, text = await device.refused("ListRecords", DatasetName="closed")
        assert (status, code) == (400, "AccessDeniedException")
        who = device.who
        resource = (
            f"arn:aws:cognito-sync:us-east-1:{ACCOUNT}:identitypool/{who['IdentityPoolId']}/identity/{who['IdentityId']}/dataset/closed"
        )
        assert f"is not authorized to perform: cognito-sync:ListRecords on resource: {resource}" in text

    async def test_developers_have_access_to_everybodys(self, device: Device, server: TestServer) -> None:
        await device.put(a="1")
        listed = await sync(server, "ListRecords", DatasetName="settings", **device.who)
        assert [record["Value"] for record in listed["Records"]] == ["1"]

    async def test_who_is_not_there(self, device: Device, server: TestServer) -> None:
        nobody: dict[str, Any] = {**device.who, "IdentityId": "us-east-1:00000000-0000-0000-0000-000000000000"}
        other_pool: dict[str, Any] = {**device.who, "IdentityPoolId": await identity_pool(server)}
        for who in (nobody, other_pool):
            assert (await refused(server, "ListRecords", DatasetName="a", **who))[:2] == (400, "InvalidParameterException")
            assert (await refused(server, "DescribeDataset", DatasetName="a", **who))[:2] == (404, "ResourceNotFoundException")


class TestLimits:
    async def test_keys_of_a_dataset(self, device: Device) -> None:
        await update(device, *[replace(f"k{n}", "") for n in range(1_024)])
        full = (400, "LimitExceededException", "A dataset can hold at most 1024 records.")
        assert await refused_update(device, replace("one more", "")) == full
        await update(device, remove("k0", 1), replace("one more", ""))
        assert len(await device.values()) == 1_024

    async def test_bytes_of_a_dataset(self, device: Device) -> None:
        """Of keys and values, as UTF-8."""
        half = "\xe9" * 262_000
        await update(device, replace("a", half))
        await update(device, replace("b", half))
        assert (await refused_update(device, replace("c", "x" * 1_000)))[1:] == (
            "LimitExceededException",
            "A dataset can hold at most 1 MB.",
        )
        await update(device, replace("c", "x" * 500))
        described = (await device.call("DescribeDataset", DatasetName="settings"))["Dataset"]
        assert described["DataStorage"] == 2 * 524_000 + 500 + 3

    async def test_datasets_of_an_identity(self, device: Device) -> None:
        for number in range(20):
            await device.put(f"set{number}", a="1")
        full = (400, "LimitExceededException", "An identity can have at most 20 datasets.")
        assert await refused_update(device, replace("a", "1"), dataset="one.more") == full
        await device.call("DeleteDataset", DatasetName="set0")
        await device.put("one.more", a="1")

    @pytest.mark.parametrize(
        "change",
        [
            {"Op": "add", "Key": "a", "SyncCount": 0},
            {"Op": "replace", "Key": "", "Value": "", "SyncCount": 0},
            {"Op": "replace", "Key": "a" * 1_025, "Value": "", "SyncCount": 0},
            {"Op": "replace", "Key": "a", "SyncCount": 0},
            {"Op": "replace", "Key": "a", "Value": "", "SyncCount": -1},
        ],
        ids=str,
    )
    async def test_what_is_no_patch(self, device: Device, change: Any) -> None:
        assert (await refused_update(device, change))[:2] == (400, "InvalidParameterException")
        assert await device.values() == {}

    async def test_a_key_once_in_a_request(self, device: Device) -> None:
        assert (await refused_update(device, replace("a", "1"), remove("a", 0)))[:2] == (400, "InvalidParameterException")

    @pytest.mark.parametrize("name", ["a b", "a/b", "\xe4", "a" * 129, "..%2f", "a\\b"])
    async def test_names_of_datasets(self, device: Device, name: str) -> None:
        assert (await device.refused("ListRecords", DatasetName=name))[1] in ("InvalidParameterException", "UnknownOperationException")


class TestDeletedIdentities:
    async def test_a_deleted_identity_leaves_nothing(self, device: Device, server: TestServer) -> None:
        await device.put(a="1")
        await identity(server, "DeleteIdentities", IdentityIdsToDelete=[device.who["IdentityId"]])
        assert await server.store.engine.row("SELECT (SELECT count(*) FROM sync_records) + (SELECT count(*) FROM sync_datasets)") == (0,)
        usage = await sync(server, "DescribeIdentityPoolUsage", IdentityPoolId=device.who["IdentityPoolId"])
        assert usage["IdentityPoolUsage"]["DataStorage"] == 0
