"""Groups and their members."""

from __future__ import annotations

import asyncio

import pytest

from tests.kit.refusal import all_pages, refusal
from tests.kit.server import TestServer

ROLE = "arn:aws:iam::000000000000:role/editors"
NO_GROUP = ("ResourceNotFoundException", "Group not found.")
NO_USER = ("UserNotFoundException", "User does not exist.")
NO_POOL = ("ResourceNotFoundException", "User pool us-east-1_none00000 does not exist.")
BAD_TOKEN = ("InvalidParameterException", "Invalid pagination token given.")


async def make(server: TestServer, pool: str, *names: str) -> None:
    for name in names:
        await server.call("CreateGroup", UserPoolId=pool, GroupName=name)


class TestCreateGroup:
    async def test_answers_the_group(self, server: TestServer) -> None:
        """All members come back as given, with both dates; precedence 0 is a precedence."""
        pool = await server.pool()
        now = server.clock.now()
        answer = await server.call("CreateGroup", UserPoolId=pool, GroupName="a", Description="d", RoleArn=ROLE, Precedence=0)
        group = {"GroupName": "a", "UserPoolId": pool, "Description": "d", "RoleArn": ROLE, "Precedence": 0}
        assert answer == {"Group": {**group, "LastModifiedDate": now, "CreationDate": now}}

    async def test_unset_members_are_absent(self, server: TestServer) -> None:
        pool = await server.pool()
        answer = await server.call("CreateGroup", UserPoolId=pool, GroupName="a")
        assert answer["Group"].keys() == {"GroupName", "UserPoolId", "LastModifiedDate", "CreationDate"}

    async def test_a_name_is_used_once_in_a_pool(self, server: TestServer) -> None:
        pool, other = await server.pool(), await server.pool()
        await make(server, pool, "a")
        await make(server, other, "a")
        assert await refusal(server, "CreateGroup", UserPoolId=pool, GroupName="a") == (
            "GroupExistsException",
            "A group with the name already exists.",
        )

    async def test_names_tell_case_apart(self, server: TestServer) -> None:
        pool = await server.pool()
        await make(server, pool, "Admins", "admins")
        groups = (await server.call("ListGroups", UserPoolId=pool))["Groups"]
        assert [group["GroupName"] for group in groups] == ["Admins", "admins"]

    async def test_of_many_at_once_one_wins(self, server: TestServer) -> None:
        pool = await server.pool()
        made = await asyncio.gather(*(server.call("CreateGroup", UserPoolId=pool, GroupName="a") for _ in range(6)), return_exceptions=True)
        assert [type(each).__name__ for each in made].count("AwsError") == 5

    async def test_an_unknown_pool(self, server: TestServer) -> None:
        assert await refusal(server, "CreateGroup", UserPoolId="us-east-1_none00000", GroupName="a") == NO_POOL

    @pytest.mark.parametrize("precedence", [-1, 2**31])
    async def test_precedence_has_bounds(self, server: TestServer, precedence: int) -> None:
        """From 0 to 2^31-1."""
        pool = await server.pool()
        code, _ = await refusal(server, "CreateGroup", UserPoolId=pool, GroupName="a", Precedence=precedence)
        assert code == ("InvalidParameterException" if precedence < 0 else "SerializationException")

    @pytest.mark.parametrize("name", ["x'; DROP TABLE user_groups; --", '"', "%", "日本", "🙂", "\\", "n" * 128])
    async def test_any_name_that_the_model_allows(self, server: TestServer, name: str) -> None:
        """The pattern has letters, marks, symbols, numbers and punctuation; what looks like SQL is a name."""
        pool = await server.pool()
        name = name.replace(" ", "_")
        await make(server, pool, name)
        assert (await server.call("GetGroup", UserPoolId=pool, GroupName=name))["Group"]["GroupName"] == name

    @pytest.mark.parametrize("description", ["", "a\nb", "'\"\\", "🙂" * 2048])
    async def test_any_description(self, server: TestServer, description: str) -> None:
        pool = await server.pool()
        await server.call("CreateGroup", UserPoolId=pool, GroupName="a", Description=description)
        assert (await server.call("GetGroup", UserPoolId=pool, GroupName="a"))["Group"].get("Description", "") == description

    async def test_nul_is_refused(self, server: TestServer) -> None:
        """PostgreSQL keeps no NUL in text, so none comes in, on either database."""
        pool = await server.pool()
        code, _ = await refusal(server, "CreateGroup", UserPoolId=pool, GroupName="a", Description="a\0b")
        assert code == "SerializationException"


