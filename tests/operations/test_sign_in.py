"""Sign-in by password through the machine: flows, client secrets, and users who may not."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import jwt as pyjwt
import pytest

from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import WRONG, claims, srp_sign_in


class TestPassword:
    async def test_gives_three_tokens_that_verify(self, server: TestServer) -> None:
        """An ordinary JWT library verifies both tokens against the served keys; the claims are FIDELITY B.1's and no others."""
        pool = await server.pool()
        client = await server.client(pool)
        sub = await server.user(pool, "anna", email="anna@example.com", email_verified="true")
        result = await server.sign_in(client, "anna")
        assert result.keys() == {"AccessToken", "ExpiresIn", "TokenType", "RefreshToken", "IdToken"}
        assert (result["ExpiresIn"], result["TokenType"]) == (3600, "Bearer")
        keys = {key["kid"]: pyjwt.PyJWK(key) for key in (await server.send("GET", f"/{pool}/.well-known/jwks.json")).json["keys"]}
        kids = [pyjwt.get_unverified_header(result[name])["kid"] for name in ("AccessToken", "IdToken")]
        assert len(set(kids)) == 2, "id and access tokens are signed by different keys"
        options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
        access, identity = (
            pyjwt.decode(result[n], keys[k], algorithms=["RS256"], options=options)
            for n, k in zip(("AccessToken", "IdToken"), kids, strict=True)
        )
        now = int(server.clock.now())
        for name in ("origin_jti", "jti", "event_id"):
            assert len(access[name]) == len(identity[name]) == 36
        assert access["origin_jti"] == identity["origin_jti"] and access["jti"] != identity["jti"]
        common = {"sub": sub, "iss": f"http://localhost:2646/{pool}", "origin_jti": access["origin_jti"], "event_id": access["event_id"]}
        times = {"auth_time": now, "iat": now, "exp": now + 3600}
        assert access == {
            **common,
            **times,
            "client_id": client,
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "jti": access["jti"],
            "username": "anna",
        }
        assert identity == {
            **common,
            **times,
            "aud": client,
            "token_use": "id",
            "jti": identity["jti"],
            "cognito:username": "anna",
            "email": "anna@example.com",
            "email_verified": True,
        }

    @pytest.mark.parametrize("hidden", ["LEGACY", "ENABLED"])
    async def test_a_wrong_password(self, server: TestServer, hidden: str) -> None:
        pool = await server.pool()
        client = await server.client(pool, PreventUserExistenceErrors=hidden)
        await server.user(pool, "anna")
        with pytest.raises(AwsError) as refused:
            await server.sign_in(client, "anna", WRONG)
        assert (refused.value.code, refused.value.message) == ("NotAuthorizedException", "Incorrect username or password.")

    @pytest.mark.parametrize(
        ("hidden", "code", "message"),
        [
            ("LEGACY", "UserNotFoundException", "User does not exist."),
            ("ENABLED", "NotAuthorizedException", "Incorrect username or password."),
        ],
    )
    async def test_an_unknown_user(self, server: TestServer, hidden: str, code: str, message: str) -> None:
        client = await server.client(await server.pool(), PreventUserExistenceErrors=hidden)
        with pytest.raises(AwsError) as refused:
            await server.sign_in(client, "nobody")
        assert (refused.value.code, refused.value.message) == (code, message)

    @pytest.mark.parametrize("missing", ["USERNAME", "PASSWORD"])
    @pytest.mark.parametrize("blank", [True, False])
    async def test_a_missing_parameter_is_named(self, server: TestServer, missing: str, blank: bool) -> None:
        client = await server.client(await server.pool())
        parameters = {"USERNAME": "anna", "PASSWORD": PASSWORD}
        if blank:
            parameters[missing] = ""
        else:
            del parameters[missing]
        with pytest.raises(AwsError) as refused:
            await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
        assert (refused.value.code, refused.value.message) == ("InvalidParameterException", f"Missing required parameter {missing}")

    @pytest.mark.parametrize(
        ("username", "password"), [("x" * 65, PASSWORD), ("x" * 129, PASSWORD), ("anna", "p" * 257), ("anna", "\U0001f600" * 64)]
    )
    async def test_lengths_are_not_told_from_wrong_ones(self, server: TestServer, username: str, password: str) -> None:
        """FIDELITY B.2.16: names and passwords inside AuthParameters are not held to the model's bounds."""
        pool = await server.pool()
        client = await server.client(pool, PreventUserExistenceErrors="ENABLED")
        await server.user(pool, "anna")
        with pytest.raises(AwsError) as refused:
            await server.sign_in(client, username, password)
        assert refused.value.message == "Incorrect username or password."

    @pytest.mark.parametrize("name", ["anna", "ANNA@example.com", "+12065550100", "annie"])
    async def test_by_alias(self, server: TestServer, name: str) -> None:
        """A verified email or phone number, and the preferred user name, lead to the user; the tokens name the user."""
        pool = await server.pool(
            AliasAttributes=["email", "phone_number", "preferred_username"], UsernameConfiguration={"CaseSensitive": False}
        )
        client = await server.client(pool)
        await server.user(
            pool,
            "anna",
            email="anna@example.com",
            email_verified="true",
            phone_number="+12065550100",
            phone_number_verified="true",
            preferred_username="annie",
        )
        result = await server.sign_in(client, name)
        assert claims(result["AccessToken"])["username"] == "anna"

    async def test_an_unverified_email_is_no_alias(self, server: TestServer) -> None:
        pool = await server.pool(AliasAttributes=["email"])
        client = await server.client(pool)
        await server.user(pool, "anna", email="anna@example.com")
        with pytest.raises(AwsError, match="User does not exist"):
            await server.sign_in(client, "anna@example.com")


