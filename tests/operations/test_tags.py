"""Tags of user pools."""

from __future__ import annotations

import pytest

from tests.kit.refusal import refusal
from tests.kit.server import TestServer


async def arn_of(server: TestServer, pool: str) -> str:
    return str((await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]["Arn"])


async def tags_of(server: TestServer, arn: str) -> object:
    return await server.call("ListTagsForResource", ResourceArn=arn)


class TestTagResource:
    async def test_adds_and_replaces(self, server: TestServer) -> None:
        """Keys that are there get the new value, others stay; DescribeUserPool shows the same tags."""
        pool = await server.pool(UserPoolTags={"a": "1", "b": "2"})
        arn = await arn_of(server, pool)
        assert await server.call("TagResource", ResourceArn=arn, Tags={"b": "3", "c": ""}) == {}
        assert await tags_of(server, arn) == {"Tags": {"a": "1", "b": "3", "c": ""}}
        assert (await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]["UserPoolTags"] == {"a": "1", "b": "3", "c": ""}

    async def test_fifty_at_most(self, server: TestServer) -> None:
        """A pool can have as many as 50 tags; replacing one of fifty is no fifty-first."""
        pool = await server.pool(UserPoolTags={f"k{number}": "" for number in range(50)})
        arn = await arn_of(server, pool)
        await server.call("TagResource", ResourceArn=arn, Tags={"k0": "new"})
        assert (await refusal(server, "TagResource", ResourceArn=arn, Tags={"k50": ""}))[0] == "InvalidParameterException"
        fifty_one = {f"k{number}": "" for number in range(51)}
        assert (await refusal(server, "CreateUserPool", PoolName="x", UserPoolTags=fifty_one))[0] == "InvalidParameterException"
        assert (await refusal(server, "UpdateUserPool", UserPoolId=pool, UserPoolTags=fifty_one))[0] == "InvalidParameterException"

    @pytest.mark.parametrize("key", ["aws:mine", "AWS:mine"])
    async def test_aws_keys_are_reserved(self, server: TestServer, key: str) -> None:
        arn = await arn_of(server, await server.pool())
        assert (await refusal(server, "TagResource", ResourceArn=arn, Tags={key: "x"}))[0] == "InvalidParameterException"
        assert await tags_of(server, arn) == {"Tags": {}}

    @pytest.mark.parametrize(
        "arn",
        [
            "arn:aws:s3:us-east-1:000000000000:userpool/us-east-1_abcDEF123",
            "arn:aws:cognito-idp:us-east-1:000000000000:identitypool/us-east-1_abcDEF123",
            "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_abcDEF123/more",
        ],
    )
    async def test_only_a_pools_arn(self, server: TestServer, arn: str) -> None:
        assert (await refusal(server, "TagResource", ResourceArn=arn, Tags={}))[0] == "InvalidParameterException"

    @pytest.mark.parametrize(("part", "other"), [("us-east-1:", "eu-west-1:"), ("000000000000", "111111111111")])
    async def test_another_region_or_account_is_another_pool(self, server: TestServer, part: str, other: str) -> None:
        pool = await server.pool()
        arn = (await arn_of(server, pool)).replace(part, other)
        expected = ("ResourceNotFoundException", f"User pool {pool} does not exist.")
        assert await refusal(server, "TagResource", ResourceArn=arn, Tags={"a": "1"}) == expected

    async def test_the_issuer_follows_its_tag(self, server: TestServer) -> None:
        """A pool can be told its issuer at any time, and an address that is none is refused."""
        pool = await server.pool()
        arn = await arn_of(server, pool)
        await server.call("TagResource", ResourceArn=arn, Tags={"_issuer_": "https://id.example.com/x"})
        assert (await server.store.pools.get(pool)).settings.issuer == "https://id.example.com/x"
        for wrong in ("nonsense", "ftp://x", "https://", "https://[", "https://x?y"):
            assert (await refusal(server, "TagResource", ResourceArn=arn, Tags={"_issuer_": wrong}))[0] == "InvalidParameterException"
        await server.call("UntagResource", ResourceArn=arn, TagKeys=["_issuer_"])
        assert (await server.store.pools.get(pool)).settings.issuer == "self"


class TestUntagResource:
    async def test_removes_what_is_there(self, server: TestServer) -> None:
        arn = await arn_of(server, await server.pool(UserPoolTags={"a": "1", "b": "2"}))
        assert await server.call("UntagResource", ResourceArn=arn, TagKeys=["a", "never"]) == {}
        assert await tags_of(server, arn) == {"Tags": {"b": "2"}}


class TestListTagsForResource:
    async def test_none_is_an_empty_map(self, server: TestServer) -> None:
        assert await tags_of(server, await arn_of(server, await server.pool())) == {"Tags": {}}

    async def test_an_unknown_pool(self, server: TestServer) -> None:
        arn = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_none00000"
        expected = ("ResourceNotFoundException", "User pool us-east-1_none00000 does not exist.")
        assert await refusal(server, "ListTagsForResource", ResourceArn=arn) == expected
