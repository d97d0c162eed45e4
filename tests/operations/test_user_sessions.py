"""Sessions that are tracked: listed, limited and revoked, by their user and by an administrator."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, AwsError, TestServer

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Mobile/15E148 Safari/604.1"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0"
ROTATING: dict[str, Any] = {
    "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
    "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10},
}
OFF = ("OperationNotEnabledException", "Session tracking is not enabled for this user pool.")
NO_SESSION = ("ResourceNotFoundException", "Session does not exist.")


async def track(server: TestServer, pool: str, most: int = 20, tracking: str = "ENABLED") -> Any:
    return await server.call(
        "SetUserPoolSessionConfiguration", UserPoolId=pool, UserSessionTracking=tracking, TokenSession={"MaxPerUser": most}
    )


async def tracked(server: TestServer, most: int = 20, **members: Any) -> tuple[str, str]:
    """A pool that tracks sessions, with anna; and a client."""
    pool = await server.pool()
    await track(server, pool, most)
    await server.user(pool, "anna")
    return pool, await server.client(pool, **members)


async def from_agent(server: TestServer, operation: str, agent: str, **members: Any) -> Any:
    reply = await server.raw(operation, json.dumps(members).encode(), headers={"user-agent": agent})
    assert reply.status == 200, reply.body
    return reply.json["AuthenticationResult"]


async def sign_in_from(server: TestServer, client: str, agent: str) -> Any:
    parameters = {"USERNAME": "anna", "PASSWORD": PASSWORD}
    return await from_agent(server, "InitiateAuth", agent, ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)


async def mine(server: TestServer, token: str) -> list[dict[str, Any]]:
    answer = await server.call("ListUserSessions", AccessToken=token)
    assert "NextToken" not in answer
    return list(answer["Sessions"])


async def theirs(server: TestServer, pool: str, name: str = "anna") -> list[dict[str, Any]]:
    return list((await server.call("AdminListUserSessions", UserPoolId=pool, Username=name))["Sessions"])


async def ended(server: TestServer, client: str, tokens: Any) -> bool:
    """Do both the access and the refresh token say that they were revoked?"""
    access = await refusal(server, "GetUser", AccessToken=tokens["AccessToken"])
    parameters = {"REFRESH_TOKEN": tokens["RefreshToken"]}
    refresh = await refusal(server, "InitiateAuth", ClientId=client, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters=parameters)
    return (access, refresh) == (
        ("NotAuthorizedException", "Access Token has been revoked"),
        ("NotAuthorizedException", "Refresh Token has been revoked"),
    )


class TestListing:
    async def test_shows_what_is_known_of_each(self, server: TestServer) -> None:
        """Every member, the session used last first, and which of them asks; an administrator's list marks none."""
        pool, client = await tracked(server)
        first = await sign_in_from(server, client, IPHONE)
        began = server.clock.now()
        server.clock.advance(60)
        second = await sign_in_from(server, client, WINDOWS)
        listed = await mine(server, first["AccessToken"])
        ids = [session.pop("SessionId") for session in listed]
        assert [re.fullmatch("tkn[a-z0-9]{25}", each) is not None for each in ids] == [True, True]
        shared = {"SessionType": "TOKEN", "ClientId": client, "LastIPAddress": "127.0.0.1"}
        now = began + 60
        assert listed == [
            {**shared, "CreateDate": now, "LastActiveDate": now, "DeviceType": "Windows, Edge", "IsCurrentSession": False},
            {**shared, "CreateDate": began, "LastActiveDate": began, "DeviceType": "iOS, Safari", "IsCurrentSession": True},
        ]
        assert [session["IsCurrentSession"] for session in await mine(server, second["AccessToken"])] == [True, False]
        of_admin = await theirs(server, pool)
        assert [(session["SessionId"], session["IsCurrentSession"]) for session in of_admin] == [(ids[0], False), (ids[1], False)]

    @pytest.mark.parametrize("rotating", [False, True])
    async def test_a_refresh_is_activity(self, server: TestServer, rotating: bool) -> None:
        """It overwrites date, device and address, and moves the session to the front; the sign-in's date stays."""
        pool, client = await tracked(server, **(ROTATING if rotating else {}))
        first = await sign_in_from(server, client, IPHONE)
        began = server.clock.now()
        server.clock.advance(60)
        await sign_in_from(server, client, IPHONE)
        oldest = (await theirs(server, pool))[-1]
        server.clock.advance(60)
        await from_agent(server, "GetTokensFromRefreshToken", WINDOWS, ClientId=client, RefreshToken=first["RefreshToken"])
        newest = (await theirs(server, pool))[0]
        assert newest == {**oldest, "LastActiveDate": began + 120, "DeviceType": "Windows, Edge"}
        assert newest["CreateDate"] == began

    async def test_an_unknown_device_says_so(self, server: TestServer) -> None:
        pool, client = await tracked(server)
        await server.sign_in(client, "anna")
        assert [session["DeviceType"] for session in await theirs(server, pool)] == ["unknown"]

    async def test_only_active_sessions_of_this_user(self, server: TestServer) -> None:
        """Signed out, revoked, expired, another user's and another pool's are not listed."""
        pool, client = await tracked(server)
        short = await server.client(pool, RefreshTokenValidity=1, TokenValidityUnits={"RefreshToken": "hours"})
        await server.user(pool, "bea")
        await server.sign_in(client, "bea")
        revoked = await server.sign_in(client, "anna")
        await server.call("RevokeToken", ClientId=client, Token=revoked["RefreshToken"])
        await server.sign_in(short, "anna")
        assert [session["ClientId"] for session in await theirs(server, pool)] == [short]
        server.clock.advance(3_601)
        assert await theirs(server, pool) == []
        await server.sign_in(client, "anna")
        assert len(await theirs(server, pool)) == 1
        await server.call("AdminUserGlobalSignOut", UserPoolId=pool, Username="anna")
        assert (len(await theirs(server, pool)), len(await theirs(server, pool, "bea"))) == (0, 1)

    async def test_a_deleted_clients_sessions_are_gone(self, server: TestServer) -> None:
        pool, client = await tracked(server)
        await server.sign_in(client, "anna")
        await server.call("DeleteUserPoolClient", UserPoolId=pool, ClientId=client)
        assert await theirs(server, pool) == []

    async def test_a_page_token_is_never_taken(self, server: TestServer) -> None:
        """One page holds all there can be, so none was given out; not even one of another list passes."""
        pool, client = await tracked(server)
        tokens = await server.sign_in(client, "anna")
        for _ in range(2):
            await server.pool()
        foreign = (await server.call("ListUserPools", MaxResults=1))["NextToken"]
        bad = ("InvalidParameterException", "Invalid pagination token given.")
        for token in ("x", foreign):
            assert await refusal(server, "AdminListUserSessions", UserPoolId=pool, Username="anna", NextToken=token) == bad
            assert await refusal(server, "ListUserSessions", AccessToken=tokens["AccessToken"], NextToken=token) == bad

    async def test_who_is_not_there(self, server: TestServer) -> None:
        pool, _ = await tracked(server)
        assert await refusal(server, "AdminListUserSessions", UserPoolId=pool, Username="nobody") == (
            "UserNotFoundException",
            "User does not exist.",
        )
        assert await refusal(server, "AdminListUserSessions", UserPoolId="us-east-1_none", Username="anna") == (
            "ResourceNotFoundException",
            "User pool us-east-1_none does not exist.",
        )
        assert await refusal(server, "ListUserSessions", AccessToken="a.b.c") == ("NotAuthorizedException", "Invalid Access Token")


