"""A row of `user_directories` in the place of the UserMigration function: the directory is asked, and the user is here from then on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cognomen.kernel import outbound
from tests.kit.dripping import Dripping
from tests.kit.functions import arn
from tests.kit.imports import counts, imported, person, sheet
from tests.kit.receiver import Receiver
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import WRONG, srp_sign_in

SECRET = "a secret of thirty-two characters"
INCORRECT = ("NotAuthorizedException", "Incorrect username or password.")
SUB = "0f1c2d3e-4a5b-7c6d-8e7f-102030405060"
ANNA = json.dumps({"attributes": {"email": "anna@example.com", "email_verified": "true"}, "sub": SUB}).encode()


@pytest.fixture
def directory() -> Iterator[Receiver]:
    """Knows everybody as anna, until a test says otherwise."""
    with Receiver((200, ANNA)) as receiver:
        yield receiver


@pytest.fixture
def dripping() -> Iterator[Dripping]:
    with Dripping() as server:
        yield server


@pytest.fixture
def settings(directory: Receiver, dripping: Dripping) -> dict[str, object]:
    old = {"user_pool_id": "us-east-1_Old", "client_id": "old", "client_secret": "shh", "endpoint_url": directory.url}
    people = {"people": {"url": f"{directory.url}/check", "secret": SECRET}, "slow": {"url": dripping.url, "secret": SECRET}}
    return {"user_directories": {**people, "old-pool": old}}


async def app(server: TestServer, name: str = "people", hidden: str = "LEGACY", **members: Any) -> tuple[str, str]:
    pool = await server.pool(LambdaConfig={"UserMigration": arn(name)}, AutoVerifiedAttributes=["email"], **members)
    flows = [f"ALLOW_{flow}" for flow in ("USER_PASSWORD_AUTH", "USER_SRP_AUTH", "USER_AUTH", "REFRESH_TOKEN_AUTH")]
    return pool, await server.client(pool, PreventUserExistenceErrors=hidden, ExplicitAuthFlows=flows)


async def refused(server: TestServer, client: str, username: str = "anna", password: str = PASSWORD) -> tuple[str, str]:
    with pytest.raises(AwsError) as error:
        await server.sign_in(client, username, password)
    return error.value.code, error.value.message


async def copied(server: TestServer, pool: str, username: str = "anna") -> None:
    """A user who is here without a password, as `cognomen import cognito` and a CSV import leave them."""
    assert counts(await imported(server, pool, await sheet(server, pool, person(username)))) == ("Succeeded", 1, 0, 0)


async def status(server: TestServer, pool: str, username: str = "anna") -> str:
    return str((await server.call("AdminGetUser", UserPoolId=pool, Username=username))["UserStatus"])


class TestAnAddress:
    async def test_the_user_is_made_with_the_sub_and_signed_in(self, server: TestServer, directory: Receiver) -> None:
        """By a signed question; afterwards nobody is asked, and SRP works."""
        pool, client = await app(server)
        assert "AccessToken" in await server.sign_in(client, "anna")
        (asked,) = directory.received
        assert json.loads(asked.body) == {"action": "check", "username": "anna", "password": PASSWORD}
        assert asked.header("x-cognomen-signature") == outbound.signature(SECRET.encode(), int(server.clock.now()), asked.body)
        found = await server.call("AdminGetUser", UserPoolId=pool, Username="anna")
        kept = {item["Name"]: item["Value"] for item in found["UserAttributes"]}
        assert (found["UserStatus"], kept) == ("CONFIRMED", {"sub": SUB, "email": "anna@example.com", "email_verified": "true"})
        assert "AuthenticationResult" in await srp_sign_in(server, pool, client, "anna")
        assert await refused(server, client, password=WRONG) == INCORRECT
        assert len(directory.received) == 1

    @pytest.mark.parametrize("status_code", [401, 403, 404])
    async def test_wrong_there(self, server: TestServer, directory: Receiver, status_code: int) -> None:
        pool, client = await app(server)
        directory.answers = [(status_code, b"")]
        text = f"Exception migrating user in app client {client}"
        assert await refused(server, client) == ("UserNotFoundException", text)
        assert (await server.call("ListUsers", UserPoolId=pool))["Users"] == []

    async def test_hidden_users_are_wrong_passwords(self, server: TestServer, directory: Receiver) -> None:
        _, client = await app(server, hidden="ENABLED")
        directory.answers = [(401, b"")]
        assert await refused(server, client) == INCORRECT

    async def test_it_cannot_be_tried_out(self, server: TestServer, directory: Receiver) -> None:
        """The lockout holds before the directory is asked."""
        _, client = await app(server)
        directory.answers = [(401, b"")]
        for _ in range(5):
            await refused(server, client)
        assert await refused(server, client) == ("NotAuthorizedException", "Password attempts exceeded")
        assert len(directory.received) == 5

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"null",
            b"[]",
            b"{}",
            b'{"attributes": {}}',
            b'{"attributes": {"email": 1}}',
            b'{"attributes": {"email": "nobody"}, "sub": 1}',
            b'{"attributes": {"custom:none": "x"}}',
            b"[" * 100_000,
            b'{"attributes": {"email": "\xff@example.com"}}',
            b'{"attributes": {"email": "' + b"a" * (2 << 20) + b'"}}',
        ],
        ids=["empty", "null", "list", "nothing", "nobody", "number", "sub", "schema", "deep", "bytes", "huge"],
    )
    async def test_nonsense_makes_nobody(self, server: TestServer, directory: Receiver, answer: bytes) -> None:
        pool, client = await app(server)
        directory.answers = [(200, answer)]
        assert (await refused(server, client))[0] == "UserNotFoundException"
        assert (await server.call("ListUsers", UserPoolId=pool))["Users"] == []

    async def test_a_sub_that_is_none_is_not_taken(self, server: TestServer, directory: Receiver) -> None:
        pool, client = await app(server)
        directory.answers = [(200, json.dumps({"attributes": {"email": "a@example.com"}, "sub": "../../root"}).encode())]
        assert "AccessToken" in await server.sign_in(client, "anna")
        found = await server.call("AdminGetUser", UserPoolId=pool, Username="anna")
        assert "../../root" not in [item["Value"] for item in found["UserAttributes"]]

    async def test_the_sub_of_another_user_makes_nobody(self, server: TestServer, directory: Receiver) -> None:
        pool, client = await app(server)
        await server.sign_in(client, "anna")
        assert (await refused(server, client, "berta"))[0] == "UserNotFoundException"
        assert [user["Username"] for user in (await server.call("ListUsers", UserPoolId=pool))["Users"]] == ["anna"]

    async def test_a_temporary_password_must_be_changed(self, server: TestServer, directory: Receiver) -> None:
        _, client = await app(server)
        directory.answers = [(200, json.dumps({"attributes": {"email": "a@example.com"}, "temporary": True}).encode())]
        asked = await server.sign_in(client, "anna")
        assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    async def test_who_forgot_the_password_is_found(self, server: TestServer, directory: Receiver) -> None:
        pool, client = await app(server)
        await server.call("ForgotPassword", ClientId=client, Username="anna")
        assert json.loads(directory.received[0].body) == {"action": "find", "username": "anna"}
        assert await status(server, pool) == "RESET_REQUIRED"
        code = await server.code("anna@example.com")
        await server.call("ConfirmForgotPassword", ClientId=client, Username="anna", ConfirmationCode=code, Password="Another-Horse-1!")
        assert "AccessToken" in await server.sign_in(client, "anna", "Another-Horse-1!")

    async def test_nobody_of_the_name(self, server: TestServer, directory: Receiver) -> None:
        _, client = await app(server)
        directory.answers = [(401, b"")]
        assert (await refusal(server, "ForgotPassword", ClientId=client, Username="anna"))[0] == "UserNotFoundException"

    async def test_one_that_hangs_holds_up_nobody_else(self, server: TestServer, directory: Receiver) -> None:
        """Its threads are its own, and each ends: forty sign-ins that wait leave a function's call as quick as ever."""
        _, client = await app(server, "slow")
        waiting = [asyncio.create_task(refused(server, client, f"user{n}")) for n in range(40)]
        await asyncio.sleep(0.2)
        begun = time.monotonic()
        _, other = await app(server)
        assert "AccessToken" in await server.sign_in(other, "anna")
        assert await asyncio.to_thread(len, "thread") == 6
        assert time.monotonic() - begun < 2.0
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    async def test_no_secret_in_the_log(self, server: TestServer, directory: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
        _, client = await app(server)
        directory.answers = [(500, b"")]
        await refused(server, client)
        logged = "".join(capsys.readouterr())
        assert "the directory answered 500" in logged
        assert (PASSWORD in logged, SECRET in logged) == (False, False)


class TestWhoIsHereWithoutAPassword:
    async def test_brings_the_one_of_the_directory(self, server: TestServer, directory: Receiver) -> None:
        pool, client = await app(server)
        await copied(server, pool)
        assert "AccessToken" in await server.sign_in(client, "anna")
        assert await status(server, pool) == "CONFIRMED"
        assert "AuthenticationResult" in await srp_sign_in(server, pool, client, "anna")
        assert len(directory.received) == 1

    async def test_as_the_choice_of_a_sign_in(self, server: TestServer) -> None:
        pool, client = await app(server)
        await copied(server, pool)
        parameters = {"USERNAME": "anna", "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD}
        answer = await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_AUTH", AuthParameters=parameters)
        assert "AccessToken" in answer["AuthenticationResult"]

    @pytest.mark.parametrize("hidden", ["LEGACY", "ENABLED"])
    async def test_a_wrong_one_counts(self, server: TestServer, directory: Receiver, hidden: str) -> None:
        pool, client = await app(server, hidden=hidden)
        await copied(server, pool)
        directory.answers = [(401, b"")]
        for _ in range(5):
            assert await refused(server, client) == INCORRECT
        assert await refused(server, client) == ("NotAuthorizedException", "Password attempts exceeded")
        assert (len(directory.received), await status(server, pool)) == (5, "RESET_REQUIRED")

    @pytest.mark.parametrize("answer", [(404, b""), (500, b""), (200, b"nonsense")], ids=["unknown", "error", "nonsense"])
    async def test_who_is_not_known_there_must_choose_one(self, server: TestServer, directory: Receiver, answer: tuple[int, bytes]) -> None:
        pool, client = await app(server)
        await copied(server, pool)
        directory.answers = [answer]
        assert await refused(server, client) == ("PasswordResetRequiredException", "Password reset required for the user")

    async def test_an_administrators_reset_ends_it(self, server: TestServer, directory: Receiver) -> None:
        """The password that the directory has may be the one that was stolen."""
        pool, client = await app(server)
        await copied(server, pool)
        await server.call("AdminResetUserPassword", UserPoolId=pool, Username="anna")
        assert (await refused(server, client))[0] == "PasswordResetRequiredException"
        assert directory.received == []

    async def test_disabled_users_are_not_asked_for(self, server: TestServer, directory: Receiver) -> None:
        pool, client = await app(server)
        await copied(server, pool)
        await server.call("AdminDisableUser", UserPoolId=pool, Username="anna")
        assert await refused(server, client) == ("NotAuthorizedException", "User is disabled.")
        assert directory.received == []

    async def test_a_function_is_not_asked_for_them(self, server: TestServer) -> None:
        """As in AWS: users who are here are no matter of the UserMigration function."""
        pool, client = await app(server, server.functions.add("function", lambda event: {}).rpartition(":")[2])
        await copied(server, pool)
        assert (await refused(server, client))[0] == "PasswordResetRequiredException"
        assert server.functions.events == []


class TestAPoolElsewhere:
    """What a real one answers is in tests/clients/test_user_directories.py; here, what it should never."""

    @pytest.mark.parametrize(
        "answer",
        [
            (200, b""),
            (200, b"[]"),
            (200, b"{}"),
            (200, b'{"AuthenticationResult": {}}'),
            (200, b'{"AuthenticationResult": {"AccessToken": 1}, "UserAttributes": [1]}'),
            (200, b'{"AuthenticationResult": {"AccessToken": "a"}, "UserAttributes": {"a": "b"}}'),
            (200, b'{"ChallengeName": "NEW_PASSWORD_REQUIRED", "ChallengeParameters": {"userAttributes": "[]"}}'),
            (200, b'{"ChallengeName": "NEW_PASSWORD_REQUIRED", "ChallengeParameters": []}'),
            (200, b'{"AuthenticationResult": {"AccessToken": "\xff"}}'),
            (400, b'{"__type": "\xff"}'),
            (500, b"<html>"),
            (400, b'{"__type": "TooManyRequestsException"}'),
        ],
    )
    async def test_nonsense_makes_nobody(self, server: TestServer, directory: Receiver, answer: tuple[int, bytes]) -> None:
        pool, client = await app(server, "old-pool")
        directory.answers = [answer]
        assert (await refused(server, client))[0] == "UserNotFoundException"
        assert (await server.call("ListUsers", UserPoolId=pool))["Users"] == []
