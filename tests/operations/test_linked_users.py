"""Identities of providers that are linked to users, and what becomes of the next sign-in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from cognomen.userpools.federation.sign_in import FederationError
from tests.kit.federation import Door, door, functions
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.upstream import OpenId

LINK, DISABLE = "AdminLinkProviderForUser", "AdminDisableProviderForUser"
SUBJECT, INVALID = "Cognito_Subject", "InvalidParameterException"
NO_USER = ("UserNotFoundException", "User does not exist.")


@pytest.fixture
def there(server: TestServer) -> Iterator[OpenId]:
    with OpenId() as provider:
        provider.now = server.clock.now()
        yield provider


async def okta(server: TestServer, there: OpenId, **more: Any) -> Door:
    return await door(server, "Okta", "OIDC", there.details(), mapping={"email": "email", "name": "name"}, **more)


def who(provider: str, value: str, attribute: str = SUBJECT) -> dict[str, str]:
    return {"ProviderName": provider, "ProviderAttributeName": attribute, "ProviderAttributeValue": value}


async def link(at: Door, username: str = "anna", value: str = "user-1", attribute: str = SUBJECT) -> None:
    source = who("Okta", value, attribute)
    await at.server.call(LINK, UserPoolId=at.pool_id, DestinationUser=who("Cognito", username, ""), SourceUser=source)


async def identities(at: Door, username: str = "anna") -> list[tuple[str, str, bool]]:
    shown = json.loads((await at.shown(username)).get("identities", "[]"))
    return [(one["providerName"], one["userId"], one["primary"]) for one in shown]


class TestLink:
    async def test_the_next_sign_in_is_the_users(self, server: TestServer, there: OpenId) -> None:
        """No profile is made; the user is updated, and keeps password and status."""
        at = await okta(server, there)
        sub = await server.user(at.pool_id, "anna", email="old@example.com")
        await link(at)
        there.person["name"] = "Anna"
        user = await at.go(there.authorize)
        shown = await at.shown("anna")
        assert (user.sub, user.username, shown["status"], shown["name"]) == (sub, "anna", "CONFIRMED", "Anna")
        assert (shown["email"], shown["email_verified"]) == ("anna@example.com", "false")
        assert await identities(at) == [("Okta", "user-1", False)]
        assert len((await server.call("ListUsers", UserPoolId=at.pool_id))["Users"]) == 1
        assert "AccessToken" in await server.sign_in(at.client_id, "anna")

    async def test_by_an_attribute(self, server: TestServer, there: OpenId) -> None:
        """Who comes with it first is linked by their subject; a second person with the same value has a profile of their own."""
        at = await okta(server, there)
        sub = await server.user(at.pool_id, "anna")
        await link(at, value="anna@example.com", attribute="email")
        assert await identities(at) == [("Okta", "anna@example.com", False)]
        assert (await at.go(there.authorize)).sub == sub
        assert await identities(at) == [("Okta", "user-1", False)]
        there.person["sub"] = "user-2"
        other = await at.go(there.authorize)
        assert (other.username, other.sub == sub) == ("Okta_user-2", False)

    async def test_by_an_attribute_of_two_at_once(self, server: TestServer, there: OpenId) -> None:
        """One is linked, the other gets a profile."""
        at = await okta(server, there)
        await server.user(at.pool_id, "anna")
        await link(at, value="anna@example.com", attribute="email")
        there.answers["/.well-known/openid-configuration"].pop("userinfo_endpoint")
        await server.call("UpdateIdentityProvider", UserPoolId=at.pool_id, ProviderName="Okta", ProviderDetails=there.details())
        left = [await at.depart(f"s{n}") for n in range(4)]
        back = [there.authorize(one.url) for one in left]
        for n, returned in enumerate(back):
            there.people[returned["code"]] = {"sub": f"user-{n}", "email": "anna@example.com"}
        users = await asyncio.gather(*(at.arrive(returned, one.kept) for returned, one in zip(back, left, strict=True)))
        assert [user.username for user in users].count("anna") == 1
        assert len({user.sub for user in users}) == 4

    async def test_a_profile_as_destination(self, server: TestServer, there: OpenId) -> None:
        """By the id at its provider."""
        at = await okta(server, there)
        user = await at.go(there.authorize)
        await server.call(LINK, UserPoolId=at.pool_id, DestinationUser=who("Okta", "user-1"), SourceUser=who("Okta", "user-9"))
        there.person["sub"] = "user-9"
        assert (await at.go(there.authorize)).sub == user.sub
        assert await identities(at, "Okta_user-1") == [("Okta", "user-1", True), ("Okta", "user-9", False)]

    async def test_five_and_no_more(self, server: TestServer, there: OpenId) -> None:
        """Also of those that are asked for at once; the same one again is none more."""
        at = await okta(server, there)
        await server.user(at.pool_id, "anna")
        asked = [link(at, value=f"user-{n}") for n in range(7)]
        made = await asyncio.gather(*asked, return_exceptions=True)
        assert [each.code for each in made if isinstance(each, AwsError)] == ["LimitExceededException"] * 2
        (_, value, _), *_ = await identities(at)
        await link(at, value=value)
        assert len(await identities(at)) == 5

    @pytest.mark.parametrize(
        ("destination", "source", "refused"),
        [
            (who("Cognito", "nobody"), who("Okta", "1"), NO_USER),
            (who("Okta", "nobody"), who("Okta", "1"), NO_USER),
            (
                who("Cognito", "anna"),
                who("Cognito", "bob"),
                (
                    INVALID,
                    "Invalid SourceUser: Cognito users with a username/password may not be passed in as a SourceUser, only as a DestinationUser",
                ),
            ),
            (who("Cognito", "anna"), who("Ping", "1"), (INVALID, "Invalid SourceUser: The provider Ping does not exist for User Pool {}.")),
            (
                who("Cognito", "anna"),
                who("Okta", "1", "given_name"),
                (INVALID, f"Invalid SourceUser: ProviderAttributeName must be {SUBJECT} or an attribute that the provider maps."),
            ),
            (
                who("Cognito", "anna"),
                who("Google", "1", "email"),
                (INVALID, f"Invalid SourceUser: ProviderAttributeName must be {SUBJECT}."),
            ),
            (
                who("Cognito", "anna"),
                {"ProviderName": "Okta"},
                (INVALID, "Invalid SourceUser: ProviderName and ProviderAttributeValue are required."),
            ),
            (who("Cognito", "anna"), who("Okta", "x" * 513), (INVALID, "ProviderAttributeValue can have 512 characters.")),
        ],
    )
    async def test_what_is_refused(
        self, server: TestServer, there: OpenId, destination: dict[str, str], source: dict[str, str], refused: tuple[str, str]
    ) -> None:
        at = await okta(server, there)
        await server.user(at.pool_id, "anna")
        google = {"client_id": "x", "client_secret": "y", "authorize_scopes": "openid"}
        await server.call(
            "CreateIdentityProvider", UserPoolId=at.pool_id, ProviderName="Google", ProviderType="Google", ProviderDetails=google
        )
        answer = await refusal(server, LINK, UserPoolId=at.pool_id, DestinationUser=destination, SourceUser=source)
        assert answer == (refused[0], refused[1].format(at.pool_id))
        assert await identities(at) == []

    async def test_an_identity_that_is_somebodys(self, server: TestServer, there: OpenId) -> None:
        """One with a profile is not merged; one that is linked is another's."""
        at = await okta(server, there)
        await server.user(at.pool_id, "anna")
        await server.user(at.pool_id, "bob")
        await at.go(there.authorize)
        merging = "Merging is not currently supported, provide a SourceUser that has not been signed up in order to link"
        users = {"DestinationUser": who("Cognito", "bob"), "SourceUser": who("Okta", "user-1")}
        assert await refusal(server, LINK, UserPoolId=at.pool_id, **users) == (INVALID, merging)
        await link(at, value="user-2")
        users["SourceUser"] = who("Okta", "user-2")
        linked = ("AliasExistsException", "The SourceUser is already linked to another user.")
        assert await refusal(server, LINK, UserPoolId=at.pool_id, **users) == linked

    async def test_another_pools_link_counts_for_nothing(self, server: TestServer, there: OpenId) -> None:
        at, other = await okta(server, there), await okta(server, there)
        await server.user(at.pool_id, "anna")
        await link(at)
        assert (await other.go(there.authorize)).username == "Okta_user-1"

    @pytest.mark.parametrize("attribute", [SUBJECT, "email"])
    async def test_linked_in_pre_sign_up(self, server: TestServer, there: OpenId, attribute: str) -> None:
        """The sign-in at which the function links is the linked user's already."""

        async def joins(event: dict[str, Any]) -> Any:
            if event["triggerSource"] == "PreSignUp_ExternalProvider":
                provider, _, subject = event["userName"].partition("_")
                assert provider == "Okta"
                await link(at, value=subject if attribute == SUBJECT else event["request"]["userAttributes"]["email"], attribute=attribute)
            return {}

        at = await okta(server, there, LambdaConfig=functions(server, "PreSignUp", "PostConfirmation", PreSignUp=joins))
        sub = await server.user(at.pool_id, "anna")
        server.functions.events.clear()
        assert (await at.go(there.authorize)).sub == sub
        assert [event["triggerSource"] for event in server.functions.events] == ["PreSignUp_ExternalProvider"]

    async def test_a_linked_user_who_is_disabled(self, server: TestServer, there: OpenId) -> None:
        at = await okta(server, there)
        await server.user(at.pool_id, "anna")
        await link(at)
        await server.call("AdminDisableUser", UserPoolId=at.pool_id, Username="anna")
        with pytest.raises(FederationError, match="User is disabled"):
            await at.go(there.authorize)

    async def test_a_deleted_user_leaves_no_link(self, server: TestServer, there: OpenId) -> None:
        at = await okta(server, there)
        await server.user(at.pool_id, "anna")
        await link(at)
        await server.call("AdminDeleteUser", UserPoolId=at.pool_id, Username="anna")
        assert (await at.go(there.authorize)).username == "Okta_user-1"

    async def test_an_address_that_is_anothers(self, server: TestServer, there: OpenId) -> None:
        """A provider's word takes no alias from its owner: the sign-in fails, and nothing has changed."""
        at = await okta(server, there, AliasAttributes=["email"])
        await server.call(
            "UpdateIdentityProvider",
            UserPoolId=at.pool_id,
            ProviderName="Okta",
            AttributeMapping={"email": "email", "email_verified": "email_verified"},
        )
        await server.user(at.pool_id, "victim", email="anna@example.com", email_verified="true")
        await server.user(at.pool_id, "anna", email="own@example.com", email_verified="true")
        await link(at)
        there.person["email_verified"] = True
        with pytest.raises(FederationError, match="An account with the given email already exists"):
            await at.go(there.authorize)
        assert ((await at.shown("anna@example.com"))["email"], (await at.shown("anna"))["email"]) == ("anna@example.com", "own@example.com")


