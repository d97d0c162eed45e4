"""Authenticator apps: set up by a signed-in user or within a sign-in, asked at sign-in, taken away by an administrator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.kit.mfa import CONTACTS, ON, PREFERRED, anna, answer, enrol, mfa_pool, prefer, set_mfa, totp_code, wrong_code
from tests.kit.refusal import refusal
from tests.kit.server import TestServer


class TestSoftwareTokens:
    async def enrolled(self, server: TestServer) -> tuple[str, str, str, str]:
        """(pool, client, access token, secret)"""
        pool, client = await anna(server)
        token = (await server.sign_in(client, "anna"))["AccessToken"]
        secret = await enrol(server, token)
        await prefer(server, pool, SoftwareTokenMfaSettings=PREFERRED)
        return pool, client, token, secret

    async def test_a_code_is_taken_once(self, server: TestServer) -> None:
        """FIDELITY B.3.35; also across sign-ins."""
        _, client, _, secret = await self.enrolled(server)
        first, second = await server.sign_in(client, "anna"), await server.sign_in(client, "anna")
        code = totp_code(server, secret)
        assert "AccessToken" in await answer(server, client, first, SOFTWARE_TOKEN_MFA_CODE=code)
        assert await wrong_code(server, client, second, SOFTWARE_TOKEN_MFA_CODE=code) == (
            "ExpiredCodeException",
            "Your software token has already been used once.",
        )
        later = totp_code(server, secret, 1)
        assert "AccessToken" in await answer(server, client, second, SOFTWARE_TOKEN_MFA_CODE=later)

    async def test_the_code_that_enrolled_is_used_up(self, server: TestServer) -> None:
        pool, client = await anna(server)
        token = (await server.sign_in(client, "anna"))["AccessToken"]
        secret = (await server.call("AssociateSoftwareToken", AccessToken=token))["SecretCode"]
        code = totp_code(server, secret)
        await server.call("VerifySoftwareToken", AccessToken=token, UserCode=code)
        await prefer(server, pool, SoftwareTokenMfaSettings=ON)
        asked = await server.sign_in(client, "anna")
        assert (await wrong_code(server, client, asked, SOFTWARE_TOKEN_MFA_CODE=code))[0] == "ExpiredCodeException"

    async def test_wrong_and_late_codes(self, server: TestServer) -> None:
        """Half a minute early or late is taken, more is not; a wrong one is counted as codes are."""
        _, client, _, secret = await self.enrolled(server)
        server.clock.advance(60)
        asked = await server.sign_in(client, "anna")
        wrong = ("CodeMismatchException", "Invalid code received for user")
        for code in (totp_code(server, secret, -2), totp_code(server, secret, 2), "", "12345", "abcdef", "١٢٣٤٥٦", "1" * 1000):
            expected = wrong if code else ("InvalidParameterException", "Missing required parameter SOFTWARE_TOKEN_MFA_CODE")
            assert await wrong_code(server, client, asked, SOFTWARE_TOKEN_MFA_CODE=code) == expected
        assert "AccessToken" in await answer(server, client, asked, SOFTWARE_TOKEN_MFA_CODE=totp_code(server, secret, -1))

    async def test_guessing_is_bounded(self, server: TestServer) -> None:
        _, client, _, secret = await self.enrolled(server)
        asked = await server.sign_in(client, "anna")
        wrong = f"{(int(totp_code(server, secret, 5)) + 1) % 1_000_000:06d}"
        for _ in range(20):
            await wrong_code(server, client, asked, SOFTWARE_TOKEN_MFA_CODE=wrong)
        assert await wrong_code(server, client, asked, SOFTWARE_TOKEN_MFA_CODE=totp_code(server, secret)) == (
            "NotAuthorizedException",
            "Attempt limit exceeded, please try after some time.",
        )

    async def test_a_wrong_code_enrols_nothing(self, server: TestServer) -> None:
        pool, client = await anna(server)
        token = (await server.sign_in(client, "anna"))["AccessToken"]
        secret = (await server.call("AssociateSoftwareToken", AccessToken=token))["SecretCode"]
        wrong = f"{(int(totp_code(server, secret, 9)) + 1) % 1_000_000:06d}"
        assert await refusal(server, "VerifySoftwareToken", AccessToken=token, UserCode=wrong) == (
            "EnableSoftwareTokenMFAException",
            "Code mismatch",
        )
        assert await refusal(server, "AdminSetUserMFAPreference", UserPoolId=pool, Username="anna", SoftwareTokenMfaSettings=ON) == (
            "InvalidParameterException",
            "User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA",
        )

    async def test_a_second_app_replaces_the_first_only_once_proved(self, server: TestServer) -> None:
        _, client, token, secret = await self.enrolled(server)
        newer = (await server.call("AssociateSoftwareToken", AccessToken=token))["SecretCode"]
        asked = await server.sign_in(client, "anna")
        assert "AccessToken" in await answer(server, client, asked, SOFTWARE_TOKEN_MFA_CODE=totp_code(server, secret))
        server.clock.advance(60)
        await server.call("VerifySoftwareToken", AccessToken=token, UserCode=totp_code(server, newer))
        server.clock.advance(60)
        asked = await server.sign_in(client, "anna")
        assert (await wrong_code(server, client, asked, SOFTWARE_TOKEN_MFA_CODE=totp_code(server, secret)))[0] == "CodeMismatchException"
        assert "AccessToken" in await answer(server, client, asked, SOFTWARE_TOKEN_MFA_CODE=totp_code(server, newer))

    async def test_deleted_by_an_administrator(self, server: TestServer) -> None:
        pool, client, token, _ = await self.enrolled(server)
        await server.call("AdminDeleteSoftwareToken", UserPoolId=pool, Username="anna")
        assert "UserMFASettingList" not in await server.call("AdminGetUser", UserPoolId=pool, Username="anna")
        assert "AccessToken" in await server.sign_in(client, "anna")
        assert (await refusal(server, "VerifySoftwareToken", AccessToken=token, UserCode="123456"))[
            0
        ] == "SoftwareTokenMFANotFoundException"

    async def test_a_pool_without_them(self, server: TestServer) -> None:
        _, client = await anna(server, "OPTIONAL", "sms")
        token = (await server.sign_in(client, "anna"))["AccessToken"]
        assert await refusal(server, "AssociateSoftwareToken", AccessToken=token) == (
            "SoftwareTokenMFANotFoundException",
            "Software Token MFA has not been enabled by the userPool.",
        )

    async def test_an_access_token_or_a_session(self, server: TestServer) -> None:
        """One of them, not both and not neither; no forged ones."""
        _, client = await anna(server)
        token = (await server.sign_in(client, "anna"))["AccessToken"]
        for operation, more in (("AssociateSoftwareToken", {}), ("VerifySoftwareToken", {"UserCode": "123456"})):
            assert (await refusal(server, operation, **more))[0] == "InvalidParameterException"
            assert (await refusal(server, operation, AccessToken=token, Session="x" * 20, **more))[0] == "InvalidParameterException"
            assert (await refusal(server, operation, Session="x" * 20, **more))[0] == "NotAuthorizedException"
            assert (await refusal(server, operation, AccessToken="x.y.z", **more))[0] == "NotAuthorizedException"

    async def test_the_secret_is_sealed(self, server: TestServer) -> None:
        """Whoever reads the database cannot compute codes."""
        pool, _, _, secret = await self.enrolled(server)
        found = await server.store.engine.rows("SELECT factors FROM users WHERE pool_id = $1", pool)
        assert found and secret not in found[0][0]


class TestMfaSetup:
    """The pool requires MFA and the user has nothing to be asked by (FIDELITY B.3.36)."""

    async def bare(self, server: TestServer, *kinds: str, **attributes: str) -> tuple[str, str, Any]:
        pool = await mfa_pool(server, "ON", *kinds)
        await server.user(pool, "anna", **attributes)
        client = await server.client(pool)
        return pool, client, await server.sign_in(client, "anna")

    async def test_within_the_sign_in(self, server: TestServer) -> None:
        pool, client, asked = await self.bare(server)
        assert asked["ChallengeName"] == "MFA_SETUP"
        assert json.loads(asked["ChallengeParameters"]["MFAS_CAN_SETUP"]) == ["SMS_MFA", "EMAIL_OTP", "SOFTWARE_TOKEN_MFA"]
        given = await server.call("AssociateSoftwareToken", Session=asked["Session"])
        assert given["Session"] != asked["Session"]
        verified = await server.call("VerifySoftwareToken", Session=given["Session"], UserCode=totp_code(server, given["SecretCode"]))
        assert verified["Status"] == "SUCCESS"
        result = await answer(server, client, {**asked, "Session": verified["Session"]})
        assert "AccessToken" in result
        shown = await server.call("AdminGetUser", UserPoolId=pool, Username="anna")
        assert (shown["UserMFASettingList"], shown["PreferredMfaSetting"]) == (["SOFTWARE_TOKEN_MFA"], "SOFTWARE_TOKEN_MFA")
        server.clock.advance(30)
        asked = await server.sign_in(client, "anna")
        assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"

    async def test_a_factor_that_the_pool_gave_up_does_not_stand_in_the_way(self, server: TestServer) -> None:
        """Who had text messages only, in a pool that now knows apps only, sets up an app, and is not locked out for ever."""
        pool = await mfa_pool(server, "OPTIONAL")
        await server.user(pool, "anna", **CONTACTS)
        client = await server.client(pool)
        await prefer(server, pool, SMSMfaSettings=PREFERRED)
        await set_mfa(server, pool, "ON", "totp")
        asked = await server.sign_in(client, "anna")
        assert asked["ChallengeName"] == "MFA_SETUP"
        given = await server.call("AssociateSoftwareToken", Session=asked["Session"])
        verified = await server.call("VerifySoftwareToken", Session=given["Session"], UserCode=totp_code(server, given["SecretCode"]))
        assert "AccessToken" in await answer(server, client, {**asked, "Session": verified["Session"]})
        server.clock.advance(30)
        assert (await server.sign_in(client, "anna"))["ChallengeName"] == "SOFTWARE_TOKEN_MFA"

    @pytest.mark.parametrize("operation", ["AdminResetUserPassword", "AdminSetUserPassword"])
    async def test_a_password_that_was_taken_away_sets_nothing_up(self, server: TestServer, operation: str) -> None:
        """Who is in the middle of a sign-in by the old password must not leave their own app behind."""
        pool, _, asked = await self.bare(server, "totp", email=CONTACTS["email"], email_verified="true")
        members: dict[str, Any] = {"Password": "Another-Horse-9", "Permanent": True} if operation == "AdminSetUserPassword" else {}
        given = await server.call("AssociateSoftwareToken", Session=asked["Session"])
        await server.call(operation, UserPoolId=pool, Username="anna", **members)
        code = totp_code(server, given["SecretCode"])
        invalid = ("NotAuthorizedException", "Invalid session for the user.")
        assert await refusal(server, "VerifySoftwareToken", Session=given["Session"], UserCode=code) == invalid
        assert "UserMFASettingList" not in await server.call("AdminGetUser", UserPoolId=pool, Username="anna")

    async def test_cannot_be_skipped(self, server: TestServer) -> None:
        """Nothing set up, a secret without a code, a wrong code: no tokens."""
        _, client, asked = await self.bare(server, "totp")
        nothing = ("InvalidParameterException", "The user has not set up a multi-factor authentication method.")
        assert await wrong_code(server, client, asked) == nothing
        given = await server.call("AssociateSoftwareToken", Session=asked["Session"])
        assert await wrong_code(server, client, {**asked, "Session": given["Session"]}) == nothing
        wrong = f"{(int(totp_code(server, given['SecretCode'], 9)) + 1) % 1_000_000:06d}"
        assert await refusal(server, "VerifySoftwareToken", Session=given["Session"], UserCode=wrong) == (
            "EnableSoftwareTokenMFAException",
            "Code mismatch",
        )

    async def test_sessions_are_used_once(self, server: TestServer) -> None:
        _, client, asked = await self.bare(server, "totp")
        given = await server.call("AssociateSoftwareToken", Session=asked["Session"])
        once = ("NotAuthorizedException", "Invalid session for the user, session can only be used once.")
        assert await refusal(server, "AssociateSoftwareToken", Session=asked["Session"]) == once
        code = totp_code(server, given["SecretCode"])
        verified = await server.call("VerifySoftwareToken", Session=given["Session"], UserCode=code)
        assert await refusal(server, "VerifySoftwareToken", Session=given["Session"], UserCode=code) == once
        await answer(server, client, {**asked, "Session": verified["Session"]})
        assert await wrong_code(server, client, {**asked, "Session": verified["Session"]}) == once

    async def test_does_not_replace_what_was_set_up_meanwhile(self, server: TestServer) -> None:
        """Somebody who knows the password keeps a session from before the user set up their own app: it must not take the app's place."""
        _, client, thief = await self.bare(server, "totp")
        stolen = await server.call("AssociateSoftwareToken", Session=thief["Session"])
        mine = await server.sign_in(client, "anna")
        given = await server.call("AssociateSoftwareToken", Session=mine["Session"])
        await server.call("VerifySoftwareToken", Session=given["Session"], UserCode=totp_code(server, given["SecretCode"]))
        server.clock.advance(30)
        assert await refusal(
            server, "VerifySoftwareToken", Session=stolen["Session"], UserCode=totp_code(server, stolen["SecretCode"])
        ) == ("NotAuthorizedException", "Invalid session for the user.")
        asked = await server.sign_in(client, "anna")
        assert "AccessToken" in await answer(server, client, asked, SOFTWARE_TOKEN_MFA_CODE=totp_code(server, given["SecretCode"]))

    async def test_a_session_of_another_challenge(self, server: TestServer) -> None:
        """The session of an MFA challenge does not open the way around it."""
        pool, client = await anna(server)
        await prefer(server, pool, SMSMfaSettings=ON)
        asked = await server.sign_in(client, "anna")
        assert await refusal(server, "AssociateSoftwareToken", Session=asked["Session"]) == (
            "NotAuthorizedException",
            "Invalid session for the user.",
        )
