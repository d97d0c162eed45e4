"""SAML providers of IAM: registered by their metadata, changed, listed, tagged, refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.aws_query import query, refused
from tests.kit.saml import Provider, certificate, made_key, pem
from tests.kit.server import TestServer

ARN = "arn:aws:iam::000000000000:saml-provider/Corp"
NAMED: dict[str, Any] = {"SAMLProviderArn": ARN}
PROVIDER = Provider()


async def create(server: TestServer, **members: Any) -> Any:
    return await query(server, "iam", "CreateSAMLProvider", **{"Name": "Corp", "SAMLMetadataDocument": PROVIDER.metadata(), **members})


async def get(server: TestServer) -> Any:
    return await query(server, "iam", "GetSAMLProvider", **NAMED)


async def update(server: TestServer, **members: Any) -> Any:
    return await query(server, "iam", "UpdateSAMLProvider", **NAMED, **members)


async def not_updated(server: TestServer, **members: Any) -> tuple[int, str, str]:
    return await refused(server, "iam", "UpdateSAMLProvider", **NAMED, **members)


async def test_what_was_registered_is_shown(server: TestServer) -> None:
    """The document as it was given, until when it counts by its own word, and the keys without their secrets."""
    document, tags = PROVIDER.metadata("2030-01-01T00:00:00Z"), [{"Key": "a", "Value": "b"}]
    key = pem(made_key("mine"))
    made = await create(server, SAMLMetadataDocument=document, Tags=tags, AssertionEncryptionMode="Required", AddPrivateKey=key)
    assert made == {"SAMLProviderArn": ARN, "Tags": tags}
    found = await get(server)
    [kept] = found.pop("PrivateKeyList")
    assert (len(kept["KeyId"]) >= 22, kept["Timestamp"].timestamp()) == (True, int(server.clock.now()))
    assert len(found.pop("SAMLProviderUUID")) >= 22
    assert (found.pop("CreateDate").timestamp(), found.pop("ValidUntil").timestamp()) == (int(server.clock.now()), 1893456000)
    assert found == {"SAMLMetadataDocument": document, "Tags": tags, "AssertionEncryptionMode": "Required"}
    [listed] = (await query(server, "iam", "ListSAMLProviders"))["SAMLProviderList"]
    assert (listed["Arn"], listed["ValidUntil"].timestamp()) == (ARN, 1893456000)


async def test_changes_are_seen(server: TestServer) -> None:
    """What is not given stays; keys come and go one by one, two at the most."""
    await create(server)
    other = Provider("https://other.example.com", "other").metadata()
    await update(server, SAMLMetadataDocument=other)
    await update(server, AddPrivateKey=pem(made_key("mine")))
    await update(server, AddPrivateKey=pem(made_key("second")), AssertionEncryptionMode="Required")
    full = await not_updated(server, AddPrivateKey=pem(made_key("other")))
    assert full == (409, "LimitExceeded", "Private key limit of 2 is reached.")
    found = await get(server)
    assert (found["SAMLMetadataDocument"], found["AssertionEncryptionMode"], len(found["PrivateKeyList"])) == (other, "Required", 2)
    first, second = (key["KeyId"] for key in found["PrivateKeyList"])
    await update(server, RemovePrivateKey=first)
    assert [key["KeyId"] for key in (await get(server))["PrivateKeyList"]] == [second]
    last = (400, "InvalidInput", "Unable to set assertion encryption mode to Required because no private key is provided.")
    assert await not_updated(server, RemovePrivateKey=second) == last
    await update(server, RemovePrivateKey=second, AssertionEncryptionMode="Allowed")
    assert "PrivateKeyList" not in await get(server)


async def test_updates_that_are_refused(server: TestServer) -> None:
    await create(server)
    bad = (400, "InvalidInput")
    none = "Unable to update identity provider. No updates are defined for metadata or encryption assertion."
    assert await not_updated(server) == (*bad, none)
    both = "Unable to add and remove private keys in the same request. Set a value for only one of the two parameters."
    assert await not_updated(server, AddPrivateKey="x", RemovePrivateKey="A" * 22) == (*bad, both)
    assert await not_updated(server, AddPrivateKey="x") == (*bad, "Invalid private key.")
    unknown = "Failed to remove private key because the Key ID does not match a private key."
    assert await not_updated(server, RemovePrivateKey="A" * 22) == (*bad, unknown)
    assert await not_updated(server, SAMLMetadataDocument="x" * 1000) == (*bad, "Could not parse metadata.")
    assert (await not_updated(server, AssertionEncryptionMode="Required"))[:2] == bad
    assert "AssertionEncryptionMode" not in await get(server)


async def test_tags(server: TestServer) -> None:
    """In order of their keys, a page after the first too."""
    await create(server, Tags=[{"Key": "b", "Value": "1"}])
    await query(server, "iam", "TagSAMLProvider", **NAMED, Tags=[{"Key": "c", "Value": "2"}, {"Key": "a", "Value": "3"}])
    await query(server, "iam", "UntagSAMLProvider", **NAMED, TagKeys=["B", "never"])
    first = await query(server, "iam", "ListSAMLProviderTags", **NAMED, MaxItems=1)
    assert (first["Tags"], first["IsTruncated"]) == ([{"Key": "a", "Value": "3"}], True)
    second = await query(server, "iam", "ListSAMLProviderTags", **NAMED, MaxItems=1, Marker=first["Marker"])
    assert second == {"Tags": [{"Key": "c", "Value": "2"}], "IsTruncated": False}
    wrong = await refused(server, "iam", "ListSAMLProviderTags", **NAMED, Marker="x")
    assert wrong == (400, "ValidationError", "Invalid Marker.")
    twice = await refused(server, "iam", "TagSAMLProvider", **NAMED, Tags=[{"Key": "x", "Value": ""}, {"Key": "X", "Value": ""}])
    assert twice[:2] == (400, "InvalidInput")


async def test_what_is_not_there(server: TestServer) -> None:
    """Deleted, of another account, of another case; one name is registered once."""
    await create(server)
    again = await refused(server, "iam", "CreateSAMLProvider", Name="Corp", SAMLMetadataDocument=PROVIDER.metadata())
    assert again == (409, "EntityAlreadyExists", "Provider with name Corp already exists.")
    for arn in (ARN.replace("000000000000", "111122223333"), ARN.replace("Corp", "corp")):
        missing = (404, "NoSuchEntity", f"Manifest not found for arn {arn}")
        assert await refused(server, "iam", "GetSAMLProvider", SAMLProviderArn=arn) == missing
    assert (await refused(server, "iam", "GetSAMLProvider", SAMLProviderArn="nonsense, twenty characters"))[:2] == (400, "InvalidInput")
    await query(server, "iam", "DeleteSAMLProvider", **NAMED)
    gone = (404, "NoSuchEntity", f"Manifest not found for arn {ARN}")
    assert await refused(server, "iam", "GetSAMLProvider", **NAMED) == gone
    assert await refused(server, "iam", "DeleteSAMLProvider", **NAMED) == gone
    assert await not_updated(server, AssertionEncryptionMode="Allowed") == gone
    assert await refused(server, "iam", "TagSAMLProvider", **NAMED, Tags=[]) == gone
    assert await refused(server, "iam", "UntagSAMLProvider", **NAMED, TagKeys=["x"]) == gone
    assert await refused(server, "iam", "ListSAMLProviderTags", **NAMED) == gone
    assert (await query(server, "iam", "ListSAMLProviders"))["SAMLProviderList"] == []


@pytest.mark.parametrize(
    "document",
    [
        "x" * 1000,
        PROVIDER.metadata().replace("IDPSSODescriptor", "SPSSODescriptor"),
        PROVIDER.metadata(certificates=[certificate(made_key("weak", "short"))]).ljust(1000),
        PROVIDER.metadata().replace("<md:EntityD", '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><md:EntityD', 1),
    ],
)
async def test_what_is_no_metadata(server: TestServer, document: str) -> None:
    refusal = await refused(server, "iam", "CreateSAMLProvider", Name="Corp", SAMLMetadataDocument=document)
    assert refusal == (400, "InvalidInput", "Could not parse metadata.")
