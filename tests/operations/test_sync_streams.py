"""Cognito Streams: every change arrives at the pool's stream, which is moto's Kinesis; and bulk publishes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.kit.identity import identity
from tests.kit.receiver import Receiver
from tests.kit.server import TestServer
from tests.kit.sync import Device, pool_for_guests, put_as_developer, refused, remove, sync

REGION = "us-east-1"
KEY = {"aws_access_key_id": "AKIDSTREAMSTREAMSTRE", "aws_secret_access_key": "the secret of the streams"}
ROLE = "arn:aws:iam::123456789012:role/stream"


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """moto's server, whose services know nothing of us."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def settings(aws: str) -> dict[str, Any]:
    return {**KEY, "aws_endpoint_kinesis": aws, "public_url": "https://sync.example"}


class Stream:
    """A Kinesis stream with two shards, and what arrived there, by shard."""

    def __init__(self, aws: str) -> None:
        self.name = f"changes-{uuid.uuid4()}"
        self.kinesis = boto3.client("kinesis", endpoint_url=aws, region_name=REGION, **KEY)
        self.kinesis.create_stream(StreamName=self.name, ShardCount=2)

    def raw(self) -> list[dict[str, Any]]:
        found = []
        for shard in self.kinesis.describe_stream(StreamName=self.name)["StreamDescription"]["Shards"]:
            at = self.kinesis.get_shard_iterator(StreamName=self.name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
            found += self.kinesis.get_records(ShardIterator=at["ShardIterator"])["Records"]
        return found

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(each["Data"]) for each in self.raw()]

    def counts(self) -> list[int]:
        return [each["syncCount"] for each in self.records()]


@pytest.fixture
def stream(aws: str) -> Stream:
    return Stream(aws)


def endpoints_of(server: TestServer) -> dict[str, str]:
    """Where the server finds services of AWS."""
    kinesis: Any = server.server.sync.streams._sink
    return kinesis._aws.endpoints


async def streaming(server: TestServer, name: str, status: str = "ENABLED") -> str:
    pool_id = await pool_for_guests(server)
    await switch(server, pool_id, name, status)
    await server.alone()
    return pool_id


async def switch(server: TestServer, pool_id: str, name: str, status: str = "ENABLED") -> None:
    streams = {"StreamName": name, "RoleArn": ROLE, "StreamingStatus": status}
    await sync(server, "SetIdentityPoolConfiguration", IdentityPoolId=pool_id, CognitoStreams=streams)


async def status(server: TestServer, pool_id: str) -> str:
    found = await sync(server, "GetIdentityPoolConfiguration", IdentityPoolId=pool_id)
    return str(found["CognitoStreams"]["StreamingStatus"])


async def waiting(server: TestServer) -> int:
    return len(await server.store.engine.rows("SELECT 1 FROM sync_outbox"))


async def details(server: TestServer, pool_id: str) -> dict[str, Any]:
    found: dict[str, Any] = await sync(server, "GetBulkPublishDetails", IdentityPoolId=pool_id)
    return found


