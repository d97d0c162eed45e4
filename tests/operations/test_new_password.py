"""NEW_PASSWORD_REQUIRED, and the challenge sessions that it is answered in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import claims, srp_sign_in


class TestNewPassword:
    async def invited(self, server: TestServer, **pool_members: Any) -> tuple[str, str]:
        pool = await server.pool(**pool_members)
        client = await server.client(pool)
        await server.call(
            "AdminCreateUser",
            UserPoolId=pool,
            Username="anna",
            TemporaryPassword="Temporary-1",
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": "email", "Value": "anna@example.com"}],
        )
        return pool, client

    async def test_is_asked_then_tokens(self, server: TestServer) -> None:
        """FIDELITY B.2.26: attributes as JSON strings, then the new password, then tokens."""
        pool, client = await self.invited(server)
        asked = await server.sign_in(client, "anna", "Temporary-1")
        assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED" and "AuthenticationResult" not in asked
        parameters = asked["ChallengeParameters"]
        assert json.loads(parameters["userAttributes"])["email"] == "anna@example.com"
        assert (parameters["USER_ID_FOR_SRP"], parameters["requiredAttributes"]) == ("anna", "[]")
        answer = {"ClientId": client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": asked["Session"]}
        responses = {"USERNAME": "anna", "NEW_PASSWORD": PASSWORD, "userAttributes.name": "Anna"}
        result = await server.call("RespondToAuthChallenge", **answer, ChallengeResponses=responses)
        assert claims(result["AuthenticationResult"]["IdToken"])["name"] == "Anna"
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="anna"))["UserStatus"] == "CONFIRMED"
        assert "AccessToken" in await server.sign_in(client, "anna")
        with pytest.raises(AwsError, match="session can only be used once"):
            await server.call("RespondToAuthChallenge", **answer, ChallengeResponses={**responses, "NEW_PASSWORD": "Another-Pass-2"})
        assert "AccessToken" in await server.sign_in(client, "anna")

    async def test_by_srp(self, server: TestServer) -> None:
        pool, client = await self.invited(server)
        asked = await srp_sign_in(server, pool, client, "anna", "Temporary-1")
        assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED" and asked["Session"]

    async def test_a_refused_password_leaves_the_session_alive(self, server: TestServer) -> None:
        _, client = await self.invited(server)
        asked = await server.sign_in(client, "anna", "Temporary-1")
        answer = {"ClientId": client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": asked["Session"]}
        with pytest.raises(AwsError) as refused:
            await server.call("RespondToAuthChallenge", **answer, ChallengeResponses={"USERNAME": "anna", "NEW_PASSWORD": "short"})
        assert refused.value.code == "InvalidPasswordException"
        result = await server.call("RespondToAuthChallenge", **answer, ChallengeResponses={"USERNAME": "anna", "NEW_PASSWORD": PASSWORD})
        assert "AccessToken" in result["AuthenticationResult"]

    async def test_required_attributes_must_be_given(self, server: TestServer) -> None:
        _, client = await self.invited(server, Schema=[{"Name": "family_name", "Required": True}])
        asked = await server.sign_in(client, "anna", "Temporary-1")
        assert json.loads(asked["ChallengeParameters"]["requiredAttributes"]) == ["userAttributes.family_name"]
        answer = {"ClientId": client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": asked["Session"]}
        with pytest.raises(AwsError, match="family_name"):
            await server.call("RespondToAuthChallenge", **answer, ChallengeResponses={"USERNAME": "anna", "NEW_PASSWORD": PASSWORD})
        responses = {"USERNAME": "anna", "NEW_PASSWORD": PASSWORD, "userAttributes.family_name": "Ek"}
        assert "AuthenticationResult" in await server.call("RespondToAuthChallenge", **answer, ChallengeResponses=responses)

    @pytest.mark.parametrize(("name", "value"), [("email", "eve@example.com"), ("email", "anna@example.com"), ("email", "")])
    async def test_an_address_that_is_there_is_not_changed(self, server: TestServer, name: str, value: str) -> None:
        """Who has only a temporary password does not move the account to an address of their own; not even to say the same, as live."""
        pool, client = await self.invited(server)
        asked = await server.sign_in(client, "anna", "Temporary-1")
        answer = {"ClientId": client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": asked["Session"]}
        responses = {"USERNAME": "anna", "NEW_PASSWORD": PASSWORD, f"userAttributes.{name}": value}
        with pytest.raises(AwsError) as refused:
            await server.call("RespondToAuthChallenge", **answer, ChallengeResponses=responses)
        assert (refused.value.code, refused.value.message) == ("NotAuthorizedException", f"Cannot modify an already provided {name}")
        user = await server.call("AdminGetUser", UserPoolId=pool, Username="anna")
        assert (user["UserStatus"], {"Name": "email", "Value": "anna@example.com"} in user["UserAttributes"]) == (
            "FORCE_CHANGE_PASSWORD",
            True,
        )

    async def test_a_temporary_password_expires(self, server: TestServer) -> None:
        pool, client = await self.invited(server)
        server.clock.advance(7 * 86_400 + 1)
        for sign_in in (server.sign_in(client, "anna", "Temporary-1"), srp_sign_in(server, pool, client, "anna", "Temporary-1")):
            with pytest.raises(AwsError) as refused:
                await sign_in
            assert refused.value.message == "Temporary password has expired and must be reset by an administrator."

    @pytest.mark.parametrize("wrong", ["garbage" * 5, "late", "foreign"])
    async def test_a_session_that_is_not_good(self, server: TestServer, wrong: str) -> None:
        pool, client = await self.invited(server)
        session = (await server.sign_in(client, "anna", "Temporary-1"))["Session"]
        client = await server.client(pool) if wrong == "foreign" else client
        if wrong == "late":
            server.clock.advance(181)
        with pytest.raises(AwsError) as refused:
            await server.call(
                "RespondToAuthChallenge",
                ClientId=client,
                ChallengeName="NEW_PASSWORD_REQUIRED",
                Session=wrong if wrong.startswith("garbage") else session,
                ChallengeResponses={"USERNAME": "anna", "NEW_PASSWORD": PASSWORD},
            )
        late = "Invalid session for the user, session is expired."
        assert (refused.value.code, refused.value.message) == (
            "NotAuthorizedException",
            late if wrong == "late" else "Invalid session for the user.",
        )


class TestMeanwhile:
    """What an administrator does between the challenge and its answer."""

    async def asked(self, server: TestServer) -> tuple[str, str, dict[str, Any]]:
        pool, client = await TestNewPassword().invited(server)
        asked = await server.sign_in(client, "anna", "Temporary-1")
        return pool, client, {"ClientId": client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": asked["Session"]}

    async def test_a_user_disabled_keeps_the_password(self, server: TestServer) -> None:
        """Refused before anything is written, not after."""
        pool, client, answer = await self.asked(server)
        await server.call("AdminDisableUser", UserPoolId=pool, Username="anna")
        with pytest.raises(AwsError, match=r"^NotAuthorizedException: User is disabled\.$"):
            await server.call(
                "RespondToAuthChallenge", **answer, ChallengeResponses={"USERNAME": "anna", "NEW_PASSWORD": "Somebody-Elses-9"}
            )
        await server.call("AdminEnableUser", UserPoolId=pool, Username="anna")
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="anna"))["UserStatus"] == "FORCE_CHANGE_PASSWORD"
        assert (await server.sign_in(client, "anna", "Temporary-1"))["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    @pytest.mark.parametrize("permanent", [True, False])
    async def test_a_password_set_by_an_administrator_ends_the_sign_in(self, server: TestServer, permanent: bool) -> None:
        """Who knows the old temporary password does not replace the new one with theirs."""
        pool, client, answer = await self.asked(server)
        await server.call("AdminSetUserPassword", UserPoolId=pool, Username="anna", Password=PASSWORD, Permanent=permanent)
        with pytest.raises(AwsError, match=r"^NotAuthorizedException: Invalid session for the user\.$"):
            await server.call(
                "RespondToAuthChallenge", **answer, ChallengeResponses={"USERNAME": "anna", "NEW_PASSWORD": "Somebody-Elses-9"}
            )
        begun = await server.sign_in(client, "anna")
        assert ("AccessToken" in begun) == permanent
