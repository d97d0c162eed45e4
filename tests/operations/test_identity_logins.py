"""Identities by their logins: one for a user, one for each guest; what is linked, merged, unlinked, listed, deleted; and every bad token."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cognomen.kernel import base64url
from cognomen.kernel.events import IdentityDeleted, IdentityMerged
from cognomen.tokens import jwt
from tests.kit.identity import Directory, identity, identity_pool, refused
from tests.kit.server import TestServer

UNSUPPORTED = ("NotAuthorizedException", "Token is not from a supported provider of this identity pool.")
MISMATCH = (
    "NotAuthorizedException",
    "Logins don't match. Please include at least one valid login for this identity or identity pool.",
)


def invalid(why: str) -> tuple[str, str]:
    return "NotAuthorizedException", f"Invalid login token. {why}"


async def setting(server: TestServer, **pool: Any) -> tuple[Directory, str]:
    """A user pool with kim, and an identity pool that trusts it."""
    directory = await Directory.made(server)
    await directory.user("kim")
    return directory, await identity_pool(server, CognitoIdentityProviders=[directory.provider()], **pool)


async def get_id(server: TestServer, pool_id: str, logins: dict[str, str] | None = None) -> str:
    more = {"Logins": logins} if logins else {}
    return str((await identity(server, "GetId", IdentityPoolId=pool_id, **more))["IdentityId"])


class TestGetId:
    async def test_a_user_has_one_identity_and_a_guest_a_new_one(self, server: TestServer) -> None:
        """By another token of the same user too; another user has another; identities carry the pool's region."""
        directory, pool_id = await setting(server)
        await directory.user("lee")
        kim = await get_id(server, pool_id, await directory.logins("kim"))
        assert await get_id(server, pool_id, await directory.logins("kim")) == kim
        others = {
            await get_id(server, pool_id, await directory.logins("lee")),
            await get_id(server, pool_id),
            await get_id(server, pool_id),
        }
        assert (len(others | {kim}), {one.split(":")[0] for one in others}) == (4, {"us-east-1"})
        shown = await identity(server, "DescribeIdentity", IdentityId=kim)
        assert (shown["IdentityId"], shown["Logins"], shown["CreationDate"]) == (kim, [directory.name], server.clock.now())

    async def test_who_come_at_once_get_one_identity(self, server: TestServer) -> None:
        directory, pool_id = await setting(server)
        logins = await directory.logins("kim")
        assert len(set(await asyncio.gather(*(get_id(server, pool_id, logins) for _ in range(8))))) == 1
        assert len((await identity(server, "ListIdentities", IdentityPoolId=pool_id, MaxResults=60))["Identities"]) == 1

    async def test_each_pool_has_its_own(self, server: TestServer) -> None:
        """The same user in another identity pool is another identity, and what is kept of them is another digest."""
        directory, one = await setting(server)
        other = await identity_pool(server, CognitoIdentityProviders=[directory.provider()])
        logins = await directory.logins("kim")
        assert await get_id(server, one, logins) != await get_id(server, other, logins)
        rows = await server.store.engine.rows("SELECT digest, sealed FROM identity_logins")
        assert (len({bytes(row[0]) for row in rows}), {row[1] for row in rows}) == (2, {None})

    async def test_every_form_of_the_issuer_is_the_same_user(self, server: TestServer) -> None:
        """A pool is known by its own issuer, AWS's two forms, and whichever the identity pool was told."""
        directory, pool_id = await setting(server)
        token = await directory.token("kim")
        names = [f"localhost:2646/{directory.pool}", f"issuer-{directory.name}", directory.name]
        ids = {await get_id(server, pool_id, {name: token}) for name in names}
        own = await identity_pool(server, CognitoIdentityProviders=[{**directory.provider(), "ProviderName": names[0]}])
        assert (len(ids), len({await get_id(server, own, {name: token}) for name in names})) == (1, 1)

    async def test_another_name_of_this_machine(self, server: TestServer) -> None:
        """In dev a token may come from a sign-in by another loopback name; it is the same user."""
        directory, pool_id = await setting(server)
        kim = await get_id(server, pool_id, await directory.logins("kim"))
        body = json.dumps({"IdentityPoolId": pool_id, "Logins": await directory.logins("kim")}).encode()
        target = {"x-amz-target": "AWSCognitoIdentityService.GetId", "content-type": "application/x-amz-json-1.1"}
        reply = await server.send("POST", "/", body, target, host="127.0.0.1:2646")
        assert reply.json == {"IdentityId": kim}

    async def test_guests_only_where_they_are_let_in(self, server: TestServer) -> None:
        pool_id = await identity_pool(server, AllowUnauthenticatedIdentities=False)
        no = ("NotAuthorizedException", "Unauthenticated access is not supported for this identity pool.")
        assert await refused(server, "GetId", IdentityPoolId=pool_id) == no
        assert await refused(server, "GetId", IdentityPoolId=pool_id, Logins={}) == no

    async def test_another_account_has_no_such_pool(self, server: TestServer) -> None:
        pool_id = await identity_pool(server)
        gone = ("ResourceNotFoundException", f"IdentityPool '{pool_id}' not found.")
        assert await refused(server, "GetId", IdentityPoolId=pool_id, AccountId="111111111111") == gone
        assert set(await identity(server, "GetId", IdentityPoolId=pool_id, AccountId="000000000000")) == {"IdentityId"}


