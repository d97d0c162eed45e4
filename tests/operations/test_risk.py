"""Adaptive authentication, end to end: what is risky, what is done about it, and what the history says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.mfa import enrol, set_mfa, totp_code
from tests.kit.refusal import refusal
from tests.kit.risk import (
    FAR,
    HOME,
    NEAR,
    anna,
    configure,
    encoded,
    events,
    from_app,
    from_server,
    secret_hash,
    takeover,
)
from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import WRONG, srp_sign_in

BLOCKED = ("NotAuthorizedException", "Unable to login because of security reasons.")
REFUSED = ("NotAuthorizedException", "Request not allowed due to security reasons.")


async def refused(server: TestServer, *args: Any, **members: Any) -> tuple[str, str]:
    with pytest.raises(AwsError) as error:
        await from_server(server, *args, **members)
    return error.value.code, error.value.message


async def level(server: TestServer, pool: str) -> str | None:
    found: str | None = (await events(server, pool))[0]["EventRisk"].get("RiskLevel")
    return found


class TestLevels:
    async def test_what_is_unlike_before(self, server: TestServer) -> None:
        """Each thing that is new adds up; what was signed in from is known afterwards."""
        pool, client = await anna(server, "AUDIT")
        levels = {}

        async def sign_in(name: str, address: str, device: str) -> None:
            await from_server(server, pool, client, address, device)
            levels[name] = await level(server, pool)

        await sign_in("the first", HOME, "phone")
        await sign_in("the same again", HOME, "phone")
        server.clock.advance(3_600)
        await sign_in("another address of the network", NEAR, "phone")
        await sign_in("another device", NEAR, "laptop")
        await sign_in("both known", HOME, "laptop")
        server.clock.advance(3_600)
        await sign_in("another place", "192.0.2.4", "phone")
        server.clock.advance(3_600)
        await sign_in("another place and device", "100.64.1.1", "tablet")
        await sign_in("yet another place a moment later, known device", FAR, "tablet")
        await sign_in("and one with an unknown device", "8.8.8.8", "stranger")
        await sign_in("known places may change as they like", HOME, "phone")
        assert levels == {
            "the first": None,
            "the same again": None,
            "another address of the network": "Low",
            "another device": "Low",
            "both known": None,
            "another place": "Low",
            "another place and device": "Medium",
            "yet another place a moment later, known device": "Medium",
            "and one with an unknown device": "High",
            "known places may change as they like": None,
        }

    async def test_wrong_passwords_before(self, server: TestServer) -> None:
        pool, client = await anna(server, "AUDIT")
        for count, expected in ((4, None), (5, "Low"), (10, "Medium")):
            await from_server(server, pool, client)
            for _ in range(count):
                await refused(server, pool, client, password=WRONG)
                server.clock.advance(40)
            await from_server(server, pool, client)
            assert (count, await level(server, pool)) == (count, expected)

    @pytest.mark.parametrize(
        "data",
        ["", "{}", "=", "AAAA", "e30=", "x" * 100_000, "W10=", "eyJwYXlsb2FkIjoxfQ==", "\ud800".encode("utf-8", "replace").decode()],
    )
    async def test_data_that_fits_no_library_is_no_device(self, server: TestServer, data: str) -> None:
        """Whatever it holds: it makes the sign-in riskier at most, and breaks nothing."""
        pool, client = await anna(server, "AUDIT")
        await from_server(server, pool, client)
        await from_app(server, client, said={"EncodedData": data})
        # The connection's address is new too, in another network, a moment later: 1 + 1 + 2, and 2 for a device that nobody knows.
        assert await level(server, pool) == "High"

    async def test_a_made_up_signature_is_no_device(self, server: TestServer) -> None:
        """Signed with another key, or made for another pool: the device in it is not the one that is known."""
        pool, client = await anna(server, "AUDIT")
        found = {}
        for name, data in {
            "genuine": encoded(pool, client),
            "again": encoded(pool, client),
            "other key": encoded(pool, client, key="guess"),
            "other pool": encoded("us-east-1_Another01", client),
            "genuine again": encoded(pool, client),
            "wrong types": encoded(pool, client, DeviceId={"a": [1]}),
        }.items():
            await from_app(server, client, said={"EncodedData": data})
            found[name] = await level(server, pool)
        assert found == {
            "genuine": None,
            "again": None,
            "other key": "Low",
            "other pool": "Low",
            "genuine again": None,
            "wrong types": "Low",
        }

    async def test_whose_word_on_addresses_counts(self, server: TestServer) -> None:
        """UserContextData.IpAddress: only of a client with a secret that is allowed to; else the connection's address counts."""
        pool, plain = await anna(server, "AUDIT")
        await from_app(server, plain, said={"IpAddress": FAR})
        assert (await events(server, pool))[0]["EventContextData"]["IpAddress"] == "127.0.0.1"
        flows = ["ALLOW_USER_PASSWORD_AUTH"]
        made = await server.call(
            "CreateUserPoolClient",
            UserPoolId=pool,
            ClientName="server",
            GenerateSecret=True,
            ExplicitAuthFlows=flows,
            EnablePropagateAdditionalUserContextData=True,
        )
        trusted = made["UserPoolClient"]
        proof = secret_hash("anna", trusted["ClientId"], trusted["ClientSecret"])
        await from_app(server, trusted["ClientId"], said={"IpAddress": FAR}, SECRET_HASH=proof)
        assert (await events(server, pool))[0]["EventContextData"]["IpAddress"] == FAR


