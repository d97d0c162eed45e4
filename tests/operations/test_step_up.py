"""Levels of authentication: TARGET_ACR_VALUES, ACCESS_TOKEN and MAX_AGE in USER_AUTH, and the claims acr and amr.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-step-up-authentication.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.kit.authenticator import Authenticator
from tests.kit.mfa import CONTACTS, ON, OWN_SENDER, PREFERRED, SMS, answer, enrol, prefer, set_mfa, totp_code
from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import claims

FLOWS = ["ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
LEVEL = {number: f"urn:cognito:loa:{number}" for number in range(1, 5)}
VERIFIED = {**CONTACTS, "email_verified": "true", "phone_number_verified": "true"}
NO_FACTORS = "The user has no factors that meet a requested authentication level."
ALREADY = "The access token already meets the requested authentication level."


class World:
    """A pool with every first factor and, as an option, every second one; anna, who has her two addresses verified."""

    def __init__(self, server: TestServer) -> None:
        self.server = server
        self.pool = self.client = self.secret = ""

    async def made(self, *, mode: str = "OPTIONAL", **members: Any) -> World:
        first = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"]}}
        self.pool = await self.server.pool(EmailConfiguration=OWN_SENDER, Policies=first, **SMS, **members)
        self.client = await self.server.client(self.pool, ExplicitAuthFlows=FLOWS)
        await set_mfa(self.server, self.pool, mode, WebAuthnConfiguration={"RelyingPartyId": "example.com"})
        await self.server.user(self.pool, "anna", **VERIFIED)
        return self

    async def with_app(self) -> World:
        self.secret = await enrol(self.server, (await self.server.sign_in(self.client, "anna"))["AccessToken"])
        return self

    async def begin(self, name: str = "anna", **parameters: str) -> Any:
        return await self.server.call(
            "InitiateAuth", ClientId=self.client, AuthFlow="USER_AUTH", AuthParameters={"USERNAME": name, **parameters}
        )

    async def refused(self, **parameters: str) -> tuple[str, str]:
        with pytest.raises(AwsError) as error:
            await self.begin(**parameters)
        return error.value.code, error.value.message

    async def by_password(self, **parameters: str) -> Any:
        given = await self.begin(PREFERRED_CHALLENGE="PASSWORD", PASSWORD=PASSWORD, **parameters)
        return given.get("AuthenticationResult", given)

    async def answer(self, asked: Any, **responses: str) -> Any:
        return await answer(self.server, self.client, asked, **responses)

    def code(self) -> str:
        return totp_code(self.server, self.secret)


def strength(tokens: Any) -> tuple[str, list[str]]:
    """The claims, the same in both tokens."""
    both = [claims(tokens[name]) for name in ("AccessToken", "IdToken")]
    assert (both[0]["acr"], both[0]["amr"]) == (both[1]["acr"], both[1]["amr"])
    return both[0]["acr"], both[0]["amr"]


class TestLevels:
    async def test_a_password_alone(self, server: TestServer) -> None:
        world = await World(server).made()
        assert strength(await world.by_password(TARGET_ACR_VALUES=LEVEL[1])) == (LEVEL[1], ["pwd"])

    @pytest.mark.parametrize(("challenge", "method", "contact"), [("EMAIL_OTP", "email_otp", "email"), ("SMS_OTP", "sms", "phone_number")])
    async def test_one_code(self, server: TestServer, challenge: str, method: str, contact: str) -> None:
        world = await World(server).made()
        asked = await world.begin(PREFERRED_CHALLENGE=challenge, TARGET_ACR_VALUES=LEVEL[2])
        tokens = await world.answer(asked, **{f"{challenge}_CODE": await server.code(CONTACTS[contact])})
        assert strength(tokens) == (LEVEL[2], [method])

    @pytest.mark.parametrize(("attachment", "method"), [("platform", "swk"), ("cross-platform", "hwk")])
    async def test_a_passkey(self, server: TestServer, attachment: str, method: str) -> None:
        world = await World(server).made()
        token = (await server.sign_in(world.client, "anna"))["AccessToken"]
        key = Authenticator()
        options = (await server.call("StartWebAuthnRegistration", AccessToken=token))["CredentialCreationOptions"]
        credential = {**key.register(options), "authenticatorAttachment": attachment}
        await server.call("CompleteWebAuthnRegistration", AccessToken=token, Credential=credential)
        asked = await world.begin(PREFERRED_CHALLENGE="WEB_AUTHN", TARGET_ACR_VALUES=LEVEL[3])
        options = json.loads(asked["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"])
        assert strength(await world.answer(asked, CREDENTIAL=json.dumps(key.sign(options)))) == (LEVEL[3], [method])

    async def test_a_password_and_a_code(self, server: TestServer) -> None:
        """No second factor is asked of this user otherwise: the level asks for it, and lets her choose."""
        world = await World(server).made()
        asked = await world.by_password(TARGET_ACR_VALUES=LEVEL[3])
        assert asked["ChallengeName"] == "SELECT_MFA_TYPE"
        assert json.loads(asked["ChallengeParameters"]["MFAS_CAN_CHOOSE"]) == ["SMS_MFA", "EMAIL_OTP"]
        asked = await world.answer(asked, ANSWER="EMAIL_MFA")
        tokens = await world.answer(asked, EMAIL_OTP_CODE=await server.code("anna@example.com"))
        assert strength(tokens) == (LEVEL[3], ["pwd", "email_otp", "mfa"])

    async def test_a_password_and_an_app(self, server: TestServer) -> None:
        world = await (await World(server).made()).with_app()
        asked = await world.by_password(TARGET_ACR_VALUES=LEVEL[4])
        assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        assert strength(await world.answer(asked, SOFTWARE_TOKEN_MFA_CODE=world.code())) == (LEVEL[4], ["pwd", "otp", "mfa"])

    async def test_only_what_leads_there_is_offered(self, server: TestServer) -> None:
        world = await (await World(server).made()).with_app()
        offered = {level: (await world.begin(TARGET_ACR_VALUES=LEVEL[level]))["AvailableChallenges"] for level in (1, 4)}
        assert offered == {1: ["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP"], 4: ["PASSWORD_SRP", "PASSWORD"]}
        asked = await world.begin(TARGET_ACR_VALUES=LEVEL[4])
        with pytest.raises(AwsError, match="not available"):
            await world.answer(asked, ANSWER="EMAIL_OTP")

    async def test_the_first_that_the_user_can_reach(self, server: TestServer) -> None:
        """ "falls back through the list", and "ignores any value that it doesn't recognize"."""
        world = await World(server).made()
        asked = await world.by_password(TARGET_ACR_VALUES=f"urn:unheard:of {LEVEL[4]} {LEVEL[1]}")
        assert strength(asked) == (LEVEL[1], ["pwd"])

    async def test_names_of_the_pools_own(self, server: TestServer) -> None:
        world = await World(server).made(AcrConfiguration={"Level1": {"AcrValue": "basic"}})
        assert strength(await world.by_password(TARGET_ACR_VALUES="basic")) == ("basic", ["pwd"])
        assert (await world.refused(TARGET_ACR_VALUES=LEVEL[1]))[0] == "InvalidParameterException"

    async def test_a_required_second_factor_is_a_floor(self, server: TestServer) -> None:
        """ "TARGET_ACR_VALUES can't suppress a required MFA prompt"."""
        world = await (await World(server).made()).with_app()
        await prefer(server, world.pool, SoftwareTokenMfaSettings=PREFERRED)
        asked = await world.by_password(TARGET_ACR_VALUES=LEVEL[1])
        assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        assert strength(await world.answer(asked, SOFTWARE_TOKEN_MFA_CODE=world.code()))[0] == LEVEL[4]

    async def test_the_level_chooses_among_the_factors(self, server: TestServer) -> None:
        """She prefers texts, but a text does not lead to level 4."""
        world = await (await World(server).made()).with_app()
        await prefer(server, world.pool, SMSMfaSettings=PREFERRED, SoftwareTokenMfaSettings=ON)
        assert (await world.by_password())["ChallengeName"] == "SMS_MFA"
        assert (await world.by_password(TARGET_ACR_VALUES=LEVEL[4]))["ChallengeName"] == "SOFTWARE_TOKEN_MFA"

    async def test_without_the_parameters_there_are_no_claims(self, server: TestServer) -> None:
        world = await World(server).made()
        for tokens in (await world.by_password(), await server.sign_in(world.client, "anna")):
            assert not {"acr", "amr"} & claims(tokens["AccessToken"]).keys()

    async def test_a_refresh_keeps_them(self, server: TestServer) -> None:
        world = await (await World(server).made()).with_app()
        asked = await world.by_password(TARGET_ACR_VALUES=LEVEL[4])
        tokens = await world.answer(asked, SOFTWARE_TOKEN_MFA_CODE=world.code())
        parameters = {"REFRESH_TOKEN": tokens["RefreshToken"]}
        renewed = await server.call("InitiateAuth", ClientId=world.client, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters=parameters)
        assert strength(renewed["AuthenticationResult"]) == (LEVEL[4], ["pwd", "otp", "mfa"])


class TestSteppingUp:
    async def test_from_a_password_to_an_app(self, server: TestServer) -> None:
        """What the token shows is not asked again; the new session has its own tokens and time."""
        world = await (await World(server).made()).with_app()
        first = await world.by_password(TARGET_ACR_VALUES=LEVEL[1])
        server.clock.advance(60)
        asked = await world.begin(TARGET_ACR_VALUES=LEVEL[4], ACCESS_TOKEN=first["AccessToken"])
        assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        tokens = await world.answer(asked, SOFTWARE_TOKEN_MFA_CODE=world.code())
        assert strength(tokens) == (LEVEL[4], ["pwd", "otp", "mfa"])
        before, after = claims(first["AccessToken"]), claims(tokens["AccessToken"])
        assert after["auth_time"] == before["auth_time"] + 60 and after["origin_jti"] != before["origin_jti"]

    async def test_a_failed_challenge_gives_nothing(self, server: TestServer) -> None:
        world = await (await World(server).made()).with_app()
        first = await world.by_password(TARGET_ACR_VALUES=LEVEL[1])
        asked = await world.begin(TARGET_ACR_VALUES=LEVEL[4], ACCESS_TOKEN=first["AccessToken"])
        wrong = str((int(world.code()) + 1) % 1_000_000).zfill(6)
        with pytest.raises(AwsError, match="Invalid code received for user"):
            await world.answer(asked, SOFTWARE_TOKEN_MFA_CODE=wrong)

    @pytest.mark.parametrize("target", [f"{LEVEL[1]}", f"{LEVEL[4]} {LEVEL[1]}"])
    async def test_what_is_reached_already_is_refused(self, server: TestServer, target: str) -> None:
        """ "This prevents applications from using step-up authentication as a token-refresh mechanism"."""
        world = await World(server).made()
        first = await world.by_password(TARGET_ACR_VALUES=LEVEL[1])
        assert await world.refused(TARGET_ACR_VALUES=target, ACCESS_TOKEN=first["AccessToken"]) == ("InvalidParameterException", ALREADY)

    async def test_max_age_discards_what_is_old(self, server: TestServer) -> None:
        """Within it the token counts; beyond it the sign-in begins from scratch, and the token itself stays good."""
        world = await (await World(server).made()).with_app()
        first = await world.by_password(TARGET_ACR_VALUES=LEVEL[1])
        server.clock.advance(100)
        given = {"TARGET_ACR_VALUES": LEVEL[4], "ACCESS_TOKEN": first["AccessToken"]}
        assert (await world.begin(**given, MAX_AGE="100"))["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        assert (await world.begin(**given, MAX_AGE="99"))["ChallengeName"] == "SELECT_CHALLENGE"
        assert (await server.call("GetUser", AccessToken=first["AccessToken"]))["Username"] == "anna"

    async def test_max_age_of_what_is_reached(self, server: TestServer) -> None:
        """The level is there but too old: that is what MAX_AGE is for."""
        world = await World(server).made()
        first = await world.by_password(TARGET_ACR_VALUES=LEVEL[1])
        server.clock.advance(100)
        again = await world.by_password(TARGET_ACR_VALUES=LEVEL[1], ACCESS_TOKEN=first["AccessToken"], MAX_AGE="10")
        assert strength(again) == (LEVEL[1], ["pwd"])

    async def test_a_token_of_a_renamed_level_keeps_its_methods(self, server: TestServer) -> None:
        """ "Amazon Cognito still honors the token's amr values and prompts only for factors that aren't already listed"."""
        world = await (await World(server).made(AcrConfiguration={"Level1": {"AcrValue": "old"}})).with_app()
        first = await world.by_password(TARGET_ACR_VALUES="old")
        described = (await server.call("DescribeUserPool", UserPoolId=world.pool))["UserPool"]
        kept = {name: described[name] for name in ("Policies", "EmailConfiguration", "SmsConfiguration", "MfaConfiguration")}
        await server.call("UpdateUserPool", UserPoolId=world.pool, AcrConfiguration={"Level1": {"AcrValue": "new"}}, **kept)
        asked = await world.begin(TARGET_ACR_VALUES=LEVEL[4], ACCESS_TOKEN=first["AccessToken"])
        assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"

    async def test_as_an_administrator(self, server: TestServer) -> None:
        world = await (await World(server).made()).with_app()
        first = await world.by_password(TARGET_ACR_VALUES=LEVEL[1])
        parameters = {"USERNAME": "anna", "TARGET_ACR_VALUES": LEVEL[4], "ACCESS_TOKEN": first["AccessToken"]}
        asked = await server.call(
            "AdminInitiateAuth", UserPoolId=world.pool, ClientId=world.client, AuthFlow="USER_AUTH", AuthParameters=parameters
        )
        assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


class TestRefusals:
    async def test_a_level_that_the_user_cannot_reach(self, server: TestServer) -> None:
        world = await World(server).made()
        assert await world.refused(TARGET_ACR_VALUES=LEVEL[4]) == ("InvalidParameterException", NO_FACTORS)

    @pytest.mark.parametrize(
        ("parameters", "code"),
        [
            ({"TARGET_ACR_VALUES": "urn:unheard:of"}, "InvalidParameterException"),
            ({"ACCESS_TOKEN": "x"}, "InvalidParameterException"),
            ({"TARGET_ACR_VALUES": LEVEL[1], "ACCESS_TOKEN": "x"}, "NotAuthorizedException"),
            ({"MAX_AGE": "soon"}, "InvalidParameterException"),
            ({"MAX_AGE": "-1"}, "InvalidParameterException"),
            ({"MAX_AGE": "9" * 400}, "InvalidParameterException"),
            ({"MAX_AGE": "\u0661"}, "InvalidParameterException"),
        ],
    )
    async def test_what_cannot_be_meant(self, server: TestServer, parameters: dict[str, str], code: str) -> None:
        world = await World(server).made()
        assert (await world.refused(**parameters))[0] == code

    async def test_another_users_token(self, server: TestServer) -> None:
        """Nor one of another client or pool, nor an id token, nor one that was revoked: none lends its factors."""
        world = await (await World(server).made()).with_app()
        await server.user(world.pool, "eve")
        other = await server.client(world.pool, ExplicitAuthFlows=FLOWS)
        mine, eves, others = [
            await server.sign_in(client, name) for client, name in ((world.client, "anna"), (world.client, "eve"), (other, "anna"))
        ]
        for token in (eves["AccessToken"], others["AccessToken"], mine["IdToken"]):
            assert (await world.refused(TARGET_ACR_VALUES=LEVEL[4], ACCESS_TOKEN=token))[0] == "NotAuthorizedException"
        first = await world.by_password(TARGET_ACR_VALUES=LEVEL[1])
        await server.call("AdminUserGlobalSignOut", UserPoolId=world.pool, Username="anna")
        answered = await world.refused(TARGET_ACR_VALUES=LEVEL[4], ACCESS_TOKEN=first["AccessToken"])
        assert answered == ("NotAuthorizedException", "Access Token has been revoked")

    async def test_a_plan_that_has_it_not(self, server: TestServer) -> None:
        pool = await server.pool(UserPoolTier="LITE")
        client = await server.client(pool, ExplicitAuthFlows=FLOWS)
        await server.user(pool, "anna")
        parameters = {"USERNAME": "anna", "TARGET_ACR_VALUES": LEVEL[1]}
        with pytest.raises(AwsError) as refused:
            await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_AUTH", AuthParameters=parameters)
        assert refused.value.code == "FeatureUnavailableInTierException"

    async def test_nobody_is_answered_as_a_user_with_a_password(self, server: TestServer) -> None:
        world = await World(server).made()
        hiding = await server.client(world.pool, ExplicitAuthFlows=FLOWS, PreventUserExistenceErrors="ENABLED")
        world.client = hiding
        await server.user(world.pool, "plain")
        for level in (1, 4):
            answers = []
            for name in ("plain", "nobody"):
                try:
                    answers.append(sorted(await world.begin(name, TARGET_ACR_VALUES=LEVEL[level])))
                except AwsError as refused:
                    answers.append([refused.code, refused.message])
            assert answers[0] == answers[1]

    async def test_functions_do_not_change_the_claims(self, server: TestServer) -> None:
        """ "You can't customize, override, add to, or suppress these claims with a pre token generation Lambda trigger"."""
        override = {"claimsOverrideDetails": {"claimsToAddOrOverride": {"acr": "urn:cognito:loa:4"}, "claimsToSuppress": ["amr"]}}
        arn = server.functions.add("claims", lambda event: override)
        world = await World(server).made(LambdaConfig={"PreTokenGeneration": arn})
        assert strength(await world.by_password(TARGET_ACR_VALUES=LEVEL[1])) == (LEVEL[1], ["pwd"])


async def test_a_sign_up_that_goes_on_has_no_level(server: TestServer) -> None:
    """Its Session has proved what it has proved: a level beside it would have no effect, and is refused."""
    pool = await server.pool(AutoVerifiedAttributes=["email"])
    client = await server.client(pool, ExplicitAuthFlows=FLOWS)
    email = [{"Name": "email", "Value": "carl@example.com"}]
    made = await server.call("SignUp", ClientId=client, Username="carl", Password=PASSWORD, UserAttributes=email)
    code = await server.code("carl@example.com")
    confirmed = await server.call("ConfirmSignUp", ClientId=client, Username="carl", ConfirmationCode=code, Session=made["Session"])
    parameters = {"USERNAME": "carl", "TARGET_ACR_VALUES": LEVEL[2]}
    with pytest.raises(AwsError) as refused:
        await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_AUTH", AuthParameters=parameters, Session=confirmed["Session"])
    assert refused.value.code == "InvalidParameterException"
