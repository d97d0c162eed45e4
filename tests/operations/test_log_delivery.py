"""What is sent to where a pool's logs go, and what becomes of it when nobody takes it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cognomen.config import BadSetting, load
from cognomen.storage.logs import LogQueue
from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from tests.kit import risk
from tests.kit.logs import ACTIVITY, BUCKET, GROUP, PLUS, STREAM, configure, configured
from tests.kit.receiver import Receiver
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, AwsError, TestServer, settings_for
from tests.kit.sign_in import srp_sign_in

ENDPOINTS = ("logs", "firehose", "kinesis", "s3")


@pytest.fixture(params=["sqlite", "postgresql"])
async def told(request: pytest.FixtureRequest, tmp_path: Path, signing_pairs: list[KeyPair]) -> AsyncIterator[TestServer]:
    """A server that writes the logs of all pools to a file."""
    url = await request.getfixturevalue("postgres").empty_database() if request.param == "postgresql" else ""
    settings = settings_for(url, log_delivery_file=str(tmp_path / "logs.ndjson"))
    running = await (await TestServer(settings, PreparedKeyMaker(signing_pairs)).start()).alone()
    yield running
    await running.stop()


def told_text(server: TestServer) -> str:
    return Path(server.server.settings.log_delivery_file).read_text()


async def written(server: TestServer) -> list[dict[str, Any]]:
    await server.server.logs.deliver()
    return [json.loads(line) for line in told_text(server).splitlines()]


async def everything(server: TestServer) -> tuple[str, list[str]]:
    """A user's life from sign-up to a forgotten password; the pool, and every secret on the way."""
    pool = await server.pool(AutoVerifiedAttributes=["email"])
    client = await server.client(pool)
    address = [{"Name": "email", "Value": "ada@example.com"}]
    await server.call("SignUp", ClientId=client, Username="ada", Password=PASSWORD, UserAttributes=address)
    first = await server.code("ada@example.com")
    await server.call("ResendConfirmationCode", ClientId=client, Username="ada")
    second = await server.code("ada@example.com")
    await server.call("ConfirmSignUp", ClientId=client, Username="ada", ConfirmationCode=second)
    await refusal(
        server,
        "InitiateAuth",
        ClientId=client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ada", "PASSWORD": "Wrong-Horse-7"},
    )
    tokens = await server.sign_in(client, "ada")
    await server.call("ChangePassword", AccessToken=tokens["AccessToken"], PreviousPassword=PASSWORD, ProposedPassword="Other-Horse-8")
    await server.call("ForgotPassword", ClientId=client, Username="ada")
    third = await server.code("ada@example.com")
    await server.call("ConfirmForgotPassword", ClientId=client, Username="ada", ConfirmationCode=third, Password="Third-Horse-9")
    own = [tokens["AccessToken"], tokens["IdToken"], tokens["RefreshToken"]]
    return pool, [first, second, third, PASSWORD, "Wrong-Horse-7", "Other-Horse-8", "Third-Horse-9", *own]


