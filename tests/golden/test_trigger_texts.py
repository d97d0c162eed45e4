"""The texts of errors that come of Lambda triggers, each with where it comes from (as in test_texts.py)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cognomen.api.errors import ServiceError
from cognomen.kernel.threads import Threads
from cognomen.triggers import custom_senders, invoke
from cognomen.triggers.invoke import Triggers
from cognomen.triggers.runner import FunctionUnreachable
from cognomen.ways_out import sender_keys_of
from tests.kit.functions import arn
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, TestServer

LAMBDA, UNEXPECTED, OUTPUT = "UserLambdaValidationException", "UnexpectedLambdaException", "InvalidLambdaResponseException"


def raises(message: str) -> Any:
    def function(event: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError(message)

    return function


# (PreSignUp's function, code, text, source)
TEXTS: list[tuple[Any, str, str, str]] = [
    (raises("no"), LAMBDA, "PreSignUp failed with error no.", "B.6.59"),
    (raises("No, thanks."), LAMBDA, "PreSignUp failed with error No, thanks.", "B.6.59"),
    (None, UNEXPECTED, "PreSignUp invocation failed due to error AccessDeniedException.", "B.6.59"),
    (lambda event: b"{", OUTPUT, "Invalid lambda function output : Invalid JSON", "aws-amplify/amplify-cli #2735"),
    (lambda event: b"null", OUTPUT, "Invalid lambda function output : Invalid JSON", "aws-amplify/amplify-cli #4341"),
    (lambda event: b"[]", OUTPUT, "Unrecognizable lambda output", "amazon-archives/amazon-cognito-identity-js #167"),
    (lambda event: {"autoVerifyEmail": True}, OUTPUT, "Cannot verify email: the user has none.", "ours"),
]


@pytest.mark.parametrize(("function", "code", "text", "source"), TEXTS, ids=[text for _, _, text, _ in TEXTS])
async def test_text(server: TestServer, function: Any, code: str, text: str, source: str) -> None:
    """The text is what its source says it is."""
    if function is not None:
        server.functions.add("pre", function)
    client = await server.client(await server.pool(LambdaConfig={"PreSignUp": arn("pre")}))
    assert await refusal(server, "SignUp", ClientId=client, Username="anna", Password=PASSWORD) == (code, text)


async def test_migration(server: TestServer) -> None:
    """As remembered; a project's error map looks for its beginning (`startsWith("Exception migrating user in app client")`)."""
    config = {"UserMigration": server.functions.add("migrate", raises("Bad password"))}
    client = await server.client(await server.pool(LambdaConfig=config))
    parameters = {"USERNAME": "old", "PASSWORD": PASSWORD}
    found = await refusal(server, "InitiateAuth", ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
    assert found == ("UserNotFoundException", f"Exception migrating user in app client {client}")


async def test_a_long_message_is_cut(server: TestServer) -> None:
    """A function's text may be of megabytes; the answer to a client is not."""
    server.functions.add("pre", raises("no " * 400_000))
    client = await server.client(await server.pool(LambdaConfig={"PreSignUp": arn("pre")}))
    code, text = await refusal(server, "SignUp", ClientId=client, Username="anna", Password=PASSWORD)
    assert (code, text) == (LAMBDA, f"PreSignUp failed with error {('no ' * 400)[:1_000]}….")


class Away:
    """Never answers: keeps the time that it was given, and the tries."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def run(self, arn: str, event: bytes, limit: asyncio.Timeout | None = None) -> bytes:
        until = limit.when() if limit is not None else None
        self.seconds.append(until - asyncio.get_running_loop().time() if until is not None else 0.0)
        raise FunctionUnreachable("nobody there")


async def test_five_seconds_and_three_tries(server: TestServer) -> None:
    """What a server is shipped with (B.6.59); tests elsewhere wait for less."""
    away = Away()
    keys = sender_keys_of(server.server.settings, server.server.rooms.sealer, Threads("keys"))
    with pytest.raises(ServiceError) as refused:
        await Triggers(away, keys).ask("PreSignUp", arn("pre"), {})
    text = "PreSignUp invocation failed due to error ServiceUnavailableException."
    assert (refused.value.code, refused.value.message) == (UNEXPECTED, text)
    assert [round(seconds, 1) for seconds in away.seconds] == [5.0, 5.0, 5.0]
    assert (invoke.SECONDS, invoke.TRIES, 1 + len(custom_senders.PAUSES)) == (5.0, 3, 3)


class TestConfiguration:
    """Ours: AWS's words are not known."""

    async def test_a_sender_without_a_key(self, server: TestServer) -> None:
        config = {"CustomSMSSender": {"LambdaVersion": "V1_0", "LambdaArn": arn("sender")}}
        found = await refusal(server, "CreateUserPool", PoolName="x", LambdaConfig=config)
        assert found == ("InvalidParameterException", "KMSKeyID is required for custom sender Lambda triggers.")

    async def test_two_functions_for_one_trigger(self, server: TestServer) -> None:
        newer = {"LambdaVersion": "V2_0", "LambdaArn": arn("a")}
        config = {"PreTokenGeneration": arn("b"), "PreTokenGenerationConfig": newer}
        found = await refusal(server, "CreateUserPool", PoolName="x", LambdaConfig=config)
        assert found == (
            "InvalidParameterException",
            "PreTokenGeneration and the LambdaArn of PreTokenGenerationConfig must be identical.",
        )

    async def test_access_tokens_in_lite(self, server: TestServer) -> None:
        config = {"PreTokenGenerationConfig": {"LambdaVersion": "V3_0", "LambdaArn": arn("a")}}
        found = await refusal(server, "CreateUserPool", PoolName="x", UserPoolTier="LITE", LambdaConfig=config)
        assert found == (
            "FeatureUnavailableInTierException",
            "Access token customization is not available in this tier. Change the user pool to the Essentials tier.",
        )
