"""Attributes as an administrator sets and removes them."""

from __future__ import annotations

from typing import Any

from tests.kit.refusal import refusal
from tests.kit.server import TestServer
from tests.operations.test_admin_users import INVALID, NO_USER, attributes_of, create, pairs, set_attributes

FIRST = {
    "AutoVerifiedAttributes": ["email"],
    "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
}


class TestAdminUpdateUserAttributes:
    async def test_sets_and_removes(self, server: TestServer) -> None:
        """A blank value removes; others stay; the date of change moves."""
        pool = await server.pool()
        await create(server, pool, "anna", UserAttributes=pairs(name="Anna", nickname="A"))
        server.clock.advance(5)
        await set_attributes(server, pool, "anna", name="Anne", nickname="", locale="de")
        assert await attributes_of(server, pool, "anna") == {"name": "Anne", "locale": "de"}
        user = await server.call("AdminGetUser", UserPoolId=pool, Username="anna")
        assert user["UserLastModifiedDate"] == user["UserCreateDate"] + 5

    async def test_a_new_address_is_not_verified(self, server: TestServer) -> None:
        """FIDELITY B.4.47; unless the administrator says so, in any case of letters; a removed one takes its flag with it."""
        pool = await server.pool()
        await create(server, pool, "anna", UserAttributes=pairs(email="a@example.com", email_verified="TRUE"))
        assert await attributes_of(server, pool, "anna") == {"email": "a@example.com", "email_verified": "true"}
        await set_attributes(server, pool, "anna", email="a@example.com")
        assert (await attributes_of(server, pool, "anna"))["email_verified"] == "true"
        await set_attributes(server, pool, "anna", email="b@example.com")
        assert await attributes_of(server, pool, "anna") == {"email": "b@example.com", "email_verified": "false"}
        await set_attributes(server, pool, "anna", email="c@example.com", email_verified="true")
        assert await attributes_of(server, pool, "anna") == {"email": "c@example.com", "email_verified": "true"}
        await set_attributes(server, pool, "anna", email="")
        assert await attributes_of(server, pool, "anna") == {}

    async def test_aliases_follow(self, server: TestServer) -> None:
        """An alias belongs to who verified it: it moves with the flag, and not to a second user."""
        pool = await server.pool(AliasAttributes=["email"])
        await create(server, pool, "anna", UserAttributes=pairs(email="a@example.com", email_verified="true"))
        await create(server, pool, "ben", UserAttributes=pairs(email="a@example.com"))
        refused = await refusal(
            server, "AdminUpdateUserAttributes", UserPoolId=pool, Username="ben", UserAttributes=pairs(email_verified="true")
        )
        assert refused == ("AliasExistsException", "An account with the given email already exists.")
        assert (await attributes_of(server, pool, "ben"))["email_verified"] == "false"
        await set_attributes(server, pool, "anna", email="new@example.com", email_verified="true")
        assert await refusal(server, "AdminGetUser", UserPoolId=pool, Username="a@example.com") == NO_USER
        await set_attributes(server, pool, "ben", email_verified="true")
        for name, owner in (("new@example.com", "anna"), ("a@example.com", "ben")):
            assert (await server.call("AdminGetUser", UserPoolId=pool, Username=name))["Username"] == owner

    async def test_a_username_attribute_moves_at_once(self, server: TestServer) -> None:
        pool = await server.pool(UsernameAttributes=["email"])
        await create(server, pool, "a@example.com")
        await create(server, pool, "b@example.com")
        await set_attributes(server, pool, "a@example.com", email="c@example.com")
        assert await refusal(server, "AdminGetUser", UserPoolId=pool, Username="a@example.com") == NO_USER
        refused = await refusal(
            server, "AdminUpdateUserAttributes", UserPoolId=pool, Username="c@example.com", UserAttributes=pairs(email="b@example.com")
        )
        assert refused == ("AliasExistsException", "An account with the given email already exists.")

    async def test_a_code_goes_to_a_new_address(self, server: TestServer) -> None:
        """Where the pool verifies it by itself; not where the administrator vouches, and not for what did not change."""
        pool = await server.pool(AutoVerifiedAttributes=["email"])
        await create(server, pool, "anna")
        await set_attributes(server, pool, "anna", email="a@example.com", phone_number="+12065550100")
        assert [message.to for message in await server.messages()] == ["a@example.com"]
        await set_attributes(server, pool, "anna", email="a@example.com")
        await set_attributes(server, pool, "anna", email="b@example.com", email_verified="true")
        assert [message.to for message in await server.messages()] == ["a@example.com"]

    async def test_verification_before_the_update(self, server: TestServer) -> None:
        """ "Doesn't immediately update the value"; "to skip the verification message … include the email_verified attribute, with true"."""
        pool = await server.pool(**FIRST)
        client = await server.client(pool)
        await server.user(pool, "anna", email="a@example.com", email_verified="true")
        await set_attributes(server, pool, "anna", email="b@example.com", name="Anna")
        assert await attributes_of(server, pool, "anna") == {"email": "a@example.com", "email_verified": "true", "name": "Anna"}
        server.clock.advance(1)
        await set_attributes(server, pool, "anna", email="b@example.com", email_verified="false")
        assert (await attributes_of(server, pool, "anna"))["email_verified"] == "true"
        token = (await server.sign_in(client, "anna"))["AccessToken"]
        code = await server.code("b@example.com")
        assert await server.call("VerifyUserAttribute", AccessToken=token, AttributeName="email", Code=code) == {}
        assert (await attributes_of(server, pool, "anna"))["email"] == "b@example.com"
        await set_attributes(server, pool, "anna", email="c@example.com", email_verified="true")
        assert (await attributes_of(server, pool, "anna"))["email"] == "c@example.com"

    async def test_immutable_ones(self, server: TestServer) -> None:
        """Set when the user is made, and never again; nothing else of the request takes effect."""
        pool = await server.pool(Schema=[{"Name": "born", "AttributeDataType": "String", "Mutable": False}])
        await create(server, pool, "anna", UserAttributes=pairs(**{"custom:born": "x"}))
        for name in ("custom:born", "sub"):
            refused = await refusal(
                server, "AdminUpdateUserAttributes", UserPoolId=pool, Username="anna", UserAttributes=pairs(name="A", **{name: "y"})
            )
            assert refused == (INVALID, f"Invalid user attributes: user.{name}: Attribute cannot be updated.\n")
        assert await attributes_of(server, pool, "anna") == {"custom:born": "x"}

    async def test_developer_only_ones(self, server: TestServer) -> None:
        """Set by an administrator, unknown to clients."""
        schema: list[dict[str, Any]] = [{"Name": "x", "AttributeDataType": "String", "DeveloperOnlyAttribute": True}]
        pool = await server.pool(Schema=schema)
        client = await server.client(pool)
        await server.user(pool, "anna")
        await set_attributes(server, pool, "anna", **{"dev:custom:x": "1"})
        token = (await server.sign_in(client, "anna"))["AccessToken"]
        refused = await refusal(server, "UpdateUserAttributes", AccessToken=token, UserAttributes=pairs(**{"dev:custom:x": "2"}))
        assert refused[0] in (INVALID, "NotAuthorizedException")
        assert await attributes_of(server, pool, "anna") == {"dev:custom:x": "1"}

    async def test_an_unknown_user(self, server: TestServer) -> None:
        pool = await server.pool()
        refused = await refusal(server, "AdminUpdateUserAttributes", UserPoolId=pool, Username="nobody", UserAttributes=pairs(name="x"))
        assert refused == NO_USER


