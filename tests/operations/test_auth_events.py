"""AdminListUserAuthEvents: what a user did, what is said of it, how long it is kept."""

from __future__ import annotations

import pytest

from tests.kit.refusal import refusal
from tests.kit.risk import CHROME, HOME, anna, encoded, events, from_app, from_server, protected_pool
from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import WRONG, claims


class TestHistory:
    async def test_what_an_event_says(self, server: TestServer) -> None:
        """And its id is that of the tokens, which a refresh keeps."""
        pool, client = await anna(server, "AUDIT")
        result = (await from_server(server, pool, client))["AuthenticationResult"]
        [event] = await events(server, pool)
        assert event == {
            "EventId": claims(result["AccessToken"])["event_id"],
            "EventType": "SignIn",
            "CreationDate": server.clock.now(),
            "EventResponse": "Pass",
            "EventRisk": {"RiskDecision": "NoRisk", "CompromisedCredentialsDetected": False},
            "ChallengeResponses": [{"ChallengeName": "Password", "ChallengeResponse": "Success"}],
            "EventContextData": {"IpAddress": HOME, "DeviceName": "Pixel 9", "Timezone": "02:00"},
        }
        refreshed = await server.call(
            "InitiateAuth", ClientId=client, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": result["RefreshToken"]}
        )
        assert claims(refreshed["AuthenticationResult"]["IdToken"])["event_id"] == event["EventId"]

    async def test_a_failed_sign_in(self, server: TestServer) -> None:
        """It survives its own error; nobody's leaves nothing after the sweep."""
        pool, client = await anna(server, "AUDIT")
        hiding = await server.client(pool, PreventUserExistenceErrors="ENABLED")
        with pytest.raises(AwsError, match="Incorrect"):
            await from_server(server, pool, client, device="", password=WRONG)
        with pytest.raises(AwsError, match="Incorrect"):
            await server.sign_in(hiding, "nobody", WRONG)
        [event] = await events(server, pool)
        assert (event["EventResponse"], event["EventRisk"], event["ChallengeResponses"], event["EventContextData"]) == (
            "Fail",
            {"RiskDecision": "NoRisk", "CompromisedCredentialsDetected": False},
            [{"ChallengeName": "Password", "ChallengeResponse": "Failure"}],
            {"IpAddress": HOME, "DeviceName": "Chrome, Windows"},
        )
        server.clock.advance(1)
        await server.store.sweep(server.clock.now())
        assert len(await server.store.engine.rows("SELECT 1 FROM auth_events")) == 1

    async def test_everything_else_a_user_does(self, server: TestServer) -> None:
        pool = await protected_pool(server, "AUDIT", AutoVerifiedAttributes=["email"])
        client = await server.client(pool)
        pair = [{"Name": "email", "Value": "ben@example.com"}]
        await server.call("SignUp", ClientId=client, Username="ben", Password=PASSWORD, UserAttributes=pair)
        server.clock.advance(1)
        await server.call("ResendConfirmationCode", ClientId=client, Username="ben")
        server.clock.advance(1)
        await server.call("ConfirmSignUp", ClientId=client, Username="ben", ConfirmationCode=await server.code("ben@example.com"))
        await server.call("ForgotPassword", ClientId=client, Username="ben", UserContextData={"EncodedData": encoded(pool, client)})
        server.clock.advance(1)
        code = await server.code("ben@example.com")
        given = {"ClientId": client, "Username": "ben", "Password": "Another-Horse-9"}
        assert (await refusal(server, "ConfirmForgotPassword", ConfirmationCode="x", **given))[0] == "CodeMismatchException"
        server.clock.advance(1)
        await server.call("ConfirmForgotPassword", ConfirmationCode=code, **given)
        server.clock.advance(1)
        token = (await server.sign_in(client, "ben", "Another-Horse-9"))["AccessToken"]
        server.clock.advance(1)
        await server.call("ChangePassword", AccessToken=token, PreviousPassword="Another-Horse-9", ProposedPassword=PASSWORD)
        found = [(each["EventType"], each["EventResponse"]) for each in await events(server, pool, "ben")]
        assert found == [
            ("PasswordChange", "Pass"),
            ("SignIn", "Pass"),
            ("PasswordChange", "Pass"),
            ("PasswordChange", "Fail"),
            ("ForgotPassword", "Pass"),
            ("ResendCode", "Pass"),
            ("SignUp", "Pass"),
        ]
        assert (await events(server, pool, "ben"))[4]["EventContextData"]["DeviceName"] == "Pixel 9"

    async def test_pages(self, server: TestServer) -> None:
        """Newest first, none twice, also where several are of one moment; a token is of its user and pool."""
        pool, client = await anna(server, "AUDIT")
        for count in range(7):
            await from_server(server, pool, client)
            if count % 3 == 0:
                server.clock.advance(1)
        everything = await events(server, pool)
        assert [each["CreationDate"] for each in everything] == sorted((each["CreationDate"] for each in everything), reverse=True)
        first = await server.call("AdminListUserAuthEvents", UserPoolId=pool, Username="anna", MaxResults=3)
        paged, token = first["AuthEvents"], first["NextToken"]
        while token:
            page = await server.call("AdminListUserAuthEvents", UserPoolId=pool, Username="anna", MaxResults=3, NextToken=token)
            paged, token = paged + page["AuthEvents"], page.get("NextToken")
        assert paged == everything
        await server.user(pool, "bea")
        given = {"UserPoolId": pool, "Username": "bea", "NextToken": first["NextToken"]}
        invalid = ("InvalidParameterException", "Invalid pagination token given.")
        assert await refusal(server, "AdminListUserAuthEvents", **given) == invalid
        assert await events(server, pool, MaxResults=0) == everything

    async def test_is_kept_for_two_years_and_goes_with_its_user(self, server: TestServer) -> None:
        pool, client = await anna(server, "AUDIT")
        await from_server(server, pool, client)
        server.clock.advance(729 * 86_400)
        await from_server(server, pool, client)
        server.clock.advance(2 * 86_400)
        await server.store.sweep(server.clock.now())
        assert len(await events(server, pool)) == 1
        await server.call("AdminDeleteUser", UserPoolId=pool, Username="anna")
        for table in ("auth_events", "risk_profiles"):
            assert list(await server.store.engine.rows(f"SELECT 1 FROM {table}")) == []

    async def test_unknown_user_and_pool(self, server: TestServer) -> None:
        pool, _ = await anna(server, "AUDIT")
        assert await refusal(server, "AdminListUserAuthEvents", UserPoolId=pool, Username="nobody") == (
            "UserNotFoundException",
            "User does not exist.",
        )
        assert (await refusal(server, "AdminListUserAuthEvents", UserPoolId="us-east-1_none", Username="anna"))[
            0
        ] == "ResourceNotFoundException"

    async def test_what_is_shown_is_short_and_plain(self, server: TestServer) -> None:
        """A device's name may be anything: control characters go, and it is cut."""
        pool, client = await anna(server, "AUDIT")
        data = encoded(pool, client, DeviceName="\u202eevil\x00\n" + "x" * 500)
        await from_app(server, client, said={"EncodedData": data})
        name = (await events(server, pool))[0]["EventContextData"]["DeviceName"]
        assert name == ("evil" + "x" * 500)[:128]
        assert CHROME not in name

    async def test_nobody_can_fill_the_disk(self, server: TestServer) -> None:
        """Of a user's failures some hundreds are kept, however many there are, and they push nothing else out."""
        pool, client = await anna(server, "AUDIT")
        await from_server(server, pool, client)
        for _ in range(1_300):
            server.clock.advance(901)
            with pytest.raises(AwsError, match="Incorrect"):
                await server.sign_in(client, "anna", WRONG)
        counted = await server.store.engine.rows("SELECT response, count(*) FROM auth_events GROUP BY response ORDER BY response")
        assert tuple(counted[1]) == ("Pass", 1)
        assert 500 <= counted[0][1] < 1_300
