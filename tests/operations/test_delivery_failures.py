"""A message that cannot be sent: each operation says so, and leaves a user who can go on once messages arrive again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from tests.kit.receiver import Receiver
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, TestServer, settings_for

UNDELIVERED = ("CodeDeliveryFailureException", "Unable to deliver the message.")
SMS = {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}
SENDER = {"EmailSendingAccount": "DEVELOPER", "SourceArn": "arn:aws:ses:us-east-1:123456789012:identity/a@b.org"}
ADDRESSES = {"email": "anna@example.org", "phone_number": "+4915112345678"}


class Away:
    """Services of mails and texts (one address), which can be away."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self.url = receiver.url
        self.back()

    def gone(self) -> None:
        self._receiver.answers = [(400, b"{}")]

    def back(self) -> None:
        self._receiver.answers = [(200, b"{}")]

    def newest(self) -> str:
        """The newest message's text."""
        sent = self._receiver.received[-1].body
        if sent.startswith(b"{"):
            return str(json.loads(sent)["Content"]["Simple"]["Body"]["Text"]["Data"]).strip()
        return parse_qs(sent.decode())["Body"][0]

    def code(self) -> str:
        return self.newest().rpartition(" ")[2].removesuffix(".")


@pytest.fixture
def away() -> Iterator[Away]:
    with Receiver() as receiver:
        yield Away(receiver)


@pytest.fixture(params=["sqlite", "postgresql"])
async def server(request: pytest.FixtureRequest, away: Away, signing_pairs: list[KeyPair]) -> AsyncIterator[TestServer]:
    url = await request.getfixturevalue("postgres").empty_database() if request.param == "postgresql" else ""
    settings = settings_for(
        url,
        delivery="ses,twilio",
        mail_from="a@b.org",
        aws_endpoint_sesv2=away.url,
        aws_access_key_id="AKID",
        aws_secret_access_key="secret",
        twilio_url=away.url,
        twilio_account="AC1",
        twilio_token="token",
        twilio_from="+1",
        delivery_seconds=60.0,  # on a busy machine the first call loads its library for longer than anybody would wait
    )
    running = await TestServer(settings, PreparedKeyMaker(signing_pairs)).start()
    yield running
    await running.stop()


