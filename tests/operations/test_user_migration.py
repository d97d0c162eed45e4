"""UserMigration: somebody unknown signs in, or forgot the password, and is a user here from then on; or is not, and nothing is left of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.kit import risk
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import WRONG

ATTRIBUTES = {"email": "old@example.com", "email_verified": "true", "name": "Old"}
KNOWN = {"userAttributes": ATTRIBUTES, "messageAction": "SUPPRESS"}
INCORRECT = ("NotAuthorizedException", "Incorrect username or password.")


def elsewhere(**answer: Any) -> Any:
    """A directory that knows `old` with the password, and answers what is given."""

    def function(event: dict[str, Any]) -> dict[str, Any]:
        password = event["request"]["password"]
        if event["userName"] not in ("old", "old@example.com") or password not in (None, PASSWORD):
            raise RuntimeError("Bad password")
        return {**KNOWN, **answer}

    return function


async def app(server: TestServer, function: Any = None, hidden: str = "LEGACY", **members: Any) -> tuple[str, str]:
    pool = await server.pool(LambdaConfig={"UserMigration": server.functions.add("migrate", function or elsewhere())}, **members)
    flows = [
        "ALLOW_USER_PASSWORD_AUTH",
        "ALLOW_ADMIN_USER_PASSWORD_AUTH",
        "ALLOW_USER_AUTH",
        "ALLOW_USER_SRP_AUTH",
        "ALLOW_REFRESH_TOKEN_AUTH",
    ]
    return pool, await server.client(pool, PreventUserExistenceErrors=hidden, ExplicitAuthFlows=flows)


async def refused(server: TestServer, client: str, username: str = "old", password: str = PASSWORD) -> tuple[str, str]:
    with pytest.raises(AwsError) as error:
        await server.sign_in(client, username, password)
    return error.value.code, error.value.message


async def users(server: TestServer, pool: str) -> list[str]:
    return [user["Username"] for user in (await server.call("ListUsers", UserPoolId=pool))["Users"]]


class TestAtSignIn:
    async def test_the_user_is_made_and_signed_in(self, server: TestServer) -> None:
        pool, client = await app(server)
        answer = await server.call(
            "InitiateAuth",
            ClientId=client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "old", "PASSWORD": PASSWORD},
            ClientMetadata={"from": "web"},
        )
        assert "AccessToken" in answer["AuthenticationResult"]
        (event,) = server.functions.events
        assert (event["triggerSource"], event["userName"]) == ("UserMigration_Authentication", "old")
        assert event["request"] == {"password": PASSWORD, "validationData": {"from": "web"}}
        names = ("userAttributes", "finalUserStatus", "messageAction", "desiredDeliveryMediums", "forceAliasCreation", "enableSMSMFA")
        assert event["response"] == dict.fromkeys(names)
        found = await server.call("AdminGetUser", UserPoolId=pool, Username="old")
        kept = {item["Name"]: item["Value"] for item in found["UserAttributes"] if item["Name"] != "sub"}
        assert (found["UserStatus"], kept) == ("CONFIRMED", ATTRIBUTES)

    async def test_only_once(self, server: TestServer) -> None:
        """The second sign-in is this pool's own matter, with the password that was kept."""
        _, client = await app(server)
        await server.sign_in(client, "old")
        await server.sign_in(client, "old")
        assert await refused(server, client, password=WRONG) == INCORRECT
        assert len(server.functions.events) == 1

    async def test_by_an_administrator(self, server: TestServer) -> None:
        pool, client = await app(server)
        parameters = {"USERNAME": "old", "PASSWORD": PASSWORD}
        answer = await server.call(
            "AdminInitiateAuth", UserPoolId=pool, ClientId=client, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters=parameters
        )
        assert "AccessToken" in answer["AuthenticationResult"]

    async def test_by_choice(self, server: TestServer) -> None:
        """USER_AUTH with the password at once, and chosen from a list."""
        _, client = await app(server, hidden="ENABLED")
        parameters = {"USERNAME": "old", "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD}
        answer = await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_AUTH", AuthParameters=parameters)
        assert "AccessToken" in answer["AuthenticationResult"]

    async def test_by_choice_from_a_list(self, server: TestServer) -> None:
        _, client = await app(server, hidden="ENABLED")
        asked = await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_AUTH", AuthParameters={"USERNAME": "old"})
        assert (asked["ChallengeName"], server.functions.events) == ("SELECT_CHALLENGE", [])
        responses = {"USERNAME": "old", "ANSWER": "PASSWORD", "PASSWORD": PASSWORD}
        answer = await server.call(
            "RespondToAuthChallenge",
            ClientId=client,
            ChallengeName="SELECT_CHALLENGE",
            Session=asked["Session"],
            ChallengeResponses=responses,
            ClientMetadata={"step": "2"},
        )
        assert "AccessToken" in answer["AuthenticationResult"]
        assert server.functions.events[0]["request"]["clientMetadata"] == {"step": "2"}

    async def test_srp_shows_no_password_to_migrate_with(self, server: TestServer) -> None:
        _, client = await app(server)
        found = await refusal(
            server, "InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": "old", "SRP_A": "ab" * 100}
        )
        assert (found[0], server.functions.events) == ("UserNotFoundException", [])

    @pytest.mark.parametrize("hidden", ["LEGACY", "ENABLED"])
    async def test_a_wrong_password_elsewhere(self, server: TestServer, hidden: str) -> None:
        pool, client = await app(server, hidden=hidden)
        expected = INCORRECT if hidden == "ENABLED" else ("UserNotFoundException", f"Exception migrating user in app client {client}")
        assert await refused(server, client, password=WRONG) == expected
        assert await users(server, pool) == []

    async def test_what_the_function_says_is_in_no_log(self, server: TestServer, capsys: pytest.CaptureFixture[str]) -> None:
        """It was asked about a password, and may repeat it."""

        def repeats(event: dict[str, Any]) -> dict[str, Any]:
            raise RuntimeError(f"{event['request']['password']} is not the password")

        _, client = await app(server, repeats)
        await refused(server, client, password=WRONG)
        logged = "".join(capsys.readouterr())
        assert ("UserLambdaValidationException" in logged, WRONG in logged) == (True, False)

    @pytest.mark.parametrize("hidden", ["LEGACY", "ENABLED"])
    async def test_guesses_are_locked_out(self, server: TestServer, hidden: str) -> None:
        """The other directory cannot be tried out through this one: after five guesses the function is not asked."""
        _, client = await app(server, hidden=hidden)
        for _ in range(6):
            await refused(server, client, password=WRONG)
        assert await refused(server, client) == ("NotAuthorizedException", "Password attempts exceeded")
        assert len(server.functions.events) <= 6

    async def test_who_must_choose_a_new_password(self, server: TestServer) -> None:
        pool, client = await app(server, elsewhere(finalUserStatus="RESET_REQUIRED"))
        assert (await refused(server, client))[0] == "PasswordResetRequiredException"
        found = await server.call("AdminGetUser", UserPoolId=pool, Username="old")
        assert found["UserStatus"] == "RESET_REQUIRED"

    async def test_a_password_that_the_policy_forbids(self, server: TestServer) -> None:
        """AWS: "The password strength policy ... will not be enforced during migration"."""
        _, client = await app(server, lambda event: KNOWN)
        assert "AccessToken" in await server.sign_in(client, "old", "weak")

    async def test_two_at_once(self, server: TestServer) -> None:
        """One user, and both sign in."""
        pool, client = await app(server)
        results = await asyncio.gather(server.sign_in(client, "old"), server.sign_in(client, "old"))
        assert ["AccessToken" in result for result in results] == [True, True]
        assert await users(server, pool) == ["old"]

    async def test_by_email(self, server: TestServer) -> None:
        pool, client = await app(server, UsernameAttributes=["email"])
        await server.sign_in(client, "old@example.com")
        (name,) = await users(server, pool)
        found = await server.call("AdminGetUser", UserPoolId=pool, Username="old@example.com")
        assert found["Username"] == name

    @pytest.mark.parametrize(
        "answer",
        [
            {"userAttributes": None},
            {"userAttributes": {}},
            {"userAttributes": {"email": 7}},
            {"userAttributes": {"custom:unknown": "1"}},
            {"userAttributes": {"name": "a\0b"}},
            {"finalUserStatus": "ADMIN"},
            {"finalUserStatus": "FORCE_CHANGE_PASSWORD"},
            {"messageAction": "SHOUT"},
            {"desiredDeliveryMediums": ["PIGEON"]},
            {"desiredDeliveryMediums": "EMAIL"},
            {"forceAliasCreation": "yes"},
            {"enableSMSMFA": "yes"},
            {"enableSMSMFA": True, "userAttributes": {"phone_number": "+15550001234"}},
            {"messageAction": None, "desiredDeliveryMediums": ["SMS"]},
        ],
    )
    async def test_answers_that_make_no_user(self, server: TestServer, answer: dict[str, Any]) -> None:
        pool, client = await app(server, elsewhere(**answer))
        assert (await refused(server, client))[0] == "UserNotFoundException"
        assert await users(server, pool) == []

    @pytest.mark.parametrize("named", ["a" * 129, "old\nold", "old\0", "old old", "\u200b"], ids=["long", "line", "nul", "space", "unseen"])
    @pytest.mark.parametrize("hidden", ["LEGACY", "ENABLED"])
    async def test_names_that_no_user_may_have(self, server: TestServer, named: str, hidden: str) -> None:
        """A sign-in's USERNAME is no UsernameType, and neither is the `username` of an answer: no user is made that no operation could name."""
        pool, client = await app(server, lambda event: KNOWN, hidden=hidden)
        failed = INCORRECT if hidden == "ENABLED" else ("UserNotFoundException", f"Exception migrating user in app client {client}")
        if named != "old\0":  # which no request may hold
            assert await refused(server, client, named) == failed
        renames = server.functions.add("renames", lambda event: {**KNOWN, "userAttributes": {**ATTRIBUTES, "username": named}})
        await server.call("UpdateUserPool", UserPoolId=pool, LambdaConfig={"UserMigration": renames})
        assert await refused(server, client, "old") == failed
        assert await users(server, pool) == []

    @pytest.mark.parametrize("named", ["a" * 128, "größe+1!"])
    async def test_names_that_a_user_may_have(self, server: TestServer, named: str) -> None:
        pool, client = await app(server, lambda event: KNOWN)
        await server.sign_in(client, named)
        assert await users(server, pool) == [named]

    @pytest.mark.parametrize("named", ["\x01@example.com", "a" * 117 + "@example.com"], ids=["control", "long"])
    async def test_an_email_that_no_user_may_have(self, server: TestServer, named: str) -> None:
        pool, client = await app(server, lambda event: {"userAttributes": {"name": "Old"}}, UsernameAttributes=["email"])
        assert (await refused(server, client, named))[0] == "UserNotFoundException"
        assert await users(server, pool) == []

    async def test_the_welcome_never_holds_the_password(self, server: TestServer) -> None:
        function = elsewhere(messageAction=None, desiredDeliveryMediums=["EMAIL"])
        invite = {"InviteMessageTemplate": {"EmailMessage": "Hello {username}, {####}", "EmailSubject": "Welcome"}}
        _, client = await app(server, function, AdminCreateUserConfig=invite)
        await server.sign_in(client, "old")
        (message,) = await server.messages()
        assert (message.to, message.subject, message.body) == ("old@example.com", "Welcome", "Hello old, ")

    @pytest.mark.parametrize("force", [True, False])
    async def test_an_alias_that_somebody_has(self, server: TestServer, force: bool) -> None:
        pool, client = await app(server, elsewhere(forceAliasCreation=force), AliasAttributes=["email"])
        await server.user(pool, "owner", email="old@example.com", email_verified="true")
        if force:
            await server.sign_in(client, "old")
        else:
            assert (await refused(server, client))[0] == "UserNotFoundException"
        found = await server.call("AdminGetUser", UserPoolId=pool, Username="old@example.com")
        assert found["Username"] == ("old" if force else "owner")

    async def test_a_blocked_address_asks_nothing(self, server: TestServer) -> None:
        """Threat protection refuses it before the other directory could be tried."""
        config = {"UserMigration": server.functions.add("migrate", elsewhere())}
        pool = await risk.protected_pool(server, LambdaConfig=config)
        client = await server.client(pool)
        await risk.configure(server, pool, RiskExceptionConfiguration={"BlockedIPRangeList": ["127.0.0.0/8"]})
        assert (await refused(server, client))[0] == "NotAuthorizedException"
        assert server.functions.events == []