class TestRecords:
    async def test_a_users_life(self, told: TestServer) -> None:
        """Each step of it once, in order, with AWS's names."""
        pool, _ = await everything(told)
        found = await written(told)
        assert [(record["message"]["eventType"], record["message"]["eventResponse"]) for record in found] == [
            ("SignUp", "InProgress"),
            ("ResendCode", "Pass"),
            ("SignUp", "Pass"),
            ("SignIn", "Fail"),
            ("SignIn", "Pass"),
            ("PasswordChange", "Pass"),
            ("ForgotPassword", "InProgress"),
            ("ForgotPassword", "Pass"),
        ]
        assert {
            (record["message"]["userName"], record["message"]["ipAddress"], record["logSourceId"]["userPoolId"]) for record in found
        } == {("ada", "127.0.0.1", pool)}
        assert await written(told) == found

    async def test_no_secret_is_told(self, told: TestServer) -> None:
        """No code, password or token stands in any record, whole or in part of a longer text."""
        _, secrets = await everything(told)
        await written(told)
        text = told_text(told)
        assert [secret for secret in secrets if secret in text] == []

    async def test_what_was_passed(self, told: TestServer) -> None:
        """A sign-in names the factors that it took, as the machine really calls them."""
        pool = await told.pool()
        client = await told.client(pool)
        await told.user(pool, "ada")
        await told.sign_in(client, "ada")
        await srp_sign_in(told, pool, client, "ada")
        assert [record["message"]["challenges"] for record in await written(told)] == [["Password:Success"]] * 2

    async def test_what_threat_protection_found(self, told: TestServer) -> None:
        """A protected pool's records are its history's: each sign-in once, by its event id, with risk, device and address."""
        pool, client = await risk.anna(told)
        await risk.configure(told, pool, risk.takeover("BLOCK"))
        await risk.from_server(told, pool, client)
        with pytest.raises(AwsError, match="security reasons"):
            await risk.from_server(told, pool, client, address=risk.FAR, device="tablet")
        signed_in = [record["message"] for record in await written(told) if record["message"].get("eventType") == "SignIn"]
        history = await risk.events(told, pool)
        assert [message["eventId"] for message in signed_in] == [event["EventId"] for event in reversed(history)]
        first, second = signed_in
        assert (first["riskLevel"], first["riskDecision"], first["challenges"]) == ("", "PASS", ["Password:Success"])
        assert (second["riskLevel"], second["riskDecision"]) == (history[0]["EventRisk"]["RiskLevel"].upper(), "BLOCK")
        assert (second["ipAddress"], second["deviceName"], second["hasContextData"]) == (
            risk.FAR,
            history[0]["EventContextData"]["DeviceName"],
            "true",
        )

    async def test_what_administrators_do(self, told: TestServer) -> None:
        """It is no activity of a user."""
        await told.user(await told.pool(), "ada")
        assert await written(told) == []

    async def test_a_message_that_failed(self, tmp_path: Path, signing_pairs: list[KeyPair]) -> None:
        """The operation's error is told with its reason, and without the code, the address or the text."""
        settings = settings_for("", log_delivery_file=str(tmp_path / "logs.ndjson"), delivery="none")
        server = await (await TestServer(settings, PreparedKeyMaker(signing_pairs)).start()).alone()
        pool = await server.pool(AutoVerifiedAttributes=["email"])
        address = [{"Name": "email", "Value": "ada@example.com"}]
        signed_up = {"ClientId": await server.client(pool), "Username": "ada", "Password": PASSWORD, "UserAttributes": address}
        assert (await refusal(server, "SignUp", **signed_up))[0] == "CodeDeliveryFailureException"
        found = await written(server)
        assert [record["eventSource"] for record in found] == ["USER_ACTIVITY", "USER_NOTIFICATION"]
        assert (found[1]["logLevel"], found[1]["message"]) == (
            "ERROR",
            {"details": "EMAIL message for user ada could not be delivered: no email delivery is configured"},
        )
        await server.stop()

    async def test_a_stop_loses_nothing(self, tmp_path: Path, signing_pairs: list[KeyPair]) -> None:
        """What was heard and not yet written is written when the server stops, and delivered after the next start."""
        settings = settings_for("", data=str(tmp_path / "data"), log_delivery_file=str(tmp_path / "logs.ndjson"))
        server = await (await TestServer(settings, PreparedKeyMaker(signing_pairs)).start()).alone()
        await everything(server)
        await server.stop()
        again = await (await TestServer(settings, PreparedKeyMaker(signing_pairs)).start()).alone()
        assert len(await written(again)) == 8
        await again.stop()

    async def test_servers_without_destinations_hear_nothing(self, server: TestServer) -> None:
        """No record is written where nobody wants one."""
        await everything(server)
        await server.server.logs.deliver()
        assert await server.store.logs.due(1e12, 10) == []


class Away:
    """A pool whose logs go to services that a receiver stands for."""

    def __init__(self, server: TestServer, receiver: Receiver, pool: str, client: str) -> None:
        self.server = server
        self.receiver = receiver
        self.pool = pool
        self.client = client

    async def sign_up(self, name: str) -> None:
        await self.server.call("SignUp", ClientId=self.client, Username=name, Password=PASSWORD)

    async def deliver(self, later: float = 0.0) -> int:
        """How many requests a round made."""
        self.server.clock.advance(later)
        before = len(self.receiver.received)
        await self.server.server.logs.deliver()
        return len(self.receiver.received) - before

    async def waiting(self) -> list[str]:
        found = await self.server.store.logs.first(LogQueue(self.pool, "userAuthEvents", 0, 0.0), 1000)
        return [json.loads(entry.record)["message"]["userName"] for entry in found]


