"""Credentials of identities: by which role, whom it trusts, what they may; OpenID tokens and the classic flow."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cognomen.api.identity import IdentityPool as Shape
from cognomen.kernel import base64url
from cognomen.storage.identity_pools import IdentityPool, IdentityPoolSettings
from cognomen.tokens import jwt
from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from cognomen.tokens.permissions import session_of
from tests.kit.aws_query import query
from tests.kit.aws_query import refused as query_refused
from tests.kit.identity import ACCOUNT, FEDERATED, Directory, identity, identity_pool, refused, role, trust
from tests.kit.receiver import Receiver
from tests.kit.server import TestServer, settings_for

UNCONFIGURED = (
    "InvalidIdentityPoolConfigurationException",
    "Invalid identity pool configuration. Check assigned IAM roles for this pool.",
)


def arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


async def setting(server: TestServer, **pool: Any) -> tuple[Directory, str, dict[str, Any]]:
    """A user pool with kim, an identity pool that trusts it, and how kim's identity is named in a request."""
    directory = await Directory.made(server)
    await directory.user("kim")
    pool_id = await identity_pool(server, CognitoIdentityProviders=[directory.provider()], **pool)
    return directory, pool_id, await named(server, directory, pool_id)


async def named(server: TestServer, directory: Directory, pool_id: str) -> dict[str, Any]:
    logins = await directory.logins("kim")
    found = await identity(server, "GetId", IdentityPoolId=pool_id, Logins=logins)
    return {"IdentityId": found["IdentityId"], "Logins": logins}


async def set_roles(server: TestServer, pool_id: str, mapping: Any = None, **roles: str) -> None:
    more = {"RoleMappings": mapping} if mapping else {}
    await identity(server, "SetIdentityPoolRoles", IdentityPoolId=pool_id, Roles=roles, **more)


async def session(server: TestServer, **request: Any) -> Any:
    """The session of the credentials that an identity gets."""
    answer = await identity(server, "GetCredentialsForIdentity", **request)
    made, rooms = answer["Credentials"], server.server.rooms
    assert set(made) == {"AccessKeyId", "SecretKey", "SessionToken", "Expiration"}
    return await session_of(rooms.store, rooms.sealer, rooms.clock, made["AccessKeyId"], made["SessionToken"])


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64url.decode(token.split(".")[1]))
    return found


class TestRole:
    async def test_a_user_gets_the_default_role(self, server: TestServer) -> None:
        """For an hour, with the identity in the keys that policies ask for."""
        directory, pool_id, kim = await setting(server)
        await set_roles(server, pool_id, authenticated=await role(server, "Users", trust(pool_id)))
        found = await session(server, **kim)
        sub = claims_of(kim["Logins"][directory.name])["sub"]
        assert (found.role_arn, found.name, found.guest, found.expires_at) == (
            arn("Users"),
            "CognitoIdentityCredentials",
            False,
            server.clock.now() + 3600,
        )
        assert found.context == {
            f"{FEDERATED}:aud": [pool_id],
            f"{FEDERATED}:sub": [kim["IdentityId"]],
            f"{FEDERATED}:amr": ["authenticated", directory.name, f"{directory.name}:CognitoSignIn:{sub}"],
        }

    async def test_a_guest_gets_the_guests_role_scoped_down(self, server: TestServer) -> None:
        _, pool_id, kim = await setting(server)
        guest = (await identity(server, "GetId", IdentityPoolId=pool_id))["IdentityId"]
        assert await refused(server, "GetCredentialsForIdentity", IdentityId=guest) == UNCONFIGURED
        await set_roles(server, pool_id, unauthenticated=await role(server, "Guests", trust(pool_id, "unauthenticated")))
        found = await session(server, IdentityId=guest)
        assert (found.role_arn, found.guest, found.context[f"{FEDERATED}:amr"]) == (arn("Guests"), True, ["unauthenticated"])
        assert await refused(server, "GetCredentialsForIdentity", **kim) == UNCONFIGURED
        forbidden = ("NotAuthorizedException", f"Access to Identity '{kim['IdentityId']}' is forbidden.")
        assert await refused(server, "GetCredentialsForIdentity", IdentityId=kim["IdentityId"]) == forbidden
        custom: dict[str, Any] = {"IdentityId": guest, "CustomRoleArn": arn("Users")}
        assert await refused(server, "GetCredentialsForIdentity", **custom) == (
            "NotAuthorizedException",
            f"Access to Role '{arn('Users')}' is forbidden.",
        )

    async def test_the_trust_policy_decides(self, server: TestServer) -> None:
        """Another pool's aud, or a guest at the users' role: the configuration is wrong, as AWS says it."""
        _, pool_id, kim = await setting(server)
        await set_roles(server, pool_id, authenticated=await role(server, "Other", trust(await identity_pool(server))))
        assert await refused(server, "GetCredentialsForIdentity", **kim) == UNCONFIGURED
        users = await role(server, "Users", trust(pool_id))
        await set_roles(server, pool_id, unauthenticated=users, authenticated=users)
        guest = (await identity(server, "GetId", IdentityPoolId=pool_id))["IdentityId"]
        assert await refused(server, "GetCredentialsForIdentity", IdentityId=guest) == UNCONFIGURED
        assert (await session(server, **kim)).role_arn == users

    async def test_a_role_that_is_not_here(self, server: TestServer) -> None:
        """In dev it is taken on trust, and permits nothing."""
        _, pool_id, kim = await setting(server)
        await set_roles(server, pool_id, authenticated="arn:aws:iam::123456789012:role/FromElsewhere")
        found = await session(server, **kim)
        assert (found.role_arn, found.role_id) == ("arn:aws:iam::123456789012:role/FromElsewhere", "")

    async def test_absent_identities(self, server: TestServer) -> None:
        absent = "us-east-1:00000000-0000-4000-8000-000000000000"
        gone = ("ResourceNotFoundException", f"Identity '{absent}' not found.")
        assert await refused(server, "GetCredentialsForIdentity", IdentityId=absent) == gone


