"""Identities that a developer authenticates: registered, linked, looked up, merged, unlinked; and their tokens."""

from __future__ import annotations

import json
from typing import Any

from cognomen.kernel import base64url
from cognomen.kernel.events import IdentityMerged
from tests.kit.aws_query import query
from tests.kit.identity import FEDERATED, Directory, identity, identity_pool, refused, role, trust
from tests.kit.server import TestServer

DEVELOPER = "login.shop"
REGISTERED = (
    "DeveloperUserAlreadyRegisteredException",
    "The provided developer user identifier is already registered with Cognito under a different identity ID.",
)
UNKNOWN = ("InvalidParameterException", "The developer provider is not configured for this identity pool.")


async def shop(server: TestServer, **members: Any) -> str:
    return await identity_pool(server, DeveloperProviderName=DEVELOPER, **members)


async def token_for(server: TestServer, pool_id: str, user: str, **more: Any) -> Any:
    named = {"IdentityPoolId": pool_id, "Logins": {DEVELOPER: user}}
    return await identity(server, "GetOpenIdTokenForDeveloperIdentity", **{**named, **more})


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64url.decode(token.split(".")[1]))
    return found


async def lookup(server: TestServer, pool_id: str, **by: Any) -> Any:
    return await identity(server, "LookupDeveloperIdentity", IdentityPoolId=pool_id, **by)


class TestToken:
    async def test_a_developers_user_has_one_identity(self, server: TestServer) -> None:
        """The token lasts for a quarter of an hour, or as long as was asked, and says which user it is for."""
        pool_id = await shop(server)
        made = await token_for(server, pool_id, "kim")
        claims = claims_of(made["Token"])
        assert (claims["sub"], claims["aud"], claims["exp"] - claims["iat"]) == (made["IdentityId"], pool_id, 900)
        assert claims["amr"] == ["authenticated", DEVELOPER, f"{DEVELOPER}:{pool_id}:kim"]
        again = await token_for(server, pool_id, "kim", TokenDuration=86400)
        assert (again["IdentityId"], claims_of(again["Token"])["exp"] - claims["iat"]) == (made["IdentityId"], 86400)
        assert (await token_for(server, pool_id, "lee"))["IdentityId"] != made["IdentityId"]

    async def test_credentials_by_the_token(self, server: TestServer) -> None:
        """Enhanced and classic flow; the principal tags that the developer gave are in the session, if the role lets them."""
        pool_id = await shop(server)
        tagged = await role(server, "Tagged", trust(pool_id, tags=True))
        await identity(server, "SetIdentityPoolRoles", IdentityPoolId=pool_id, Roles={"authenticated": tagged})
        made = await token_for(server, pool_id, "kim", PrincipalTags={"team": "blue"})
        logins = {"IdentityId": made["IdentityId"], "Logins": {FEDERATED: made["Token"]}}
        credentials = (await identity(server, "GetCredentialsForIdentity", **logins))["Credentials"]
        rooms = server.server.rooms
        from cognomen.tokens.permissions import session_of

        session = await session_of(rooms.store, rooms.sealer, rooms.clock, credentials["AccessKeyId"], credentials["SessionToken"])
        assert session.tags == {"team": "blue"}
        asked: dict[str, Any] = {"RoleArn": tagged, "RoleSessionName": "app", "WebIdentityToken": made["Token"]}
        assumed = await query(server, "sts", "AssumeRoleWithWebIdentity", **asked)
        assert assumed["SubjectFromWebIdentityToken"] == made["IdentityId"]

    async def test_public_logins_cannot_name_a_developers_user(self, server: TestServer) -> None:
        """The developer's word is a signed request: nobody says it in GetId."""
        pool_id = await shop(server)
        no = ("NotAuthorizedException", "Token is not from a supported provider of this identity pool.")
        assert await refused(server, "GetId", IdentityPoolId=pool_id, Logins={DEVELOPER: "kim"}) == no

    async def test_linking_to_an_identity(self, server: TestServer) -> None:
        """A guest's or a user's; a user of the developer's who has another identity is refused."""
        directory = await Directory.made(server)
        await directory.user("kim")
        pool_id = await shop(server, CognitoIdentityProviders=[directory.provider()])
        guest = (await identity(server, "GetId", IdentityPoolId=pool_id))["IdentityId"]
        logins = {DEVELOPER: "kim", **await directory.logins("kim")}
        assert (await token_for(server, pool_id, "kim", IdentityId=guest, Logins=logins))["IdentityId"] == guest
        found = await identity(server, "GetId", IdentityPoolId=pool_id, Logins=await directory.logins("kim"))
        assert found["IdentityId"] == guest
        other = (await identity(server, "GetId", IdentityPoolId=pool_id))["IdentityId"]
        asked = {"IdentityPoolId": pool_id, "IdentityId": other, "Logins": {DEVELOPER: "kim"}}
        assert await refused(server, "GetOpenIdTokenForDeveloperIdentity", **asked) == REGISTERED
        foreign = {**asked, "IdentityPoolId": await shop(server)}
        gone = ("ResourceNotFoundException", f"Identity '{other}' not found.")
        assert await refused(server, "GetOpenIdTokenForDeveloperIdentity", **foreign) == gone

    async def test_without_the_developers_login(self, server: TestServer) -> None:
        none = {"IdentityPoolId": await identity_pool(server), "Logins": {DEVELOPER: "kim"}}
        assert await refused(server, "GetOpenIdTokenForDeveloperIdentity", **none) == UNKNOWN
        other = {"IdentityPoolId": await shop(server), "Logins": {"graph.facebook.com": "x"}}
        assert (await refused(server, "GetOpenIdTokenForDeveloperIdentity", **other))[0] == "InvalidParameterException"