class TestRevoking:
    async def test_another_session_of_ones_own(self, server: TestServer) -> None:
        """Its access and refresh tokens end at once; the one that asked goes on."""
        _, client = await tracked(server)
        lost, kept = await server.sign_in(client, "anna"), await server.sign_in(client, "anna")
        target = next(each["SessionId"] for each in await mine(server, kept["AccessToken"]) if not each["IsCurrentSession"])
        assert await server.call("RevokeUserSession", AccessToken=kept["AccessToken"], SessionId=target) == {}
        assert await ended(server, client, lost)
        assert [each["IsCurrentSession"] for each in await mine(server, kept["AccessToken"])] == [True]
        assert await refusal(server, "RevokeUserSession", AccessToken=kept["AccessToken"], SessionId=target) == NO_SESSION

    async def test_by_an_administrator(self, server: TestServer) -> None:
        """Any session, with its rotated refresh tokens; `LINKED` ends no other, since API sessions have no single sign-on behind them."""
        pool, client = await tracked(server, **ROTATING)
        first = await server.sign_in(client, "anna")
        second = (await server.call("GetTokensFromRefreshToken", ClientId=client, RefreshToken=first["RefreshToken"]))[
            "AuthenticationResult"
        ]
        await server.sign_in(client, "anna")
        target = next(each["SessionId"] for each in await theirs(server, pool))
        others = [each["SessionId"] for each in await theirs(server, pool) if each["SessionId"] != target]
        await server.call(
            "AdminRevokeUserSession", UserPoolId=pool, Username="anna", SessionId=others[0], RevokeAssociatedSessions="LINKED"
        )
        assert [each["SessionId"] for each in await theirs(server, pool)] == [target]
        await server.call("AdminRevokeUserSession", UserPoolId=pool, Username="anna", SessionId=target)
        assert await theirs(server, pool) == []
        for token in (first["RefreshToken"], second["RefreshToken"]):
            with pytest.raises(AwsError, match="Refresh Token has been revoked"):
                await server.call("GetTokensFromRefreshToken", ClientId=client, RefreshToken=token)

    async def test_not_the_current_one(self, server: TestServer) -> None:
        _, client = await tracked(server)
        tokens = await server.sign_in(client, "anna")
        own = (await mine(server, tokens["AccessToken"]))[0]["SessionId"]
        assert await refusal(server, "RevokeUserSession", AccessToken=tokens["AccessToken"], SessionId=own) == (
            "InvalidParameterException",
            "The current session cannot be revoked.",
        )
        assert len(await mine(server, tokens["AccessToken"])) == 1

    async def test_not_that_of_another_user_or_pool(self, server: TestServer) -> None:
        """Their ids are as unknown as made-up ones, and nothing changes."""
        pool, client = await tracked(server)
        await server.user(pool, "bea")
        bea, anna = await server.sign_in(client, "bea"), await server.sign_in(client, "anna")
        elsewhere, other_client = await tracked(server)
        await server.sign_in(other_client, "anna")
        ids = [(await theirs(server, pool, "bea"))[0]["SessionId"], (await theirs(server, elsewhere))[0]["SessionId"]]
        for session in (*ids, f"tkn{'0' * 25}", f"sso{'0' * 25}"):
            assert await refusal(server, "RevokeUserSession", AccessToken=anna["AccessToken"], SessionId=session) == NO_SESSION
            members = {"UserPoolId": pool, "Username": "anna", "SessionId": session}
            assert await refusal(server, "AdminRevokeUserSession", **members) == NO_SESSION
        assert (len(await mine(server, bea["AccessToken"])), len(await theirs(server, elsewhere))) == (1, 1)

    async def test_an_expired_one_is_not_there(self, server: TestServer) -> None:
        pool, client = await tracked(server, RefreshTokenValidity=1, TokenValidityUnits={"RefreshToken": "hours"})
        await server.sign_in(client, "anna")
        session = (await theirs(server, pool))[0]["SessionId"]
        server.clock.advance(3_601)
        assert await refusal(server, "AdminRevokeUserSession", UserPoolId=pool, Username="anna", SessionId=session) == NO_SESSION

    @pytest.mark.parametrize("session", ["tkn", f"tkn{'A' * 25}", f"abc{'0' * 25}", f"tkn{'0' * 26}", "x" * 100_000])
    async def test_what_is_no_id(self, server: TestServer, session: str) -> None:
        """The service model refuses it before anything is read."""
        pool, _ = await tracked(server)
        code, text = await refusal(server, "AdminRevokeUserSession", UserPoolId=pool, Username="anna", SessionId=session)
        assert (code, "sessionId" in text) == ("InvalidParameterException", True)

    async def test_reaches_tokens_that_name_no_session_otherwise(self, server: TestServer) -> None:
        """A client without token revocation: while sessions are tracked, its tokens name theirs all the same."""
        pool, client = await tracked(server, EnableTokenRevocation=False)
        lost = await server.sign_in(client, "anna")
        session = (await theirs(server, pool))[0]["SessionId"]
        await server.call("AdminRevokeUserSession", UserPoolId=pool, Username="anna", SessionId=session)
        assert await ended(server, client, lost)