def pairs(*names: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": ADDRESSES[name]} for name in names]


async def status(server: TestServer, pool: str) -> str:
    return str((await server.call("AdminGetUser", UserPoolId=pool, Username="anna"))["UserStatus"])


class TestSignUp:
    async def test_the_user_stays_and_asks_again(self, server: TestServer, away: Away) -> None:
        """As AWS: the account is there, UNCONFIRMED; another code confirms it."""
        pool = await server.pool(AutoVerifiedAttributes=["email"])
        app = await server.client(pool)
        away.gone()
        request: dict[str, Any] = {"ClientId": app, "Username": "anna", "Password": PASSWORD, "UserAttributes": pairs("email")}
        assert await refusal(server, "SignUp", **request) == UNDELIVERED
        assert await status(server, pool) == "UNCONFIRMED"
        assert await refusal(server, "SignUp", **request) == ("UsernameExistsException", "User already exists")
        assert await refusal(server, "ResendConfirmationCode", ClientId=app, Username="anna") == UNDELIVERED
        away.back()
        await server.call("ResendConfirmationCode", ClientId=app, Username="anna")
        await server.call("ConfirmSignUp", ClientId=app, Username="anna", ConfirmationCode=away.code())
        assert "AccessToken" in await server.sign_in(app, "anna")


class TestInvitation:
    async def test_the_user_stays_and_is_invited_again(self, server: TestServer, away: Away) -> None:
        """As AWS (aws-sdk #438): the user is there, in FORCE_CHANGE_PASSWORD; RESEND makes a password that works."""
        pool = await server.pool()
        app = await server.client(pool)
        away.gone()
        attributes = pairs("email")
        request: dict[str, Any] = {
            "UserPoolId": pool,
            "Username": "anna",
            "UserAttributes": attributes,
            "DesiredDeliveryMediums": ["EMAIL"],
        }
        assert await refusal(server, "AdminCreateUser", **request) == UNDELIVERED
        assert await status(server, pool) == "FORCE_CHANGE_PASSWORD"
        away.back()
        await server.call("AdminCreateUser", **request, MessageAction="RESEND")
        answer = await server.sign_in(app, "anna", away.newest().partition("temporary password is ")[2].removesuffix("."))
        assert answer["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    async def test_a_long_name_in_a_text(self, server: TestServer, away: Away) -> None:
        """The model bounds the template; what is filled in is never cut: carriers send it in parts."""
        pool = await server.pool()
        name = "a" * 128
        members: dict[str, Any] = {
            "UserAttributes": pairs("phone_number"),
            "DesiredDeliveryMediums": ["SMS"],
            "TemporaryPassword": PASSWORD,
        }
        await server.call("AdminCreateUser", UserPoolId=pool, Username=name, **members)
        assert away.newest() == f"Your username is {name} and temporary password is {PASSWORD}."


class TestPasswords:
    async def test_a_forgotten_one(self, server: TestServer, away: Away) -> None:
        """The old password goes on to work."""
        pool = await server.pool()
        app = await server.client(pool)
        await server.user(pool, "anna", email=ADDRESSES["email"], email_verified="true")
        away.gone()
        assert await refusal(server, "ForgotPassword", ClientId=app, Username="anna") == UNDELIVERED
        assert "AccessToken" in await server.sign_in(app, "anna")

    async def test_one_that_an_administrator_resets(self, server: TestServer, away: Away) -> None:
        """The reset is done; the user asks for the code by ForgotPassword. The operation declares no CodeDeliveryFailureException."""
        pool = await server.pool()
        app = await server.client(pool)
        await server.user(pool, "anna", email=ADDRESSES["email"], email_verified="true")
        away.gone()
        refused = await refusal(server, "AdminResetUserPassword", UserPoolId=pool, Username="anna")
        assert refused == ("InvalidEmailRoleAccessPolicyException", "Unable to deliver the message.")
        assert await status(server, pool) == "RESET_REQUIRED"
        away.back()
        await server.call("ForgotPassword", ClientId=app, Username="anna")
        await server.call("ConfirmForgotPassword", ClientId=app, Username="anna", ConfirmationCode=away.code(), Password="Another-Horse-8")
        assert "AccessToken" in await server.sign_in(app, "anna", "Another-Horse-8")


class TestAttributes:
    async def test_an_address_that_waits_for_its_proof(self, server: TestServer, away: Away) -> None:
        """The old address stays; the code for the new one can be asked for."""
        settings = {"AttributesRequireVerificationBeforeUpdate": ["email"]}
        pool = await server.pool(AutoVerifiedAttributes=["email"], UserAttributeUpdateSettings=settings)
        app = await server.client(pool)
        await server.user(pool, "anna", email="old@example.org", email_verified="true")
        token = (await server.sign_in(app, "anna"))["AccessToken"]
        away.gone()
        assert await refusal(server, "UpdateUserAttributes", AccessToken=token, UserAttributes=pairs("email")) == UNDELIVERED
        away.back()
        await server.call("GetUserAttributeVerificationCode", AccessToken=token, AttributeName="email")
        await server.call("VerifyUserAttribute", AccessToken=token, AttributeName="email", Code=away.code())
        shown = {each["Name"]: each["Value"] for each in (await server.call("GetUser", AccessToken=token))["UserAttributes"]}
        assert (shown["email"], shown["email_verified"]) == (ADDRESSES["email"], "true")

    @pytest.mark.parametrize(
        ("attribute", "code"),
        [("phone_number", "InvalidSmsRoleAccessPolicyException"), ("email", "InvalidEmailRoleAccessPolicyException")],
    )
    async def test_by_an_administrator(self, server: TestServer, away: Away, attribute: str, code: str) -> None:
        """AdminUpdateUserAttributes declares no CodeDeliveryFailureException; the address is set, and not verified."""
        pool = await server.pool(AutoVerifiedAttributes=[attribute], SmsConfiguration=SMS)
        await server.user(pool, "anna")
        away.gone()
        request: dict[str, Any] = {"UserPoolId": pool, "Username": "anna", "UserAttributes": pairs(attribute)}
        assert await refusal(server, "AdminUpdateUserAttributes", **request) == (code, "Unable to deliver the message.")
        shown = {
            each["Name"]: each["Value"] for each in (await server.call("AdminGetUser", UserPoolId=pool, Username="anna"))["UserAttributes"]
        }
        assert (shown[attribute], shown[f"{attribute}_verified"]) == (ADDRESSES[attribute], "false")


class TestSignIn:
    @pytest.mark.parametrize(
        ("attribute", "factor", "code"),
        [
            ("phone_number", "SMS_OTP", "InvalidSmsRoleAccessPolicyException"),
            ("email", "EMAIL_OTP", "InvalidEmailRoleAccessPolicyException"),
        ],
    )
    async def test_what_the_model_declares(self, server: TestServer, away: Away, attribute: str, factor: str, code: str) -> None:
        """A sign-in has no CodeDeliveryFailureException."""
        policies = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", factor]}}
        pool = await server.pool(Policies=policies, SmsConfiguration=SMS, EmailConfiguration=SENDER)
        app = await server.client(pool, ExplicitAuthFlows=["ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
        await server.user(pool, "anna", **{attribute: ADDRESSES[attribute], f"{attribute}_verified": "true"})
        request: dict[str, Any] = {
            "ClientId": app,
            "AuthFlow": "USER_AUTH",
            "AuthParameters": {"USERNAME": "anna", "PREFERRED_CHALLENGE": factor},
        }
        away.gone()
        assert await refusal(server, "InitiateAuth", **request) == (code, "Unable to deliver the message.")
        away.back()
        asked = await server.call("InitiateAuth", **request)
        answer = {"USERNAME": "anna", f"{factor}_CODE": away.code()}
        done = await server.call(
            "RespondToAuthChallenge", ClientId=app, ChallengeName=factor, Session=asked["Session"], ChallengeResponses=answer
        )
        assert "AccessToken" in done["AuthenticationResult"]


class TestHiding:
    async def test_without_a_delivery(self, signing_pairs: list[KeyPair]) -> None:
        """Where no message leaves, nobody can tell by it who is there."""
        running = await TestServer(settings_for("", delivery="none"), PreparedKeyMaker(signing_pairs)).start()
        factors = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}
        pool = await running.pool(AutoVerifiedAttributes=["email"], Policies=factors, EmailConfiguration=SENDER)
        app = await running.client(pool, PreventUserExistenceErrors="ENABLED", ExplicitAuthFlows=["ALLOW_USER_AUTH"])
        await running.user(pool, "anna", email=ADDRESSES["email"], email_verified="true")
        for name in ("anna", "nobody"):
            assert await refusal(running, "ForgotPassword", ClientId=app, Username=name) == UNDELIVERED
            parameters = {"USERNAME": name, "PREFERRED_CHALLENGE": "EMAIL_OTP"}
            request = {"ClientId": app, "AuthFlow": "USER_AUTH", "AuthParameters": parameters}
            assert (await refusal(running, "InitiateAuth", **request))[0] == "InvalidEmailRoleAccessPolicyException"
        await running.stop()

    async def test_a_custom_sender_without_a_delivery(self, signing_pairs: list[KeyPair]) -> None:
        """Messages go to the pool's function: who is not there is not told by the delivery that the server lacks."""
        running = await TestServer(settings_for("", delivery="none"), PreparedKeyMaker(signing_pairs)).start()
        sender = {"LambdaArn": running.functions.add("sender", lambda event: {}), "LambdaVersion": "V1_0"}
        key = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-4333-8444-555555555555"
        pool = await running.pool(LambdaConfig={"CustomEmailSender": sender, "KMSKeyID": key})
        app = await running.client(pool, PreventUserExistenceErrors="ENABLED")
        await running.user(pool, "anna", email=ADDRESSES["email"], email_verified="true")
        for name in ("anna", "nobody"):
            answer = await running.call("ForgotPassword", ClientId=app, Username=name)
            assert answer["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"
        await running.senders_settled()
        assert [event["triggerSource"] for event in running.functions.events] == ["CustomEmailSender_ForgotPassword"]
        await running.stop()
