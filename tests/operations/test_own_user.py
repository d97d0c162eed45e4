"""Users as they see and change themselves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, TestServer

INVALID = "InvalidParameterException"
FIRST: dict[str, Any] = {
    "AutoVerifiedAttributes": ["email"],
    "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
}
MISMATCH = ("CodeMismatchException", "Invalid verification code provided, please try again.")
EXPIRED = ("ExpiredCodeException", "Invalid code provided, please request a code again.")
SENT = {"DeliveryMedium": "EMAIL", "AttributeName": "email"}


def pairs(**attributes: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in attributes.items()]


class Anna:
    """A signed-in user, and what she may do with her token."""

    def __init__(self, server: TestServer, pool: str, token: str) -> None:
        self.server, self.pool, self.token = server, pool, token

    @classmethod
    async def of(cls, server: TestServer, pool: str, **attributes: str) -> Anna:
        client = await server.client(pool)
        await server.user(pool, "anna", **attributes)
        return cls(server, pool, (await server.sign_in(client, "anna"))["AccessToken"])

    async def attributes(self) -> dict[str, str]:
        answer = await self.server.call("GetUser", AccessToken=self.token)
        return {item["Name"]: item["Value"] for item in answer["UserAttributes"] if item["Name"] != "sub"}

    async def update(self, **attributes: str) -> Any:
        return await self.server.call("UpdateUserAttributes", AccessToken=self.token, UserAttributes=pairs(**attributes))

    async def refused(self, operation: str = "UpdateUserAttributes", **members: Any) -> tuple[str, str]:
        return await refusal(self.server, operation, AccessToken=self.token, **members)

    async def verify(self, code: str, name: str = "email") -> Any:
        return await self.server.call("VerifyUserAttribute", AccessToken=self.token, AttributeName=name, Code=code)


class TestGetUser:
    async def test_answers_name_and_attributes(self, server: TestServer) -> None:
        """Nothing about MFA where nothing is set."""
        anna = await Anna.of(server, await server.pool(), name="Anna", email="a@example.com")
        answer = await server.call("GetUser", AccessToken=anna.token)
        assert answer.keys() == {"Username", "UserAttributes"}
        assert answer["UserAttributes"][0]["Name"] == "sub"
        assert await anna.attributes() == {"name": "Anna", "email": "a@example.com", "email_verified": "false"}

    @pytest.mark.parametrize("token", ["x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "." * 100, "A" * 20_000])
    async def test_what_is_no_token(self, server: TestServer, token: str) -> None:
        assert await refusal(server, "GetUser", AccessToken=token) == ("NotAuthorizedException", "Invalid Access Token")


class TestDeleteUser:
    async def test_the_user_is_gone(self, server: TestServer) -> None:
        anna = await Anna.of(server, await server.pool())
        assert await server.call("DeleteUser", AccessToken=anna.token) == {}
        expected = ("UserNotFoundException", "User does not exist.")
        assert await refusal(server, "AdminGetUser", UserPoolId=anna.pool, Username="anna") == expected
        assert (await anna.refused("GetUser"))[0] in ("UserNotFoundException", "NotAuthorizedException")


class TestUpdateUserAttributes:
    async def test_sets_and_removes(self, server: TestServer) -> None:
        """ "To delete an attribute from the user, submit the attribute with a blank value"."""
        anna = await Anna.of(server, await server.pool(), name="Anna", nickname="A")
        assert await anna.update(name="Anne", nickname="", locale="de") == {}
        assert await anna.attributes() == {"name": "Anne", "locale": "de"}

    async def test_a_new_email_is_sent_a_code(self, server: TestServer) -> None:
        """FIDELITY B.4.47: set at once and unverified, until the code comes back; unchanged it is sent none."""
        anna = await Anna.of(server, await server.pool(AutoVerifiedAttributes=["email"]), email="a@example.com", email_verified="true")
        assert await anna.update(email="a@example.com") == {}
        assert await anna.update(email="b@example.org") == {"CodeDeliveryDetailsList": [{**SENT, "Destination": "b***@e***"}]}
        assert await anna.attributes() == {"email": "b@example.org", "email_verified": "false"}
        assert await anna.verify(await server.code("b@example.org")) == {}
        assert await anna.attributes() == {"email": "b@example.org", "email_verified": "true"}

    async def test_no_code_where_nothing_is_verified(self, server: TestServer) -> None:
        anna = await Anna.of(server, await server.pool())
        assert await anna.update(email="b@example.com", phone_number="+12065550100") == {}
        assert await server.messages() == []

    async def test_verification_before_the_update(self, server: TestServer) -> None:
        """The old value stays, and leads to the user, until the new one is proved."""
        pool = await server.pool(AliasAttributes=["email"], **FIRST)
        anna = await Anna.of(server, pool, email="a@example.com", email_verified="true")
        await anna.update(email="b@example.com", name="Anna")
        assert await anna.attributes() == {"email": "a@example.com", "email_verified": "true", "name": "Anna"}
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="a@example.com"))["Username"] == "anna"
        await anna.verify(await server.code("b@example.com"))
        assert await anna.attributes() == {"email": "b@example.com", "email_verified": "true", "name": "Anna"}
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="b@example.com"))["Username"] == "anna"

    async def test_an_alias_is_won_by_who_verifies_it(self, server: TestServer) -> None:
        """Two may hold the address unverified; the second to prove it is refused, and stays unverified."""
        pool = await server.pool(AliasAttributes=["email"], AutoVerifiedAttributes=["email"])
        anna = await Anna.of(server, pool)
        await server.user(pool, "ben", email="b@example.com", email_verified="true")
        await anna.update(email="b@example.com")
        code = await server.code("b@example.com")
        refused = await anna.refused("VerifyUserAttribute", AttributeName="email", Code=code)
        assert refused == ("AliasExistsException", "An account with the given email already exists.")
        assert (await anna.attributes())["email_verified"] == "false"
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="b@example.com"))["Username"] == "ben"

    async def test_a_preferred_username_is_an_alias_at_once(self, server: TestServer) -> None:
        pool = await server.pool(AliasAttributes=["preferred_username"])
        anna = await Anna.of(server, pool)
        await server.user(pool, "ben", preferred_username="taken")
        assert (await anna.refused(UserAttributes=pairs(preferred_username="taken")))[0] == "AliasExistsException"
        await anna.update(preferred_username="free")
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="free"))["Username"] == "anna"

    async def test_immutable_and_unknown_ones(self, server: TestServer) -> None:
        """Every fault has its line, and nothing of the request takes effect."""
        pool = await server.pool(Schema=[{"Name": "born", "AttributeDataType": "String", "Mutable": False}])
        anna = await Anna.of(server, pool)
        refused = await anna.refused(UserAttributes=pairs(name="x", **{"custom:born": "y", "custom:none": "z"}))
        lines = "user.custom:born: Attribute cannot be updated.\nuser.custom:none: Attribute does not exist in the schema.\n"
        assert refused == (INVALID, f"Invalid user attributes: {lines}")
        assert await anna.attributes() == {}

    async def test_too_many_messages(self, server: TestServer) -> None:
        """After ten an hour no more are sent; the operation's own error for that is TooManyRequestsException."""
        anna = await Anna.of(server, await server.pool(AutoVerifiedAttributes=["email"]))
        for number in range(10):
            await anna.update(email=f"a{number}@example.com")
        refused = await anna.refused(UserAttributes=pairs(email="more@example.com"))
        assert refused == ("TooManyRequestsException", "Attempt limit exceeded, please try after some time.")
        assert (await anna.attributes())["email"] == "a9@example.com"
        server.clock.advance(3_700)  # the access token has expired by then too
        client = await server.client(anna.pool)
        anna.token = (await server.sign_in(client, "anna"))["AccessToken"]
        assert "CodeDeliveryDetailsList" in await anna.update(email="more@example.com")

    @pytest.mark.parametrize("value", ["🙂" * 2048, "'\"\\;--", "{}\n\t\x01", "\u202e"])
    async def test_any_value(self, server: TestServer, value: str) -> None:
        anna = await Anna.of(server, await server.pool())
        await anna.update(name=value)
        assert await anna.attributes() == {"name": value}


