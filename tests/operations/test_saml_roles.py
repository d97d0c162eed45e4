"""AssumeRoleWithSAML: with a response of a provider of the account, once, for a role that it offers. And what passes on from role to role."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from tests.kit.aws_query import query, refused
from tests.kit.saml import ENDPOINT, ENTITY, ROLE, SESSION_NAME, Provider, encrypt, made_key, pem, written
from tests.kit.server import TestServer

ACCOUNT = "000000000000"
PROVIDER_ARN = f"arn:aws:iam::{ACCOUNT}:saml-provider/Corp"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/Kim"
A = "https://aws.amazon.com/SAML/Attributes/"
PROVIDER = Provider()
ACTIONS = ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"]


def trust(**condition: Any) -> str:
    said = {"Effect": "Allow", "Principal": {"Federated": PROVIDER_ARN}, "Action": ACTIONS, "Condition": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [said]})


@pytest.fixture
async def ready(server: TestServer) -> TestServer:
    await query(server, "iam", "CreateSAMLProvider", Name="Corp", SAMLMetadataDocument=PROVIDER.metadata())
    document = trust(StringEquals={"saml:aud": ENDPOINT})
    await query(server, "iam", "CreateRole", RoleName="Kim", AssumeRolePolicyDocument=document, MaxSessionDuration=7200)
    return server


def attributes(more: dict[str, list[str]] | None = None) -> dict[str, list[str]]:
    return {ROLE: [f"{ROLE_ARN},{PROVIDER_ARN}"], SESSION_NAME: ["kim@example.com"], **(more or {})}


def response(server: TestServer, more: dict[str, list[str]] | None = None, provider: Provider = PROVIDER, **members: Any) -> str:
    return provider.encoded(server.clock.now(), attributes=attributes(more), **members)


def members(assertion: str, **more: Any) -> dict[str, Any]:
    return {"RoleArn": ROLE_ARN, "PrincipalArn": PROVIDER_ARN, "SAMLAssertion": assertion, **more}


async def assume(server: TestServer, assertion: str, **more: Any) -> Any:
    return await query(server, "sts", "AssumeRoleWithSAML", **members(assertion, **more))


async def no(server: TestServer, assertion: str, **more: Any) -> tuple[int, str, str]:
    return await refused(server, "sts", "AssumeRoleWithSAML", **members(assertion, **more))


async def test_a_response_makes_a_session(ready: TestServer) -> None:
    """NameQualifier is the hash that AWS's reference gives as pseudocode."""
    made = await assume(ready, response(ready), DurationSeconds=900)
    assert made["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/Kim/kim@example.com"
    assert made["Credentials"]["Expiration"].timestamp() == int(ready.clock.now()) + 900
    hashed = base64.b64encode(hashlib.sha1(f"{ENTITY}{ACCOUNT}/Corp".encode()).digest()).decode()
    shown = {name: made[name] for name in ("Subject", "SubjectType", "Issuer", "Audience", "NameQualifier")}
    assert shown == {"Subject": "kim", "SubjectType": "persistent", "Issuer": ENTITY, "Audience": ENDPOINT, "NameQualifier": hashed}
    assert made["SessionTokenSize"] == len(made["Credentials"]["SessionToken"])


async def test_a_response_is_used_once(ready: TestServer) -> None:
    """A refusal does not use it up; signed anew with the same ID it is the same."""
    sent = response(ready)
    assert (await no(ready, sent, RoleArn=ROLE_ARN + "x"))[1] == "AccessDenied"
    await assume(ready, sent)
    again = (400, "InvalidIdentityToken", "The SAML assertion was used before.")
    assert await no(ready, sent) == again
    assert await no(ready, response(ready)) == again
    assert "Credentials" in await assume(ready, response(ready, number="2"))


async def test_how_long(ready: TestServer) -> None:
    """What is asked for, else what the response says, within the role's; never longer than the provider's session."""
    now = ready.clock.now()

    async def seconds(number: str, said: str = "", end: float | None = None, **more: Any) -> float:
        claims = {f"{A}SessionDuration": [said]} if said else {}
        made = await assume(ready, response(ready, claims, number=number, session_end=end), **more)
        return float(made["Credentials"]["Expiration"].timestamp() - int(now))

    assert await seconds("1") == 3600
    assert await seconds("2", "1800") == 1800
    assert await seconds("3", "1800", DurationSeconds=900) == 900
    assert await seconds("4", "43200") == 7200
    assert abs(await seconds("5", end=now + 1000) - 1000) <= 1
    long = await no(ready, response(ready, number="6"), DurationSeconds=7201)
    assert long == (400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    for said in ("899", "43201", "long", "-900"):
        assert (await no(ready, response(ready, {f"{A}SessionDuration": [said]})))[1] == "InvalidIdentityToken"


async def test_responses_that_are_refused(ready: TestServer) -> None:
    bad = (400, "InvalidIdentityToken")
    assert await no(ready, response(ready), PrincipalArn=PROVIDER_ARN + "x") == (*bad, "Specified provider doesn't exist")
    for sent in ("AAAA", "!!!!", base64.b64encode(b"<x/>").decode()):
        assert await no(ready, sent) == (*bad, "Your request included an invalid SAML response.")
    assert await no(ready, response(ready, provider=Provider(name="thief"))) == (*bad, "Response signature invalid")
    unsigned = base64.b64encode(written(PROVIDER.response(ready.clock.now(), attributes=attributes()))).decode()
    assert await no(ready, unsigned) == (*bad, "Response signature invalid")
    other = Provider("https://other.example.com")
    assert await no(ready, response(ready, provider=other)) == (*bad, "Issuer not present in specified provider")
    audience = "Response does not contain the required audience."
    assert await no(ready, response(ready, audience="urn:other")) == (*bad, audience)
    assert await no(ready, response(ready, recipient="https://other.example.com")) == (*bad, audience)
    assert (await no(ready, response(ready, status="Responder")))[:2] == (403, "IDPRejectedClaim")


async def test_late_responses(ready: TestServer) -> None:
    """Five minutes from when it was issued, whatever its own end."""
    sent = response(ready, seconds=86_400)
    ready.clock.advance(301)
    late = (400, "ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance")
    assert await no(ready, sent) == late
    short = response(ready, seconds=10)
    ready.clock.advance(71)
    assert await no(ready, short) == late


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({SESSION_NAME: []}, "RoleSessionName is required in AuthnResponse"),
        ({SESSION_NAME: ["k"]}, "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"),
        ({SESSION_NAME: ["kim/admin"]}, "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"),
        ({f"{A}SourceIdentity": ["aws:x"]}, 'Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"'),
        ({f"{A}PrincipalTag:a": ["1", "2"]}, "A PrincipalTag in AuthnResponse must have exactly one value"),
        ({f"{A}TransitiveTagKeys": ["a"]}, "The specified transitive tag key must be included in the requested tags."),
        ({f"{A}PrincipalTag:aws:x": ["1"]}, "Tag keys starting with 'aws:' are reserved for AWS use."),
    ],
)
async def test_claims_that_are_refused(ready: TestServer, more: dict[str, list[str]], text: str) -> None:
    assert await no(ready, response(ready, more)) == (400, "InvalidIdentityToken", text)


