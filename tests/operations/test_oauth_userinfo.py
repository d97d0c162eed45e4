"""The userinfo and the revocation endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.oauth import App
from tests.kit.server import TestServer


class TestUserInfo:
    async def tokens(self, app: App, **parameters: str) -> dict[str, Any]:
        return dict((await app.exchange((await app.entered(**parameters))["code"])).json)

    async def ask(self, app: App, token: str, method: str = "GET") -> Any:
        return await app.server.send(method, f"/{app.pool}/oauth2/userInfo", headers={"authorization": f"Bearer {token}"})

    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_what_the_scopes_show(self, server: TestServer, method: str) -> None:
        """Texts all, as live ones are (FIDELITY B.8.65)."""
        app = await App(server).made(user={"email": "anna@example.com", "email_verified": "true", "name": "Anna"})
        reply = await self.ask(app, (await self.tokens(app))["access_token"], method)
        shown = {"sub": app.sub, "username": "anna", "email": "anna@example.com", "email_verified": "true"}
        assert (reply.status, reply.json) == (200, shown)
        assert reply.headers["cache-control"] == "no-store"

    async def test_only_what_the_client_may_read(self, server: TestServer) -> None:
        app = await App(server).made(user={"email": "anna@example.com", "name": "Anna"}, ReadAttributes=["name"])
        reply = await self.ask(app, (await self.tokens(app, scope="openid"))["access_token"])
        assert reply.json == {"sub": app.sub, "username": "anna", "name": "Anna"}

    async def test_no_token_of_the_api(self, server: TestServer) -> None:
        """It has no openid scope. Nor is the id token one."""
        app = await App(server).made(ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
        signed_in = await server.sign_in(app.client, "anna")
        for token in (signed_in["AccessToken"], (await self.tokens(app))["id_token"], "x", "a.b.c"):
            reply = await self.ask(app, token)
            assert (reply.status, reply.json["error"]) == (401, "invalid_token")
            assert reply.headers["www-authenticate"].startswith('Bearer error="invalid_token"')

    async def test_none_of_another_pool(self, server: TestServer) -> None:
        app, other = await App(server).made(), await App(server).made()
        token = (await self.tokens(app))["access_token"]
        assert (await self.ask(other, token)).status == 401
        assert (await self.ask(app, token)).status == 200

    async def test_none_at_all(self, server: TestServer) -> None:
        app = await App(server).made()
        reply = await server.send("GET", f"/{app.pool}/oauth2/userInfo")
        assert (reply.status, reply.json["error"]) == (400, "invalid_request")

    @pytest.mark.parametrize("happens", ["AdminUserGlobalSignOut", "AdminDisableUser", "AdminDeleteUser"])
    async def test_none_that_ended(self, server: TestServer, happens: str) -> None:
        app = await App(server).made()
        token = (await self.tokens(app))["access_token"]
        await server.call(happens, UserPoolId=app.pool, Username="anna")
        assert (await self.ask(app, token)).status == 401


class TestRevoke:
    async def test_the_session_ends(self, server: TestServer) -> None:
        """An empty answer; of a token that is unknown as well (RFC 7009, 2.2)."""
        app = await App(server).made()
        tokens = (await app.exchange((await app.entered())["code"])).json
        for token in (tokens["refresh_token"], tokens["refresh_token"], "unknown"):
            reply = await app.post("/oauth2/revoke", {"token": token})
            assert (reply.status, reply.json) == (200, {})
        again = await app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
        assert again.json == {"error": "invalid_grant"}

    async def test_with_the_clients_proof(self, server: TestServer) -> None:
        app = await App(server).made(GenerateSecret=True)
        token = (await app.exchange((await app.entered())["code"])).json["refresh_token"]
        assert (await app.post("/oauth2/revoke", {"token": token, "client_secret": "wrong"})).json == {"error": "invalid_client"}
        assert (await app.post("/oauth2/revoke", {"token": token}, basic=True)).status == 200

    async def test_an_access_token(self, server: TestServer) -> None:
        app = await App(server).made()
        token = (await app.exchange((await app.entered())["code"])).json["access_token"]
        assert (await app.post("/oauth2/revoke", {"token": token})).json["error"] == "unsupported_token_type"

    async def test_no_token(self, server: TestServer) -> None:
        app = await App(server).made()
        assert (await app.post("/oauth2/revoke", {})).json == {"error": "invalid_request"}