class TestDeleteUserAttributes:
    async def test_removes_them(self, server: TestServer) -> None:
        anna = await Anna.of(server, await server.pool(), email="a@example.com", email_verified="true", name="Anna")
        assert await server.call("DeleteUserAttributes", AccessToken=anna.token, UserAttributeNames=["email", "nickname"]) == {}
        assert await anna.attributes() == {"name": "Anna"}

    async def test_what_stays(self, server: TestServer) -> None:
        """A required attribute, and one that the client may not write."""
        pool = await server.pool(Schema=[{"Name": "name", "Required": True}])
        anna = await Anna.of(server, pool, name="Anna")
        refused = await anna.refused("DeleteUserAttributes", UserAttributeNames=["name"])
        assert refused == (INVALID, "Invalid user attributes: user.name: A required attribute cannot be removed.\n")
        refused = await anna.refused("DeleteUserAttributes", UserAttributeNames=["email_verified"])
        assert refused == ("NotAuthorizedException", "A client attempted to write unauthorized attribute")
        assert await anna.attributes() == {"name": "Anna"}


class TestGetUserAttributeVerificationCode:
    async def test_sends_a_code_that_verifies(self, server: TestServer) -> None:
        """Also where the pool verifies nothing by itself."""
        anna = await Anna.of(server, await server.pool(), email="a@example.com", phone_number="+12065558920")
        answer = await server.call("GetUserAttributeVerificationCode", AccessToken=anna.token, AttributeName="email")
        assert answer == {"CodeDeliveryDetails": {**SENT, "Destination": "a***@e***"}}
        await anna.verify(await server.code("a@example.com"))
        answer = await server.call("GetUserAttributeVerificationCode", AccessToken=anna.token, AttributeName="phone_number")
        assert answer["CodeDeliveryDetails"] == {"Destination": "+*******8920", "DeliveryMedium": "SMS", "AttributeName": "phone_number"}
        await anna.verify(await server.code("+12065558920"), "phone_number")
        flags = await anna.attributes()
        assert (flags["email_verified"], flags["phone_number_verified"]) == ("true", "true")

    async def test_a_value_that_waits_is_sent_its_code_again(self, server: TestServer) -> None:
        anna = await Anna.of(server, await server.pool(**FIRST), email="a@example.com", email_verified="true")
        await anna.update(email="b@example.com")
        server.clock.advance(1)
        await server.call("GetUserAttributeVerificationCode", AccessToken=anna.token, AttributeName="email")
        assert len(await server.messages("b@example.com")) == 2
        await anna.verify(await server.code("b@example.com"))
        assert (await anna.attributes())["email"] == "b@example.com"

    async def test_what_cannot_be_verified(self, server: TestServer) -> None:
        """FIDELITY B.4.48."""
        anna = await Anna.of(server, await server.pool())
        expected = (INVALID, "Invalid attribute name. Only phone_number and email can be verified.")
        assert await anna.refused("GetUserAttributeVerificationCode", AttributeName="name") == expected
        assert await anna.refused("VerifyUserAttribute", AttributeName="name", Code="123456") == expected
        expected = (INVALID, "User does not have a valid registered email address")
        assert await anna.refused("GetUserAttributeVerificationCode", AttributeName="email") == expected

    async def test_ten_an_hour(self, server: TestServer) -> None:
        anna = await Anna.of(server, await server.pool(), email="a@example.com")
        for _ in range(10):
            await server.call("GetUserAttributeVerificationCode", AccessToken=anna.token, AttributeName="email")
        refused = await anna.refused("GetUserAttributeVerificationCode", AttributeName="email")
        assert refused == ("LimitExceededException", "Attempt limit exceeded, please try after some time.")


