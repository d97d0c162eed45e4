"""Sign-in through an OpenID Connect provider: whose profile it is, which functions are asked, and what does not get in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from cognomen.userpools.federation.sign_in import Departure, FederationError, identified
from tests.kit.federation import CALLBACK, Door, door, functions
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, TestServer
from tests.kit.upstream import CLIENT, OpenId, query_of

MAPPING = {"email": "email", "name": "name"}
ALL = ("InboundFederation", "PreSignUp", "PostConfirmation", "PreAuthentication", "PostAuthentication", "PreTokenGeneration")


@pytest.fixture
def there(server: TestServer) -> Iterator[OpenId]:
    with OpenId() as provider:
        provider.now = server.clock.now()
        yield provider


async def okta(server: TestServer, there: OpenId, mapping: dict[str, str] | None = None, **more: Any) -> Door:
    return await door(server, "Okta", "OIDC", there.details(), mapping=MAPPING if mapping is None else mapping, **more)


async def refused(at: Door, there: OpenId, returned: dict[str, str] | None = None, left: Departure | None = None) -> str:
    """The public text of a sign-in that fails."""
    left = left or await at.depart()
    given = there.authorize(left.url) if returned is None else returned
    with pytest.raises(FederationError) as error:
        await at.arrive(given, left.kept)
    return error.value.text


class TestDepart:
    async def test_what_is_asked(self, server: TestServer, there: OpenId) -> None:
        """The code flow with state, nonce and PKCE; nothing that is kept is in the address but the nonce."""
        at = await okta(server, there)
        left = await at.depart("the-state", login_hint="anna@example.com", lang="de")
        asked = query_of(left.url)
        assert (left.kept["state"], left.kept["nonce"]) == ("the-state", asked.pop("nonce"))
        assert left.kept["verifier"] not in left.url
        assert len(asked.pop("code_challenge")) == 43
        assert asked == {
            "client_id": CLIENT,
            "redirect_uri": CALLBACK,
            "scope": "openid email",
            "response_type": "code",
            "state": "the-state",
            "login_hint": "anna@example.com",
            "ui_locales": "de",
            "code_challenge_method": "S256",
        }

    async def test_each_departure_is_its_own(self, server: TestServer, there: OpenId) -> None:
        at = await okta(server, there)
        one, other = await at.depart(), await at.depart()
        assert all(one.kept[name] != other.kept[name] for name in ("nonce", "verifier"))

    async def test_a_client_that_does_not_support_it(self, server: TestServer, there: OpenId) -> None:
        """And a provider of another pool."""
        at, other = await okta(server, there), await okta(server, there)
        at.client_id = await server.client(at.pool_id)
        with pytest.raises(Exception, match="Identity provider Okta is not supported by the client"):
            await at.depart()
        other.provider = "Ping"
        with pytest.raises(Exception, match="Identity provider Ping does not exist"):
            await other.depart()

    async def test_an_identifier_or_an_address_leads_there(self, server: TestServer, there: OpenId) -> None:
        at = await okta(server, there)
        await server.call("UpdateIdentityProvider", UserPoolId=at.pool_id, ProviderName="Okta", IdpIdentifiers=["Example.com", "okta"])
        cx, pool, _ = await at._whose()
        found = [await identified(cx, pool, name) for name in ("okta", "bob@EXAMPLE.com", "example.com", "bob@other.com", "", "@")]
        assert [one.name if one else None for one in found] == ["Okta", "Okta", "Okta", None, None, None]


class TestProfile:
    async def test_the_first_sign_in_makes_it(self, server: TestServer, there: OpenId) -> None:
        """Called after the provider and its id of the user, without a password, in the provider's group; email unverified unless mapped."""
        at = await okta(server, there)
        there.info = {"name": "Anna"}
        user = await at.go(there.authorize)
        now = server.clock.now()
        identity = {"userId": "user-1", "providerName": "Okta", "providerType": "OIDC", "issuer": None, "primary": True}
        shown = await at.shown("Okta_user-1")
        assert json.loads(shown.pop("identities")) == [{**identity, "dateCreated": int(now * 1000)}]
        assert shown == {
            "status": "EXTERNAL_PROVIDER",
            "enabled": True,
            "sub": user.sub,
            "email": "anna@example.com",
            "email_verified": "false",
            "name": "Anna",
        }
        groups = await server.call("AdminListGroupsForUser", UserPoolId=at.pool_id, Username="Okta_user-1")
        assert [(one["GroupName"], one["Description"]) for one in groups["Groups"]] == [
            (f"{at.pool_id}_Okta", "Autogenerated group for users who sign in using Okta")
        ]
        listed = (await server.call("ListUsers", UserPoolId=at.pool_id))["Users"]
        assert [(one["Username"], one["UserStatus"]) for one in listed] == [("Okta_user-1", "EXTERNAL_PROVIDER")]

    async def test_later_ones_update_it(self, server: TestServer, there: OpenId) -> None:
        """Attributes that came; one that does not come any more stays; a new address is unverified again unless the provider says so."""
        at = await okta(server, there, {**MAPPING, "email_verified": "email_verified"})
        there.person |= {"name": "Anna", "email_verified": True}
        first = await at.go(there.authorize)
        assert (await at.shown(first.username))["email_verified"] == "true"
        there.person = {"sub": "user-1", "email": "other@example.com"}
        again = await at.go(there.authorize)
        shown = await at.shown(first.username)
        assert (again.sub, shown["email"], shown["email_verified"], shown["name"]) == (first.sub, "other@example.com", "false", "Anna")

    async def test_subjects_are_told_apart_to_the_letter(self, server: TestServer, there: OpenId) -> None:
        """In a pool where case does not count, names are small; an id that differs by case is another person's, and does not get in as the first."""
        at = await okta(server, there, UsernameConfiguration={"CaseSensitive": False})
        user = await at.go(there.authorize)
        assert user.username == "okta_user-1"
        there.person["sub"] = "USER-1"
        assert await refused(at, there) == "Already found an entry for username okta_user-1"

    async def test_a_name_that_is_taken_by_somebody_else(self, server: TestServer, there: OpenId) -> None:
        """Who signed up under the name that a profile would have gets nothing of it."""
        at = await okta(server, there)
        await server.user(at.pool_id, "Okta_user-1")
        assert await refused(at, there) == "Already found an entry for username Okta_user-1"
        assert "identities" not in await at.shown("Okta_user-1")

    async def test_nobody_signs_up_as_a_profile(self, server: TestServer, there: OpenId) -> None:
        """In any case of letters; other names with such a sign are anybody's."""
        at = await okta(server, there)
        members = {"ClientId": at.client_id, "Password": PASSWORD}
        for name in ("Okta_user-1", "okta_x", "OKTA_"):
            refused = ("InvalidParameterException", "Username cannot begin with the name of an identity provider.")
            assert await refusal(server, "SignUp", Username=name, **members) == refused
        for name in ("Okta", "Google_1", "x_Okta_1"):
            await server.call("SignUp", Username=name, **members)

    async def test_of_two_at_once_one_is_made(self, server: TestServer, there: OpenId) -> None:
        """Both sign in, as one user; PostConfirmation is asked once."""
        config = functions(server, "PreSignUp", "PostConfirmation")
        at = await okta(server, there, LambdaConfig=config)
        users = await asyncio.gather(*(at.go(there.authorize, state=f"s{n}") for n in range(4)))
        assert len({user.sub for user in users}) == 1
        assert len((await server.call("ListUsers", UserPoolId=at.pool_id))["Users"]) == 1
        assert [event["triggerSource"] for event in server.functions.events].count("PostConfirmation_ConfirmSignUp") == 1

    async def test_values_of_every_kind(self, server: TestServer, there: OpenId) -> None:
        """Joined lists, numbers, truth values, objects and tokens become texts; null is none."""
        names = ("list", "one", "number", "truth", "object", "none", "token")
        schema = [{"Name": name, "AttributeDataType": "String", "StringAttributeConstraints": {}} for name in names]
        mapping = {f"custom:{name}": name for name in names[:-1]} | {"custom:token": "access_token", "address": "address"}
        at = await okta(server, there, mapping, Schema=schema)
        there.person |= {"list": ["a b", "ä", "c-1"], "one": ["x y"], "number": 7, "truth": False, "object": {"a": 1}, "none": None}
        there.person["address"] = {"formatted": "Main Street 1"}
        await at.go(there.authorize)
        shown = await at.shown("Okta_user-1")
        assert {name: value for name, value in shown.items() if name.startswith(("custom:", "address"))} == {
            "custom:list": "[a+b, %C3%A4, c-1]",
            "custom:one": "x y",
            "custom:number": "7",
            "custom:truth": "false",
            "custom:object": '{"a":1}',
            "custom:token": "access-there",
            "address": "Main Street 1",
        }

    @pytest.mark.parametrize(
        ("person", "text"),
        [
            ({"email": "no address"}, "Invalid user attributes: email: Invalid email address format.\n"),
            ({"name": "x" * 2049}, "Invalid user attributes: name: String attribute value is longer than the maximum length of 2048.\n"),
            ({"name": "a\0b"}, "Invalid user attributes: name: String attribute value has a NUL character.\n"),
            ({"sub": "with space"}, "The user name has spaces or control characters."),
            ({"sub": "x" * 124}, "The user name is longer than 128 characters."),
            ({"sub": "a\0b"}, "The user name has spaces or control characters."),
        ],
    )
    async def test_hostile_values(self, server: TestServer, there: OpenId, person: dict[str, str], text: str) -> None:
        """Make no profile, nor change one."""
        at = await okta(server, there)
        there.person |= person
        assert await refused(at, there) == text
        assert (await server.call("ListUsers", UserPoolId=at.pool_id))["Users"] == []

    async def test_a_required_attribute_that_does_not_come(self, server: TestServer, there: OpenId) -> None:
        schema = [{"Name": "email", "Required": True}, {"Name": "given_name", "Required": True}]
        at = await okta(server, there, Schema=schema)
        assert await refused(at, there) == "attributes required: [given_name]"

    async def test_an_attribute_that_cannot_change(self, server: TestServer, there: OpenId) -> None:
        """The second sign-in fails, as it does at AWS, also with the value that is there."""
        at = await okta(server, there, Schema=[{"Name": "email", "Mutable": False}])
        await at.go(there.authorize)
        assert await refused(at, there) == "Invalid user attributes: email: Attribute cannot be updated.\n"

    async def test_an_attribute_that_the_client_may_not_write(self, server: TestServer, there: OpenId) -> None:
        at = await okta(server, there, client={"WriteAttributes": ["email"]})
        there.person["name"] = "Anna"
        assert await refused(at, there) == "A client attempted to write unauthorized attribute"

    async def test_a_disabled_profile(self, server: TestServer, there: OpenId) -> None:
        """Does not sign in; one that was deleted is made anew."""
        at = await okta(server, there)
        first = await at.go(there.authorize)
        await server.call("AdminDisableUser", UserPoolId=at.pool_id, Username=first.username)
        assert await refused(at, there) == "User is disabled."
        await server.call("AdminDeleteUser", UserPoolId=at.pool_id, Username=first.username)
        again = await at.go(there.authorize)
        assert (again.username, again.sub == first.sub) == (first.username, False)

    async def test_a_profile_takes_nobodys_alias(self, server: TestServer, there: OpenId) -> None:
        """An address that a provider calls verified leads to whom it led to before."""
        at = await okta(server, there, {**MAPPING, "email_verified": "email_verified"}, AliasAttributes=["email"])
        await server.user(at.pool_id, "anna", email="anna@example.com", email_verified="true")
        there.person["email_verified"] = True
        for _ in range(2):
            await at.go(there.authorize)
        found = await server.call("AdminGetUser", UserPoolId=at.pool_id, Username="anna@example.com")
        assert found["Username"] == "anna"

    async def test_levels_of_authentication(self, server: TestServer, there: OpenId) -> None:
        """The pool's names are translated for the provider, and what it says back; what is not mapped is the lowest."""
        at = await okta(server, there, acr={"Level1": "low", "Level4": "high"})
        values = (await server.call("DescribeUserPool", UserPoolId=at.pool_id))["UserPool"]["AcrConfiguration"]["Level4"]["AcrValue"]
        assert query_of((await at.depart(acr_values=values)).url)["acr_values"] == "high"
        levels = []
        for said in ("high", "low", "other", None):
            there.person["acr"] = said
            left = await at.depart()
            levels.append((await at.arrival(there.authorize(left.url), left.kept)).level)
        assert levels == [4, 1, 1, 1]


