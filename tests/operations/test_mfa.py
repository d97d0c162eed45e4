"""The second factor at sign-in: which is asked, what is taken, and what no answer gets past."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.kit.mfa import CONTACTS, ON, PREFERRED, anna, answer, enrol, mfa_pool, prefer, set_mfa, totp_code, wrong_code
from tests.kit.server import AwsError, TestServer
from tests.kit.sign_in import WRONG, claims, srp_sign_in


class TestWhichFactor:
    async def test_off_asks_for_none(self, server: TestServer) -> None:
        """Preferences of a time when the pool had MFA do nothing once it is off."""
        pool, client = await anna(server)
        await prefer(server, pool, SMSMfaSettings=PREFERRED)
        await set_mfa(server, pool, "OFF")
        assert "AccessToken" in await server.sign_in(client, "anna")

    async def test_optional_without_a_preference_gives_tokens(self, server: TestServer) -> None:
        """FIDELITY B.3.36."""
        _, client = await anna(server)
        assert "AccessToken" in await server.sign_in(client, "anna")

    async def test_sms(self, server: TestServer) -> None:
        pool, client = await anna(server)
        await prefer(server, pool, SMSMfaSettings=ON)
        asked = await server.sign_in(client, "anna")
        assert asked["ChallengeName"] == "SMS_MFA"
        assert asked["ChallengeParameters"] == {
            "CODE_DELIVERY_DELIVERY_MEDIUM": "SMS",
            "CODE_DELIVERY_DESTINATION": "+*******1234",
            "USER_ID_FOR_SRP": "anna",
        }
        sent = (await server.messages(CONTACTS["phone_number"]))[0]
        assert sent.code is not None and sent.body == f"Text code {sent.code} for anna" and len(sent.code) == 6
        assert "AccessToken" in await answer(server, client, asked, SMS_MFA_CODE=sent.code)

    async def test_email(self, server: TestServer) -> None:
        pool, client = await anna(server)
        await prefer(server, pool, EmailMfaSettings=ON)
        asked = await server.sign_in(client, "anna")
        assert (asked["ChallengeName"], asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"]) == ("EMAIL_OTP", "a***@e***")
        sent = (await server.messages(CONTACTS["email"]))[0]
        assert sent.code is not None and (sent.subject, sent.body) == ("Sign-in code", f"Mail code {sent.code}")
        assert "AccessToken" in await answer(server, client, asked, EMAIL_OTP_CODE=sent.code)

    async def test_a_software_token(self, server: TestServer) -> None:
        pool, client = await anna(server)
        secret = await enrol(server, (await server.sign_in(client, "anna"))["AccessToken"])
        assert "AccessToken" in await server.sign_in(client, "anna"), "enrolled, but not switched on"
        await prefer(server, pool, SoftwareTokenMfaSettings=ON)
        asked = await server.sign_in(client, "anna")
        assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        assert asked["ChallengeParameters"] == {"USER_ID_FOR_SRP": "anna", "FRIENDLY_DEVICE_NAME": "Anna's phone"}
        assert "AccessToken" in await answer(server, client, asked, SOFTWARE_TOKEN_MFA_CODE=totp_code(server, secret))

    async def test_after_srp(self, server: TestServer) -> None:
        pool, client = await anna(server)
        await prefer(server, pool, SMSMfaSettings=ON)
        asked = await srp_sign_in(server, pool, client, "anna")
        assert asked["ChallengeName"] == "SMS_MFA"
        assert "AccessToken" in await answer(server, client, asked, SMS_MFA_CODE=await server.code(CONTACTS["phone_number"]))

    async def test_after_a_new_password(self, server: TestServer) -> None:
        """FIDELITY B.2.26: the temporary password, the new one, then the second factor, and only then tokens."""
        pool, client = await anna(server, "ON", "sms")
        await server.call("AdminSetUserPassword", UserPoolId=pool, Username="anna", Password="Temporary-1", Permanent=False)
        asked = await server.sign_in(client, "anna", "Temporary-1")
        assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
        asked = await answer(server, client, asked, NEW_PASSWORD="Another-Pass-2")
        assert asked["ChallengeName"] == "SMS_MFA"
        assert "AccessToken" in await answer(server, client, asked, SMS_MFA_CODE=await server.code(CONTACTS["phone_number"]))

    async def test_several_are_chosen_from(self, server: TestServer) -> None:
        """SELECT_MFA_TYPE, where none is preferred; the choice must be one of those offered."""
        pool, client = await anna(server)
        await prefer(server, pool, SMSMfaSettings=ON, EmailMfaSettings=ON)
        asked = await server.sign_in(client, "anna")
        assert asked["ChallengeName"] == "SELECT_MFA_TYPE"
        assert json.loads(asked["ChallengeParameters"]["MFAS_CAN_CHOOSE"]) == ["SMS_MFA", "EMAIL_OTP"]
        assert await wrong_code(server, client, asked, ANSWER="SOFTWARE_TOKEN_MFA") == (
            "InvalidParameterException",
            "Invalid MFA type selected.",
        )
        chosen = await answer(server, client, asked, ANSWER="EMAIL_OTP")
        assert chosen["ChallengeName"] == "EMAIL_OTP"
        assert await wrong_code(server, client, asked, ANSWER="SMS_MFA") == (
            "NotAuthorizedException",
            "Invalid session for the user, session can only be used once.",
        )
        assert "AccessToken" in await answer(server, client, chosen, EMAIL_OTP_CODE=await server.code(CONTACTS["email"]))

    async def test_the_preferred_one_is_asked(self, server: TestServer) -> None:
        pool, client = await anna(server)
        await prefer(server, pool, SMSMfaSettings=ON, EmailMfaSettings=PREFERRED)
        assert (await server.sign_in(client, "anna"))["ChallengeName"] == "EMAIL_OTP"

    async def test_required_asks_by_what_the_user_has(self, server: TestServer) -> None:
        """MFA is ON: an address is enough to be asked, no preference needed."""
        _, client = await anna(server, "ON", "sms")
        assert (await server.sign_in(client, "anna"))["ChallengeName"] == "SMS_MFA"

    async def test_a_pool_that_took_a_kind_back_does_not_ask_for_it(self, server: TestServer) -> None:
        pool, client = await anna(server, "OPTIONAL", "sms", "email")
        await prefer(server, pool, SMSMfaSettings=PREFERRED, EmailMfaSettings=ON)
        await set_mfa(server, pool, "OPTIONAL", "email")
        assert (await server.sign_in(client, "anna"))["ChallengeName"] == "EMAIL_OTP"


class TestCodes:
    async def asked_by_sms(self, server: TestServer) -> tuple[str, str, Any]:
        pool, client = await anna(server)
        await prefer(server, pool, SMSMfaSettings=ON)
        return pool, client, await server.sign_in(client, "anna")

    async def test_a_wrong_code_ends_nothing(self, server: TestServer) -> None:
        """FIDELITY B.3.31: six wrong in a row, and the session lives."""
        _, client, asked = await self.asked_by_sms(server)
        code = await server.code(CONTACTS["phone_number"])
        wrong = f"{(int(code) + 1) % 1_000_000:06d}"
        for _ in range(6):
            assert await wrong_code(server, client, asked, SMS_MFA_CODE=wrong) == (
                "CodeMismatchException",
                "Invalid code or auth state for the user.",
            )
        assert "AccessToken" in await answer(server, client, asked, SMS_MFA_CODE=code)

    async def test_guessing_is_bounded_by_user_and_hour(self, server: TestServer) -> None:
        """Twenty wrong codes, in whatever sessions; then not even the right one is taken, until the hour is over."""
        _, client, asked = await self.asked_by_sms(server)
        code = await server.code(CONTACTS["phone_number"])
        wrong = f"{(int(code) + 1) % 1_000_000:06d}"
        for _ in range(10):
            await wrong_code(server, client, asked, SMS_MFA_CODE=wrong)
        again = await server.sign_in(client, "anna")
        second = await server.code(CONTACTS["phone_number"])
        wrong = f"{(int(second) + 1) % 1_000_000:06d}"
        for _ in range(10):
            await wrong_code(server, client, again, SMS_MFA_CODE=wrong)
        over = ("NotAuthorizedException", "Attempt limit exceeded, please try after some time.")
        assert await wrong_code(server, client, again, SMS_MFA_CODE=second) == over
        assert await wrong_code(server, client, asked, SMS_MFA_CODE=code) == over
        server.clock.advance(3_601)
        asked = await server.sign_in(client, "anna")
        assert "AccessToken" in await answer(server, client, asked, SMS_MFA_CODE=await server.code(CONTACTS["phone_number"]))

    async def test_messages_are_bounded(self, server: TestServer) -> None:
        """Who knows the password cannot flood the phone."""
        _, client, _ = await self.asked_by_sms(server)
        for _ in range(49):
            await server.sign_in(client, "anna")
        with pytest.raises(AwsError, match="Attempt limit exceeded") as refused:
            await server.sign_in(client, "anna")
        assert refused.value.code == "TooManyRequestsException"
        assert len(await server.messages(CONTACTS["phone_number"])) == 50

    async def test_a_session_is_used_once(self, server: TestServer) -> None:
        _, client, asked = await self.asked_by_sms(server)
        code = await server.code(CONTACTS["phone_number"])
        await answer(server, client, asked, SMS_MFA_CODE=code)
        assert await wrong_code(server, client, asked, SMS_MFA_CODE=code) == (
            "NotAuthorizedException",
            "Invalid session for the user, session can only be used once.",
        )

    async def test_a_late_answer(self, server: TestServer) -> None:
        _, client, asked = await self.asked_by_sms(server)
        server.clock.advance(181)
        assert await wrong_code(server, client, asked, SMS_MFA_CODE=await server.code(CONTACTS["phone_number"])) == (
            "NotAuthorizedException",
            "Invalid session for the user, session is expired.",
        )

    async def test_a_session_of_another_user_pool_or_client(self, server: TestServer) -> None:
        """A code proves its own sign-in only."""
        pool, client, asked = await self.asked_by_sms(server)
        code = await server.code(CONTACTS["phone_number"])
        other = await server.client(pool)
        invalid = ("NotAuthorizedException", "Invalid session for the user.")
        assert await wrong_code(server, other, asked, SMS_MFA_CODE=code) == invalid
        _, foreign = await anna(server)
        assert await wrong_code(server, foreign, asked, SMS_MFA_CODE=code) == invalid
        await server.user(pool, "bob", email="bob@example.com", phone_number="+15550005678")
        await server.call("AdminSetUserMFAPreference", UserPoolId=pool, Username="bob", SMSMfaSettings=ON)
        bobs = await server.sign_in(client, "bob")
        assert (await wrong_code(server, client, bobs, username="bob", SMS_MFA_CODE=code))[0] == "CodeMismatchException"
        assert await wrong_code(server, client, {**asked, "ChallengeName": "EMAIL_OTP"}, EMAIL_OTP_CODE=code) == invalid
        assert "AccessToken" in await answer(server, client, asked, SMS_MFA_CODE=code)

    async def test_a_session_that_is_no_session(self, server: TestServer) -> None:
        _, client, asked = await self.asked_by_sms(server)
        forged = {**asked, "Session": asked["Session"][:-4] + "AAAA"}
        assert await wrong_code(server, client, forged, SMS_MFA_CODE="123456") == (
            "NotAuthorizedException",
            "Invalid session for the user.",
        )
        with pytest.raises(AwsError, match="Missing required parameter Session"):
            await server.call(
                "RespondToAuthChallenge",
                ClientId=client,
                ChallengeName="SMS_MFA",
                ChallengeResponses={"USERNAME": "anna", "SMS_MFA_CODE": "123456"},
            )

    async def test_a_user_disabled_meanwhile(self, server: TestServer) -> None:
        pool, client, asked = await self.asked_by_sms(server)
        code = await server.code(CONTACTS["phone_number"])
        await server.call("AdminDisableUser", UserPoolId=pool, Username="anna")
        assert await wrong_code(server, client, asked, SMS_MFA_CODE=code) == ("NotAuthorizedException", "User is disabled.")

    async def test_an_address_changed_meanwhile_proves_nothing(self, server: TestServer) -> None:
        pool, client, asked = await self.asked_by_sms(server)
        code = await server.code(CONTACTS["phone_number"])
        changed = [{"Name": "phone_number", "Value": "+15550009999"}]
        await server.call("AdminUpdateUserAttributes", UserPoolId=pool, Username="anna", UserAttributes=changed)
        assert (await wrong_code(server, client, asked, SMS_MFA_CODE=code))[0] == "NotAuthorizedException"

    async def test_the_first_code_verifies_the_address(self, server: TestServer) -> None:
        """AWS: at a user's first MFA their phone number or email is marked as verified. The tokens say so at once."""
        pool, client, asked = await self.asked_by_sms(server)
        result = await answer(server, client, asked, SMS_MFA_CODE=await server.code(CONTACTS["phone_number"]))
        assert claims(result["IdToken"])["phone_number_verified"] is True
        shown = await server.call("AdminGetUser", UserPoolId=pool, Username="anna")
        assert {"Name": "phone_number_verified", "Value": "true"} in shown["UserAttributes"]

    async def test_the_password_alone_opens_nothing(self, server: TestServer) -> None:
        """A wrong password is refused before any code is sent."""
        _, client, _ = await self.asked_by_sms(server)
        with pytest.raises(AwsError, match="Incorrect username or password"):
            await server.sign_in(client, "anna", WRONG)
        assert len(await server.messages(CONTACTS["phone_number"])) == 1


