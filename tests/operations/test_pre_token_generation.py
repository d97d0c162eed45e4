"""PreTokenGeneration, versions 1 to 3: what it sees, what it changes in which token, what it cannot, and by which path it is asked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.functions import arn
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import claims

ROLE = "arn:aws:iam::000000000000:role/editors"
SCOPE = "aws.cognito.signin.user.admin"
UNRECOGNIZABLE = ("InvalidLambdaResponseException", "Unrecognizable lambda output")


async def app(server: TestServer, version: int = 1, **client: Any) -> tuple[str, str]:
    """(pool, client), with anna in a group with a role."""
    server.functions.add("tokens", lambda event: {})
    config: dict[str, Any] = {"PreTokenGeneration": arn("tokens")}
    if version > 1:
        config["PreTokenGenerationConfig"] = {"LambdaVersion": f"V{version}_0", "LambdaArn": arn("tokens")}
    pool = await server.pool(LambdaConfig=config)
    await server.user(pool, "anna", email="anna@example.com")
    await server.call("CreateGroup", UserPoolId=pool, GroupName="editors", RoleArn=ROLE, Precedence=1)
    await server.call("AdminAddUserToGroup", UserPoolId=pool, Username="anna", GroupName="editors")
    return pool, await server.client(pool, **client)


def answers(server: TestServer, details: Any, version: int = 1) -> None:
    member = "claimsOverrideDetails" if version == 1 else "claimsAndScopeOverrideDetails"
    server.functions.add("tokens", lambda event: {member: details})


async def both(server: TestServer, client: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The claims of the access token and of the id token."""
    result = await server.sign_in(client, "anna")
    return claims(result["AccessToken"]), claims(result["IdToken"])


class TestVersion1:
    async def test_the_event(self, server: TestServer) -> None:
        pool, client = await app(server)
        await both(server, client)
        (event,) = server.functions.events
        assert (event["version"], event["triggerSource"], event["userPoolId"]) == ("1", "TokenGeneration_Authentication", pool)
        assert event["request"]["groupConfiguration"] == {
            "groupsToOverride": ["editors"],
            "iamRolesToOverride": [ROLE],
            "preferredRole": ROLE,
        }
        assert event["request"].keys() == {"userAttributes", "groupConfiguration"}
        assert event["request"]["userAttributes"]["email"] == "anna@example.com"
        assert event["response"] == {"claimsOverrideDetails": None}

    async def test_claims_of_the_id_token(self, server: TestServer) -> None:
        """Added, changed, suppressed; what is both changed and suppressed is suppressed. The access token stays."""
        _, client = await app(server)
        answers(
            server,
            {
                "claimsToAddOrOverride": {"tenant": "7", "email": "other@example.com", "both": "1"},
                "claimsToSuppress": ["both", "email_verified"],
            },
        )
        access, identity = await both(server, client)
        assert (identity["tenant"], identity["email"]) == ("7", "other@example.com")
        assert "both" not in identity and "email_verified" not in identity
        assert "tenant" not in access
        assert identity["cognito:groups"] == ["editors"], "groups that the answer does not speak of stay"

    async def test_what_cannot_be_changed(self, server: TestServer) -> None:
        """AWS's list: a token's issuer, time, subject and kind are not the function's."""
        _, client = await app(server)
        names = "acr amr aud at_hash auth_time azp cognito:username exp iat identities iss jti nbf nonce origin_jti sub token_use"
        reserved = [*names.split(), "cognito:groups", "cognito:roles"]
        _, before = await both(server, client)
        answers(server, {"claimsToAddOrOverride": dict.fromkeys(reserved, "forged"), "claimsToSuppress": reserved})
        _, after = await both(server, client)
        assert after.keys() == before.keys()
        assert "forged" not in after.values()

    @pytest.mark.parametrize("given", [None, {}])
    async def test_groups_taken_away(self, server: TestServer, given: Any) -> None:
        """AWS: "If you provide an empty or null object in the response, then the groups are suppressed." In both tokens."""
        _, client = await app(server)
        answers(server, {"groupOverrideDetails": given})
        access, identity = await both(server, client)
        assert "cognito:groups" not in access
        assert identity.keys() & {"cognito:groups", "cognito:roles", "cognito:preferred_role"} == set()

    async def test_groups_replaced(self, server: TestServer) -> None:
        _, client = await app(server)
        role = "arn:aws:iam::000000000000:role/other"
        answers(server, {"groupOverrideDetails": {"groupsToOverride": ["a", "b"], "iamRolesToOverride": [role], "preferredRole": role}})
        access, identity = await both(server, client)
        assert access["cognito:groups"] == identity["cognito:groups"] == ["a", "b"]
        assert (identity["cognito:roles"], identity["cognito:preferred_role"]) == ([role], role)

    @pytest.mark.parametrize(
        "details",
        [7, [], {"claimsToAddOrOverride": {"n": 7}}, {"claimsToSuppress": "email"}, {"groupOverrideDetails": {"groupsToOverride": [1]}}],
    )
    async def test_wrong_typed_answers_give_no_tokens(self, server: TestServer, details: Any) -> None:
        pool, client = await app(server)
        answers(server, details)
        with pytest.raises(AwsError) as refused:
            await server.sign_in(client, "anna")
        assert (refused.value.code, refused.value.message) == UNRECOGNIZABLE
        assert await server.store.engine.rows("SELECT origin_jti FROM sessions WHERE pool_id = $1", pool) == []


