"""OpenID Connect providers of IAM: registered by their address, changed, listed, refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.aws_query import query, refused
from tests.kit.server import TestServer

ARN = "arn:aws:iam::000000000000:oidc-provider/accounts.example.com/tenant"
URL = "https://accounts.example.com/tenant"


async def create(server: TestServer, **members: Any) -> None:
    await query(server, "iam", "CreateOpenIDConnectProvider", **{"Url": URL, "ClientIDList": ["web", "app", "web"], **members})


async def test_what_was_registered_is_shown(server: TestServer) -> None:
    """The URL without its scheme, each audience once."""
    await create(server, ThumbprintList=["a" * 40], Tags=[{"Key": "a", "Value": "b"}])
    found = await query(server, "iam", "GetOpenIDConnectProvider", OpenIDConnectProviderArn=ARN)
    assert found.pop("CreateDate").timestamp() == int(server.clock.now())
    expected = {"Url": URL[8:], "ClientIDList": ["web", "app"], "ThumbprintList": ["a" * 40], "Tags": [{"Key": "a", "Value": "b"}]}
    assert found == expected
    listed = await query(server, "iam", "ListOpenIDConnectProviders")
    assert listed == {"OpenIDConnectProviderList": [{"Arn": ARN}]}


async def test_changes_are_seen(server: TestServer) -> None:
    await create(server)
    named: dict[str, Any] = {"OpenIDConnectProviderArn": ARN}
    for client in ("new", "new"):
        await query(server, "iam", "AddClientIDToOpenIDConnectProvider", **named, ClientID=client)
    for client in ("web", "never"):
        await query(server, "iam", "RemoveClientIDFromOpenIDConnectProvider", **named, ClientID=client)
    await query(server, "iam", "UpdateOpenIDConnectProviderThumbprint", **named, ThumbprintList=["b" * 40])
    found = await query(server, "iam", "GetOpenIDConnectProvider", **named)
    assert (found["ClientIDList"], found["ThumbprintList"]) == (["app", "new"], ["b" * 40])
    await query(server, "iam", "DeleteOpenIDConnectProvider", **named)
    gone = (404, "NoSuchEntity", f"OpenIDConnect Provider not found for arn {ARN}")
    assert await refused(server, "iam", "GetOpenIDConnectProvider", **named) == gone
    assert await refused(server, "iam", "DeleteOpenIDConnectProvider", **named) == gone
    assert await refused(server, "iam", "AddClientIDToOpenIDConnectProvider", **named, ClientID="x") == gone


async def test_one_address_is_registered_once(server: TestServer) -> None:
    await create(server)
    again = await refused(server, "iam", "CreateOpenIDConnectProvider", Url=URL + "/")
    assert again == (409, "EntityAlreadyExists", f"Provider with url {URL}/ already exists.")


@pytest.mark.parametrize(
    "url",
    [
        "accounts.example.com",
        "http://accounts.example.com",
        "https://",
        "https://a@b.c",
        "https://b.c?x",
        "https://b.c#x",
        "https://b.c//",
        "https://[",
    ],
)
async def test_what_is_no_address(server: TestServer, url: str) -> None:
    refusal = await refused(server, "iam", "CreateOpenIDConnectProvider", Url=url)
    assert refusal == (400, "InvalidInput", "Invalid Open ID Connect Provider URL")


async def test_refusals(server: TestServer) -> None:
    """Too many thumbprints or audiences, and ARNs that are none or of another account."""
    named = await refused(server, "iam", "CreateOpenIDConnectProvider", Url=URL, ThumbprintList=["a" * 40] * 6)
    assert named[:2] == (400, "InvalidInput")
    many = await refused(server, "iam", "CreateOpenIDConnectProvider", Url=URL, ClientIDList=[f"c{number}" for number in range(101)])
    assert many == (409, "LimitExceeded", "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100")
    bad = await refused(server, "iam", "GetOpenIDConnectProvider", OpenIDConnectProviderArn="nonsense, twenty characters")
    assert bad[:2] == (400, "InvalidInput")
    await create(server)
    other = ARN.replace("000000000000", "111122223333")
    assert (await refused(server, "iam", "GetOpenIDConnectProvider", OpenIDConnectProviderArn=other))[:2] == (404, "NoSuchEntity")