class TestLookup:
    async def test_by_either_and_by_both(self, server: TestServer) -> None:
        """Both must belong together; identifiers come back as they were given, in pages."""
        pool_id = await shop(server)
        kim = (await token_for(server, pool_id, "kim"))["IdentityId"]
        names = {"kim", *(f"kim {number} \N{SNOWMAN}" for number in range(4))}
        for name in names:
            await token_for(server, pool_id, name, IdentityId=kim)
        assert await lookup(server, pool_id, DeveloperUserIdentifier="kim", IdentityId=kim) == {
            "IdentityId": kim,
            "DeveloperUserIdentifierList": ["kim"],
        }
        first = await lookup(server, pool_id, IdentityId=kim, MaxResults=3)
        rest = await lookup(server, pool_id, DeveloperUserIdentifier="kim", MaxResults=3, NextToken=first["NextToken"])
        assert set(first["DeveloperUserIdentifierList"] + rest["DeveloperUserIdentifierList"]) == names
        assert (len(rest["DeveloperUserIdentifierList"]), "NextToken" in rest) == (2, False)
        lee = (await token_for(server, pool_id, "lee"))["IdentityId"]
        both = {"IdentityPoolId": pool_id, "IdentityId": lee, "DeveloperUserIdentifier": "kim"}
        assert (await refused(server, "LookupDeveloperIdentity", **both))[0] == "ResourceConflictException"
        nobody = {"IdentityPoolId": pool_id, "DeveloperUserIdentifier": "nobody"}
        assert await refused(server, "LookupDeveloperIdentity", **nobody) == ("ResourceNotFoundException", "Developer user not found.")
        assert (await refused(server, "LookupDeveloperIdentity", IdentityPoolId=pool_id))[0] == "InvalidParameterException"

    async def test_identifiers_are_sealed(self, server: TestServer) -> None:
        """Neither the digest nor what is sealed beside it shows whose it is."""
        pool_id = await shop(server)
        await token_for(server, pool_id, "kim@example.com")
        [row] = await server.store.engine.rows("SELECT digest, sealed FROM identity_logins")
        assert (len(row[0]), b"kim" in bytes(row[1])) == (32, False)