class TestActions:
    async def test_the_defaults_block_at_every_level(self, server: TestServer) -> None:
        """Without a configuration: "Amazon Cognito blocks sign-in at all risk levels and does not notify the user"."""
        pool, client = await anna(server)
        await from_server(server, pool, client)
        server.clock.advance(3_600)
        assert await refused(server, pool, client, NEAR) == BLOCKED
        newest = (await events(server, pool))[0]
        assert (newest["EventResponse"], newest["EventRisk"]) == (
            "Fail",
            {"RiskDecision": "Block", "RiskLevel": "Low", "CompromisedCredentialsDetected": False},
        )
        assert await server.messages() == []
        assert "AuthenticationResult" in await from_server(server, pool, client)  # a block teaches nothing, and takes nothing away

    async def test_what_was_blocked_stays_unknown(self, server: TestServer) -> None:
        """Trying again and again does not make an address known."""
        pool, client = await anna(server)
        await from_server(server, pool, client)
        server.clock.advance(3_600)
        assert [await refused(server, pool, client, FAR) for _ in range(3)] == [BLOCKED] * 3

    async def test_srp_is_weighed_too(self, server: TestServer) -> None:
        pool, client = await anna(server)
        await from_server(server, pool, client)
        with pytest.raises(AwsError) as error:
            await srp_sign_in(server, pool, client, "anna")
        assert (error.value.code, error.value.message) == BLOCKED

    async def test_a_level_without_an_action_is_let_in(self, server: TestServer) -> None:
        pool, client = await anna(server)
        await configure(server, pool, {"Actions": {"HighAction": {"EventAction": "BLOCK", "Notify": False}}})
        await from_server(server, pool, client)
        server.clock.advance(3_600)
        await from_server(server, pool, client, FAR, "laptop")
        newest = (await events(server, pool))[0]
        assert (newest["EventResponse"], newest["EventRisk"]["RiskDecision"], newest["EventRisk"]["RiskLevel"]) == (
            "Pass",
            "NoRisk",
            "Medium",
        )
        server.clock.advance(60)
        assert await refused(server, pool, client, "8.8.8.8", "stranger") == BLOCKED

    async def test_audit_records_and_does_nothing(self, server: TestServer) -> None:
        pool, client = await anna(server, "AUDIT")
        await configure(server, pool, takeover("BLOCK", notify=True), RiskExceptionConfiguration={"BlockedIPRangeList": [f"{FAR}/32"]})
        await from_server(server, pool, client)
        assert "AuthenticationResult" in await from_server(server, pool, client, FAR, "stranger")
        newest = (await events(server, pool))[0]
        assert (newest["EventResponse"], newest["EventRisk"]["RiskLevel"]) == ("Pass", "High")
        assert await server.messages() == []

    async def test_off_keeps_nothing(self, server: TestServer) -> None:
        """No event, no profile; and the history is refused."""
        pool = await server.pool(UserPoolTier="PLUS", UserPoolAddOns={"AdvancedSecurityMode": "OFF"})
        client = await server.client(pool)
        await server.user(pool, "anna")
        await from_server(server, pool, client)
        await refused(server, pool, client, password=WRONG)
        for table in ("auth_events", "risk_profiles"):
            assert list(await server.store.engine.rows(f"SELECT 1 FROM {table}")) == []
        expected = ("UserPoolAddOnNotEnabledException", "User pool add-ons are not enabled.")
        assert await refusal(server, "AdminListUserAuthEvents", UserPoolId=pool, Username="anna") == expected

    async def test_a_second_factor_is_asked_of_who_has_one(self, server: TestServer) -> None:
        """MFA_IF_CONFIGURED: known, no question; risky, the code; and the event goes from InProgress to Pass."""
        pool, client = await anna(server)
        await set_mfa(server, pool, "OPTIONAL", "totp")
        await configure(server, pool, takeover("MFA_IF_CONFIGURED"))
        first = await from_server(server, pool, client)
        secret = await enrol(server, first["AuthenticationResult"]["AccessToken"])
        assert "AuthenticationResult" in await from_server(server, pool, client)
        server.clock.advance(3_600)
        asked = await from_server(server, pool, client, FAR, "laptop")
        assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        under_way = (await events(server, pool))[0]
        assert (under_way["EventResponse"], under_way["EventRisk"]["RiskDecision"], under_way["EventRisk"]["RiskLevel"]) == (
            "InProgress",
            "AccountTakeover",
            "Medium",
        )
        assert under_way["ChallengeResponses"] == [{"ChallengeName": "Password", "ChallengeResponse": "Success"}]
        respond = {
            "UserPoolId": pool,
            "ClientId": client,
            "ChallengeName": "SOFTWARE_TOKEN_MFA",
            "Session": asked["Session"],
        }
        wrong = {"USERNAME": "anna", "SOFTWARE_TOKEN_MFA_CODE": "000000"}
        assert (await refusal(server, "AdminRespondToAuthChallenge", ChallengeResponses=wrong, **respond))[0] == "CodeMismatchException"
        assert ((await events(server, pool))[0]["EventResponse"], len(await events(server, pool))) == ("Fail", 3)
        said = {"UserPoolId": pool, "Username": "anna", "EventId": under_way["EventId"], "FeedbackValue": "Valid"}
        await server.call("AdminUpdateAuthEventFeedback", **said)
        right = {"USERNAME": "anna", "SOFTWARE_TOKEN_MFA_CODE": totp_code(server, secret)}
        await server.call("AdminRespondToAuthChallenge", ChallengeResponses=right, **respond)
        done = (await events(server, pool))[0]
        assert (done["EventId"], done["EventResponse"]) == (under_way["EventId"], "Pass")
        assert [each["ChallengeName"] for each in done["ChallengeResponses"]] == ["Password", "Mfa"]
        assert done["EventFeedback"]["FeedbackValue"] == "Valid"  # given while it was under way
        # The spent session cannot make a failure of it.
        await refusal(server, "AdminRespondToAuthChallenge", ChallengeResponses=wrong, **respond)
        assert (await events(server, pool))[0] == done
        server.clock.advance(3_600)
        assert "AuthenticationResult" in await from_server(server, pool, client, FAR, "laptop")  # known since

    async def test_who_has_none(self, server: TestServer) -> None:
        """MFA_IF_CONFIGURED lets them in, MFA_REQUIRED does not."""
        pool, client = await anna(server)
        await set_mfa(server, pool, "OPTIONAL", "totp")
        await configure(server, pool, takeover("MFA_IF_CONFIGURED"))
        await from_server(server, pool, client)
        server.clock.advance(3_600)
        assert "AuthenticationResult" in await from_server(server, pool, client, NEAR)
        await configure(server, pool, takeover("MFA_REQUIRED"))
        server.clock.advance(3_600)
        assert await refused(server, pool, client, FAR, "laptop") == BLOCKED
        newest = (await events(server, pool))[0]
        assert (newest["EventResponse"], newest["EventRisk"]["RiskDecision"]) == ("Fail", "Block")

    async def test_the_session_cannot_shed_the_demand(self, server: TestServer) -> None:
        """The demand for a second factor is sealed in the session: it holds when the answer comes from a known place."""
        pool, client = await anna(server)
        await set_mfa(server, pool, "OPTIONAL", "totp")
        await configure(server, pool, takeover("MFA_REQUIRED"))
        await server.call("AdminSetUserPassword", UserPoolId=pool, Username="anna", Password=PASSWORD, Permanent=True)
        await from_server(server, pool, client)
        await server.call("AdminSetUserPassword", UserPoolId=pool, Username="anna", Password=PASSWORD, Permanent=False)
        server.clock.advance(3_600)
        asked = await from_server(server, pool, client, FAR, "laptop")
        assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
        given = {"UserPoolId": pool, "ClientId": client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": asked["Session"]}
        responses = {"USERNAME": "anna", "NEW_PASSWORD": "Another-Horse-9"}
        assert await refusal(server, "AdminRespondToAuthChallenge", ChallengeResponses=responses, **given) == BLOCKED


class TestRanges:
    async def test_blocked_before_anything_is_proved(self, server: TestServer) -> None:
        """Right or wrong password, user or nobody: one answer; every operation of the client from there."""
        pool, client = await anna(server, AutoVerifiedAttributes=["email"])
        await configure(
            server, pool, takeover("NO_ACTION"), RiskExceptionConfiguration={"BlockedIPRangeList": ["127.0.0.0/8", "2001:db8::/32"]}
        )
        assert await refused(server, pool, client, "2001:db8::7") == REFUSED
        assert await refused(server, pool, client, "::ffff:127.0.0.3", password=WRONG) == REFUSED
        assert "AuthenticationResult" in await from_server(server, pool, client, HOME)
        server.clock.advance(1)
        for name in ("anna", "nobody"):
            parameters = {"USERNAME": name, "PASSWORD": WRONG}
            given = {"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters}
            hidden = ("UserNotFoundException", "User does not exist.") if name == "nobody" else REFUSED
            assert await refusal(server, "InitiateAuth", **given) == hidden
            server.clock.advance(1)
            assert await refusal(server, "ForgotPassword", ClientId=client, Username=name) == REFUSED
            server.clock.advance(1)
            assert await refusal(server, "ResendConfirmationCode", ClientId=client, Username=name) == REFUSED
        assert await refusal(server, "SignUp", ClientId=client, Username="ben", Password=PASSWORD) == REFUSED
        found = [(each["EventType"], each["EventRisk"]["RiskDecision"]) for each in await events(server, pool)]
        assert found == [
            ("ResendCode", "Block"),
            ("ForgotPassword", "Block"),
            ("SignIn", "Block"),
            ("SignIn", "NoRisk"),
            ("SignIn", "Block"),
            ("SignIn", "Block"),
        ]

    async def test_skipped_are_no_risk(self, server: TestServer) -> None:
        pool, client = await anna(server)
        await configure(server, pool, takeover("BLOCK"), RiskExceptionConfiguration={"SkippedIPRangeList": [f"{FAR}/32"]})
        await from_server(server, pool, client)
        assert "AuthenticationResult" in await from_server(server, pool, client, FAR, "stranger")
        assert await level(server, pool) is None

    async def test_blocked_counts_more_than_skipped(self, server: TestServer) -> None:
        pool, client = await anna(server)
        both = {"SkippedIPRangeList": ["0.0.0.0/0"], "BlockedIPRangeList": [f"{FAR}/32"]}
        await configure(server, pool, RiskExceptionConfiguration=both)
        assert await refused(server, pool, client, FAR) == REFUSED
