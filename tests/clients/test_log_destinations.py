"""Log records arrive where they are sent: at services that speak as AWS's do, at a webhook that checks who sends, in a file."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cognomen.kernel.clock import ManualClock
from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from cognomen.wire import sigv4
from cognomen.wire.request import HttpRequest
from tests.kit.receiver import Received, Receiver
from tests.kit.server import PASSWORD, TestServer, settings_for

REGION = "eu-west-1"
KEY = {"aws_access_key_id": "AKIDLOGSLOGSLOGSLOGS", "aws_secret_access_key": "the secret of the logs"}
SERVICES = ("logs", "firehose", "kinesis", "s3")
ACTIVITY: dict[str, Any] = {"EventSource": "userAuthEvents", "LogLevel": "INFO"}
PLUS: dict[str, Any] = {"UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"}}
NAMES = ["ada", "bob", "cyd"]


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """moto's server, whose services know nothing of us."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
async def server(aws: str, signing_pairs: list[KeyPair]) -> AsyncIterator[TestServer]:
    """On today's time, since CloudWatch Logs takes no other."""
    settings = settings_for("", **KEY, **{f"aws_endpoint_{service}": aws for service in SERVICES})
    running = await TestServer(settings, PreparedKeyMaker(signing_pairs), ManualClock(time.time())).start()
    yield await running.alone()
    await running.stop()


def client(service: str, endpoint: str) -> Any:
    return boto3.client(service, endpoint_url=endpoint, region_name=REGION, **KEY)


async def three_sign_ups(server: TestServer, *configs: dict[str, Any]) -> str:
    """A pool that logs there, and what three sign-ups told it."""
    pool = (await server.call("CreateUserPool", region=REGION, PoolName="logged", **PLUS))["UserPool"]["Id"]
    await server.call("SetLogDeliveryConfiguration", UserPoolId=pool, LogConfigurations=list(configs))
    app = await server.client(pool)
    for name in NAMES:
        await server.call("SignUp", ClientId=app, Username=name, Password=PASSWORD)
    await server.server.logs.deliver()
    return str(pool)


def names(lines: list[str]) -> list[str]:
    return [json.loads(line)["message"]["userName"] for line in lines]


async def nothing_waits(server: TestServer) -> bool:
    return await server.store.logs.due(1e12, 10) == []


class TestServices:
    async def test_cloudwatch_logs(self, aws: str, server: TestServer) -> None:
        """The stream is made when it is missing, and used the second time; events stand at the time when they happened."""
        logs = client("logs", aws)
        logs.create_log_group(logGroupName="/cognito/exported")
        arn = f"arn:aws:logs:{REGION}:123456789012:log-group:/cognito/exported"
        pool = await three_sign_ups(server, {**ACTIVITY, "CloudWatchLogsConfiguration": {"LogGroupArn": arn}})
        app = await server.client(pool)
        await server.call("SignUp", ClientId=app, Username="dan", Password=PASSWORD)
        await server.server.logs.deliver()
        found = logs.get_log_events(logGroupName="/cognito/exported", logStreamName=f"{pool}/userAuthEvents")["events"]
        assert names([event["message"] for event in found]) == [*NAMES, "dan"]
        assert {str(event["timestamp"]) for event in found} == {json.loads(event["message"])["eventTimestamp"] for event in found}
        assert await nothing_waits(server)

    async def test_a_log_group_that_is_missing(self, server: TestServer) -> None:
        """Records wait until it is made."""
        arn = f"arn:aws:logs:{REGION}:123456789012:log-group:none"
        await three_sign_ups(server, {**ACTIVITY, "CloudWatchLogsConfiguration": {"LogGroupArn": arn}})
        [queue] = await server.store.logs.due(1e12, 10)
        assert (queue.failures, len(await server.store.logs.first(queue, 10))) == (1, 3)

    async def test_s3(self, aws: str, server: TestServer) -> None:
        """One object of lines, compressed, under AWSLogs, the account, the region, the pool and the day."""
        s3 = client("s3", aws)
        s3.create_bucket(Bucket="exported-logs", CreateBucketConfiguration={"LocationConstraint": REGION})
        pool = await three_sign_ups(server, {**ACTIVITY, "S3Configuration": {"BucketArn": "arn:aws:s3:::exported-logs"}})
        day = time.strftime("%Y/%m/%d", time.gmtime(server.clock.now()))
        [item] = s3.list_objects_v2(Bucket="exported-logs")["Contents"]
        assert item["Key"].startswith(f"AWSLogs/000000000000/cognito-idp/{REGION}/{pool}/{day}/")
        body = gzip.decompress(s3.get_object(Bucket="exported-logs", Key=item["Key"])["Body"].read())
        assert names(body.decode().splitlines()) == NAMES
        assert await nothing_waits(server)

    async def test_firehose(self, aws: str, server: TestServer) -> None:
        """Firehose puts the records into its bucket, each on a line of its own."""
        s3 = client("s3", aws)
        s3.create_bucket(Bucket="behind-firehose", CreateBucketConfiguration={"LocationConstraint": REGION})
        destination = {"RoleARN": "arn:aws:iam::123456789012:role/x", "BucketARN": "arn:aws:s3:::behind-firehose"}
        client("firehose", aws).create_delivery_stream(DeliveryStreamName="exported", ExtendedS3DestinationConfiguration=destination)
        arn = f"arn:aws:firehose:{REGION}:123456789012:deliverystream/exported"
        await three_sign_ups(server, {**ACTIVITY, "FirehoseConfiguration": {"StreamArn": arn}})
        items = s3.list_objects_v2(Bucket="behind-firehose")["Contents"]
        bodies = [s3.get_object(Bucket="behind-firehose", Key=item["Key"])["Body"].read().decode() for item in items]
        assert names("".join(bodies).splitlines()) == NAMES
        assert await nothing_waits(server)

    async def test_kinesis(self, aws: str, server: TestServer) -> None:
        """An ARN of a data stream leads there; the pool's id is the partition key."""
        kinesis = client("kinesis", aws)
        kinesis.create_stream(StreamName="exported", ShardCount=1)
        arn = f"arn:aws:kinesis:{REGION}:123456789012:stream/exported"
        pool = await three_sign_ups(server, {**ACTIVITY, "FirehoseConfiguration": {"StreamArn": arn}})
        shard = kinesis.describe_stream(StreamName="exported")["StreamDescription"]["Shards"][0]["ShardId"]
        at = kinesis.get_shard_iterator(StreamName="exported", ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        records = kinesis.get_records(ShardIterator=at)["Records"]
        assert names([record["Data"].decode() for record in records]) == NAMES
        assert {record["PartitionKey"] for record in records} == {pool}
        assert await nothing_waits(server)


def proven(received: Received, service: str) -> str:
    """The access key of a request whose signature is right. Raises what the verifier raises."""
    path, _, query = received.path.partition("?")
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in received.headers]
    request = HttpRequest(received.method, path.encode(), query.encode(), headers, received.body, path=path)
    claim = sigv4.claimed(request)
    assert claim is not None
    assert sigv4.verify(request, claim, KEY["aws_secret_access_key"], service=service, now=time.time()) == received.body
    return claim.access_key_id


