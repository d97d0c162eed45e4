"""A pool's MFA and passkey settings. Texts: FIDELITY B.9.70, measured."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.refusal import refusal
from tests.kit.server import TestServer

SMS: dict[str, Any] = {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms", "ExternalId": "x"}
OWN_SENDER: dict[str, Any] = {"EmailSendingAccount": "DEVELOPER", "SourceArn": "arn:aws:ses:us-east-1:000000000000:identity/a@example.com"}
TOTP: dict[str, Any] = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
PASSKEYS: dict[str, Any] = {"RelyingPartyId": "example.com", "UserVerification": "required"}


def factors(*allowed: str) -> dict[str, Any]:
    return {"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": list(allowed)}}}


async def config(server: TestServer, pool: str) -> Any:
    return await server.call("GetUserPoolMfaConfig", UserPoolId=pool)


async def state(server: TestServer, pool: str) -> Any:
    return (await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]["MfaConfiguration"]


class TestGetUserPoolMfaConfig:
    async def test_a_new_pool_has_none(self, server: TestServer) -> None:
        """Unset blocks are absent."""
        assert await config(server, await server.pool()) == {"MfaConfiguration": "OFF"}

    async def test_what_create_user_pool_stands_for(self, server: TestServer) -> None:
        """CreateUserPool supports only SMS MFA."""
        pool = await server.pool(MfaConfiguration="OPTIONAL", SmsConfiguration=SMS, SmsAuthenticationMessage="Code: {####}")
        sms = {"SmsAuthenticationMessage": "Code: {####}", "SmsConfiguration": SMS}
        assert await config(server, pool) == {"MfaConfiguration": "OPTIONAL", "SmsMfaConfiguration": sms}

    async def test_an_unknown_pool(self, server: TestServer) -> None:
        expected = ("ResourceNotFoundException", "User pool us-east-1_none00000 does not exist.")
        assert await refusal(server, "GetUserPoolMfaConfig", UserPoolId="us-east-1_none00000") == expected


class TestSetUserPoolMfaConfig:
    async def test_answers_the_whole_configuration(self, server: TestServer) -> None:
        """The answer, GetUserPoolMfaConfig and DescribeUserPool say the same."""
        pool = await server.pool(EmailConfiguration=OWN_SENDER)
        asked: dict[str, Any] = {
            "MfaConfiguration": "OPTIONAL",
            "SmsMfaConfiguration": {"SmsAuthenticationMessage": "Code: {####}", "SmsConfiguration": SMS},
            "SoftwareTokenMfaConfiguration": {"Enabled": True},
            "EmailMfaConfiguration": {"Message": "Code: {####}", "Subject": "Sign in"},
            "WebAuthnConfiguration": PASSKEYS,
        }
        assert await server.call("SetUserPoolMfaConfig", UserPoolId=pool, **asked) == asked
        assert await config(server, pool) == asked
        described = (await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]
        assert (described["MfaConfiguration"], described["SmsConfiguration"]) == ("OPTIONAL", SMS)

    async def test_replaces_all_of_it(self, server: TestServer) -> None:
        """What is left out is gone, and MfaConfiguration left out is OFF; the pool's SMS configuration serves verification too and stays."""
        pool = await server.pool()
        both: dict[str, Any] = {**TOTP, "SmsMfaConfiguration": {"SmsConfiguration": SMS}, "WebAuthnConfiguration": PASSKEYS}
        await server.call("SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration="ON", **both)
        await server.call("SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration="ON", **TOTP)
        assert await config(server, pool) == {"MfaConfiguration": "ON", **TOTP}
        assert await server.call("SetUserPoolMfaConfig", UserPoolId=pool) == {"MfaConfiguration": "OFF"}
        assert await config(server, pool) == {"MfaConfiguration": "OFF"}
        described = (await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]
        assert (described["MfaConfiguration"], described["SmsConfiguration"]) == ("OFF", SMS)

    async def test_passkeys_need_no_mfa(self, server: TestServer) -> None:
        pool = await server.pool()
        await server.call("SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration="OFF", WebAuthnConfiguration=PASSKEYS)
        assert await config(server, pool) == {"MfaConfiguration": "OFF", "WebAuthnConfiguration": PASSKEYS}

    async def test_sms_takes_what_the_pool_has(self, server: TestServer) -> None:
        """SmsConfiguration may be set with the pool or here; with neither there is nothing to send by."""
        pool = await server.pool(SmsConfiguration=SMS)
        asked: dict[str, Any] = {"UserPoolId": pool, "MfaConfiguration": "ON", "SmsMfaConfiguration": {}}
        expected = {"MfaConfiguration": "ON", "SmsMfaConfiguration": {"SmsConfiguration": SMS}}
        assert await server.call("SetUserPoolMfaConfig", **asked) == expected
        bare = {**asked, "UserPoolId": await server.pool()}
        assert (await refusal(server, "SetUserPoolMfaConfig", **bare))[0] == "InvalidParameterException"

    @pytest.mark.parametrize("factor", [TOTP, {"SmsMfaConfiguration": {"SmsConfiguration": SMS}}, {"EmailMfaConfiguration": {}}])
    async def test_off_takes_no_factor(self, server: TestServer, factor: dict[str, Any]) -> None:
        pool = await server.pool(EmailConfiguration=OWN_SENDER)
        text = "Invalid MFA configuration given, can't turn off MFA and configure an MFA together"
        assert await refusal(server, "SetUserPoolMfaConfig", UserPoolId=pool, **factor) == ("InvalidParameterException", text)

    @pytest.mark.parametrize("wanted", ["ON", "OPTIONAL"])
    @pytest.mark.parametrize("factor", [{}, {"SoftwareTokenMfaConfiguration": {"Enabled": False}}])
    async def test_on_takes_a_factor(self, server: TestServer, wanted: str, factor: dict[str, Any]) -> None:
        pool = await server.pool()
        text = "Invalid MFA Configuration given. SMS MFA, Email MFA, or Software Token MFA must be enabled."
        refused = await refusal(server, "SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration=wanted, **factor)
        assert refused == ("InvalidParameterException", text)
        assert await state(server, pool) == "OFF"

    async def test_required_mfa_beside_one_time_passwords(self, server: TestServer) -> None:
        """A one-time password as the first factor leaves no second one; where MFA is optional it may stand beside it."""
        pool = await server.pool(**factors("PASSWORD", "EMAIL_OTP"))
        text = "Only PASSWORD and WEB_AUTHN (if configured) can be enabled as an auth factor if MFA is enabled"
        refused = await refusal(server, "SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration="ON", **TOTP)
        assert refused == ("InvalidParameterException", text)
        await server.call("SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration="OPTIONAL", **TOTP)
        assert await state(server, pool) == "OPTIONAL"

    async def test_required_mfa_beside_passkeys(self, server: TestServer) -> None:
        """A passkey as the first factor must then count as two."""
        pool = await server.pool(**factors("PASSWORD", "WEB_AUTHN"))
        text = "Cannot set WebAuthn factor configuration to SINGLE_FACTOR if MFA is required and WebAuthn is an allowed first auth factor"
        asked: dict[str, Any] = {"UserPoolId": pool, "MfaConfiguration": "ON", **TOTP}
        for passkeys in ({}, {"WebAuthnConfiguration": {**PASSKEYS, "FactorConfiguration": "SINGLE_FACTOR"}}):
            assert await refusal(server, "SetUserPoolMfaConfig", **asked, **passkeys) == ("InvalidParameterException", text)
        both = {**PASSKEYS, "FactorConfiguration": "MULTI_FACTOR_WITH_USER_VERIFICATION"}
        await server.call("SetUserPoolMfaConfig", **asked, WebAuthnConfiguration=both)
        assert await state(server, pool) == "ON"

    async def test_email_needs_an_own_sender(self, server: TestServer) -> None:
        pool = await server.pool()
        text = "Cannot set EmailMfaConfiguration when user pool EmailConfiguration contains an EmailSendingAccount of COGNITO_DEFAULT"
        asked: dict[str, Any] = {"UserPoolId": pool, "MfaConfiguration": "OPTIONAL", "EmailMfaConfiguration": {}}
        assert await refusal(server, "SetUserPoolMfaConfig", **asked) == ("InvalidParameterException", text)

    @pytest.mark.parametrize("asked", [{"WebAuthnConfiguration": PASSKEYS}, {"MfaConfiguration": "OPTIONAL", "EmailMfaConfiguration": {}}])
    async def test_the_lite_plan_has_neither_email_mfa_nor_passkeys(self, server: TestServer, asked: dict[str, Any]) -> None:
        pool = await server.pool(UserPoolTier="LITE", EmailConfiguration=OWN_SENDER)
        assert (await refusal(server, "SetUserPoolMfaConfig", UserPoolId=pool, **asked))[0] == "FeatureUnavailableInTierException"

    async def test_a_refused_change_leaves_all_as_it_was(self, server: TestServer) -> None:
        pool = await server.pool()
        await server.call("SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration="ON", **TOTP)
        before = (await config(server, pool), await server.call("DescribeUserPool", UserPoolId=pool))
        await refusal(server, "SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration="OPTIONAL")
        assert (await config(server, pool), await server.call("DescribeUserPool", UserPoolId=pool)) == before

    async def test_a_message_needs_its_placeholder(self, server: TestServer) -> None:
        """The model's pattern; the violation names the member as AWS does."""
        pool = await server.pool()
        code, text = await refusal(
            server,
            "SetUserPoolMfaConfig",
            UserPoolId=pool,
            MfaConfiguration="ON",
            SmsMfaConfiguration={"SmsAuthenticationMessage": "no code here", "SmsConfiguration": SMS},
        )
        assert code == "InvalidParameterException"
        assert "at 'smsMfaConfiguration.smsAuthenticationMessage' failed to satisfy constraint" in text


class TestMfaInUpdateUserPool:
    async def test_cannot_turn_on(self, server: TestServer) -> None:
        """FIDELITY B.9.71."""
        pool = await server.pool()
        text = "Cannot turn MFA functionality ON, once the user pool has been created."
        refused = await refusal(server, "UpdateUserPool", UserPoolId=pool, MfaConfiguration="ON", SmsConfiguration=SMS)
        assert refused == ("InvalidParameterException", text)

    async def test_left_out_it_stays_with_its_factors(self, server: TestServer) -> None:
        """MfaConfiguration is kept; the SMS configuration that it uses is kept with it."""
        pool = await server.pool()
        await server.call(
            "SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration="ON", **TOTP, SmsMfaConfiguration={"SmsConfiguration": SMS}
        )
        before = await config(server, pool)
        await server.call("UpdateUserPool", UserPoolId=pool)
        assert await config(server, pool) == before
        assert (await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]["SmsConfiguration"] == SMS

    async def test_an_sms_configuration_adds_no_factor(self, server: TestServer) -> None:
        """It serves verification too: where MFA was set to another factor, texts do not become one by the way."""
        pool = await server.pool(SmsConfiguration=SMS)
        await server.call("SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration="ON", **TOTP)
        await server.call("UpdateUserPool", UserPoolId=pool, SmsConfiguration=SMS)
        assert await config(server, pool) == {"MfaConfiguration": "ON", **TOTP}

    async def test_off_forgets_the_factors_but_not_passkeys(self, server: TestServer) -> None:
        pool = await server.pool()
        await server.call("SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration="OPTIONAL", **TOTP, WebAuthnConfiguration=PASSKEYS)
        await server.call("UpdateUserPool", UserPoolId=pool, MfaConfiguration="OFF")
        assert await config(server, pool) == {"MfaConfiguration": "OFF", "WebAuthnConfiguration": PASSKEYS}

    async def test_optional_needs_a_factor(self, server: TestServer) -> None:
        pool = await server.pool()
        text = "Invalid MFA Configuration given. SMS MFA, Email MFA, or Software Token MFA must be enabled."
        assert await refusal(server, "UpdateUserPool", UserPoolId=pool, MfaConfiguration="OPTIONAL") == ("InvalidParameterException", text)
        await server.call("UpdateUserPool", UserPoolId=pool, MfaConfiguration="OPTIONAL", SmsConfiguration=SMS)
        assert await config(server, pool) == {"MfaConfiguration": "OPTIONAL", "SmsMfaConfiguration": {"SmsConfiguration": SMS}}

    async def test_first_factors_beside_required_mfa(self, server: TestServer) -> None:
        """The same rules from the other side."""
        pool = await server.pool()
        await server.call("SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration="ON", **TOTP)
        refused = await refusal(server, "UpdateUserPool", UserPoolId=pool, **factors("PASSWORD", "WEB_AUTHN"))
        assert refused[1].startswith("Cannot set WebAuthn factor configuration to SINGLE_FACTOR")
        refused = await refusal(server, "UpdateUserPool", UserPoolId=pool, **factors("PASSWORD", "EMAIL_OTP"))
        assert refused[1] == "Only PASSWORD and WEB_AUTHN (if configured) can be enabled as an auth factor if MFA is enabled"


class TestMfaInCreateUserPool:
    @pytest.mark.parametrize("wanted", ["ON", "OPTIONAL"])
    async def test_needs_an_sms_configuration(self, server: TestServer, wanted: str) -> None:
        text = "SMS configuration and Auto verification for phone_number are required when MFA is required/optional"
        assert await refusal(server, "CreateUserPool", PoolName="x", MfaConfiguration=wanted) == ("InvalidParameterException", text)

    async def test_sms_as_first_factor_needs_it_too(self, server: TestServer) -> None:
        text = "SMS_OTP can not be configured as AuthFactor as user pool is missing valid SMS configuration"
        refused = await refusal(server, "CreateUserPool", PoolName="x", **factors("PASSWORD", "SMS_OTP"))
        assert refused == ("InvalidParameterException", text)
