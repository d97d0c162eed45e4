"""App clients: defaults, validity, permissions, flows, what an update resets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.refusal import all_pages, refusal
from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import claims as claims_of

INVALID = "InvalidParameterException"
FLOWS = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"]


async def create(server: TestServer, pool: str, **members: Any) -> Any:
    return (await server.call("CreateUserPoolClient", **{"UserPoolId": pool, "ClientName": "app", **members}))["UserPoolClient"]


async def refused(server: TestServer, pool: str, **members: Any) -> tuple[str, str]:
    return await refusal(server, "CreateUserPoolClient", **{"UserPoolId": pool, "ClientName": "app", **members})


class TestCreateUserPoolClient:
    async def test_the_defaults(self, server: TestServer) -> None:
        """FIDELITY B.9.67: no secret, 30 days, AWS's flows; what is unset is absent."""
        pool, now = await server.pool(), server.clock.now()
        client = await create(server, pool)
        client_id = client.pop("ClientId")
        assert len(client_id) == 26 and client_id.isalnum() and client_id == client_id.lower()
        assert client == {
            "UserPoolId": pool,
            "ClientName": "app",
            "LastModifiedDate": now,
            "CreationDate": now,
            "RefreshTokenValidity": 30,
            "TokenValidityUnits": {},
            "ExplicitAuthFlows": FLOWS,
            "AllowedOAuthFlowsUserPoolClient": False,
            "EnableTokenRevocation": True,
            "EnablePropagateAdditionalUserContextData": False,
            "AuthSessionValidity": 3,
        }

    async def test_describe_says_the_same(self, server: TestServer) -> None:
        pool = await server.pool()
        client = await create(
            server,
            pool,
            GenerateSecret=True,
            ReadAttributes=["email"],
            WriteAttributes=["email", "name"],
            CallbackURLs=["https://example.com/cb", "http://localhost:3000/", "myapp://open"],
            LogoutURLs=["https://example.com/out"],
            DefaultRedirectURI="https://example.com/cb",
            AllowedOAuthFlows=["code"],
            AllowedOAuthScopes=["openid"],
            AllowedOAuthFlowsUserPoolClient=True,
            SupportedIdentityProviders=["COGNITO"],
            PreventUserExistenceErrors="ENABLED",
            EnableTokenRevocation=False,
            AccessTokenValidity=10,
            TokenValidityUnits={"AccessToken": "minutes"},
            AuthSessionValidity=15,
            ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"],
            RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 10},
        )
        described = await server.call("DescribeUserPoolClient", UserPoolId=pool, ClientId=client["ClientId"])
        assert described == {"UserPoolClient": client}
        assert len(client["ClientSecret"]) == 52

    async def test_a_secret_is_generated_or_brought(self, server: TestServer) -> None:
        pool = await server.pool()
        brought = "x" * 24
        assert (await create(server, pool, ClientSecret=brought))["ClientSecret"] == brought
        assert (await refused(server, pool, ClientSecret=brought, GenerateSecret=True))[0] == INVALID

    @pytest.mark.parametrize(
        "members",
        [
            {"AccessTokenValidity": 5, "TokenValidityUnits": {"AccessToken": "minutes"}},
            {"AccessTokenValidity": 24},
            {"AccessTokenValidity": 1, "TokenValidityUnits": {"AccessToken": "days"}},
            {"IdTokenValidity": 300, "TokenValidityUnits": {"IdToken": "seconds"}},
            {"RefreshTokenValidity": 60, "TokenValidityUnits": {"RefreshToken": "minutes"}},
            {"RefreshTokenValidity": 3650},
            {"RefreshTokenValidity": 315_360_000, "TokenValidityUnits": {"RefreshToken": "seconds"}},
        ],
    )
    async def test_validity_within_its_range(self, server: TestServer, members: dict[str, Any]) -> None:
        """Both ends of 5 minutes to 1 day, and of 60 minutes to 10 years, in any unit."""
        client = await create(server, await server.pool(), **members)
        assert {name: client[name] for name in members} == members

    @pytest.mark.parametrize(
        "members",
        [
            {"AccessTokenValidity": 4, "TokenValidityUnits": {"AccessToken": "minutes"}},
            {"AccessTokenValidity": 25},
            {"AccessTokenValidity": 2, "TokenValidityUnits": {"AccessToken": "days"}},
            {"IdTokenValidity": 299, "TokenValidityUnits": {"IdToken": "seconds"}},
            {"RefreshTokenValidity": 59, "TokenValidityUnits": {"RefreshToken": "minutes"}},
            {"RefreshTokenValidity": 3651},
        ],
    )
    async def test_validity_out_of_its_range(self, server: TestServer, members: dict[str, Any]) -> None:
        """FIDELITY B.9.72."""
        assert await refused(server, await server.pool(), **members) == (INVALID, "Invalid range for token validity.")

    async def test_no_refresh_validity_is_thirty_days(self, server: TestServer) -> None:
        """ "You can't set RefreshTokenValidity to 0. If you do, Amazon Cognito overrides the value with the default value of 30 days"."""
        pool = await server.pool()
        client = await create(
            server, pool, RefreshTokenValidity=0, TokenValidityUnits={"RefreshToken": "minutes", "IdToken": "minutes"}, IdTokenValidity=9
        )
        assert (client["RefreshTokenValidity"], client["TokenValidityUnits"]) == (30, {"RefreshToken": "days", "IdToken": "minutes"})

    async def test_tokens_live_as_long_as_they_should(self, server: TestServer) -> None:
        """The claims say so, and GetUser keeps to it."""
        pool = await server.pool()
        units = {"AccessToken": "minutes", "IdToken": "hours"}
        client = await server.client(pool, AccessTokenValidity=5, IdTokenValidity=2, TokenValidityUnits=units)
        await server.user(pool, "anna")
        tokens = await server.sign_in(client, "anna")
        access, identity = claims_of(tokens["AccessToken"]), claims_of(tokens["IdToken"])
        assert (access["exp"] - access["iat"], identity["exp"] - identity["iat"], tokens["ExpiresIn"]) == (300, 7200, 300)
        server.clock.advance(299)
        await server.call("GetUser", AccessToken=tokens["AccessToken"])
        server.clock.advance(2)
        expected = ("NotAuthorizedException", "Access Token has expired")
        assert await refusal(server, "GetUser", AccessToken=tokens["AccessToken"]) == expected

    @pytest.mark.parametrize(
        ("members", "code"),
        [
            ({"ReadAttributes": ["custom:none"]}, INVALID),
            ({"WriteAttributes": ["email_verified"]}, INVALID),
            ({"WriteAttributes": ["sub"]}, INVALID),
            ({"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "USER_PASSWORD_AUTH"]}, INVALID),
            ({"ExplicitAuthFlows": ["ALLOW_EVERYTHING"]}, INVALID),
            ({"AllowedOAuthFlows": ["code"], "AllowedOAuthFlowsUserPoolClient": True}, "InvalidOAuthFlowException"),
            ({"AllowedOAuthScopes": ["openid"], "AllowedOAuthFlowsUserPoolClient": True}, "InvalidOAuthFlowException"),
            ({"AllowedOAuthFlows": ["code"]}, "InvalidOAuthFlowException"),
            ({"AllowedOAuthFlows": ["implicit"], "CallbackURLs": []}, "InvalidOAuthFlowException"),
            ({"CallbackURLs": [f"https://example.com/{n}" for n in range(101)]}, INVALID),
            ({"AllowedOAuthScopes": ["none"]}, "ScopeDoesNotExistException"),
            ({"AllowedOAuthFlows": ["client_credentials", "code"], "GenerateSecret": True}, "InvalidOAuthFlowException"),
            ({"AllowedOAuthFlows": ["client_credentials"]}, "InvalidOAuthFlowException"),
            ({"EnablePropagateAdditionalUserContextData": True}, INVALID),
            ({"DefaultRedirectURI": "https://example.com/"}, INVALID),
            ({"RefreshTokenRotation": {"Feature": "ENABLED"}, "ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH"]}, INVALID),
            ({"RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 61}}, INVALID),
            ({"AuthSessionValidity": 2}, INVALID),
            ({"AuthSessionValidity": 16}, INVALID),
            ({"ClientSecret": "short"}, INVALID),
        ],
    )
    async def test_settings_that_cannot_be(self, server: TestServer, members: dict[str, Any], code: str) -> None:
        pool = await server.pool()
        assert (await refused(server, pool, **members))[0] == code
        assert (await server.call("ListUserPoolClients", UserPoolId=pool))["UserPoolClients"] == []

    @pytest.mark.parametrize(
        "url",
        [
            "http://example.com/",
            "https://example.com/#x",
            "https://example.com/#",
            "blob:https://example.com/1",
            "file:///etc/passwd",
            "JavaScript:alert(1)",
            "javascript:alert(1)",
            "data:text/html,x",
            "//example.com",
            "x",
            "https://",
            "http://[",
        ],
    )
    async def test_addresses_that_cannot_be(self, server: TestServer, url: str) -> None:
        """Absolute, without a fragment, https but for loopback names, no scheme that a browser runs."""
        pool = await server.pool()
        assert (await refused(server, pool, CallbackURLs=[url]))[0] == INVALID
        assert (await refused(server, pool, LogoutURLs=[url]))[0] == INVALID

    async def test_required_attributes_must_be_writable(self, server: TestServer) -> None:
        pool = await server.pool(Schema=[{"Name": "email", "Required": True}])
        text = "Invalid write attributes specified while creating a client"
        assert await refused(server, pool, WriteAttributes=["name"]) == (INVALID, text)

    async def test_an_unknown_pool(self, server: TestServer) -> None:
        expected = ("ResourceNotFoundException", "User pool us-east-1_none00000 does not exist.")
        assert await refused(server, "us-east-1_none00000") == expected


class TestPermissions:
    async def test_what_a_client_reads(self, server: TestServer) -> None:
        """Without ReadAttributes the standard ones and the verified flags; with them those alone, beside sub. FIDELITY B.1.6."""
        pool = await server.pool(Schema=[{"Name": "a", "AttributeDataType": "String"}])
        sub = await server.user(pool, "anna", name="Anna", email="a@example.com", **{"custom:a": "1"})
        standard = {"sub": sub, "name": "Anna", "email": "a@example.com", "email_verified": "false"}
        for members, expected in (
            ({}, standard),
            ({"ReadAttributes": ["name", "custom:a"]}, {"sub": sub, "name": "Anna", "custom:a": "1"}),
        ):
            tokens = await server.sign_in(await server.client(pool, **members), "anna")
            user = await server.call("GetUser", AccessToken=tokens["AccessToken"])
            assert {item["Name"]: item["Value"] for item in user["UserAttributes"]} == expected
            read = {name: value for name, value in claims_of(tokens["IdToken"]).items() if name in ("name", "email", "custom:a")}
            assert read == {name: value for name, value in expected.items() if name in ("name", "email", "custom:a")}

    async def test_what_a_client_writes(self, server: TestServer) -> None:
        """FIDELITY B.5.52: without WriteAttributes also custom ones; never a verified flag."""
        pool = await server.pool(Schema=[{"Name": "a", "AttributeDataType": "String"}])
        await server.user(pool, "anna", email="a@example.com")

        async def write(client: str, name: str, value: str) -> str:
            tokens = await server.sign_in(client, "anna")
            pair = [{"Name": name, "Value": value}]
            try:
                await server.call("UpdateUserAttributes", AccessToken=tokens["AccessToken"], UserAttributes=pair)
            except AwsError as error:
                return error.message
            return "written"

        free, bound = await server.client(pool), await server.client(pool, WriteAttributes=["name"])
        pairs = [("custom:a", "1"), ("name", "Anna"), ("email_verified", "true")]
        text = "A client attempted to write unauthorized attribute"
        assert [await write(free, *pair) for pair in pairs] == ["written", "written", text]
        assert [await write(bound, *pair) for pair in pairs] == [text, "written", text]

    async def test_sign_up_keeps_to_them(self, server: TestServer) -> None:
        pool = await server.pool()
        client = await server.client(pool, WriteAttributes=["name"])
        pair = [{"Name": "email", "Value": "a@example.com"}]
        expected = ("NotAuthorizedException", "A client attempted to write unauthorized attribute")
        assert await refusal(server, "SignUp", ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=pair) == expected


class TestUpdateUserPoolClient:
    async def test_what_is_left_out_is_reset(self, server: TestServer) -> None:
        """ "If you don't provide a value for an attribute, Amazon Cognito sets it to its default value"; name and secret stay."""
        pool = await server.pool()
        plain = await create(server, pool, ClientName="first", GenerateSecret=True)
        client = await create(
            server,
            pool,
            ClientName="second",
            GenerateSecret=True,
            ReadAttributes=["email"],
            CallbackURLs=["https://example.com/"],
            PreventUserExistenceErrors="ENABLED",
            EnableTokenRevocation=False,
            RefreshTokenValidity=1,
            AccessTokenValidity=10,
            ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
        )
        server.clock.advance(5)
        answer = await server.call("UpdateUserPoolClient", UserPoolId=pool, ClientId=client["ClientId"])
        expected = {**plain, "ClientName": "second", "LastModifiedDate": plain["CreationDate"] + 5}
        expected.update({name: client[name] for name in ("ClientId", "ClientSecret")})
        assert answer == {"UserPoolClient": expected}
        assert await server.call("DescribeUserPoolClient", UserPoolId=pool, ClientId=client["ClientId"]) == answer

    async def test_what_contradicts_is_refused_whole(self, server: TestServer) -> None:
        pool = await server.pool()
        client = await create(server, pool)
        asked = {"UserPoolId": pool, "ClientId": client["ClientId"], "ClientName": "new", "AccessTokenValidity": 25}
        assert await refusal(server, "UpdateUserPoolClient", **asked) == (INVALID, "Invalid range for token validity.")
        assert (await server.call("DescribeUserPoolClient", UserPoolId=pool, ClientId=client["ClientId"]))["UserPoolClient"] == client

    async def test_a_client_of_another_pool_is_not_found(self, server: TestServer) -> None:
        pool, other = await server.pool(), await server.pool()
        client = await server.client(other)
        expected = ("ResourceNotFoundException", f"User pool client {client} does not exist.")
        for operation in ("DescribeUserPoolClient", "UpdateUserPoolClient", "DeleteUserPoolClient"):
            assert await refusal(server, operation, UserPoolId=pool, ClientId=client) == expected


class TestDeleteUserPoolClient:
    async def test_its_tokens_end_with_it(self, server: TestServer) -> None:
        pool = await server.pool()
        client, other = await server.client(pool), await server.client(pool)
        await server.user(pool, "anna")
        ended, going = await server.sign_in(client, "anna"), await server.sign_in(other, "anna")
        assert await server.call("DeleteUserPoolClient", UserPoolId=pool, ClientId=client) == {}
        assert (await refusal(server, "GetUser", AccessToken=ended["AccessToken"]))[0] == "NotAuthorizedException"
        assert (await server.call("GetUser", AccessToken=going["AccessToken"]))["Username"] == "anna"
        gone = ("ResourceNotFoundException", f"User pool client {client} does not exist.")
        assert await refusal(server, "DeleteUserPoolClient", UserPoolId=pool, ClientId=client) == gone


class TestListUserPoolClients:
    async def test_by_type(self, server: TestServer) -> None:
        """Every client was made by an administrator; of those that register themselves there are none. A page's token is of its filter."""
        pool = await server.pool()
        for _ in range(3):
            await server.client(pool)
        listed = {kind: await server.call("ListUserPoolClients", UserPoolId=pool, ClientType=kind) for kind in ("REGULAR", "DCR")}
        assert {kind: len(answer["UserPoolClients"]) for kind, answer in listed.items()} == {"REGULAR": 3, "DCR": 0}
        token = (await server.call("ListUserPoolClients", UserPoolId=pool, ClientType="REGULAR", MaxResults=1))["NextToken"]
        assert (await refusal(server, "ListUserPoolClients", UserPoolId=pool, NextToken=token))[0] == "InvalidParameterException"

    async def test_pages_show_three_members(self, server: TestServer) -> None:
        """FIDELITY B.9.67: ClientId, ClientName and UserPoolId, and never a secret."""
        pool, other = await server.pool(), await server.pool()
        ids = sorted([await server.client(pool, ClientName=f"c{number}", GenerateSecret=True) for number in range(3)])
        await server.client(other)
        pages = await all_pages(server, "ListUserPoolClients", "UserPoolClients", UserPoolId=pool, MaxResults=2)
        assert [len(page) for page in pages] == [2, 1]
        listed = pages[0] + pages[1]
        assert [client["ClientId"] for client in listed] == ids
        assert all(client.keys() == {"ClientId", "ClientName", "UserPoolId"} for client in listed)

    async def test_a_token_is_of_one_pool(self, server: TestServer) -> None:
        pool, other = await server.pool(), await server.pool()
        for _ in range(2):
            await server.client(pool)
        token = (await server.call("ListUserPoolClients", UserPoolId=pool, MaxResults=1))["NextToken"]
        expected = (INVALID, "Invalid pagination token given.")
        assert await refusal(server, "ListUserPoolClients", UserPoolId=other, NextToken=token) == expected