class TestBadTokens:
    async def test_forged(self, server: TestServer) -> None:
        """Another key, another payload, `none`, and HS256 with the public key: none is verified, whatever it says."""
        directory, pool_id = await setting(server)
        token = await directory.token("kim")
        header, payload, signature = token.split(".")
        claims = json.loads(base64url.decode(payload))
        kid = json.loads(base64url.decode(header))["kid"]
        thief = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        other = base64url.encode(json.dumps({**claims, "sub": "somebody-else"}).encode())
        forged = [
            jwt.sign(claims, kid, thief),
            jwt.sign(claims, "no-such-kid", thief),
            f"{header}.{other}.{signature}",
            *(
                f"{base64url.encode(json.dumps({'alg': alg, 'kid': kid}).encode())}.{payload}.{end}"
                for alg, end in (("none", ""), ("HS256", signature))
            ),
        ]
        for bad in forged:
            refusal = await refused(server, "GetId", IdentityPoolId=pool_id, Logins={directory.name: bad})
            assert refusal == invalid("Couldn't verify signed token.")

    async def test_no_token_at_all(self, server: TestServer) -> None:
        directory, pool_id = await setting(server)
        for bad in ("x", "a.b.c", "." * 2, "é" * 30, "x" * 50_000):
            refusal = await refused(server, "GetId", IdentityPoolId=pool_id, Logins={directory.name: bad})
            assert refusal == invalid("Not a valid OpenId Connect identity token.")

    async def test_an_access_token_is_no_login(self, server: TestServer) -> None:
        directory, pool_id = await setting(server)
        access = (await server.sign_in(directory.client, "kim"))["AccessToken"]
        refusal = await refused(server, "GetId", IdentityPoolId=pool_id, Logins={directory.name: access})
        assert refusal == invalid("Missing a required claim: aud")

    async def test_expired(self, server: TestServer) -> None:
        directory, pool_id = await setting(server)
        token = await directory.token("kim")
        server.clock.advance(3600)
        now = int(server.clock.now())
        refusal = await refused(server, "GetId", IdentityPoolId=pool_id, Logins={directory.name: token})
        assert refusal == invalid(f"Token expired: {now} >= {now}")

    async def test_of_another_client_pool_or_name(self, server: TestServer) -> None:
        """A token counts for the client that the pool names, under that pool's name alone."""
        directory, pool_id = await setting(server)
        other = await Directory.made(server)
        await other.user("kim")
        assert await refused(server, "GetId", IdentityPoolId=pool_id, Logins=await other.logins("kim")) == UNSUPPORTED
        second = Directory(server, directory.pool, await server.client(directory.pool))
        assert await refused(server, "GetId", IdentityPoolId=pool_id, Logins=await second.logins("kim")) == UNSUPPORTED
        swapped = {directory.name: await other.token("kim")}
        assert await refused(server, "GetId", IdentityPoolId=pool_id, Logins=swapped) == invalid("Issuer doesn't match providerName")
        for name in ("graph.facebook.com", "www.amazon.com", "login.shop", "arn:aws:iam::000000000000:saml-provider/x"):
            assert await refused(server, "GetId", IdentityPoolId=pool_id, Logins={name: "token"}) == UNSUPPORTED
        own = {"cognito-identity.amazonaws.com": await directory.token("kim")}
        assert await refused(server, "GetId", IdentityPoolId=pool_id, Logins=own) == invalid("Can't pass in a Cognito token.")

    async def test_one_bad_login_refuses_all(self, server: TestServer) -> None:
        directory, pool_id = await setting(server)
        logins = {**await directory.logins("kim"), "graph.facebook.com": "x"}
        assert await refused(server, "GetId", IdentityPoolId=pool_id, Logins=logins) == UNSUPPORTED
        assert (await identity(server, "ListIdentities", IdentityPoolId=pool_id, MaxResults=1))["Identities"] == []
        twice = dict.fromkeys((directory.name, f"issuer-{directory.name}"), logins[directory.name])
        assert (await refused(server, "GetId", IdentityPoolId=pool_id, Logins=twice))[0] == "ResourceConflictException"
        many = {f"p{number}": "x" for number in range(11)}
        assert (await refused(server, "GetId", IdentityPoolId=pool_id, Logins=many))[0] == "ValidationException"

    @pytest.mark.parametrize("what", ["sign-out", "disabled", "deleted"])
    async def test_the_server_side_check(self, server: TestServer, what: str) -> None:
        """With ServerSideTokenCheck a token ends with its session and its user; without, with its time."""
        directory = await Directory.made(server)
        await directory.user("kim")
        strict = await identity_pool(server, CognitoIdentityProviders=[directory.provider(ServerSideTokenCheck=True)])
        loose = await identity_pool(server, CognitoIdentityProviders=[directory.provider()])
        logins = await directory.logins("kim")
        kim = await get_id(server, strict, logins)
        operation = {"sign-out": "AdminUserGlobalSignOut", "disabled": "AdminDisableUser", "deleted": "AdminDeleteUser"}[what]
        await server.call(operation, UserPoolId=directory.pool, Username="kim")
        no = invalid("Token is revoked.")
        assert await refused(server, "GetId", IdentityPoolId=strict, Logins=logins) == no
        assert await refused(server, "GetCredentialsForIdentity", IdentityId=kim, Logins=logins) == no
        assert await refused(server, "GetOpenIdToken", IdentityId=kim, Logins=logins) == no
        assert await get_id(server, loose, logins)


