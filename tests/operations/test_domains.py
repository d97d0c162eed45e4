"""Domains of pools: prefixes and custom ones, unique among all pools, and what they say of themselves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.kit.refusal import refusal
from tests.kit.server import AwsError, TestServer

INVALID = "InvalidParameterException"
CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-2222-3333-4444-555555555555"
CUSTOM: dict[str, Any] = {"CustomDomainConfig": {"CertificateArn": CERTIFICATE}}
NO_DOMAIN = (INVALID, "No such domain or user pool exists.")
TAKEN = (INVALID, "Domain already associated with another user pool.")


async def made(server: TestServer, pool: str, domain: str, **members: Any) -> Any:
    return await server.call("CreateUserPoolDomain", UserPoolId=pool, Domain=domain, **members)


async def described(server: TestServer, domain: str) -> Any:
    return (await server.call("DescribeUserPoolDomain", Domain=domain))["DomainDescription"]


async def shown(server: TestServer, pool: str) -> tuple[str | None, str | None]:
    """(Domain, CustomDomain) of DescribeUserPool."""
    answer = (await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]
    return answer.get("Domain"), answer.get("CustomDomain")


class TestCreateUserPoolDomain:
    async def test_a_prefix(self, server: TestServer) -> None:
        """It is active at once, has no CloudFront host to point at, and the classic look unless told."""
        pool = await server.pool()
        assert await made(server, pool, "people") == {"ManagedLoginVersion": 1}
        found = await described(server, "people")
        assert found.pop("Version").isdigit()
        assert found == {
            "UserPoolId": pool,
            "AWSAccountId": "000000000000",
            "Domain": "people",
            "S3Bucket": "cognomen-us-east-1-assets",
            "CloudFrontDistribution": "localhost",
            "Status": "ACTIVE",
            "ManagedLoginVersion": 1,
        }
        assert await shown(server, pool) == ("people", None)

    async def test_a_prefix_and_a_custom_one(self, server: TestServer) -> None:
        """A pool may have one of each (FIDELITY B.9.75), and no second of either."""
        pool = await server.pool()
        await made(server, pool, "people")
        assert await made(server, pool, "auth.example.com", **CUSTOM, ManagedLoginVersion=2) == {
            "ManagedLoginVersion": 2,
            "CloudFrontDomain": "localhost",
        }
        assert (await described(server, "auth.example.com"))["CustomDomainConfig"] == {"CertificateArn": CERTIFICATE}
        assert await shown(server, pool) == ("people", "auth.example.com")
        expected = (INVALID, "User pool already has domain configured.")
        assert await refusal(server, "CreateUserPoolDomain", UserPoolId=pool, Domain="others") == expected
        assert await refusal(server, "CreateUserPoolDomain", UserPoolId=pool, Domain="b.example.com", **CUSTOM) == expected

    async def test_a_name_belongs_to_one_pool(self, server: TestServer) -> None:
        """Of all pools here, in whatever region; and to itself only once."""
        pool, other = await server.pool(), await server.pool()
        far = (await server.call("CreateUserPool", PoolName="far", region="eu-west-1"))["UserPool"]["Id"]
        await made(server, pool, "people")
        for each in (other, far):
            assert await refusal(server, "CreateUserPoolDomain", UserPoolId=each, Domain="people") == TAKEN
        assert (await described(server, "people"))["UserPoolId"] == pool
        await server.call("DeleteUserPoolDomain", UserPoolId=pool, Domain="people")
        await made(server, other, "people")
        assert (await described(server, "people"))["UserPoolId"] == other

    async def test_of_many_at_once_one_wins(self, server: TestServer) -> None:
        """Whoever loses keeps nothing: it can take another name."""
        pools = [await server.pool() for _ in range(5)]
        answers = await asyncio.gather(*(made(server, pool, "people") for pool in pools), return_exceptions=True)
        assert [isinstance(answer, AwsError) for answer in answers].count(False) == 1
        owner = (await described(server, "people"))["UserPoolId"]
        assert [await shown(server, pool) for pool in pools] == [("people" if pool == owner else None, None) for pool in pools]
        for n, pool in enumerate(each for each in pools if each != owner):
            await made(server, pool, f"people{n}")

    async def test_two_names_at_once_for_one_pool(self, server: TestServer) -> None:
        """The one that loses stays free."""
        pool, other = await server.pool(), await server.pool()
        answers = await asyncio.gather(*(made(server, pool, name) for name in ("a1", "b1")), return_exceptions=True)
        assert [isinstance(answer, AwsError) for answer in answers].count(False) == 1
        kept, _ = await shown(server, pool)
        await made(server, other, "b1" if kept == "a1" else "a1")

    @pytest.mark.parametrize("domain", ["my-aws-app", "amazon", "newcognito", "cognito1"])
    async def test_reserved_words(self, server: TestServer, domain: str) -> None:
        word = next(word for word in ("aws", "amazon", "cognito") if word in domain)
        answer = await refusal(server, "CreateUserPoolDomain", UserPoolId=await server.pool(), Domain=domain)
        assert answer == (INVALID, f"Domain cannot contain reserved word: {word}")

    @pytest.mark.parametrize("domain", ["People", "a.b", "-a", "a-", "a_b", "ä", "a b", "a\n", "a/b", "a:80", "'; DROP TABLE domains; --"])
    async def test_prefixes_that_cannot_be(self, server: TestServer, domain: str) -> None:
        code, text = await refusal(server, "CreateUserPoolDomain", UserPoolId=await server.pool(), Domain=domain)
        assert (code, text[:50]) == (INVALID, "The domain name contains an invalid character. Dom")

    @pytest.mark.parametrize(
        "domain", ["single", "a..b", ".example.com", "a.example.com.", "A.example.com", "a.com/x", "a@b.com", "10.0.0.1"]
    )
    async def test_custom_domains_that_cannot_be(self, server: TestServer, domain: str) -> None:
        code, _ = await refusal(server, "CreateUserPoolDomain", UserPoolId=await server.pool(), Domain=domain, **CUSTOM)
        assert code == INVALID

    @pytest.mark.parametrize("settings", [{"public_url": "https://login.example.com"}])
    @pytest.mark.parametrize("domain", ["login.example.com", "a.auth.login.example.com", "a.auth.localhost", "b.localhost"])
    async def test_this_servers_own_names(self, server: TestServer, domain: str) -> None:
        """Lead to no custom domain, so none is made that would never be reached; a neighbour's name is one."""
        pool = await server.pool()
        text = "Custom domain is not a valid subdomain: it is one of this server's own names."
        assert await refusal(server, "CreateUserPoolDomain", UserPoolId=pool, Domain=domain, **CUSTOM) == (INVALID, text)
        answer = await made(server, pool, "auth.example.com", **CUSTOM)
        assert answer["CloudFrontDomain"] == "login.example.com"

    @pytest.mark.parametrize(
        "members",
        [
            {"Domain": "a" * 64},
            {"Domain": ""},
            {"ManagedLoginVersion": 0},
            {"ManagedLoginVersion": 3},
            {"CustomDomainConfig": {}},
            {"Domain": "a.example.com", "CustomDomainConfig": {"CertificateArn": CERTIFICATE.replace("us-east-1", "eu-west-1")}},
            {"Domain": "a.example.com", "CustomDomainConfig": {"CertificateArn": "arn:aws:iam::000000000000:server-certificate/a"}},
            {"Domain": "a.example.com", "CustomDomainConfig": {"CertificateArn": CERTIFICATE, "SecurityPolicy": "TLS_V1_3_2025"}},
            {"Routing": {"Failover": {"SecondaryRegion": "us-west-2", "PrimaryRoute53HealthCheckId": "a" * 36}}},
        ],
    )
    async def test_what_is_refused(self, server: TestServer, members: dict[str, Any]) -> None:
        """Also what would have no effect here: a policy for TLS, and replicas."""
        pool = await server.pool()
        code, _ = await refusal(server, "CreateUserPoolDomain", **{"UserPoolId": pool, "Domain": "people", **members})
        assert (code, await shown(server, pool)) == (INVALID, (None, None))

    async def test_managed_login_has_its_tier(self, server: TestServer) -> None:
        pool = await server.pool(UserPoolTier="LITE")
        code, _ = await refusal(server, "CreateUserPoolDomain", UserPoolId=pool, Domain="people", ManagedLoginVersion=2)
        assert code == "FeatureUnavailableInTierException"
        await made(server, pool, "people", ManagedLoginVersion=1)
        code, _ = await refusal(server, "UpdateUserPoolDomain", UserPoolId=pool, Domain="people", ManagedLoginVersion=2)
        assert code == "FeatureUnavailableInTierException"

    async def test_an_unknown_pool(self, server: TestServer) -> None:
        expected = ("ResourceNotFoundException", "User pool us-east-1_none00000 does not exist.")
        assert await refusal(server, "CreateUserPoolDomain", UserPoolId="us-east-1_none00000", Domain="people") == expected


