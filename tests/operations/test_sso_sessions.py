"""Single sign-on sessions, as the pages that sign a browser in begin and reuse them; listed and revoked through the wire."""

from __future__ import annotations

from typing import Any

import pytest

from cognomen.context import Context
from cognomen.userpools import find, issue, sso_sessions
from cognomen.userpools.hooks.ask import Occasion
from tests.kit.refusal import refusal
from tests.kit.server import AwsError, TestServer

MINUTE = 60.0


class Browser:
    """What a page does for anna's browser."""

    def __init__(self, server: TestServer) -> None:
        self.server = server
        self.cx = Context(server.server.rooms, source_ip="192.0.2.7", user_agent="Firefox")
        self.pool = self.client = ""

    async def made(self, *, tracking: str = "ENABLED") -> Browser:
        self.pool = await self.server.pool()
        await self.server.call(
            "SetUserPoolSessionConfiguration", UserPoolId=self.pool, UserSessionTracking=tracking, TokenSession={"MaxPerUser": 20}
        )
        self.client = await self.server.client(self.pool)
        await self.server.user(self.pool, "anna")
        return self

    async def sign_in(self) -> str:
        pool, client = await find.client(self.cx, self.client)
        session = sso_sessions.new(self.cx, pool, client, await find.existing_user(self.cx, pool, "anna"))
        await self.cx.store.write(lambda tx: sso_sessions.keep(self.cx, tx, session))
        return session.session_id

    async def reuse(self, session_id: str, client_id: str | None = None) -> str | None:
        pool, client = await find.client(self.cx, client_id or self.client)
        found = await sso_sessions.reuse(self.cx, pool, client, session_id)
        return found.session_id if found else None

    async def tokens(self, session_id: str | None) -> Any:
        pool, client = await find.client(self.cx, self.client)
        user = await find.existing_user(self.cx, pool, "anna")

        async def nothing(tx: object) -> None:
            """What a sign-in would write beside its session."""

        occasion = Occasion("HostedAuth", client.client_id)
        return await issue.sign_in(self.cx, pool, client, user, nothing, occasion, issue.Origin(sso_session=session_id))

    async def listed(self) -> list[dict[str, Any]]:
        return list((await self.server.call("AdminListUserSessions", UserPoolId=self.pool, Username="anna"))["Sessions"])

    async def ids(self) -> set[str]:
        return {session["SessionId"] for session in await self.listed()}

    async def revoke(self, session_id: str, **members: str) -> None:
        await self.server.call("AdminRevokeUserSession", UserPoolId=self.pool, Username="anna", SessionId=session_id, **members)


class TestListing:
    async def test_beside_the_token_sessions(self, server: TestServer) -> None:
        browser = await Browser(server).made()
        sso = await browser.sign_in()
        server.clock.advance(60)
        tokens = await browser.tokens(sso)
        token_session, session = await browser.listed()
        assert (token_session["SessionType"], token_session["OriginSessionId"]) == ("TOKEN", sso)
        assert session == {
            "SessionId": sso,
            "SessionType": "SSO",
            "ClientId": browser.client,
            "CreateDate": server.clock.now() - 60,
            "LastActiveDate": server.clock.now() - 60,
            "DeviceType": session["DeviceType"],
            "LastIPAddress": "192.0.2.7",
            "IsCurrentSession": False,
        }
        mine = (await server.call("ListUserSessions", AccessToken=tokens.access_token))["Sessions"]
        assert [each["IsCurrentSession"] for each in mine] == [True, False]

    async def test_at_most_twenty_five_the_oldest_goes(self, server: TestServer) -> None:
        browser = await Browser(server).made()
        first = await browser.sign_in()
        for _ in range(25):
            server.clock.advance(1)
            await browser.sign_in()
        assert len(await browser.ids()) == 25 and first not in await browser.ids()


