"""CustomMessage writes a pool's mails and texts; custom senders take them over, with the code encrypted."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import aws_encryption_sdk
import pytest
from aws_encryption_sdk.identifiers import CommitmentPolicy, EncryptionKeyType, WrappingAlgorithm
from aws_encryption_sdk.internal.crypto.wrapping_keys import WrappingKey
from aws_encryption_sdk.key_providers.raw import RawMasterKeyProvider

from cognomen.triggers.sender_keys import NAMESPACE, local_key
from tests.kit import risk
from tests.kit.functions import arn
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, AwsError, TestServer

KEY = "arn:aws:kms:us-east-1:000000000000:key/8a23102c-9b68-4fed-82ce-523c5363539e"
CONTACTS = [{"Name": "email", "Value": "anna@example.com"}, {"Name": "phone_number", "Value": "+15550001234"}]
EMAIL = CONTACTS[:1]


async def app(server: TestServer, config: dict[str, Any], **members: Any) -> tuple[str, str]:
    pool = await server.pool(**{"AutoVerifiedAttributes": ["email"], "LambdaConfig": config, **members})
    return pool, await server.client(pool)


async def custom(server: TestServer, function: Callable[[dict[str, Any]], Any], **members: Any) -> tuple[str, str]:
    return await app(server, {"CustomMessage": server.functions.add("message", function)}, **members)


async def sign_up(server: TestServer, client: str, username: str = "anna", attributes: Any = EMAIL, **members: Any) -> Any:
    return await server.call("SignUp", ClientId=client, Username=username, Password=PASSWORD, UserAttributes=attributes, **members)


def own(event: dict[str, Any]) -> dict[str, Any]:
    """A message that names its occasion, for either medium."""
    code = event["request"]["codeParameter"]
    name = event["request"]["usernameParameter"] or ""
    text = f"{event['triggerSource']} {name} {code}"
    return {"emailMessage": text, "emailSubject": "Mine", "smsMessage": text}


class TestCustomMessage:
    async def test_the_event(self, server: TestServer) -> None:
        pool, client = await custom(server, own)
        sub = (await sign_up(server, client, ClientMetadata={"lang": "fr"}))["UserSub"]
        (event,) = server.functions.events
        assert (event["triggerSource"], event["userPoolId"], event["callerContext"]["clientId"]) == ("CustomMessage_SignUp", pool, client)
        attributes = {"sub": sub, "cognito:user_status": "UNCONFIRMED", "email_verified": "false", "email": "anna@example.com"}
        assert event["request"] == {
            "userAttributes": attributes,
            "codeParameter": "{####}",
            "linkParameter": "{##Click Here##}",
            "usernameParameter": None,
            "clientMetadata": {"lang": "fr"},
        }
        assert event["response"] == {"smsMessage": None, "emailMessage": None, "emailSubject": None}
        message = (await server.messages())[0]
        assert (message.subject, message.body) == ("Mine", f"CustomMessage_SignUp  {message.code}")
        await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=message.code)

    async def test_every_occasion(self, server: TestServer) -> None:
        """Its own triggerSource each; the ClientMetadata of the request that asked for the message."""
        pool, client = await custom(server, own)
        meta: dict[str, Any] = {"ClientMetadata": {"a": "1"}}
        await sign_up(server, client, **meta)
        await server.call("ResendConfirmationCode", ClientId=client, Username="anna", **meta)
        await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=await server.code("anna@example.com"))
        await server.call("ForgotPassword", ClientId=client, Username="anna", **meta)
        token = (await server.sign_in(client, "anna"))["AccessToken"]
        await server.call("GetUserAttributeVerificationCode", AccessToken=token, AttributeName="email", **meta)
        changed = [{"Name": "email", "Value": "new@example.com"}]
        await server.call("UpdateUserAttributes", AccessToken=token, UserAttributes=changed, **meta)
        await server.call("AdminUpdateUserAttributes", UserPoolId=pool, Username="anna", UserAttributes=EMAIL, **meta)
        invited: dict[str, Any] = {
            "Username": "bob",
            "UserAttributes": [{"Name": "email", "Value": "bob@example.com"}],
            "DesiredDeliveryMediums": ["EMAIL"],
        }
        await server.call("AdminCreateUser", UserPoolId=pool, **invited, **meta)
        await server.call(
            "AdminCreateUser", UserPoolId=pool, Username="bob", MessageAction="RESEND", DesiredDeliveryMediums=["EMAIL"], **meta
        )
        occasions = [event["triggerSource"].removeprefix("CustomMessage_") for event in server.functions.events]
        assert occasions == [
            "SignUp",
            "ResendCode",
            "ForgotPassword",
            "VerifyUserAttribute",
            "UpdateUserAttribute",
            "UpdateUserAttribute",
            "AdminCreateUser",
            "AdminCreateUser",
        ]
        assert [event["request"]["clientMetadata"] for event in server.functions.events] == [{"a": "1"}] * len(occasions)
        assert server.functions.events[4]["request"]["userAttributes"]["email"] == "new@example.com"

    async def test_an_invitation(self, server: TestServer) -> None:
        pool, _client = await custom(server, own)
        members: dict[str, Any] = {"TemporaryPassword": "Temp-Horse-9", "DesiredDeliveryMediums": ["EMAIL", "SMS"]}
        await server.call("AdminCreateUser", UserPoolId=pool, Username="anna", UserAttributes=CONTACTS, **members)
        bodies = {message.channel: message.body for message in await server.messages()}
        assert bodies == dict.fromkeys(("email", "sms"), "CustomMessage_AdminCreateUser anna Temp-Horse-9")

    async def test_a_sign_in_code(self, server: TestServer) -> None:
        """Authentication, without the ClientMetadata of InitiateAuth (AWS's documentation of that operation)."""
        pool, client = await custom(server, own)
        await server.user(pool, "anna", phone_number="+15550001234", phone_number_verified="true")
        sms: dict[str, Any] = {
            "SmsMfaConfiguration": {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms", "ExternalId": "x"}}
        }
        await server.call("SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration="ON", **sms)
        await server.call(
            "InitiateAuth",
            ClientId=client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "anna", "PASSWORD": PASSWORD},
            ClientMetadata={"a": "1"},
        )
        (event,) = server.functions.events
        assert (event["triggerSource"], "clientMetadata" in event["request"]) == ("CustomMessage_Authentication", False)
        message = (await server.messages())[0]
        assert message.body == f"CustomMessage_Authentication  {message.code}"

    async def test_what_it_leaves_out_stays_the_pools(self, server: TestServer) -> None:
        _, client = await custom(server, lambda event: {"emailSubject": "Only this"})
        await sign_up(server, client)
        message = (await server.messages())[0]
        assert (message.subject, message.body) == ("Only this", f"Your verification code is {message.code}.")

    async def test_a_link(self, server: TestServer) -> None:
        template = {"DefaultEmailOption": "CONFIRM_WITH_LINK"}
        function = {"emailMessage": "Hi, {##Click Here##}!"}
        _, client = await custom(server, lambda event: function, VerificationMessageTemplate=template)
        await sign_up(server, client)
        message = (await server.messages())[0]
        assert message.body.startswith('Hi, <a href="http') and message.body.endswith(">Click Here</a>!")

    async def test_what_is_filled_in_is_escaped(self, server: TestServer) -> None:
        pool, _ = await custom(server, own)
        members: dict[str, Any] = {"TemporaryPassword": "Temp-<b>-Horse-9", "DesiredDeliveryMediums": ["EMAIL"]}
        await server.call("AdminCreateUser", UserPoolId=pool, Username="<i>", UserAttributes=EMAIL, **members)
        assert (await server.messages())[0].body == "CustomMessage_AdminCreateUser &lt;i&gt; Temp-&lt;b&gt;-Horse-9"

    @pytest.mark.parametrize(
        "answer",
        [
            {"emailMessage": 7},
            {"emailMessage": "{####}" + "x" * 20_000},
            {"emailSubject": "x" * 141},
            {"smsMessage": "{####}" + "x" * 140},
            {"emailSubject": ["a"]},
        ],
    )
    async def test_messages_that_cannot_be_sent(self, server: TestServer, answer: dict[str, Any]) -> None:
        """The user is stored before the message is written (FIDELITY B.6.55), and asks for another code."""
        _pool, client = await custom(server, lambda event: answer)
        found = await refusal(server, "SignUp", ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=EMAIL)
        assert (found[0], await server.messages()) == ("InvalidLambdaResponseException", [])
        server.functions.add("message", own)
        await server.call("ResendConfirmationCode", ClientId=client, Username="anna")
        await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=await server.code("anna@example.com"))

    @pytest.mark.parametrize("text", ["no code", "{####} and a character of control \x07"])
    async def test_mails_that_aws_refuses(self, server: TestServer, text: str) -> None:
        """In the words of amazon-cognito-identity-js #99: a mail is held to the pattern of a pool's own."""
        _, client = await custom(server, lambda event: {"emailMessage": text})
        code, message = await refusal(server, "SignUp", ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=EMAIL)
        pattern = r"[\p{L}\p{M}\p{S}\p{N}\p{P}\s*]*\{####\}[\p{L}\p{M}\p{S}\p{N}\p{P}\s*]*"
        said = "1 validation error detected: Value at 'emailBody' failed to satisfy constraint: Member must satisfy regular expression pattern:"
        assert (code, message, await server.messages()) == ("InvalidParameterException", f"{said} {pattern}", [])

    async def test_a_text_that_forgets_the_code(self, server: TestServer) -> None:
        _, client = await custom(server, lambda event: {"smsMessage": "no code"}, AutoVerifiedAttributes=["phone_number"])
        found = await refusal(server, "SignUp", ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=CONTACTS)
        assert found == ("InvalidLambdaResponseException", "The message of the lambda function output does not have {####}.")

    @pytest.mark.parametrize(("username", "fits"), [("a" * 100, True), ("a" * 101, False)])
    async def test_what_is_filled_in_counts(self, server: TestServer, username: str, fits: bool) -> None:
        """140 characters of a text are 140 that arrive: with the name and the password in their places."""
        pool, _ = await custom(server, lambda event: {"smsMessage": "{username} {####} " + "x" * (140 - 100 - 14)})
        members: dict[str, Any] = {"TemporaryPassword": "Temp-Horse-9", "DesiredDeliveryMediums": ["SMS"], "UserAttributes": CONTACTS}
        asked: dict[str, Any] = {"UserPoolId": pool, "Username": username, **members}
        if fits:
            await server.call("AdminCreateUser", **asked)
            assert len((await server.messages())[0].body) == 140
        else:
            found = await refusal(server, "AdminCreateUser", **asked)
            assert found == ("InvalidLambdaResponseException", "smsMessage is longer than 140 characters.")

    async def test_an_invitation_that_forgets_the_name(self, server: TestServer) -> None:
        pool, _ = await custom(server, lambda event: {"emailMessage": "{####}"})
        members: dict[str, Any] = {"Username": "anna", "UserAttributes": EMAIL, "DesiredDeliveryMediums": ["EMAIL"]}
        assert (await refusal(server, "AdminCreateUser", UserPoolId=pool, **members))[0] == "InvalidLambdaResponseException"

    async def test_nobody_is_asked_about_nobody(self, server: TestServer) -> None:
        pool, _ = await custom(server, own)
        client = await server.client(pool, PreventUserExistenceErrors="ENABLED")
        await server.call("ForgotPassword", ClientId=client, Username="nobody")
        assert server.functions.events == []


def decrypted(server: TestServer, pool: str, code: str) -> str:
    """What a function makes of the code with AWS's own library."""
    key = local_key(server.server.rooms.sealer, KEY)

    class Provider(RawMasterKeyProvider):  # type: ignore[misc]
        provider_id = NAMESPACE

        def _get_raw_key(self, key_id: bytes) -> WrappingKey:
            assert key_id.decode() == KEY
            algorithm = WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING
            return WrappingKey(algorithm, key, EncryptionKeyType.SYMMETRIC)

    provider = Provider()
    provider.add_master_key(KEY)
    client = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT)
    plaintext, header = client.decrypt(source=base64.b64decode(code), key_provider=provider)
    assert header.encryption_context["userpool-id"] == pool
    return str(plaintext.decode())