class TestDescribeUserPoolDomain:
    @pytest.mark.parametrize("domain", ["none", "auth.example.com"])
    async def test_one_that_is_not_there(self, server: TestServer, domain: str) -> None:
        """An empty description, and no error: scripts of AWS's tools count on it."""
        assert await server.call("DescribeUserPoolDomain", Domain=domain) == {"DomainDescription": {}}


class TestUpdateUserPoolDomain:
    async def test_what_is_left_out_stays(self, server: TestServer) -> None:
        pool = await server.pool()
        await made(server, pool, "auth.example.com", **CUSTOM)
        answer = await server.call("UpdateUserPoolDomain", UserPoolId=pool, Domain="auth.example.com", ManagedLoginVersion=2)
        assert answer == {"ManagedLoginVersion": 2, "CloudFrontDomain": "localhost"}
        other = CERTIFICATE.replace("1111", "9999")
        renewed: dict[str, Any] = {"CustomDomainConfig": {"CertificateArn": other}}
        server.clock.advance(60)
        await server.call("UpdateUserPoolDomain", UserPoolId=pool, Domain="auth.example.com", **renewed)
        found = await described(server, "auth.example.com")
        assert (found["CustomDomainConfig"], found["ManagedLoginVersion"]) == ({"CertificateArn": other}, 2)

    async def test_a_prefix_has_no_certificate(self, server: TestServer) -> None:
        pool = await server.pool()
        await made(server, pool, "people")
        code, _ = await refusal(server, "UpdateUserPoolDomain", UserPoolId=pool, Domain="people", **CUSTOM)
        assert code == INVALID

    async def test_another_pools(self, server: TestServer) -> None:
        """Is as good as none, and stays as it is."""
        pool, other = await server.pool(), await server.pool()
        await made(server, other, "people")
        assert await refusal(server, "UpdateUserPoolDomain", UserPoolId=pool, Domain="people", ManagedLoginVersion=2) == NO_DOMAIN
        assert await refusal(server, "DeleteUserPoolDomain", UserPoolId=pool, Domain="people") == NO_DOMAIN
        assert (await described(server, "people"))["ManagedLoginVersion"] == 1


