"""From a provider to an app's tokens: what they say of where the user is from, and what such a user may do with them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cognomen.userpools import browser
from tests.kit.federation import Door, functions
from tests.kit.oauth import App, claims
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, TestServer
from tests.kit.upstream import OpenId

SCOPE = "openid aws.cognito.signin.user.admin"


@pytest.fixture
def there(server: TestServer) -> Iterator[OpenId]:
    with OpenId() as provider:
        provider.now = server.clock.now()
        yield provider


async def app_and_door(server: TestServer, there: OpenId, *triggers: str) -> tuple[App, Door]:
    app = await App(server).made(pool={"LambdaConfig": functions(server, *triggers)} if triggers else {})
    await server.call(
        "CreateIdentityProvider",
        UserPoolId=app.pool,
        ProviderName="Okta",
        ProviderType="OIDC",
        ProviderDetails=there.details(),
        AttributeMapping={"email": "email"},
    )
    await app.another(SupportedIdentityProviders=["COGNITO", "Okta"])
    return app, Door(server, app.pool, app.client, "Okta")


async def tokens(app: App, at: Door, there: OpenId) -> dict[str, str]:
    """As the edge does it: the user who arrived enters, and the app exchanges the code."""
    user = await at.go(there.authorize)
    cx, door, wanted = await app.checked(scope=SCOPE, nonce="n-1")
    entered = await browser.enter(cx, door.pool, wanted.client, wanted.asked, user, "Okta")
    reply = await app.exchange(entered.granted.parameters["code"])
    assert reply.status == 200, reply.body
    return dict(reply.json)


async def test_the_id_token_says_where_from(server: TestServer, there: OpenId) -> None:
    """`identities`, all of whose members are texts, as on AWS; the group of the provider; the pool's own issuer, name and nonce."""
    app, at = await app_and_door(server, there)
    made = await tokens(app, at, there)
    identity, access = claims(made["id_token"]), claims(made["access_token"])
    assert identity["identities"] == [
        {
            "userId": "user-1",
            "providerName": "Okta",
            "providerType": "OIDC",
            "issuer": None,
            "primary": "true",
            "dateCreated": str(int(server.clock.now() * 1000)),
        }
    ]
    assert (identity["cognito:username"], identity["nonce"], identity["email"], identity["email_verified"]) == (
        "Okta_user-1",
        "n-1",
        "anna@example.com",
        False,
    )
    assert identity["cognito:groups"] == access["cognito:groups"] == [f"{app.pool}_Okta"]
    assert "identities" not in access
    shown = await server.call("GetUser", AccessToken=made["access_token"])
    attributes = {item["Name"]: item["Value"] for item in shown["UserAttributes"]}
    assert json.loads(attributes["identities"])[0]["userId"] == "user-1"


async def test_a_refresh_keeps_it(server: TestServer, there: OpenId) -> None:
    app, at = await app_and_door(server, there)
    made = await tokens(app, at, there)
    again = (await app.token(grant_type="refresh_token", refresh_token=made["refresh_token"])).json
    assert claims(again["id_token"])["identities"] == claims(made["id_token"])["identities"]


async def test_a_linked_user_is_who_they_were(server: TestServer, there: OpenId) -> None:
    """Tokens of the local user, with the link in them."""
    app, at = await app_and_door(server, there)
    await server.call(
        "AdminLinkProviderForUser",
        UserPoolId=app.pool,
        DestinationUser={"ProviderName": "Cognito", "ProviderAttributeValue": "anna"},
        SourceUser={"ProviderName": "Okta", "ProviderAttributeName": "Cognito_Subject", "ProviderAttributeValue": "user-1"},
    )
    identity = claims((await tokens(app, at, there))["id_token"])
    assert (identity["sub"], identity["cognito:username"], identity["identities"][0]["primary"]) == (app.sub, "anna", "false")
    assert "cognito:groups" not in identity


async def test_functions_in_order(server: TestServer, there: OpenId) -> None:
    """To the end of the first sign-in and of the second."""
    names = ("PreSignUp", "PostConfirmation", "PreAuthentication", "PostAuthentication", "PreTokenGeneration")
    app, at = await app_and_door(server, there, *names)
    server.functions.events.clear()
    asked = []
    for _ in range(2):
        await tokens(app, at, there)
        asked.append([event["triggerSource"] for event in server.functions.events])
        server.functions.events.clear()
    assert asked == [
        ["PreSignUp_ExternalProvider", "PostConfirmation_ConfirmSignUp", "TokenGeneration_HostedAuth"],
        ["PreAuthentication_Authentication", "PostAuthentication_Authentication", "TokenGeneration_HostedAuth"],
    ]


async def test_no_password_to_change(server: TestServer, there: OpenId) -> None:
    """Nor one to set for the first time, as users of other kinds without one may."""
    app, at = await app_and_door(server, there)
    token = (await tokens(app, at, there))["access_token"]
    denied = ("NotAuthorizedException", "User is not authorized to change password.")
    assert await refusal(server, "ChangePassword", AccessToken=token, ProposedPassword=PASSWORD) == denied
    assert await refusal(server, "ChangePassword", AccessToken=token, PreviousPassword="x", ProposedPassword=PASSWORD) == denied


async def test_a_profile_whose_provider_is_gone(server: TestServer, there: OpenId) -> None:
    """Stays, with its tokens; once a provider of that name is there, it signs in again."""
    app, at = await app_and_door(server, there)
    made = await tokens(app, at, there)
    await server.call("DeleteIdentityProvider", UserPoolId=app.pool, ProviderName="Okta")
    assert (await server.call("GetUser", AccessToken=made["access_token"]))["Username"] == "Okta_user-1"
    await server.call(
        "CreateIdentityProvider", UserPoolId=app.pool, ProviderName="Okta", ProviderType="OIDC", ProviderDetails=there.details()
    )
    await app.another(SupportedIdentityProviders=["Okta"])
    at.client_id = app.client
    assert claims((await tokens(app, at, there))["id_token"])["sub"] == claims(made["id_token"])["sub"]
