"""Users as an administrator makes, invites, changes and removes them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, TestServer

INVALID = "InvalidParameterException"
NO_USER = ("UserNotFoundException", "User does not exist.")


def pairs(**attributes: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in attributes.items()]


async def create(server: TestServer, pool: str, username: str, *, mail: bool = False, **members: Any) -> Any:
    members = {"MessageAction": "SUPPRESS", **members} if not mail else {"DesiredDeliveryMediums": ["EMAIL"], **members}
    return (await server.call("AdminCreateUser", UserPoolId=pool, Username=username, **members))["User"]


async def attributes_of(server: TestServer, pool: str, username: str) -> dict[str, str]:
    answer = await server.call("AdminGetUser", UserPoolId=pool, Username=username)
    return {item["Name"]: item["Value"] for item in answer["UserAttributes"] if item["Name"] != "sub"}


async def set_attributes(server: TestServer, pool: str, username: str, **attributes: str) -> None:
    answer = await server.call("AdminUpdateUserAttributes", UserPoolId=pool, Username=username, UserAttributes=pairs(**attributes))
    assert answer == {}


class TestAdminCreateUser:
    async def test_answers_the_user(self, server: TestServer) -> None:
        pool, now = await server.pool(), server.clock.now()
        user = await create(server, pool, "anna", UserAttributes=pairs(email="a@example.com", name="Anna"))
        sub = user["Attributes"][0].pop("Value")
        assert len(sub) == 36
        assert user == {
            "Username": "anna",
            "Attributes": [{"Name": "sub"}, *pairs(email_verified="false", email="a@example.com", name="Anna")],
            "UserCreateDate": now,
            "UserLastModifiedDate": now,
            "Enabled": True,
            "UserStatus": "FORCE_CHANGE_PASSWORD",
        }

    async def test_the_invitation(self, server: TestServer) -> None:
        """By mail where that is desired, with the user name and the temporary password that works."""
        pool = await server.pool()
        client = await server.client(pool)
        await create(server, pool, "anna", mail=True, UserAttributes=pairs(email="a@example.com"))
        message = (await server.messages("a@example.com"))[0]
        assert message.subject == "Your temporary password"
        assert message.channel == "email" and message.code is not None
        answer = await server.sign_in(client, "anna", message.code)
        assert answer["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    async def test_text_is_the_default_medium(self, server: TestServer) -> None:
        """ "The default value is SMS. You can specify more than one value"."""
        pool = await server.pool()
        both = pairs(email="a@example.com", phone_number="+12065550100")
        await create(server, pool, "anna", MessageAction=None, UserAttributes=both)
        assert [message.channel for message in await server.messages()] == ["sms"]
        await create(server, pool, "ben", mail=True, DesiredDeliveryMediums=["EMAIL", "SMS"], UserAttributes=both)
        assert sorted(message.channel for message in await server.messages()) == ["email", "sms", "sms"]

    async def test_a_medium_without_an_address(self, server: TestServer) -> None:
        """Refused before the user is made."""
        pool = await server.pool()
        members = {"UserPoolId": pool, "Username": "anna", "DesiredDeliveryMediums": ["EMAIL"]}
        assert (await refusal(server, "AdminCreateUser", **members))[0] == INVALID
        assert await refusal(server, "AdminGetUser", UserPoolId=pool, Username="anna") == NO_USER

    async def test_suppress_sends_nothing(self, server: TestServer) -> None:
        pool = await server.pool()
        await create(server, pool, "anna", UserAttributes=pairs(email="a@example.com"), DesiredDeliveryMediums=["EMAIL"])
        assert await server.messages() == []

    async def test_the_pools_own_template(self, server: TestServer) -> None:
        """Both placeholders are filled once, and what is filled in is escaped in a mail."""
        template = {"EmailSubject": "Welcome", "EmailMessage": "Hi {username}: {####}", "SMSMessage": "{username} {####}"}
        pool = await server.pool(AdminCreateUserConfig={"InviteMessageTemplate": template})
        members = {"TemporaryPassword": "Aa1!<b>{username}", "UserAttributes": pairs(email="a@example.com", phone_number="+12065550100")}
        await create(server, pool, "<i>anna", mail=True, DesiredDeliveryMediums=["EMAIL", "SMS"], **members)
        by_channel = {message.channel: message for message in await server.messages()}
        assert by_channel["email"].subject == "Welcome"
        assert by_channel["email"].body == "Hi &lt;i&gt;anna: Aa1!&lt;b&gt;{username}"
        assert by_channel["sms"].body == "<i>anna Aa1!<b>{username}"

    async def test_a_temporary_password_keeps_to_the_policy(self, server: TestServer) -> None:
        pool = await server.pool()
        expected = ("InvalidPasswordException", "Password did not conform with policy: Password not long enough")
        assert await refusal(server, "AdminCreateUser", UserPoolId=pool, Username="anna", TemporaryPassword="Aa1!") == expected

    async def test_generated_passwords_fit_any_policy(self, server: TestServer) -> None:
        """They are accepted where they are made, however strict or lax the policy is."""
        for number, policy in enumerate(({"MinimumLength": 99, "RequireSymbols": True, "RequireNumbers": True}, {"MinimumLength": 6})):
            pool = await server.pool(Policies={"PasswordPolicy": policy})
            await create(server, pool, "anna", mail=True, UserAttributes=pairs(email=f"a{number}@example.com"))
            made = (await server.messages(f"a{number}@example.com"))[0].code
            assert made is not None and len(made) >= policy["MinimumLength"]
            await create(server, pool, "ben", TemporaryPassword=made)

    @pytest.mark.parametrize("days", [1, 365])
    async def test_a_temporary_password_expires(self, server: TestServer, days: int) -> None:
        """FIDELITY B.2.25; RESEND makes a new one that is good again."""
        pool = await server.pool(Policies={"PasswordPolicy": {"TemporaryPasswordValidityDays": days}})
        client = await server.client(pool)
        await create(server, pool, "anna", mail=True, TemporaryPassword=PASSWORD, UserAttributes=pairs(email="a@example.com"))
        server.clock.advance(days * 86_400 - 1)
        assert (await server.sign_in(client, "anna"))["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
        server.clock.advance(2)
        parameters = {"USERNAME": "anna", "PASSWORD": PASSWORD}
        refused = await refusal(server, "InitiateAuth", ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
        assert refused == ("NotAuthorizedException", "Temporary password has expired and must be reset by an administrator.")
        await create(server, pool, "anna", mail=True, MessageAction="RESEND")
        code = await server.code("a@example.com")
        assert (await server.sign_in(client, "anna", code))["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    async def test_resend(self, server: TestServer) -> None:
        """FIDELITY B.4.49: the same user, a new password instead of the old one; not for one who is missing or confirmed."""
        pool = await server.pool()
        client = await server.client(pool)
        made = await create(server, pool, "anna", mail=True, UserAttributes=pairs(email="a@example.com"))
        first = await server.code("a@example.com")
        server.clock.advance(5)
        again = await create(server, pool, "anna", mail=True, MessageAction="RESEND")
        assert {**again, "UserLastModifiedDate": 0} == {**made, "UserLastModifiedDate": 0}
        second = await server.code("a@example.com")
        assert second != first
        parameters = {"USERNAME": "anna", "PASSWORD": first}
        refused = await refusal(server, "InitiateAuth", ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
        assert refused == ("NotAuthorizedException", "Incorrect username or password.")
        assert (await server.sign_in(client, "anna", second))["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
        members = {"UserPoolId": pool, "MessageAction": "RESEND"}
        assert await refusal(server, "AdminCreateUser", Username="nobody", **members) == NO_USER
        await server.user(pool, "done")
        assert (await refusal(server, "AdminCreateUser", Username="done", **members))[0] == "UnsupportedUserStateException"

    async def test_a_taken_name(self, server: TestServer) -> None:
        """FIDELITY B.4.40."""
        pool = await server.pool()
        await create(server, pool, "anna")
        expected = ("UsernameExistsException", "User account already exists")
        assert await refusal(server, "AdminCreateUser", UserPoolId=pool, Username="anna") == expected

    async def test_a_user_without_a_password(self, server: TestServer) -> None:
        """FIDELITY B.3.34: where codes let users in, one with a verified address needs none and is confirmed; no password lets them in."""
        pool = await server.pool(Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}})
        client = await server.client(pool)
        verified = pairs(email="a@example.com", email_verified="true")
        assert (await create(server, pool, "anna", UserAttributes=verified))["UserStatus"] == "CONFIRMED"
        assert (await create(server, pool, "ben", UserAttributes=pairs(email="b@example.com")))["UserStatus"] == "FORCE_CHANGE_PASSWORD"
        given = await create(
            server,
            pool,
            "cleo",
            UserAttributes=pairs(email="c@example.com", email_verified="true"),
            TemporaryPassword=PASSWORD,
        )
        assert given["UserStatus"] == "FORCE_CHANGE_PASSWORD"
        parameters = {"USERNAME": "anna", "PASSWORD": PASSWORD}
        refused = await refusal(server, "InitiateAuth", ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
        assert refused == ("NotAuthorizedException", "Incorrect username or password.")

    async def test_a_user_without_a_password_is_told_the_name(self, server: TestServer) -> None:
        pool = await server.pool(Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}})
        await create(server, pool, "anna", mail=True, UserAttributes=pairs(email="a@example.com", email_verified="true"))
        message = (await server.messages("a@example.com"))[0]
        assert (message.body, message.code) == ("Your username is anna.", None)

    @pytest.mark.parametrize("name", ["x'; DROP TABLE users; --", '"', "%", "日本", "🙂", "\\", "n" * 128, "ﬁ", "Ä", "a\u0308"])
    async def test_any_name_that_the_model_allows(self, server: TestServer, name: str) -> None:
        pool = await server.pool()
        name = name.replace(" ", "_")
        await create(server, pool, name)
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username=name))["Username"] == name

    async def test_values_of_every_kind_come_back(self, server: TestServer) -> None:
        """2,048 characters of any script, quotes and control characters, unharmed."""
        pool = await server.pool()
        values = {"name": "🙂" * 2048, "nickname": "'\"\\;--", "address": "{}\n\t\x01", "profile": "\u202e\ufeff"}
        await create(server, pool, "anna", UserAttributes=pairs(**values))
        assert await attributes_of(server, pool, "anna") == values

    async def test_a_value_of_2049_characters(self, server: TestServer) -> None:
        pool = await server.pool()
        members = {"UserPoolId": pool, "Username": "anna", "UserAttributes": pairs(name="x" * 2049)}
        code, text = await refusal(server, "AdminCreateUser", **members)
        assert code == INVALID and "xxx" not in text


class TestNames:
    async def test_by_username_sub_and_alias(self, server: TestServer) -> None:
        """FIDELITY B.5.54: each leads to the user; an unverified email does not, and none at all in a pool without aliases."""
        pool, plain = await server.pool(AliasAttributes=["email", "preferred_username"]), await server.pool()
        for each in (pool, plain):
            await create(server, each, "anna", UserAttributes=pairs(email="a@example.com", email_verified="true", preferred_username="ann"))
        await create(server, pool, "ben", UserAttributes=pairs(email="b@example.com"))
        sub = (await server.call("AdminGetUser", UserPoolId=pool, Username="anna"))["UserAttributes"][0]["Value"]
        for name in ("anna", sub, "a@example.com", "ann"):
            assert (await server.call("AdminGetUser", UserPoolId=pool, Username=name))["Username"] == "anna"
        for owner, name in ((pool, "b@example.com"), (plain, "a@example.com"), (plain, "ann"), (plain, sub)):
            assert await refusal(server, "AdminGetUser", UserPoolId=owner, Username=name) == NO_USER

    async def test_case(self, server: TestServer) -> None:
        """Two users where case counts, one where it does not; the name stays as it was written."""
        sensitive, insensitive = await server.pool(), await server.pool(UsernameConfiguration={"CaseSensitive": False})
        await create(server, sensitive, "Anna")
        await create(server, sensitive, "anna")
        await create(server, insensitive, "Anna")
        assert (await refusal(server, "AdminCreateUser", UserPoolId=insensitive, Username="ANNA"))[0] == "UsernameExistsException"
        assert (await server.call("AdminGetUser", UserPoolId=insensitive, Username="aNNa"))["Username"] == "Anna"
        assert await refusal(server, "AdminGetUser", UserPoolId=sensitive, Username="ANNA") == NO_USER

    async def test_aliases_without_case(self, server: TestServer) -> None:
        pool = await server.pool(AliasAttributes=["email"], UsernameConfiguration={"CaseSensitive": False})
        await create(server, pool, "anna", UserAttributes=pairs(email="Anna@Example.com", email_verified="true"))
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="anna@example.COM"))["Username"] == "anna"
        members = {"UserPoolId": pool, "Username": "ben", "UserAttributes": pairs(email="ANNA@example.com", email_verified="true")}
        expected = ("UsernameExistsException", "An account with the given email already exists.")
        assert await refusal(server, "AdminCreateUser", **members) == expected

    async def test_username_attributes(self, server: TestServer) -> None:
        """FIDELITY B.1.5: the sub is the name, the address an attribute that leads to the user, verified or not."""
        pool = await server.pool(UsernameAttributes=["email", "phone_number"])
        for name in ("a@example.com", "+12065550100"):
            user = await create(server, pool, name)
            assert user["Username"] == user["Attributes"][0]["Value"]
            assert (await server.call("AdminGetUser", UserPoolId=pool, Username=name))["Username"] == user["Username"]
        expected = (INVALID, "Username should be either an email or a phone number.")
        assert await refusal(server, "AdminCreateUser", UserPoolId=pool, Username="anna") == expected

    async def test_force_does_not_take_a_username(self, server: TestServer) -> None:
        """ForceAliasCreation moves aliases; in a pool of username attributes the email is the user's name."""
        pool = await server.pool(UsernameAttributes=["email"])
        await create(server, pool, "a@example.com", UserAttributes=pairs(email_verified="true"))
        members = {"UserPoolId": pool, "Username": "a@example.com", "UserAttributes": pairs(email_verified="true")}
        refused = await refusal(server, "AdminCreateUser", **members, ForceAliasCreation=True)
        assert refused == ("UsernameExistsException", "An account with the given email already exists.")

    async def test_force_alias_creation(self, server: TestServer) -> None:
        """The verified alias leads to the new user, and the old one's email is no longer verified; unforced it stays."""
        pool = await server.pool(AliasAttributes=["email", "preferred_username"])
        verified = pairs(email="a@example.com", email_verified="true")
        await create(server, pool, "old", UserAttributes=verified + pairs(preferred_username="me"))
        members = {"UserPoolId": pool, "Username": "new", "UserAttributes": verified}
        expected = ("UsernameExistsException", "An account with the given email already exists.")
        assert await refusal(server, "AdminCreateUser", **members) == expected
        await create(server, pool, "new", UserAttributes=verified, ForceAliasCreation=True)
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="a@example.com"))["Username"] == "new"
        assert (await attributes_of(server, pool, "old"))["email_verified"] == "false"
        # ignored without a verified flag
        await create(server, pool, "third", UserAttributes=pairs(email="a@example.com"), ForceAliasCreation=True)
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="a@example.com"))["Username"] == "new"
        refused = await refusal(
            server, "AdminCreateUser", UserPoolId=pool, Username="x", UserAttributes=pairs(preferred_username="me"), ForceAliasCreation=True
        )
        assert refused == ("UsernameExistsException", "An account with the given preferred_username already exists.")
        assert "preferred_username_verified" not in await attributes_of(server, pool, "old")