class TestFlows:
    @pytest.mark.parametrize(
        ("flow", "message"),
        [
            ("USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH flow not enabled for this client"),
            ("CUSTOM_AUTH", "Auth flow not enabled for this client"),
            ("ADMIN_USER_PASSWORD_AUTH", "Initiate Auth method not supported."),
            ("ADMIN_NO_SRP_AUTH", "Initiate Auth method not supported."),
        ],
    )
    async def test_a_flow_that_is_off(self, server: TestServer, flow: str, message: str) -> None:
        """FIDELITY B.2.23."""
        client = await server.client(await server.pool(), ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"])
        with pytest.raises(AwsError) as refused:
            await server.call("InitiateAuth", ClientId=client, AuthFlow=flow, AuthParameters={"USERNAME": "anna", "PASSWORD": PASSWORD})
        assert (refused.value.code, refused.value.message) == ("InvalidParameterException", message)

    @pytest.mark.parametrize("flow", ["ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"])
    async def test_by_an_administrator(self, server: TestServer, flow: str) -> None:
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        ask: dict[str, Any] = {
            "UserPoolId": pool,
            "ClientId": client,
            "AuthFlow": flow,
            "AuthParameters": {"USERNAME": "anna", "PASSWORD": PASSWORD},
        }
        assert "AccessToken" in (await server.call("AdminInitiateAuth", **ask))["AuthenticationResult"]

    async def test_clients_of_before_2019(self, server: TestServer) -> None:
        """Flows without the prefix ALLOW_ only add: SRP and refresh stay on beside them."""
        pool = await server.pool()
        client = await server.client(pool, ExplicitAuthFlows=["USER_PASSWORD_AUTH"])
        await server.user(pool, "anna")
        result = await server.sign_in(client, "anna")
        assert "AccessToken" in (await srp_sign_in(server, pool, client, "anna"))["AuthenticationResult"]
        renewed = await server.call(
            "InitiateAuth", ClientId=client, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": result["RefreshToken"]}
        )
        assert "IdToken" in renewed["AuthenticationResult"]

    async def test_an_unknown_client_and_pool(self, server: TestServer) -> None:
        with pytest.raises(AwsError) as refused:
            await server.sign_in("0123456789", "anna")
        assert (refused.value.code, refused.value.message) == ("ResourceNotFoundException", "User pool client 0123456789 does not exist.")

    async def test_a_client_of_another_pool_is_none_of_this(self, server: TestServer) -> None:
        pool, other = await server.pool(), await server.pool()
        client = await server.client(other)
        with pytest.raises(AwsError, match=f"User pool client {client} does not exist"):
            await server.call(
                "AdminInitiateAuth",
                UserPoolId=pool,
                ClientId=client,
                AuthFlow="ADMIN_NO_SRP_AUTH",
                AuthParameters={"USERNAME": "a", "PASSWORD": "b"},
            )


class TestSecretHash:
    async def test_is_demanded_and_checked(self, server: TestServer) -> None:
        """FIDELITY B.2.24; the hash may be over what was typed or over the user's own name."""
        pool = await server.pool(AliasAttributes=["email"])
        made = await server.call(
            "CreateUserPoolClient",
            UserPoolId=pool,
            ClientName="app",
            GenerateSecret=True,
            ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        )
        client, secret = made["UserPoolClient"]["ClientId"], made["UserPoolClient"]["ClientSecret"]
        await server.user(pool, "anna", email="anna@example.com", email_verified="true")

        def hashed(name: str) -> str:
            return base64.b64encode(hmac.new(secret.encode(), (name + client).encode(), hashlib.sha256).digest()).decode()

        with pytest.raises(AwsError) as refused:
            await server.sign_in(client, "anna")
        assert refused.value.message == f"Client {client} is configured with secret but SECRET_HASH was not received"
        with pytest.raises(AwsError) as refused:
            await server.sign_in(client, "anna", SECRET_HASH=hashed("bob"))
        assert refused.value.message == f"Unable to verify secret hash for client {client}"
        result: dict[str, Any] = {}
        for typed, over in (("anna", "anna"), ("anna@example.com", "anna@example.com"), ("anna@example.com", "anna")):
            result = await server.sign_in(client, typed, SECRET_HASH=hashed(over))
            assert "AccessToken" in result
        for over in ("anna", claims(result["IdToken"])["sub"]):
            renewed = await server.call(
                "InitiateAuth",
                ClientId=client,
                AuthFlow="REFRESH_TOKEN_AUTH",
                AuthParameters={"REFRESH_TOKEN": result["RefreshToken"], "SECRET_HASH": hashed(over)},
            )
            assert "AccessToken" in renewed["AuthenticationResult"]
        answer = await srp_sign_in(server, pool, client, "anna", SECRET_HASH=hashed("anna"))
        assert "AccessToken" in answer["AuthenticationResult"]


class TestStatuses:
    async def test_a_disabled_user(self, server: TestServer) -> None:
        """FIDELITY B.2.20; where users are hidden only who knows the password learns it."""
        pool = await server.pool()
        open_client = await server.client(pool)
        hiding = await server.client(pool, PreventUserExistenceErrors="ENABLED")
        await server.user(pool, "anna")
        await server.call("AdminDisableUser", UserPoolId=pool, Username="anna")
        for client, password, text in (
            (open_client, PASSWORD, "User is disabled."),
            (hiding, PASSWORD, "User is disabled."),
            (hiding, WRONG, "Incorrect username or password."),
        ):
            with pytest.raises(AwsError) as refused:
                await server.sign_in(client, "anna", password)
            assert (refused.value.code, refused.value.message) == ("NotAuthorizedException", text)

    async def test_an_unconfirmed_user(self, server: TestServer) -> None:
        """FIDELITY B.2.21, in the clear and by SRP; a wrong password does not tell."""
        pool = await server.pool()
        client = await server.client(pool)
        await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD)
        with pytest.raises(AwsError) as refused:
            await server.sign_in(client, "anna")
        assert (refused.value.code, refused.value.message) == ("UserNotConfirmedException", "User is not confirmed.")
        with pytest.raises(AwsError, match="User is not confirmed"):
            await srp_sign_in(server, pool, client, "anna")
        with pytest.raises(AwsError, match="Incorrect username or password"):
            await server.sign_in(client, "anna", WRONG)

    async def test_a_user_who_must_reset(self, server: TestServer) -> None:
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna", email="anna@example.com", email_verified="true")
        await server.call("AdminResetUserPassword", UserPoolId=pool, Username="anna")
        with pytest.raises(AwsError) as refused:
            await server.sign_in(client, "anna")
        assert (refused.value.code, refused.value.message) == ("PasswordResetRequiredException", "Password reset required for the user")
