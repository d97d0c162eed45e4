"""Request rates: what AWS allows each second, what UpdateProvisionedLimit makes of it, and that nobody goes round it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cognomen.config import BadSetting, load
from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, AwsError, TestServer, settings_for

EXCEEDED = ("TooManyRequestsException", "Rate exceeded")


def of(category: str) -> dict[str, Any]:
    return {"LimitDefinition": {"LimitClass": "API_CATEGORY", "Attributes": {"Category": category}}}


def limit(category: str, provisioned: int, free: int) -> dict[str, Any]:
    return {"Limit": {**of(category), "ProvisionedLimitValue": provisioned, "FreeLimitValue": free}}


async def let_through(server: TestServer, times: int, operation: str, *, region: str = "", **members: Any) -> int:
    """How many of so many requests were not refused for their rate."""
    passed = 0
    for _ in range(times):
        try:
            await server.call(operation, region=region, **members)
        except AwsError as error:
            passed += (error.code, error.message) != EXCEEDED
        else:
            passed += 1
    return passed


@pytest.fixture(params=["sqlite", "postgresql"])
async def limited(request: pytest.FixtureRequest, signing_pairs: list[KeyPair]) -> AsyncIterator[TestServer]:
    """A server that enforces AWS's rates."""
    url = await request.getfixturevalue("postgres").empty_database() if request.param == "postgresql" else ""
    running = TestServer(settings_for(url, rate_limits="aws"), PreparedKeyMaker(signing_pairs))
    await running.start()
    yield running
    await running.stop()


class TestEndpoints:
    @pytest.mark.parametrize(
        ("method", "path", "rate"),
        [
            ("GET", "/oauth2/idpresponse", 25),
            ("POST", "/saml2/idpresponse", 25),
            ("POST", "/oauth2/token", 120),
            ("GET", "/oauth2/userInfo", 120),
        ],
    )
    async def test_count_too(self, limited: TestServer, method: str, path: str, rate: int) -> None:
        """What is asked at a pool's endpoints counts in AWS's categories: guesses at secrets, tokens and assertions among it."""
        pool = await limited.pool()
        limited.clock.advance(1)
        statuses = [(await limited.send(method, f"/{pool}{path}")).status for _ in range(rate + 1)]
        assert statuses == [400] * rate + [429]