class TestVersions2And3:
    @pytest.mark.parametrize("version", [2, 3])
    async def test_both_tokens_and_scopes(self, server: TestServer, version: int) -> None:
        """Claims of any JSON value, scopes added and suppressed."""
        _, client = await app(server, version)
        address = {"city": "Paris", "tags": [1, True]}
        details = {
            "idTokenGeneration": {"claimsToAddOrOverride": {"place": address}, "claimsToSuppress": ["email"]},
            "accessTokenGeneration": {
                "claimsToAddOrOverride": {"place": address, "aud": client},
                "claimsToSuppress": ["nothing"],
                "scopesToAdd": ["shop/read", "shop/write"],
                "scopesToSuppress": [SCOPE, "shop/write"],
            },
        }
        answers(server, details, version)
        access, identity = await both(server, client)
        (event,) = server.functions.events
        assert (event["version"], event["request"]["scopes"]) == (str(version), [SCOPE])
        assert event["response"] == {"claimsAndScopeOverrideDetails": None}
        assert (access["place"], identity["place"], access["aud"]) == (address, address, client)
        assert access["scope"] == "shop/read"
        assert "email" not in identity

    async def test_what_the_access_token_keeps(self, server: TestServer) -> None:
        _, client = await app(server, 2)
        reserved = [
            "aud",
            "auth_time",
            "client_id",
            "event_id",
            "exp",
            "iat",
            "iss",
            "jti",
            "origin_jti",
            "scope",
            "sub",
            "token_use",
            "username",
        ]
        before, _ = await both(server, client)
        answers(
            server, {"accessTokenGeneration": {"claimsToAddOrOverride": dict.fromkeys(reserved, "forged"), "claimsToSuppress": reserved}}, 2
        )
        after, _ = await both(server, client)
        assert after.keys() == before.keys()
        assert "forged" not in after.values()

    async def test_a_token_without_the_scope_does_not_act(self, server: TestServer) -> None:
        _, client = await app(server, 2)
        answers(server, {"accessTokenGeneration": {"scopesToSuppress": [SCOPE]}}, 2)
        result = await server.sign_in(client, "anna")
        found = await refusal(server, "GetUser", AccessToken=result["AccessToken"])
        assert found == ("NotAuthorizedException", "Access Token does not have required scopes")

    @pytest.mark.parametrize(
        "details",
        [
            {"accessTokenGeneration": {"scopesToAdd": ["two words"]}},
            {"accessTokenGeneration": {"scopesToAdd": "openid"}},
            {"idTokenGeneration": {"claimsToAddOrOverride": {"address": {"city": "Paris"}}}},
            {"idTokenGeneration": {"claimsToAddOrOverride": ["a"]}},
        ],
    )
    async def test_wrong_answers(self, server: TestServer, details: Any) -> None:
        _, client = await app(server, 2)
        answers(server, details, 2)
        with pytest.raises(AwsError) as refused:
            await server.sign_in(client, "anna")
        assert (refused.value.code, refused.value.message) == UNRECOGNIZABLE

    async def test_configuration(self, server: TestServer) -> None:
        """Both members name one function; the newer alone stands for the older; LITE has version 1 only."""
        newer = {"LambdaVersion": "V2_0", "LambdaArn": arn("a")}
        pool = await server.pool(LambdaConfig={"PreTokenGenerationConfig": newer})
        shown = (await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]["LambdaConfig"]
        assert shown == {"PreTokenGeneration": arn("a"), "PreTokenGenerationConfig": newer}
        config = {"PreTokenGeneration": arn("b"), "PreTokenGenerationConfig": newer}
        assert (await refusal(server, "CreateUserPool", PoolName="x", LambdaConfig=config))[0] == "InvalidParameterException"
        lite = {"PoolName": "x", "UserPoolTier": "LITE", "LambdaConfig": {"PreTokenGenerationConfig": newer}}
        assert (await refusal(server, "CreateUserPool", **lite))[0] == "FeatureUnavailableInTierException"


