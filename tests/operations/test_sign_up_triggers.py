"""PreSignUp and PostConfirmation: what they see, what they may change, and that a refusal leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.functions import arn
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, AwsError, TestServer

EMAIL = {"Name": "email", "Value": "anna@example.com"}


def raises(event: dict[str, Any]) -> dict[str, Any]:
    raise RuntimeError("not today")


async def app(server: TestServer, triggers: dict[str, str], **members: Any) -> tuple[str, str]:
    pool = await server.pool(AutoVerifiedAttributes=["email"], LambdaConfig=triggers, **members)
    return pool, await server.client(pool)


async def sign_up(server: TestServer, client: str, username: str = "anna", **members: Any) -> Any:
    return await server.call("SignUp", ClientId=client, Username=username, Password=PASSWORD, UserAttributes=[EMAIL], **members)


async def status(server: TestServer, pool: str, username: str = "anna") -> str:
    return str((await server.call("AdminGetUser", UserPoolId=pool, Username=username))["UserStatus"])


class TestPreSignUp:
    async def test_the_event(self, server: TestServer) -> None:
        pool, client = await app(server, {"PreSignUp": server.functions.add("pre", lambda event: {})})
        await sign_up(server, client, ValidationData=[{"Name": "invite", "Value": "42"}], ClientMetadata={"from": "web"})
        assert server.functions.events == [
            {
                "version": "1",
                "region": "us-east-1",
                "userPoolId": pool,
                "userName": "anna",
                "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": client},
                "triggerSource": "PreSignUp_SignUp",
                "request": {
                    "userAttributes": {"email": "anna@example.com"},
                    "validationData": {"invite": "42"},
                    "clientMetadata": {"from": "web"},
                },
                "response": {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False},
            }
        ]
        assert await status(server, pool) == "UNCONFIRMED"

    async def test_a_refusal_leaves_no_user(self, server: TestServer) -> None:
        """FIDELITY B.6.59, B.6.60; nor a code, nor a message."""
        pool, client = await app(server, {"PreSignUp": server.functions.add("pre", raises)})
        expected = ("UserLambdaValidationException", "PreSignUp failed with error not today.")
        attributes = [EMAIL]
        members: dict[str, Any] = {"Username": "anna", "UserAttributes": attributes}
        assert await refusal(server, "SignUp", ClientId=client, Password=PASSWORD, **members) == expected
        assert await refusal(server, "AdminCreateUser", UserPoolId=pool, **members) == expected
        assert (await server.call("ListUsers", UserPoolId=pool))["Users"] == []
        assert await server.messages() == []

    async def test_no_function_answers_access_denied(self, server: TestServer) -> None:
        _, client = await app(server, {"PreSignUp": arn("nobody")})
        assert await refusal(server, "SignUp", ClientId=client, Username="anna", Password=PASSWORD) == (
            "UnexpectedLambdaException",
            "PreSignUp invocation failed due to error AccessDeniedException.",
        )

    @pytest.mark.parametrize(
        "answer",
        [b"[]", b'{"response":7}', b'{"response":{"autoConfirmUser":"yes"}}', b'{"response":{"autoVerifyEmail":1}}', b"{}"],
    )
    async def test_wrong_typed_answers(self, server: TestServer, answer: bytes) -> None:
        pool, client = await app(server, {"PreSignUp": server.functions.add("pre", lambda event: answer)})
        found = await refusal(server, "SignUp", ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=[EMAIL])
        assert found == ("InvalidLambdaResponseException", "Unrecognizable lambda output")
        assert (await server.call("ListUsers", UserPoolId=pool))["Users"] == []

    async def test_auto_confirm_asks_post_confirmation_too(self, server: TestServer) -> None:
        """FIDELITY B.6.60. No code is sent: there is nothing to confirm."""
        triggers = {
            "PreSignUp": server.functions.add("pre", lambda event: {"autoConfirmUser": True, "autoVerifyEmail": True}),
            "PostConfirmation": server.functions.add("post", lambda event: {}),
        }
        _pool, client = await app(server, triggers)
        answer = await sign_up(server, client)
        assert (answer["UserConfirmed"], "CodeDeliveryDetails" in answer) == (True, False)
        assert [event["triggerSource"] for event in server.functions.events] == ["PreSignUp_SignUp", "PostConfirmation_ConfirmSignUp"]
        assert server.functions.events[1]["request"] == {
            "userAttributes": {
                "sub": answer["UserSub"],
                "cognito:user_status": "CONFIRMED",
                "email_verified": "true",
                "email": "anna@example.com",
            }
        }
        assert await server.messages() == []
        assert "AccessToken" in await server.sign_in(client, "anna")

    async def test_what_is_verified_must_be_there(self, server: TestServer) -> None:
        pool, client = await app(server, {"PreSignUp": server.functions.add("pre", lambda event: {"autoVerifyPhone": True})})
        found = await refusal(server, "SignUp", ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=[EMAIL])
        assert found[0] == "InvalidLambdaResponseException"
        assert (await server.call("ListUsers", UserPoolId=pool))["Users"] == []

    async def test_a_verified_alias_moves_to_the_new_user(self, server: TestServer) -> None:
        """AWS: "the alias will be moved to the new user and the previous user's email will be marked as unverified"."""
        triggers = {"PreSignUp": server.functions.add("pre", lambda event: {"autoConfirmUser": True, "autoVerifyEmail": True})}
        pool, client = await app(server, triggers, AliasAttributes=["email"])
        await sign_up(server, client, "first")
        await sign_up(server, client, "second")
        found = await server.call("AdminGetUser", UserPoolId=pool, Username="anna@example.com")
        assert found["Username"] == "second"

    async def test_an_administrators_user(self, server: TestServer) -> None:
        """The answer is ignored, as AWS documents; the event has no client."""
        pool, _ = await app(server, {"PreSignUp": server.functions.add("pre", lambda event: {"autoConfirmUser": True})})
        members: dict[str, Any] = {"UserAttributes": [EMAIL], "ClientMetadata": {"by": "admin"}, "MessageAction": "SUPPRESS"}
        await server.call("AdminCreateUser", UserPoolId=pool, Username="anna", **members)
        event = server.functions.events[0]
        assert (event["triggerSource"], event["callerContext"]["clientId"]) == ("PreSignUp_AdminCreateUser", "CLIENT_ID_NOT_APPLICABLE")
        assert event["request"]["clientMetadata"] == {"by": "admin"}
        assert await status(server, pool) == "FORCE_CHANGE_PASSWORD"


class TestPostConfirmation:
    async def test_by_code_by_administrator_and_after_a_reset(self, server: TestServer) -> None:
        pool, client = await app(server, {"PostConfirmation": server.functions.add("post", lambda event: {})})
        await sign_up(server, client)
        code = await server.code("anna@example.com")
        await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=code, ClientMetadata={"a": "1"})
        await sign_up(server, client, "bob")
        await server.call("AdminConfirmSignUp", UserPoolId=pool, Username="bob", ClientMetadata={"b": "2"})
        await server.call("ForgotPassword", ClientId=client, Username="anna")
        code = await server.code("anna@example.com")
        await server.call(
            "ConfirmForgotPassword",
            ClientId=client,
            Username="anna",
            ConfirmationCode=code,
            Password="New-Horse-99",
            ClientMetadata={"c": "3"},
        )
        seen = [(event["triggerSource"], event["userName"], event["request"]["clientMetadata"]) for event in server.functions.events]
        assert seen == [
            ("PostConfirmation_ConfirmSignUp", "anna", {"a": "1"}),
            ("PostConfirmation_ConfirmSignUp", "bob", {"b": "2"}),
            ("PostConfirmation_ConfirmForgotPassword", "anna", {"c": "3"}),
        ]
        assert server.functions.events[0]["request"]["userAttributes"]["email_verified"] == "true"
        assert server.functions.events[0]["response"] == {}

    async def test_its_error_is_told_and_the_user_stays_confirmed(self, server: TestServer) -> None:
        pool, client = await app(server, {"PostConfirmation": server.functions.add("post", raises)})
        await sign_up(server, client)
        code = await server.code("anna@example.com")
        with pytest.raises(AwsError) as refused:
            await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=code)
        assert refused.value.message == "PostConfirmation failed with error not today."
        assert await status(server, pool) == "CONFIRMED"