class TestDeleteUserPoolDomain:
    async def test_is_gone(self, server: TestServer) -> None:
        pool = await server.pool()
        await made(server, pool, "people")
        assert await server.call("DeleteUserPoolDomain", UserPoolId=pool, Domain="people") == {}
        assert (await described(server, "people"), await shown(server, pool)) == ({}, (None, None))
        assert await refusal(server, "DeleteUserPoolDomain", UserPoolId=pool, Domain="people") == NO_DOMAIN

    @pytest.mark.parametrize("members", [{"Domain": "people"}, {"Domain": "auth.example.com", **CUSTOM}])
    async def test_a_pool_with_a_domain_stays(self, server: TestServer, members: dict[str, Any]) -> None:
        """Else its users' sign-in page would be gone by mistake (hashicorp/terraform-provider-aws #16479)."""
        pool = await server.pool()
        await server.call("CreateUserPoolDomain", UserPoolId=pool, **members)
        text = "User pool cannot be deleted. It has a domain configured that should be deleted first."
        assert await refusal(server, "DeleteUserPool", UserPoolId=pool) == (INVALID, text)
        await server.call("DescribeUserPool", UserPoolId=pool)
        await server.call("DeleteUserPoolDomain", UserPoolId=pool, Domain=members["Domain"])
        await server.call("DeleteUserPool", UserPoolId=pool)

    async def test_a_domain_and_the_pools_deletion_at_once(self, server: TestServer) -> None:
        """No domain is left that leads to a pool which is gone."""
        pool = await server.pool()
        await asyncio.gather(server.call("DeleteUserPool", UserPoolId=pool), made(server, pool, "people"), return_exceptions=True)
        left = await described(server, "people")
        if left:
            await server.call("DescribeUserPool", UserPoolId=left["UserPoolId"])
        else:
            await made(server, await server.pool(), "people")