class TestRates:
    async def test_a_category_is_shared(self, limited: TestServer) -> None:
        """15 a second for all that reads pools; a second later as many again."""
        pool = await limited.pool()
        assert await let_through(limited, 10, "ListUserPools", MaxResults=1) == 10
        assert await let_through(limited, 10, "DescribeUserPool", UserPoolId=pool) == 5
        limited.clock.advance(1)
        assert await let_through(limited, 20, "DescribeUserPool", UserPoolId=pool) == 15

    async def test_another_category_goes_on(self, limited: TestServer) -> None:
        pool = await limited.pool()
        await let_through(limited, 16, "ListUserPools", MaxResults=1)
        assert await let_through(limited, 1, "ListUsers", UserPoolId=pool) == 1

    async def test_what_is_refused_has_no_effect(self, limited: TestServer) -> None:
        """The refused request changes nothing, and is refused before it is looked at: one that is not valid gets the same answer."""
        pool = await limited.pool()
        for number in range(15):
            await limited.call("CreateUserPool", PoolName=f"n{number}") if number < 14 else None
        assert await refusal(limited, "DeleteUserPool", UserPoolId=pool) == EXCEEDED
        assert await refusal(limited, "DeleteUserPool") == EXCEEDED
        assert (await limited.call("DescribeUserPool", UserPoolId=pool))["UserPool"]["Id"] == pool

    async def test_five_a_second_on_one_pool(self, limited: TestServer) -> None:
        """Each operation on a pool's resources; another operation, and another pool, have five of their own."""
        one, other = await limited.pool(), await limited.pool()
        assert await let_through(limited, 7, "ListGroups", UserPoolId=one) == 5
        assert await let_through(limited, 1, "ListGroups", UserPoolId=other) == 1
        assert await let_through(limited, 1, "GetUserPoolMfaConfig", UserPoolId=one) == 1
        limited.clock.advance(1)
        assert await let_through(limited, 7, "ListGroups", UserPoolId=one) == 5

    async def test_answers_have_three_times_the_rate(self, limited: TestServer) -> None:
        """360 a second of their own; what comes after them counts as sign-ins do (120)."""
        client = await limited.client(await limited.pool())
        answer: dict[str, Any] = {"ClientId": client, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": {"USERNAME": "nobody"}}
        assert await let_through(limited, 500, "RespondToAuthChallenge", **answer) == 480
        start: dict[str, Any] = {
            "ClientId": client,
            "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": "nobody", "PASSWORD": "x"},
        }
        assert await let_through(limited, 1, "InitiateAuth", **start) == 0

    async def test_a_new_password_counts_as_account_recovery(self, limited: TestServer) -> None:
        client = await limited.client(await limited.pool())
        answer = {"ClientId": client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": "x" * 20}
        assert await let_through(limited, 31, "RespondToAuthChallenge", **answer) == 30
        assert await let_through(limited, 1, "ForgotPassword", ClientId=client, Username="nobody") == 0

    async def test_a_region_that_nobody_proved_is_not_believed(self, limited: TestServer) -> None:
        """An operation that AWS leaves unsigned is counted in the server's region, whatever its Authorization header says."""
        client = await limited.client(await limited.pool())
        asked = {"ClientId": client, "Username": "nobody"}
        for number in range(30):
            assert await let_through(limited, 1, "ForgotPassword", region=f"eu-west-{number}", **asked) == 1
        assert await let_through(limited, 1, "ForgotPassword", region="eu-west-99", **asked) == 0

    async def test_regions_have_rates_of_their_own(self, limited: TestServer) -> None:
        assert await let_through(limited, 16, "ListUserPools", region="eu-west-1", MaxResults=1) == 15
        assert await let_through(limited, 16, "ListUserPools", region="us-east-1", MaxResults=1) == 15

    async def test_managing_limits_is_limited_too(self, limited: TestServer) -> None:
        """One request a second, reading and changing together."""
        assert await let_through(limited, 2, "GetProvisionedLimit", **of("UserRead")) == 1
        assert await refusal(limited, "UpdateProvisionedLimit", **of("UserRead"), RequestedLimitValue=200) == EXCEEDED

    async def test_processes_share(self, signing_pairs: list[KeyPair]) -> None:
        """Of five processes each lets through a fifth, and never none."""
        server = await TestServer(settings_for("", rate_limits="aws", processes=5), PreparedKeyMaker(signing_pairs)).start()
        assert await let_through(server, 10, "ListUserPools", MaxResults=1) == 3
        assert await let_through(server, 2, "GetProvisionedLimit", **of("UserRead")) == 1
        await server.stop()


class TestOff:
    async def test_nothing_is_counted(self, server: TestServer) -> None:
        """In dev nothing is limited, and after the first request nothing is asked."""
        assert await let_through(server, 40, "ListUserPools", MaxResults=1) == 40
        assert server.server.dispatcher.limits.active is False

    async def test_a_limit_that_is_set_is_enforced(self, server: TestServer) -> None:
        """For its category alone."""
        await server.call("UpdateProvisionedLimit", **of("UserCreation"), RequestedLimitValue=50)
        client = await server.client(await server.pool())
        assert await let_through(server, 51, "ConfirmSignUp", ClientId=client, Username="nobody", ConfirmationCode="1") == 50
        assert await let_through(server, 40, "ListUserPools", MaxResults=1) == 40

    async def test_in_its_region_alone(self, server: TestServer) -> None:
        await server.call("UpdateProvisionedLimit", region="eu-west-1", **of("UserRead"), RequestedLimitValue=120)
        pool = await server.pool()
        user = {"UserPoolId": pool, "Username": "nobody"}
        assert await let_through(server, 130, "AdminGetUser", **user) == 130
        assert await let_through(server, 130, "AdminGetUser", region="eu-west-1", **user) == 120


class TestProvisionedLimit:
    async def test_the_default(self, server: TestServer) -> None:
        assert await server.call("GetProvisionedLimit", **of("UserAuthentication")) == limit("UserAuthentication", 120, 120)
        assert await server.call("GetProvisionedLimit", **of("UserPoolResourceRead")) == limit("UserPoolResourceRead", 20, 20)

    async def test_a_change(self, server: TestServer) -> None:
        """It is kept, may be taken back, and another region's stays."""
        raised = await server.call("UpdateProvisionedLimit", **of("UserAuthentication"), RequestedLimitValue=300)
        assert raised == limit("UserAuthentication", 300, 120)
        assert await server.call("GetProvisionedLimit", **of("UserAuthentication")) == raised
        elsewhere = await server.call("GetProvisionedLimit", region="eu-west-1", **of("UserAuthentication"))
        assert elsewhere == limit("UserAuthentication", 120, 120)
        await server.call("UpdateProvisionedLimit", **of("UserAuthentication"), RequestedLimitValue=120)
        assert await server.call("GetProvisionedLimit", **of("UserAuthentication")) == limit("UserAuthentication", 120, 120)

    async def test_a_raised_limit_is_enforced(self, limited: TestServer) -> None:
        await limited.call("UpdateProvisionedLimit", **of("UserCreation"), RequestedLimitValue=60)
        client = await limited.client(await limited.pool())
        assert await let_through(limited, 70, "ConfirmSignUp", ClientId=client, Username="nobody", ConfirmationCode="1") == 60

    async def test_another_process_hears_of_it(self, postgres: Any, signing_pairs: list[KeyPair]) -> None:
        """Also one that enforced nothing until then."""
        url = await postgres.empty_database()
        one, other = [await TestServer(settings_for(url), PreparedKeyMaker(signing_pairs)).start() for _ in range(2)]
        client = await one.client(await one.pool())
        asked = {"ClientId": client, "Username": "nobody", "ConfirmationCode": "1"}
        assert await let_through(other, 1, "ConfirmSignUp", **asked) == 1
        await one.call("UpdateProvisionedLimit", **of("UserCreation"), RequestedLimitValue=50)
        for _ in range(200):  # the notification takes its moment, and may come between any two requests
            other.clock.advance(1)
            if await let_through(other, 60, "ConfirmSignUp", **asked) < 60:
                break
        other.clock.advance(1)
        assert await let_through(other, 60, "ConfirmSignUp", **asked) == 50
        await one.stop()
        await other.stop()

    @pytest.mark.parametrize("operation", ["GetProvisionedLimit", "UpdateProvisionedLimit"])
    async def test_what_is_no_limit(self, server: TestServer, operation: str) -> None:
        value = {"RequestedLimitValue": 200} if operation == "UpdateProvisionedLimit" else {}
        unknown = await refusal(server, operation, **of("UserDreaming"), **value)
        assert unknown == ("ResourceNotFoundException", "The category UserDreaming does not exist.")
        for attributes in ({}, {"category": "UserRead"}, {"Category": "UserRead", "UserPoolId": "us-east-1_abcdefghi"}):
            asked = {"LimitDefinition": {"LimitClass": "API_CATEGORY", "Attributes": attributes}}
            refused = await refusal(server, operation, **asked, **value)
            assert refused == ("InvalidParameterException", "The attributes of an API_CATEGORY limit are one: Category.")
        code, text = await refusal(server, operation, LimitDefinition={**of("UserRead")["LimitDefinition"], "LimitClass": "X"}, **value)
        assert (code, "at 'limitDefinition.limitClass' failed to satisfy constraint" in text) == ("InvalidParameterException", True)

    async def test_what_may_not_be_set(self, server: TestServer) -> None:
        """Only adjustable categories, not under the default, not over the maximum; what was refused changed nothing."""
        refused = await refusal(server, "UpdateProvisionedLimit", **of("UserUpdate"), RequestedLimitValue=30)
        assert refused == ("InvalidParameterException", "The limit of the category UserUpdate is not adjustable.")
        low = "The requested limit value 119 is less than the default limit 120 of the category UserRead."
        assert await refusal(server, "UpdateProvisionedLimit", **of("UserRead"), RequestedLimitValue=119) == (
            "InvalidParameterException",
            low,
        )
        high = "The requested limit value 100001 is more than the maximum limit 100000 of the category UserRead."
        refused = await refusal(server, "UpdateProvisionedLimit", **of("UserRead"), RequestedLimitValue=100_001)
        assert refused == ("ServiceQuotaExceededException", high)
        assert await server.call("GetProvisionedLimit", **of("UserRead")) == limit("UserRead", 120, 120)


def test_the_settings() -> None:
    """On in serve, off in dev, unless they say otherwise."""
    key = {"master_key": "ab" * 32}
    assert (load(None, {}).rate_limits, load(None, {}, mode="serve", **key).rate_limits) == ("off", "aws")
    assert load(None, {"COGNOMEN_RATE_LIMITS": "aws", "COGNOMEN_PROCESSES": "4"}).processes == 4
    assert load(None, {"COGNOMEN_RATE_LIMITS": "off"}, mode="serve", **key).rate_limits == "off"
    with pytest.raises(BadSetting, match="rate_limits must be aws or off"):
        load(None, {"COGNOMEN_RATE_LIMITS": "none"})
    with pytest.raises(BadSetting, match="processes must lie between 1 and 1000"):
        load(None, {"COGNOMEN_PROCESSES": "0"})


class TestWhatAPageAndAnAddressAreAllowed:
    async def test_the_page_behind_a_link_counts_as_the_operation(self, limited: TestServer) -> None:
        """Its rate is that of ConfirmSignUp: a code is not guessed around it."""
        pool = await limited.pool()
        client = await limited.client(pool)
        path, query = f"/{pool}/confirmUser", f"client_id={client}&user_name=anna&confirmation_code=1"
        statuses = [(await limited.send("GET", path, query=query)).status for _ in range(80)]
        assert statuses == [400] * statuses.count(400) + [429] * statuses.count(429) and 429 in statuses
        assert await let_through(limited, 5, "ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode="1") == 0

    async def test_one_address_is_sent_fifty_codes_an_hour(self, limited: TestServer) -> None:
        """Whoever is signed up with it; the fifty-first leaves no user behind, and another address goes on."""
        pool = await limited.pool(AutoVerifiedAttributes=["email"])
        client = await limited.client(pool)

        async def sign_up(number: int, to: str) -> str:
            limited.clock.advance(1)
            email = [{"Name": "email", "Value": to}]
            members: dict[str, Any] = {"ClientId": client, "Username": f"u{number}", "Password": PASSWORD, "UserAttributes": email}
            try:
                await limited.call("SignUp", **members)
            except AwsError as refused:
                return refused.code
            return "signed up"

        assert [await sign_up(number, "Victim@example.com") for number in range(50)] == ["signed up"] * 50
        assert await sign_up(50, "victim@example.com") == "LimitExceededException"
        assert len(await limited.messages()) == 50
        with pytest.raises(AwsError, match="User does not exist"):
            await limited.call("AdminGetUser", UserPoolId=pool, Username="u50")
        assert await sign_up(51, "other@example.com") == "signed up"
        limited.clock.advance(3_600)
        assert await sign_up(52, "victim@example.com") == "signed up"
