"""Which second factors a user has switched on: set by the user or an administrator, in the new way and the old."""

from __future__ import annotations

from typing import Any

from tests.kit.mfa import CONTACTS, ON, PREFERRED, anna, mfa_pool, prefer
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, TestServer


class TestPreferences:
    async def test_are_shown(self, server: TestServer) -> None:
        """In every operation that shows them; absent, not empty, when unset (FIDELITY B.3.36)."""
        pool, client = await anna(server)
        token = (await server.sign_in(client, "anna"))["AccessToken"]
        unset = await server.call("GetUser", AccessToken=token)
        assert not {"UserMFASettingList", "PreferredMfaSetting", "MFAOptions"} & unset.keys()
        await server.call("SetUserMFAPreference", AccessToken=token, SMSMfaSettings=PREFERRED, EmailMfaSettings=ON)
        for shown in (
            await server.call("GetUser", AccessToken=token),
            await server.call("AdminGetUser", UserPoolId=pool, Username="anna"),
        ):
            assert (shown["UserMFASettingList"], shown["PreferredMfaSetting"]) == (["SMS_MFA", "EMAIL_OTP"], "SMS_MFA")
        await server.call("SetUserMFAPreference", AccessToken=token, EmailMfaSettings=PREFERRED)
        assert (await server.call("GetUser", AccessToken=token))["PreferredMfaSetting"] == "EMAIL_OTP"
        await server.call("SetUserMFAPreference", AccessToken=token, EmailMfaSettings={"Enabled": False})
        shown = await server.call("GetUser", AccessToken=token)
        assert (shown["UserMFASettingList"], shown.get("PreferredMfaSetting")) == (["SMS_MFA"], None)
        await server.call("SetUserMFAPreference", AccessToken=token, SMSMfaSettings={"Enabled": False})
        assert not {"UserMFASettingList", "PreferredMfaSetting"} & (await server.call("GetUser", AccessToken=token)).keys()
        assert "AccessToken" in await server.sign_in(client, "anna")

    async def test_need_what_they_ask_for(self, server: TestServer) -> None:
        pool = await mfa_pool(server)
        await server.user(pool, "anna")
        for member, challenge in (
            ("SMSMfaSettings", "SMS_MFA"),
            ("EmailMfaSettings", "EMAIL_OTP"),
            ("SoftwareTokenMfaSettings", "SOFTWARE_TOKEN_MFA"),
        ):
            assert await refusal(server, "AdminSetUserMFAPreference", UserPoolId=pool, Username="anna", **{member: ON}) == (
                "InvalidParameterException",
                f"User does not have delivery config set to turn on {challenge}",
            )

    async def test_that_contradict_each_other(self, server: TestServer) -> None:
        pool, _ = await anna(server)
        for settings in (
            {"SMSMfaSettings": PREFERRED, "EmailMfaSettings": PREFERRED},
            {"SMSMfaSettings": {"Enabled": False, "PreferredMfa": True}},
            {"WebAuthnMfaSettings": ON, "SMSMfaSettings": ON},
        ):
            code, _ = await refusal(server, "AdminSetUserMFAPreference", UserPoolId=pool, Username="anna", **settings)
            assert code == "InvalidParameterException"
        assert "UserMFASettingList" not in await server.call("AdminGetUser", UserPoolId=pool, Username="anna")

    async def test_of_nobody(self, server: TestServer) -> None:
        pool = await mfa_pool(server)
        cases: list[tuple[str, dict[str, Any]]] = [
            ("AdminSetUserMFAPreference", {}),
            ("AdminSetUserSettings", {"MFAOptions": []}),
            ("AdminDeleteSoftwareToken", {}),
        ]
        for operation, members in cases:
            assert await refusal(server, operation, UserPoolId=pool, Username="nobody", **members) == (
                "UserNotFoundException",
                "User does not exist.",
            )

    async def test_the_old_pair(self, server: TestServer) -> None:
        """SetUserSettings and AdminSetUserSettings know text messages only."""
        pool, client = await anna(server)
        token = (await server.sign_in(client, "anna"))["AccessToken"]
        option = {"DeliveryMedium": "SMS", "AttributeName": "phone_number"}
        await server.call("SetUserSettings", AccessToken=token, MFAOptions=[option])
        assert (await server.call("GetUser", AccessToken=token))["MFAOptions"] == [option]
        assert (await server.sign_in(client, "anna"))["ChallengeName"] == "SMS_MFA"
        await server.call("AdminSetUserSettings", UserPoolId=pool, Username="anna", MFAOptions=[])
        assert "MFAOptions" not in await server.call("AdminGetUser", UserPoolId=pool, Username="anna")
        assert "AccessToken" in await server.sign_in(client, "anna")
        wrong = [{"DeliveryMedium": "EMAIL", "AttributeName": "email"}]
        assert (await refusal(server, "SetUserSettings", AccessToken=token, MFAOptions=wrong))[0] == "InvalidParameterException"

    async def test_a_second_factor_does_not_recover_the_password(self, server: TestServer) -> None:
        """Where the pool orders its recovery, a phone that is the second factor is passed over (AccountRecoverySettingType)."""
        order = [{"Name": "verified_phone_number", "Priority": 1}, {"Name": "verified_email", "Priority": 2}]
        pool = await mfa_pool(server, AccountRecoverySetting={"RecoveryMechanisms": order})
        await server.user(pool, "anna", **CONTACTS, email_verified="true", phone_number_verified="true")
        client = await server.client(pool)
        sent = await server.call("ForgotPassword", ClientId=client, Username="anna")
        assert sent["CodeDeliveryDetails"]["DeliveryMedium"] == "SMS"
        await prefer(server, pool, SMSMfaSettings=ON)
        sent = await server.call("ForgotPassword", ClientId=client, Username="anna")
        assert sent["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"

    async def test_a_new_password_keeps_the_second_factor(self, server: TestServer) -> None:
        pool, client = await anna(server)
        await prefer(server, pool, SMSMfaSettings=ON)
        await server.call("AdminSetUserPassword", UserPoolId=pool, Username="anna", Password=PASSWORD + "x", Permanent=True)
        assert (await server.sign_in(client, "anna", PASSWORD + "x"))["ChallengeName"] == "SMS_MFA"
