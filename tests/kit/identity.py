"""Identity pools through the wire: calls, refusals, and a pool with a user pool as its provider."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.kit.aws_query import query
from tests.kit.server import AwsError, TestServer

FEDERATED = "cognito-identity.amazonaws.com"
ACCOUNT = "000000000000"


async def identity(server: TestServer, operation: str, **members: Any) -> Any:
    """The operation's answer. Raises AwsError."""
    reply = await server.raw(operation, json.dumps(members).encode(), "cognito-identity")
    answer = reply.json
    if reply.status != 200:
        raise AwsError(reply.status, answer["__type"], answer.get("message", ""))
    return answer


async def refused(server: TestServer, operation: str, **members: Any) -> tuple[str, str]:
    """(code, text) of the error. Fails when there is none, or when it is not the caller's fault."""
    with pytest.raises(AwsError) as error:
        await identity(server, operation, **members)
    assert error.value.status == 400
    return error.value.code, error.value.message


async def identity_pool(server: TestServer, **members: Any) -> str:
    made = await identity(server, "CreateIdentityPool", **{"IdentityPoolName": "test", "AllowUnauthenticatedIdentities": True, **members})
    return str(made["IdentityPoolId"])


class Directory:
    """A user pool that an identity pool trusts. `name` is the Logins key."""

    def __init__(self, server: TestServer, pool: str, client: str) -> None:
        self.server, self.pool, self.client = server, pool, client
        self.name = f"cognito-idp.us-east-1.amazonaws.com/{pool}"

    @classmethod
    async def made(cls, server: TestServer, **client: Any) -> Directory:
        pool = await server.pool()
        return cls(server, pool, await server.client(pool, **client))

    def provider(self, **more: Any) -> dict[str, Any]:
        return {"ProviderName": self.name, "ClientId": self.client, **more}

    async def user(self, name: str) -> str:
        return await self.server.user(self.pool, name)

    async def token(self, name: str) -> str:
        return str((await self.server.sign_in(self.client, name))["IdToken"])

    async def logins(self, name: str) -> dict[str, str]:
        return {self.name: await self.token(name)}


def trust(pool_id: str, amr: str = "authenticated", *, tags: bool = False) -> str:
    """The trust policy of AWS's guide."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": FEDERATED},
        "Action": ["sts:AssumeRoleWithWebIdentity", *(["sts:TagSession"] if tags else [])],
        "Condition": {
            "StringEquals": {f"{FEDERATED}:aud": pool_id},
            "ForAnyValue:StringLike": {f"{FEDERATED}:amr": amr},
        },
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


async def role(server: TestServer, name: str, document: str) -> str:
    made = await query(server, "iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=document)
    return str(made["Role"]["Arn"])
