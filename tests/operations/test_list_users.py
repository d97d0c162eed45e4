"""ListUsers: filters, attributes, pages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.refusal import all_pages, refusal
from tests.kit.server import PASSWORD, TestServer

INVALID = "InvalidParameterException"
PARSING = (INVALID, "Error while parsing filter.")
BAD_TOKEN = (INVALID, "Invalid pagination token given.")


async def add(server: TestServer, pool: str, username: str, **attributes: str) -> None:
    pairs = [{"Name": name, "Value": value} for name, value in attributes.items()]
    await server.call("AdminCreateUser", UserPoolId=pool, Username=username, MessageAction="SUPPRESS", UserAttributes=pairs)


async def found(server: TestServer, pool: str, text: str) -> list[str]:
    users = (await server.call("ListUsers", UserPoolId=pool, Filter=text))["Users"]
    return sorted(user["Username"] for user in users)


class TestListUsers:
    async def test_shows_users_as_admin_create_user_does(self, server: TestServer) -> None:
        pool = await server.pool()
        pair = [{"Name": "email", "Value": "a@example.com"}]
        made = await server.call("AdminCreateUser", UserPoolId=pool, Username="anna", MessageAction="SUPPRESS", UserAttributes=pair)
        assert await server.call("ListUsers", UserPoolId=pool) == {"Users": [made["User"]]}

    async def test_an_empty_pool(self, server: TestServer) -> None:
        assert await server.call("ListUsers", UserPoolId=await server.pool()) == {"Users": []}

    async def test_an_unknown_pool(self, server: TestServer) -> None:
        expected = ("ResourceNotFoundException", "User pool us-east-1_none00000 does not exist.")
        assert await refusal(server, "ListUsers", UserPoolId="us-east-1_none00000") == expected

    async def test_never_those_of_another_pool(self, server: TestServer) -> None:
        pool, other = await server.pool(), await server.pool()
        await add(server, pool, "anna", email="a@example.com")
        await add(server, other, "ben", email="a@example.com")
        for text in ("", 'email = "a@example.com"', 'email ^= "a"', 'status = "Enabled"', 'username ^= ""'):
            assert await found(server, pool, text) == ["anna"]


class TestFilters:
    @pytest.mark.parametrize("name", ["email", "phone_number", "name", "given_name", "family_name", "preferred_username"])
    async def test_attributes_by_value_and_by_prefix(self, server: TestServer, name: str) -> None:
        """Each searchable attribute, with = and ^=, without regard to case (FIDELITY B.5.53); the attribute may be quoted."""
        pool = await server.pool()
        values = {"anna": "Anna@Example.com", "ann": "ann@example.com", "ben": "ben@example.com"}
        if name == "phone_number":
            values = {"anna": "+12065550101", "ann": "+12065550102", "ben": "+4930901820"}
        for username, value in values.items():
            await add(server, pool, username, **{name: value})
        await add(server, pool, "without")
        assert await found(server, pool, f'{name} = "{values["anna"]}"') == ["anna"]
        assert await found(server, pool, f'"{name}"="{values["anna"].upper()}"') == ["anna"]
        assert await found(server, pool, f'{name} ^= "{values["ann"][:3].upper()}"') == ["ann", "anna"]
        assert await found(server, pool, f'{name} ^= ""') == ["ann", "anna", "ben"]
        assert await found(server, pool, f'{name} = "{values["ann"][:3]}"') == []

    async def test_username_tells_case_apart(self, server: TestServer) -> None:
        """ "username (case-sensitive)"."""
        pool = await server.pool()
        await add(server, pool, "Anna")
        await add(server, pool, "anna")
        assert await found(server, pool, 'username = "Anna"') == ["Anna"]
        assert await found(server, pool, 'username ^= "an"') == ["anna"]

    async def test_username_where_case_does_not_count(self, server: TestServer) -> None:
        pool = await server.pool(UsernameConfiguration={"CaseSensitive": False})
        await add(server, pool, "Anna")
        assert await found(server, pool, 'username = "aNNA"') == ["Anna"]

    async def test_sub(self, server: TestServer) -> None:
        pool = await server.pool()
        sub = await server.user(pool, "anna")
        await add(server, pool, "ben")
        assert await found(server, pool, f'sub = "{sub}"') == ["anna"]
        assert await found(server, pool, f'sub ^= "{sub[:20]}"') == ["anna"]

    async def test_status_is_enabled_or_disabled(self, server: TestServer) -> None:
        """ "status (called Enabled in the Console) (case-sensitive)"."""
        pool = await server.pool()
        await add(server, pool, "anna")
        await add(server, pool, "ben")
        await server.call("AdminDisableUser", UserPoolId=pool, Username="ben")
        assert await found(server, pool, 'status = "Enabled"') == ["anna"]
        assert await found(server, pool, 'status = "Disabled"') == ["ben"]
        assert await found(server, pool, 'status ^= "Dis"') == ["ben"]
        assert await found(server, pool, 'status ^= ""') == ["anna", "ben"]
        assert await found(server, pool, 'status = "disabled"') == []

    async def test_user_status(self, server: TestServer) -> None:
        """ "cognito:user_status (called Status in the Console) (case-insensitive)"."""
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "confirmed")
        await add(server, pool, "invited")
        await server.call("SignUp", ClientId=client, Username="unconfirmed", Password=PASSWORD)
        assert await found(server, pool, 'cognito:user_status = "confirmed"') == ["confirmed"]
        assert await found(server, pool, '"cognito:user_status" = "FORCE_CHANGE_PASSWORD"') == ["invited"]
        assert await found(server, pool, 'cognito:user_status ^= "unc"') == ["unconfirmed"]
        assert await found(server, pool, 'cognito:user_status ^= "conf"') == ["confirmed"]

    async def test_it_follows_changes(self, server: TestServer) -> None:
        """A changed or removed value is found no more."""
        pool = await server.pool()
        await add(server, pool, "anna", name="old")
        for value in ("new", ""):
            pair = [{"Name": "name", "Value": value}]
            await server.call("AdminUpdateUserAttributes", UserPoolId=pool, Username="anna", UserAttributes=pair)
            assert await found(server, pool, 'name = "old"') == []
            assert await found(server, pool, 'name ^= "n"') == (["anna"] if value else [])

    @pytest.mark.parametrize(
        "text", ["name", "name =", "name = anna", 'name = "anna', 'name == "anna"', '= "anna"', 'name $= "a"', 'name = "a" x', "'"]
    )
    async def test_what_is_no_filter(self, server: TestServer, text: str) -> None:
        """The value must be quoted; there is one comparison and no more."""
        assert await refusal(server, "ListUsers", UserPoolId=await server.pool(), Filter=text) == PARSING

    @pytest.mark.parametrize("name", ["custom:a", "address", "email_verified", "nonsense"])
    async def test_what_cannot_be_searched(self, server: TestServer, name: str) -> None:
        pool = await server.pool(Schema=[{"Name": "a", "AttributeDataType": "String"}])
        expected = (INVALID, f"Invalid search attribute: {name}")
        assert await refusal(server, "ListUsers", UserPoolId=pool, Filter=f'{name} = "x"') == expected

    @pytest.mark.parametrize("text", ["", "   "])
    async def test_an_empty_filter_is_none(self, server: TestServer, text: str) -> None:
        pool = await server.pool()
        await add(server, pool, "anna")
        assert await found(server, pool, text) == ["anna"]

    @pytest.mark.parametrize(
        "value",
        ["%", "_nna", "' OR 1=1 --", "anna'; DROP TABLE users; --", "\\", 'a"b', "🙂", "日本", "ä\u0308", "\n", "\U0010ffff", "x" * 200],
    )
    async def test_hostile_values_are_values(self, server: TestServer, value: str) -> None:
        """SQL, wildcards, quotes, the highest character: each finds exactly the user who has it, by value and by prefix."""
        pool = await server.pool()
        await add(server, pool, "anna", name="anna")
        await add(server, pool, "other", name=value)
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        assert await found(server, pool, f'name = "{escaped}"') == ["other"]
        assert await found(server, pool, f'name ^= "{escaped}"') == ["other"]

    async def test_a_filter_of_257_characters(self, server: TestServer) -> None:
        code, _ = await refusal(server, "ListUsers", UserPoolId=await server.pool(), Filter='name = "' + "x" * 248 + '"')
        assert code == INVALID


class TestAttributesToGet:
    async def test_only_those(self, server: TestServer) -> None:
        pool = await server.pool()
        await add(server, pool, "anna", email="a@example.com", name="Anna")
        users = (await server.call("ListUsers", UserPoolId=pool, AttributesToGet=["name"]))["Users"]
        assert users[0]["Attributes"] == [{"Name": "name", "Value": "Anna"}]
        assert users[0]["Username"] == "anna"

    async def test_an_attribute_that_a_user_lacks(self, server: TestServer) -> None:
        """ "Amazon Cognito returns an error if not all users in the results have set a value" (text: aws-sdk-js #2570)."""
        pool = await server.pool()
        await add(server, pool, "anna", name="Anna")
        await add(server, pool, "ben")
        expected = (INVALID, "One or more requested attributes do not exist.")
        assert await refusal(server, "ListUsers", UserPoolId=pool, AttributesToGet=["name"]) == expected
        users = (await server.call("ListUsers", UserPoolId=pool, AttributesToGet=["name"], Filter='name = "Anna"'))["Users"]
        assert [user["Username"] for user in users] == ["anna"]

    async def test_an_attribute_that_the_schema_lacks(self, server: TestServer) -> None:
        expected = (INVALID, "One or more requested attributes do not exist.")
        assert await refusal(server, "ListUsers", UserPoolId=await server.pool(), AttributesToGet=["custom:none"]) == expected


class TestPages:
    @pytest.mark.parametrize(
        "text", [None, 'name = "same"', 'name ^= "s"', 'username ^= "u"', 'status = "Enabled"', 'cognito:user_status ^= "F"', 'sub ^= ""']
    )
    async def test_each_user_once(self, server: TestServer, text: str | None) -> None:
        """Whatever the filter, the pages of one chain hold every user once, also where many have the same value."""
        pool = await server.pool()
        names = [f"u{number}" for number in range(7)]
        for name in names:
            await add(server, pool, name, name="same")
        members: dict[str, Any] = {"UserPoolId": pool, "Limit": 3} | ({} if text is None else {"Filter": text})
        pages = await all_pages(server, "ListUsers", "Users", token="PaginationToken", **members)
        assert [len(page) for page in pages] == [3, 3, 1]
        assert sorted(user["Username"] for page in pages for user in page) == names

    async def test_users_who_come_and_go_between_pages(self, server: TestServer) -> None:
        """A page begins after the last user seen, so nobody is seen twice and nobody who stays is missed."""
        pool = await server.pool()
        for number in range(6):
            await add(server, pool, f"u{number}")
        first = await server.call("ListUsers", UserPoolId=pool, Limit=3)
        seen = [user["Username"] for user in first["Users"]]
        await server.call("AdminDeleteUser", UserPoolId=pool, Username=seen[-1])
        second = await server.call("ListUsers", UserPoolId=pool, Limit=3, PaginationToken=first["PaginationToken"])
        assert sorted(seen + [user["Username"] for user in second["Users"]]) == [f"u{number}" for number in range(6)]

    async def test_limit_0_is_the_default(self, server: TestServer) -> None:
        pool = await server.pool()
        await add(server, pool, "anna")
        assert len((await server.call("ListUsers", UserPoolId=pool, Limit=0))["Users"]) == 1

    async def test_a_limit_over_60(self, server: TestServer) -> None:
        assert (await refusal(server, "ListUsers", UserPoolId=await server.pool(), Limit=61))[0] == INVALID

    async def test_a_token_is_good_for_its_own_request(self, server: TestServer) -> None:
        """Of another pool, filter or attributes, of another operation, tampered with or made up, it is refused."""
        pool, other = await server.pool(), await server.pool()
        for name in ("anna", "ben"):
            await add(server, pool, name, name="x")
        members = {"UserPoolId": pool, "Filter": 'name = "x"'}
        token = (await server.call("ListUsers", Limit=1, **members))["PaginationToken"]
        assert len((await server.call("ListUsers", **members, PaginationToken=token))["Users"]) == 1
        for changed in ({"UserPoolId": other}, {"Filter": 'name = "y"'}, {"AttributesToGet": ["name"]}):
            assert await refusal(server, "ListUsers", **{**members, **changed}, PaginationToken=token) == BAD_TOKEN
        assert await refusal(server, "ListUsers", UserPoolId=pool, PaginationToken=token) == BAD_TOKEN
        assert await refusal(server, "ListGroups", UserPoolId=pool, NextToken=token) == BAD_TOKEN
        for wrong in (token[:-1], token + "A", "A" + token, "x", "🙂", "A" * 20_000):
            assert await refusal(server, "ListUsers", **members, PaginationToken=wrong) == BAD_TOKEN

    async def test_a_token_tells_nothing(self, server: TestServer) -> None:
        """It holds a sub or an attribute's value, sealed."""
        pool = await server.pool()
        for name in ("anna", "ben"):
            await add(server, pool, name, name="visible")
        token = (await server.call("ListUsers", UserPoolId=pool, Limit=1, Filter='name ^= "v"'))["PaginationToken"]
        assert "visible" not in token and "dmlzaWJsZ" not in token