class TestAdminDeleteUserAttributes:
    async def test_removes_them(self, server: TestServer) -> None:
        """With the flag and the alias of an address; one that is not there is no error."""
        pool = await server.pool(AliasAttributes=["email"])
        await create(server, pool, "anna", UserAttributes=pairs(email="a@example.com", email_verified="true", name="Anna"))
        gone = ["email", "nickname"]
        assert await server.call("AdminDeleteUserAttributes", UserPoolId=pool, Username="anna", UserAttributeNames=gone) == {}
        assert await attributes_of(server, pool, "anna") == {"name": "Anna"}
        assert await refusal(server, "AdminGetUser", UserPoolId=pool, Username="a@example.com") == NO_USER

    async def test_required_and_unknown_ones(self, server: TestServer) -> None:
        pool = await server.pool(Schema=[{"Name": "email", "Required": True}])
        await create(server, pool, "anna", UserAttributes=pairs(email="a@example.com"))
        for name in ("email", "sub", "custom:none"):
            refused = await refusal(server, "AdminDeleteUserAttributes", UserPoolId=pool, Username="anna", UserAttributeNames=[name])
            assert refused[0] == INVALID and refused[1].startswith(f"Invalid user attributes: user.{name}: ")
        assert (await attributes_of(server, pool, "anna"))["email"] == "a@example.com"