class TestGetGroup:
    async def test_answers_what_was_created(self, server: TestServer) -> None:
        pool = await server.pool()
        made = await server.call("CreateGroup", UserPoolId=pool, GroupName="a", Description="d", RoleArn=ROLE, Precedence=7)
        assert await server.call("GetGroup", UserPoolId=pool, GroupName="a") == made

    async def test_a_group_of_another_pool_is_not_found(self, server: TestServer) -> None:
        pool, other = await server.pool(), await server.pool()
        await make(server, other, "a")
        assert await refusal(server, "GetGroup", UserPoolId=pool, GroupName="a") == NO_GROUP


class TestUpdateGroup:
    async def test_what_is_left_out_stays(self, server: TestServer) -> None:
        """ "Updates any of the properties": the others are as they were, and so is the day of creation."""
        pool = await server.pool()
        before = (await server.call("CreateGroup", UserPoolId=pool, GroupName="a", Description="d", RoleArn=ROLE, Precedence=7))["Group"]
        server.clock.advance(10)
        after = (await server.call("UpdateGroup", UserPoolId=pool, GroupName="a", Precedence=0))["Group"]
        assert after == {**before, "Precedence": 0, "LastModifiedDate": before["CreationDate"] + 10}
        assert (await server.call("GetGroup", UserPoolId=pool, GroupName="a"))["Group"] == after

    async def test_an_empty_description_removes_it(self, server: TestServer) -> None:
        pool = await server.pool()
        await server.call("CreateGroup", UserPoolId=pool, GroupName="a", Description="d")
        assert "Description" not in (await server.call("UpdateGroup", UserPoolId=pool, GroupName="a", Description=""))["Group"]

    async def test_an_unknown_group(self, server: TestServer) -> None:
        assert await refusal(server, "UpdateGroup", UserPoolId=await server.pool(), GroupName="a", Precedence=1) == NO_GROUP


class TestDeleteGroup:
    async def test_its_members_stay_as_users_without_it(self, server: TestServer) -> None:
        pool = await server.pool()
        await make(server, pool, "a", "b")
        await server.user(pool, "anna")
        for name in ("a", "b"):
            await server.call("AdminAddUserToGroup", UserPoolId=pool, Username="anna", GroupName=name)
        assert await server.call("DeleteGroup", UserPoolId=pool, GroupName="a") == {}
        groups = (await server.call("AdminListGroupsForUser", UserPoolId=pool, Username="anna"))["Groups"]
        assert [group["GroupName"] for group in groups] == ["b"]
        # a group of the same name later is a new one
        await make(server, pool, "a")
        assert (await server.call("ListUsersInGroup", UserPoolId=pool, GroupName="a"))["Users"] == []

    async def test_an_unknown_group(self, server: TestServer) -> None:
        assert await refusal(server, "DeleteGroup", UserPoolId=await server.pool(), GroupName="a") == NO_GROUP


class TestListGroups:
    async def test_pages_hold_every_group_once(self, server: TestServer) -> None:
        pool = await server.pool()
        names = [f"g{number}" for number in range(7)]
        await make(server, pool, *names)
        pages = await all_pages(server, "ListGroups", "Groups", UserPoolId=pool, Limit=3)
        assert [[group["GroupName"] for group in page] for page in pages] == [names[:3], names[3:6], names[6:]]

    async def test_a_full_last_page_has_no_token(self, server: TestServer) -> None:
        pool = await server.pool()
        await make(server, pool, "a", "b")
        assert (await server.call("ListGroups", UserPoolId=pool, Limit=2)).keys() == {"Groups"}

    async def test_limit_0_is_no_limit_of_its_own(self, server: TestServer) -> None:
        """The model allows 0; a page of nothing would never end."""
        pool = await server.pool()
        await make(server, pool, "a")
        assert len((await server.call("ListGroups", UserPoolId=pool, Limit=0))["Groups"]) == 1

    async def test_a_limit_over_60_is_refused(self, server: TestServer) -> None:
        assert (await refusal(server, "ListGroups", UserPoolId=await server.pool(), Limit=61))[0] == "InvalidParameterException"

    async def test_a_token_is_good_for_its_own_list(self, server: TestServer) -> None:
        """Not for another pool, not for another operation, and not with one character changed."""
        pool, other = await server.pool(), await server.pool()
        await make(server, pool, "a", "b")
        token = (await server.call("ListGroups", UserPoolId=pool, Limit=1))["NextToken"]
        assert await refusal(server, "ListGroups", UserPoolId=other, NextToken=token) == BAD_TOKEN
        assert await refusal(server, "ListUsersInGroup", UserPoolId=pool, GroupName="a", NextToken=token) == BAD_TOKEN
        changed = ("B" if token[0] == "A" else "A") + token[1:]
        assert await refusal(server, "ListGroups", UserPoolId=pool, NextToken=changed) == BAD_TOKEN


