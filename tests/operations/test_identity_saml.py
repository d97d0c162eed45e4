"""SAML responses as logins of an identity pool: the Logins key is the provider's ARN, the value the response in base64."""

from __future__ import annotations

from typing import Any

import pytest

from cognomen.tokens.permissions import session_of
from tests.kit.aws_query import query
from tests.kit.identity import FEDERATED, identity, identity_pool, refused, role, trust
from tests.kit.saml import Provider
from tests.kit.server import TestServer

ARN = "arn:aws:iam::000000000000:saml-provider/Corp"
PROVIDER = Provider()


@pytest.fixture
async def pool_id(server: TestServer) -> str:
    await query(server, "iam", "CreateSAMLProvider", Name="Corp", SAMLMetadataDocument=PROVIDER.metadata())
    return await identity_pool(server, SamlProviderARNs=[ARN])


def login(server: TestServer, provider: Provider = PROVIDER, **members: Any) -> dict[str, str]:
    return {ARN: provider.encoded(server.clock.now(), **members)}


async def get_id(server: TestServer, pool_id: str, logins: dict[str, str]) -> str:
    return str((await identity(server, "GetId", IdentityPoolId=pool_id, Logins=logins))["IdentityId"])


async def no(server: TestServer, pool_id: str, logins: dict[str, str]) -> tuple[str, str]:
    return await refused(server, "GetId", IdentityPoolId=pool_id, Logins=logins)


async def test_a_user_has_one_identity(server: TestServer, pool_id: str) -> None:
    """By each response for the same NameID; the same response serves for GetId and what comes after."""
    first = login(server)
    kim = await get_id(server, pool_id, first)
    assert await get_id(server, pool_id, login(server, number="2")) == kim
    assert await get_id(server, pool_id, login(server, number="3", name_id="lee")) != kim
    assert (await identity(server, "GetOpenIdToken", IdentityId=kim, Logins=first))["IdentityId"] == kim
    assert (await identity(server, "DescribeIdentity", IdentityId=kim))["Logins"] == [ARN]


async def test_responses_that_are_refused(server: TestServer, pool_id: str) -> None:
    """Late, by another key, for someone else, of another issuer, none at all; and of a provider that is gone, or that the pool has not."""

    def invalid(why: str) -> tuple[str, str]:
        return "NotAuthorizedException", f"Invalid login token. {why}"

    by_another = "The signature is by none of the provider's keys, or of another text."
    assert await no(server, pool_id, login(server, Provider(name="thief"))) == invalid(by_another)
    assert await no(server, pool_id, login(server, audience="urn:other")) == invalid("The assertion is for another audience.")
    other = Provider("https://other.example.com")
    assert await no(server, pool_id, login(server, other)) == invalid("The Response is of another issuer.")
    assert await no(server, pool_id, {ARN: "token"}) == invalid("The response is not base64.")
    late = login(server)
    server.clock.advance(361)
    assert await no(server, pool_id, late) == invalid("The assertion's confirmation has expired.")
    unsupported = ("NotAuthorizedException", "Token is not from a supported provider of this identity pool.")
    assert await no(server, await identity_pool(server), login(server)) == unsupported
    await query(server, "iam", "DeleteSAMLProvider", SAMLProviderArn=ARN)
    assert await no(server, pool_id, login(server)) == invalid("The SAML provider does not exist.")


async def session(server: TestServer, **request: Any) -> Any:
    """The session of the credentials that an identity gets."""
    made, rooms = (await identity(server, "GetCredentialsForIdentity", **request))["Credentials"], server.server.rooms
    return await session_of(rooms.store, rooms.sealer, rooms.clock, made["AccessKeyId"], made["SessionToken"])


async def test_credentials_by_a_response(server: TestServer, pool_id: str) -> None:
    """Of the default role, for the identity, and for nobody else's; `amr` names the provider and the person."""
    arn = await role(server, "Users", trust(pool_id))
    await identity(server, "SetIdentityPoolRoles", IdentityPoolId=pool_id, Roles={"authenticated": arn})
    kim = {"IdentityId": await get_id(server, pool_id, login(server)), "Logins": login(server)}
    found = await session(server, **kim)
    assert (found.role_arn, found.guest, found.context) == (
        arn,
        False,
        {f"{FEDERATED}:aud": [pool_id], f"{FEDERATED}:sub": [kim["IdentityId"]], f"{FEDERATED}:amr": ["authenticated", ARN, f"{ARN}:kim"]},
    )
    lees = {"IdentityId": kim["IdentityId"], "Logins": login(server, number="2", name_id="lee")}
    assert (await refused(server, "GetCredentialsForIdentity", **lees))[0] == "NotAuthorizedException"
    server.clock.advance(361)
    assert (await refused(server, "GetCredentialsForIdentity", **kim))[0] == "NotAuthorizedException"


