"""PreventUserExistenceErrors: whoever asks about a name cannot tell by the answer whether somebody has it. Timing: tests/faults/test_timing.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.server import AwsError, TestServer
from tests.kit.sign_in import WRONG, srp_client

FLOWS = ["ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"]
OWN_SENDER = {"EmailSendingAccount": "DEVELOPER", "SourceArn": "arn:aws:ses:us-east-1:000000000000:identity/a@example.com"}
FIRST = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}
UUID = 36


async def hiding(server: TestServer, **pool_members: Any) -> tuple[str, str]:
    pool = await server.pool(**pool_members)
    return pool, await server.client(pool, PreventUserExistenceErrors="ENABLED", ExplicitAuthFlows=FLOWS)


async def refusal(server: TestServer, operation: str, **members: Any) -> tuple[str, str]:
    with pytest.raises(AwsError) as refused:
        await server.call(operation, **members)
    return refused.value.code, refused.value.message


async def srp_asked(server: TestServer, pool: str, client: str, name: str) -> dict[str, str]:
    parameters = {"USERNAME": name, "SRP_A": srp_client(pool).srp_a}
    asked = await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters=parameters)
    return dict(asked["ChallengeParameters"])


@pytest.mark.parametrize("name", ["anna", "nobody"])
class TestOtherSpellings:
    """Where case does not count, a name that nobody has is one name in every spelling, as a real one is."""

    async def test_share_a_lockout(self, server: TestServer, name: str) -> None:
        pool, client = await hiding(server, UsernameConfiguration={"CaseSensitive": False})
        await server.user(pool, "anna")
        for _ in range(5):
            with pytest.raises(AwsError, match="Incorrect username or password"):
                await server.sign_in(client, name, WRONG)
        with pytest.raises(AwsError, match="Password attempts exceeded"):
            await server.sign_in(client, name.upper(), WRONG)

    async def test_have_one_salt_and_one_id(self, server: TestServer, name: str) -> None:
        pool, client = await hiding(server, UsernameConfiguration={"CaseSensitive": False})
        await server.user(pool, "anna")
        one, other = [await srp_asked(server, pool, client, spelt) for spelt in (name, name.upper())]
        assert (one["SALT"], one["USER_ID_FOR_SRP"]) == (other["SALT"], other["USER_ID_FOR_SRP"])

    async def test_are_said_to_be_reached_at_one_address(self, server: TestServer, name: str) -> None:
        pool, client = await hiding(server, UsernameConfiguration={"CaseSensitive": False})
        await server.user(pool, "anna", email="anna@example.com", email_verified="true")
        one, other = [
            (await server.call("ForgotPassword", ClientId=client, Username=spelt))["CodeDeliveryDetails"] for spelt in (name, name.upper())
        ]
        assert one == other


class TestNamesOfChallenges:
    async def test_where_an_address_stands_for_the_name_it_is_a_uuid(self, server: TestServer) -> None:
        """In SRP, in the choice, and in a code's challenge: a real user's own name is not what was typed."""
        pool, client = await hiding(server, UsernameAttributes=["email"], Policies=FIRST, EmailConfiguration=OWN_SENDER)
        await server.user(pool, "anna@example.com", email_verified="true")
        for name in ("anna@example.com", "nemo@example.com"):
            srp = await srp_asked(server, pool, client, name)
            chosen = await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_AUTH", AuthParameters={"USERNAME": name})
            parameters = {"USERNAME": name, "PREFERRED_CHALLENGE": "EMAIL_OTP"}
            code = await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_AUTH", AuthParameters=parameters)
            shown = {srp["USER_ID_FOR_SRP"], chosen["ChallengeParameters"]["USERNAME"], code["ChallengeParameters"]["USER_ID_FOR_SRP"]}
            assert [len(each) for each in shown] == [UUID]

    async def test_an_alias_is_never_the_name(self, server: TestServer) -> None:
        """AWS, managing error responses: "internal user id in UUID format" for what was typed as an alias."""
        pool, client = await hiding(server, AliasAttributes=["email"])
        await server.user(pool, "anna", email="anna@example.com", email_verified="true")
        for name in ("anna@example.com", "nemo@example.com"):
            assert (await srp_asked(server, pool, client, name))["USER_ID_FOR_SRP"] != name
        assert (await srp_asked(server, pool, client, "nemo"))["USER_ID_FOR_SRP"] == "nemo"


async def test_a_codes_session_has_an_address_in_it_for_nobody_too(server: TestServer) -> None:
    """A sealed session is as long as what it holds."""
    pool, client = await hiding(server, Policies=FIRST, EmailConfiguration=OWN_SENDER)
    lengths = []
    for name in ("anna1", "anna2", "nemo1", "nemo2", "nemo3"):
        if name.startswith("anna"):
            await server.user(pool, name, email=f"{name}@example.com", email_verified="true")
        parameters = {"USERNAME": name, "PREFERRED_CHALLENGE": "EMAIL_OTP"}
        asked = await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_AUTH", AuthParameters=parameters)
        lengths.append(len(asked["Session"]))
    real, made_up = lengths[:2], lengths[2:]
    assert all(abs(one - real[0]) <= 16 for one in made_up)


@pytest.mark.parametrize("kind", ["real", "nobody", "disabled", "unreachable"])
class TestResetCodes:
    async def asked(self, server: TestServer, kind: str) -> dict[str, str]:
        pool, client = await hiding(server)
        await server.user(pool, "real", email="real@example.com", email_verified="true")
        await server.user(pool, "disabled", email="off@example.com", email_verified="true")
        await server.user(pool, "unreachable")
        await server.call("AdminDisableUser", UserPoolId=pool, Username="disabled")
        return {"ClientId": client, "Username": kind}

    async def test_a_guess_before_a_code_was_asked_for(self, server: TestServer, kind: str) -> None:
        """ "If a code isn't requested when using this API, it returns ExpiredCodeException" (AWS, managing error responses)."""
        who = await self.asked(server, kind)
        answer = await refusal(server, "ConfirmForgotPassword", **who, ConfirmationCode="000000", Password="Another-Horse-9")
        assert answer == ("ExpiredCodeException", "Invalid code provided, please request a code again.")

    async def test_guesses_after_it(self, server: TestServer, kind: str) -> None:
        who = await self.asked(server, kind)
        assert (await server.call("ForgotPassword", **who))["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"
        wrong = "000000" if kind != "real" or await server.code("real@example.com") != "000000" else "000001"
        guesses = [
            (await refusal(server, "ConfirmForgotPassword", **who, ConfirmationCode=wrong, Password="Another-Horse-9"))[0] for _ in range(7)
        ]
        assert guesses == ["CodeMismatchException"] * 5 + ["LimitExceededException"] * 2


async def test_a_disabled_user_is_sent_no_code_to_confirm(server: TestServer) -> None:
    """ "ResendConfirmationCode returns CodeDeliveryDetails for a disabled user" (AWS), and nothing is sent."""
    pool, client = await hiding(server, AutoVerifiedAttributes=["email"])
    email = [{"Name": "email", "Value": "anna@example.com"}]
    await server.call("SignUp", ClientId=client, Username="anna", Password="Correct-Horse-9", UserAttributes=email)
    await server.call("AdminDisableUser", UserPoolId=pool, Username="anna")
    before = len(await server.messages())
    assert (await server.call("ResendConfirmationCode", ClientId=client, Username="anna"))["CodeDeliveryDetails"]["Destination"]
    assert len(await server.messages()) == before
