"""CUSTOM_AUTH: the pool's own functions decide, with and without SRP first; what they answer wrongly lets nobody in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.functions import arn
from tests.kit.mfa import CONTACTS, answer, set_mfa, wrong_code
from tests.kit.server import AwsError, TestServer
from tests.kit.sign_in import srp_client, srp_responses

FLOWS = ["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
INCORRECT = ("NotAuthorizedException", "Incorrect username or password.")


def three_tries(event: dict[str, Any]) -> dict[str, Any]:
    """Define: a custom challenge until it is answered, three times at most."""
    rounds = [item for item in event["request"]["session"] if item["challengeName"] == "CUSTOM_CHALLENGE"]
    if rounds and rounds[-1]["challengeResult"]:
        return {"issueTokens": True, "failAuthentication": False}
    if len(rounds) == 3:
        return {"issueTokens": False, "failAuthentication": True}
    return {"challengeName": "CUSTOM_CHALLENGE", "issueTokens": False, "failAuthentication": False}


def riddle(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "publicChallengeParameters": {"question": "7 x 6?"},
        "privateChallengeParameters": {"answer": "42"},
        "challengeMetadata": f"ROUND_{len(event['request']['session'])}",
    }


def judged(event: dict[str, Any]) -> dict[str, Any]:
    return {"answerCorrect": event["request"]["challengeAnswer"] == event["request"]["privateChallengeParameters"]["answer"]}


async def app(server: TestServer, **functions: Any) -> tuple[str, str]:
    """(pool, client) with the user anna, and the three functions as above unless told."""
    given = {"define": three_tries, "create": riddle, "verify": judged, **functions}
    for name, function in given.items():
        server.functions.add(name, function)
    triggers = {"DefineAuthChallenge": arn("define"), "CreateAuthChallenge": arn("create"), "VerifyAuthChallengeResponse": arn("verify")}
    pool = await server.pool(LambdaConfig=triggers)
    await server.user(pool, "anna", **CONTACTS)
    return pool, await server.client(pool, ExplicitAuthFlows=FLOWS, PreventUserExistenceErrors="ENABLED")


async def begin(server: TestServer, client: str, username: str = "anna", **parameters: str) -> Any:
    answered = await server.call(
        "InitiateAuth",
        ClientId=client,
        AuthFlow="CUSTOM_AUTH",
        AuthParameters={"USERNAME": username, **parameters},
        ClientMetadata={"from": "initiate"},
    )
    return answered.get("AuthenticationResult", answered)


class TestCustomChallenge:
    async def test_asked_and_answered(self, server: TestServer) -> None:
        _, client = await app(server)
        asked = await begin(server, client)
        assert asked["ChallengeName"] == "CUSTOM_CHALLENGE"
        assert asked["ChallengeParameters"] == {"USERNAME": "anna", "question": "7 x 6?"}, "what is private stays here"
        assert "AccessToken" in await answer(server, client, asked, ANSWER="42")

    async def test_what_the_functions_see(self, server: TestServer) -> None:
        """FIDELITY B.3.37, B.6.58: one element a round, attributes as strings, the caller's client."""
        pool, client = await app(server)
        asked = await begin(server, client)
        asked = await answer(server, client, asked, ANSWER="41")
        await answer(server, client, asked, ANSWER="42")
        sources = [event["triggerSource"] for event in server.functions.events]
        define, create = "DefineAuthChallenge_Authentication", "CreateAuthChallenge_Authentication"
        verify = "VerifyAuthChallengeResponse_Authentication"
        assert sources == [define, create, verify, define, create, verify, define]
        last = server.functions.events[-1]
        assert (last["version"], last["userPoolId"], last["userName"], last["region"]) == ("1", pool, "anna", "us-east-1")
        assert last["callerContext"]["clientId"] == client
        assert last["request"]["session"] == [
            {"challengeName": "CUSTOM_CHALLENGE", "challengeResult": False, "challengeMetadata": "ROUND_0"},
            {"challengeName": "CUSTOM_CHALLENGE", "challengeResult": True, "challengeMetadata": "ROUND_1"},
        ]
        seen = last["request"]["userAttributes"]
        assert (seen["email"], seen["cognito:user_status"], seen["sub"] != "") == (CONTACTS["email"], "CONFIRMED", True)
        assert server.functions.events[2]["request"]["challengeAnswer"] == "41"

    async def test_three_wrong_answers(self, server: TestServer) -> None:
        _, client = await app(server)
        asked = await begin(server, client)
        for _ in range(2):
            asked = await answer(server, client, asked, ANSWER="41")
            assert asked["ChallengeName"] == "CUSTOM_CHALLENGE"
        assert await wrong_code(server, client, asked, ANSWER="41") == INCORRECT

    async def test_a_session_answers_once(self, server: TestServer) -> None:
        """Nobody gets a fourth try by going back to an older session."""
        _, client = await app(server)
        asked = await begin(server, client)
        await answer(server, client, asked, ANSWER="41")
        assert (await wrong_code(server, client, asked, ANSWER="42"))[1] == ("Invalid session for the user, session can only be used once.")

    async def test_nobody(self, server: TestServer) -> None:
        """The functions are asked with userNotFound; tokens there are none, whatever they answer."""
        _, client = await app(server)
        asked = await begin(server, client, "nobody")
        assert asked["ChallengeName"] == "CUSTOM_CHALLENGE"
        assert server.functions.events[0]["request"]["userNotFound"] is True
        with pytest.raises(AwsError) as refused:
            await answer(server, client, asked, "nobody", ANSWER="42")
        assert (refused.value.code, refused.value.message) == INCORRECT

    async def test_unconfirmed_and_disabled_users(self, server: TestServer) -> None:
        pool, client = await app(server)
        asked = await begin(server, client)
        await server.call("AdminDisableUser", UserPoolId=pool, Username="anna")
        assert (await wrong_code(server, client, asked, ANSWER="42"))[1] == "User is disabled."