async def test_roles_by_the_responses_attributes(server: TestServer, pool_id: str) -> None:
    """Of a list one value suffices, for NotEqual all must differ; the first rule that fits decides, and CustomRoleArn among those that do."""
    staff, admins, others = [await role(server, name, trust(pool_id)) for name in ("Staff", "Admins", "Others")]
    rules = [
        {"Claim": "groups", "MatchType": "Equals", "Value": "admin", "RoleARN": admins},
        {"Claim": "mail", "MatchType": "Contains", "Value": "@example.com", "RoleARN": staff},
        {"Claim": "groups", "MatchType": "NotEqual", "Value": "banned", "RoleARN": others},
    ]
    mapping = {ARN: {"Type": "Rules", "AmbiguousRoleResolution": "Deny", "RulesConfiguration": {"Rules": rules}}}
    await identity(server, "SetIdentityPoolRoles", IdentityPoolId=pool_id, Roles={"authenticated": others}, RoleMappings=mapping)
    kim = await get_id(server, pool_id, login(server))

    async def given(attributes: dict[str, list[str]], **more: str) -> str:
        logins = login(server, attributes=attributes)
        return str((await session(server, IdentityId=kim, Logins=logins, **more)).role_arn)

    both = {"groups": ["sales", "admin"], "mail": ["kim@example.com"]}
    assert await given(both) == admins
    assert await given(both, CustomRoleArn=staff) == staff
    assert await given({"groups": ["sales"], "mail": ["kim@example.com"]}) == staff
    assert await given({"groups": ["sales"], "mail": ["kim@elsewhere.com"]}) == others
    denied = {"IdentityId": kim, "Logins": login(server, attributes={"groups": ["sales", "banned"]})}
    assert await refused(server, "GetCredentialsForIdentity", **denied) == (
        "NotAuthorizedException",
        "Access denied by the role mapping of this identity pool.",
    )
    custom: dict[str, Any] = {"IdentityId": kim, "Logins": login(server), "CustomRoleArn": admins}
    assert (await refused(server, "GetCredentialsForIdentity", **custom))[1] == f"Access to Role '{admins}' is forbidden."


async def test_tags_by_the_responses_attributes(server: TestServer, pool_id: str) -> None:
    """One value becomes a tag; of several, and of none, nothing does. By default the NameID and the recipient."""
    arn = await role(server, "Users", trust(pool_id, tags=True))
    await identity(server, "SetIdentityPoolRoles", IdentityPoolId=pool_id, Roles={"authenticated": arn})
    named = {"IdentityPoolId": pool_id, "IdentityProviderName": ARN}
    tags = {"team": "department", "groups": "groups", "absent": "absent"}
    await identity(server, "SetPrincipalTagAttributeMap", **named, PrincipalTags=tags)
    logins = login(server, attributes={"department": ["sales"], "groups": ["a", "b"]})
    kim = await get_id(server, pool_id, logins)
    assert (await session(server, IdentityId=kim, Logins=logins)).tags == {"team": "sales"}
    await identity(server, "SetPrincipalTagAttributeMap", **named, UseDefaults=True)
    assert (await session(server, IdentityId=kim, Logins=logins)).tags == {
        "username": "kim",
        "client": "https://signin.aws.amazon.com/saml",
    }


async def test_developers_identities_with_a_response_are_merged(server: TestServer) -> None:
    """The source's SAML login leads to the destination's identity then; two people of one provider are not merged."""
    await query(server, "iam", "CreateSAMLProvider", Name="Corp", SAMLMetadataDocument=PROVIDER.metadata())
    pool_id = await identity_pool(server, SamlProviderARNs=[ARN], DeveloperProviderName="login.shop")

    async def developers(name: str, **logins: str) -> str:
        asked = {"IdentityPoolId": pool_id, "Logins": {"login.shop": name, **logins}}
        return str((await identity(server, "GetOpenIdTokenForDeveloperIdentity", **asked))["IdentityId"])

    source, target = await developers("one", **login(server)), await developers("two")
    merge = {"IdentityPoolId": pool_id, "DeveloperProviderName": "login.shop"}
    done = await identity(server, "MergeDeveloperIdentities", **merge, SourceUserIdentifier="one", DestinationUserIdentifier="two")
    assert done == {"IdentityId": target}
    assert await get_id(server, pool_id, login(server, number="2")) == target
    assert (await identity(server, "DescribeIdentity", IdentityId=target))["Logins"] == sorted(["login.shop", ARN])
    assert (await identity(server, "DescribeIdentity", IdentityId=source))["Logins"] == []
    await developers("three", **login(server, number="3", name_id="lee"))
    two = {"SourceUserIdentifier": "three", "DestinationUserIdentifier": "two"}
    assert (await refused(server, "MergeDeveloperIdentities", **merge, **two))[0] == "ResourceConflictException"