class TestChanges:
    async def test_arrive_as_documented(self, server: TestServer, stream: Stream) -> None:
        """Updates, removals and the deletion of a dataset, under the identity's partition key, with times in milliseconds."""
        device = await Device.guest(server, await streaming(server, stream.name))
        await device.put(a="1")
        await device.call("UpdateRecords", DatasetName="settings", SyncSessionToken=await device.token(), RecordPatches=[remove("a", 1)])
        await device.call("DeleteDataset", DatasetName="settings")
        await server.server.sync.streams.deliver()
        at = int(server.clock.now() * 1000)
        head = {
            "identityPoolId": device.who["IdentityPoolId"],
            "identityId": device.who["IdentityId"],
            "dataSetName": "settings",
            "datasetName": "settings",
            "lastModifiedDate": at,
            "kinesisSyncRecordsURL": None,
            "payloadType": "Inline",
        }
        record = {"key": "a", "lastModifiedDate": at, "deviceLastModifiedDate": at}
        assert stream.records() == [
            {
                **head,
                "operation": "replace",
                "syncCount": 1,
                "kinesisSyncRecords": [{**record, "value": "1", "syncCount": 1, "op": "replace"}],
            },
            {
                **head,
                "operation": "replace",
                "syncCount": 2,
                "kinesisSyncRecords": [{**record, "value": None, "syncCount": 2, "op": "remove"}],
            },
            {**head, "operation": "remove", "syncCount": 3, "kinesisSyncRecords": []},
        ]
        assert {each["PartitionKey"] for each in stream.raw()} == {device.who["IdentityId"]}
        assert await waiting(server) == 0

    async def test_of_a_large_update_the_address(self, server: TestServer, stream: Stream) -> None:
        """It gives the full list of records to whoever has it, for a week; another address gives nothing."""
        device = await Device.guest(server, await streaming(server, stream.name))
        value = "ü" * 30_000
        await device.put(a=value, b="2")
        await server.server.sync.streams.deliver()
        [record] = stream.records()
        assert (record["payloadType"], record["kinesisSyncRecords"]) == ("S3Url", None)
        address = urlsplit(record["kinesisSyncRecordsURL"])
        assert f"{address.scheme}://{address.netloc}" == "https://sync.example"
        found = await server.send("GET", address.path)
        assert (found.status, {each["key"]: each["value"] for each in found.json}) == (200, {"a": value, "b": "2"})
        for path in (address.path[:-2], "/sync/updates/x", "/sync/updates/" + "x" * 5_000):
            assert (await server.send("GET", path)).status == 404
        server.clock.advance(7 * 86_400)
        assert (await server.send("GET", address.path)).status == 404

    async def test_arrive_in_an_identitys_order(self, server: TestServer, stream: Stream) -> None:
        """However many there are, and though the clock stands still."""
        pool_id = await streaming(server, stream.name)
        devices = [await Device.guest(server, pool_id) for _ in range(3)]
        for number in range(8):
            for device in devices:
                await device.put(a=str(number))
        await server.server.sync.streams.deliver()
        found = stream.records()
        for device in devices:
            own = [each["syncCount"] for each in found if each["identityId"] == device.who["IdentityId"]]
            assert own == list(range(1, 9))

    async def test_are_not_kept_while_streaming_is_off(self, server: TestServer, stream: Stream) -> None:
        device = await Device.guest(server, await streaming(server, stream.name, "DISABLED"))
        await device.put(a="1")
        assert await waiting(server) == 0

    async def test_of_a_refused_update_are_none(self, server: TestServer, stream: Stream) -> None:
        device = await Device.guest(server, await streaming(server, stream.name))
        patches = [remove("none", 7)]
        asked = {"DatasetName": "settings", "SyncSessionToken": await device.token(), "RecordPatches": patches}
        assert (await device.refused("UpdateRecords", **asked))[1] == "ResourceConflictException"
        assert await waiting(server) == 0