class TestLimit:
    async def test_the_one_used_longest_ago_gives_way(self, server: TestServer) -> None:
        """Used, not begun: a refresh saves the oldest session. Both tokens of the evicted one end."""
        pool, client = await tracked(server, most=2)
        first = await server.sign_in(client, "anna")
        server.clock.advance(1)
        second = await server.sign_in(client, "anna")
        server.clock.advance(1)
        await server.call("GetTokensFromRefreshToken", ClientId=client, RefreshToken=first["RefreshToken"])
        server.clock.advance(1)
        third = await server.sign_in(client, "anna")
        assert await ended(server, client, second)
        for alive in (first, third):
            await server.call("GetUser", AccessToken=alive["AccessToken"])
        assert len(await theirs(server, pool)) == 2

    async def test_counts_each_user_over_all_clients(self, server: TestServer) -> None:
        pool, client = await tracked(server, most=1)
        await server.user(pool, "bea")
        bea = await server.sign_in(client, "bea")
        first = await server.sign_in(client, "anna")
        await server.sign_in(await server.client(pool), "anna")
        assert await ended(server, client, first)
        assert len(await mine(server, bea["AccessToken"])) == 1

    async def test_a_lower_limit_waits_for_the_next_sign_in(self, server: TestServer) -> None:
        pool, client = await tracked(server)
        for _ in range(4):
            server.clock.advance(1)
            await server.sign_in(client, "anna")
        await track(server, pool, 2)
        assert len(await theirs(server, pool)) == 4
        await server.sign_in(client, "anna")
        assert len(await theirs(server, pool)) == 2

    async def test_sign_ins_at_one_moment(self, server: TestServer) -> None:
        """They cannot pass the limit together."""
        pool, client = await tracked(server, most=3)
        tokens = await asyncio.gather(*(server.sign_in(client, "anna") for _ in range(12)))
        assert len(await theirs(server, pool)) == 3
        outcomes = await asyncio.gather(
            *(server.call("GetUser", AccessToken=each["AccessToken"]) for each in tokens), return_exceptions=True
        )
        refused = [outcome.message for outcome in outcomes if isinstance(outcome, AwsError)]
        assert refused == ["Access Token has been revoked"] * 9

    async def test_a_refused_sign_in_evicts_nobody(self, server: TestServer) -> None:
        pool, client = await tracked(server, most=1)
        await server.sign_in(client, "anna")
        before = await theirs(server, pool)
        with pytest.raises(AwsError, match="Incorrect"):
            await server.sign_in(client, "anna", "Wrong-Horse-9")
        assert await theirs(server, pool) == before


