"""Identity pools: made, shown, changed, listed, deleted, tagged; their roles and the maps of principal tags."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.identity import Directory, identity, identity_pool, refused
from tests.kit.server import TestServer

ROLE = "arn:aws:iam::000000000000:role/Kim"
ABSENT = "us-east-1:00000000-0000-4000-8000-000000000000"
NO_POOL = ("ResourceNotFoundException", f"IdentityPool '{ABSENT}' not found.")


class TestPools:
    async def test_what_was_made_is_shown(self, server: TestServer) -> None:
        """Blocks that were not given are absent, as Terraform needs it; ServerSideTokenCheck is shown."""
        directory = await Directory.made(server)
        asked: dict[str, Any] = {
            "IdentityPoolName": "shop",
            "AllowUnauthenticatedIdentities": False,
            "AllowClassicFlow": True,
            "SupportedLoginProviders": {"graph.facebook.com": "7346241598935552"},
            "DeveloperProviderName": "login.shop",
            "OpenIdConnectProviderARNs": ["arn:aws:iam::000000000000:oidc-provider/idp.example.com"],
            "SamlProviderARNs": ["arn:aws:iam::000000000000:saml-provider/office"],
            "CognitoIdentityProviders": [directory.provider()],
            "IdentityPoolTags": {"a": "b"},
        }
        made = await identity(server, "CreateIdentityPool", **asked)
        expected = {**asked, "CognitoIdentityProviders": [directory.provider(ServerSideTokenCheck=False)]}
        pool_id = made["IdentityPoolId"]
        assert made == {"IdentityPoolId": pool_id, **expected}
        assert await identity(server, "DescribeIdentityPool", IdentityPoolId=pool_id) == made
        bare = await identity_pool(server)
        assert set(await identity(server, "DescribeIdentityPool", IdentityPoolId=bare)) == {
            "IdentityPoolId",
            "IdentityPoolName",
            "AllowUnauthenticatedIdentities",
            "IdentityPoolTags",
        }

    async def test_an_update_replaces(self, server: TestServer) -> None:
        """What is left out goes back to its default; tags and the developer provider's name stay, and that name cannot be another."""
        pool_id = await identity_pool(server, DeveloperProviderName="login.shop", AllowClassicFlow=True, IdentityPoolTags={"a": "b"})
        named = {"IdentityPoolId": pool_id, "IdentityPoolName": "new", "AllowUnauthenticatedIdentities": False}
        updated = await identity(server, "UpdateIdentityPool", **named)
        assert updated == {**named, "DeveloperProviderName": "login.shop", "IdentityPoolTags": {"a": "b"}}
        assert await identity(server, "DescribeIdentityPool", IdentityPoolId=pool_id) == updated
        assert (await refused(server, "UpdateIdentityPool", **named, DeveloperProviderName="other"))[0] == "InvalidParameterException"
        assert await refused(server, "UpdateIdentityPool", **{**named, "IdentityPoolId": ABSENT}) == NO_POOL

    @pytest.mark.parametrize(
        "wrong",
        [
            {"SupportedLoginProviders": {"evil.example.com": "1"}},
            {"OpenIdConnectProviderARNs": ["arn:aws:iam::000000000000:role/idp.example.com"]},
            {"SamlProviderARNs": ["arn:aws:iam::000000000000:oidc-provider/x"]},
            {"CognitoIdentityProviders": [{"ProviderName": "cognito-idp.us-east-1.amazonaws.com/us-east-1_abcDEF123"}]},
            {"IdentityPoolTags": {"aws:x": "y"}},
            {"IdentityPoolTags": {str(number): "" for number in range(51)}},
            {"IdentityPoolTags": {"_custom_id_": "no id"}},
        ],
    )
    async def test_what_is_refused(self, server: TestServer, wrong: dict[str, Any]) -> None:
        asked = {"IdentityPoolName": "x", "AllowUnauthenticatedIdentities": True, **wrong}
        assert (await refused(server, "CreateIdentityPool", **asked))[0] == "InvalidParameterException"
        assert await identity(server, "ListIdentityPools", MaxResults=60) == {"IdentityPools": []}

    async def test_lists_have_pages(self, server: TestServer) -> None:
        """Each pool once; a token of another list is refused."""
        made = {await identity_pool(server, IdentityPoolName=f"pool {number}") for number in range(5)}
        first = await identity(server, "ListIdentityPools", MaxResults=3)
        rest = await identity(server, "ListIdentityPools", MaxResults=3, NextToken=first["NextToken"])
        assert (len(first["IdentityPools"]), "NextToken" in rest) == (3, False)
        assert {one["IdentityPoolId"] for one in first["IdentityPools"] + rest["IdentityPools"]} == made
        named = {"IdentityPoolId": min(made), "MaxResults": 3, "NextToken": first["NextToken"]}
        assert await refused(server, "ListIdentities", **named) == ("InvalidParameterException", "Invalid NextToken.")

    async def test_a_deleted_pool_is_gone(self, server: TestServer) -> None:
        """So are its identities, at once; what it held is removed, its signing key too."""
        pool_id = await identity_pool(server)
        guest = (await identity(server, "GetId", IdentityPoolId=pool_id))["IdentityId"]
        await identity(server, "GetOpenIdToken", IdentityId=guest)
        await server.alone()
        await identity(server, "DeleteIdentityPool", IdentityPoolId=pool_id)
        gone = ("ResourceNotFoundException", f"IdentityPool '{pool_id}' not found.")
        for operation in ("DescribeIdentityPool", "DeleteIdentityPool", "GetId", "GetIdentityPoolRoles"):
            assert await refused(server, operation, IdentityPoolId=pool_id) == gone
        assert await refused(server, "GetOpenIdToken", IdentityId=guest) == (
            "ResourceNotFoundException",
            f"Identity '{guest}' not found.",
        )
        while await server.store.identity_pools.remove_part(pool_id, 1):
            pass
        for table in ("identity_pools", "identities", "identity_logins", "identity_directory", "signing_keys"):
            assert list(await server.store.engine.rows(f"SELECT pool_id FROM {table}")) == []

    async def test_an_id_can_be_pinned(self, server: TestServer) -> None:
        """By the tag that pins user pools; twice is a conflict."""
        assert await identity_pool(server, IdentityPoolTags={"_custom_id_": ABSENT}) == ABSENT
        asked = {"IdentityPoolName": "x", "AllowUnauthenticatedIdentities": True, "IdentityPoolTags": {"_custom_id_": ABSENT}}
        assert (await refused(server, "CreateIdentityPool", **asked))[0] == "ResourceConflictException"