class TestFunctions:
    async def test_who_is_asked_when(self, server: TestServer, there: OpenId) -> None:
        """The first time: InboundFederation, PreSignUp_ExternalProvider, PostConfirmation. Later: InboundFederation, PreAuthentication,
        PostAuthentication."""
        at = await okta(server, there, LambdaConfig=functions(server, *ALL))
        await at.go(there.authorize)
        first = [event["triggerSource"] for event in server.functions.events]
        server.functions.events.clear()
        await at.go(there.authorize)
        later = [event["triggerSource"] for event in server.functions.events]
        assert first == ["InboundFederation_ExternalProvider", "PreSignUp_ExternalProvider", "PostConfirmation_ConfirmSignUp"]
        assert later == ["InboundFederation_ExternalProvider", "PreAuthentication_Authentication", "PostAuthentication_Authentication"]

    async def test_what_they_see(self, server: TestServer, there: OpenId) -> None:
        there.info = {"name": "Anna"}
        at = await okta(server, there, LambdaConfig=functions(server, "InboundFederation", "PreSignUp", "PostConfirmation"))
        user = await at.go(there.authorize)
        inbound, before, after = server.functions.events
        assert {event["userName"] for event in server.functions.events} == {"Okta_user-1"}
        assert {event["callerContext"]["clientId"] for event in server.functions.events} == {at.client_id}
        request = inbound["request"]
        assert (request["providerName"], request["providerType"]) == ("Okta", "OIDC")
        assert request["attributes"].keys() == {"tokenResponse", "idToken", "userInfo"}
        answered = {"access_token", "id_token", "token_type", "expires_in"}
        assert request["attributes"]["tokenResponse"].keys() == answered
        assert request["attributes"]["idToken"]["email"] == "anna@example.com"
        assert request["attributes"]["userInfo"] == {"sub": "user-1", "name": "Anna"}
        assert before["request"]["userAttributes"] == {
            "cognito:email_alias": "",
            "cognito:phone_number_alias": "",
            "email": "anna@example.com",
            "email_verified": "false",
            "name": "Anna",
        }
        told = after["request"]["userAttributes"]
        assert (told["sub"], told["cognito:user_status"]) == (user.sub, "EXTERNAL_PROVIDER")
        assert json.loads(told["identities"])[0]["userId"] == "user-1"

    async def test_what_inbound_federation_says_is_mapped(self, server: TestServer, there: OpenId) -> None:
        """In the place of all that the provider said; who the user is stays the provider's word."""
        config = functions(
            server, "InboundFederation", InboundFederation=lambda event: {"userAttributesToMap": {"name": "Changed", "sub": "someone-else"}}
        )
        at = await okta(server, there, LambdaConfig=config)
        user = await at.go(there.authorize)
        shown = await at.shown("Okta_user-1")
        assert (user.username, shown["name"], "email" in shown) == ("Okta_user-1", "Changed", False)

    async def test_pre_sign_up_refuses(self, server: TestServer, there: OpenId) -> None:
        """And there is no profile; nor where the function does not answer."""

        def refuse(event: dict[str, Any]) -> Any:
            raise RuntimeError("not you")

        at = await okta(server, there, LambdaConfig=functions(server, "PreSignUp", PreSignUp=refuse))
        left = await at.depart()
        with pytest.raises(Exception, match="PreSignUp failed with error not you"):
            await at.arrive(there.authorize(left.url), left.kept)
        assert (await server.call("ListUsers", UserPoolId=at.pool_id))["Users"] == []

    async def test_pre_sign_up_verifies(self, server: TestServer, there: OpenId) -> None:
        """Verified by the function's word; the alias moves, as AWS documents; confirmed it is not."""
        flags = {"autoVerifyEmail": True, "autoConfirmUser": True}
        config = functions(
            server, "PreSignUp", PreSignUp=lambda event: flags if event["triggerSource"] == "PreSignUp_ExternalProvider" else {}
        )
        at = await okta(server, there, LambdaConfig=config, AliasAttributes=["email"])
        await server.user(at.pool_id, "anna", email="anna@example.com", email_verified="true")
        user = await at.go(there.authorize)
        shown = await at.shown("anna@example.com")
        assert (shown["sub"], shown["email_verified"], shown["status"]) == (user.sub, "true", "EXTERNAL_PROVIDER")
        assert (await at.shown("anna"))["email_verified"] == "false"

    async def test_post_authentication_refuses(self, server: TestServer, there: OpenId) -> None:
        def refuse(event: dict[str, Any]) -> Any:
            raise RuntimeError("not today")

        at = await okta(server, there, LambdaConfig=functions(server, "PostAuthentication", PostAuthentication=refuse))
        await at.go(there.authorize)
        left = await at.depart()
        with pytest.raises(Exception, match="PostAuthentication failed with error not today"):
            await at.arrive(there.authorize(left.url), left.kept)


