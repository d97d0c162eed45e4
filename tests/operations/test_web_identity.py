"""AssumeRoleWithWebIdentity: whose tokens count, as whom trust policies know them, and for which applications."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.kit.aws_query import query, refused
from tests.kit.server import TestServer

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Kim"


async def trust(server: TestServer, federated: str, condition: dict[str, Any] | None = None) -> None:
    """The role Kim, for whoever comes by this provider."""
    statement = {"Effect": "Allow", "Principal": {"Federated": federated}, "Action": "sts:AssumeRoleWithWebIdentity"}
    statement |= {"Condition": condition} if condition else {}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await query(server, "iam", "CreateRole", RoleName="Kim", AssumeRolePolicyDocument=document)


async def assume(server: TestServer, token: str, **more: str) -> Any:
    asked: dict[str, Any] = {"RoleArn": ROLE, "RoleSessionName": "app", "WebIdentityToken": token, **more}
    return await query(server, "sts", "AssumeRoleWithWebIdentity", **asked)


async def no(server: TestServer, token: str, **more: Any) -> tuple[str, str]:
    """The code and the text of a refusal."""
    asked: dict[str, Any] = {"RoleArn": ROLE, "RoleSessionName": "app", "WebIdentityToken": token, **more}
    return (await refused(server, "sts", "AssumeRoleWithWebIdentity", **asked))[1:]


class TestRegisteredUserPools:
    """A user pool as an OpenID Connect provider of the account, as AWS has it."""

    async def signed_in(self, server: TestServer, **pool: Any) -> tuple[str, str, str]:
        pool_id = await server.pool(**pool)
        client = await server.client(pool_id)
        await server.user(pool_id, "kim")
        return pool_id, client, (await server.sign_in(client, "kim"))["IdToken"]

    async def register(self, server: TestServer, url: str, *clients: str) -> str:
        made = await query(server, "iam", "CreateOpenIDConnectProvider", Url=url, ClientIDList=list(clients))
        return str(made["OpenIDConnectProviderArn"])

    @pytest.mark.parametrize(
        "url",
        [
            "https://cognito-idp.us-east-1.amazonaws.com/{}",
            "https://issuer-cognito-idp.us-east-1.amazonaws.com/{}",
            "http://localhost:2646/{}",
            "https://COGNITO-IDP.us-east-1.amazonaws.com/{}/",
        ],
    )
    async def test_by_any_of_its_names(self, server: TestServer, url: str) -> None:
        """A role that trusts the provider's ARN, with conditions by the provider's address, is assumed with the pool's id token."""
        pool, client, token = await self.signed_in(server)
        arn = await self.register(server, url.format(pool), client)
        name = arn.partition("oidc-provider/")[2]
        await trust(server, arn, {"StringEquals": {f"{name}:aud": client}, "StringLike": {f"{name}:sub": "*-*"}})
        made = await assume(server, token)
        assert (made["Audience"], made["Provider"]) == (client, f"http://localhost:2646/{pool}")
        assert made["Credentials"]["AccessKeyId"].startswith("ASIA")

    async def test_its_clients_are_those_that_are_registered(self, server: TestServer) -> None:
        """Another client's tokens are of another audience; one that is taken away loses the way in, and so does a provider."""
        pool, client, token = await self.signed_in(server)
        other = await server.client(pool)
        arn = await self.register(server, f"https://cognito-idp.us-east-1.amazonaws.com/{pool}", other)
        await trust(server, arn)
        assert await no(server, token) == ("InvalidIdentityToken", "Incorrect token audience")
        named: dict[str, Any] = {"OpenIDConnectProviderArn": arn}
        await query(server, "iam", "AddClientIDToOpenIDConnectProvider", **named, ClientID=client)
        assert (await assume(server, token))["Audience"] == client
        await query(server, "iam", "RemoveClientIDFromOpenIDConnectProvider", **named, ClientID=client)
        assert (await no(server, token))[0] == "InvalidIdentityToken"
        await query(server, "iam", "AddClientIDToOpenIDConnectProvider", **named, ClientID=client)
        await query(server, "iam", "DeleteOpenIDConnectProvider", **named)
        assert (await no(server, token))[0] == "AccessDenied"

    async def test_a_registered_pool_is_trusted_by_its_arn_alone(self, server: TestServer) -> None:
        """Whoever registers a pool says by which clients it is entered: its plain name, which knows no clients, is another principal."""
        pool, client, token = await self.signed_in(server)
        await trust(server, f"localhost:2646/{pool}")
        assert (await assume(server, token))["Audience"] == client
        await self.register(server, f"https://cognito-idp.us-east-1.amazonaws.com/{pool}", client)
        assert (await no(server, token))[0] == "AccessDenied"

    @pytest.mark.parametrize(
        "issuer", ["https://arn:aws:iam::000000000000:oidc-provider/idp.example.com", "https://cognito-identity.amazonaws.com"]
    )
    async def test_a_pool_is_nobody_else_by_the_name_of_its_issuer(self, server: TestServer, issuer: str) -> None:
        """Who may tag a user pool does not become another provider, which the account's roles trust."""
        await self.register(server, "https://idp.example.com", "app")
        _, _, token = await self.signed_in(server, UserPoolTags={"_issuer_": issuer})
        name = issuer.removeprefix("https://")
        await trust(server, name, {"StringLike": {f"{name}:aud": "*"}})
        assert (await no(server, token))[0] == "InvalidIdentityToken"

    async def test_a_pool_with_anothers_issuer_needs_its_own_client_there(self, server: TestServer) -> None:
        """The registered clients are the other provider's."""
        arn = await self.register(server, "https://idp.example.com", "app")
        _, _, token = await self.signed_in(server, UserPoolTags={"_issuer_": "https://idp.example.com"})
        await trust(server, arn)
        assert await no(server, token) == ("InvalidIdentityToken", "Incorrect token audience")
