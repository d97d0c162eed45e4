"""PreAuthentication and PostAuthentication: when they are asked, what they see, and that a refusal gives no tokens."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit import risk
from tests.kit.functions import arn
from tests.kit.mfa import answer
from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import WRONG, srp_sign_in

INCORRECT = ("NotAuthorizedException", "Incorrect username or password.")
BOTH = {"PreAuthentication": arn("pre"), "PostAuthentication": arn("post")}


def raises(event: dict[str, Any]) -> dict[str, Any]:
    raise RuntimeError("not today")


async def app(server: TestServer, hidden: str = "ENABLED", **members: Any) -> tuple[str, str]:
    server.functions.add("pre", lambda event: {})
    server.functions.add("post", lambda event: {})
    pool = await server.pool(LambdaConfig=BOTH, **members)
    await server.user(pool, "anna", email="anna@example.com")
    return pool, await server.client(pool, PreventUserExistenceErrors=hidden)


def sources(server: TestServer) -> list[str]:
    return [event["triggerSource"].removesuffix("_Authentication") for event in server.functions.events]


async def refused(server: TestServer, client: str, username: str = "anna", password: str = PASSWORD) -> tuple[str, str]:
    with pytest.raises(AwsError) as error:
        await server.sign_in(client, username, password)
    return error.value.code, error.value.message


async def test_the_events_of_a_sign_in(server: TestServer) -> None:
    """ClientMetadata of InitiateAuth reaches PreAuthentication alone, as validationData."""
    pool, client = await app(server)
    await server.call(
        "InitiateAuth",
        ClientId=client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "anna", "PASSWORD": PASSWORD},
        ClientMetadata={"from": "web"},
    )
    pre, post = server.functions.events
    attributes = post["request"]["userAttributes"]
    assert (attributes["cognito:user_status"], attributes["email"]) == ("CONFIRMED", "anna@example.com")
    assert pre["request"] == {"userAttributes": attributes, "validationData": {"from": "web"}, "userNotFound": False}
    assert post["request"] == {"userAttributes": attributes, "newDeviceUsed": False}
    assert (pre["triggerSource"], pre["userName"], pre["response"]) == ("PreAuthentication_Authentication", "anna", {})
    assert (post["triggerSource"], post["userPoolId"], post["version"]) == ("PostAuthentication_Authentication", pool, "1")


async def test_a_wrong_password(server: TestServer) -> None:
    """FIDELITY B.2.17: once before the password, PostAuthentication only on success."""
    _, client = await app(server)
    assert await refused(server, client, password=WRONG) == INCORRECT
    assert sources(server) == ["PreAuthentication"]


async def test_an_unknown_user(server: TestServer) -> None:
    _, client = await app(server)
    assert await refused(server, client, "nobody") == INCORRECT
    assert sources(server) == ["PreAuthentication"]
    assert server.functions.events[0]["request"] == {"userAttributes": {}, "validationData": None, "userNotFound": True}


async def test_where_users_are_not_hidden(server: TestServer) -> None:
    """`userNotFound` is written only with PreventUserExistenceErrors."""
    _, client = await app(server, "LEGACY")
    await server.sign_in(client, "anna")
    assert "userNotFound" not in server.functions.events[0]["request"]
    assert await refused(server, client, "nobody") == ("UserNotFoundException", "User does not exist.")
    assert sources(server) == ["PreAuthentication", "PostAuthentication"]


@pytest.mark.parametrize("password", [PASSWORD, WRONG])
async def test_a_refusal_before(server: TestServer, password: str) -> None:
    """FIDELITY B.2.18: whatever the password; and it is not counted as a wrong one."""
    _, client = await app(server)
    server.functions.add("pre", raises)
    expected = ("UserLambdaValidationException", "PreAuthentication failed with error not today.")
    for _ in range(7):
        assert await refused(server, client, password=password) == expected
    server.functions.add("pre", lambda event: {})
    assert "AccessToken" in await server.sign_in(client, "anna")


async def test_a_refusal_after(server: TestServer) -> None:
    """No tokens, and no session that a refresh token could continue."""
    pool, client = await app(server)
    server.functions.add("post", raises)
    assert await refused(server, client) == ("UserLambdaValidationException", "PostAuthentication failed with error not today.")
    rows = await server.store.engine.rows("SELECT origin_jti FROM sessions WHERE pool_id = $1", pool)
    assert rows == []


async def test_once_in_a_sign_in_with_a_challenge(server: TestServer) -> None:
    """PreAuthentication as it begins, PostAuthentication as it ends; the answer's ClientMetadata reaches the latter."""
    pool, client = await app(server)
    await server.call("AdminSetUserPassword", UserPoolId=pool, Username="anna", Password=PASSWORD, Permanent=False)
    asked = await server.sign_in(client, "anna")
    assert sources(server) == ["PreAuthentication"]
    await server.call(
        "RespondToAuthChallenge",
        ClientId=client,
        ChallengeName=asked["ChallengeName"],
        Session=asked["Session"],
        ChallengeResponses={"USERNAME": "anna", "NEW_PASSWORD": "New-Horse-99"},
        ClientMetadata={"step": "2"},
    )
    assert sources(server) == ["PreAuthentication", "PostAuthentication"]
    assert server.functions.events[1]["request"]["clientMetadata"] == {"step": "2"}


