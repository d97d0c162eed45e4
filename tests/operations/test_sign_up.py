"""Sign-up and its confirmation."""

from __future__ import annotations

import asyncio

import pytest

from tests.kit.server import PASSWORD, AwsError, TestServer


def email(value: str) -> list[dict[str, str]]:
    return [{"Name": "email", "Value": value}]


class TestSignUp:
    async def test_answers_where_the_code_went(self, server: TestServer) -> None:
        """FIDELITY B.4.38: the destination is masked, without a top-level domain, and the sub looks like a live one."""
        client = await server.client(await server.pool(AutoVerifiedAttributes=["email"]))
        answer = await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=email("first@example.com"))
        sub = answer.pop("UserSub")
        assert answer == {
            "UserConfirmed": False,
            "CodeDeliveryDetails": {"Destination": "f***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"},
        }
        assert len(sub) == 36 and sub[14] == "7"
        message = (await server.messages("first@example.com"))[0]
        assert str(message.code) in message.body and message.username == "anna"

    async def test_sends_nothing_where_nothing_is_verified(self, server: TestServer) -> None:
        """CodeDeliveryDetails are absent unless AutoVerifiedAttributes covers an attribute that was given."""
        client = await server.client(await server.pool())
        answer = await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=email("a@example.com"))
        assert answer.keys() == {"UserConfirmed", "UserSub"}
        assert await server.messages() == []

    async def test_prefers_the_phone_where_both_are_verified(self, server: TestServer) -> None:
        """With a phone number and an email to verify, AWS sends the text."""
        client = await server.client(await server.pool(AutoVerifiedAttributes=["email", "phone_number"]))
        both = [*email("a@example.com"), {"Name": "phone_number", "Value": "+12065558920"}]
        answer = await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=both)
        assert answer["CodeDeliveryDetails"] == {"Destination": "+*******8920", "DeliveryMedium": "SMS", "AttributeName": "phone_number"}
        assert [message.channel for message in await server.messages()] == ["sms"]

    async def test_a_taken_name_is_refused(self, server: TestServer) -> None:
        client = await server.client(await server.pool())
        await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD)
        with pytest.raises(AwsError) as refused:
            await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD)
        assert (refused.value.code, refused.value.message) == ("UsernameExistsException", "User already exists")

    async def test_is_closed_where_only_administrators_make_users(self, server: TestServer) -> None:
        client = await server.client(await server.pool(AdminCreateUserConfig={"AllowAdminCreateUserOnly": True}))
        with pytest.raises(AwsError) as refused:
            await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD)
        assert (refused.value.code, refused.value.message) == ("NotAuthorizedException", "SignUp is not permitted for this user pool")

    @pytest.mark.parametrize(
        ("password", "why"),
        [
            ("Aa1!", "Password not long enough"),
            ("AAAA1111!", "Password must have lowercase characters"),
            ("aaaa1111!", "Password must have uppercase characters"),
            ("aaaaAAAA!", "Password must have numeric characters"),
            ("aaaaAAAA1", "Password must have symbol characters"),
        ],
    )
    async def test_the_password_policy_is_kept(self, server: TestServer, password: str, why: str) -> None:
        """FIDELITY B.4.45, each rule in AWS's words; nothing is stored."""
        pool = await server.pool()
        client = await server.client(pool)
        with pytest.raises(AwsError) as refused:
            await server.call("SignUp", ClientId=client, Username="anna", Password=password)
        assert (refused.value.code, refused.value.message) == ("InvalidPasswordException", f"Password did not conform with policy: {why}")
        assert (await server.call("ListUsers", UserPoolId=pool))["Users"] == []

    async def test_a_required_attribute_must_be_there(self, server: TestServer) -> None:
        client = await server.client(await server.pool(Schema=[{"Name": "email", "Required": True}]))
        with pytest.raises(AwsError) as refused:
            await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD)
        assert refused.value.code == "InvalidParameterException"
        assert refused.value.message == "Attributes did not conform to the schema: email: The attribute email is required\n"

    async def test_username_attributes_make_the_sub_the_name(self, server: TestServer) -> None:
        """FIDELITY B.1.5: the email becomes an attribute and the user name is the sub."""
        pool = await server.pool(UsernameAttributes=["email"])
        client = await server.client(pool)
        sub = (await server.call("SignUp", ClientId=client, Username="a@example.com", Password=PASSWORD))["UserSub"]
        user = await server.call("AdminGetUser", UserPoolId=pool, Username="a@example.com")
        assert user["Username"] == sub
        assert {"Name": "email", "Value": "a@example.com"} in user["UserAttributes"]

    @pytest.mark.parametrize(
        ("allowed", "text"),
        [(["email"], "Username should be an email."), (["email", "phone_number"], "Username should be either an email or a phone number.")],
    )
    async def test_username_attributes_refuse_other_names(self, server: TestServer, allowed: list[str], text: str) -> None:
        client = await server.client(await server.pool(UsernameAttributes=allowed))
        with pytest.raises(AwsError) as refused:
            await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD)
        assert (refused.value.code, refused.value.message) == ("InvalidParameterException", text)

    async def test_username_attributes_refuse_a_second_account(self, server: TestServer) -> None:
        client = await server.client(await server.pool(UsernameAttributes=["email"], UsernameConfiguration={"CaseSensitive": False}))
        await server.call("SignUp", ClientId=client, Username="a@example.com", Password=PASSWORD)
        with pytest.raises(AwsError) as refused:
            await server.call("SignUp", ClientId=client, Username="A@Example.com", Password=PASSWORD)
        assert (refused.value.code, refused.value.message) == ("UsernameExistsException", "An account with the given email already exists.")

    async def test_an_email_as_name_beside_email_aliases_is_refused(self, server: TestServer) -> None:
        client = await server.client(await server.pool(AliasAttributes=["email"]))
        with pytest.raises(AwsError) as refused:
            await server.call("SignUp", ClientId=client, Username="a@example.com", Password=PASSWORD)
        assert refused.value.message == "Username cannot be of email format, since user pool is configured for email alias."

    async def test_of_many_at_once_one_wins(self, server: TestServer) -> None:
        """The same name signed up eight times at the same moment makes one user."""
        pool = await server.pool()
        client = await server.client(pool)
        outcomes = await asyncio.gather(
            *(server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD) for _ in range(8)), return_exceptions=True
        )
        assert sorted(type(outcome) is dict for outcome in outcomes) == [False] * 7 + [True]
        assert len((await server.call("ListUsers", UserPoolId=pool))["Users"]) == 1

    async def test_no_password_is_stored_or_told(self, server: TestServer) -> None:
        """Neither the database nor an answer holds the password or a plain hash of it."""
        pool = await server.pool()
        client = await server.client(pool)
        await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD)
        row = await server.store.engine.row("SELECT credential FROM users WHERE pool_id = $1", pool)
        assert PASSWORD.encode() not in row[0] and len(row[0]) > 400
        assert PASSWORD not in str(await server.call("AdminGetUser", UserPoolId=pool, Username="anna"))