class TestMapping:
    async def by_rules(self, server: TestServer, directory: Directory, pool_id: str, rules: list[Any], otherwise: str = "Deny") -> None:
        for name in {"Default", *(rule["RoleARN"].rpartition("/")[2] for rule in rules)}:
            await role(server, name, trust(pool_id))
        mapping = {"Type": "Rules", "AmbiguousRoleResolution": otherwise, "RulesConfiguration": {"Rules": rules}}
        await set_roles(server, pool_id, {f"{directory.name}:{directory.client}": mapping}, authenticated=arn("Default"))

    @pytest.mark.parametrize(
        ("match", "claim", "value", "fits"),
        [
            ("Equals", "cognito:username", "kim", True),
            ("Equals", "cognito:username", "ki", False),
            ("StartsWith", "cognito:username", "ki", True),
            ("StartsWith", "cognito:username", "im", False),
            ("Contains", "cognito:username", "im", True),
            ("Contains", "cognito:username", "x", False),
            ("NotEqual", "cognito:username", "lee", True),
            ("NotEqual", "cognito:username", "kim", False),
            ("NotEqual", "no-such-claim", "lee", False),
            ("Equals", "cognito:groups", "b", True),
            ("NotEqual", "cognito:groups", "b", False),
        ],
    )
    async def test_rules(self, server: TestServer, match: str, claim: str, value: str, fits: bool) -> None:
        """A rule needs its claim; where none fits, AmbiguousRoleResolution decides."""
        directory, pool_id, _ = await setting(server)
        for group in ("a", "b"):
            await server.call("CreateGroup", UserPoolId=directory.pool, GroupName=group)
            await server.call("AdminAddUserToGroup", UserPoolId=directory.pool, GroupName=group, Username="kim")
        await self.by_rules(server, directory, pool_id, [{"Claim": claim, "MatchType": match, "Value": value, "RoleARN": arn("Rule")}])
        kim = await named(server, directory, pool_id)
        if fits:
            assert (await session(server, **kim)).role_arn == arn("Rule")
        else:
            assert (await refused(server, "GetCredentialsForIdentity", **kim))[0] == "NotAuthorizedException"

    async def test_the_first_rule_that_fits(self, server: TestServer) -> None:
        """In order, unless CustomRoleArn names another that fits; a role of no fitting rule is refused."""
        directory, pool_id, kim = await setting(server)
        rules = [
            {"Claim": "cognito:username", "MatchType": "Equals", "Value": value, "RoleARN": arn(name)}
            for value, name in (("lee", "Lee"), ("kim", "One"), ("kim", "Two"))
        ]
        await self.by_rules(server, directory, pool_id, rules, "AuthenticatedRole")
        assert (await session(server, **kim)).role_arn == arn("One")
        assert (await session(server, **kim, CustomRoleArn=arn("Two"))).role_arn == arn("Two")
        no = ("NotAuthorizedException", f"Access to Role '{arn('Lee')}' is forbidden.")
        assert await refused(server, "GetCredentialsForIdentity", **kim, CustomRoleArn=arn("Lee")) == no
        await self.replaced(server, directory, pool_id)
        assert (await session(server, **kim)).role_arn == arn("Default")

    async def replaced(self, server: TestServer, directory: Directory, pool_id: str) -> None:
        rule = {"Claim": "cognito:username", "MatchType": "Equals", "Value": "lee", "RoleARN": arn("Lee")}
        mapping = {"Type": "Rules", "AmbiguousRoleResolution": "AuthenticatedRole", "RulesConfiguration": {"Rules": [rule]}}
        await set_roles(server, pool_id, {directory.name: mapping}, authenticated=arn("Default"))

    async def test_by_the_token(self, server: TestServer) -> None:
        """The preferred role of the groups; another of the token's by CustomRoleArn, and no other; two of one rank are ambiguous."""
        directory, pool_id, _ = await setting(server)
        for name in ("Default", "A", "B"):
            await role(server, name, trust(pool_id))
        for group, precedence in (("A", 1), ("B", 2)):
            made = {"UserPoolId": directory.pool, "GroupName": group}
            await server.call("CreateGroup", **made, RoleArn=arn(group), Precedence=precedence)
            await server.call("AdminAddUserToGroup", **made, Username="kim")
        mapping = {directory.name: {"Type": "Token", "AmbiguousRoleResolution": "Deny"}}
        await set_roles(server, pool_id, mapping, authenticated=arn("Default"))
        kim = await named(server, directory, pool_id)
        assert (await session(server, **kim)).role_arn == arn("A")
        assert (await session(server, **kim, CustomRoleArn=arn("B"))).role_arn == arn("B")
        no = ("NotAuthorizedException", f"Access to Role '{arn('Default')}' is forbidden.")
        assert await refused(server, "GetCredentialsForIdentity", **kim, CustomRoleArn=arn("Default")) == no
        await server.call("UpdateGroup", UserPoolId=directory.pool, GroupName="B", Precedence=1)
        kim = await named(server, directory, pool_id)
        assert (await refused(server, "GetCredentialsForIdentity", **kim))[0] == "NotAuthorizedException"

    async def test_principal_tags(self, server: TestServer) -> None:
        """Claims become tags of the session, for a role that lets sessions be tagged."""
        directory, pool_id, kim = await setting(server)
        tag = {"IdentityPoolId": pool_id, "IdentityProviderName": directory.name}
        await identity(server, "SetPrincipalTagAttributeMap", **tag, PrincipalTags={"name": "cognito:username", "none": "missing"})
        await set_roles(server, pool_id, authenticated=await role(server, "Users", trust(pool_id)))
        assert await refused(server, "GetCredentialsForIdentity", **kim) == UNCONFIGURED
        await set_roles(server, pool_id, authenticated=await role(server, "Tagged", trust(pool_id, tags=True)))
        assert (await session(server, **kim)).tags == {"name": "kim"}
        await identity(server, "SetPrincipalTagAttributeMap", **tag, UseDefaults=True)
        sub = claims_of(kim["Logins"][directory.name])["sub"]
        assert (await session(server, **kim)).tags == {"username": sub, "client": directory.client}