class TestAdminGetUser:
    async def test_answers_all_of_the_user(self, server: TestServer) -> None:
        """MFA members are absent, not empty, where nothing is set (FIDELITY B.3.36)."""
        pool = await server.pool()
        made = await create(server, pool, "anna", UserAttributes=pairs(name="Anna"))
        expected = {**made, "UserAttributes": made["Attributes"]}
        del expected["Attributes"]
        assert await server.call("AdminGetUser", UserPoolId=pool, Username="anna") == expected


class TestAdminDeleteUser:
    async def test_the_user_is_gone_and_the_name_free(self, server: TestServer) -> None:
        """Tokens die with the user; a new user of the name is another one, with the alias free too."""
        pool = await server.pool(AliasAttributes=["email"])
        client = await server.client(pool)
        verified = {"email": "a@example.com", "email_verified": "true"}
        sub = await server.user(pool, "anna", **verified)
        tokens = await server.sign_in(client, "anna")
        assert await server.call("AdminDeleteUser", UserPoolId=pool, Username="a@example.com") == {}
        assert await refusal(server, "AdminGetUser", UserPoolId=pool, Username="anna") == NO_USER
        assert await refusal(server, "AdminDeleteUser", UserPoolId=pool, Username="anna") == NO_USER
        assert (await refusal(server, "GetUser", AccessToken=tokens["AccessToken"]))[0] in (
            "UserNotFoundException",
            "NotAuthorizedException",
        )
        assert await server.user(pool, "anna", **verified) != sub


