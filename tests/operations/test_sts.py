"""STS: who may assume a role, how long, within which limits; what its credentials may, and when they end. Signatures are real."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cognomen.kernel.clock import ManualClock
from cognomen.tokens import access_keys
from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from tests.kit.aws_query import query, refused
from tests.kit.server import Reply, TestServer, settings_for

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Kim"


def statement(**members: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **members}]})


TRUST = statement(Principal={"AWS": ACCOUNT}, Action=["sts:AssumeRole", "sts:TagSession"])


async def make_role(server: TestServer, trust: str = TRUST, policy: str | None = None, **members: Any) -> None:
    await query(server, "iam", "CreateRole", RoleName="Kim", AssumeRolePolicyDocument=trust, **members)
    if policy is not None:
        await query(server, "iam", "PutRolePolicy", RoleName="Kim", PolicyName="own", PolicyDocument=policy)


async def assume(server: TestServer, **members: Any) -> Any:
    return await query(server, "sts", "AssumeRole", **{"RoleArn": ROLE, "RoleSessionName": "kim", **members})


def signed(
    server: TestServer, given: dict[str, str], service: str, body: bytes, headers: dict[str, str], region: str = "us-east-1"
) -> dict[str, str]:
    """The headers of a request that botocore signed; its clock is the machine's, so is that of these tests' servers."""
    request = AWSRequest("POST", "http://localhost:2646/", headers=headers, data=body)
    SigV4Auth(Credentials(given["AccessKeyId"], given["SecretAccessKey"], given.get("SessionToken")), service, region).add_auth(request)
    return dict(request.headers.items())


async def sts_as(server: TestServer, given: dict[str, str]) -> Reply:
    body = urlencode({"Action": "GetCallerIdentity", "Version": "2011-06-15"}).encode()
    headers = signed(server, given, "sts", body, {"content-type": "application/x-www-form-urlencoded"})
    return await server.send("POST", "/", body, headers)


async def idp_as(server: TestServer, given: dict[str, str], operation: str, region: str = "us-east-1", **members: Any) -> Reply:
    body = json.dumps(members).encode()
    target = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"AWSCognitoIdentityProviderService.{operation}"}
    return await server.send("POST", "/", body, signed(server, given, "cognito-idp", body, target, region))


async def identity_as(server: TestServer, given: dict[str, str], operation: str, **members: Any) -> Reply:
    body = json.dumps(members).encode()
    target = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"AWSCognitoIdentityService.{operation}"}
    return await server.send("POST", "/", body, signed(server, given, "cognito-identity", body, target))


class TestAssumeRole:
    async def test_the_credentials_are_of_the_session(self, server: TestServer) -> None:
        """In dev too, the session counts that a token of this server names."""
        await make_role(server)
        made = await assume(server, DurationSeconds=900)
        assert made["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/Kim/kim"
        assert made["Credentials"]["Expiration"].timestamp() == int(server.clock.now()) + 900
        reply = await sts_as(server, made["Credentials"])
        assert f"<Arn>{made['AssumedRoleUser']['Arn']}</Arn>".encode() in reply.body
        assert f"<UserId>{made['AssumedRoleUser']['AssumedRoleId']}</UserId>".encode() in reply.body

    async def test_revoked_in_dev(self, server: TestServer) -> None:
        """Dev takes any key, but not one of its own that has ended: it would be an administrator's from then on."""
        await make_role(server)
        made = (await assume(server))["Credentials"]
        server.clock.advance(1)
        await query(server, "iam", "DeleteRole", RoleName="Kim")
        reply = await sts_as(server, made)
        assert (reply.status, b"<Code>InvalidClientTokenId</Code>" in reply.body) == (403, True)

    async def test_the_trust_policy_decides(self, server: TestServer) -> None:
        condition = {"StringEquals": {"sts:ExternalId": "secret"}}
        await make_role(server, statement(Principal={"AWS": ACCOUNT}, Action="sts:AssumeRole", Condition=condition))
        caller = f"User: arn:aws:iam::{ACCOUNT}:user/root is not authorized to perform:"
        no = (403, "AccessDenied", f"{caller} sts:AssumeRole on resource: {ROLE}")
        named: dict[str, Any] = {"RoleArn": ROLE, "RoleSessionName": "kim"}
        assert await refused(server, "sts", "AssumeRole", **named) == no
        assert await refused(server, "sts", "AssumeRole", **named, ExternalId="wrong") == no
        assert "Credentials" in await assume(server, ExternalId="secret")
        tagged = await refused(server, "sts", "AssumeRole", **named, ExternalId="secret", Tags=[{"Key": "a", "Value": "b"}])
        assert tagged == (403, "AccessDenied", f"{caller} sts:TagSession on resource: {ROLE}")
        none = await refused(server, "sts", "AssumeRole", RoleArn=ROLE + "x", RoleSessionName="kim")
        assert none == (403, "AccessDenied", f"{caller} sts:AssumeRole on resource: {ROLE}x")

    async def test_refusals(self, server: TestServer) -> None:
        await make_role(server)
        named: dict[str, Any] = {"RoleArn": ROLE, "RoleSessionName": "kim"}
        assert await refused(server, "sts", "AssumeRole", **named, DurationSeconds=7200) == (
            400,
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )
        assert (await refused(server, "sts", "AssumeRole", **named, DurationSeconds=899))[1] == "ValidationError"
        assert await refused(server, "sts", "AssumeRole", **named, Policy="[]") == (
            400,
            "MalformedPolicyDocument",
            "Syntax errors in policy.",
        )
        mfa = await refused(server, "sts", "AssumeRole", **named, SerialNumber="arn:aws:iam::1:mfa/x", TokenCode="123456")
        assert mfa[1] == "ValidationError"
        saml = await refused(
            server, "sts", "AssumeRoleWithSAML", RoleArn=ROLE, PrincipalArn=f"arn:aws:iam::{ACCOUNT}:saml-provider/x", SAMLAssertion="PHg+"
        )
        assert saml == (400, "InvalidIdentityToken", "Specified provider doesn't exist")