class TestAfterSrp:
    async def test_srp_first(self, server: TestServer) -> None:
        """PASSWORD_VERIFIER is built in; CreateAuthChallenge is not asked for it (FIDELITY B.3.37)."""

        def define(event: dict[str, Any]) -> dict[str, Any]:
            names = [(item["challengeName"], item["challengeResult"]) for item in event["request"]["session"]]
            if names == [("SRP_A", True)]:
                return {"challengeName": "PASSWORD_VERIFIER"}
            if names == [("SRP_A", True), ("PASSWORD_VERIFIER", True)]:
                return {"challengeName": "CUSTOM_CHALLENGE"}
            return {"issueTokens": names[-1] == ("CUSTOM_CHALLENGE", True)}

        pool, client = await app(server, define=define)
        srp = srp_client(pool)
        asked = await begin(server, client, CHALLENGE_NAME="SRP_A", SRP_A=srp.srp_a)
        assert asked["ChallengeName"] == "PASSWORD_VERIFIER"
        responses = srp_responses(server, srp, asked["ChallengeParameters"])
        asked = await server.call(
            "RespondToAuthChallenge", ClientId=client, ChallengeName="PASSWORD_VERIFIER", ChallengeResponses=responses
        )
        assert asked["ChallengeName"] == "CUSTOM_CHALLENGE"
        assert "AccessToken" in await answer(server, client, asked, ANSWER="42")

    async def test_a_wrong_password_ends_it(self, server: TestServer) -> None:
        pool, client = await app(server, define=lambda event: {"challengeName": "PASSWORD_VERIFIER"})
        srp = srp_client(pool, "Wrong-Horse-9")
        asked = await begin(server, client, CHALLENGE_NAME="SRP_A", SRP_A=srp.srp_a)
        responses = srp_responses(server, srp, asked["ChallengeParameters"])
        with pytest.raises(AwsError) as refused:
            await server.call("RespondToAuthChallenge", ClientId=client, ChallengeName="PASSWORD_VERIFIER", ChallengeResponses=responses)
        assert (refused.value.code, refused.value.message) == INCORRECT

    async def test_a_built_in_second_factor(self, server: TestServer) -> None:
        """DefineAuthChallenge may ask for SMS_MFA; the code is proved here, not by the functions."""

        def define(event: dict[str, Any]) -> dict[str, Any]:
            done = [item["challengeName"] for item in event["request"]["session"]]
            return {"issueTokens": True} if done == ["SMS_MFA"] else {"challengeName": "SMS_MFA"}

        pool, client = await app(server, define=define)
        await set_mfa(server, pool, "OPTIONAL", "sms")
        asked = await begin(server, client)
        assert asked["ChallengeName"] == "SMS_MFA"
        assert (await wrong_code(server, client, asked, SMS_MFA_CODE="x"))[0] == "CodeMismatchException"
        assert "AccessToken" in await answer(server, client, asked, SMS_MFA_CODE=await server.code(CONTACTS["phone_number"]))


