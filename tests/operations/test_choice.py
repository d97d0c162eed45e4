"""USER_AUTH: the user chooses by what to sign in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.mfa import CONTACTS, OWN_SENDER, SMS, answer, set_mfa, wrong_code
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import WRONG, claims, srp_client, srp_responses

VERIFIED = {**CONTACTS, "email_verified": "true", "phone_number_verified": "true"}
ALL = ("PASSWORD", "EMAIL_OTP", "SMS_OTP")
FLOWS = ["ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]


def allowing(*factors: str) -> dict[str, Any]:
    return {"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": list(factors)}}, **SMS, "EmailConfiguration": OWN_SENDER}


async def choice_pool(server: TestServer, *factors: str, **members: Any) -> tuple[str, str]:
    """(pool, client) with a user who has verified contacts and a password."""
    pool = await server.pool(**allowing(*(factors or ALL)), **members)
    await server.user(pool, "anna", **VERIFIED)
    return pool, await server.client(pool, ExplicitAuthFlows=FLOWS, PreventUserExistenceErrors="ENABLED")


async def begin(server: TestServer, client: str, username: str = "anna", **parameters: str) -> Any:
    answered = await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_AUTH", AuthParameters={"USERNAME": username, **parameters})
    return answered.get("AuthenticationResult", answered)


async def passwordless(server: TestServer, pool: str, username: str) -> None:
    pairs = [{"Name": "email", "Value": f"{username}@example.com"}, {"Name": "email_verified", "Value": "true"}]
    made = await server.call("AdminCreateUser", UserPoolId=pool, Username=username, MessageAction="SUPPRESS", UserAttributes=pairs)
    assert made["User"]["UserStatus"] == "CONFIRMED", "FIDELITY B.3.34"


class TestWhatIsOffered:
    async def test_what_pool_and_user_have(self, server: TestServer) -> None:
        pool, client = await choice_pool(server)
        asked = await begin(server, client)
        assert asked["ChallengeName"] == "SELECT_CHALLENGE" and asked["Session"]
        assert asked["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP"]
        await passwordless(server, pool, "bea")
        assert (await begin(server, client, "bea"))["AvailableChallenges"] == ["EMAIL_OTP"]

    async def test_codes_go_to_verified_addresses_only(self, server: TestServer) -> None:
        pool, client = await choice_pool(server)
        await server.user(pool, "bob", email="bob@example.com", phone_number="+15550005678")
        assert (await begin(server, client, "bob"))["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD"]

    async def test_a_temporary_password_comes_first(self, server: TestServer) -> None:
        """FIDELITY B.3.32."""
        pool, client = await choice_pool(server)
        await server.call("AdminSetUserPassword", UserPoolId=pool, Username="anna", Password="Temporary-1", Permanent=False)
        assert (await begin(server, client, PREFERRED_CHALLENGE="EMAIL_OTP"))["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD"]

    async def test_two_factors_cannot_be_cut_to_one(self, server: TestServer) -> None:
        """A user with a second factor signs in with a password and that factor; a mailed code alone does not do."""
        pool, client = await choice_pool(server)
        await set_mfa(server, pool, "OPTIONAL", "sms")
        await server.call("AdminSetUserMFAPreference", UserPoolId=pool, Username="anna", SMSMfaSettings={"Enabled": True})
        asked = await begin(server, client, PREFERRED_CHALLENGE="EMAIL_OTP")
        assert asked["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD"]
        assert (await wrong_code(server, client, asked, ANSWER="EMAIL_OTP"))[0] == "InvalidParameterException"
        asked = await answer(server, client, asked, ANSWER="PASSWORD", PASSWORD=PASSWORD)
        assert asked["ChallengeName"] == "SMS_MFA"
        assert "AccessToken" in await answer(server, client, asked, SMS_MFA_CODE=await server.code(CONTACTS["phone_number"]))

    async def test_by_default_passwords_only(self, server: TestServer) -> None:
        pool = await server.pool()
        await server.user(pool, "anna", **VERIFIED)
        client = await server.client(pool, ExplicitAuthFlows=FLOWS)
        assert (await begin(server, client))["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD"]

    async def test_the_client_must_allow_it(self, server: TestServer) -> None:
        pool, _ = await choice_pool(server)
        with pytest.raises(AwsError, match="Auth flow not enabled for this client"):
            await begin(server, await server.client(pool))

    async def test_shown_to_user_and_administrator(self, server: TestServer) -> None:
        pool, client = await choice_pool(server)
        token = (await begin(server, client, PREFERRED_CHALLENGE="PASSWORD", PASSWORD=PASSWORD))["AccessToken"]
        expected = {"Username": "anna", "ConfiguredUserAuthFactors": ["PASSWORD", "EMAIL_OTP", "SMS_OTP"]}
        assert await server.call("GetUserAuthFactors", AccessToken=token) == expected
        assert await server.call("AdminGetUserAuthFactors", UserPoolId=pool, Username="anna") == expected
        await server.call("AdminUpdateUserAttributes", UserPoolId=pool, Username="anna", UserAttributes=[{"Name": "email", "Value": ""}])
        shown = await server.call("AdminGetUserAuthFactors", UserPoolId=pool, Username="anna")
        assert shown["ConfiguredUserAuthFactors"] == ["PASSWORD", "SMS_OTP"]


class TestPasswords:
    async def test_preferred_and_sent_at_once(self, server: TestServer) -> None:
        _, client = await choice_pool(server)
        assert "AccessToken" in await begin(server, client, PREFERRED_CHALLENGE="PASSWORD", PASSWORD=PASSWORD)
        with pytest.raises(AwsError, match="Incorrect username or password"):
            await begin(server, client, PREFERRED_CHALLENGE="PASSWORD", PASSWORD=WRONG)

    async def test_preferred_and_asked(self, server: TestServer) -> None:
        _, client = await choice_pool(server)
        asked = await begin(server, client, PREFERRED_CHALLENGE="PASSWORD")
        assert (asked["ChallengeName"], asked["AvailableChallenges"]) == ("PASSWORD", ["PASSWORD"])
        assert "AccessToken" in await answer(server, client, asked, PASSWORD=PASSWORD)

    async def test_chosen(self, server: TestServer) -> None:
        _, client = await choice_pool(server)
        asked = await begin(server, client)
        assert "AccessToken" in await answer(server, client, asked, ANSWER="PASSWORD", PASSWORD=PASSWORD)
        once = ("NotAuthorizedException", "Invalid session for the user, session can only be used once.")
        assert await wrong_code(server, client, asked, ANSWER="PASSWORD", PASSWORD=PASSWORD) == once

    @pytest.mark.parametrize("way", ["preferred", "preferred, then asked", "chosen"])
    async def test_by_srp(self, server: TestServer, way: str) -> None:
        pool, client = await choice_pool(server)
        srp = srp_client(pool)
        if way == "preferred":
            asked = await begin(server, client, PREFERRED_CHALLENGE="PASSWORD_SRP", SRP_A=srp.srp_a)
        elif way == "chosen":
            asked = await answer(server, client, await begin(server, client), ANSWER="PASSWORD_SRP", SRP_A=srp.srp_a)
        else:
            chosen = await begin(server, client, PREFERRED_CHALLENGE="PASSWORD_SRP")
            assert chosen["ChallengeName"] == "PASSWORD_SRP"
            asked = await answer(server, client, chosen, SRP_A=srp.srp_a)
        assert asked["ChallengeName"] == "PASSWORD_VERIFIER"
        responses = srp_responses(server, srp, asked["ChallengeParameters"])
        result = await server.call(
            "RespondToAuthChallenge", ClientId=client, ChallengeName="PASSWORD_VERIFIER", ChallengeResponses=responses
        )
        assert "AccessToken" in result["AuthenticationResult"]

    async def test_wrong_ones_count_towards_the_lockout(self, server: TestServer) -> None:
        _, client = await choice_pool(server)
        for _ in range(5):
            asked = await begin(server, client)
            assert (await wrong_code(server, client, asked, ANSWER="PASSWORD", PASSWORD=WRONG))[1] == "Incorrect username or password."
        with pytest.raises(AwsError, match="Password attempts exceeded"):
            await begin(server, client, PREFERRED_CHALLENGE="PASSWORD", PASSWORD=PASSWORD)


class TestCodes:
    async def test_mailed(self, server: TestServer) -> None:
        """FIDELITY B.3.30: the challenge itself, one available, a masked address, eight digits."""
        _, client = await choice_pool(server)
        asked = await begin(server, client, PREFERRED_CHALLENGE="EMAIL_OTP")
        assert (asked["ChallengeName"], asked["AvailableChallenges"]) == ("EMAIL_OTP", ["EMAIL_OTP"])
        assert asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"] == "a***@e***"
        code = await server.code(CONTACTS["email"])
        assert len(code) == 8
        assert "AccessToken" in await answer(server, client, asked, EMAIL_OTP_CODE=code)
        assert (await wrong_code(server, client, asked, EMAIL_OTP_CODE=code))[1].endswith("session can only be used once.")

    async def test_texted_after_a_choice(self, server: TestServer) -> None:
        _, client = await choice_pool(server)
        asked = await answer(server, client, await begin(server, client), ANSWER="SMS_OTP")
        assert (asked["ChallengeName"], asked["ChallengeParameters"]["CODE_DELIVERY_DELIVERY_MEDIUM"]) == ("SMS_OTP", "SMS")
        assert "AccessToken" in await answer(server, client, asked, SMS_OTP_CODE=await server.code(CONTACTS["phone_number"]))

    async def test_a_user_without_a_password(self, server: TestServer) -> None:
        pool, client = await choice_pool(server, "PASSWORD", "EMAIL_OTP")
        await passwordless(server, pool, "bea")
        asked = await begin(server, client, "bea", PREFERRED_CHALLENGE="EMAIL_OTP")
        result = await answer(server, client, asked, "bea", EMAIL_OTP_CODE=await server.code("bea@example.com"))
        assert claims(result["IdToken"])["email"] == "bea@example.com"

    async def test_nobody_is_asked_in_the_same_form(self, server: TestServer) -> None:
        """FIDELITY B.3.33: no message is sent, every code is wrong."""
        _, client = await choice_pool(server)
        asked = await begin(server, client, "nobody@example.com", PREFERRED_CHALLENGE="EMAIL_OTP")
        assert (asked["ChallengeName"], asked["AvailableChallenges"]) == ("EMAIL_OTP", ["EMAIL_OTP"])
        assert asked["ChallengeParameters"].keys() == {"CODE_DELIVERY_DELIVERY_MEDIUM", "CODE_DELIVERY_DESTINATION", "USER_ID_FOR_SRP"}
        assert await server.messages() == []
        with pytest.raises(AwsError) as refused:
            await answer(server, client, asked, "nobody@example.com", EMAIL_OTP_CODE="12345678")
        assert (refused.value.code, refused.value.message) == ("CodeMismatchException", "Invalid code or auth state for the user.")
        chosen = await begin(server, client, "nobody@example.com")
        assert chosen["AvailableChallenges"] == (await begin(server, client))["AvailableChallenges"]

    async def test_a_name_that_no_user_could_have(self, server: TestServer) -> None:
        """The Session of whoever it is can be sent back: SessionType has at most 4,096 characters."""
        _, client = await choice_pool(server)
        asked = await begin(server, client, "n" * 5_000, PREFERRED_CHALLENGE="EMAIL_OTP")
        assert len(asked["Session"]) <= 4_096
        with pytest.raises(AwsError) as refused:
            await answer(server, client, asked, "n" * 5_000, EMAIL_OTP_CODE="12345678")
        assert refused.value.code in {"NotAuthorizedException", "CodeMismatchException"}

    async def test_nobody_is_named_where_users_are_not_hidden(self, server: TestServer) -> None:
        pool, _ = await choice_pool(server)
        client = await server.client(pool, ExplicitAuthFlows=FLOWS, PreventUserExistenceErrors="LEGACY")
        with pytest.raises(AwsError, match="User does not exist"):
            await begin(server, client, "nobody", PREFERRED_CHALLENGE="EMAIL_OTP")

    async def test_one_code_is_not_another(self, server: TestServer) -> None:
        """The session of a choice is none of a code, and a mailed code does not answer for the phone."""
        _, client = await choice_pool(server)
        chosen = await begin(server, client)
        mailed = await begin(server, client, PREFERRED_CHALLENGE="EMAIL_OTP")
        code = await server.code(CONTACTS["email"])
        invalid = ("NotAuthorizedException", "Invalid session for the user.")
        assert await wrong_code(server, client, {**chosen, "ChallengeName": "EMAIL_OTP"}, EMAIL_OTP_CODE=code) == invalid
        assert await wrong_code(server, client, {**mailed, "ChallengeName": "SMS_OTP"}, SMS_OTP_CODE=code) == invalid
        assert await wrong_code(server, client, {**mailed, "ChallengeName": "SMS_MFA"}, SMS_MFA_CODE=code) == invalid


class TestSignUpThatGoesOn:
    async def signed_up(self, server: TestServer, **members: Any) -> tuple[str, str, Any]:
        pool = await server.pool(**allowing(*ALL), AutoVerifiedAttributes=["email"])
        client = await server.client(pool, ExplicitAuthFlows=FLOWS)
        made = await server.call(
            "SignUp", ClientId=client, Username="carl", UserAttributes=[{"Name": "email", "Value": "carl@example.com"}], **members
        )
        return pool, client, made

    async def go_on(self, server: TestServer, client: str, session: str, username: str = "carl") -> Any:
        return await server.call(
            "InitiateAuth", ClientId=client, AuthFlow="USER_AUTH", AuthParameters={"USERNAME": username}, Session=session
        )

    async def test_without_a_password(self, server: TestServer) -> None:
        """The code that confirmed the account is the first factor: no second code, no password."""
        _, client, made = await self.signed_up(server)
        code = await server.code("carl@example.com")
        confirmed = await server.call("ConfirmSignUp", ClientId=client, Username="carl", ConfirmationCode=code, Session=made["Session"])
        result = await self.go_on(server, client, confirmed["Session"])
        assert claims(result["AuthenticationResult"]["IdToken"])["email_verified"] is True
        with pytest.raises(AwsError, match="session can only be used once"):
            await self.go_on(server, client, confirmed["Session"])

    async def test_the_session_of_sign_up_proves_nothing(self, server: TestServer) -> None:
        _, client, made = await self.signed_up(server, Password=PASSWORD)
        invalid = ("NotAuthorizedException", "Invalid session for the user.")
        with pytest.raises(AwsError) as refused:
            await self.go_on(server, client, made["Session"])
        assert (refused.value.code, refused.value.message) == invalid

    async def test_another_users_session(self, server: TestServer) -> None:
        """Neither to confirm with nor to sign in with; the code is not spent by the try."""
        pool, client, made = await self.signed_up(server)
        await server.user(pool, "anna", **VERIFIED)
        await server.call("SignUp", ClientId=client, Username="dora", UserAttributes=[{"Name": "email", "Value": "dora@example.com"}])
        code = await server.code("dora@example.com")
        invalid = ("NotAuthorizedException", "Invalid session for the user.")
        members = {"ClientId": client, "Username": "dora", "ConfirmationCode": code}
        assert await refusal(server, "ConfirmSignUp", **members, Session=made["Session"]) == invalid
        confirmed = await server.call(
            "ConfirmSignUp",
            ClientId=client,
            Username="carl",
            ConfirmationCode=await server.code("carl@example.com"),
            Session=made["Session"],
        )
        with pytest.raises(AwsError) as refused:
            await self.go_on(server, client, confirmed["Session"], "anna")
        assert (refused.value.code, refused.value.message) == invalid
        assert await server.call("ConfirmSignUp", **members) == {}

    async def test_late(self, server: TestServer) -> None:
        _, client, made = await self.signed_up(server)
        code = await server.code("carl@example.com")
        confirmed = await server.call("ConfirmSignUp", ClientId=client, Username="carl", ConfirmationCode=code, Session=made["Session"])
        server.clock.advance(181)
        with pytest.raises(AwsError, match="session is expired"):
            await self.go_on(server, client, confirmed["Session"])

    async def test_no_session_without_the_flow(self, server: TestServer) -> None:
        pool = await server.pool(AutoVerifiedAttributes=["email"])
        client = await server.client(pool)
        made = await server.call("SignUp", ClientId=client, Username="carl", Password=PASSWORD)
        assert "Session" not in made

    async def test_a_password_where_nothing_else_would_do(self, server: TestServer) -> None:
        """No code could reach the user, so there must be a password."""
        pool = await server.pool(**allowing(*ALL))
        client = await server.client(pool, ExplicitAuthFlows=FLOWS)
        assert await refusal(server, "SignUp", ClientId=client, Username="carl") == (
            "InvalidPasswordException",
            "Password did not conform with policy: Password not long enough",
        )