class TestPoolConfiguration:
    async def test_defaults(self, server: TestServer) -> None:
        pool = await server.pool()
        assert await server.call("GetUserPoolSessionConfiguration", UserPoolId=pool) == {
            "UserPoolId": pool,
            "UserSessionTracking": "DISABLED",
            "TokenSession": {"MaxPerUser": 20},
        }

    async def test_is_replaced_as_a_whole_and_survives_updates_of_the_pool(self, server: TestServer) -> None:
        pool = await server.pool()
        wanted: dict[str, Any] = {"UserPoolId": pool, "UserSessionTracking": "ENABLED", "TokenSession": {"MaxPerUser": 7}}
        assert await track(server, pool, 7) == wanted
        await server.call("UpdateUserPool", UserPoolId=pool, MfaConfiguration="OFF")
        await server.call("AddCustomAttributes", UserPoolId=pool, CustomAttributes=[{"Name": "x", "AttributeDataType": "String"}])
        assert await server.call("GetUserPoolSessionConfiguration", UserPoolId=pool) == wanted

    async def test_while_off_nothing_is_tracked_or_answered(self, server: TestServer) -> None:
        """What began meanwhile stays untracked; what was tracked before comes back."""
        pool, client = await tracked(server)
        await server.sign_in(client, "anna")
        before = await theirs(server, pool)
        await track(server, pool, tracking="DISABLED")
        tokens = await server.sign_in(client, "anna")
        session = before[0]["SessionId"]
        assert await refusal(server, "ListUserSessions", AccessToken=tokens["AccessToken"]) == OFF
        assert await refusal(server, "RevokeUserSession", AccessToken=tokens["AccessToken"], SessionId=session) == OFF
        assert await refusal(server, "AdminListUserSessions", UserPoolId=pool, Username="anna") == OFF
        assert await refusal(server, "AdminRevokeUserSession", UserPoolId=pool, Username="anna", SessionId=session) == OFF
        await track(server, pool)
        assert await theirs(server, pool) == before
        await server.call("GetTokensFromRefreshToken", ClientId=client, RefreshToken=tokens["RefreshToken"])
        assert [each["IsCurrentSession"] for each in await mine(server, tokens["AccessToken"])] == [False]

    @pytest.mark.parametrize("most", [0, 101, -1])
    async def test_the_limit_has_limits(self, server: TestServer, most: int) -> None:
        pool = await server.pool()
        with pytest.raises(AwsError) as refused:
            await track(server, pool, most)
        assert (refused.value.code, "maxPerUser" in refused.value.message) == ("InvalidParameterException", True)

    async def test_needs_more_than_lite(self, server: TestServer) -> None:
        """Neither may a Lite pool begin to track, nor a pool that tracks become Lite."""
        lite = await server.pool(UserPoolTier="LITE")
        said = (
            "FeatureUnavailableInTierException",
            "Session management is not available in this tier. Change the user pool to the Essentials tier.",
        )
        members = {"UserSessionTracking": "ENABLED", "TokenSession": {"MaxPerUser": 1}}
        assert await refusal(server, "SetUserPoolSessionConfiguration", UserPoolId=lite, **members) == said
        pool, _ = await tracked(server)
        assert await refusal(server, "UpdateUserPool", UserPoolId=pool, UserPoolTier="LITE") == said
        client = await server.client(lite)
        assert (
            await refusal(
                server, "SetUserPoolClientSessionConfiguration", UserPoolId=lite, ClientId=client, SSOSession={"MaxValidityMinutes": 1}
            )
            == said
        )


