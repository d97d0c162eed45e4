"""Policies that AWS manages: shown, attached, as a boundary and in a session, and nobody's to change."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from cognomen.policies.document import parse
from cognomen.storage.managed_policies import AWS
from tests.kit.aws_query import query, refused
from tests.kit.server import TestServer
from tests.operations.test_sts import ROLE, TRUST, assume, idp_as, statement

PREFIX = "arn:aws:iam::aws:policy/"
READ = f"{PREFIX}AmazonCognitoReadOnly"
POWER = f"{PREFIX}AmazonCognitoPowerUser"
LAMBDA = f"{PREFIX}service-role/AWSLambdaBasicExecutionRole"


async def attach(server: TestServer, arn: str) -> None:
    await query(server, "iam", "AttachRolePolicy", RoleName="Kim", PolicyArn=arn)


async def may(server: TestServer, given: Any, operation: str, **members: Any) -> bool:
    """Whether it is let through, whatever becomes of it then."""
    reply = await idp_as(server, given, operation, **members)
    return bool(reply.json.get("__type") != "AccessDeniedException")


async def test_what_is_shown(server: TestServer) -> None:
    """Description, times, version and document as AWS's reference has them."""
    found = (await query(server, "iam", "GetPolicy", PolicyArn=READ))["Policy"]
    assert (found["PolicyName"], found["Path"], found["DefaultVersionId"]) == ("AmazonCognitoReadOnly", "/", "v4")
    assert (found["Description"], found["IsAttachable"]) == ("Provides read only access to Amazon Cognito resources.", True)
    assert found["CreateDate"].isoformat() == "2015-03-24T17:06:00+00:00"
    version = (await query(server, "iam", "GetPolicyVersion", PolicyArn=READ, VersionId="v4"))["PolicyVersion"]
    document = version["Document"] if isinstance(version["Document"], dict) else json.loads(unquote(version["Document"]))
    assert document["Statement"][0]["Action"][:2] == ["cognito-identity:Describe*", "cognito-identity:Get*"]
    versions = (await query(server, "iam", "ListPolicyVersions", PolicyArn=READ))["Versions"]
    assert [one["VersionId"] for one in versions] == ["v4"]
    assert (await refused(server, "iam", "GetPolicyVersion", PolicyArn=READ, VersionId="v3"))[:2] == (404, "NoSuchEntity")
    other = await refused(server, "iam", "GetPolicy", PolicyArn=f"{PREFIX}ReadOnlyAccess")
    assert other == (404, "NoSuchEntity", f"Policy {PREFIX}ReadOnlyAccess was not found.")
    wrong_path = await refused(server, "iam", "GetPolicy", PolicyArn=f"{PREFIX}AWSLambdaBasicExecutionRole")
    assert wrong_path[:2] == (404, "NoSuchEntity")


async def test_scopes_and_pages(server: TestServer) -> None:
    """The account's own, AWS's, and all of them, page by page and each once."""
    mine = (await query(server, "iam", "CreatePolicy", PolicyName="Mine", PolicyDocument=statement(Action="s3:*", Resource="*")))["Policy"]
    aws = [policy.arn for policy in AWS.values()]

    async def listed(**members: Any) -> list[str]:
        found: list[str] = []
        marker: dict[str, Any] = {}
        while True:
            answer = await query(server, "iam", "ListPolicies", **members, **marker)
            found += [one["Arn"] for one in answer["Policies"]]
            if not answer["IsTruncated"]:
                return found
            marker = {"Marker": answer["Marker"]}

    assert await listed(Scope="Local") == [mine["Arn"]]
    assert await listed(Scope="AWS") == aws
    assert await listed(MaxItems=3) == await listed(Scope="All", MaxItems=1) == [mine["Arn"], *aws]
    assert await listed(PathPrefix="/service-role/") == [LAMBDA]
    assert await listed(OnlyAttached=True) == []