class TestAdminDisableUser:
    async def test_disable_and_enable(self, server: TestServer) -> None:
        """A disabled user's tokens are revoked and sign-in is refused (FIDELITY B.2.20); enabled, a new sign-in works, old tokens do not."""
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        tokens = await server.sign_in(client, "anna")
        assert await server.call("AdminDisableUser", UserPoolId=pool, Username="anna") == {}
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="anna"))["Enabled"] is False
        parameters = {"USERNAME": "anna", "PASSWORD": PASSWORD}
        refused = await refusal(server, "InitiateAuth", ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
        assert refused == ("NotAuthorizedException", "User is disabled.")
        assert (await refusal(server, "GetUser", AccessToken=tokens["AccessToken"]))[0] == "NotAuthorizedException"
        server.clock.advance(1)
        assert await server.call("AdminEnableUser", UserPoolId=pool, Username="anna") == {}
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="anna"))["Enabled"] is True
        assert (await refusal(server, "GetUser", AccessToken=tokens["AccessToken"]))[0] == "NotAuthorizedException"
        again = await server.sign_in(client, "anna")
        assert (await server.call("GetUser", AccessToken=again["AccessToken"]))["Username"] == "anna"

    async def test_an_unknown_user(self, server: TestServer) -> None:
        pool = await server.pool()
        for operation in ("AdminEnableUser", "AdminDisableUser"):
            assert await refusal(server, operation, UserPoolId=pool, Username="nobody") == NO_USER