class TestClientConfiguration:
    async def test_is_kept_and_replaced(self, server: TestServer) -> None:
        """60 minutes unless told; kept by UpdateUserPoolClient, and while tracking is off."""
        pool, client = await tracked(server)
        ids = {"UserPoolId": pool, "ClientId": client}
        assert await server.call("GetUserPoolClientSessionConfiguration", **ids) == {**ids, "SSOSession": {"MaxValidityMinutes": 60}}
        wanted: dict[str, Any] = {**ids, "SSOSession": {"MaxValidityMinutes": 0}}
        assert await server.call("SetUserPoolClientSessionConfiguration", **wanted) == wanted
        await server.call("UpdateUserPoolClient", **ids, ClientName="other")
        await track(server, pool, tracking="DISABLED")
        assert await server.call("GetUserPoolClientSessionConfiguration", **ids) == wanted
        assert await refusal(server, "SetUserPoolClientSessionConfiguration", **wanted) == OFF

    async def test_of_a_client_of_this_pool(self, server: TestServer) -> None:
        pool, _ = await tracked(server)
        _, client = await tracked(server)
        ids = {"UserPoolId": pool, "ClientId": client}
        said = ("ResourceNotFoundException", f"User pool client {client} does not exist.")
        assert await refusal(server, "GetUserPoolClientSessionConfiguration", **ids) == said
        assert await refusal(server, "SetUserPoolClientSessionConfiguration", **ids, SSOSession={"MaxValidityMinutes": 1}) == said
        code, _ = await refusal(server, "SetUserPoolClientSessionConfiguration", **ids, SSOSession={"MaxValidityMinutes": 129_601})
        assert code == "InvalidParameterException"
