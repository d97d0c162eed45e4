"""A browser on its way through an identity provider: from the app to the provider, back here, and back to the app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.kit.federation import functions
from tests.kit.oauth import CALLBACK, App, claims, sent_to
from tests.kit.server import Reply, TestServer
from tests.kit.upstream import OpenId, query_of
from tests.operations.test_oauth_authorize import signed_in

ACR = "urn:cognito:loa:3"
MAPPING = {"email": "email", "name": "name"}


@pytest.fixture
def there(server: TestServer) -> Iterator[OpenId]:
    with OpenId() as provider:
        provider.now = server.clock.now()
        yield provider


async def with_provider(server: TestServer, there: OpenId, *, identifiers: list[str] | None = None, **pool: Any) -> App:
    app = App(server)
    app.pool = await server.pool(**pool)
    members: dict[str, Any] = {
        "ProviderName": "Okta",
        "ProviderType": "OIDC",
        "ProviderDetails": there.details(),
        "AttributeMapping": MAPPING,
    }
    await server.call("CreateIdentityProvider", UserPoolId=app.pool, **members, IdpIdentifiers=identifiers or [])
    return await app.another(SupportedIdentityProviders=["COGNITO", "Okta"])


def cookie_of(reply: Reply) -> str:
    return reply.headers["set-cookie"].partition(";")[0]


async def back(app: App, returned: dict[str, str], cookie: str = "", pool: str = "") -> Reply:
    headers = {"cookie": cookie} if cookie else {}
    return await app.server.send("GET", f"/{pool or app.pool}/oauth2/idpresponse", query=urlencode(returned), headers=headers)


class TestThereAndBack:
    async def test_tokens(self, server: TestServer, there: OpenId) -> None:
        """The app has a code, with its own state; the id token names the identity."""
        app = await with_provider(server, there)
        left = await app.authorize(identity_provider="Okta", state="mine", nonce="n", scope="openid email profile")
        assert query_of(left.headers["location"])["redirect_uri"] == f"http://localhost:2646/{app.pool}/oauth2/idpresponse"
        reply = await back(app, there.authorize(left.headers["location"]), cookie_of(left))
        target, query, _ = sent_to(reply)
        assert (target, query["state"]) == (CALLBACK, "mine")
        said = claims((await app.exchange(query["code"])).json["id_token"])
        subject = there.person["sub"]
        assert (said["cognito:username"], said["nonce"]) == (f"Okta_{subject}", "n")
        [identity] = said["identities"]
        assert (identity["userId"], identity["providerName"], identity["providerType"]) == (subject, "Okta", "OIDC")
        assert said["cognito:groups"] == [f"{app.pool}_Okta"]

    async def test_and_is_signed_in_here(self, server: TestServer, there: OpenId) -> None:
        """Another client of the pool that supports the provider need ask nobody."""
        app = await with_provider(server, there)
        left = await app.authorize(identity_provider="Okta")
        reply = await back(app, there.authorize(left.headers["location"]), cookie_of(left))
        cookies = [value for name, value in reply.cookies if "session" in name]
        await app.another(SupportedIdentityProviders=["COGNITO", "Okta"])
        assert "code" in sent_to(await app.authorize(cookies[0]))[1]

    @pytest.mark.parametrize("identifier", ["example.com", "anna@example.com"])
    async def test_by_identifier(self, server: TestServer, there: OpenId, identifier: str) -> None:
        app = await with_provider(server, there, identifiers=["example.com"])
        left = await app.authorize(idp_identifier=identifier)
        assert left.headers["location"].startswith(f"{there.url}/authorize?")

    async def test_the_function_sees_what_the_provider_said(self, server: TestServer, there: OpenId) -> None:
        """InboundFederation is asked in a sign-in that began at the app, and says what is mapped."""
        config = functions(
            server, "InboundFederation", InboundFederation=lambda event: {"userAttributesToMap": {"email": "told@example.com"}}
        )
        app = await with_provider(server, there, LambdaConfig=config)
        left = await app.authorize(identity_provider="Okta")
        _, query, _ = sent_to(await back(app, there.authorize(left.headers["location"]), cookie_of(left)))
        assert claims((await app.exchange(query["code"])).json["id_token"])["email"] == "told@example.com"
        [event] = server.functions.events
        assert (event["triggerSource"], event["request"]["providerName"]) == ("InboundFederation_ExternalProvider", "Okta")
        assert event["request"]["attributes"]["idToken"]["sub"] == there.person["sub"]

    async def test_a_function_that_refuses(self, server: TestServer, there: OpenId) -> None:
        """The app is told, in the function's words."""

        def no(event: dict[str, Any]) -> Any:
            raise ValueError("not you")

        app = await with_provider(server, there, LambdaConfig=functions(server, "PreSignUp", PreSignUp=no))
        left = await app.authorize(identity_provider="Okta", state="mine")
        target, query, _ = sent_to(await back(app, there.authorize(left.headers["location"]), cookie_of(left)))
        told = {"error": "invalid_request", "error_description": "PreSignUp failed with error not you.", "state": "mine"}
        assert (target, query) == (CALLBACK, told)

    async def test_a_user_who_turned_back(self, server: TestServer, there: OpenId) -> None:
        app = await with_provider(server, there)
        left = await app.authorize(identity_provider="Okta", state="mine")
        state = query_of(left.headers["location"])["state"]
        returned = {"error": "access_denied", "error_description": "The user said no.", "state": state}
        target, query, _ = sent_to(await back(app, returned, cookie_of(left)))
        assert (target, query) == (CALLBACK, {"error": "access_denied", "error_description": "The user said no.", "state": "mine"})


