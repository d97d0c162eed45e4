"""One name leads to one user: user names, subs, preferred user names, and addresses that are names."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import claims


def pairs(**attributes: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in attributes.items()]


async def sign_up(server: TestServer, client: str, username: str, **attributes: str) -> Any:
    return await server.call("SignUp", ClientId=client, Username=username, Password=PASSWORD, UserAttributes=pairs(**attributes))


async def refused(server: TestServer, client: str, username: str, **attributes: str) -> tuple[str, str]:
    with pytest.raises(AwsError) as error:
        await sign_up(server, client, username, **attributes)
    return error.value.code, error.value.message


class TestSubs:
    async def test_a_users_sub_is_nobody_elses_user_name(self, server: TestServer) -> None:
        """Administrators name users by their sub too (FIDELITY B.5.54): whoever signs up with it would be given what was meant for its owner."""
        pool = await server.pool()
        client = await server.client(pool)
        sub = await server.user(pool, "anna")
        assert await refused(server, client, sub) == ("UsernameExistsException", "User already exists")
        with pytest.raises(AwsError, match="User account already exists"):
            await server.call("AdminCreateUser", UserPoolId=pool, Username=sub, MessageAction="SUPPRESS")
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username=sub))["Username"] == "anna"

    async def test_another_uuid_is_a_user_name(self, server: TestServer) -> None:
        pool = await server.pool()
        client = await server.client(pool)
        name = "01234567-89ab-7def-8123-456789abcdef"
        await sign_up(server, client, name)
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username=name))["Username"] == name


class TestPreferredUsernames:
    async def test_is_not_given_at_sign_up_where_it_is_an_alias(self, server: TestServer) -> None:
        """It needs a user who is there to own it; else whoever signs up first, and never confirms, keeps it."""
        pool = await server.pool(AliasAttributes=["preferred_username"])
        client = await server.client(pool)
        code, text = await refused(server, client, "anna", preferred_username="ann")
        assert (code, "preferred_username" in text) == ("InvalidParameterException", True)
        plain = await server.client(await server.pool())
        assert (await sign_up(server, plain, "anna", preferred_username="ann"))["UserSub"]

    @pytest.mark.parametrize("required", [True, False])
    async def test_is_not_required_and_an_alias(self, server: TestServer, required: bool) -> None:
        schema = [{"Name": "preferred_username", "Required": required}]
        if not required:
            assert await server.pool(AliasAttributes=["preferred_username"], Schema=schema)
            return
        with pytest.raises(AwsError, match="both required and an alias"):
            await server.pool(AliasAttributes=["preferred_username"], Schema=schema)

    async def test_is_nobody_elses_user_name_either_way_round(self, server: TestServer) -> None:
        pool = await server.pool(AliasAttributes=["preferred_username"])
        client = await server.client(pool)
        await server.user(pool, "anna", preferred_username="ann")
        await server.user(pool, "ben")
        assert await refused(server, client, "ann") == ("UsernameExistsException", "User already exists")
        with pytest.raises(AwsError, match="An account with the given preferred_username already exists"):
            await server.call("AdminUpdateUserAttributes", UserPoolId=pool, Username="ben", UserAttributes=pairs(preferred_username="anna"))
        assert claims((await server.sign_in(client, "ann"))["AccessToken"])["username"] == "anna"

    async def test_may_be_ones_own_user_name(self, server: TestServer) -> None:
        pool = await server.pool(AliasAttributes=["preferred_username"])
        await server.user(pool, "anna")
        await server.call("AdminUpdateUserAttributes", UserPoolId=pool, Username="anna", UserAttributes=pairs(preferred_username="anna"))
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="anna"))["Username"] == "anna"


class TestAddressesAsNames:
    async def test_a_second_address_is_a_name_once_it_is_verified(self, server: TestServer) -> None:
        """Somebody else's phone number in one's profile does not keep its owner out, nor does it lead to whoever wrote it down."""
        pool = await server.pool(UsernameAttributes=["email", "phone_number"])
        client = await server.client(pool)
        await sign_up(server, client, "eve@example.com", phone_number="+15550001111")
        await sign_up(server, client, "+15550001111")
        for name in ("eve@example.com", "+15550001111"):
            await server.call("AdminConfirmSignUp", UserPoolId=pool, Username=name)
        eve, owner = [claims((await server.sign_in(client, name))["IdToken"]) for name in ("eve@example.com", "+15550001111")]
        assert (eve["email"], owner.get("email"), owner["phone_number"]) == ("eve@example.com", None, "+15550001111")

    async def test_a_second_address_that_is_verified_leads_to_the_user(self, server: TestServer) -> None:
        pool = await server.pool(UsernameAttributes=["email", "phone_number"])
        client = await server.client(pool)
        sub = await server.user(pool, "anna@example.com", phone_number="+15550001111", phone_number_verified="true")
        assert claims((await server.sign_in(client, "+15550001111"))["IdToken"])["sub"] == sub
        await server.call("AdminUpdateUserAttributes", UserPoolId=pool, Username=sub, UserAttributes=pairs(phone_number="+15550002222"))
        with pytest.raises(AwsError, match="User does not exist"):
            await server.sign_in(client, "+15550002222")
        assert claims((await server.sign_in(client, "anna@example.com"))["IdToken"])["sub"] == sub

    async def test_the_one_name_a_user_goes_by_changes_at_once(self, server: TestServer) -> None:
        """FIDELITY B.4.47."""
        pool = await server.pool(UsernameAttributes=["email", "phone_number"])
        client = await server.client(pool)
        sub = await server.user(pool, "anna@example.com")
        await server.call("AdminUpdateUserAttributes", UserPoolId=pool, Username=sub, UserAttributes=pairs(email="new@example.com"))
        assert claims((await server.sign_in(client, "new@example.com"))["IdToken"])["sub"] == sub
