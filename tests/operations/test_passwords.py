"""Passwords changed, recovered, reset and set."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.server import PASSWORD, AwsError, TestServer

NEW = "Another-Horse-7"
VERIFIED = {"email": "anna@example.com", "email_verified": "true"}


async def made(
    server: TestServer, attributes: dict[str, str] | None = None, client: dict[str, Any] | None = None, **pool: Any
) -> tuple[str, str]:
    pool_id = await server.pool(**pool)
    client_id = await server.client(pool_id, **(client or {}))
    await server.user(pool_id, "anna", **(VERIFIED if attributes is None else attributes))
    return pool_id, client_id


async def forget(server: TestServer, client: str, username: str = "anna") -> Any:
    return await server.call("ForgotPassword", ClientId=client, Username=username)


class TestForgotPassword:
    async def test_sends_a_code_that_sets_a_new_password(self, server: TestServer) -> None:
        _, client = await made(server)
        answer = await forget(server, client)
        assert answer == {"CodeDeliveryDetails": {"Destination": "a***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}}
        code = await server.code("anna@example.com")
        confirmed = {"ClientId": client, "Username": "anna", "ConfirmationCode": code, "Password": NEW}
        assert await server.call("ConfirmForgotPassword", **confirmed) == {}
        assert "AccessToken" in await server.sign_in(client, "anna", NEW)
        with pytest.raises(AwsError, match="Incorrect username or password"):
            await server.sign_in(client, "anna", PASSWORD)
        with pytest.raises(AwsError) as refused:
            await server.call("ConfirmForgotPassword", **confirmed)
        assert refused.value.code == "ExpiredCodeException"

    async def test_the_code_is_good_for_an_hour(self, server: TestServer) -> None:
        _, client = await made(server)
        await forget(server, client)
        code = await server.code("anna@example.com")
        server.clock.advance(3_601)
        with pytest.raises(AwsError, match="request a code again"):
            await server.call("ConfirmForgotPassword", ClientId=client, Username="anna", ConfirmationCode=code, Password=NEW)

    async def test_a_refused_password_leaves_the_code_good(self, server: TestServer) -> None:
        _, client = await made(server)
        await forget(server, client)
        code = await server.code("anna@example.com")
        answer = {"ClientId": client, "Username": "anna", "ConfirmationCode": code}
        with pytest.raises(AwsError) as refused:
            await server.call("ConfirmForgotPassword", **answer, Password="short")
        assert refused.value.code == "InvalidPasswordException"
        assert await server.call("ConfirmForgotPassword", **answer, Password=NEW) == {}

    async def test_ends_a_lockout(self, server: TestServer) -> None:
        _, client = await made(server)
        for _ in range(6):
            with pytest.raises(AwsError):
                await server.sign_in(client, "anna", "Wrong-Horse-9")
        await forget(server, client)
        code = await server.code("anna@example.com")
        await server.call("ConfirmForgotPassword", ClientId=client, Username="anna", ConfirmationCode=code, Password=NEW)
        assert "AccessToken" in await server.sign_in(client, "anna", NEW)

    @pytest.mark.parametrize(
        ("mechanisms", "channel"),
        [
            (None, "sms"),
            ([("verified_email", 1), ("verified_phone_number", 2)], "email"),
            ([("verified_email", 2), ("verified_phone_number", 1)], "sms"),
            ([("verified_email", 1)], "email"),
        ],
    )
    async def test_recovery_order(self, server: TestServer, mechanisms: list[tuple[str, int]] | None, channel: str) -> None:
        """AccountRecoverySetting's priorities; without it the phone number first."""
        both = {**VERIFIED, "phone_number": "+12065558920", "phone_number_verified": "true"}
        setting = (
            {"AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": n, "Priority": p} for n, p in mechanisms]}} if mechanisms else {}
        )
        _, client = await made(server, both, **setting)
        await forget(server, client)
        assert [message.channel for message in await server.messages()] == [channel]

    @pytest.mark.parametrize(
        ("pool", "attributes", "code", "message"),
        [
            (
                {"AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "admin_only", "Priority": 1}]}},
                VERIFIED,
                "NotAuthorizedException",
                "Contact administrator to reset password.",
            ),
            (
                {},
                {"email": "anna@example.com"},
                "InvalidParameterException",
                "Cannot reset password for the user as there is no registered/verified email or phone_number",
            ),
        ],
    )
    async def test_refusals(self, server: TestServer, pool: dict[str, Any], attributes: dict[str, str], code: str, message: str) -> None:
        """FIDELITY B.4.43."""
        _, client = await made(server, attributes, **pool)
        with pytest.raises(AwsError) as refused:
            await forget(server, client)
        assert (refused.value.code, refused.value.message) == (code, message)

    async def test_an_invited_user_cannot_reset(self, server: TestServer) -> None:
        pool, client = await made(server)
        await server.call("AdminCreateUser", UserPoolId=pool, Username="bob", MessageAction="SUPPRESS")
        with pytest.raises(AwsError) as refused:
            await forget(server, client, "bob")
        assert (refused.value.code, refused.value.message) == (
            "NotAuthorizedException",
            "User password cannot be reset in the current state.",
        )

    async def test_an_unknown_user(self, server: TestServer) -> None:
        _, client = await made(server)
        with pytest.raises(AwsError) as refused:
            await forget(server, client, "nobody")
        assert (refused.value.code, refused.value.message) == ("UserNotFoundException", "Username/client id combination not found.")

    async def test_where_users_are_hidden_all_look_alike(self, server: TestServer) -> None:
        """Unknown, disabled, without a verified contact: a simulated destination and no message; a code is wrong for all."""
        pool, client = await made(server, client={"PreventUserExistenceErrors": "ENABLED"})
        await server.user(pool, "dora", **VERIFIED)
        await server.call("AdminDisableUser", UserPoolId=pool, Username="dora")
        await server.user(pool, "emil", email="emil@example.com")
        shapes = []
        for name in ("nobody", "dora", "emil"):
            answer = await forget(server, client, name)
            shapes.append((sorted(answer["CodeDeliveryDetails"]), answer["CodeDeliveryDetails"]["DeliveryMedium"]))
        assert shapes == [(["AttributeName", "DeliveryMedium", "Destination"], "EMAIL")] * 3
        assert await server.messages() == []
        outcomes = []
        for _ in range(6):
            with pytest.raises(AwsError) as refused:
                await server.call("ConfirmForgotPassword", ClientId=client, Username="nobody", ConfirmationCode="123456", Password=NEW)
            outcomes.append(refused.value.code)
        assert outcomes == ["CodeMismatchException"] * 5 + ["LimitExceededException"]

    async def test_is_limited(self, server: TestServer) -> None:
        _, client = await made(server)
        for _ in range(10):
            await forget(server, client)
        with pytest.raises(AwsError) as refused:
            await forget(server, client)
        assert (refused.value.code, refused.value.message) == (
            "LimitExceededException",
            "Attempt limit exceeded, please try after some time.",
        )


class TestChangePassword:
    async def test_needs_the_present_one(self, server: TestServer) -> None:
        _, client = await made(server)
        token = (await server.sign_in(client, "anna"))["AccessToken"]
        with pytest.raises(AwsError) as refused:
            await server.call("ChangePassword", AccessToken=token, PreviousPassword="Wrong-Horse-9", ProposedPassword=NEW)
        assert (refused.value.code, refused.value.message) == ("NotAuthorizedException", "Incorrect username or password.")
        assert await server.call("ChangePassword", AccessToken=token, PreviousPassword=PASSWORD, ProposedPassword=NEW) == {}
        assert "AccessToken" in await server.sign_in(client, "anna", NEW)

    async def test_guesses_of_the_present_one_are_locked_out(self, server: TestServer) -> None:
        """A stolen access token must not serve to try out the password."""
        _, client = await made(server)
        token = (await server.sign_in(client, "anna"))["AccessToken"]
        for _ in range(5):
            with pytest.raises(AwsError, match="Incorrect"):
                await server.call("ChangePassword", AccessToken=token, PreviousPassword="Wrong-Horse-9", ProposedPassword=NEW)
        with pytest.raises(AwsError, match="exceeded"):
            await server.call("ChangePassword", AccessToken=token, PreviousPassword=PASSWORD, ProposedPassword=NEW)

    async def test_keeps_the_policy_and_the_history(self, server: TestServer) -> None:
        """PasswordHistorySize 2: neither the present password nor the one before; the one before that is free again."""
        policy = {"PasswordPolicy": {"MinimumLength": 8, "PasswordHistorySize": 2}}
        _, client = await made(server, Policies=policy)
        token = (await server.sign_in(client, "anna"))["AccessToken"]

        async def change(old: str, new: str) -> Any:
            server.clock.advance(1)
            return await server.call("ChangePassword", AccessToken=token, PreviousPassword=old, ProposedPassword=new)

        with pytest.raises(AwsError, match="not long enough"):
            await change(PASSWORD, "short")
        await change(PASSWORD, "password-two")
        for used in (PASSWORD, "password-two"):
            with pytest.raises(AwsError) as refused:
                await change("password-two", used)
            assert refused.value.code == "PasswordHistoryPolicyViolationException"
        await change("password-two", "password-three")
        assert await change("password-three", PASSWORD) == {}


class TestAdmin:
    async def test_set_a_password(self, server: TestServer) -> None:
        """FIDELITY B.2.27: permanent confirms the user; temporary makes them choose a new one, whatever they were."""
        pool, client = await made(server)
        assert await server.call("AdminSetUserPassword", UserPoolId=pool, Username="anna", Password=NEW, Permanent=True) == {}
        assert "AccessToken" in await server.sign_in(client, "anna", NEW)
        await server.call("AdminSetUserPassword", UserPoolId=pool, Username="anna", Password="Temporary-1")
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="anna"))["UserStatus"] == "FORCE_CHANGE_PASSWORD"
        assert (await server.sign_in(client, "anna", "Temporary-1"))["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    async def test_set_keeps_the_policy(self, server: TestServer) -> None:
        pool, _ = await made(server)
        with pytest.raises(AwsError) as refused:
            await server.call("AdminSetUserPassword", UserPoolId=pool, Username="anna", Password="short", Permanent=True)
        assert refused.value.code == "InvalidPasswordException"

    async def test_reset(self, server: TestServer) -> None:
        """The user gets a code and cannot sign in before they used it."""
        pool, client = await made(server)
        assert await server.call("AdminResetUserPassword", UserPoolId=pool, Username="anna") == {}
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="anna"))["UserStatus"] == "RESET_REQUIRED"
        with pytest.raises(AwsError, match="Password reset required"):
            await server.sign_in(client, "anna")
        code = await server.code("anna@example.com")
        await server.call("ConfirmForgotPassword", ClientId=client, Username="anna", ConfirmationCode=code, Password=NEW)
        assert "AccessToken" in await server.sign_in(client, "anna", NEW)

    async def test_reset_of_a_disabled_user(self, server: TestServer) -> None:
        pool, _ = await made(server)
        await server.call("AdminDisableUser", UserPoolId=pool, Username="anna")
        with pytest.raises(AwsError) as refused:
            await server.call("AdminResetUserPassword", UserPoolId=pool, Username="anna")
        assert (refused.value.code, refused.value.message) == ("NotAuthorizedException", "User is disabled")

    @pytest.mark.parametrize("operation", ["AdminResetUserPassword", "AdminSetUserPassword"])
    async def test_an_unknown_user_or_pool(self, server: TestServer, operation: str) -> None:
        pool = await server.pool()
        members = {"Password": NEW} if operation == "AdminSetUserPassword" else {}
        with pytest.raises(AwsError) as refused:
            await server.call(operation, UserPoolId=pool, Username="nobody", **members)
        assert (refused.value.code, refused.value.message) == ("UserNotFoundException", "User does not exist.")
        with pytest.raises(AwsError) as refused:
            await server.call(operation, UserPoolId="us-east-1_AAAAAAAAA", Username="nobody", **members)
        assert refused.value.message == "User pool us-east-1_AAAAAAAAA does not exist."