class TestTheOnlyWay:
    async def test_needs_no_page(self, server: TestServer, there: OpenId) -> None:
        """A client whose users come through one provider alone sends them there at once."""
        app = await with_provider(server, there)
        await app.another(SupportedIdentityProviders=["Okta"])
        assert (await app.authorize()).headers["location"].startswith(f"{there.url}/authorize?")

    @pytest.mark.parametrize("provider", [None, "Okta"])
    async def test_asks_nobody_where_nobody_is_to_be_asked(self, server: TestServer, there: OpenId, provider: str | None) -> None:
        """prompt=none, here or there."""
        app = await with_provider(server, there)
        await app.another(SupportedIdentityProviders=["Okta"])
        assert sent_to(await app.authorize(prompt="none", identity_provider=provider))[1]["error"] == "login_required"


class TestWhoCameAnotherWay:
    """A browser in which somebody is signed in whom the client's own providers did not vouch for: to that client, nobody is."""

    async def test_with_a_password(self, server: TestServer, there: OpenId) -> None:
        """Not into a client whose users come through the provider, with its second factors and its rules of who may."""
        app = await with_provider(server, there)
        await server.user(app.pool, "anna", email="anna@example.com")
        cookie = await signed_in(app)
        await app.another(SupportedIdentityProviders=["Okta"])
        assert sent_to(await app.authorize(cookie, prompt="none"))[1] == {"error": "login_required"}
        assert (await app.authorize(cookie)).headers["location"].startswith(f"{there.url}/authorize?")

    async def test_through_a_provider(self, server: TestServer, there: OpenId) -> None:
        """Not into a client that has passwords alone."""
        app = await with_provider(server, there)
        left = await app.authorize(identity_provider="Okta")
        reply = await back(app, there.authorize(left.headers["location"]), cookie_of(left))
        [cookie] = [value for name, value in reply.cookies if "session" in name]
        await app.another(SupportedIdentityProviders=["COGNITO"])
        assert sent_to(await app.authorize(cookie))[0].endswith("/login")

    async def test_where_one_is_named(self, server: TestServer, there: OpenId) -> None:
        """An app that names the provider gets none of another's users in silence, though the client supports both."""
        app = await with_provider(server, there)
        await server.user(app.pool, "anna", email="anna@example.com")
        cookie = await signed_in(app)
        assert sent_to(await app.authorize(cookie, prompt="none", identity_provider="Okta"))[1] == {"error": "login_required"}
        assert "code" in sent_to(await app.authorize(cookie, prompt="none", identity_provider="COGNITO"))[1]


class TestLevels:
    async def test_are_asked_for_and_told(self, server: TestServer, there: OpenId) -> None:
        """The app asks for a level of the pool's; the provider is asked by its own name, and what it says is the tokens' `acr`."""
        app = await with_provider(server, there)
        mapping = {"Level1": "urn:low", "Level3": "urn:high"}
        await server.call("UpdateIdentityProvider", UserPoolId=app.pool, ProviderName="Okta", AcrMapping=mapping)
        left = await app.authorize(identity_provider="Okta", acr_values=ACR)
        assert query_of(left.headers["location"])["acr_values"] == "urn:high"
        there.spoil = {"acr": "urn:high"}
        _, query, _ = sent_to(await back(app, there.authorize(left.headers["location"]), cookie_of(left)))
        assert claims((await app.exchange(query["code"])).json["id_token"])["acr"] == ACR


