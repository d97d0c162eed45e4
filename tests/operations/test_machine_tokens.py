"""Tokens of clients themselves: the client credentials grant, and the function that is asked for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.functions import arn
from tests.kit.oauth import App, claims
from tests.kit.server import TestServer

READ = "https://orders.example/read"


class TestClientCredentials:
    async def machine(self, server: TestServer, **pool: Any) -> App:
        app = App(server)
        app.pool = await server.pool(**pool)
        scopes = [{"ScopeName": "read", "ScopeDescription": "reads"}, {"ScopeName": "write", "ScopeDescription": "writes"}]
        await server.call("CreateResourceServer", UserPoolId=app.pool, Identifier="https://orders.example", Name="orders", Scopes=scopes)
        return await app.another(
            AllowedOAuthFlows=["client_credentials"], AllowedOAuthScopes=[READ, "https://orders.example/write"], GenerateSecret=True
        )

    async def test_a_token_of_the_client(self, server: TestServer) -> None:
        """No user, no other token."""
        app = await self.machine(server)
        reply = await app.token(basic=True, grant_type="client_credentials", scope=READ)
        assert set(reply.json) == {"access_token", "expires_in", "token_type"}
        said = claims(reply.json["access_token"])
        now = int(server.clock.now())
        assert {name: said[name] for name in ("sub", "client_id", "token_use", "scope", "auth_time", "iat", "exp", "version")} == {
            "sub": app.client,
            "client_id": app.client,
            "token_use": "access",
            "scope": READ,
            "auth_time": now,
            "iat": now,
            "exp": now + 3600,
            "version": 2,
        }
        assert "username" not in said

    async def test_all_of_its_scopes_where_none_is_asked(self, server: TestServer) -> None:
        app = await self.machine(server)
        token = (await app.token(grant_type="client_credentials")).json["access_token"]
        assert claims(token)["scope"] == f"{READ} https://orders.example/write"

    async def test_a_scope_that_is_gone(self, server: TestServer) -> None:
        """The client still names it; nobody is granted it any more."""
        app = await self.machine(server)
        write = [{"ScopeName": "write", "ScopeDescription": "writes"}]
        await server.call("UpdateResourceServer", UserPoolId=app.pool, Identifier="https://orders.example", Name="orders", Scopes=write)
        assert (await app.token(grant_type="client_credentials", scope=READ)).json == {"error": "invalid_scope"}
        token = (await app.token(grant_type="client_credentials")).json["access_token"]
        assert claims(token)["scope"] == "https://orders.example/write"

    async def test_nothing_for_users(self, server: TestServer) -> None:
        """Nothing of a user's is done with it."""
        app = await self.machine(server)
        token = (await app.token(grant_type="client_credentials")).json["access_token"]
        reply = await server.send("GET", f"/{app.pool}/oauth2/userInfo", headers={"authorization": f"Bearer {token}"})
        assert reply.status == 401
        reply = await server.raw("GetUser", b'{"AccessToken": "%s"}' % token.encode())
        assert reply.json["message"] == "Access Token does not have required scopes"

    async def test_no_other_scope(self, server: TestServer) -> None:
        app = await self.machine(server)
        assert (await app.token(grant_type="client_credentials", scope="openid")).json == {"error": "invalid_scope"}

    async def test_no_scope_that_is_about_a_user(self, server: TestServer) -> None:
        """Though the client may name it: there is no user whose it could be."""
        app = await self.machine(server)
        await app.another(AllowedOAuthFlows=["client_credentials"], AllowedOAuthScopes=["openid", READ], GenerateSecret=True)
        assert (await app.token(grant_type="client_credentials", scope="openid")).json == {"error": "invalid_scope"}
        assert claims((await app.token(grant_type="client_credentials")).json["access_token"])["scope"] == READ

    async def test_no_client_of_users(self, server: TestServer) -> None:
        app = await App(server).made(GenerateSecret=True)
        assert (await app.token(grant_type="client_credentials", scope="openid")).json == {"error": "unauthorized_client"}
        await app.another()
        assert (await app.token(grant_type="client_credentials", scope="openid")).json == {"error": "invalid_client"}

    @pytest.mark.parametrize(("version", "asked"), [("V1_0", 0), ("V2_0", 0), ("V3_0", 1)])
    async def test_the_function_of_version_three(self, server: TestServer, version: str, asked: int) -> None:
        """It is asked for a client's token too, with the scopes and the metadata, and changes scopes and claims."""
        config = {"PreTokenGenerationConfig": {"LambdaArn": arn("claims"), "LambdaVersion": version}}
        app = await self.machine(server, LambdaConfig=config)
        change = {"claimsToAddOrOverride": {"tenant": "7"}, "scopesToAdd": ["extra"], "scopesToSuppress": [READ]}
        server.functions.add("claims", lambda event: {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": change}})
        reply = await app.token(grant_type="client_credentials", scope=READ, aws_client_metadata='{"for": "orders"}')
        said = claims(reply.json["access_token"])
        assert len(server.functions.events) == asked
        assert (said["scope"], said.get("tenant")) == (("extra", "7") if asked else (READ, None))
        for event in server.functions.events:
            assert (event["triggerSource"], event["version"]) == ("TokenGeneration_ClientCredentials", "3")
            assert event["request"]["scopes"] == [READ]
            assert event["request"]["clientMetadata"] == {"for": "orders"}