class TestLinking:
    async def two(self, server: TestServer) -> tuple[Directory, Directory, str]:
        """Two user pools, each with kim, and an identity pool that trusts both."""
        one, other = await Directory.made(server), await Directory.made(server)
        await one.user("kim")
        await other.user("kim")
        return one, other, await identity_pool(server, CognitoIdentityProviders=[one.provider(), other.provider()])

    async def test_logins_given_together_are_linked(self, server: TestServer) -> None:
        """From then on either leads to the identity; unlinking one makes it a stranger again."""
        one, other, pool_id = await self.two(server)
        first = await one.logins("kim")
        both = {**first, **await other.logins("kim")}
        kim = await get_id(server, pool_id, first)
        assert await get_id(server, pool_id, both) == kim
        assert await get_id(server, pool_id, await other.logins("kim")) == kim
        assert (await identity(server, "DescribeIdentity", IdentityId=kim))["Logins"] == sorted([one.name, other.name])
        await identity(server, "UnlinkIdentity", IdentityId=kim, Logins=first, LoginsToRemove=[other.name])
        assert (await identity(server, "DescribeIdentity", IdentityId=kim))["Logins"] == [one.name]
        assert await get_id(server, pool_id, await other.logins("kim")) != kim
        assert (await refused(server, "GetId", IdentityPoolId=pool_id, Logins=both))[0] == "ResourceConflictException"

    async def test_who_unlinks_has_a_login_of_the_identity(self, server: TestServer) -> None:
        one, other, pool_id = await self.two(server)
        kim = await get_id(server, pool_id, await one.logins("kim"))
        foreign = await other.logins("kim")
        await get_id(server, pool_id, foreign)
        for logins in (foreign, {}):
            no = await refused(server, "UnlinkIdentity", IdentityId=kim, Logins=logins, LoginsToRemove=[one.name])
            assert no == MISMATCH
        await identity(server, "UnlinkIdentity", IdentityId=kim, Logins=await one.logins("kim"), LoginsToRemove=[one.name])
        assert await refused(server, "GetOpenIdToken", IdentityId=kim) == (
            "NotAuthorizedException",
            f"Access to Identity '{kim}' is forbidden.",
        )
        assert await refused(server, "GetOpenIdToken", IdentityId=kim, Logins=await one.logins("kim")) == MISMATCH

    async def test_a_guest_becomes_a_user(self, server: TestServer) -> None:
        """By a login that is new the guest keeps the identity, and nobody gets it without a login any more."""
        one, other, pool_id = await self.two(server)
        guest = await get_id(server, pool_id)
        logins = await one.logins("kim")
        assert (await identity(server, "GetOpenIdToken", IdentityId=guest, Logins=logins))["IdentityId"] == guest
        assert await get_id(server, pool_id, logins) == guest
        forbidden = ("NotAuthorizedException", f"Access to Identity '{guest}' is forbidden.")
        assert await refused(server, "GetOpenIdToken", IdentityId=guest) == forbidden
        assert await refused(server, "GetOpenIdToken", IdentityId=guest, Logins=await other.logins("kim")) == MISMATCH
        await one.user("lee")
        assert await refused(server, "GetOpenIdToken", IdentityId=guest, Logins=await one.logins("lee")) == MISMATCH

    async def test_a_guest_is_merged_into_the_user_who_signs_in(self, server: TestServer) -> None:
        """The answer names the user's identity, the guest's is disabled and leads there, and whoever keeps data is told."""
        one, _, pool_id = await self.two(server)
        logins = await one.logins("kim")
        kim, guest = await get_id(server, pool_id, logins), await get_id(server, pool_id)
        told: list[IdentityMerged] = []
        server.server.rooms.events.on(IdentityMerged, told.append)
        for _ in range(2):
            assert (await identity(server, "GetOpenIdToken", IdentityId=guest, Logins=logins))["IdentityId"] == kim
        assert [(event.pool_id, event.identity_id, event.into) for event in told] == [(pool_id, guest, kim)]
        no = ("NotAuthorizedException", f"Access to Identity '{guest}' is forbidden.")
        assert await refused(server, "GetOpenIdToken", IdentityId=guest) == no
        named = {"IdentityPoolId": pool_id, "MaxResults": 60}
        listed = (await identity(server, "ListIdentities", **named))["Identities"]
        assert {one["IdentityId"]: one["Logins"] for one in listed} == {kim: [one.name], guest: []}
        enabled = (await identity(server, "ListIdentities", **named, HideDisabled=True))["Identities"]
        assert [one["IdentityId"] for one in enabled] == [kim]

    async def test_a_merged_id_means_the_one_that_has_its_logins(self, server: TestServer) -> None:
        """To unlink too, as to all that names an identity."""
        one, other, pool_id = await self.two(server)
        both = {**await one.logins("kim"), **await other.logins("kim")}
        kim, guest = await get_id(server, pool_id, both), await get_id(server, pool_id)
        assert (await identity(server, "GetOpenIdToken", IdentityId=guest, Logins=both))["IdentityId"] == kim
        await one.user("lee")
        unlink = {"IdentityId": guest, "LoginsToRemove": [other.name]}
        assert await refused(server, "UnlinkIdentity", **unlink, Logins=await one.logins("lee")) == MISMATCH
        await identity(server, "UnlinkIdentity", **unlink, Logins=both)
        assert (await identity(server, "DescribeIdentity", IdentityId=kim))["Logins"] == [one.name]

    async def test_a_guest_signs_in_twice_at_once(self, server: TestServer) -> None:
        """Two users who would both have a guest's identity: one gets it, the other is not let in."""
        one, other, pool_id = await self.two(server)
        guest = await get_id(server, pool_id)
        logins = [await one.logins("kim"), await other.logins("kim")]
        calls = (identity(server, "GetOpenIdToken", IdentityId=guest, Logins=each) for each in logins)
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert sorted(type(one).__name__ for one in done) == ["AwsError", "dict"]