class TestWebIdentity:
    async def login(self, server: TestServer) -> tuple[str, str, dict[str, str]]:
        pool = await server.pool()
        client = await server.client(pool)
        sub = await server.user(pool, "kim")
        tokens = await server.sign_in(client, "kim")
        provider = f"localhost:2646/{pool}"
        condition = {"StringEquals": {f"{provider}:aud": client}}
        principal = {"Federated": provider}
        await make_role(server, statement(Principal=principal, Action="sts:AssumeRoleWithWebIdentity", Condition=condition))
        return client, sub, tokens

    async def test_a_pools_id_token_will_do(self, server: TestServer) -> None:
        client, sub, tokens = await self.login(server)
        named: dict[str, Any] = {"RoleArn": ROLE, "RoleSessionName": "app"}
        made = await query(server, "sts", "AssumeRoleWithWebIdentity", **named, WebIdentityToken=tokens["IdToken"])
        assert (made["SubjectFromWebIdentityToken"], made["Audience"]) == (sub, client)
        assert b":assumed-role/Kim/app</Arn>" in (await sts_as(server, made["Credentials"])).body

    async def test_a_user_pool_is_no_identity_pool(self, server: TestServer) -> None:
        """By whatever issuer it is made to issue: roles for identities do not trust its users."""
        pool = await server.pool(UserPoolTags={"_issuer_": "https://cognito-identity.amazonaws.com"})
        client = await server.client(pool)
        await server.user(pool, "kim")
        token = (await server.sign_in(client, "kim"))["IdToken"]
        condition = {"StringEquals": {"cognito-identity.amazonaws.com:aud": client}}
        principal = {"Federated": "cognito-identity.amazonaws.com"}
        await make_role(server, statement(Principal=principal, Action="sts:AssumeRoleWithWebIdentity", Condition=condition))
        asked = {"RoleArn": ROLE, "RoleSessionName": "app", "WebIdentityToken": token}
        assert (await refused(server, "sts", "AssumeRoleWithWebIdentity", **asked))[1] == "InvalidIdentityToken"

    async def test_no_other_will(self, server: TestServer) -> None:
        """Access tokens, altered and foreign ones, those of another audience, and late ones."""
        _, _, tokens = await self.login(server)
        named: dict[str, Any] = {"RoleArn": ROLE, "RoleSessionName": "app"}

        async def code(token: str) -> str:
            return (await refused(server, "sts", "AssumeRoleWithWebIdentity", **named, WebIdentityToken=token))[1]

        assert await code(tokens["AccessToken"]) == "InvalidIdentityToken"
        head, body, signature = tokens["IdToken"].split(".")
        assert await code(f"{head}.{body}.{signature[::-1]}") == "InvalidIdentityToken"
        assert await code(f"{head}.{body}.") == "InvalidIdentityToken"
        assert await code("x.y.z") == "InvalidIdentityToken"
        pool = await server.pool()
        other = await server.client(pool)
        await server.user(pool, "lee")
        foreign = (await server.sign_in(other, "lee"))["IdToken"]
        assert await code(foreign) == "AccessDenied"
        server.clock.advance(3601)
        assert await code(tokens["IdToken"]) == "ExpiredTokenException"