class TestNoPassword:
    async def test_there_is_nothing_to_prove(self, server: TestServer, there: OpenId) -> None:
        """Flows with a password, its reset and its change are refused in AWS's words."""
        at = await okta(server, there)
        user = await at.go(there.authorize)
        named = {"Username": user.username}
        parameters = {"USERNAME": user.username, "PASSWORD": PASSWORD}
        members = {"ClientId": at.client_id, "AuthParameters": parameters}
        denied = ("NotAuthorizedException", "User is not authorized to get auth details.")
        assert await refusal(server, "InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", **members) == denied
        srp = {"ClientId": at.client_id, "AuthParameters": {"USERNAME": user.username, "SRP_A": "2"}}
        assert await refusal(server, "InitiateAuth", AuthFlow="USER_SRP_AUTH", **srp) == denied
        admin = {"UserPoolId": at.pool_id, **members, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}
        assert await refusal(server, "AdminInitiateAuth", **admin) == denied
        state = ("NotAuthorizedException", "User password cannot be reset in the current state.")
        assert await refusal(server, "ForgotPassword", ClientId=at.client_id, **named) == state
        assert await refusal(server, "AdminResetUserPassword", UserPoolId=at.pool_id, **named) == state

    async def test_where_users_are_hidden(self, server: TestServer, there: OpenId) -> None:
        """A profile looks as nobody does, to a function too, and the one for former users is not asked."""
        config = functions(server, "UserMigration", "PreAuthentication")
        at = await okta(server, there, client={"PreventUserExistenceErrors": "ENABLED"}, LambdaConfig=config)
        user = await at.go(there.authorize)
        wrong = ("NotAuthorizedException", "Incorrect username or password.")
        members = {"ClientId": at.client_id, "AuthFlow": "USER_PASSWORD_AUTH"}
        parameters = {"USERNAME": user.username, "PASSWORD": PASSWORD}
        assert await refusal(server, "InitiateAuth", **members, AuthParameters=parameters) == wrong
        (event,) = server.functions.events
        assert (event["triggerSource"], event["request"]["userNotFound"]) == ("PreAuthentication_Authentication", True)

    async def test_an_administrator_gives_one(self, server: TestServer, there: OpenId) -> None:
        """From then on both ways lead to one user (AdminSetUserPassword's documentation)."""
        at = await okta(server, there)
        user = await at.go(there.authorize)
        await server.call("AdminSetUserPassword", UserPoolId=at.pool_id, Username=user.username, Password=PASSWORD, Permanent=True)
        assert "AccessToken" in await server.sign_in(at.client_id, user.username)
        again = await at.go(there.authorize)
        assert (again.sub, again.status) == (user.sub, "CONFIRMED")