class TestPaths:
    async def test_refresh(self, server: TestServer) -> None:
        """FIDELITY B.6.57: InitiateAuth's ClientMetadata does not come, GetTokensFromRefreshToken's does."""
        _, client = await app(server)
        tokens = await server.sign_in(client, "anna")
        server.functions.events.clear()
        answers(server, {"claimsToAddOrOverride": {"fresh": "yes"}})
        renewed = await server.call(
            "InitiateAuth",
            ClientId=client,
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]},
            ClientMetadata={"from": "web"},
        )
        assert claims(renewed["AuthenticationResult"]["IdToken"])["fresh"] == "yes"
        await server.call("GetTokensFromRefreshToken", ClientId=client, RefreshToken=tokens["RefreshToken"], ClientMetadata={"a": "1"})
        first, second = server.functions.events
        assert (first["triggerSource"], second["triggerSource"]) == ("TokenGeneration_RefreshTokens", "TokenGeneration_RefreshTokens")
        assert ("clientMetadata" in first["request"], second["request"]["clientMetadata"]) == (False, {"a": "1"})

    async def test_a_refused_rotation_spends_nothing(self, server: TestServer) -> None:
        rotation = {"Feature": "ENABLED", "RetryGracePeriodSeconds": 0}
        flows = ["ALLOW_USER_PASSWORD_AUTH"]
        _, client = await app(server, RefreshTokenRotation=rotation, ExplicitAuthFlows=flows)
        tokens = await server.sign_in(client, "anna")
        server.functions.add("tokens", lambda event: b"nonsense")
        found = await refusal(server, "GetTokensFromRefreshToken", ClientId=client, RefreshToken=tokens["RefreshToken"])
        assert found == ("InvalidLambdaResponseException", "Invalid lambda function output : Invalid JSON")
        server.functions.add("tokens", lambda event: {})
        renewed = await server.call("GetTokensFromRefreshToken", ClientId=client, RefreshToken=tokens["RefreshToken"])
        assert "RefreshToken" in renewed["AuthenticationResult"]

    async def test_a_new_password(self, server: TestServer) -> None:
        pool, client = await app(server)
        await server.call("AdminSetUserPassword", UserPoolId=pool, Username="anna", Password=PASSWORD, Permanent=False)
        asked = await server.sign_in(client, "anna")
        assert server.functions.events == []
        responses = {"USERNAME": "anna", "NEW_PASSWORD": "New-Horse-99"}
        await server.call(
            "RespondToAuthChallenge",
            ClientId=client,
            ChallengeName=asked["ChallengeName"],
            Session=asked["Session"],
            ChallengeResponses=responses,
            ClientMetadata={"step": "2"},
        )
        (event,) = server.functions.events
        assert event["triggerSource"] == "TokenGeneration_NewPasswordChallenge"
        assert event["request"]["clientMetadata"] == {"step": "2"}


class TestSize:
    async def test_as_large_as_a_token_may_be(self, server: TestServer) -> None:
        """The token that is given out is one that is taken back."""
        _, client = await app(server, 2)
        answers(server, {"accessTokenGeneration": {"claimsToAddOrOverride": {"big": "x" * 47_000}}}, 2)
        token = (await server.sign_in(client, "anna"))["AccessToken"]
        assert (await server.call("GetUser", AccessToken=token))["Username"] == "anna"

    @pytest.mark.parametrize("token", ["accessTokenGeneration", "idTokenGeneration"])
    @pytest.mark.parametrize("claim", ["x" * 48_000, ["x" * 100] * 500, {"deep": [[[]]] * 20_000}], ids=["text", "list", "object"])
    async def test_larger_ones_make_no_session(self, server: TestServer, token: str, claim: Any) -> None:
        """Else a user would have tokens that every operation refuses."""
        pool, client = await app(server, 2)
        answers(server, {token: {"claimsToAddOrOverride": {"big": claim}}}, 2)
        await server.call("SetUserPoolSessionConfiguration", UserPoolId=pool, UserSessionTracking="ENABLED", TokenSession={"MaxPerUser": 3})
        text = "The claims of the lambda function output are too large for a token."
        for _ in range(2):
            with pytest.raises(AwsError) as refused:
                await server.sign_in(client, "anna")
            assert (refused.value.code, refused.value.message) == ("InvalidLambdaResponseException", text)
        assert (await server.call("AdminListUserSessions", UserPoolId=pool, Username="anna"))["Sessions"] == []

    async def test_a_refresh_that_grew_too_large(self, server: TestServer) -> None:
        """The session stays, and its refresh token is good again once the function is."""
        _, client = await app(server, 2)
        refresh = (await server.sign_in(client, "anna"))["RefreshToken"]
        answers(server, {"idTokenGeneration": {"claimsToAddOrOverride": {"big": "x" * 60_000}}}, 2)
        again: dict[str, Any] = {"ClientId": client, "AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": {"REFRESH_TOKEN": refresh}}
        assert (await refusal(server, "InitiateAuth", **again))[0] == "InvalidLambdaResponseException"
        server.functions.add("tokens", lambda event: {})
        assert "IdToken" in (await server.call("InitiateAuth", **again))["AuthenticationResult"]