class TestTags:
    async def test_tags_come_and_go(self, server: TestServer) -> None:
        pool_id = await identity_pool(server, IdentityPoolTags={"a": "1"})
        arn = f"arn:aws:cognito-identity:us-east-1:000000000000:identitypool/{pool_id}"
        assert await identity(server, "TagResource", ResourceArn=arn, Tags={"a": "2", "b": "3"}) == {}
        assert await identity(server, "UntagResource", ResourceArn=arn, TagKeys=["a", "never"]) == {}
        assert await identity(server, "ListTagsForResource", ResourceArn=arn) == {"Tags": {"b": "3"}}
        assert (await identity(server, "DescribeIdentityPool", IdentityPoolId=pool_id))["IdentityPoolTags"] == {"b": "3"}
        for wrong in (arn.replace("us-east-1:0", "eu-west-1:0"), arn.replace("000000000000:i", "111111111111:i")):
            assert (await refused(server, "ListTagsForResource", ResourceArn=wrong))[0] == "ResourceNotFoundException"
        assert (await refused(server, "TagResource", ResourceArn=arn + "/x", Tags={}))[0] == "InvalidParameterException"


class TestRoles:
    async def test_roles_are_replaced_together(self, server: TestServer) -> None:
        pool_id = await identity_pool(server, SupportedLoginProviders={"www.amazon.com": "app"})
        assert await identity(server, "GetIdentityPoolRoles", IdentityPoolId=pool_id) == {"IdentityPoolId": pool_id}
        mapping = {"www.amazon.com": {"Type": "Token", "AmbiguousRoleResolution": "Deny"}}
        roles = {"authenticated": ROLE, "unauthenticated": ROLE}
        await identity(server, "SetIdentityPoolRoles", IdentityPoolId=pool_id, Roles=roles, RoleMappings=mapping)
        shown = await identity(server, "GetIdentityPoolRoles", IdentityPoolId=pool_id)
        assert shown == {"IdentityPoolId": pool_id, "Roles": roles, "RoleMappings": mapping}
        await identity(server, "SetIdentityPoolRoles", IdentityPoolId=pool_id, Roles={"authenticated": ROLE})
        shown = await identity(server, "GetIdentityPoolRoles", IdentityPoolId=pool_id)
        assert shown == {"IdentityPoolId": pool_id, "Roles": {"authenticated": ROLE}}
        assert await refused(server, "SetIdentityPoolRoles", IdentityPoolId=ABSENT, Roles={}) == NO_POOL

    @pytest.mark.parametrize(
        "mapping",
        [
            {"Type": "Token"},
            {"Type": "Rules", "AmbiguousRoleResolution": "Deny"},
            {
                "Type": "Rules",
                "AmbiguousRoleResolution": "Deny",
                "RulesConfiguration": {"Rules": [{"Claim": "a", "MatchType": "Equals", "Value": "b", "RoleARN": ROLE}] * 26},
            },
            {
                "Type": "Rules",
                "AmbiguousRoleResolution": "Deny",
                "RulesConfiguration": {
                    "Rules": [{"Claim": "a", "MatchType": "Equals", "Value": "b", "RoleARN": "arn:aws:iam::000000000000:user/x"}]
                },
            },
        ],
    )
    async def test_mappings_that_could_not_decide(self, server: TestServer, mapping: dict[str, Any]) -> None:
        pool_id = await identity_pool(server, SupportedLoginProviders={"www.amazon.com": "app"})
        asked = {"IdentityPoolId": pool_id, "Roles": {"authenticated": ROLE}, "RoleMappings": {"www.amazon.com": mapping}}
        assert (await refused(server, "SetIdentityPoolRoles", **asked))[0] == "InvalidParameterException"
        assert await identity(server, "GetIdentityPoolRoles", IdentityPoolId=pool_id) == {"IdentityPoolId": pool_id}

    async def test_mappings_of_providers_that_the_pool_has(self, server: TestServer) -> None:
        """By name or ARN; a user pool by any of its names, with its client or without. No other, and nothing is kept of a request that names one."""
        oidc = "arn:aws:iam::000000000000:oidc-provider/idp.example.com"
        saml = "arn:aws:iam::000000000000:saml-provider/Corp"
        user_pool = "cognito-idp.us-east-1.amazonaws.com/us-east-1_abcDEF123"
        pool_id = await identity_pool(
            server,
            SupportedLoginProviders={"www.amazon.com": "app"},
            OpenIdConnectProviderARNs=[oidc],
            SamlProviderARNs=[saml],
            DeveloperProviderName="login.shop",
            CognitoIdentityProviders=[{"ProviderName": user_pool, "ClientId": "client1"}],
        )
        mapping = {"Type": "Token", "AmbiguousRoleResolution": "Deny"}
        own = "localhost:2646/us-east-1_abcDEF123"
        good = ["www.amazon.com", oidc, "idp.example.com", saml, "login.shop", user_pool, f"{user_pool}:client1", own, f"{own}:client1"]
        asked: dict[str, Any] = {"IdentityPoolId": pool_id, "Roles": {"authenticated": ROLE}}
        await identity(server, "SetIdentityPoolRoles", **asked, RoleMappings=dict.fromkeys(good, mapping))
        for wrong in (
            "graph.facebook.com",
            f"https://{user_pool}",
            f"{user_pool}:other",
            f"{user_pool}x",
            "us-east-1_abcDEF123",
            f"{saml}2",
        ):
            no = await refused(server, "SetIdentityPoolRoles", **asked, RoleMappings={"www.amazon.com": mapping, wrong: mapping})
            assert no == (
                "InvalidParameterException",
                f"({wrong}) is not a valid RoleMapping ProviderName or is not a configured provider.",
            )
        shown = await identity(server, "GetIdentityPoolRoles", IdentityPoolId=pool_id)
        assert sorted(shown["RoleMappings"]) == sorted(good)

    async def test_principal_tags_by_provider(self, server: TestServer) -> None:
        """UseDefaults shows AWS's own map; a provider that the pool has not is refused."""
        directory = await Directory.made(server)
        pool_id = await identity_pool(server, CognitoIdentityProviders=[directory.provider()])
        named = {"IdentityPoolId": pool_id, "IdentityProviderName": directory.name}
        empty = {**named, "UseDefaults": False, "PrincipalTags": {}}
        assert await identity(server, "GetPrincipalTagAttributeMap", **named) == empty
        own = {**named, "UseDefaults": False, "PrincipalTags": {"team": "custom:team"}}
        assert await identity(server, "SetPrincipalTagAttributeMap", **named, PrincipalTags={"team": "custom:team"}) == own
        assert await identity(server, "GetPrincipalTagAttributeMap", **named) == own
        defaults = {**named, "UseDefaults": True, "PrincipalTags": {"username": "sub", "client": "aud"}}
        assert await identity(server, "SetPrincipalTagAttributeMap", **named, UseDefaults=True) == defaults
        other = {**named, "IdentityProviderName": "graph.facebook.com"}
        assert (await refused(server, "SetPrincipalTagAttributeMap", **other))[0] == "InvalidParameterException"