class TestDisable:
    async def test_a_link_is_taken_away(self, server: TestServer, there: OpenId) -> None:
        """The next sign-in makes a profile; the user is as before."""
        at = await okta(server, there)
        await server.user(at.pool_id, "anna")
        await link(at)
        await at.go(there.authorize)
        await server.call(DISABLE, UserPoolId=at.pool_id, User=who("Okta", "user-1"))
        assert await identities(at) == []
        assert (await at.go(there.authorize)).username == "Okta_user-1"
        assert "AccessToken" in await server.sign_in(at.client_id, "anna")

    async def test_a_link_by_attribute(self, server: TestServer, there: OpenId) -> None:
        """By the attribute until it was used, by the subject from then on."""
        at = await okta(server, there)
        await server.user(at.pool_id, "anna")
        by_email: dict[str, Any] = {"UserPoolId": at.pool_id, "User": who("Okta", "anna@example.com", "email")}
        await link(at, value="anna@example.com", attribute="email")
        await server.call(DISABLE, **by_email)
        assert await identities(at) == []
        await link(at, value="anna@example.com", attribute="email")
        await at.go(there.authorize)
        assert await refusal(server, DISABLE, **by_email) == NO_USER
        await server.call(DISABLE, UserPoolId=at.pool_id, User=who("Okta", "user-1"))
        assert await identities(at) == []

    async def test_a_profile_is_disabled(self, server: TestServer, there: OpenId) -> None:
        at = await okta(server, there)
        user = await at.go(there.authorize)
        await server.call(DISABLE, UserPoolId=at.pool_id, User=who("Okta", "user-1"))
        assert (await at.shown(user.username))["enabled"] is False
        with pytest.raises(FederationError, match="User is disabled"):
            await at.go(there.authorize)

    async def test_a_local_user_loses_the_password(self, server: TestServer, there: OpenId) -> None:
        """And signs in through what is linked; an administrator gives another."""
        at = await okta(server, there)
        sub = await server.user(at.pool_id, "anna")
        await link(at)
        await server.call(DISABLE, UserPoolId=at.pool_id, User=who("Cognito", "anna"))
        members = {"ClientId": at.client_id, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": "anna", "PASSWORD": PASSWORD}}
        denied = ("NotAuthorizedException", "User is not authorized to get auth details.")
        assert await refusal(server, "InitiateAuth", **members) == denied
        assert (await at.go(there.authorize)).sub == sub
        await server.call("AdminSetUserPassword", UserPoolId=at.pool_id, Username="anna", Password=PASSWORD, Permanent=True)
        assert "AccessToken" in await server.sign_in(at.client_id, "anna")

    async def test_who_is_not_there(self, server: TestServer, there: OpenId) -> None:
        at = await okta(server, there)
        for user in (who("Okta", "nobody"), who("Cognito", "nobody")):
            assert await refusal(server, DISABLE, UserPoolId=at.pool_id, User=user) == NO_USER
        text = f"Invalid User: ProviderAttributeName must be {SUBJECT}."
        assert await refusal(server, DISABLE, UserPoolId=at.pool_id, User=who("Cognito", "x", "email")) == (INVALID, text)