class TestFunctionsThatFail:
    async def test_no_triggers(self, server: TestServer) -> None:
        """The flow fails, it never falls back to a password."""
        pool = await server.pool()
        await server.user(pool, "anna")
        client = await server.client(pool, ExplicitAuthFlows=FLOWS)
        with pytest.raises(AwsError) as refused:
            await begin(server, client)
        assert (refused.value.code, refused.value.message) == (
            "InvalidParameterException",
            "Custom auth lambda trigger is not configured for the user pool.",
        )

    async def test_no_function(self, server: TestServer) -> None:
        pool, client = await app(server)
        config = {name: arn("nowhere") for name in ("DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse")}
        await server.call("UpdateUserPool", UserPoolId=pool, LambdaConfig=config)
        with pytest.raises(AwsError) as refused:
            await begin(server, client)
        assert (refused.value.code, refused.value.message) == (
            "UnexpectedLambdaException",
            "DefineAuthChallenge invocation failed due to error AccessDeniedException.",
        )

    async def test_a_function_that_raises(self, server: TestServer) -> None:
        def define(event: dict[str, Any]) -> dict[str, Any]:
            raise ValueError("no such tenant")

        _, client = await app(server, define=define)
        with pytest.raises(AwsError) as refused:
            await begin(server, client)
        assert (refused.value.code, refused.value.message) == (
            "UserLambdaValidationException",
            "DefineAuthChallenge failed with error no such tenant.",
        )

    @pytest.mark.parametrize(
        "answered",
        [
            b"",
            b"nothing",
            b"[]",
            b"7",
            b'{"response": 7}',
            b'{"response": {}}',
            b'{"response": {"challengeName": 7}}',
            b'{"response": {"challengeName": "PASSWORD_VERIFIER"}}',
            b'{"response": {"challengeName": "SOMETHING"}}',
            b'{"response": {"issueTokens": "true"}}',
            b'{"response": {"issueTokens": 1}}',
            b"[" * 100_000,
        ],
    )
    async def test_answers_that_say_nothing(self, server: TestServer, answered: bytes) -> None:
        """Only a true `issueTokens` issues tokens."""
        _, client = await app(server, define=lambda event: answered)
        with pytest.raises(AwsError) as refused:
            await begin(server, client)
        assert refused.value.code == "InvalidLambdaResponseException"

    @pytest.mark.parametrize(
        "created",
        [
            {"publicChallengeParameters": {"a": 1}},
            {"privateChallengeParameters": ["a"]},
            {"challengeMetadata": 7},
            {"privateChallengeParameters": {"a": "x" * 3_000}},
        ],
    )
    async def test_questions_that_are_none(self, server: TestServer, created: dict[str, Any]) -> None:
        _, client = await app(server, create=lambda event: created)
        with pytest.raises(AwsError) as refused:
            await begin(server, client)
        assert refused.value.code == "InvalidLambdaResponseException"

    async def test_a_verdict_that_is_none(self, server: TestServer) -> None:
        _, client = await app(server, verify=lambda event: {"answerCorrect": "yes"})
        asked = await begin(server, client)
        assert (await wrong_code(server, client, asked, ANSWER="42"))[0] == "InvalidLambdaResponseException"

    async def test_functions_that_never_end_it(self, server: TestServer) -> None:
        """Twenty rounds, then it is over."""
        _, client = await app(server, define=lambda event: {"challengeName": "CUSTOM_CHALLENGE"})
        asked = await begin(server, client)
        for _ in range(20):
            asked = await answer(server, client, asked, ANSWER="41")
        assert await wrong_code(server, client, asked, ANSWER="42") == INCORRECT
