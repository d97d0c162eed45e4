"""What conditions of a role's policies can ask for when its session calls the server itself: a deny by such a key does not miss."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.kit.aws_query import query
from tests.kit.identity import identity, identity_pool
from tests.kit.server import TestServer
from tests.operations.test_sts import ROLE, TRUST, assume, identity_as, idp_as, signed, statement

POLICY = "arn:aws:iam::aws:policy/AmazonS3FullAccess"


async def session(server: TestServer, **condition: Any) -> Any:
    """Credentials of a role that may everything but what the condition speaks of."""
    statements: list[dict[str, Any]] = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    statements.append({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition})
    await query(server, "iam", "CreateRole", RoleName="Kim", AssumeRolePolicyDocument=TRUST)
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    await query(server, "iam", "PutRolePolicy", RoleName="Kim", PolicyName="own", PolicyDocument=document)
    return (await assume(server))["Credentials"]


async def status(server: TestServer, given: Any, service: str, action: str, **fields: str) -> int:
    body = urlencode({"Action": action, "Version": {"iam": "2010-05-08", "sts": "2011-06-15"}[service], **fields}).encode()
    headers = signed(server, given, service, body, {"content-type": "application/x-www-form-urlencoded"})
    return (await server.send("POST", "/", body, headers)).status


async def denied(server: TestServer, given: Any, operation: str, **members: Any) -> bool:
    reply = await idp_as(server, given, operation, **members)
    return bool(reply.json.get("__type") == "AccessDeniedException")


async def test_plain_http(server: TestServer) -> None:
    given = await session(server, Bool={"aws:SecureTransport": "false"})
    assert await denied(server, given, "ListUserPools", MaxResults=1)


@pytest.mark.parametrize("tags", [{"team": "red"}, {"other": "x"}])
async def test_tags_of_a_request(server: TestServer, tags: dict[str, str]) -> None:
    """By their values and by their keys, of what is made, tagged and untagged."""
    given = await session(server, **{"ForAnyValue:StringEquals": {"aws:TagKeys": ["team"]}})
    is_team = "team" in tags
    assert await denied(server, given, "CreateUserPool", PoolName="a", UserPoolTags=tags) is is_team
    arn = f"arn:aws:cognito-idp:us-east-1:000000000000:userpool/{await server.pool()}"
    assert await denied(server, given, "TagResource", ResourceArn=arn, Tags=tags) is is_team
    assert await denied(server, given, "UntagResource", ResourceArn=arn, TagKeys=list(tags)) is is_team
    role = {"RoleName": "New", "AssumeRolePolicyDocument": TRUST, "Tags.member.1.Value": "v"}
    assert (await status(server, given, "iam", "CreateRole", **role, **{"Tags.member.1.Key": next(iter(tags))}) == 403) is is_team


async def test_which_policy_is_attached(server: TestServer) -> None:
    given = await session(server, ArnEquals={"iam:PolicyARN": POLICY})
    assert await status(server, given, "iam", "AttachRolePolicy", RoleName="Kim", PolicyArn=POLICY) == 403
    other = POLICY.replace("Full", "ReadOnly")
    assert await status(server, given, "iam", "AttachRolePolicy", RoleName="Kim", PolicyArn=other) == 200


async def test_which_name_a_session_takes(server: TestServer) -> None:
    given = await session(server, StringEquals={"sts:RoleSessionName": "root"})
    assert await status(server, given, "sts", "AssumeRole", RoleArn=ROLE, RoleSessionName="root") == 403
    assert await status(server, given, "sts", "AssumeRole", RoleArn=ROLE, RoleSessionName="kim") == 200


async def test_to_whom_a_role_is_passed(server: TestServer) -> None:
    given = await session(server, StringEquals={"iam:PassedToService": "cognito-identity.amazonaws.com"})
    pool_id = await identity_pool(server)
    reply = await identity_as(server, given, "SetIdentityPoolRoles", IdentityPoolId=pool_id, Roles={"authenticated": ROLE})
    assert reply.json["__type"] == "AccessDeniedException"
    pool = await server.pool()
    assert not await denied(server, given, "CreateGroup", UserPoolId=pool, GroupName="g", RoleArn=ROLE)


async def test_an_identity_belongs_to_its_pool(server: TestServer) -> None:
    """A deny on the pool is one on its identities, also where the request names the identity alone."""
    pool_id = await identity_pool(server)
    kim = (await identity(server, "GetId", IdentityPoolId=pool_id))["IdentityId"]
    await query(server, "iam", "CreateRole", RoleName="Kim", AssumeRolePolicyDocument=TRUST)
    arn = f"arn:aws:cognito-identity:us-east-1:000000000000:identitypool/{pool_id}"
    for policy, expected in ((statement(Action="cognito-identity:*", Resource=arn), None), (deny(arn), "AccessDeniedException")):
        await query(server, "iam", "PutRolePolicy", RoleName="Kim", PolicyName="own", PolicyDocument=policy)
        reply = await identity_as(server, (await assume(server))["Credentials"], "DescribeIdentity", IdentityId=kim)
        assert reply.json.get("__type") == expected


def deny(arn: str) -> str:
    both = [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "cognito-identity:*", "Resource": arn}]
    return json.dumps({"Version": "2012-10-17", "Statement": both})