class TestVerifyUserAttribute:
    async def test_a_code_is_used_once(self, server: TestServer) -> None:
        anna = await Anna.of(server, await server.pool(AutoVerifiedAttributes=["email"]))
        await anna.update(email="a@example.com")
        code = await server.code("a@example.com")
        await anna.verify(code)
        assert await anna.refused("VerifyUserAttribute", AttributeName="email", Code=code) == EXPIRED

    async def test_a_code_is_of_one_address(self, server: TestServer) -> None:
        """The code of the address before proves nothing about the present one."""
        anna = await Anna.of(server, await server.pool(AutoVerifiedAttributes=["email"]))
        await anna.update(email="a@example.com")
        code = await server.code("a@example.com")
        await server.call(
            "AdminUpdateUserAttributes",
            UserPoolId=anna.pool,
            Username="anna",
            UserAttributes=pairs(email="b@example.com", email_verified="false"),
        )
        assert (await anna.refused("VerifyUserAttribute", AttributeName="email", Code=code)) in (MISMATCH, EXPIRED)
        assert (await anna.attributes())["email_verified"] == "false"

    async def test_wrong_codes_are_limited(self, server: TestServer) -> None:
        """Five, and then not even the right one for an hour."""
        anna = await Anna.of(server, await server.pool(AutoVerifiedAttributes=["email"]))
        await anna.update(email="a@example.com")
        code = await server.code("a@example.com")
        wrong = "000000" if code != "000000" else "000001"
        for _ in range(5):
            assert await anna.refused("VerifyUserAttribute", AttributeName="email", Code=wrong) == MISMATCH
        refused = await anna.refused("VerifyUserAttribute", AttributeName="email", Code=code)
        assert refused == ("LimitExceededException", "Attempt limit exceeded, please try after some time.")

    async def test_a_code_expires_after_a_day(self, server: TestServer) -> None:
        anna = await Anna.of(server, await server.pool(AutoVerifiedAttributes=["email"]))
        await anna.update(email="a@example.com")
        code = await server.code("a@example.com")
        server.clock.advance(86_401)
        anna.token = (await server.sign_in(await server.client(anna.pool), "anna", PASSWORD))["AccessToken"]
        assert await anna.refused("VerifyUserAttribute", AttributeName="email", Code=code) == EXPIRED
