"""The deletion of a pool: at once for everyone who asks, in the background for its data."""

from __future__ import annotations

import asyncio

from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, TestServer


class TestDeleteUserPool:
    async def test_protection(self, server: TestServer) -> None:
        """A protected pool is deleted only after its protection."""
        pool = await server.pool(DeletionProtection="ACTIVE")
        text = "The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first."
        assert await refusal(server, "DeleteUserPool", UserPoolId=pool) == ("InvalidParameterException", text)
        await server.call("UpdateUserPool", UserPoolId=pool, DeletionProtection="INACTIVE")
        assert await server.call("DeleteUserPool", UserPoolId=pool) == {}

    async def test_it_is_gone_at_once_for_all(self, server: TestServer) -> None:
        """Pool, clients and tokens are unknown from the answer on, and so to a second deletion."""
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        tokens = await server.sign_in(client, "anna")
        await server.call("DeleteUserPool", UserPoolId=pool)
        gone = ("ResourceNotFoundException", f"User pool {pool} does not exist.")
        assert await refusal(server, "DescribeUserPool", UserPoolId=pool) == gone
        assert await refusal(server, "DeleteUserPool", UserPoolId=pool) == gone
        assert await refusal(server, "AdminGetUser", UserPoolId=pool, Username="anna") == gone
        assert await refusal(server, "SignUp", ClientId=client, Username="b", Password=PASSWORD) == (
            "ResourceNotFoundException",
            f"User pool client {client} does not exist.",
        )
        assert (await refusal(server, "GetUser", AccessToken=tokens["AccessToken"]))[0] == "NotAuthorizedException"
        assert (await server.call("ListUserPools", MaxResults=10))["UserPools"] == []

    async def test_nothing_of_it_is_left(self, server: TestServer) -> None:
        """In the background every row goes: of the pool, and none of another pool."""
        pools = {}
        for name in ("gone", "kept"):
            protected = {"UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}}
            pool = pools[name] = await server.pool(AutoVerifiedAttributes=["email"], AliasAttributes=["email"], **protected)
            await server.call("SetRiskConfiguration", UserPoolId=pool, RiskExceptionConfiguration={"SkippedIPRangeList": []})
            client = await server.client(pool)
            await server.call("CreateGroup", UserPoolId=pool, GroupName="g")
            await server.user(pool, "anna", email="a@example.com", email_verified="true")
            await server.call("AdminAddUserToGroup", UserPoolId=pool, Username="anna", GroupName="g")
            await server.sign_in(client, "anna")
            await refusal(
                server,
                "InitiateAuth",
                ClientId=client,
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": "anna", "PASSWORD": "wrong"},
            )
            pair = [{"Name": "email", "Value": "b@example.com"}]
            await server.call("SignUp", ClientId=client, Username="ben", Password=PASSWORD, UserAttributes=pair)
        before = await rows(server, pools["kept"])
        assert {"risk_configurations", "auth_events", "risk_profiles"} <= before.keys()
        assert {"users", "aliases", "sessions", "codes", "attempts", "clients", "signing_keys", "user_groups"} <= before.keys()
        await server.call("DeleteUserPool", UserPoolId=pools["gone"])
        await until_empty(server, pools["gone"])
        assert await rows(server, pools["kept"]) == before

    async def test_its_id_can_be_pinned_again(self, server: TestServer) -> None:
        """A new pool of the same id knows nothing of the old one."""
        tags = {"_custom_id_": "us-east-1_again"}
        await server.pool(UserPoolTags=tags)
        await server.user("us-east-1_again", "anna")
        await server.call("DeleteUserPool", UserPoolId="us-east-1_again")
        await until_empty(server, "us-east-1_again")
        await server.pool(UserPoolTags=tags)
        assert (await server.call("ListUsers", UserPoolId="us-east-1_again"))["Users"] == []


TABLES = [
    "pools",
    "clients",
    "users",
    "aliases",
    "password_history",
    "user_groups",
    "group_members",
    "sessions",
    "rotated_refresh_tokens",
    "codes",
    "attempts",
    "used_marks",
    "user_counts",
    "signing_keys",
    "client_directory",
    "risk_configurations",
    "auth_events",
    "risk_profiles",
]


async def rows(server: TestServer, pool: str) -> dict[str, int]:
    """How many rows each table has of the pool, those without any left out."""
    counted = {table: (await server.store.engine.row(f"SELECT count(*) FROM {table} WHERE pool_id = $1", pool))[0] for table in TABLES}
    return {table: count for table, count in counted.items() if count}


async def until_empty(server: TestServer, pool: str) -> None:
    for _ in range(500):
        if not await rows(server, pool):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"still there after 10 s: {await rows(server, pool)}")