@pytest.mark.parametrize("token", ["", "a session token"])
@pytest.mark.parametrize(
    ("service", "place"),
    [
        ("logs", {"CloudWatchLogsConfiguration": {"LogGroupArn": f"arn:aws:logs:{REGION}:123456789012:log-group:x"}}),
        ("firehose", {"FirehoseConfiguration": {"StreamArn": f"arn:aws:firehose:{REGION}:123456789012:deliverystream/x"}}),
        ("kinesis", {"FirehoseConfiguration": {"StreamArn": f"arn:aws:kinesis:{REGION}:123456789012:stream/x"}}),
        ("s3", {"S3Configuration": {"BucketArn": "arn:aws:s3:::exported"}}),
    ],
)
async def test_requests_are_signed(service: str, place: dict[str, Any], token: str, signing_pairs: list[KeyPair]) -> None:
    """By the server's own key, for the service and region of the ARN, over all that matters."""
    with Receiver() as receiver:
        settings = settings_for("", **KEY, aws_session_token=token, **{f"aws_endpoint_{service}": receiver.url})
        server = await (await TestServer(settings, PreparedKeyMaker(signing_pairs)).start()).alone()
        await three_sign_ups(server, {**ACTIVITY, **place})
        await server.stop()
        [received] = receiver.received
        assert proven(received, service) == KEY["aws_access_key_id"]
        assert f"/{REGION}/{service}/aws4_request" in received.header("authorization")
        assert received.header("x-amz-security-token") == token
        assert KEY["aws_secret_access_key"] not in str(received)


class TestWebhook:
    SECRET = "a secret of the webhook"

    def right(self, received: Received) -> bool:
        """What a receiver does, as the guide shows it."""
        parts = dict(part.split("=", 1) for part in received.header("x-cognomen-signature").split(","))
        expected = hmac.new(self.SECRET.encode(), parts["t"].encode() + b"." + received.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, parts["v1"])

    async def test_signed_and_again(self, signing_pairs: list[KeyPair]) -> None:
        """Records of all pools, in order; a batch that was not taken comes again under the same name with a signature of its own time."""
        with Receiver((500, b""), (302, b""), (204, b"")) as receiver:
            settings = settings_for("", log_delivery_webhook=f"{receiver.url}/hook?a=b", log_delivery_webhook_secret=self.SECRET)
            server = await (await TestServer(settings, PreparedKeyMaker(signing_pairs)).start()).alone()
            await three_sign_ups(server)
            for _ in range(3):
                server.clock.advance(10)
                await server.server.logs.deliver()
            assert await nothing_waits(server)
            await server.stop()
        assert [(received.path, self.right(received)) for received in receiver.received] == [("/hook?a=b", True)] * 3
        assert [names([json.dumps(record) for record in json.loads(received.body)["records"]]) for received in receiver.received] == [
            NAMES
        ] * 3
        assert len({received.header("x-cognomen-delivery") for received in receiver.received}) == 1
        assert len({received.header("x-cognomen-signature") for received in receiver.received}) == 3

    async def test_nobody_listens(self, signing_pairs: list[KeyPair]) -> None:
        """Requests go on; the records wait, and arrive when somebody does."""
        with Receiver() as receiver:
            url = receiver.url
        settings = settings_for("", log_delivery_webhook=url, log_delivery_webhook_secret=self.SECRET)
        server = await (await TestServer(settings, PreparedKeyMaker(signing_pairs)).start()).alone()
        await three_sign_ups(server)
        [queue] = await server.store.logs.due(1e12, 10)
        assert (queue.destination, queue.failures, len(await server.store.logs.first(queue, 10))) == ("webhook", 1, 3)
        await server.stop()