class TestAdminAddUserToGroup:
    async def test_twice_is_once(self, server: TestServer) -> None:
        pool = await server.pool()
        await make(server, pool, "a")
        sub = await server.user(pool, "anna")
        for name in ("anna", sub):
            assert await server.call("AdminAddUserToGroup", UserPoolId=pool, Username=name, GroupName="a") == {}
        users = (await server.call("ListUsersInGroup", UserPoolId=pool, GroupName="a"))["Users"]
        assert [user["Username"] for user in users] == ["anna"]

    async def test_who_or_what_is_not_there(self, server: TestServer) -> None:
        pool = await server.pool()
        await make(server, pool, "a")
        await server.user(pool, "anna")
        assert await refusal(server, "AdminAddUserToGroup", UserPoolId=pool, Username="nobody", GroupName="a") == NO_USER
        assert await refusal(server, "AdminAddUserToGroup", UserPoolId=pool, Username="anna", GroupName="b") == NO_GROUP


class TestAdminRemoveUserFromGroup:
    async def test_the_user_is_out_and_out_is_no_error(self, server: TestServer) -> None:
        pool = await server.pool()
        await make(server, pool, "a")
        await server.user(pool, "anna")
        await server.call("AdminAddUserToGroup", UserPoolId=pool, Username="anna", GroupName="a")
        for _ in range(2):
            assert await server.call("AdminRemoveUserFromGroup", UserPoolId=pool, Username="anna", GroupName="a") == {}
        assert (await server.call("AdminListGroupsForUser", UserPoolId=pool, Username="anna"))["Groups"] == []

    async def test_who_or_what_is_not_there(self, server: TestServer) -> None:
        pool = await server.pool()
        await server.user(pool, "anna")
        assert await refusal(server, "AdminRemoveUserFromGroup", UserPoolId=pool, Username="nobody", GroupName="a") == NO_USER
        assert await refusal(server, "AdminRemoveUserFromGroup", UserPoolId=pool, Username="anna", GroupName="a") == NO_GROUP


class TestAdminListGroupsForUser:
    async def test_pages_and_their_tokens(self, server: TestServer) -> None:
        """A token is of one user's groups."""
        pool = await server.pool()
        names = ["a", "b", "c"]
        await make(server, pool, *names, "d")
        await server.user(pool, "anna")
        await server.user(pool, "ben")
        for name in names:
            await server.call("AdminAddUserToGroup", UserPoolId=pool, Username="anna", GroupName=name)
        pages = await all_pages(server, "AdminListGroupsForUser", "Groups", UserPoolId=pool, Username="anna", Limit=2)
        assert [[group["GroupName"] for group in page] for page in pages] == [["a", "b"], ["c"]]
        token = (await server.call("AdminListGroupsForUser", UserPoolId=pool, Username="anna", Limit=1))["NextToken"]
        assert await refusal(server, "AdminListGroupsForUser", UserPoolId=pool, Username="ben", NextToken=token) == BAD_TOKEN

    async def test_an_unknown_user(self, server: TestServer) -> None:
        assert await refusal(server, "AdminListGroupsForUser", UserPoolId=await server.pool(), Username="nobody") == NO_USER


class TestListUsersInGroup:
    async def test_pages_hold_every_member_once(self, server: TestServer) -> None:
        """Members as ListUsers shows them, and nobody else."""
        pool = await server.pool()
        await make(server, pool, "a")
        for name in ("anna", "ben", "cleo"):
            await server.call("AdminCreateUser", UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
            await server.call("AdminAddUserToGroup", UserPoolId=pool, Username=name, GroupName="a")
        await server.call("AdminCreateUser", UserPoolId=pool, Username="dora", MessageAction="SUPPRESS")
        pages = await all_pages(server, "ListUsersInGroup", "Users", UserPoolId=pool, GroupName="a", Limit=2)
        assert [len(page) for page in pages] == [2, 1]
        listed = (await server.call("ListUsers", UserPoolId=pool))["Users"]
        members = sorted(pages[0] + pages[1], key=lambda user: user["Username"])
        assert members == sorted((user for user in listed if user["Username"] != "dora"), key=lambda user: user["Username"])

    async def test_a_deleted_user_is_no_member(self, server: TestServer) -> None:
        pool = await server.pool()
        await make(server, pool, "a")
        await server.user(pool, "anna")
        await server.call("AdminAddUserToGroup", UserPoolId=pool, Username="anna", GroupName="a")
        await server.call("AdminDeleteUser", UserPoolId=pool, Username="anna")
        assert (await server.call("ListUsersInGroup", UserPoolId=pool, GroupName="a"))["Users"] == []

    async def test_an_unknown_group(self, server: TestServer) -> None:
        assert await refusal(server, "ListUsersInGroup", UserPoolId=await server.pool(), GroupName="a") == NO_GROUP