class TestTexts:
    """`enableSMSMFA`: the migrated user's second factor."""

    async def with_mfa(self, server: TestServer, **answer: Any) -> tuple[str, str]:
        sms: dict[str, Any] = {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}}
        return await app(server, elsewhere(**answer), MfaConfiguration="OPTIONAL", **sms)

    async def test_the_sign_in_goes_on_with_a_text(self, server: TestServer) -> None:
        attributes = {**ATTRIBUTES, "phone_number": "+15550001234"}
        pool, client = await self.with_mfa(server, enableSMSMFA=True, userAttributes=attributes)
        assert (await server.sign_in(client, "old"))["ChallengeName"] == "SMS_MFA"
        found = await server.call("AdminGetUser", UserPoolId=pool, Username="old")
        assert (found["UserMFASettingList"], found["PreferredMfaSetting"]) == (["SMS_MFA"], "SMS_MFA")

    async def test_without_a_phone_number_nobody_is_made(self, server: TestServer) -> None:
        pool, client = await self.with_mfa(server, enableSMSMFA=True)
        assert (await refused(server, client))[0] == "UserNotFoundException"
        assert await users(server, pool) == []

    @pytest.mark.parametrize("asked", [False, None])
    async def test_it_is_not_asked_for(self, server: TestServer, asked: bool | None) -> None:
        attributes = {**ATTRIBUTES, "phone_number": "+15550001234"}
        pool, client = await self.with_mfa(server, enableSMSMFA=asked, userAttributes=attributes)
        assert "AccessToken" in await server.sign_in(client, "old")
        assert "UserMFASettingList" not in await server.call("AdminGetUser", UserPoolId=pool, Username="old")


class TestAtForgottenPassword:
    async def test_the_user_chooses_a_password(self, server: TestServer) -> None:
        _pool, client = await app(server)
        sent = await server.call("ForgotPassword", ClientId=client, Username="old", ClientMetadata={"a": "1"})
        assert sent["CodeDeliveryDetails"]["Destination"] == "o***@e***"
        (event,) = server.functions.events
        assert event["triggerSource"] == "UserMigration_ForgotPassword"
        assert event["request"] == {"password": None, "validationData": None, "clientMetadata": {"a": "1"}}
        assert (await refused(server, client))[0] == "PasswordResetRequiredException"
        code = await server.code("old@example.com")
        await server.call("ConfirmForgotPassword", ClientId=client, Username="old", ConfirmationCode=code, Password="New-Horse-99")
        assert "AccessToken" in await server.sign_in(client, "old", "New-Horse-99")

    async def test_nobody_there_either(self, server: TestServer) -> None:
        pool, client = await app(server)
        found = await refusal(server, "ForgotPassword", ClientId=client, Username="nobody")
        assert found == ("UserNotFoundException", "Username/client id combination not found.")
        assert await users(server, pool) == []
