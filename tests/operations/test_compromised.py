"""Compromised passwords: at sign-in, at sign-up, at a change; by the list that comes along and by one of the operator's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cognomen.config import BadSetting
from cognomen.kernel.password_filter import PREFIX, digest, write
from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from tests.kit.refusal import refusal
from tests.kit.risk import ALLOW, anna, configure, events, from_app, from_server, protected_pool
from tests.kit.server import PASSWORD, AwsError, TestServer, settings_for
from tests.kit.sign_in import srp_sign_in

KNOWN = "sunshine"
LOOSE = {"PasswordPolicy": {"MinimumLength": 6}}
FORBIDDEN = ("InvalidPasswordException", "Provided password cannot be used for security reasons.")
RESET = ("PasswordResetRequiredException", "Password reset required for the user")
LENIENT = {"Actions": {"LowAction": ALLOW, "MediumAction": ALLOW, "HighAction": ALLOW}}


async def loose(server: TestServer, mode: str = "ENFORCED", password: str = KNOWN, **members: Any) -> tuple[str, str]:
    """(pool, client) of a user with this password, as an administrator may set it."""
    pool, client = await anna(server, mode, Policies=LOOSE, **members)
    await server.call("AdminSetUserPassword", UserPoolId=pool, Username="anna", Password=password, Permanent=True)
    return pool, client


async def compromised(server: TestServer, pool: str, action: str, *kinds: str) -> None:
    block: dict[str, Any] = {"Actions": {"EventAction": action}, **({"EventFilter": list(kinds)} if kinds else {})}
    await configure(server, pool, LENIENT, CompromisedCredentialsRiskConfiguration=block)


async def sign_in(server: TestServer, client: str, password: str = KNOWN) -> tuple[str, str] | None:
    try:
        await from_app(server, client, password)
    except AwsError as error:
        return error.code, error.message
    return None


class TestSignIn:
    async def test_blocked_until_another_is_chosen(self, server: TestServer) -> None:
        """By default; the user's status becomes RESET_REQUIRED, and a reset lets them in again."""
        pool, client = await loose(server)
        assert await sign_in(server, client) == RESET
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="anna"))["UserStatus"] == "RESET_REQUIRED"
        event = (await events(server, pool))[0]
        assert (event["EventResponse"], event["EventRisk"]) == ("Fail", {"RiskDecision": "Block", "CompromisedCredentialsDetected": True})
        await server.call("ForgotPassword", ClientId=client, Username="anna")
        code = await server.code("anna@example.com")
        given = {"ClientId": client, "Username": "anna", "ConfirmationCode": code}
        assert await refusal(server, "ConfirmForgotPassword", Password=KNOWN, **given) == FORBIDDEN
        await server.call("ConfirmForgotPassword", Password=PASSWORD, **given)
        assert await sign_in(server, client, PASSWORD) is None

    async def test_a_wrong_password_is_not_looked_up(self, server: TestServer) -> None:
        """To guess with common passwords tells nothing of the list, and changes nobody's status."""
        pool, client = await loose(server, password=PASSWORD)
        assert await sign_in(server, client) == ("NotAuthorizedException", "Incorrect username or password.")
        assert (await events(server, pool))[0]["EventRisk"]["CompromisedCredentialsDetected"] is False
        assert await sign_in(server, client, PASSWORD) is None

    @pytest.mark.parametrize(("action", "kinds"), [("NO_ACTION", ()), ("BLOCK", ("SIGN_UP", "PASSWORD_CHANGE"))])
    async def test_what_is_not_to_be_blocked(self, server: TestServer, action: str, kinds: tuple[str, ...]) -> None:
        """NO_ACTION records it; an event outside of the filter is not even looked at."""
        pool, client = await loose(server)
        await compromised(server, pool, action, *kinds)
        assert await sign_in(server, client) is None
        assert (await events(server, pool))[0]["EventRisk"]["CompromisedCredentialsDetected"] is not kinds

    async def test_audit_records_only(self, server: TestServer) -> None:
        pool, client = await loose(server, "AUDIT")
        assert await sign_in(server, client) is None
        event = (await events(server, pool))[0]
        assert (event["EventResponse"], event["EventRisk"]) == ("Pass", {"RiskDecision": "NoRisk", "CompromisedCredentialsDetected": True})

    async def test_srp_does_not_show_the_password(self, server: TestServer) -> None:
        pool, client = await loose(server)
        assert "AuthenticationResult" in await srp_sign_in(server, pool, client, "anna", KNOWN)
        assert (await events(server, pool))[0]["EventRisk"]["CompromisedCredentialsDetected"] is False

    async def test_a_temporary_one_is_replaced_anyway(self, server: TestServer) -> None:
        """The next step asks for another, which must not be on the list either."""
        pool, client = await loose(server)
        await server.call("AdminSetUserPassword", UserPoolId=pool, Username="anna", Password=KNOWN, Permanent=False)
        asked = await from_app(server, client, KNOWN)
        assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
        given = {"ClientId": client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": asked["Session"]}
        server.clock.advance(1)
        responses = {"USERNAME": "anna", "NEW_PASSWORD": "princess"}
        assert await refusal(server, "RespondToAuthChallenge", ChallengeResponses=responses, **given) == FORBIDDEN
        newest = (await events(server, pool))[0]
        assert (newest["EventType"], newest["EventResponse"], newest["EventRisk"]["CompromisedCredentialsDetected"]) == (
            "PasswordChange",
            "Fail",
            True,
        )
        done = await server.call("RespondToAuthChallenge", ChallengeResponses={**responses, "NEW_PASSWORD": PASSWORD}, **given)
        assert "AuthenticationResult" in done


class TestNewPasswords:
    async def test_change(self, server: TestServer) -> None:
        """Refused, recorded, and the old one stays; an event outside of the filter is let through."""
        pool, client = await loose(server, password=PASSWORD)
        token = (await from_server(server, pool, client))["AuthenticationResult"]["AccessToken"]
        server.clock.advance(1)
        given = {"AccessToken": token, "PreviousPassword": PASSWORD, "ProposedPassword": "Sunshine"}
        assert await refusal(server, "ChangePassword", **given) == FORBIDDEN
        newest = (await events(server, pool))[0]
        assert (newest["EventType"], newest["EventResponse"], newest["EventRisk"]) == (
            "PasswordChange",
            "Fail",
            {"RiskDecision": "Block", "CompromisedCredentialsDetected": True},
        )
        await compromised(server, pool, "BLOCK", "SIGN_IN")
        await server.call("ChangePassword", **given)

    async def test_sign_up(self, server: TestServer) -> None:
        pool = await protected_pool(server, Policies=LOOSE)
        client = await server.client(pool)
        assert await refusal(server, "SignUp", ClientId=client, Username="ben", Password=KNOWN) == FORBIDDEN
        assert (await server.call("ListUsers", UserPoolId=pool))["Users"] == []
        await compromised(server, pool, "NO_ACTION", "SIGN_UP")
        await server.call("SignUp", ClientId=client, Username="ben", Password=KNOWN)
        assert (await events(server, pool, "ben"))[0]["EventRisk"] == {"RiskDecision": "NoRisk", "CompromisedCredentialsDetected": True}

    async def test_nothing_without_threat_protection(self, server: TestServer) -> None:
        pool = await server.pool(Policies=LOOSE)
        client = await server.client(pool)
        await server.call("SignUp", ClientId=client, Username="ben", Password=KNOWN)


@pytest.fixture
async def with_list(tmp_path: Path, signing_pairs: list[KeyPair]) -> AsyncIterator[TestServer]:
    """A server with a filter of its own: one password, which is on no other list."""
    file = tmp_path / "own.filter"
    with file.open("wb") as out:
        write(out, [int.from_bytes(digest("Our-Leaked-1")[:PREFIX], "big")], 1)
    running = TestServer(settings_for("", compromised_passwords=str(file)), PreparedKeyMaker(signing_pairs))
    await running.start()
    yield running
    await running.stop()


class TestTheOperatorsList:
    async def test_counts_instead(self, with_list: TestServer) -> None:
        """As it is written: other letters are another password, and the list that comes along is not asked."""
        pool = await protected_pool(with_list, Policies=LOOSE)
        client = await with_list.client(pool)
        assert await refusal(with_list, "SignUp", ClientId=client, Username="a", Password="Our-Leaked-1") == FORBIDDEN
        for name, password in (("b", "our-leaked-1"), ("c", KNOWN)):
            await with_list.call("SignUp", ClientId=client, Username=name, Password=password)

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (None, "cannot be read: No such file or directory"),
            (b"", "cannot be used: it is empty"),
            (b"x", "cannot be used: it is too short"),
            (b"x" * 100, "cannot be used: it was not made by `cognomen passwords build`"),
            (b"CGNMPWD\x01\x00" + bytes(7) + (9).to_bytes(8, "little"), "cannot be used: it is not whole"),
        ],
    )
    async def test_a_file_that_is_none(self, tmp_path: Path, signing_pairs: list[KeyPair], content: bytes | None, reason: str) -> None:
        """The server does not start, and says why in a sentence."""
        file = tmp_path / "bad.filter"
        if content is not None:
            file.write_bytes(content)
        running = TestServer(settings_for("", compromised_passwords=str(file)), PreparedKeyMaker(signing_pairs))
        with pytest.raises(BadSetting) as error:
            await running.start()
        assert str(error.value) == f"the filter {file} of compromised passwords {reason}"