class TestFailures:
    async def test_a_stream_that_is_down_for_an_hour(self, server: TestServer, stream: Stream) -> None:
        """It is asked less and less often; nothing is lost, and all arrives in order when it is there again."""
        pool_id = await streaming(server, stream.name)
        device = await Device.guest(server, pool_id)
        endpoints = endpoints_of(server)
        there = endpoints["kinesis"]
        with Receiver((500, b"{}")) as down:
            endpoints["kinesis"] = down.url
            for number in range(60):
                await device.put(a=str(number))
                await server.server.sync.streams.deliver()
                server.clock.advance(60)
            tries = len(down.received)
        assert (await waiting(server), await status(server, pool_id)) == (60, "ENABLED")
        assert 10 <= tries <= 20
        endpoints["kinesis"] = there
        server.clock.advance(300)
        await server.server.sync.streams.deliver()
        assert (stream.counts(), await waiting(server)) == (list(range(1, 61)), 0)

    async def test_a_stream_that_is_gone_is_switched_off(self, server: TestServer, stream: Stream) -> None:
        """What waits leaves when it is there and on again."""
        pool_id = await streaming(server, "none")
        device = await Device.guest(server, pool_id)
        await device.put(a="1")
        await server.server.sync.streams.deliver()
        assert (await status(server, pool_id), await waiting(server)) == ("DISABLED", 1)
        await device.put(a="2")
        await switch(server, pool_id, stream.name)
        await server.server.sync.streams.deliver()
        assert stream.counts() == [1]

    @pytest.mark.parametrize(
        ("code", "after"),
        [
            ("AccessDeniedException", "DISABLED"),
            ("ProvisionedThroughputExceededException", "ENABLED"),
            ("KMSThrottlingException", "ENABLED"),
        ],
    )
    async def test_errors_that_last_and_errors_that_pass(self, server: TestServer, code: str, after: str) -> None:
        pool_id = await streaming(server, "changes")
        device = await Device.guest(server, pool_id)
        await device.put(a="1")
        with Receiver((400, json.dumps({"__type": code}).encode())) as kinesis:
            endpoints_of(server)["kinesis"] = kinesis.url
            await server.server.sync.streams.deliver()
        assert (await status(server, pool_id), await waiting(server)) == (after, 1)

    async def test_some_records_that_are_refused_come_again(self, server: TestServer) -> None:
        """No later change of their identity passes them."""
        pool_id = await streaming(server, "changes")
        one, two = await Device.guest(server, pool_id), await Device.guest(server, pool_id)
        for device in (one, two, one, two):
            await device.put(a=str(len(await device.values())))
        taken = {"SequenceNumber": "1", "ShardId": "s"}
        refusal = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded"}
        answers = [[taken, refusal], [taken], [taken], [taken]]
        with Receiver(*((200, json.dumps({"Records": each}).encode()) for each in answers)) as kinesis:
            endpoints_of(server)["kinesis"] = kinesis.url
            await server.server.sync.streams.deliver()
            batches = [json.loads(each.body)["Records"] for each in kinesis.received]
        assert [len(each) for each in batches] == [2, 1, 1, 1]
        refused_first = batches[0][1]
        later = [each for batch in batches[1:] for each in batch if each["PartitionKey"] == refused_first["PartitionKey"]]
        assert later[0] == refused_first
        assert await waiting(server) == 0

    async def test_another_server_leaves_a_claimed_queue(self, server: TestServer) -> None:
        """Until its time is over, as when the process that had it died."""
        pool_id = await streaming(server, "changes")
        now = server.clock.now()
        claims = [await server.store.sync_outbox.claim(pool_id, at, at + 120) for at in (now, now + 119, now + 120)]
        assert [each is not None for each in claims] == [True, False, True]
        assert claims[0] is not None
        await server.store.sync_outbox.release(claims[0], due_at=0.0, failures=0)
        assert await server.store.sync_outbox.claim(pool_id, now + 121, now + 241) is None