class TestListing:
    async def test_pages(self, server: TestServer) -> None:
        """Each identity once, in pages; a token counts for the list that gave it."""
        pool_id = await identity_pool(server)
        made = {await get_id(server, pool_id) for _ in range(5)}
        named = {"IdentityPoolId": pool_id, "MaxResults": 2}
        found: list[str] = []
        more: dict[str, str] = {}
        while True:
            answer = await identity(server, "ListIdentities", **named, **more)
            found += [one["IdentityId"] for one in answer["Identities"]]
            if "NextToken" not in answer:
                break
            more = {"NextToken": answer["NextToken"]}
        assert found == sorted(made)
        bad = ("InvalidParameterException", "Invalid NextToken.")
        assert await refused(server, "ListIdentities", **named, HideDisabled=True, **more) == bad
        other = {**named, "IdentityPoolId": await identity_pool(server)}
        assert await refused(server, "ListIdentities", **other, **more) == bad

    async def test_deletion_answers_for_each(self, server: TestServer) -> None:
        """Those that are there are deleted, the others named; a user who comes again is a new identity."""
        directory, pool_id = await setting(server)
        logins = await directory.logins("kim")
        kim, guest = await get_id(server, pool_id, logins), await get_id(server, pool_id)
        absent = "us-east-1:00000000-0000-4000-8000-000000000000"
        told: list[IdentityDeleted] = []
        server.server.rooms.events.on(IdentityDeleted, told.append)
        answer = await identity(server, "DeleteIdentities", IdentityIdsToDelete=[kim, absent, guest])
        assert answer == {"UnprocessedIdentityIds": [{"IdentityId": absent, "ErrorCode": "AccessDenied"}]}
        assert [event.identity_id for event in told] == [kim, guest]
        gone = ("ResourceNotFoundException", f"Identity '{kim}' not found.")
        assert await refused(server, "DescribeIdentity", IdentityId=kim) == gone
        assert await refused(server, "GetOpenIdToken", IdentityId=kim, Logins=logins) == gone
        assert await get_id(server, pool_id, logins) != kim

    async def test_a_failure_at_one_leaves_the_others_answered(self, server: TestServer) -> None:
        """The storage holds on to one of three: it alone is named, and stays whole; the deletions before and after it are told and done."""
        directory, pool_id = await setting(server)
        logins = await directory.logins("kim")
        first, kim, last = await get_id(server, pool_id), await get_id(server, pool_id, logins), await get_id(server, pool_id)
        told: list[IdentityDeleted] = []
        server.server.rooms.events.on(IdentityDeleted, told.append)
        async with held(server, pool_id, kim):
            answer = await identity(server, "DeleteIdentities", IdentityIdsToDelete=[first, kim, last])
        assert answer == {"UnprocessedIdentityIds": [{"IdentityId": kim, "ErrorCode": "InternalServerError"}]}
        assert [event.identity_id for event in told] == [first, last]
        left = (await identity(server, "ListIdentities", IdentityPoolId=pool_id, MaxResults=9))["Identities"]
        assert [one["IdentityId"] for one in left] == [kim]
        assert await get_id(server, pool_id, logins) == kim


@asynccontextmanager
async def held(server: TestServer, pool_id: str, identity_id: str) -> AsyncIterator[None]:
    """The database itself refuses to delete one identity."""
    engine = server.store.engine
    refuses = f"BEFORE DELETE ON identities WHEN old.pool_id = '{pool_id}' AND old.identity_id = '{identity_id}'"
    sqlite = [f"CREATE TRIGGER hold {refuses} BEGIN SELECT RAISE(ABORT, 'held'); END"]
    postgresql = [
        "CREATE FUNCTION held() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'held'; END $$ LANGUAGE plpgsql",
        f"CREATE TRIGGER hold {refuses.replace(' WHEN ', ' FOR EACH ROW WHEN (')}) EXECUTE FUNCTION held()",
    ]
    on_sqlite = engine.name == "sqlite"
    await engine.script(sqlite if on_sqlite else postgresql)
    try:
        yield
    finally:
        await engine.script(["DROP TRIGGER hold"] if on_sqlite else ["DROP TRIGGER hold ON identities", "DROP FUNCTION held()"])