class TestReuse:
    async def test_within_what_the_client_allows(self, server: TestServer) -> None:
        """MaxValidityMinutes counts from the last proof, not from the last use; 60 unless the client says otherwise, and 0 is never."""
        browser = await Browser(server).made()
        sso = await browser.sign_in()
        never = await server.client(browser.pool)
        await server.call(
            "SetUserPoolClientSessionConfiguration", UserPoolId=browser.pool, ClientId=never, SSOSession={"MaxValidityMinutes": 0}
        )
        server.clock.advance(59 * MINUTE)
        assert (await browser.reuse(sso), await browser.reuse(sso, never)) == (sso, None)
        assert [session["LastActiveDate"] for session in await browser.listed()] == [server.clock.now()]
        server.clock.advance(MINUTE)
        assert await browser.reuse(sso) is None

    async def test_ninety_days_end_it_for_all(self, server: TestServer) -> None:
        browser = await Browser(server).made()
        sso = await browser.sign_in()
        longest = {"MaxValidityMinutes": 129_600}
        await server.call("SetUserPoolClientSessionConfiguration", UserPoolId=browser.pool, ClientId=browser.client, SSOSession=longest)
        server.clock.advance(129_600 * MINUTE - 1)
        assert await browser.reuse(sso) == sso
        server.clock.advance(1)
        assert await browser.reuse(sso) is None and await browser.ids() == set()

    async def test_for_an_hour_while_tracking_is_off_and_in_no_other_pool(self, server: TestServer) -> None:
        """Whatever the client has configured for when it is on."""
        browser, other = await Browser(server).made(), await Browser(server).made()
        sso = await browser.sign_in()
        assert await other.reuse(sso) is None
        await server.call(
            "SetUserPoolSessionConfiguration", UserPoolId=browser.pool, UserSessionTracking="DISABLED", TokenSession={"MaxPerUser": 20}
        )
        assert await browser.reuse(sso) == sso
        server.clock.advance(60 * MINUTE)
        assert await browser.reuse(sso) is None


class TestRevoking:
    async def test_itself_alone(self, server: TestServer) -> None:
        browser = await Browser(server).made()
        sso = await browser.sign_in()
        tokens = await browser.tokens(sso)
        await browser.revoke(sso)
        assert await browser.reuse(sso) is None
        assert (await server.call("GetUser", AccessToken=tokens.access_token))["Username"] == "anna"

    async def test_with_what_came_through_it(self, server: TestServer) -> None:
        """LINKED ends the token sessions of this single sign-on, and no others."""
        browser = await Browser(server).made()
        sso, other = await browser.sign_in(), await browser.sign_in()
        through, apart, alone = await browser.tokens(sso), await browser.tokens(other), await browser.tokens(None)
        await browser.revoke(sso, RevokeAssociatedSessions="LINKED")
        with pytest.raises(AwsError, match="Access Token has been revoked"):
            await server.call("GetUser", AccessToken=through.access_token)
        for tokens in (apart, alone):
            assert (await server.call("GetUser", AccessToken=tokens.access_token))["Username"] == "anna"
        assert await browser.reuse(other) == other

    @pytest.mark.parametrize("by", ["AdminRevokeUserSession", "RevokeToken"])
    async def test_a_token_session_with_its_parent(self, server: TestServer, by: str) -> None:
        """LINKED ends the parent, and leaves the other token sessions that came through it."""
        browser = await Browser(server).made()
        sso = await browser.sign_in()
        one, other = await browser.tokens(sso), await browser.tokens(sso)
        if by == "RevokeToken":
            await server.call("RevokeToken", ClientId=browser.client, Token=one.refresh_token, RevokeAssociatedSessions="LINKED")
        else:
            mine = (await server.call("ListUserSessions", AccessToken=one.access_token))["Sessions"]
            await browser.revoke(next(each["SessionId"] for each in mine if each["IsCurrentSession"]), RevokeAssociatedSessions="LINKED")
        with pytest.raises(AwsError, match="Access Token has been revoked"):
            await server.call("GetUser", AccessToken=one.access_token)
        assert await browser.reuse(sso) is None
        assert (await server.call("GetUser", AccessToken=other.access_token))["Username"] == "anna"

    async def test_the_users_own_current_session_stays(self, server: TestServer) -> None:
        browser = await Browser(server).made()
        sso = await browser.sign_in()
        mine, other = await browser.tokens(sso), await browser.tokens(sso)
        await server.call("RevokeUserSession", AccessToken=mine.access_token, SessionId=sso, RevokeAssociatedSessions="LINKED")
        assert (await server.call("GetUser", AccessToken=mine.access_token))["Username"] == "anna"
        with pytest.raises(AwsError, match="Access Token has been revoked"):
            await server.call("GetUser", AccessToken=other.access_token)

    async def test_not_another_users(self, server: TestServer) -> None:
        browser = await Browser(server).made()
        await server.user(browser.pool, "eve")
        sso = await browser.sign_in()
        asked = {"UserPoolId": browser.pool, "Username": "eve", "SessionId": sso}
        assert (await refusal(server, "AdminRevokeUserSession", **asked))[0] == "ResourceNotFoundException"
        assert await browser.reuse(sso) == sso

    @pytest.mark.parametrize("operation", ["AdminUserGlobalSignOut", "AdminDisableUser", "AdminDeleteUser"])
    async def test_goes_with_the_user(self, server: TestServer, operation: str) -> None:
        """Signed out everywhere is signed out of the browser too."""
        browser = await Browser(server).made()
        sso = await browser.sign_in()
        await server.call(operation, UserPoolId=browser.pool, Username="anna")
        assert await browser.reuse(sso) is None