class TestWhoAnswers:
    async def two(self, server: TestServer, **client_members: Any) -> tuple[str, str]:
        """A pool with case-insensitive names and aliases, in which Anna has a second factor; and Ben."""
        pool = await mfa_pool(server, "OPTIONAL", "sms", AliasAttributes=["email"], UsernameConfiguration={"CaseSensitive": False})
        await server.user(pool, "anna", **CONTACTS, email_verified="true")
        await server.user(pool, "ben")
        await prefer(server, pool, SMSMfaSettings=ON)
        return pool, await server.client(pool, **client_members)

    @pytest.mark.parametrize("name", ["ben", "nobody", "anna2"])
    async def test_an_answer_in_the_name_of_another_is_refused(self, server: TestServer, name: str) -> None:
        """The session is Anna's, and stays hers: her own answer is taken afterwards."""
        _, client = await self.two(server)
        asked = await server.sign_in(client, "anna")
        code = await server.code(CONTACTS["phone_number"])
        with pytest.raises(AwsError, match=r"^NotAuthorizedException: Invalid session for the user\.$"):
            await answer(server, client, asked, name, SMS_MFA_CODE=code)
        assert "AccessToken" in await answer(server, client, asked, SMS_MFA_CODE=code)

    @pytest.mark.parametrize("name", ["anna", "ANNA", "anna@example.com", "Anna@Example.com"])
    async def test_each_of_the_users_own_names_will_do(self, server: TestServer, name: str) -> None:
        _, client = await self.two(server)
        asked = await server.sign_in(client, "Anna")
        assert "AccessToken" in await answer(server, client, asked, name, SMS_MFA_CODE=await server.code(CONTACTS["phone_number"]))

    async def test_a_password_changed_meanwhile_ends_the_sign_in(self, server: TestServer) -> None:
        pool, client = await self.two(server)
        asked = await server.sign_in(client, "anna")
        code = await server.code(CONTACTS["phone_number"])
        await server.call("AdminSetUserPassword", UserPoolId=pool, Username="anna", Password="Another-Horse-9", Permanent=True)
        assert await wrong_code(server, client, asked, SMS_MFA_CODE=code) == (
            "NotAuthorizedException",
            "Invalid session for the user.",
        )
