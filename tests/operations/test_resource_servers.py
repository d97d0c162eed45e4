"""Resource servers, their scopes, and the clients that name them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.kit.refusal import all_pages, refusal
from tests.kit.server import AwsError, TestServer

INVALID, MISSING = "InvalidParameterException", "ResourceNotFoundException"
NO_SERVER = (MISSING, "Resource server does not exist.")
READ = {"ScopeName": "read", "ScopeDescription": "Reads"}
WRITE = {"ScopeName": "write", "ScopeDescription": "Writes"}
API = "https://api.example.com/v1"


async def made(server: TestServer, pool: str, identifier: str = API, *scopes: dict[str, str], **members: Any) -> Any:
    given = {"UserPoolId": pool, "Identifier": identifier, "Name": "api", "Scopes": list(scopes), **members}
    return (await server.call("CreateResourceServer", **given))["ResourceServer"]


async def described(server: TestServer, pool: str, identifier: str = API) -> Any:
    return (await server.call("DescribeResourceServer", UserPoolId=pool, Identifier=identifier))["ResourceServer"]


def allowed(*scopes: str) -> dict[str, Any]:
    return {
        "ClientName": "app",
        "GenerateSecret": True,
        "AllowedOAuthFlows": ["client_credentials"],
        "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthScopes": list(scopes),
    }


class TestCreateResourceServer:
    async def test_answers_what_is_kept(self, server: TestServer) -> None:
        pool = await server.pool()
        expected = {"UserPoolId": pool, "Identifier": API, "Name": "api", "Scopes": [READ, WRITE]}
        assert await made(server, pool, API, READ, WRITE) == expected
        assert await described(server, pool) == expected

    async def test_without_scopes(self, server: TestServer) -> None:
        pool = await server.pool()
        await server.call("CreateResourceServer", UserPoolId=pool, Identifier="a", Name="a")
        assert (await described(server, pool, "a"))["Scopes"] == []

    async def test_an_identifier_is_used_once_in_a_pool(self, server: TestServer) -> None:
        pool, other = await server.pool(), await server.pool()
        await made(server, pool, API, READ)
        await made(server, other)
        answer = await refusal(server, "CreateResourceServer", UserPoolId=pool, Identifier=API, Name="b")
        assert answer == (INVALID, f"{API} already exists in user pool {pool}.")
        assert (await described(server, pool))["Scopes"] == [READ]

    async def test_of_many_at_once_one_wins(self, server: TestServer) -> None:
        pool = await server.pool()
        answers = await asyncio.gather(*(made(server, pool, "a", Name=f"n{n}") for n in range(6)), return_exceptions=True)
        (winner,) = [answer for answer in answers if not isinstance(answer, BaseException)]
        assert winner == await described(server, pool, "a")

    @pytest.mark.parametrize(
        "members",
        [
            {"Scopes": [READ, {**READ, "ScopeDescription": "again"}]},
            {"Scopes": [{"ScopeName": f"s{n}", "ScopeDescription": "d"} for n in range(101)]},
            {"Scopes": [{"ScopeName": "a/b", "ScopeDescription": "d"}]},
            {"Scopes": [{"ScopeName": "a b", "ScopeDescription": "d"}]},
            {"Scopes": [{"ScopeName": "a"}]},
            {"Identifier": 'a"b'},
            {"Identifier": "a b"},
            {"Identifier": "a" * 257},
            {"Name": "<script>"},
        ],
    )
    async def test_what_is_refused(self, server: TestServer, members: dict[str, Any]) -> None:
        """A scope's name must be one word without a slash, or a token's scopes could be read in two ways."""
        pool = await server.pool()
        code, _ = await refusal(server, "CreateResourceServer", **{"UserPoolId": pool, "Identifier": "a", "Name": "a", **members})
        assert code == INVALID
        assert (await server.call("ListResourceServers", UserPoolId=pool))["ResourceServers"] == []

    async def test_a_million_scopes(self, server: TestServer) -> None:
        """Fit into no request; some thousand are too many."""
        pool = await server.pool()
        await made(server, pool)
        for operation in ("CreateResourceServer", "UpdateResourceServer"):
            with pytest.raises(AwsError) as refused:
                await server.call(operation, UserPoolId=pool, Identifier=API, Name="a", Scopes=[READ] * 1_000_000)
            assert refused.value.status == 413
            assert (await refusal(server, operation, UserPoolId=pool, Identifier=API, Name="a", Scopes=[READ] * 3000))[0] == INVALID
        assert (await described(server, pool))["Scopes"] == []

    async def test_a_pool_has_three_hundred(self, server: TestServer) -> None:
        pool = await server.pool()
        for n in range(300):
            await made(server, pool, f"a{n}")
        answer = await refusal(server, "CreateResourceServer", UserPoolId=pool, Identifier="b", Name="b")
        assert answer == ("LimitExceededException", "A user pool has at most 300 resource servers.")

    async def test_an_unknown_pool(self, server: TestServer) -> None:
        expected = (MISSING, "User pool us-east-1_none00000 does not exist.")
        assert await refusal(server, "CreateResourceServer", UserPoolId="us-east-1_none00000", Identifier="a", Name="a") == expected


class TestOthers:
    async def test_an_update_replaces(self, server: TestServer) -> None:
        """Name and scopes together: what is left out is none."""
        pool = await server.pool()
        await made(server, pool, API, READ)
        update: dict[str, Any] = {"UserPoolId": pool, "Identifier": API}
        expected: dict[str, Any] = {**update, "Name": "new", "Scopes": [WRITE]}
        assert await server.call("UpdateResourceServer", **expected) == {"ResourceServer": expected}
        await server.call("UpdateResourceServer", **update, Name="none")
        assert await described(server, pool) == {**update, "Name": "none", "Scopes": []}

    async def test_deleted_is_gone(self, server: TestServer) -> None:
        pool = await server.pool()
        await made(server, pool)
        await server.call("DeleteResourceServer", UserPoolId=pool, Identifier=API)
        assert await refusal(server, "DescribeResourceServer", UserPoolId=pool, Identifier=API) == NO_SERVER

    @pytest.mark.parametrize("operation", ["DescribeResourceServer", "UpdateResourceServer", "DeleteResourceServer"])
    async def test_another_pools(self, server: TestServer, operation: str) -> None:
        pool, other = await server.pool(), await server.pool()
        await made(server, other, API, READ)
        members = {"Name": "b"} if operation == "UpdateResourceServer" else {}
        assert await refusal(server, operation, UserPoolId=pool, Identifier=API, **members) == NO_SERVER
        assert (await described(server, other))["Scopes"] == [READ]

    async def test_pages(self, server: TestServer) -> None:
        """In the order of identifiers, each once; a token is good for its own pool alone."""
        pool, other = await server.pool(), await server.pool()
        for name in ("c", "a", "e", "b", "d"):
            await made(server, pool, name)
        listed = await all_pages(server, "ListResourceServers", "ResourceServers", UserPoolId=pool, MaxResults=2)
        assert [[each["Identifier"] for each in page] for page in listed] == [["a", "b"], ["c", "d"], ["e"]]
        token = (await server.call("ListResourceServers", UserPoolId=pool, MaxResults=2))["NextToken"]
        code, _ = await refusal(server, "ListResourceServers", UserPoolId=other, NextToken=token)
        assert code == INVALID

    async def test_go_with_their_pool(self, server: TestServer) -> None:
        pool = await server.pool()
        await made(server, pool, API, READ)
        await server.call("DeleteUserPool", UserPoolId=pool)
        await server.alone()
        while await server.store.pools.remove_part(pool, 10):
            pass
        assert await server.store.resource_servers.page(pool, "", 10) == []


class TestClients:
    async def test_a_client_names_what_is_there(self, server: TestServer) -> None:
        """The standard scopes, and `identifier/scope` of the pool's own resource servers."""
        pool, other = await server.pool(), await server.pool()
        await made(server, pool, API, READ)
        await made(server, other, API, READ, WRITE)
        scopes = [f"{API}/read", "openid", "email", "phone", "profile", "aws.cognito.signin.user.admin"]
        client = (await server.call("CreateUserPoolClient", UserPoolId=pool, **allowed(*scopes)))["UserPoolClient"]
        assert client["AllowedOAuthScopes"] == scopes
        for unknown in (f"{API}/write", API, "read", "Cognito", f"{API}/read/read", "OPENID"):
            expected = ("ScopeDoesNotExistException", f"Invalid scope requested: {unknown}")
            assert await refusal(server, "CreateUserPoolClient", UserPoolId=pool, **allowed("openid", unknown)) == expected
            members = {name: value for name, value in allowed(unknown).items() if name != "GenerateSecret"}
            assert await refusal(server, "UpdateUserPoolClient", UserPoolId=pool, ClientId=client["ClientId"], **members) == expected

    async def test_a_scope_that_goes(self, server: TestServer) -> None:
        """Goes though a client names it (aws-cloudformation/cloudformation-coverage-roadmap #173); the client keeps the name, and cannot be given it anew."""
        pool = await server.pool()
        await made(server, pool, API, READ)
        client = (await server.call("CreateUserPoolClient", UserPoolId=pool, **allowed(f"{API}/read")))["UserPoolClient"]
        await server.call("DeleteResourceServer", UserPoolId=pool, Identifier=API)
        found = (await server.call("DescribeUserPoolClient", UserPoolId=pool, ClientId=client["ClientId"]))["UserPoolClient"]
        assert found["AllowedOAuthScopes"] == [f"{API}/read"]
        assert (await refusal(server, "CreateUserPoolClient", UserPoolId=pool, **allowed(f"{API}/read")))[0] == "ScopeDoesNotExistException"

    async def test_a_scope_and_its_removal_at_once(self, server: TestServer) -> None:
        """Either is refused in AWS's words or done; nothing breaks."""
        pool = await server.pool()
        await made(server, pool, API, READ)
        create = server.call("CreateUserPoolClient", UserPoolId=pool, **allowed(f"{API}/read"))
        answers = await asyncio.gather(create, server.call("DeleteResourceServer", UserPoolId=pool, Identifier=API), return_exceptions=True)
        assert [answer.status for answer in answers if isinstance(answer, AwsError)] in ([], [400])