class TestCustomSenders:
    def config(self, server: TestServer, function: Callable[[dict[str, Any]], Any] = lambda event: b"null") -> dict[str, Any]:
        sender = {"LambdaVersion": "V1_0", "LambdaArn": server.functions.add("sender", function)}
        return {"CustomEmailSender": sender, "CustomSMSSender": sender, "KMSKeyID": KEY}

    async def test_the_code_comes_encrypted_and_nothing_else_is_sent(self, server: TestServer) -> None:
        pool, client = await app(server, self.config(server))
        sub = (await sign_up(server, client, ClientMetadata={"a": "1"}))["UserSub"]
        assert await server.messages() == []
        await server.senders_settled()
        (event,) = server.functions.events
        assert (event["triggerSource"], event["response"]) == ("CustomEmailSender_SignUp", {})
        request = event["request"]
        attributes = {"sub": sub, "cognito:user_status": "UNCONFIRMED", "email_verified": "false", "email": "anna@example.com"}
        assert request == {
            "type": "customEmailSenderRequestV1",
            "code": request["code"],
            "clientMetadata": {"a": "1"},
            "userAttributes": attributes,
        }
        code = decrypted(server, pool, request["code"])
        await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=code)

    async def test_texts(self, server: TestServer) -> None:
        pool, client = await app(server, self.config(server), AutoVerifiedAttributes=["phone_number"])
        await sign_up(server, client, attributes=CONTACTS)
        await server.senders_settled()
        (event,) = server.functions.events
        assert (event["triggerSource"], event["request"]["type"]) == ("CustomSMSSender_SignUp", "customSMSSenderRequestV1")
        assert event["request"]["clientMetadata"] is None
        code = decrypted(server, pool, event["request"]["code"])
        await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=code)

    async def test_temporary_passwords(self, server: TestServer) -> None:
        pool, _client = await app(server, self.config(server))
        members: dict[str, Any] = {"TemporaryPassword": "Temp-Horse-9", "DesiredDeliveryMediums": ["EMAIL"]}
        await server.call("AdminCreateUser", UserPoolId=pool, Username="anna", UserAttributes=EMAIL, **members)
        await server.senders_settled()
        (event,) = server.functions.events
        assert event["triggerSource"] == "CustomEmailSender_AdminCreateUser"
        assert decrypted(server, pool, event["request"]["code"]) == "Temp-Horse-9"

    async def test_it_comes_before_a_custom_message(self, server: TestServer) -> None:
        config = {**self.config(server), "CustomMessage": server.functions.add("message", own)}
        _, client = await app(server, config)
        await sign_up(server, client)
        await server.senders_settled()
        assert [event["triggerSource"] for event in server.functions.events] == ["CustomEmailSender_SignUp"]

    async def test_a_risky_sign_in(self, server: TestServer) -> None:
        """AccountTakeOverNotification: the placeholders of the mail by AWS's names, and no code."""
        config = self.config(server)
        pool, client = await risk.anna(server, LambdaConfig=config)
        await risk.configure(server, pool, risk.takeover("NO_ACTION", notify=True, From="a@example.com"))
        await risk.from_server(server, pool, client)
        await risk.from_server(server, pool, client, risk.FAR, "another")
        await server.senders_settled()
        event = server.functions.events[-1]
        assert (event["triggerSource"], event["callerContext"]["clientId"]) == ("CustomEmailSender_AccountTakeOverNotification", client)
        told = event["request"]["userAttributes"]
        assert (event["request"]["code"], told["USER_NAME"], told["IP_ADDRESS"]) == (None, "anna", risk.FAR)
        assert (told["ACCOUNT_TAKE_OVER_ACTION"], told["email"]) == ("NO_ACTION", "anna@example.com")
        names = (
            "EVENT_ID",
            "LOGIN_TIME",
            "CITY",
            "COUNTRY",
            "DEVICE_NAME",
            "FEEDBACK_TOKEN",
            "ONE_CLICK_LINK_VALID",
            "ONE_CLICK_LINK_INVALID",
        )
        assert [name for name in names if not told[name]] == []
        assert await server.messages() == []

    async def test_they_need_a_key(self, server: TestServer) -> None:
        config = {"CustomEmailSender": {"LambdaVersion": "V1_0", "LambdaArn": arn("sender")}}
        with pytest.raises(AwsError) as refused:
            await server.call("CreateUserPool", PoolName="x", LambdaConfig=config)
        assert refused.value.code == "InvalidParameterException"
