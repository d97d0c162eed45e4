"""Custom senders run beside the request: nobody waits for one, nobody is told of its errors but who reads the logs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from cognomen.kernel.aws import Aws
from cognomen.kernel.events import MessageFailed
from cognomen.kernel.threads import Threads
from cognomen.triggers import custom_senders
from cognomen.triggers.custom_senders import CustomSenders, Errand
from cognomen.triggers.runner import FunctionUnreachable
from cognomen.triggers.sender_keys import SenderKeys
from tests.kit.functions import arn
from tests.kit.server import PASSWORD, TestServer

KEY = "arn:aws:kms:us-east-1:000000000000:key/1"
EMAIL = [{"Name": "email", "Value": "anna@example.com"}]


async def app(server: TestServer, function: Callable[[dict[str, Any]], Any] | None) -> tuple[str, str]:
    sender = {"LambdaVersion": "V1_0", "LambdaArn": server.functions.add("sender", function) if function else arn("nowhere")}
    pool = await server.pool(AutoVerifiedAttributes=["email"], LambdaConfig={"CustomEmailSender": sender, "KMSKeyID": KEY})
    return pool, await server.client(pool, PreventUserExistenceErrors="ENABLED")


async def sign_up(server: TestServer, client: str) -> Any:
    return await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=EMAIL)


def quick(server: TestServer) -> CustomSenders:
    """The server's senders, without pauses between the tries."""
    server.server.rooms.triggers.senders = CustomSenders(server.functions, keys(server), seconds=0.2, pauses=(0, 0))
    return server.server.rooms.triggers.senders


def keys(server: TestServer, aws: Aws | None = None) -> SenderKeys:
    return SenderKeys(server.server.rooms.sealer, aws or Aws(), Threads("keys"), by_kms=aws is not None)


def failures(server: TestServer) -> list[MessageFailed]:
    told: list[MessageFailed] = []
    server.server.rooms.events.on(MessageFailed, told.append)
    return told


class TestErrors:
    async def test_one_that_fails_is_asked_three_times(self, server: TestServer, capsys: pytest.CaptureFixture[str]) -> None:
        """The sign-up stands, the failure is told in words that are not the function's: it may have repeated an address."""

        def fails(event: dict[str, Any]) -> dict[str, Any]:
            raise RuntimeError("no stamps for anna@example.com")

        pool, client = await app(server, fails)
        told, senders = failures(server), quick(server)
        answer = await sign_up(server, client)
        assert (answer["UserConfirmed"], answer["CodeDeliveryDetails"]["Destination"]) == (False, "a***@e***")
        await senders.settled()
        assert len(server.functions.events) == 3
        assert [(event.pool_id, event.username, event.channel, event.reason) for event in told] == [
            (pool, "anna", "email", "the custom sender failed")
        ]
        assert "no stamps" not in "".join(capsys.readouterr())

    async def test_the_second_try_may_do(self, server: TestServer) -> None:
        def once(event: dict[str, Any]) -> dict[str, Any]:
            if len(server.functions.events) == 1:
                raise RuntimeError("busy")
            return {}

        _, client = await app(server, once)
        told, senders = failures(server), quick(server)
        await sign_up(server, client)
        await senders.settled()
        first, second = server.functions.events
        assert (first, told) == (second, [])

    async def test_there_is_no_such_function(self, server: TestServer) -> None:
        _, client = await app(server, None)
        told, senders = failures(server), quick(server)
        await sign_up(server, client)
        await senders.settled()
        assert [event.reason for event in told] == ["there is no function for the custom sender's ARN"]

    async def test_the_key_is_out_of_reach(self, server: TestServer) -> None:
        """A KMS that is not there: the code goes nowhere in the clear."""
        _, client = await app(server, lambda event: {})
        told = failures(server)
        unreachable = keys(server, Aws("AKID", "secret", endpoints={"kms": "http://127.0.0.1:9"}, abroad=False))
        senders = server.server.rooms.triggers.senders = CustomSenders(server.functions, unreachable, seconds=1, pauses=(0, 0))
        await sign_up(server, client)
        await senders.settled()
        assert (server.functions.events, len(told), told[0].reason[:31]) == ([], 1, "the key of the custom sender: h")