class TestBulkPublish:
    async def test_sends_every_dataset_once_a_day(self, server: TestServer, stream: Stream) -> None:
        """Those that were there before streaming was on too; what is deleted is not sent."""
        pool_id = await pool_for_guests(server)
        devices = [await Device.guest(server, pool_id) for _ in range(3)]
        for device in devices:
            await device.put("games", level="1", name="x")
            await device.put("settings", a="1")
            await device.put("gone", a="1")
            await device.call("DeleteDataset", DatasetName="gone")
        assert await details(server, pool_id) == {"IdentityPoolId": pool_id, "BulkPublishStatus": "NOT_STARTED"}
        await switch(server, pool_id, stream.name)
        await server.alone()
        assert await sync(server, "BulkPublish", IdentityPoolId=pool_id) == {"IdentityPoolId": pool_id}
        assert (await details(server, pool_id))["BulkPublishStatus"] == "IN_PROGRESS"
        assert (await refused(server, "BulkPublish", IdentityPoolId=pool_id))[1:] == (
            "DuplicateRequestException",
            "A bulk publish of this identity pool is in progress.",
        )
        began = server.clock.now()
        server.clock.advance(10)
        await server.server.sync.streams.deliver()
        found = await details(server, pool_id)
        times = [found[name].timestamp() for name in ("BulkPublishStartTime", "BulkPublishCompleteTime")]
        assert (found["BulkPublishStatus"], times) == ("SUCCEEDED", [began, began + 10])
        sent = sorted((each["identityId"], each["dataSetName"], len(each["kinesisSyncRecords"])) for each in stream.records())
        assert sent == sorted((each.who["IdentityId"], *part) for each in devices for part in (("games", 2), ("settings", 1)))
        server.clock.advance(86_399)
        assert (await refused(server, "BulkPublish", IdentityPoolId=pool_id))[1:] == (
            "AlreadyStreamedException",
            "This identity pool was bulk published within the last 24 hours.",
        )
        server.clock.advance(1)
        await sync(server, "BulkPublish", IdentityPoolId=pool_id)

    async def test_needs_streaming(self, server: TestServer) -> None:
        pool_id = await streaming(server, "changes", "DISABLED")
        assert await refused(server, "BulkPublish", IdentityPoolId=pool_id) == (
            400,
            "InvalidParameterException",
            "Streaming is not ENABLED for this identity pool.",
        )

    async def test_fails_with_its_stream(self, server: TestServer, stream: Stream) -> None:
        """And may be asked for again at once."""
        pool_id = await streaming(server, "none")
        await put_as_developer(server, (await Device.guest(server, pool_id)).who, a="1")
        await sync(server, "BulkPublish", IdentityPoolId=pool_id)
        await server.server.sync.streams.deliver()
        await server.server.sync.streams.deliver()
        found = await details(server, pool_id)
        assert found["BulkPublishStatus"] == "FAILED" and "BulkPublishCompleteTime" not in found
        assert found["FailureMessage"] == "Streaming is not ENABLED for this identity pool."
        await switch(server, pool_id, stream.name)
        await sync(server, "BulkPublish", IdentityPoolId=pool_id)
        await server.server.sync.streams.deliver()
        assert (await details(server, pool_id))["BulkPublishStatus"] == "SUCCEEDED"

    async def test_goes_on_after_a_crash(self, server: TestServer, stream: Stream) -> None:
        """Behind what it had sent, once the time of whoever died is over."""
        pool_id = await streaming(server, stream.name)
        device = await Device.guest(server, pool_id)
        for name in ("a", "b", "c"):
            await device.put(name, x="1")
        await server.server.sync.streams.deliver()
        await sync(server, "BulkPublish", IdentityPoolId=pool_id)
        now = server.clock.now()
        claimed = await server.store.sync_bulk.claim(now, now + 120)
        assert claimed is not None
        await server.store.engine.write(
            lambda tx: tx.run("UPDATE sync_bulk SET identity_id = $1, name = 'a' WHERE pool_id = $2", device.who["IdentityId"], pool_id)
        )
        before = len(stream.records())
        await server.server.sync.streams.deliver()
        assert len(stream.records()) == before
        server.clock.advance(120)
        await server.server.sync.streams.deliver()
        assert [each["dataSetName"] for each in stream.records()[before:]] == ["b", "c"]
        assert (await details(server, pool_id))["BulkPublishStatus"] == "SUCCEEDED"


async def test_nothing_is_left_of_a_pool_that_is_deleted(server: TestServer) -> None:
    pool_id = await pool_for_guests(server)
    await switch(server, pool_id, "changes")
    await (await Device.guest(server, pool_id)).put(a="x" * 60_000)
    await sync(server, "BulkPublish", IdentityPoolId=pool_id)
    await server.alone()
    await identity(server, "DeleteIdentityPool", IdentityPoolId=pool_id)
    while await server.store.identity_pools.remove_part(pool_id, 500):
        pass
    for table in ("sync_outbox", "sync_payloads", "sync_bulk", "sync_queues", "sync_settings"):
        assert await server.store.engine.rows(f"SELECT 1 FROM {table}") == []