async def test_attached_it_permits(server: TestServer) -> None:
    """What its document says, from then on and until it is detached."""
    await query(server, "iam", "CreateRole", RoleName="Kim", AssumeRolePolicyDocument=TRUST)
    given = (await assume(server))["Credentials"]
    assert not await may(server, given, "ListUserPools", MaxResults=1)
    await attach(server, READ)
    assert await may(server, given, "ListUserPools", MaxResults=1)
    assert not await may(server, given, "CreateUserPool", PoolName="new")
    attached = await query(server, "iam", "ListAttachedRolePolicies", RoleName="Kim")
    assert attached["AttachedPolicies"] == [{"PolicyName": "AmazonCognitoReadOnly", "PolicyArn": READ}]
    assert (await query(server, "iam", "GetPolicy", PolicyArn=READ))["Policy"]["AttachmentCount"] == 1
    entities = await query(server, "iam", "ListEntitiesForPolicy", PolicyArn=READ)
    assert [one["RoleName"] for one in entities["PolicyRoles"]] == ["Kim"]
    assert (await refused(server, "iam", "DeleteRole", RoleName="Kim"))[1] == "DeleteConflict"
    await query(server, "iam", "DetachRolePolicy", RoleName="Kim", PolicyArn=READ)
    assert not await may(server, given, "ListUserPools", MaxResults=1)
    assert (await refused(server, "iam", "DetachRolePolicy", RoleName="Kim", PolicyArn=READ))[1] == "NoSuchEntity"


async def test_as_boundary_and_in_a_session_it_limits(server: TestServer) -> None:
    asked = {"RoleName": "Kim", "AssumeRolePolicyDocument": TRUST, "PermissionsBoundary": READ}
    await query(server, "iam", "CreateRole", None, **asked)
    await attach(server, POWER)
    bounded = (await assume(server))["Credentials"]
    assert (await may(server, bounded, "ListUserPools", MaxResults=1), await may(server, bounded, "CreateUserPool", PoolName="x")) == (
        True,
        False,
    )
    await query(server, "iam", "DeleteRolePermissionsBoundary", RoleName="Kim")
    assert await may(server, bounded, "CreateUserPool", PoolName="x")
    limited = (await assume(server, RoleArn=ROLE, PolicyArns=[{"arn": READ}]))["Credentials"]
    assert (await may(server, limited, "ListUserPools", MaxResults=1), await may(server, limited, "CreateUserPool", PoolName="x")) == (
        True,
        False,
    )


async def test_one_of_the_accounts_own_may_have_the_same_name(server: TestServer) -> None:
    """They are two policies, in their lists and at a role."""
    document = statement(Action="cognito-idp:CreateUserPool", Resource="*")
    made = await query(server, "iam", "CreatePolicy", PolicyName="AmazonCognitoReadOnly", PolicyDocument=document)
    await query(server, "iam", "CreateRole", RoleName="Kim", AssumeRolePolicyDocument=TRUST)
    await attach(server, made["Policy"]["Arn"])
    given = (await assume(server))["Credentials"]
    assert (await may(server, given, "ListUserPools", MaxResults=1), await may(server, given, "CreateUserPool", PoolName="x")) == (
        False,
        True,
    )
    await attach(server, READ)
    listed = (await query(server, "iam", "ListAttachedRolePolicies", RoleName="Kim"))["AttachedPolicies"]
    assert sorted(one["PolicyArn"] for one in listed) == sorted([made["Policy"]["Arn"], READ])
    await query(server, "iam", "DetachRolePolicy", RoleName="Kim", PolicyArn=made["Policy"]["Arn"])
    assert (await may(server, given, "ListUserPools", MaxResults=1), await may(server, given, "CreateUserPool", PoolName="x")) == (
        True,
        False,
    )


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("DeletePolicy", {}),
        ("CreatePolicyVersion", {"PolicyDocument": statement(Action="*", Resource="*"), "SetAsDefault": True}),
        ("SetDefaultPolicyVersion", {"VersionId": "v4"}),
        ("DeletePolicyVersion", {"VersionId": "v4"}),
    ],
)
async def test_nobody_changes_it(server: TestServer, operation: str, members: dict[str, Any]) -> None:
    code, name, text = await refused(server, "iam", operation, None, PolicyArn=READ, **members)
    assert (code, name, text.endswith(f"is not authorized to perform: iam:{operation} on resource: policy {READ}")) == (
        403,
        "AccessDenied",
        True,
    )


def test_every_document_is_one() -> None:
    """And none is larger than a managed policy may be."""
    for policy in AWS.values():
        assert parse(policy.versions[policy.default].document, "identity").statements
        assert len(policy.policy_id) == 21
