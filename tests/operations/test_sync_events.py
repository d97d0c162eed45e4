"""The SyncTrigger function: what it sees, what it may make of a dataset's changes, and what becomes of nonsense."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cognomen.kernel.threads import Threads
from cognomen.triggers.invoke import Triggers
from cognomen.triggers.runner import FunctionUnreachable
from cognomen.ways_out import sender_keys_of
from tests.kit.functions import Function, arn
from tests.kit.server import TestServer
from tests.kit.sync import Device, pool_for_guests, put_as_developer, refused, remove, replace, sync

EVENT = "SyncTrigger"


async def device_with(server: TestServer, function: Function) -> Device:
    pool_id = await pool_for_guests(server)
    await sync(server, "SetCognitoEvents", IdentityPoolId=pool_id, Events={EVENT: server.functions.add("sync", function)})
    return await Device.guest(server, pool_id)


def answering(**records: Any) -> Function:
    """The event back, with records changed."""

    def function(event: dict[str, Any]) -> bytes:
        return json.dumps({**event, "datasetRecords": {**event["datasetRecords"], **records}}).encode()

    return function


def saying(answer: bytes) -> Function:
    return lambda event: answer


async def update(device: Device, *changes: Any) -> Any:
    asked = {"DatasetName": "settings", "SyncSessionToken": await device.token(), "RecordPatches": list(changes)}
    return await device.call("UpdateRecords", **asked)


async def refused_update(device: Device, *changes: Any) -> tuple[int, str, str]:
    asked = {"DatasetName": "settings", "SyncSessionToken": await device.token(), "RecordPatches": list(changes)}
    return await device.refused("UpdateRecords", **asked)


class TestTheFunction:
    async def test_sees_the_dataset_and_its_changes(self, server: TestServer) -> None:
        device = await device_with(server, answering())
        await update(device, replace("a", "1"), replace("b", "1"), replace("c", "1"))
        await update(device, replace("a", "2", 1), remove("b", 1), replace("d", "1"))
        assert server.functions.events[-1] == {
            "version": 2,
            "eventType": EVENT,
            "region": "us-east-1",
            "identityPoolId": device.who["IdentityPoolId"],
            "identityId": device.who["IdentityId"],
            "datasetName": "settings",
            "datasetRecords": {
                "a": {"oldValue": "1", "newValue": "2", "op": "replace"},
                "b": {"oldValue": "1", "newValue": None, "op": "remove"},
                "c": {"oldValue": "1", "newValue": "1"},
                "d": {"oldValue": None, "newValue": "1", "op": "replace"},
            },
        }
        assert await device.values() == {"a": "2", "c": "1", "d": "1"}

    async def test_changes_adds_and_removes(self, server: TestServer) -> None:
        """AWS's own sample does these three."""
        changed = {"newValue": "changed", "op": "replace"}
        device = await device_with(server, answering(a=changed, b={"op": "remove"}, award=changed, e={"newValue": None}))
        await put_as_developer(server, device.who, b="1", e="1")
        answer = await update(device, replace("a", "1"))
        assert await device.values() == {"a": "changed", "award": "changed"}
        told = {record["Key"]: record.get("Value") for record in answer["Records"]}
        assert told == {"a": "changed", "award": "changed", "b": None, "e": None}

    async def test_leaves_out(self, server: TestServer) -> None:
        def function(event: dict[str, Any]) -> bytes:
            event["datasetRecords"].pop("cheat", None)
            return json.dumps(event).encode()

        device = await device_with(server, function)
        answer = await update(device, replace("cheat", "1"), replace("fair", "1"))
        assert (await device.values(), [record["Key"] for record in answer["Records"]]) == ({"fair": "1"}, ["fair"])

    async def test_refuses(self, server: TestServer) -> None:
        def function(event: dict[str, Any]) -> Any:
            raise RuntimeError("No cheating")

        device = await device_with(server, function)
        answer = await refused_update(device, replace("a", "1"))
        assert answer == (400, "InvalidLambdaFunctionOutputException", "SyncTrigger failed with error No cheating")
        assert await device.values() == {}

    async def test_is_not_asked_for_developers_and_conflicts_count_first(self, server: TestServer) -> None:
        device = await device_with(server, answering())
        token = (await sync(server, "ListRecords", DatasetName="settings", **device.who))["SyncSessionToken"]
        patches = [replace("a", "1")]
        await sync(server, "UpdateRecords", DatasetName="settings", SyncSessionToken=token, RecordPatches=patches, **device.who)
        assert (await device.values(), server.functions.events) == ({"a": "1"}, [])
        assert (await refused_update(device, replace("a", "2", 0)))[1] == "ResourceConflictException"

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"null",
            b"{}",
            b"[]",
            b'{"datasetRecords": {}}',
            b"[" * 100_000,
            b"x" * (7 << 20),
        ],
        ids=["empty", "null", "object", "list", "alone", "deep", "huge"],
    )
    async def test_nonsense_changes_nothing(self, server: TestServer, answer: bytes) -> None:
        device = await device_with(server, saying(answer))
        assert (await refused_update(device, replace("a", "1")))[:2] == (400, "InvalidLambdaFunctionOutputException")
        assert await device.values() == {}

    @pytest.mark.parametrize(
        "record",
        [1, "text", [], {"newValue": 1}, {"newValue": "x", "op": "add"}, {"newValue": "x" * 1_048_576}, {"newValue": "\0"}],
        ids=lambda each: str(each)[:20],
    )
    async def test_records_of_a_wrong_form(self, server: TestServer, record: Any) -> None:
        device = await device_with(server, answering(a=record))
        assert (await refused_update(device, replace("a", "1")))[:2] == (400, "InvalidLambdaFunctionOutputException")

    async def test_too_many_records(self, server: TestServer) -> None:
        """The function is held to the limits of a dataset like anybody."""
        device = await device_with(server, answering(**{f"k{n}": {"newValue": "", "op": "replace"} for n in range(1_100)}))
        assert (await refused_update(device, replace("a", "1")))[:2] == (400, "LimitExceededException")

    async def test_read_only_members(self, server: TestServer) -> None:
        def function(event: dict[str, Any]) -> bytes:
            return json.dumps({**event, "identityId": "us-east-1:somebody-else"}).encode()

        device = await device_with(server, function)
        assert (await refused_update(device, replace("a", "1")))[:2] == (400, "InvalidLambdaFunctionOutputException")