@pytest.fixture(params=["sqlite", "postgresql"])
async def away(request: pytest.FixtureRequest, signing_pairs: list[KeyPair]) -> AsyncIterator[Away]:
    url = await request.getfixturevalue("postgres").empty_database() if request.param == "postgresql" else ""
    with Receiver() as receiver:
        key = {"aws_access_key_id": "AKIDLOGS", "aws_secret_access_key": "secret of the logs"}
        settings = settings_for(url, **key, **{f"aws_endpoint_{service}": receiver.url for service in ENDPOINTS})
        server = await (await TestServer(settings, PreparedKeyMaker(signing_pairs)).start()).alone()
        pool = await server.pool(**PLUS)
        await configure(server, pool, {**ACTIVITY, **GROUP})
        yield Away(server, receiver, pool, await server.client(pool))
        await server.stop()


class TestDelivery:
    async def test_a_destination_that_is_away(self, away: Away) -> None:
        """It is tried again after 1, 2, 4 seconds and so on; then all arrive, in order, once."""
        away.receiver.answers = [(503, b"{}")]
        await away.sign_up("ada")
        assert await away.deliver() == 1
        await away.sign_up("bob")
        assert [await away.deliver(later) for later in (0.5, 0.6, 1.0, 1.1, 3.9, 0.2)] == [0, 1, 0, 1, 0, 1]
        away.receiver.answers = [(200, b"{}")]
        await away.sign_up("cyd")
        assert [await away.deliver(later) for later in (7.9, 0.2, 300)] == [0, 1, 0]
        sent = json.loads(away.receiver.received[-1].body)
        names = [json.loads(event["message"])["message"]["userName"] for event in sent["logEvents"]]
        assert (names, await away.waiting()) == (["ada", "bob", "cyd"], [])

    async def test_it_is_tried_for_a_day(self, away: Away) -> None:
        """At least every five minutes; then the old record is dropped, and a newer one is still tried."""
        away.receiver.answers = [(500, b"not JSON")]
        await away.sign_up("ada")
        await away.deliver()
        for _ in range(12):
            await away.deliver(300)
        assert len(away.receiver.received) == 13
        await away.deliver(80_000)
        await away.sign_up("bob")
        await away.deliver(2_700)
        await away.deliver(300)
        assert await away.waiting() == ["bob"]

    async def test_a_pool_that_turns_it_off(self, away: Away) -> None:
        """What waits is dropped, and nothing new is kept."""
        away.receiver.answers = [(500, b"{}")]
        await away.sign_up("ada")
        await away.deliver()
        await configure(away.server, away.pool)
        await away.sign_up("bob")
        assert (await away.deliver(2), await away.waiting()) == (0, [])

    async def test_a_pool_that_leaves_the_plan(self, away: Away) -> None:
        """No activity is exported any more, though the configuration stands."""
        await away.server.call(
            "UpdateUserPool", UserPoolId=away.pool, UserPoolTier="ESSENTIALS", UserPoolAddOns={"AdvancedSecurityMode": "OFF"}
        )
        await away.sign_up("ada")
        assert await away.deliver() == 0
        assert await configured(away.server, away.pool) == [{**ACTIVITY, **GROUP}]

    async def test_only_its_own_events(self, away: Away) -> None:
        """Another pool's are not sent, nor errors where only activity is asked for."""
        other = await away.server.pool()
        await away.server.call("SignUp", ClientId=await away.server.client(other), Username="bob", Password=PASSWORD)
        assert await away.deliver() == 0

    async def test_a_deleted_pool(self, away: Away) -> None:
        away.receiver.answers = [(500, b"{}")]
        await away.sign_up("ada")
        await away.deliver()
        await away.server.call("DeleteUserPool", UserPoolId=away.pool)
        while await away.server.store.pools.condemned():
            await away.server.store.pools.remove_part(away.pool, 100)
        assert await away.waiting() == []

    async def test_what_was_taken_in_part(self, away: Away) -> None:
        """Of a batch that Firehose took in part only the rest is sent again."""
        await configure(away.server, away.pool, {**ACTIVITY, **STREAM})
        taken, failed = {"RecordId": "1"}, {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}
        away.receiver.answers = [
            (200, json.dumps({"FailedPutCount": 1, "RequestResponses": [taken, failed]}).encode()),
            (200, json.dumps({"FailedPutCount": 1, "RequestResponses": [failed]}).encode()),
            (200, json.dumps({"FailedPutCount": 0, "RequestResponses": [taken]}).encode()),
        ]
        await away.sign_up("ada")
        await away.sign_up("bob")
        assert await away.deliver() == 2
        assert await away.waiting() == ["bob"]
        assert (await away.deliver(1.1), await away.waiting()) == (1, [])

    @pytest.mark.parametrize("answer", [b"[]", b"\xff\xfe", b'{"RequestResponses": 3}', b'{"RequestResponses": [1]}', b"{}"])
    async def test_an_answer_that_makes_no_sense(self, away: Away, answer: bytes) -> None:
        """It is a failure: the record stays, and the delivery goes on."""
        await configure(away.server, away.pool, {**ACTIVITY, **STREAM})
        away.receiver.answers = [(200, answer)]
        await away.sign_up("ada")
        assert (await away.deliver(), await away.waiting()) == (1, ["ada"])
        assert (await away.deliver(1.1), await away.waiting()) == (1, ["ada"])

    async def test_dev_calls_no_aws(self, signing_pairs: list[KeyPair]) -> None:
        """A machine with credentials and a pool with a real ARN: nothing is sent anywhere, and it is said why."""
        key = {"aws_access_key_id": "AKIDLOGS", "aws_secret_access_key": "secret of the logs"}
        server = await (await TestServer(settings_for("", **key), PreparedKeyMaker(signing_pairs)).start()).alone()
        pool = await server.pool(**PLUS)
        await configure(server, pool, {**ACTIVITY, **BUCKET})
        await server.call("SignUp", ClientId=await server.client(pool), Username="ada", Password=PASSWORD)
        await server.server.logs.deliver()
        [queue] = await server.store.logs.due(1e12, 10)
        assert queue.failures == 1
        await server.stop()