class TestConfirmSignUp:
    async def signed_up(self, server: TestServer, **members: object) -> tuple[str, str]:
        pool = await server.pool(AutoVerifiedAttributes=["email"], **members)
        client = await server.client(pool)
        await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=email("anna@example.com"))
        return pool, client

    async def test_confirms_and_verifies_the_address(self, server: TestServer) -> None:
        """FIDELITY B.4.47."""
        pool, client = await self.signed_up(server)
        code = await server.code("anna@example.com")
        assert await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=code) == {}
        user = await server.call("AdminGetUser", UserPoolId=pool, Username="anna")
        assert user["UserStatus"] == "CONFIRMED"
        assert {"Name": "email_verified", "Value": "true"} in user["UserAttributes"]

    async def test_a_wrong_code_is_refused(self, server: TestServer) -> None:
        _, client = await self.signed_up(server)
        wrong = f"{(int(await server.code('anna@example.com')) + 1) % 1_000_000:06}"
        with pytest.raises(AwsError) as refused:
            await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=wrong)
        assert (refused.value.code, refused.value.message) == (
            "CodeMismatchException",
            "Invalid verification code provided, please try again.",
        )

    async def test_five_wrong_codes_close_the_door_even_to_the_right_one(self, server: TestServer) -> None:
        """Six digits cannot be tried out: after five wrong codes the right one is refused too, for an hour."""
        _, client = await self.signed_up(server)
        right = await server.code("anna@example.com")
        for step in range(1, 6):
            wrong = f"{(int(right) + step) % 1_000_000:06}"
            with pytest.raises(AwsError, match="CodeMismatch"):
                await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=wrong)
        with pytest.raises(AwsError) as refused:
            await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=right)
        assert (refused.value.code, refused.value.message) == (
            "LimitExceededException",
            "Attempt limit exceeded, please try after some time.",
        )
        server.clock.advance(3601)
        assert await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=right) == {}

    async def test_a_code_expires(self, server: TestServer) -> None:
        _, client = await self.signed_up(server)
        code = await server.code("anna@example.com")
        server.clock.advance(24 * 3600 + 1)
        with pytest.raises(AwsError) as refused:
            await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=code)
        assert (refused.value.code, refused.value.message) == (
            "ExpiredCodeException",
            "Invalid code provided, please request a code again.",
        )

    async def test_confirms_once(self, server: TestServer) -> None:
        _, client = await self.signed_up(server)
        code = await server.code("anna@example.com")
        await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=code)
        with pytest.raises(AwsError) as refused:
            await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=code)
        assert (refused.value.code, refused.value.message) == (
            "NotAuthorizedException",
            "User cannot be confirmed. Current status is CONFIRMED",
        )

    async def test_a_new_code_replaces_the_old(self, server: TestServer) -> None:
        _, client = await self.signed_up(server)
        old = await server.code("anna@example.com")
        server.clock.advance(1)
        answer = await server.call("ResendConfirmationCode", ClientId=client, Username="anna")
        assert answer["CodeDeliveryDetails"]["Destination"] == "a***@e***"
        new = await server.code("anna@example.com")
        if old != new:
            with pytest.raises(AwsError, match="CodeMismatch"):
                await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=old)
        assert await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=new) == {}

    async def test_by_the_link_in_the_mail(self, server: TestServer) -> None:
        """CONFIRM_WITH_LINK: the mail holds a link with the template's words, and opening it confirms."""
        template = {"DefaultEmailOption": "CONFIRM_WITH_LINK", "EmailMessageByLink": "Hello, {##press <here>##} now"}
        pool, _ = await self.signed_up(server, VerificationMessageTemplate=template)
        message = (await server.messages("anna@example.com"))[0]
        assert message.link is not None and message.link.startswith(f"http://localhost:2646/{pool}/confirmUser?")
        assert "press &lt;here&gt;</a>" in message.body
        path, _, query = message.link.removeprefix("http://localhost:2646").partition("?")
        page = await server.send("GET", path, query=query)
        assert page.status == 200 and b"Your registration has been confirmed!" in page.body
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="anna"))["UserStatus"] == "CONFIRMED"
        again = await server.send("GET", path, query=query)
        assert again.status == 400 and b"This link does not work" in again.body

    @pytest.mark.parametrize("hidden", ["LEGACY", "ENABLED"])
    async def test_an_unknown_user(self, server: TestServer, hidden: str) -> None:
        """Where users are hidden, an unknown one gets what a wrong or old code gets."""
        client = await server.client(await server.pool(), PreventUserExistenceErrors=hidden)
        with pytest.raises(AwsError) as refused:
            await server.call("ConfirmSignUp", ClientId=client, Username="nobody", ConfirmationCode="123456")
        assert refused.value.code == ("UserNotFoundException" if hidden == "LEGACY" else "ExpiredCodeException")

    async def test_an_administrator_confirms_without_a_code(self, server: TestServer) -> None:
        """AdminConfirmSignUp leaves the email unverified: nothing proved it."""
        pool, client = await self.signed_up(server)
        assert await server.call("AdminConfirmSignUp", UserPoolId=pool, Username="anna") == {}
        user = await server.call("AdminGetUser", UserPoolId=pool, Username="anna")
        assert user["UserStatus"] == "CONFIRMED"
        assert {"Name": "email_verified", "Value": "true"} not in user["UserAttributes"]
        assert "AccessToken" in await server.sign_in(client, "anna")
        with pytest.raises(AwsError, match="Current status is CONFIRMED"):
            await server.call("AdminConfirmSignUp", UserPoolId=pool, Username="anna")


class TestResendConfirmationCode:
    async def test_is_limited(self, server: TestServer) -> None:
        """FIDELITY B.4.42: not limited at once, but about ten messages an hour are enough."""
        client = await server.client(await server.pool(AutoVerifiedAttributes=["email"]))
        await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=email("anna@example.com"))
        for _ in range(10):
            await server.call("ResendConfirmationCode", ClientId=client, Username="anna")
        with pytest.raises(AwsError) as refused:
            await server.call("ResendConfirmationCode", ClientId=client, Username="anna")
        assert refused.value.code == "LimitExceededException"

    async def test_an_unknown_user_looks_like_any_where_users_are_hidden(self, server: TestServer) -> None:
        """A simulated destination, the same at each try, and no message."""
        client = await server.client(await server.pool(), PreventUserExistenceErrors="ENABLED")
        first = await server.call("ResendConfirmationCode", ClientId=client, Username="nobody")
        assert first == await server.call("ResendConfirmationCode", ClientId=client, Username="nobody")
        assert first["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"
        assert await server.messages() == []