class TestMerge:
    async def test_the_source_is_disabled(self, server: TestServer) -> None:
        """Its users, its id and its tokens lead to the destination; a listener is told once."""
        pool_id = await shop(server)
        source = await token_for(server, pool_id, "kim")
        target = (await token_for(server, pool_id, "lee"))["IdentityId"]
        told: list[IdentityMerged] = []
        server.server.rooms.events.on(IdentityMerged, told.append)
        merge = {
            "IdentityPoolId": pool_id,
            "DeveloperProviderName": DEVELOPER,
            "SourceUserIdentifier": "kim",
            "DestinationUserIdentifier": "lee",
        }
        for _ in range(2):
            assert await identity(server, "MergeDeveloperIdentities", **merge) == {"IdentityId": target}
        assert [(one.identity_id, one.into) for one in told] == [(source["IdentityId"], target)]
        assert (await token_for(server, pool_id, "kim"))["IdentityId"] == target
        assert (await token_for(server, pool_id, "kim", IdentityId=source["IdentityId"]))["IdentityId"] == target
        users = await role(server, "Users", trust(pool_id))
        await identity(server, "SetIdentityPoolRoles", IdentityPoolId=pool_id, Roles={"authenticated": users})
        old = {"IdentityId": source["IdentityId"], "Logins": {FEDERATED: source["Token"]}}
        assert (await identity(server, "GetCredentialsForIdentity", **old))["IdentityId"] == target
        await token_for(server, pool_id, "mia")
        merge |= {"SourceUserIdentifier": "lee", "DestinationUserIdentifier": "mia"}
        third = (await identity(server, "MergeDeveloperIdentities", **merge))["IdentityId"]
        assert (await token_for(server, pool_id, "kim", IdentityId=source["IdentityId"]))["IdentityId"] == third

    async def test_two_users_of_one_provider_are_two_people(self, server: TestServer) -> None:
        directory = await Directory.made(server)
        pool_id = await shop(server, CognitoIdentityProviders=[directory.provider()])
        for name in ("kim", "lee"):
            await directory.user(name)
            await token_for(server, pool_id, name, Logins={DEVELOPER: name, **await directory.logins(name)})
        merge = {"IdentityPoolId": pool_id, "DeveloperProviderName": DEVELOPER}
        both = {**merge, "SourceUserIdentifier": "kim", "DestinationUserIdentifier": "lee"}
        assert (await refused(server, "MergeDeveloperIdentities", **both))[0] == "ResourceConflictException"
        nobody = {**both, "SourceUserIdentifier": "nobody"}
        assert (await refused(server, "MergeDeveloperIdentities", **nobody))[0] == "ResourceNotFoundException"
        assert await refused(server, "MergeDeveloperIdentities", **{**both, "DeveloperProviderName": "other"}) == UNKNOWN

    async def test_twenty_logins_at_most(self, server: TestServer) -> None:
        pool_id = await shop(server)
        kim = (await token_for(server, pool_id, "0"))["IdentityId"]
        for number in range(1, 20):
            await token_for(server, pool_id, str(number), IdentityId=kim)
        more = {"IdentityPoolId": pool_id, "IdentityId": kim, "Logins": {DEVELOPER: "20"}}
        assert (await refused(server, "GetOpenIdTokenForDeveloperIdentity", **more))[0] == "ResourceConflictException"

    async def test_unlinking(self, server: TestServer) -> None:
        """The user is a stranger next time; one who is not linked to the identity cannot be unlinked from it."""
        pool_id = await shop(server)
        kim = (await token_for(server, pool_id, "kim"))["IdentityId"]
        lee = (await token_for(server, pool_id, "lee"))["IdentityId"]
        named = {
            "IdentityPoolId": pool_id,
            "IdentityId": kim,
            "DeveloperProviderName": DEVELOPER,
            "DeveloperUserIdentifier": "kim",
        }
        wrong = await refused(server, "UnlinkDeveloperIdentity", **{**named, "IdentityId": lee})
        assert wrong == ("ResourceNotFoundException", "The developer user is not linked to this identity.")
        assert await identity(server, "UnlinkDeveloperIdentity", **named) == {}
        assert (await token_for(server, pool_id, "kim"))["IdentityId"] != kim
        assert (await lookup(server, pool_id, IdentityId=kim)) == {"IdentityId": kim, "DeveloperUserIdentifierList": []}
