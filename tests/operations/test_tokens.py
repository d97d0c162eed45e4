"""Tokens renewed and revoked, and every operation that takes one."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import jwt as pyjwt
import pytest

from cognomen.storage.engine import Tx
from tests.kit.server import PASSWORD, AwsError, TestServer


def claims(token: str) -> dict[str, Any]:
    return dict(pyjwt.decode(token, options={"verify_signature": False}))


async def signed_in(server: TestServer, **members: Any) -> tuple[str, str, Any]:
    pool = await server.pool()
    client = await server.client(pool, **members)
    await server.user(pool, "anna", email="anna@example.com")
    return pool, client, await server.sign_in(client, "anna")


async def refresh(server: TestServer, client: str, token: str, flow: str = "REFRESH_TOKEN_AUTH") -> Any:
    answer = await server.call("InitiateAuth", ClientId=client, AuthFlow=flow, AuthParameters={"REFRESH_TOKEN": token})
    return answer["AuthenticationResult"]


ROTATING = {
    "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
    "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10},
}


class TestRefresh:
    @pytest.mark.parametrize("flow", ["REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"])
    async def test_gives_new_id_and_access_tokens_and_no_refresh_token(self, server: TestServer, flow: str) -> None:
        """FIDELITY B.1.3 and 9: origin_jti and auth_time stay, jti changes."""
        _, client, first = await signed_in(server)
        server.clock.advance(60)
        renewed = await refresh(server, client, first["RefreshToken"], flow)
        assert renewed.keys() == {"AccessToken", "ExpiresIn", "TokenType", "IdToken"}
        old, new = claims(first["AccessToken"]), claims(renewed["AccessToken"])
        assert (new["origin_jti"], new["auth_time"], new["iat"]) == (old["origin_jti"], old["auth_time"], old["iat"] + 60)
        assert new["jti"] != old["jti"]

    async def test_shows_the_user_as_they_are_now(self, server: TestServer) -> None:
        pool, client, first = await signed_in(server)
        await server.call("CreateGroup", UserPoolId=pool, GroupName="editors")
        await server.call("AdminAddUserToGroup", UserPoolId=pool, Username="anna", GroupName="editors")
        renewed = await refresh(server, client, first["RefreshToken"])
        assert claims(renewed["AccessToken"])["cognito:groups"] == claims(renewed["IdToken"])["cognito:groups"] == ["editors"]

    async def test_ends_with_its_validity(self, server: TestServer) -> None:
        _, client, first = await signed_in(server, RefreshTokenValidity=2, TokenValidityUnits={"RefreshToken": "hours"})
        server.clock.advance(7_199)
        await refresh(server, client, first["RefreshToken"])
        server.clock.advance(2)
        with pytest.raises(AwsError) as refused:
            await refresh(server, client, first["RefreshToken"])
        assert (refused.value.code, refused.value.message) == ("NotAuthorizedException", "Refresh Token has expired")

    async def test_is_bound_to_pool_and_client(self, server: TestServer) -> None:
        """FIDELITY B.1.10: a token of another client, of another pool, an access token and garbage."""
        pool, client, first = await signed_in(server)
        others = [await server.client(pool), await server.client(await server.pool())]
        tries = [(other, first["RefreshToken"]) for other in others] + [
            (client, first["AccessToken"]),
            (client, "garbage"),
            (client, "a.b.c.d.e"),
        ]
        for of, token in tries:
            with pytest.raises(AwsError) as refused:
                await refresh(server, of, token)
            assert (refused.value.code, refused.value.message) == ("NotAuthorizedException", "Invalid Refresh Token")

    async def test_a_disabled_or_deleted_user(self, server: TestServer) -> None:
        pool, client, first = await signed_in(server)
        await server.call("AdminDisableUser", UserPoolId=pool, Username="anna")
        with pytest.raises(AwsError, match="revoked"):
            await refresh(server, client, first["RefreshToken"])
        await server.call("AdminDeleteUser", UserPoolId=pool, Username="anna")
        with pytest.raises(AwsError, match="Invalid Refresh Token"):
            await refresh(server, client, first["RefreshToken"])

    async def test_must_be_enabled(self, server: TestServer) -> None:
        _, client, first = await signed_in(server, ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])
        with pytest.raises(AwsError, match="Auth flow not enabled for this client"):
            await refresh(server, client, first["RefreshToken"])

    async def test_only_digests_are_stored(self, server: TestServer) -> None:
        pool, _, first = await signed_in(server)
        row = await server.store.engine.row("SELECT * FROM sessions WHERE pool_id = $1", pool)
        assert first["RefreshToken"] not in str(tuple(row)) and len(row[4]) == 32
        assert first["RefreshToken"].startswith("eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiUlNBLU9BRVAifQ.")

    async def test_of_the_form_without_a_time(self, server: TestServer) -> None:
        """Sessions that began before refresh tokens held a time go on, by the whole digest that was stored of theirs."""
        pool, client, first = await signed_in(server)
        header, key, nonce, _, tag = first["RefreshToken"].split(".")
        older = ".".join((header, key, nonce, "A" * 86, tag))

        async def unit(tx: Tx) -> int:
            return await tx.run("UPDATE sessions SET refresh_digest = $2 WHERE pool_id = $1", pool, hashlib.sha256(older.encode()).digest())

        assert await server.store.write(unit) == 1
        assert claims((await refresh(server, client, older))["AccessToken"])["sub"] == claims(first["AccessToken"])["sub"]
        with pytest.raises(AwsError, match="Invalid Refresh Token"):
            await refresh(server, client, first["RefreshToken"])


class TestRotation:
    async def renew(self, server: TestServer, client: str, token: str) -> Any:
        return (await server.call("GetTokensFromRefreshToken", ClientId=client, RefreshToken=token))["AuthenticationResult"]

    async def test_without_rotation_the_token_stays(self, server: TestServer) -> None:
        _, client, first = await signed_in(server)
        assert "RefreshToken" not in await self.renew(server, client, first["RefreshToken"])

    async def test_replaces_the_refresh_token(self, server: TestServer) -> None:
        _, client, first = await signed_in(server, **ROTATING)
        second = await self.renew(server, client, first["RefreshToken"])
        third = await self.renew(server, client, second["RefreshToken"])
        assert len({each["RefreshToken"] for each in (first, second, third)}) == 3
        assert claims(third["IdToken"])["origin_jti"] == claims(first["IdToken"])["origin_jti"]

    async def test_the_old_one_works_within_its_grace(self, server: TestServer) -> None:
        _, client, first = await signed_in(server, **ROTATING)
        await self.renew(server, client, first["RefreshToken"])
        server.clock.advance(9)
        assert "RefreshToken" in await self.renew(server, client, first["RefreshToken"])

    async def test_reuse_after_the_grace_ends_the_session(self, server: TestServer) -> None:
        """Whoever stole which of the two tokens: both die, and the access tokens with them."""
        _, client, first = await signed_in(server, **ROTATING)
        second = await self.renew(server, client, first["RefreshToken"])
        server.clock.advance(11)
        with pytest.raises(AwsError) as refused:
            await self.renew(server, client, first["RefreshToken"])
        assert refused.value.code == "RefreshTokenReuseException"
        with pytest.raises(AwsError, match="Refresh Token has been revoked"):
            await self.renew(server, client, second["RefreshToken"])
        with pytest.raises(AwsError, match="Access Token has been revoked"):
            await server.call("GetUser", AccessToken=second["AccessToken"])

    async def test_two_at_once_without_grace(self, server: TestServer) -> None:
        """With no grace the same token presented twice at one moment is reuse: one wins, and then the session ends."""
        members = {**ROTATING, "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 0}}
        _, client, first = await signed_in(server, **members)
        outcomes = await asyncio.gather(*(self.renew(server, client, first["RefreshToken"]) for _ in range(3)), return_exceptions=True)
        assert sum(isinstance(outcome, dict) for outcome in outcomes) <= 1
        with pytest.raises(AwsError):
            await self.renew(server, client, first["RefreshToken"])

    async def test_rules_out_the_old_flow(self, server: TestServer) -> None:
        """A client cannot have both; and the secret is ClientSecret, not SECRET_HASH."""
        pool, client, first = await signed_in(server, **ROTATING)
        with pytest.raises(AwsError):
            await refresh(server, client, first["RefreshToken"])
        with pytest.raises(AwsError) as refused:
            await server.client(pool, RefreshTokenRotation={"Feature": "ENABLED"})
        assert refused.value.code == "InvalidParameterException"

    async def test_takes_the_client_secret(self, server: TestServer) -> None:
        pool = await server.pool()
        made = await server.call(
            "CreateUserPoolClient",
            UserPoolId=pool,
            ClientName="app",
            GenerateSecret=True,
            ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        )
        client, secret = made["UserPoolClient"]["ClientId"], made["UserPoolClient"]["ClientSecret"]
        await server.user(pool, "anna")
        import base64
        import hashlib
        import hmac

        hashed = base64.b64encode(hmac.new(secret.encode(), ("anna" + client).encode(), hashlib.sha256).digest()).decode()
        parameters = {"USERNAME": "anna", "PASSWORD": PASSWORD, "SECRET_HASH": hashed}
        answer = await server.call(
            "AdminInitiateAuth", UserPoolId=pool, ClientId=client, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters=parameters
        )
        token = answer["AuthenticationResult"]["RefreshToken"]
        for wrong in ({}, {"ClientSecret": "x" * 30}):
            with pytest.raises(AwsError) as refused:
                await server.call("GetTokensFromRefreshToken", ClientId=client, RefreshToken=token, **wrong)
            assert refused.value.code == "NotAuthorizedException"
        renewed = await server.call("GetTokensFromRefreshToken", ClientId=client, RefreshToken=token, ClientSecret=secret)
        assert "AccessToken" in renewed["AuthenticationResult"]


class TestRevocation:
    async def test_revoke_token_kills_the_session(self, server: TestServer) -> None:
        """FIDELITY B.7.62: the refresh token and the access tokens of its origin_jti; another session lives on."""
        _, client, first = await signed_in(server)
        other = await server.sign_in(client, "anna")
        assert await server.call("RevokeToken", ClientId=client, Token=first["RefreshToken"]) == {}
        with pytest.raises(AwsError, match="Refresh Token has been revoked"):
            await refresh(server, client, first["RefreshToken"])
        with pytest.raises(AwsError) as refused:
            await server.call("GetUser", AccessToken=first["AccessToken"])
        assert (refused.value.code, refused.value.message) == ("NotAuthorizedException", "Access Token has been revoked")
        assert (await server.call("GetUser", AccessToken=other["AccessToken"]))["Username"] == "anna"

    async def test_revoke_token_refuses(self, server: TestServer) -> None:
        pool, client, first = await signed_in(server)
        off = await server.client(pool, EnableTokenRevocation=False)
        for members, code in (
            ({"ClientId": client, "Token": first["AccessToken"]}, "UnsupportedTokenTypeException"),
            ({"ClientId": off, "Token": first["RefreshToken"]}, "UnsupportedOperationException"),
            ({"ClientId": await server.client(pool), "Token": first["RefreshToken"]}, "UnauthorizedException"),
            ({"ClientId": "unknown", "Token": first["RefreshToken"]}, "UnauthorizedException"),
            ({"ClientId": client, "Token": first["RefreshToken"], "ClientSecret": "x" * 30}, "UnauthorizedException"),
        ):
            with pytest.raises(AwsError) as refused:
                await server.call("RevokeToken", **members)
            assert refused.value.code == code
        assert "AccessToken" in await refresh(server, client, first["RefreshToken"])

    async def test_revoke_of_a_rotated_token_ends_its_session(self, server: TestServer) -> None:
        _, client, first = await signed_in(server, **ROTATING)
        renewed = await server.call("GetTokensFromRefreshToken", ClientId=client, RefreshToken=first["RefreshToken"])
        await server.call("RevokeToken", ClientId=client, Token=first["RefreshToken"])
        with pytest.raises(AwsError, match="revoked"):
            await server.call("GetTokensFromRefreshToken", ClientId=client, RefreshToken=renewed["AuthenticationResult"]["RefreshToken"])

    @pytest.mark.parametrize("by", ["user", "administrator"])
    @pytest.mark.parametrize("revocation", [True, False])
    async def test_sign_out_everywhere(self, server: TestServer, by: str, revocation: bool) -> None:
        """FIDELITY B.7.61: every refresh and access token dies, also of clients without token revocation; a new sign-in works at once."""
        pool, client, first = await signed_in(server, EnableTokenRevocation=revocation)
        assert ("origin_jti" in claims(first["AccessToken"])) is revocation
        second = await server.sign_in(client, "anna")
        if by == "user":
            assert await server.call("GlobalSignOut", AccessToken=first["AccessToken"]) == {}
        else:
            assert await server.call("AdminUserGlobalSignOut", UserPoolId=pool, Username="anna") == {}
        for each in (first, second):
            with pytest.raises(AwsError, match="Access Token has been revoked"):
                await server.call("GetUser", AccessToken=each["AccessToken"])
            with pytest.raises(AwsError, match="Refresh Token has been revoked"):
                await refresh(server, client, each["RefreshToken"])
        server.clock.advance(1)
        fresh = await server.sign_in(client, "anna")
        assert (await server.call("GetUser", AccessToken=fresh["AccessToken"]))["Username"] == "anna"


TAKING_TOKENS: list[tuple[str, dict[str, Any]]] = [
    ("GetUser", {}),
    ("DeleteUser", {}),
    ("UpdateUserAttributes", {"UserAttributes": [{"Name": "name", "Value": "x"}]}),
    ("DeleteUserAttributes", {"UserAttributeNames": ["name"]}),
    ("GetUserAttributeVerificationCode", {"AttributeName": "email"}),
    ("VerifyUserAttribute", {"AttributeName": "email", "Code": "123456"}),
    ("ChangePassword", {"PreviousPassword": PASSWORD, "ProposedPassword": "Another-Horse-7"}),
    ("GlobalSignOut", {}),
]


class TestAccessTokens:
    @pytest.mark.parametrize(("operation", "members"), TAKING_TOKENS, ids=[name for name, _ in TAKING_TOKENS])
    async def test_no_operation_takes_a_bad_one(self, server: TestServer, operation: str, members: dict[str, Any]) -> None:
        """Garbage, an id token, a forged signature, an expired and a revoked token, before any effect."""
        pool, client, tokens = await signed_in(server)
        good = tokens["AccessToken"]
        header, payload, signature = good.split(".")
        forged = f"{header}.{payload}.{'A' * len(signature)}"
        unsigned = f"eyJhbGciOiJub25lIn0.{payload}."
        for token, text in (
            ("garbage", "Invalid Access Token"),
            (tokens["IdToken"], "Invalid Access Token"),
            (unsigned, "Invalid Access Token"),
            (forged, "Could not verify signature for Access Token"),
        ):
            with pytest.raises(AwsError) as refused:
                await server.call(operation, AccessToken=token, **members)
            assert (refused.value.code, refused.value.message) == ("NotAuthorizedException", text)
        await server.call("RevokeToken", ClientId=client, Token=tokens["RefreshToken"])
        with pytest.raises(AwsError, match="Access Token has been revoked"):
            await server.call(operation, AccessToken=good, **members)
        late = await server.sign_in(client, "anna")
        server.clock.advance(3_601)
        with pytest.raises(AwsError) as refused:
            await server.call(operation, AccessToken=late["AccessToken"], **members)
        assert (refused.value.code, refused.value.message) == ("NotAuthorizedException", "Access Token has expired")
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="anna"))["UserStatus"] == "CONFIRMED"

    async def test_of_another_pool_with_the_same_key_is_refused(self, server: TestServer) -> None:
        """A token is judged by the pool of its client; a client that was deleted speaks for nobody."""
        pool, client, tokens = await signed_in(server)
        await server.call("DeleteUserPoolClient", UserPoolId=pool, ClientId=client)
        with pytest.raises(AwsError, match="Invalid Access Token"):
            await server.call("GetUser", AccessToken=tokens["AccessToken"])

    async def test_validity_units(self, server: TestServer) -> None:
        members = {"AccessTokenValidity": 10, "IdTokenValidity": 2, "TokenValidityUnits": {"AccessToken": "minutes", "IdToken": "hours"}}
        _, _, tokens = await signed_in(server, **members)
        access, identity = claims(tokens["AccessToken"]), claims(tokens["IdToken"])
        assert (tokens["ExpiresIn"], access["exp"] - access["iat"], identity["exp"] - identity["iat"]) == (600, 600, 7_200)


class TestClaims:
    async def test_groups_roles_and_the_preferred_one(self, server: TestServer) -> None:
        """Groups by precedence; the role of the lowest precedence is preferred, unless two groups share it with different roles."""
        pool, client, _ = await signed_in(server)
        role = "arn:aws:iam::000000000000:role/{}".format
        for name, precedence, arn in (("low", 9, role("low")), ("high", 1, role("high")), ("plain", None, None)):
            members: dict[str, Any] = {k: v for k, v in {"Precedence": precedence, "RoleArn": arn}.items() if v is not None}
            await server.call("CreateGroup", UserPoolId=pool, GroupName=name, **members)
            await server.call("AdminAddUserToGroup", UserPoolId=pool, Username="anna", GroupName=name)
        identity = claims((await server.sign_in(client, "anna"))["IdToken"])
        assert identity["cognito:groups"] == ["high", "low", "plain"]
        assert identity["cognito:roles"] == [role("high"), role("low")]
        assert identity["cognito:preferred_role"] == role("high")
        await server.call("UpdateGroup", UserPoolId=pool, GroupName="low", Precedence=1, RoleArn=role("low"))
        assert "cognito:preferred_role" not in claims((await server.sign_in(client, "anna"))["IdToken"])

    async def test_custom_attributes_only_where_they_may_be_read(self, server: TestServer) -> None:
        """FIDELITY B.1.6."""
        pool = await server.pool(Schema=[{"Name": "tenant", "AttributeDataType": "String"}])
        silent, reading = await server.client(pool), await server.client(pool, ReadAttributes=["custom:tenant"])
        await server.user(pool, "anna", **{"custom:tenant": "acme", "email": "anna@example.com"})
        assert "custom:tenant" not in claims((await server.sign_in(silent, "anna"))["IdToken"])
        seen = claims((await server.sign_in(reading, "anna"))["IdToken"])
        assert seen["custom:tenant"] == "acme" and "email" not in seen

    @pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
    async def test_the_three_issuers(self, server: TestServer, region: str) -> None:
        """`self` follows the loopback name of the request, `aws` is what verifiers derive, or an address; discovery says the same."""
        for issuer in ("self", "aws", "https://id.example.com/tenant"):
            made = await server.call("CreateUserPool", PoolName="p", UserPoolTags={"_issuer_": issuer}, region=region)
            pool = made["UserPool"]["Id"]
            client = await server.client(pool)
            await server.user(pool, "anna")
            expected = {
                "self": f"http://localhost:2646/{pool}",
                "aws": f"https://cognito-idp.{region}.amazonaws.com/{pool}",
            }.get(issuer, issuer)
            result = await server.sign_in(client, "anna")
            assert claims(result["IdToken"])["iss"] == claims(result["AccessToken"])["iss"] == expected
            document = (await server.send("GET", f"/{pool}/.well-known/openid-configuration")).json
            assert document["issuer"] == expected
            assert document["jwks_uri"] == f"http://localhost:2646/{pool}/.well-known/jwks.json"
            assert pool.startswith(region)

    async def test_a_made_up_host_gets_into_no_issuer(self, server: TestServer) -> None:
        pool = await server.pool()
        document = (await server.send("GET", f"/{pool}/.well-known/openid-configuration", host="evil.example.com")).json
        assert "evil" not in str(document)
