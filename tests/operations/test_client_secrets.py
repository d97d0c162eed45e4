"""The secrets of an app client, and that each of them works."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, TestServer

MINE = "a-secret-that-was-brought".replace("-", "0")


def hash_of(secret: str, client: str, username: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), (username + client).encode(), hashlib.sha256)).decode()


async def client_with(server: TestServer, **members: Any) -> tuple[str, str, str]:
    """(pool, client, first secret)"""
    pool = await server.pool()
    flows = ["ALLOW_USER_PASSWORD_AUTH"]
    answer = await server.call("CreateUserPoolClient", UserPoolId=pool, ClientName="app", ExplicitAuthFlows=flows, **members)
    return pool, answer["UserPoolClient"]["ClientId"], answer["UserPoolClient"].get("ClientSecret", "")


async def secrets_of(server: TestServer, pool: str, client: str) -> list[dict[str, object]]:
    answer = await server.call("ListUserPoolClientSecrets", UserPoolId=pool, ClientId=client)
    assert answer.keys() == {"ClientSecrets"}
    return list(answer["ClientSecrets"])


async def works(server: TestServer, pool: str, client: str, secret: str) -> bool:
    """Does a sign-in with this secret come through?"""
    parameters = {"USERNAME": "anna", "PASSWORD": PASSWORD, "SECRET_HASH": hash_of(secret, client, "anna")}
    members = {"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters}
    reply = await server.raw("InitiateAuth", json.dumps(members).encode())
    refused = {"__type": "NotAuthorizedException", "message": f"Unable to verify secret hash for client {client}"}
    assert reply.status == 200 or reply.json == refused
    return reply.status == 200


class TestAddUserPoolClientSecret:
    async def test_a_generated_one_is_shown_once(self, server: TestServer) -> None:
        """With its id `<client-id>--<epoch-create-time>`; it works at once, and so does the first."""
        pool, client, first = await client_with(server, GenerateSecret=True)
        await server.user(pool, "anna")
        answer = await server.call("AddUserPoolClientSecret", UserPoolId=pool, ClientId=client)
        second = answer["ClientSecretDescriptor"].pop("ClientSecretValue")
        name, _, made = answer["ClientSecretDescriptor"].pop("ClientSecretId").partition("--")
        assert answer == {"ClientSecretDescriptor": {"ClientSecretCreateDate": server.clock.now()}}
        assert (name, made.isdigit(), len(second)) == (client, True, 52)
        assert [await works(server, pool, client, secret) for secret in (first, second, "x" * 52)] == [True, True, False]

    async def test_a_brought_one_is_not_shown(self, server: TestServer) -> None:
        pool, client, _ = await client_with(server, GenerateSecret=True)
        await server.user(pool, "anna")
        answer = await server.call("AddUserPoolClientSecret", UserPoolId=pool, ClientId=client, ClientSecret=MINE)
        assert answer["ClientSecretDescriptor"].keys() == {"ClientSecretId", "ClientSecretCreateDate"}
        assert await works(server, pool, client, MINE)

    async def test_two_at_most(self, server: TestServer) -> None:
        """The third is refused, and the two have different ids though made at the same moment."""
        pool, client, _ = await client_with(server, GenerateSecret=True)
        await server.call("AddUserPoolClientSecret", UserPoolId=pool, ClientId=client)
        assert (await refusal(server, "AddUserPoolClientSecret", UserPoolId=pool, ClientId=client))[0] == "LimitExceededException"
        assert len({secret["ClientSecretId"] for secret in await secrets_of(server, pool, client)}) == 2

    async def test_a_public_client_gets_none(self, server: TestServer) -> None:
        """ "For an existing confidential user pool app client"."""
        pool, client, _ = await client_with(server)
        assert (await refusal(server, "AddUserPoolClientSecret", UserPoolId=pool, ClientId=client))[0] == "InvalidParameterException"
        assert "ClientSecret" not in (await server.call("DescribeUserPoolClient", UserPoolId=pool, ClientId=client))["UserPoolClient"]

    async def test_an_unknown_client(self, server: TestServer) -> None:
        pool, _, _ = await client_with(server)
        expected = ("ResourceNotFoundException", "User pool client none does not exist.")
        assert await refusal(server, "AddUserPoolClientSecret", UserPoolId=pool, ClientId="none") == expected

    async def test_a_secret_that_breaks_the_pattern_is_not_echoed(self, server: TestServer) -> None:
        pool, client, _ = await client_with(server, GenerateSecret=True)
        code, text = await refusal(server, "AddUserPoolClientSecret", UserPoolId=pool, ClientId=client, ClientSecret="too-short!")
        assert code == "InvalidParameterException" and "too-short!" not in text


class TestListUserPoolClientSecrets:
    async def test_never_the_values(self, server: TestServer) -> None:
        pool, client, first = await client_with(server, GenerateSecret=True)
        await server.call("AddUserPoolClientSecret", UserPoolId=pool, ClientId=client, ClientSecret=MINE)
        listed = await secrets_of(server, pool, client)
        assert [secret.keys() for secret in listed] == [{"ClientSecretId", "ClientSecretCreateDate"}] * 2
        assert first not in str(listed) and MINE not in str(listed)

    async def test_a_public_client_has_none(self, server: TestServer) -> None:
        pool, client, _ = await client_with(server)
        assert await secrets_of(server, pool, client) == []

    async def test_there_is_no_second_page(self, server: TestServer) -> None:
        pool, client, _ = await client_with(server)
        expected = ("InvalidParameterException", "Invalid pagination token given.")
        assert await refusal(server, "ListUserPoolClientSecrets", UserPoolId=pool, ClientId=client, NextToken="x") == expected


class TestDeleteUserPoolClientSecret:
    async def test_rotation_without_a_pause(self, server: TestServer) -> None:
        """Add, delete the old one: the new one goes on, the old one is refused at once, and Describe shows the one that is left."""
        pool, client, first = await client_with(server, GenerateSecret=True)
        await server.user(pool, "anna")
        await server.call("AddUserPoolClientSecret", UserPoolId=pool, ClientId=client, ClientSecret=MINE)
        old = (await secrets_of(server, pool, client))[0]["ClientSecretId"]
        answer = await server.call("DeleteUserPoolClientSecret", UserPoolId=pool, ClientId=client, ClientSecretId=old)
        assert answer == {}
        assert [await works(server, pool, client, secret) for secret in (first, MINE)] == [False, True]
        described = (await server.call("DescribeUserPoolClient", UserPoolId=pool, ClientId=client))["UserPoolClient"]
        assert described["ClientSecret"] == MINE

    async def test_the_last_one_stays(self, server: TestServer) -> None:
        """ "You cannot delete the last remaining secret for an app client"."""
        pool, client, first = await client_with(server, GenerateSecret=True)
        await server.user(pool, "anna")
        only = (await secrets_of(server, pool, client))[0]["ClientSecretId"]
        members = {"UserPoolId": pool, "ClientId": client, "ClientSecretId": only}
        assert (await refusal(server, "DeleteUserPoolClientSecret", **members))[0] == "InvalidParameterException"
        assert await works(server, pool, client, first)

    async def test_an_unknown_secret(self, server: TestServer) -> None:
        pool, client, _ = await client_with(server, GenerateSecret=True)
        members = {"UserPoolId": pool, "ClientId": client, "ClientSecretId": "none"}
        assert (await refusal(server, "DeleteUserPoolClientSecret", **members))[0] == "ResourceNotFoundException"