async def test_srp(server: TestServer) -> None:
    pool, client = await app(server)
    answered = await srp_sign_in(server, pool, client, "anna")
    assert "AuthenticationResult" in answered
    assert sources(server) == ["PreAuthentication", "PostAuthentication"]


async def test_a_refresh_asks_neither(server: TestServer) -> None:
    _, client = await app(server)
    tokens = await server.sign_in(client, "anna")
    server.functions.events.clear()
    await server.call(
        "InitiateAuth", ClientId=client, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]}
    )
    assert sources(server) == []


async def test_a_pool_that_remembers_devices(server: TestServer) -> None:
    """newDeviceUsed where the pool remembers devices and none was proved."""
    _, client = await app(server, DeviceConfiguration={"DeviceOnlyRememberedOnUserPrompt": False})
    await server.sign_in(client, "anna")
    assert server.functions.events[1]["request"]["newDeviceUsed"] is True


async def test_custom_challenges_see_the_answers_metadata_alone(server: TestServer) -> None:
    """AWS's documentation of InitiateAuth: Define and Create are asked without its ClientMetadata."""
    server.functions.add(
        "define", lambda event: {"challengeName": "CUSTOM_CHALLENGE"} if not event["request"]["session"] else {"issueTokens": True}
    )
    server.functions.add("create", lambda event: {"publicChallengeParameters": {}, "privateChallengeParameters": {}})
    server.functions.add("verify", lambda event: {"answerCorrect": True})
    triggers = {"DefineAuthChallenge": arn("define"), "CreateAuthChallenge": arn("create"), "VerifyAuthChallengeResponse": arn("verify")}
    pool = await server.pool(LambdaConfig=triggers)
    await server.user(pool, "anna")
    client = await server.client(pool, ExplicitAuthFlows=["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
    asked = await server.call(
        "InitiateAuth", ClientId=client, AuthFlow="CUSTOM_AUTH", AuthParameters={"USERNAME": "anna"}, ClientMetadata={"from": "web"}
    )
    assert ["clientMetadata" in event["request"] for event in server.functions.events] == [False, False]
    await answer(server, client, asked, ANSWER="x")


async def test_a_refusal_after_is_in_the_users_history(server: TestServer) -> None:
    """With threat protection the event of a sign-in that PostAuthentication refused has failed."""
    server.functions.add("post", raises)
    pool, client = await risk.anna(server, LambdaConfig={"PostAuthentication": arn("post")})
    with pytest.raises(AwsError):
        await risk.from_server(server, pool, client)
    assert [event["EventResponse"] for event in await risk.events(server, pool)] == ["Fail"]
