"""Values at the limits and over them, and texts that are no texts, as no SDK would send them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.kit.server import TestServer
from tests.kit.sync import Device, pool_for_guests, replace

MOST = 1 << 20  # bytes of a dataset


@pytest.fixture
async def device(server: TestServer) -> Device:
    return await Device.guest(server, await pool_for_guests(server))


async def raw(device: Device, patches: str, dataset: str = "settings") -> tuple[int, str]:
    """Status and error's name of an update whose patches are written as they stand here."""
    path = f"/identitypools/{device.who['IdentityPoolId']}/identities/{device.who['IdentityId']}/datasets/{dataset}"
    body = f'{{"SyncSessionToken":"{await device.token(dataset)}","RecordPatches":{patches}}}'
    reply = await device.server.send("POST", path, body.encode(), {**device.headers, "content-type": "application/json"})
    return reply.status, "" if reply.status == 200 else str(reply.json["__type"])


class TestValues:
    async def test_as_large_as_a_dataset(self, device: Device) -> None:
        """A megabyte with its key, and not a byte more; what is refused changes nothing."""
        token = await device.token()
        asked: dict[str, Any] = {"DatasetName": "settings", "SyncSessionToken": token}
        over = (400, "LimitExceededException", "A dataset can hold at most 1 MB.")
        two = "\xe9" * ((MOST - 2) // 2)
        assert await device.refused("UpdateRecords", RecordPatches=[replace("kk", two + "x")], **asked) == over
        assert await device.refused("UpdateRecords", RecordPatches=[replace("kk", two), replace("l", "")], **asked) == over
        await device.call("UpdateRecords", RecordPatches=[replace("kk", two)], **asked)
        assert (await device.call("DescribeDataset", DatasetName="settings"))["Dataset"]["DataStorage"] == MOST
        assert await device.values() == {"kk": two}

    async def test_longer_than_a_value(self, device: Device) -> None:
        """By characters, before anything is counted."""
        status, code, _ = await device.refused(
            "UpdateRecords",
            DatasetName="settings",
            SyncSessionToken=await device.token(),
            RecordPatches=[replace("k", "x" * 1_048_576)],
        )
        assert (status, code) == (400, "InvalidParameterException")
        assert await device.values() == {}

    async def test_twenty_megabytes_of_an_identity(self, device: Device) -> None:
        value = "x" * (MOST - 1)
        for number in range(19):
            await device.put(f"set{number}", a=value)
        await device.put("set19", a=value[:-100])
        token = await device.token("set19")
        asked: dict[str, Any] = {"DatasetName": "set19", "SyncSessionToken": token}
        await device.call("UpdateRecords", RecordPatches=[replace("b", "x" * 99)], **asked)
        usage = (await device.call("DescribeIdentityUsage"))["IdentityUsage"]
        assert (usage["DataStorage"], usage["DatasetCount"]) == (20 * MOST, 20)


class TestTexts:
    @pytest.mark.parametrize(
        "written",
        [
            r"\u0001\u001f\u007f",
            r"\ud83d\ude00",
            r"\uffff",
            r"\ufeff",
            r"\u2028\u2029",
            r"%00",
            r"\\x00",
            r"e\u0301",
            "\u0345",
            r"\udbff\udfff",
        ],
        ids=ascii,
    )
    async def test_that_are_kept_as_they_are(self, device: Device, written: str) -> None:
        text = json.loads(f'"{written}"')
        assert await raw(device, f'[{{"Op":"replace","Key":"{written}","Value":"{written}","SyncCount":0}}]') == (200, "")
        assert await device.values() == {text: text}
        assert await raw(device, f'[{{"Op":"remove","Key":"{written}","SyncCount":1}}]') == (200, "")
        assert await device.values(since=1) == {text: None}

    @pytest.mark.parametrize("written", [r"\u0000", r"a\u0000b", r"\ud800", r"\udfff\ud800", "\udcff"], ids=ascii)
    @pytest.mark.parametrize("where", ["Key", "Value"])
    async def test_that_are_none(self, device: Device, written: str, where: str) -> None:
        """NUL, which PostgreSQL does not keep, halves of surrogate pairs, and bytes that are no UTF-8."""
        patch = {"Key": "k", "Value": "v", where: "@"}
        patches = f'[{{"Op":"replace","SyncCount":0,"Key":"{patch["Key"]}","Value":"{patch["Value"]}"}}]'.replace("@", written)
        path = f"/identitypools/{device.who['IdentityPoolId']}/identities/{device.who['IdentityId']}/datasets/settings"
        body = f'{{"SyncSessionToken":"{await device.token()}","RecordPatches":{patches}}}'.encode("utf-8", "surrogateescape")
        reply = await device.server.send("POST", path, body, {**device.headers, "content-type": "application/json"})
        assert reply.status == 400
        assert await device.values() == {}

    @pytest.mark.parametrize(
        "patches",
        [
            "null",
            "{}",
            "[null]",
            "[[]]",
            '"x"',
            "[1e999]",
            '[{"Op":"replace"}]',
            '[{"Op":"replace","Key":1,"SyncCount":0,"Value":"x"}]',
            '[{"Op":"remove","Key":"a","SyncCount":1.5}]',
            '[{"Op":"remove","Key":"a","SyncCount":99999999999999999999}]',
        ],
    )
    async def test_patches_that_are_none(self, device: Device, patches: str) -> None:
        status, _ = await raw(device, patches)
        assert status == (200 if patches == "null" else 400)
        assert await device.values() == {}