class TestTime:
    async def test_nobody_waits(self, server: TestServer) -> None:
        """So that it does not tell who is here, either."""
        done = asyncio.Event()

        async def slow(event: dict[str, Any]) -> dict[str, Any]:
            await done.wait()
            return {}

        pool, client = await app(server, slow)
        await server.user(pool, "anna", email="anna@example.com", email_verified="true")
        began = time.monotonic()
        for name in ("anna", "nobody"):
            await server.call("ForgotPassword", ClientId=client, Username=name)
        assert time.monotonic() - began < 1
        done.set()
        await server.senders_settled()
        assert [event["userName"] for event in server.functions.events] == ["anna"]

    async def test_what_was_handed_over_is_done_before_the_end(self, server: TestServer) -> None:
        sent = []

        async def slow(event: dict[str, Any]) -> dict[str, Any]:
            await asyncio.sleep(0.3)
            sent.append(event["userName"])
            return {}

        _, client = await app(server, slow)
        await sign_up(server, client)
        await server.server.rooms.triggers.senders.finish()
        assert sent == ["anna"]

    async def test_what_hangs_is_told_at_the_end(self, server: TestServer) -> None:
        """A server stops within its time, and does not lose a message without a word."""

        async def hangs(event: dict[str, Any]) -> dict[str, Any]:
            await asyncio.sleep(60)
            return {}

        _, client = await app(server, hangs)
        told = failures(server)
        await sign_up(server, client)
        await server.server.rooms.triggers.senders.finish(within=0.1)
        assert [event.reason for event in told] == ["the server was stopped"]

    async def test_the_queue_has_an_end(self) -> None:
        """Without bound it would be a way to fill a server's memory."""

        class Hanging:
            async def run(self, arn: str, event: bytes, limit: asyncio.Timeout | None = None) -> bytes:
                raise FunctionUnreachable("not now")

        told: list[str] = []
        senders = CustomSenders(Hanging(), None, seconds=1, pauses=(60,))  # type: ignore[arg-type]
        errand = Errand(trigger="CustomEmailSender", arn=arn("x"), pool_id="p", key_arn=KEY, code=None, event={}, failed=told.append)
        for _ in range(custom_senders.MOST_WAITING + 1):
            senders.hand_over(errand)
        assert told == ["too many messages wait for their custom senders"]
        for task in senders._running:
            task.cancel()
        await asyncio.gather(*senders._running, return_exceptions=True)


class TestCustomMessage:
    @pytest.mark.parametrize("operation", ["ForgotPassword", "ResendConfirmationCode"])
    async def test_nobody_is_waited_for_as_long_as_somebody(self, server: TestServer, operation: str) -> None:
        """Where users are hidden: a name that nobody has is answered after what the function took for others."""

        async def slow(event: dict[str, Any]) -> dict[str, Any]:
            await asyncio.sleep(0.3)
            return {}

        config = {"CustomMessage": server.functions.add("message", slow)}
        pool = await server.pool(AutoVerifiedAttributes=["email"], LambdaConfig=config)
        client = await server.client(pool, PreventUserExistenceErrors="ENABLED")
        if operation == "ForgotPassword":
            await server.user(pool, "anna", email="anna@example.com", email_verified="true")
        else:
            await sign_up(server, client)
        took = []
        for name in ("anna", "nobody"):
            began = time.monotonic()
            await server.call(operation, ClientId=client, Username=name)
            took.append(time.monotonic() - began)
        assert all(0.3 <= seconds < 0.9 for seconds in took), took
        assert all(event["userName"] == "anna" for event in server.functions.events)


@pytest.mark.parametrize("medium", ["EMAIL", "SMS"])
async def test_every_occasion(server: TestServer, medium: str) -> None:
    """Its own triggerSource each, `CustomEmailSender_SignUp` and `CustomSMSSender_SignUp` and so on, in AWS's words."""
    attribute, value, other = {
        "EMAIL": ("email", "anna@example.com", "new@example.com"),
        "SMS": ("phone_number", "+15550001234", "+15550005678"),
    }[medium]
    sender = {"LambdaVersion": "V1_0", "LambdaArn": server.functions.add("sender", lambda event: {})}
    config = {"CustomEmailSender": sender, "CustomSMSSender": sender, "KMSKeyID": KEY}
    first = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", f"{medium}_OTP"]}}
    sms = {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}
    pool = await server.pool(AutoVerifiedAttributes=[attribute], LambdaConfig=config, Policies=first, SmsConfiguration=sms)
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    client = await server.client(pool, ExplicitAuthFlows=flows)
    pair = [{"Name": attribute, "Value": value}]
    await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=pair)
    await server.call("ResendConfirmationCode", ClientId=client, Username="anna")
    await server.call("AdminConfirmSignUp", UserPoolId=pool, Username="anna")
    token = (await server.sign_in(client, "anna"))["AccessToken"]
    await server.call("GetUserAttributeVerificationCode", AccessToken=token, AttributeName=attribute)
    verified = [*pair, {"Name": f"{attribute}_verified", "Value": "true"}]
    await server.call("AdminUpdateUserAttributes", UserPoolId=pool, Username="anna", UserAttributes=verified)
    await server.call("ForgotPassword", ClientId=client, Username="anna")
    chosen = {"USERNAME": "anna", "PREFERRED_CHALLENGE": f"{medium}_OTP"}
    await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_AUTH", AuthParameters=chosen)
    await server.call("UpdateUserAttributes", AccessToken=token, UserAttributes=[{"Name": attribute, "Value": other}])
    await server.call("AdminCreateUser", UserPoolId=pool, Username="bob", UserAttributes=pair, DesiredDeliveryMediums=[medium])
    await server.senders_settled()
    prefix = {"EMAIL": "CustomEmailSender_", "SMS": "CustomSMSSender_"}[medium]
    assert sorted(event["triggerSource"].removeprefix(prefix) for event in server.functions.events) == sorted(
        [
            "SignUp",
            "ResendCode",
            "VerifyUserAttribute",
            "ForgotPassword",
            "Authentication",
            "UpdateUserAttribute",
            "AdminCreateUser",
        ]
    )