@pytest.fixture
async def strict(signing_pairs: list[KeyPair]) -> AsyncIterator[TestServer]:
    """A server in serve, whose clock is right: botocore signs with the machine's."""
    import time

    settings = settings_for("", mode="serve", master_key="07" * 32, rate_limits="off")
    running = TestServer(settings, PreparedKeyMaker(signing_pairs), ManualClock(time.time()))
    await running.start()
    yield running
    await running.stop()


class TestServe:
    """Signatures are checked, and a role may what its policies say."""

    async def keys(self, server: TestServer, policy: str = "admin") -> dict[str, str]:
        rooms = server.server.rooms
        made = await access_keys.create(rooms.store, rooms.sealer, rooms.clock, "root", policy)
        return {"AccessKeyId": made.access_key_id, "SecretAccessKey": made.secret_access_key}

    async def call(self, server: TestServer, given: dict[str, str], service: str, fields: dict[str, str]) -> Reply:
        version = {"iam": "2010-05-08", "sts": "2011-06-15"}[service]
        body = urlencode({**fields, "Version": version}).encode()
        return await server.send(
            "POST", "/", body, signed(server, given, service, body, {"content-type": "application/x-www-form-urlencoded"})
        )

    async def session(self, server: TestServer, policy: str, **more: str) -> dict[str, str]:
        admin = await self.keys(server)
        role = {"Action": "CreateRole", "RoleName": "Kim", "AssumeRolePolicyDocument": TRUST}
        await self.call(server, admin, "iam", role)
        own = {"Action": "PutRolePolicy", "RoleName": "Kim", "PolicyName": "own", "PolicyDocument": policy}
        assert (await self.call(server, admin, "iam", own)).status == 200
        fields = {"Action": "AssumeRole", "RoleArn": ROLE, "RoleSessionName": "kim", **more}
        body = (await self.call(server, admin, "sts", fields)).body.decode()
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        return {name: body.partition(f"<{name}>")[2].partition(f"</{name}>")[0] for name in names}

    async def test_a_readonly_key_only_reads(self, strict: TestServer) -> None:
        key = await self.keys(strict, "readonly")
        assert (await self.call(strict, key, "iam", {"Action": "ListRoles"})).status == 200
        role = {"Action": "CreateRole", "RoleName": "Kim", "AssumeRolePolicyDocument": TRUST}
        refusal = await self.call(strict, key, "iam", role)
        assert (refusal.status, b"<Code>AccessDenied</Code>" in refusal.body) == (403, True)
        assume_it = {"Action": "AssumeRole", "RoleArn": ROLE, "RoleSessionName": "kim"}
        assert (await self.call(strict, key, "sts", assume_it)).status == 403

    async def test_nobody_without_a_signature(self, strict: TestServer) -> None:
        for fields in ({"Action": "GetCallerIdentity", "Version": "2011-06-15"}, {"Action": "ListRoles", "Version": "2010-05-08"}):
            reply = await strict.send("POST", "/", urlencode(fields).encode(), {"content-type": "application/x-www-form-urlencoded"})
            assert (reply.status, b"<Code>MissingAuthenticationToken</Code>" in reply.body) == (403, True)

    async def test_a_session_may_what_its_role_may(self, strict: TestServer) -> None:
        """On the resource that the request names; everything else is refused with action and resource."""
        allowed = f"arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/us-east-1_abcDEF123"
        given = await self.session(strict, statement(Action="cognito-idp:Describe*", Resource=allowed))
        reply = await idp_as(strict, given, "DescribeUserPool", UserPoolId="us-east-1_abcDEF123")
        assert reply.json["__type"] == "ResourceNotFoundException"
        reply = await idp_as(strict, given, "DescribeUserPool", UserPoolId="us-east-1_other0000")
        other = allowed.replace("abcDEF123", "other0000")
        action = "cognito-idp:DescribeUserPool"
        assert reply.json["message"] == (
            f"User: arn:aws:sts::{ACCOUNT}:assumed-role/Kim/kim is not authorized to perform: {action} on resource: {other}"
            f" because no identity-based policy allows the {action} action"
        )
        assert (await self.call(strict, given, "iam", {"Action": "ListRoles"})).status == 403
        assert (await sts_as(strict, given)).status == 200

    async def test_a_role_is_known_by_its_arn(self, strict: TestServer) -> None:
        """A request names a role by its name alone; a policy that denies its ARN, path included, counts all the same."""
        both = [
            {"Effect": "Allow", "Action": "iam:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "iam:*", "Resource": "arn:aws:iam::*:role/safe/*"},
        ]
        given = await self.session(strict, json.dumps({"Version": "2012-10-17", "Statement": both}))
        role = {"Action": "CreateRole", "AssumeRolePolicyDocument": TRUST}
        assert (await self.call(strict, given, "iam", {**role, "RoleName": "Open"})).status == 200
        assert (await self.call(strict, given, "iam", {**role, "RoleName": "Safe", "Path": "/safe/"})).status == 403
        assert (await self.call(strict, await self.keys(strict), "iam", {**role, "RoleName": "Safe", "Path": "/safe/"})).status == 200
        refusal = await self.call(strict, given, "iam", {"Action": "GetRole", "RoleName": "sAFE"})
        assert b"role/safe/Safe with an explicit deny in an identity-based policy</Message>" in refusal.body

    async def test_what_is_denied_stays_so_by_any_other_name(self, strict: TestServer) -> None:
        """A pool's ARN has the pool's own region, from wherever it is asked; a role in the request does not stand for it."""
        pool = (await idp_as(strict, await self.keys(strict), "CreateUserPool", PoolName="safe")).json["UserPool"]
        both = [
            {"Effect": "Allow", "Action": "cognito-idp:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "cognito-idp:*", "Resource": pool["Arn"]},
        ]
        given = await self.session(strict, json.dumps({"Version": "2012-10-17", "Statement": both}))
        group = {"UserPoolId": pool["Id"], "GroupName": "admins"}
        denied = f"cognito-idp:CreateGroup on resource: {pool['Arn']} with an explicit deny in an identity-based policy"
        for more, region in (({}, "us-east-1"), ({"RoleArn": ROLE}, "us-east-1"), ({}, "eu-west-1")):
            reply = await idp_as(strict, given, "CreateGroup", region, **group, **more)
            assert (reply.json["__type"], reply.json["message"].endswith(denied)) == ("AccessDeniedException", True)

    async def test_roles_are_passed_on_by_who_may(self, strict: TestServer) -> None:
        """Who may set up a pool or a group does not get every role by it: iam:PassRole on the role is asked too."""
        pool = (await idp_as(strict, await self.keys(strict), "CreateUserPool", PoolName="own")).json["UserPool"]["Id"]
        small = ROLE.replace("Kim", "Small")
        both = [
            {"Effect": "Allow", "Action": ["cognito-idp:*", "cognito-identity:*"], "Resource": "*"},
            {"Effect": "Allow", "Action": "iam:PassRole", "Resource": small},
        ]
        given = await self.session(strict, json.dumps({"Version": "2012-10-17", "Statement": both}))
        group = {"UserPoolId": pool, "GroupName": "staff"}
        denied = (
            f"User: arn:aws:sts::{ACCOUNT}:assumed-role/Kim/kim is not authorized to perform: iam:PassRole on resource: {ROLE}"
            " because no identity-based policy allows the iam:PassRole action"
        )
        reply = await idp_as(strict, given, "CreateGroup", **group, RoleArn=ROLE)
        assert (reply.json["__type"], reply.json["message"]) == ("AccessDeniedException", denied)
        assert (await idp_as(strict, given, "CreateGroup", **group, RoleArn=small)).status == 200
        rule = {"Claim": "a", "MatchType": "Equals", "Value": "b", "RoleARN": ROLE}
        mapped = {"x": {"Type": "Rules", "AmbiguousRoleResolution": "Deny", "RulesConfiguration": {"Rules": [rule]}}}
        unknown = "us-east-1:00000000-0000-0000-0000-000000000000"
        for more in ({"Roles": {"authenticated": ROLE}}, {"Roles": {"authenticated": small}, "RoleMappings": mapped}):
            reply = await identity_as(strict, given, "SetIdentityPoolRoles", IdentityPoolId=unknown, **more)
            assert (reply.json["__type"], reply.json["message"]) == ("AccessDeniedException", denied)
        reply = await identity_as(strict, given, "SetIdentityPoolRoles", IdentityPoolId=unknown, Roles={"authenticated": small})
        assert reply.json["__type"] == "ResourceNotFoundException"

    async def test_a_session_policy_limits(self, strict: TestServer) -> None:
        limit = statement(Action="cognito-idp:ListUserPools", Resource="*")
        given = await self.session(strict, statement(Action="*", Resource="*"), Policy=limit)
        assert (await idp_as(strict, given, "ListUserPools", MaxResults=1)).status == 200
        assert (await idp_as(strict, given, "CreateUserPool", PoolName="x")).json["__type"] == "AccessDeniedException"

    async def test_forged_swapped_and_ended_credentials(self, strict: TestServer) -> None:
        """Each part belongs to the others; they end in time, and with their role."""
        given = await self.session(strict, statement(Action="*", Resource="*"))
        second = await self.session(strict, statement(Action="*", Resource="*"))
        swapped = {**given, "SessionToken": second["SessionToken"]}
        without = {name: value for name, value in given.items() if name != "SessionToken"}
        for wrong in (swapped, without, {**given, "SessionToken": "x"}):
            reply = await sts_as(strict, wrong)
            assert (reply.status, b"<Code>InvalidClientTokenId</Code>" in reply.body) == (403, True)
        reply = await sts_as(strict, {**given, "SecretAccessKey": second["SecretAccessKey"]})
        assert b"<Code>SignatureDoesNotMatch</Code>" in reply.body
        admin = await self.keys(strict)
        strict.clock.advance(1)
        await self.call(strict, admin, "iam", {"Action": "DeleteRolePolicy", "RoleName": "Kim", "PolicyName": "own"})
        assert (await idp_as(strict, given, "ListUserPools", MaxResults=1)).json["__type"] == "AccessDeniedException"
        await self.call(strict, admin, "iam", {"Action": "DeleteRole", "RoleName": "Kim"})
        assert b"<Code>InvalidClientTokenId</Code>" in (await sts_as(strict, given)).body

    async def test_expired(self, strict: TestServer) -> None:
        given = await self.session(strict, statement(Action="*", Resource="*"), DurationSeconds="900")
        strict.clock.advance(900)
        assert b"<Code>ExpiredTokenException</Code>" in (await sts_as(strict, given)).body