class TestWhoComesBack:
    async def test_in_another_browser(self, server: TestServer, there: OpenId) -> None:
        """Without the cookie of the browser that left, the answer is nobody's: else a victim could be signed in as the attacker."""
        app = await with_provider(server, there)
        left = await app.authorize(identity_provider="Okta")
        reply = await back(app, there.authorize(left.headers["location"]))
        assert (reply.status, "location" in reply.headers, there.exchanged) == (400, False, [])

    async def test_with_the_cookie_of_another_departure(self, server: TestServer, there: OpenId) -> None:
        app = await with_provider(server, there)
        one, other = await app.authorize(identity_provider="Okta"), await app.authorize(identity_provider="Okta")
        name = cookie_of(one).partition("=")[0]
        stolen = f"{name}={cookie_of(other).partition('=')[2]}"
        _, query, _ = sent_to(await back(app, there.authorize(one.headers["location"]), stolen))
        assert (query["error_description"], there.exchanged) == ("Invalid state from identity provider", [])

    async def test_twice(self, server: TestServer, there: OpenId) -> None:
        """The provider's code is used up."""
        app = await with_provider(server, there)
        left = await app.authorize(identity_provider="Okta")
        returned = there.authorize(left.headers["location"])
        assert "code" in sent_to(await back(app, returned, cookie_of(left)))[1]
        assert "error" in sent_to(await back(app, returned, cookie_of(left)))[1]

    async def test_too_late(self, server: TestServer, there: OpenId) -> None:
        app = await with_provider(server, there)
        left = await app.authorize(identity_provider="Okta")
        server.clock.advance(600)
        assert (await back(app, there.authorize(left.headers["location"]), cookie_of(left))).status == 400

    async def test_at_another_pool(self, server: TestServer, there: OpenId) -> None:
        app, other = await with_provider(server, there), await with_provider(server, there)
        left = await app.authorize(identity_provider="Okta")
        cookie = cookie_of(left).replace(app.pool, other.pool)
        assert (await back(app, there.authorize(left.headers["location"]), cookie, pool=other.pool)).status == 400

    async def test_after_the_app_was_changed(self, server: TestServer, there: OpenId) -> None:
        """The redirect URI is checked anew: it may be another's now."""
        app = await with_provider(server, there)
        left = await app.authorize(identity_provider="Okta")
        await server.call("UpdateUserPoolClient", UserPoolId=app.pool, ClientId=app.client, CallbackURLs=["https://new.example/"])
        reply = await back(app, there.authorize(left.headers["location"]), cookie_of(left))
        assert (reply.status, "location" in reply.headers) == (400, False)


class TestWhoMayNotLeave:
    @pytest.mark.parametrize("asked", [{"identity_provider": "Ping"}, {"idp_identifier": "nobody.example"}, {"identity_provider": "okta"}])
    async def test_to_nowhere(self, server: TestServer, there: OpenId, asked: dict[str, str]) -> None:
        app = await with_provider(server, there)
        target, query, _ = sent_to(await app.authorize(**asked))
        assert (target, query["error"]) == (CALLBACK, "invalid_request")

    async def test_to_one_that_the_client_has_not(self, server: TestServer, there: OpenId) -> None:
        app = await with_provider(server, there)
        await app.another()
        assert sent_to(await app.authorize(identity_provider="Okta"))[1]["error"] == "invalid_request"

    async def test_with_more_than_a_cookie_holds(self, server: TestServer, there: OpenId) -> None:
        app = await with_provider(server, there)
        query = sent_to(await app.authorize(identity_provider="Okta", state="s" * 4_000))[1]
        assert query["error"] == "invalid_request"


class TestPosted:
    """What a provider posts from its own site comes without the browser's cookie."""

    async def test_a_page_of_ours_posts_it_again(self, server: TestServer, there: OpenId) -> None:
        app = await with_provider(server, there)
        left = await app.authorize(identity_provider="Okta")
        returned = there.authorize(left.headers["location"])
        headers = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "cross-site"}
        path = f"/{app.pool}/oauth2/idpresponse"
        page = await server.send("POST", path, urlencode(returned).encode(), headers)
        assert (page.status, f'value="{returned["code"]}"' in page.body.decode()) == (200, True)
        script = await server.send("GET", f"/{app.pool}/oauth2/again.js")
        assert script.headers["content-type"].startswith("text/javascript")
        headers = {**headers, "sec-fetch-site": "same-origin", "cookie": cookie_of(left)}
        reply = await server.send("POST", path, urlencode({**returned, "again": "1"}).encode(), headers)
        assert "code" in sent_to(reply)[1]

    async def test_and_only_once(self, server: TestServer, there: OpenId) -> None:
        """Without the cookie again, there is nothing to wait for. What is posted is shown as text, whatever it is."""
        app = await with_provider(server, there)
        headers = {"content-type": "application/x-www-form-urlencoded"}
        path = f"/{app.pool}/oauth2/idpresponse"
        page = await server.send("POST", path, urlencode({"state": '"><script>alert(1)</script>'}).encode(), headers)
        assert "<script>alert" not in page.body.decode()
        assert (await server.send("POST", path, b"state=x&again=1", headers)).status == 400