class TestOpenIdToken:
    async def test_what_it_says(self, server: TestServer) -> None:
        """For ten minutes, by the pool's own key, which anybody can fetch."""
        directory, pool_id, kim = await setting(server)
        answer = await identity(server, "GetOpenIdToken", **kim)
        now, sub = int(server.clock.now()), claims_of(kim["Logins"][directory.name])["sub"]
        assert (answer["IdentityId"], claims_of(answer["Token"])) == (
            kim["IdentityId"],
            {
                "sub": kim["IdentityId"],
                "aud": pool_id,
                "amr": ["authenticated", directory.name, f"{directory.name}:CognitoSignIn:{sub}"],
                "iss": "https://cognito-identity.amazonaws.com",
                "https://cognito-identity.amazonaws.com/identity-pool-arn": f"arn:aws:cognito-identity:us-east-1:{ACCOUNT}:identitypool/{pool_id}",
                "exp": now + 600,
                "iat": now,
            },
        )
        keys = (await server.send("GET", f"/{pool_id}/.well-known/jwks.json")).json["keys"]
        assert [key["kid"] for key in keys] == [json.loads(base64url.decode(answer["Token"].split(".")[0]))["kid"]]
        found = (await server.send("GET", f"/{pool_id}/.well-known/openid-configuration")).json
        assert (found["issuer"], found["jwks_uri"]) == (
            f"http://localhost:2646/{pool_id}",
            f"http://localhost:2646/{pool_id}/.well-known/jwks.json",
        )

    async def test_the_classic_flow(self, server: TestServer) -> None:
        """AssumeRoleWithWebIdentity takes the token; the role's conditions on aud and amr decide; it ends after its ten minutes."""
        _, pool_id, kim = await setting(server)
        users = await role(server, "Users", trust(pool_id))
        token = (await identity(server, "GetOpenIdToken", **kim))["Token"]
        asked: dict[str, Any] = {"RoleArn": users, "RoleSessionName": "app", "WebIdentityToken": token}
        made = await query(server, "sts", "AssumeRoleWithWebIdentity", **asked)
        assert (made["SubjectFromWebIdentityToken"], made["Audience"]) == (kim["IdentityId"], pool_id)
        guest = (await identity(server, "GetId", IdentityPoolId=pool_id))["IdentityId"]
        guests = (await identity(server, "GetOpenIdToken", IdentityId=guest))["Token"]
        no = await query_refused(server, "sts", "AssumeRoleWithWebIdentity", **{**asked, "WebIdentityToken": guests})
        assert no == (403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
        server.clock.advance(600)
        assert (await query_refused(server, "sts", "AssumeRoleWithWebIdentity", **asked))[1] == "ExpiredTokenException"

    async def test_a_forged_token_assumes_nothing(self, server: TestServer, signing_pairs: list[KeyPair]) -> None:
        """The pool's key alone signs for the pool: another pool's, though by the same server, does not."""
        _, pool_id, kim = await setting(server)
        users = await role(server, "Users", trust(pool_id))
        token = (await identity(server, "GetOpenIdToken", **kim))["Token"]
        forged = jwt.sign({**claims_of(token), "sub": "us-east-1:0"}, "kid", signing_pairs[0][0])
        asked: dict[str, Any] = {"RoleArn": users, "RoleSessionName": "app", "WebIdentityToken": forged}
        assert (await query_refused(server, "sts", "AssumeRoleWithWebIdentity", **asked))[1] == "InvalidIdentityToken"
        bad = await refused(server, "GetCredentialsForIdentity", IdentityId=kim["IdentityId"], Logins={FEDERATED: forged})
        assert bad == ("NotAuthorizedException", "Invalid login token. Couldn't verify signed token.")

    async def test_where_the_classic_flow_is_off(self, server: TestServer) -> None:
        _, _, kim = await setting(server, AllowClassicFlow=False)
        off = ("InvalidParameterException", "Basic (classic) flow is not enabled, please use enhanced flow.")
        assert await refused(server, "GetOpenIdToken", **kim) == off
        directory, pool_id, kim = await setting(server)
        await set_roles(server, pool_id, {directory.name: {"Type": "Token", "AmbiguousRoleResolution": "Deny"}}, authenticated=arn("A"))
        no = ("InvalidParameterException", "Basic (classic) flow is not supported with RoleMappings, please use enhanced flow.")
        assert await refused(server, "GetOpenIdToken", **kim) == no

    async def test_the_token_is_a_login_for_its_identity_alone(self, server: TestServer) -> None:
        """GetCredentialsForIdentity takes it as the only login, for the identity that it names, while it lasts."""
        _, pool_id, kim = await setting(server)
        await set_roles(server, pool_id, authenticated=await role(server, "Users", trust(pool_id)))
        token = (await identity(server, "GetOpenIdToken", **kim))["Token"]
        own = {"IdentityId": kim["IdentityId"], "Logins": {FEDERATED: token}}
        assert (await session(server, **own)).context[f"{FEDERATED}:sub"] == [kim["IdentityId"]]
        guest = (await identity(server, "GetId", IdentityPoolId=pool_id))["IdentityId"]
        assert (await refused(server, "GetCredentialsForIdentity", **{**own, "IdentityId": guest}))[0] == "NotAuthorizedException"
        both = {**own, "Logins": {**own["Logins"], **kim["Logins"]}}
        assert (await refused(server, "GetCredentialsForIdentity", **both))[0] == "InvalidParameterException"
        server.clock.advance(600)
        expired = ("NotAuthorizedException", "Invalid login token. Token expired.")
        assert await refused(server, "GetCredentialsForIdentity", **own) == expired


STS = (
    b"<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><SessionToken>a/b==</SessionToken>"
    b"<SecretAccessKey>s</SecretAccessKey><Expiration>2027-01-15T09:00:00Z</Expiration><AccessKeyId>ASIAREAL</AccessKeyId></Credentials>"
    b"</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
)


class TestRealSts:
    @pytest.fixture
    async def sts(self, signing_pairs: list[KeyPair]) -> AsyncIterator[tuple[Receiver, TestServer]]:
        with Receiver((200, STS)) as receiver:
            settings = settings_for("", credentials="sts", identity_issuer="self", aws_endpoint_sts=receiver.url)
            server = await TestServer(settings, PreparedKeyMaker(signing_pairs)).start()
            yield receiver, server
            await server.stop()

    async def test_credentials_come_from_there(self, sts: tuple[Receiver, TestServer]) -> None:
        """With the pool's token, whose issuer has a discovery document; for a guest with Cognito's session policies."""
        receiver, server = sts
        _, pool_id, kim = await setting(server)
        await set_roles(server, pool_id, authenticated=arn("Users"), unauthenticated=arn("Guests"))
        made = (await identity(server, "GetCredentialsForIdentity", **kim))["Credentials"]
        assert made == {"AccessKeyId": "ASIAREAL", "SecretKey": "s", "SessionToken": "a/b==", "Expiration": 1_800_003_600.0}
        sent = dict(part.split("=", 1) for part in receiver.received[0].body.decode().split("&"))
        assert (sent["RoleArn"], "Policy" in sent) == ("arn%3Aaws%3Aiam%3A%3A000000000000%3Arole%2FUsers", False)
        assert claims_of(sent["WebIdentityToken"])["iss"] == f"http://localhost:2646/{pool_id}"
        guest = (await identity(server, "GetId", IdentityPoolId=pool_id))["IdentityId"]
        await identity(server, "GetCredentialsForIdentity", IdentityId=guest)
        assert b"AmazonCognitoUnAuthedIdentitiesSessionPolicy" in receiver.received[1].body

    async def test_what_sts_refuses(self, sts: tuple[Receiver, TestServer]) -> None:
        receiver, server = sts
        _, pool_id, kim = await setting(server)
        await set_roles(server, pool_id, authenticated=arn("Users"))
        receiver.answers[:] = [(403, b"<Code>AccessDenied</Code>")]
        assert await refused(server, "GetCredentialsForIdentity", **kim) == UNCONFIGURED
        receiver.answers[:] = [(500, b"")]
        assert (await refused(server, "GetCredentialsForIdentity", **kim))[0] == "ExternalServiceException"


async def test_serve_takes_no_role_on_trust(signing_pairs: list[KeyPair]) -> None:
    """In production a role that is not here issues nothing."""
    settings = settings_for("sqlite:///:memory:", mode="serve", master_key="B" * 43 + "=")
    server = await TestServer(settings, PreparedKeyMaker(signing_pairs)).start()
    try:
        shape = Shape(identity_pool_id="us-east-1:a", identity_pool_name="x", allow_unauthenticated_identities=True)
        roles = IdentityPoolSettings(pool=shape, roles={"unauthenticated": arn("Absent")})
        await server.store.identity_pools.add(IdentityPool("us-east-1:a", "us-east-1", 1.0, 1.0, roles), 10)
        guest = (await identity(server, "GetId", IdentityPoolId="us-east-1:a"))["IdentityId"]
        assert await refused(server, "GetCredentialsForIdentity", IdentityId=guest) == UNCONFIGURED
        reply = await server.raw("ListIdentities", b'{"IdentityPoolId": "us-east-1:a", "MaxResults": 1}', "cognito-identity")
        assert (reply.status, reply.json["__type"]) == (400, "MissingAuthenticationTokenException")
    finally:
        await server.stop()