async def test_the_response_and_the_trust_policy_decide(ready: TestServer) -> None:
    """The pair of role and provider in either order; keys of the response in conditions; one text for all that fails."""
    denied = (403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML")
    assert "Credentials" in await assume(ready, response(ready, {ROLE: ["x,y", f"{PROVIDER_ARN}, {ROLE_ARN}"]}, number="1"))
    for pairs in ([], [ROLE_ARN], [f"{ROLE_ARN}x,{PROVIDER_ARN}"], [f"{ROLE_ARN},{PROVIDER_ARN}x"], [f"{ROLE_ARN},{PROVIDER_ARN},x"]):
        assert await no(ready, response(ready, {ROLE: pairs}, number="2")) == denied
    condition = {"StringEquals": {"saml:mail": "kim@example.com", "saml:sub": "kim", "saml:doc": f"{ACCOUNT}/Corp", "saml:iss": ENTITY}}
    await query(ready, "iam", "UpdateAssumeRolePolicy", RoleName="Kim", PolicyDocument=trust(**condition))
    mail = "urn:oid:0.9.2342.19200300.100.1.3"
    assert await no(ready, response(ready, {mail: ["lee@example.com"]}, number="3")) == denied
    assert await no(ready, response(ready, number="3")) == denied
    assert "Credentials" in await assume(ready, response(ready, {mail: ["kim@example.com"]}, number="3"))


async def test_encrypted_responses(ready: TestServer) -> None:
    """Where it is required, nothing else is taken, and the recipient is the provider's own address."""
    await query(
        ready,
        "iam",
        "UpdateSAMLProvider",
        SAMLProviderArn=PROVIDER_ARN,
        AddPrivateKey=pem(made_key("mine")),
        AssertionEncryptionMode="Required",
    )
    uuid = (await query(ready, "iam", "GetSAMLProvider", SAMLProviderArn=PROVIDER_ARN))["SAMLProviderUUID"]

    def sealed(recipient: str) -> str:
        made = PROVIDER.signed(PROVIDER.response(ready.clock.now(), attributes=attributes(), recipient=recipient))
        encrypt(made, made_key("mine"))
        return base64.b64encode(written(made)).decode()

    document = trust(StringLike={"saml:aud": f"{ENDPOINT}/acs/*"})
    await query(ready, "iam", "UpdateAssumeRolePolicy", RoleName="Kim", PolicyDocument=document)
    bad = (400, "InvalidIdentityToken")
    assert await no(ready, response(ready, recipient=f"{ENDPOINT}/acs/{uuid}")) == (*bad, "Response signature invalid")
    assert await no(ready, sealed(ENDPOINT)) == (*bad, "Response does not contain the required audience.")
    assert (await assume(ready, sealed(f"{ENDPOINT}/acs/{uuid}")))["Audience"] == f"{ENDPOINT}/acs/{uuid}"


async def test_transitive_tags_and_the_source_identity_pass_on(ready: TestServer) -> None:
    """From role to role; they cannot be passed anew. Tags that are not transitive end with their session."""
    said = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}
    said["Condition"] = {"StringEquals": {"aws:PrincipalTag/Team": "red"}}
    for name in ("Second", "Third"):
        document = json.dumps({"Version": "2012-10-17", "Statement": [said]})
        await query(ready, "iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=document)
    everything = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    for name in ("Kim", "Second"):
        await query(ready, "iam", "PutRolePolicy", RoleName=name, PolicyName="own", PolicyDocument=everything)
    claims = {
        f"{A}PrincipalTag:Team": ["red"],
        f"{A}PrincipalTag:Once": ["1"],
        f"{A}TransitiveTagKeys": ["team"],
        f"{A}SourceIdentity": ["kim"],
    }
    made = await assume(ready, response(ready, claims))
    assert made["SourceIdentity"] == "kim"

    def role(name: str, **more: Any) -> dict[str, Any]:
        return {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{name}", "RoleSessionName": "kim", **more}

    def by(answer: Any) -> dict[str, str]:
        given = answer["Credentials"]
        credential = f"Credential={given['AccessKeyId']}/20260101/us-east-1/sts/aws4_request"
        signature = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=00"
        return {"authorization": signature, "x-amz-security-token": given["SessionToken"]}

    second = await query(ready, "sts", "AssumeRole", by(made), **role("Second"))
    assert second["SourceIdentity"] == "kim"
    third = await query(ready, "sts", "AssumeRole", by(second), **role("Third", MinimumSessionTokenSize=4000))
    assert (third["SourceIdentity"], len(third["Credentials"]["SessionToken"]) >= 4000) == ("kim", True)
    again = await refused(ready, "sts", "AssumeRole", by(made), **role("Second", Tags=[{"Key": "TEAM", "Value": "blue"}]))
    assert again[1] == "ValidationError"
    other = await refused(ready, "sts", "AssumeRole", by(made), **role("Second", SourceIdentity="lee"))
    assert other == (400, "ValidationError", "SourceIdentity cannot be changed once it is set.")
    plain = await assume(ready, response(ready, {f"{A}PrincipalTag:Team": ["red"]}, number="2"))
    second = await query(ready, "sts", "AssumeRole", by(plain), **role("Second"))
    assert (await refused(ready, "sts", "AssumeRole", by(second), **role("Third")))[1] == "AccessDenied"
    missing = await refused(ready, "sts", "AssumeRole", by(plain), **role("Second", TransitiveTagKeys=["x"]))
    assert missing == (400, "ValidationError", "The specified transitive tag key must be included in the requested tags.")
