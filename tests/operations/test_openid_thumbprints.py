"""Providers whose certificates come from an authority of their own: the registered thumbprint vouches for them, and for nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.aws_query import query
from tests.kit.certificates import Certified, certified, presenting
from tests.kit.identity import ACCOUNT, identity, identity_pool
from tests.kit.provider import Provider
from tests.kit.server import AwsError, TestServer

UNREACHED = "Invalid login token. Couldn't verify signed token. The provider cannot be asked: it does not answer."


async def login(server: TestServer, provider: Provider, *thumbprints: str) -> str:
    """The text of the refusal, or nothing."""
    made = await query(
        server, "iam", "CreateOpenIDConnectProvider", Url=provider.url, ClientIDList=["app"], ThumbprintList=list(thumbprints)
    )
    pool_id = await identity_pool(server, OpenIdConnectProviderARNs=[made["OpenIDConnectProviderArn"]])
    asked = {"IdentityPoolId": pool_id, "Logins": {provider.name: provider.token(provider.claims(server.clock.now()))}}
    try:
        await identity(server, "GetId", **asked)
    except AwsError as error:
        return error.message
    return ""


@pytest.fixture
def root() -> Certified:
    return certified("private root", authority=True)


async def test_the_last_certificate_of_the_chain_vouches(server: TestServer, root: Certified, tmp_path: Path) -> None:
    """In whatever case its thumbprint was written; both documents are fetched under it, and a token is good as ever."""
    with Provider(presenting(tmp_path / "chain", certified("leaf", root), root)) as provider:
        assert await login(server, provider, "a" * 40, root.thumbprint.upper()) == ""
        assert provider.paths() == ["/.well-known/openid-configuration", "/keys"]


async def test_an_authority_in_the_middle_may_be_the_last(server: TestServer, root: Certified, tmp_path: Path) -> None:
    middle = certified("middle", root, authority=True)
    with Provider(presenting(tmp_path / "chain", certified("leaf", middle), middle)) as provider:
        assert await login(server, provider, middle.thumbprint) == ""


async def test_one_that_signed_itself(server: TestServer, tmp_path: Path) -> None:
    own = certified("alone")
    with Provider(presenting(tmp_path / "chain", own)) as provider:
        assert await login(server, provider, own.thumbprint) == ""


@pytest.mark.parametrize("case", ["none", "another", "the leaf's", "a chain that does not hold", "another name", "too late"])
async def test_who_is_not_vouched_for(server: TestServer, root: Certified, tmp_path: Path, case: str) -> None:
    """No thumbprint, a wrong one, the right certificate behind one that it has not signed, of another address, out of date: no request is sent."""
    thief = certified("private root", authority=True)
    leaf = {
        "a chain that does not hold": certified("leaf", thief),
        "another name": certified("leaf", root, address="127.0.0.2"),
        "too late": certified("leaf", root, days=-1),
    }.get(case, certified("leaf", root))
    given: list[str] = {"none": [], "another": ["a" * 40], "the leaf's": [leaf.thumbprint]}.get(case, [root.thumbprint])
    with Provider(presenting(tmp_path / "chain", leaf, root)) as provider:
        assert await login(server, provider, *given) == UNREACHED
        assert provider.asked == []


async def test_a_thumbprint_that_was_corrected(server: TestServer, root: Certified, tmp_path: Path) -> None:
    with Provider(presenting(tmp_path / "chain", certified("leaf", root), root)) as provider:
        assert await login(server, provider, "a" * 40) == UNREACHED
        arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider.name}"
        await query(server, "iam", "UpdateOpenIDConnectProviderThumbprint", OpenIDConnectProviderArn=arn, ThumbprintList=[root.thumbprint])
        server.clock.advance(31)
        pool_id = await identity_pool(server, OpenIdConnectProviderARNs=[arn])
        token = provider.token(provider.claims(server.clock.now()))
        assert (await identity(server, "GetId", IdentityPoolId=pool_id, Logins={provider.name: token}))["IdentityId"]