class TestSettings:
    def test_a_webhook_needs_a_secret(self) -> None:
        with pytest.raises(BadSetting, match="log_delivery_webhook needs log_delivery_webhook_secret, of at least 16 characters"):
            load(None, {"COGNOMEN_LOG_DELIVERY_WEBHOOK": "https://x.example"})

    @pytest.mark.parametrize("name", ["log_delivery_webhook", "aws_endpoint_logs", "aws_endpoint_s3"])
    @pytest.mark.parametrize("value", ["ftp://x", "x.example", "http://", "http://[", "http://a:99999"])
    def test_an_address_is_one(self, name: str, value: str) -> None:
        with pytest.raises(BadSetting, match=f"{name} must be an http or https address"):
            load(None, {f"COGNOMEN_{name.upper()}": value, "COGNOMEN_LOG_DELIVERY_WEBHOOK_SECRET": "x" * 16})

    def test_the_variables_of_aws(self) -> None:
        """They are read where ours say nothing; the one that leads clients to this server is not."""
        found = load(
            None,
            {
                "AWS_ACCESS_KEY_ID": "A",
                "AWS_SECRET_ACCESS_KEY": "B",
                "AWS_ENDPOINT_URL": "http://127.0.0.1:2646",
                "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": "http://127.0.0.1:1",
                "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:2",
                "COGNOMEN_AWS_ENDPOINT_S3": "http://127.0.0.1:3",
            },
        )
        assert (found.aws_access_key_id, found.aws_secret_access_key, found.aws_endpoint_firehose) == ("A", "B", "")
        assert (found.aws_endpoint_logs, found.aws_endpoint_s3) == ("http://127.0.0.1:1", "http://127.0.0.1:3")

    def test_a_file_that_cannot_be_written(self, tmp_path: Path, signing_pairs: list[KeyPair]) -> None:
        """The server does not start, and says which and why."""
        with pytest.raises(BadSetting, match=r"log_delivery_file: .*nowhere/logs cannot be written: No such file or directory"):
            TestServer(settings_for("", log_delivery_file=str(tmp_path / "nowhere" / "logs")), PreparedKeyMaker(signing_pairs))
