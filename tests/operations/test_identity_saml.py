"""SAML responses as logins of an identity pool: the Logins key is the provider's ARN, the value the response in base64."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.aws_query import query
from tests.kit.identity import identity, identity_pool, refused
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