class TestInTime:
    async def test_one_that_hangs(self, server: TestServer) -> None:
        """Tried once: the client is to try again."""

        class Hanging:
            async def run(self, arn: str, event: bytes, limit: asyncio.Timeout | None = None) -> bytes:
                await asyncio.sleep(60)
                return b""

        triggers = Triggers(Hanging(), sender_keys_of(server.server.settings, server.server.rooms.sealer, Threads("keys")), seconds=0.05)
        with pytest.raises(FunctionUnreachable, match=r"within 0\.05 seconds"):
            await triggers.answer(arn("sync"), {})


class TestSettings:
    async def test_are_shown_changed_and_taken_away(self, server: TestServer) -> None:
        pool_id = await pool_for_guests(server)
        assert (await sync(server, "GetCognitoEvents", IdentityPoolId=pool_id))["Events"] == {}
        await sync(server, "SetCognitoEvents", IdentityPoolId=pool_id, Events={EVENT: arn("one")})
        assert (await sync(server, "GetCognitoEvents", IdentityPoolId=pool_id))["Events"] == {EVENT: arn("one")}
        await sync(server, "SetCognitoEvents", IdentityPoolId=pool_id, Events={})
        assert (await sync(server, "GetCognitoEvents", IdentityPoolId=pool_id))["Events"] == {EVENT: arn("one")}
        await sync(server, "SetCognitoEvents", IdentityPoolId=pool_id, Events={EVENT: ""})
        assert (await sync(server, "GetCognitoEvents", IdentityPoolId=pool_id))["Events"] == {}

    @pytest.mark.parametrize("events", [{"Other": arn("one")}, {EVENT: "no arn"}, {EVENT: "arn:aws:s3:::bucket"}], ids=str)
    async def test_what_is_refused(self, server: TestServer, events: dict[str, str]) -> None:
        pool_id = await pool_for_guests(server)
        assert (await refused(server, "SetCognitoEvents", IdentityPoolId=pool_id, Events=events))[:2] == (400, "InvalidParameterException")

    async def test_an_arn_that_leads_nowhere(self, server: TestServer) -> None:
        pool_id = await pool_for_guests(server)
        await sync(server, "SetCognitoEvents", IdentityPoolId=pool_id, Events={EVENT: arn("nowhere")})
        device = await Device.guest(server, pool_id)
        text = "SyncTrigger invocation failed due to error AccessDeniedException."
        assert await refused_update(device, replace("a", "1")) == (400, "InvalidLambdaFunctionOutputException", text)
