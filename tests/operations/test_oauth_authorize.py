"""The authorization endpoint and the logout endpoint: what a browser may be sent to them with, and where they send it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.kit.oauth import CALLBACK, CHALLENGE, SCOPES, App, claims, sent_to
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, Reply, TestServer

BYE = "https://app.example/bye"


async def signed_in(app: App, **parameters: str | None) -> str:
    """The cookie of a browser in which anna has signed in."""
    from starlette.responses import Response

    from cognomen.oauth import cookies
    from cognomen.userpools.browser import Entered, begin

    cx, at, wanted = await app.checked(**parameters)
    found = await begin(cx, at.pool, wanted.client, wanted.asked, "anna", PASSWORD)
    assert isinstance(found, Entered) and found.sso_session is not None
    response = Response()
    cookies.give(cx, at, response, cookies.Remembered(found.sso_session, found.provider, found.password))
    return response.headers["set-cookie"].partition(";")[0]


class TestWhereItLeads:
    async def test_to_the_login_page(self, server: TestServer) -> None:
        """With the parameters as they came."""
        app = await App(server).made()
        target, query, _ = sent_to(await app.authorize(state="s&=#", nonce="n", code_challenge=CHALLENGE, code_challenge_method="S256"))
        assert target == f"http://localhost:2646/{app.pool}/login"
        assert query == app.request(state="s&=#", nonce="n", code_challenge=CHALLENGE, code_challenge_method="S256")

    @pytest.mark.parametrize(("response_type", "in_fragment"), [("code", False), ("token", True)])
    async def test_nobody_is_asked(self, server: TestServer, response_type: str, in_fragment: bool) -> None:
        """prompt=none, and nobody is signed in: the app is told, where its answer would have been."""
        app = await App(server).made()
        target, query, fragment = sent_to(await app.authorize(prompt="none", state="s", response_type=response_type))
        assert (target, fragment if in_fragment else query) == (CALLBACK, {"error": "login_required", "state": "s"})

    @pytest.mark.parametrize("prompt", [None, "none"])
    async def test_who_is_signed_in_is_not_asked_again(self, server: TestServer, prompt: str | None) -> None:
        """Another client of the pool has its code at once, and its tokens say when the user signed in."""
        app = await App(server).made()
        at = int(server.clock.now())
        cookie = await signed_in(app)
        await app.another()
        server.clock.advance(600)
        target, query, _ = sent_to(await app.authorize(cookie, prompt=prompt, state="s"))
        assert (target, query["state"]) == (CALLBACK, "s")
        assert claims((await app.exchange(query["code"])).json["id_token"])["auth_time"] == at

    @pytest.mark.parametrize("prompt", ["login", "select_account"])
    async def test_but_where_the_app_wants_it(self, server: TestServer, prompt: str) -> None:
        app = await App(server).made()
        target, _, _ = sent_to(await app.authorize(await signed_in(app), prompt=prompt))
        assert target.endswith("/login")

    async def test_for_an_hour(self, server: TestServer) -> None:
        """Where sessions are not tracked, as the cookie of hosted pages (FIDELITY B.8.65)."""
        app = await App(server).made()
        cookie = await signed_in(app)
        server.clock.advance(3600)
        assert sent_to(await app.authorize(cookie))[0].endswith("/login")

    async def test_as_long_as_the_client_takes_it(self, server: TestServer) -> None:
        """Where they are tracked: for 60 minutes unless it says otherwise, 0 for never."""
        app = await App(server).made()
        await server.call(
            "SetUserPoolSessionConfiguration", UserPoolId=app.pool, UserSessionTracking="ENABLED", TokenSession={"MaxPerUser": 20}
        )
        cookie = await signed_in(app)
        assert sent_to(await app.authorize(cookie))[0] == CALLBACK
        never = {"MaxValidityMinutes": 0}
        await server.call("SetUserPoolClientSessionConfiguration", UserPoolId=app.pool, ClientId=app.client, SSOSession=never)
        assert sent_to(await app.authorize(cookie))[0].endswith("/login")

    async def test_the_session_is_listed_where_sessions_are_tracked(self, server: TestServer) -> None:
        """The browser's, and the app's that came through it."""
        app = await App(server).made()
        await server.call(
            "SetUserPoolSessionConfiguration", UserPoolId=app.pool, UserSessionTracking="ENABLED", TokenSession={"MaxPerUser": 20}
        )
        got = await app.entered()
        await app.exchange(got["code"])
        listed = (await server.call("AdminListUserSessions", UserPoolId=app.pool, Username="anna"))["Sessions"]
        assert {each["SessionType"]: each.get("OriginSessionId") for each in listed} == {"SSO": None, "TOKEN": got["sso"]}

    @pytest.mark.parametrize(
        "happens", ["AdminUserGlobalSignOut", "AdminDisableUser", "AdminDeleteUser", "AdminResetUserPassword", "AdminSetUserPassword"]
    )
    async def test_what_ends_sign_ins_ends_it(self, server: TestServer, happens: str) -> None:
        app = await App(server).made(user={"email": "anna@example.com", "email_verified": "true"})
        cookie = await signed_in(app)
        more: dict[str, Any] = {"Password": PASSWORD + "x", "Permanent": True} if happens == "AdminSetUserPassword" else {}
        await server.call(happens, UserPoolId=app.pool, Username="anna", **more)
        assert sent_to(await app.authorize(cookie))[0].endswith("/login")

    async def test_a_cookie_of_nobody(self, server: TestServer) -> None:
        """The session's id alone, as lists show it, and a cookie of another pool prove nothing."""
        app, other = await App(server).made(), await App(server).made()
        got = await app.entered()
        name = f"cognito-session-{app.pool}"
        elsewhere = (await signed_in(other)).partition("=")[2]
        for forged in (got["sso"], elsewhere, "", "x" * 2_000):
            assert sent_to(await app.authorize(f"{name}={forged}"))[0].endswith("/login")


class TestImplicit:
    async def test_tokens_at_once(self, server: TestServer) -> None:
        """In the fragment, without a refresh token."""
        app = await App(server).made()
        got = await app.entered(response_type="token", state="s", nonce="n")
        assert set(got) == {"access_token", "id_token", "token_type", "expires_in", "state", "sso"}
        assert claims(got["id_token"])["nonce"] == "n"


class TestShownToTheUser:
    @pytest.mark.parametrize(
        ("parameters", "code"),
        [
            ({"client_id": None}, "invalid_request"),
            ({"client_id": "nobody"}, "invalid_request"),
            ({"redirect_uri": None}, "redirect_mismatch"),
            ({"redirect_uri": CALLBACK + "/"}, "redirect_mismatch"),
            ({"redirect_uri": CALLBACK + "?x=1"}, "redirect_mismatch"),
            ({"redirect_uri": "https://app.example.evil.example/back"}, "redirect_mismatch"),
            ({"redirect_uri": "javascript:alert(1)"}, "redirect_mismatch"),
        ],
    )
    async def test_nobody_knows_whose_address_it_is(self, server: TestServer, parameters: dict[str, Any], code: str) -> None:
        """Nothing is sent there (RFC 6749, 4.1.2.1)."""
        app = await App(server).made()
        reply = await app.authorize(**parameters)
        assert (reply.status, "location" in reply.headers) == (400, False)
        assert code in reply.body.decode()

    async def test_a_client_of_another_pool(self, server: TestServer) -> None:
        app, other = await App(server).made(), await App(server).made()
        assert (await app.authorize(client_id=other.client)).status == 400

    async def test_no_pool(self, server: TestServer) -> None:
        for path in ("us-east-1_missing00", "..", "%00"):
            assert (await server.send("GET", f"/{path}/oauth2/authorize")).status == 404

    async def test_a_parameter_that_comes_twice(self, server: TestServer) -> None:
        app = await App(server).made()
        reply = await server.send("GET", f"/{app.pool}/oauth2/authorize", query=f"client_id={app.client}&client_id={app.client}")
        assert (reply.status, "location" in reply.headers) == (400, False)


class TestToldToTheApp:
    @pytest.mark.parametrize(
        ("parameters", "error"),
        [
            ({"response_type": None}, "invalid_request"),
            ({"response_type": "id_token"}, "unsupported_response_type"),
            ({"scope": "openid orders/read"}, "invalid_scope"),
            ({"scope": "email"}, "invalid_scope"),
            ({"scope": " "}, "invalid_scope"),
            ({"code_challenge": CHALLENGE}, "invalid_request"),
            ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
            ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
            ({"code_challenge_method": "S256"}, "invalid_request"),
            ({"prompt": "always"}, "invalid_request"),
        ],
    )
    async def test_what_is_wrong(self, server: TestServer, parameters: dict[str, Any], error: str) -> None:
        app = await App(server).made()
        target, query, _ = sent_to(await app.authorize(state="s", **parameters))
        assert (target, query["error"], query["state"]) == (CALLBACK, error, "s")

    @pytest.mark.parametrize("members", [{"AllowedOAuthFlows": ["implicit"]}, {"AllowedOAuthFlowsUserPoolClient": False}])
    async def test_a_flow_that_the_client_has_not(self, server: TestServer, members: dict[str, Any]) -> None:
        app = await App(server).made(**members)
        assert sent_to(await app.authorize())[1]["error"] == "unauthorized_client"

    @pytest.mark.parametrize(
        ("own", "told"),
        [
            ("orders://", "orders://?error=login_required"),
            ("orders://back", "orders://back?error=login_required"),
            ("com.example.orders:/back", "com.example.orders:/back?error=login_required"),
            ("https://app.example", "https://app.example?error=login_required"),
            ("https://app.example/back?", "https://app.example/back?error=login_required"),
        ],
    )
    async def test_at_every_form_of_address(self, server: TestServer, own: str, told: str) -> None:
        """As it was registered, to the letter; those of apps on devices too."""
        app = await App(server).made(CallbackURLs=[own])
        assert (await app.authorize(redirect_uri=own, prompt="none")).headers["location"] == told

    async def test_beside_the_query_of_its_own_address(self, server: TestServer) -> None:
        """RFC 6749, 3.1.2."""
        own = "https://app.example/back?tenant=7"
        app = await App(server).made(CallbackURLs=[own])
        _, query, _ = sent_to(await app.authorize(redirect_uri=own, prompt="none"))
        assert query == {"tenant": "7", "error": "login_required"}

    @pytest.mark.parametrize(
        ("own", "written"),
        [
            ("https://bücher.例え.jp/zurück?a=%20&b=[1]", "https://b%C3%BCcher.%E4%BE%8B%E3%81%88.jp/zur%C3%BCck?a=%20&b=[1]&"),
            ("ab://łódź", "ab://%C5%82%C3%B3d%C5%BA?"),
            ("http://例え.localhost/", "http://%E4%BE%8B%E3%81%88.localhost/?"),
            ("http://a;sandbox.localhost/", "http://a;sandbox.localhost/?"),
        ],
    )
    async def test_at_an_address_of_any_letters(self, server: TestServer, own: str, written: str) -> None:
        """CallbackURLs may have letters of every script; a header has ASCII alone, and a page's policy no word of an address that is none of it."""
        app = await App(server).made()
        await app.another(CallbackURLs=[own])
        reply = await app.authorize(prompt="none", redirect_uri=own)
        assert reply.headers["location"] == f"{written}error=login_required"
        page = await server.send("GET", f"/{app.pool}/login", query=urlencode(app.request(redirect_uri=own)))
        assert page.status == 200
        policy = page.headers["content-security-policy"]
        assert f"form-action 'self' {own.partition(':')[0]}:; frame-ancestors" in policy


class TestLogout:
    async def leave(self, app: App, cookie: str = "", **query: str) -> Reply:
        from urllib.parse import urlencode

        headers = {"cookie": cookie} if cookie else {}
        return await app.server.send("GET", f"/{app.pool}/logout", query=urlencode(query), headers=headers)

    async def test_the_browser_is_signed_out(self, server: TestServer) -> None:
        """Its cookie is taken away, and would count no more; the app's tokens live on."""
        app = await App(server).made()
        cookie = await signed_in(app)
        tokens = (await app.exchange(sent_to(await app.authorize(cookie))[1]["code"])).json
        reply = await self.leave(app, cookie, client_id=app.client, logout_uri=BYE)
        assert sent_to(reply)[0] == BYE
        assert "Max-Age=0" in reply.headers["set-cookie"]
        assert sent_to(await app.authorize(cookie))[0].endswith("/login")
        assert (await app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])).status == 200

    async def test_and_back_to_the_login_page(self, server: TestServer) -> None:
        """With an authorization request in place of logout_uri."""
        app = await App(server).made()
        target, query, _ = sent_to(await self.leave(app, await signed_in(app), **app.request(state="s")))
        assert (target, query) == (f"http://localhost:2646/{app.pool}/login", app.request(state="s"))

    @pytest.mark.parametrize(
        "query", [{"logout_uri": "https://evil.example/"}, {"logout_uri": BYE + "/"}, {"client_id": "nobody", "logout_uri": BYE}]
    )
    async def test_nowhere_else(self, server: TestServer, query: dict[str, str]) -> None:
        """And nobody is signed out by a request that is not good."""
        app = await App(server).made()
        cookie = await signed_in(app)
        reply = await self.leave(app, cookie, **{"client_id": app.client, **query})
        assert (reply.status, "location" in reply.headers) == (400, False)
        assert sent_to(await app.authorize(cookie))[0] == CALLBACK


class TestSessionsOfPages:
    async def challenged(self, server: TestServer) -> tuple[App, Any]:
        """anna, whose temporary password must be replaced, has typed it on the page."""
        from cognomen.userpools import browser

        app = await App(server).made(ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
        await server.call("AdminSetUserPassword", UserPoolId=app.pool, Username="anna", Password=PASSWORD, Permanent=False)
        cx, at, wanted = await app.checked(state="s")
        found = await browser.begin(cx, at.pool, wanted.client, wanted.asked, "anna", PASSWORD)
        assert isinstance(found, browser.Challenge)
        return app, found

    async def test_go_on_for_the_same_request_alone(self, server: TestServer) -> None:
        """One that began for one app, or with another state, ends no other's sign-in."""
        from cognomen.api.errors import NotAuthorizedException
        from cognomen.userpools import browser

        app, asked = await self.challenged(server)
        answer = {"NEW_PASSWORD": PASSWORD + "!"}
        for state in ("t", None):
            cx, at, wanted = await app.checked(state=state)
            with pytest.raises(NotAuthorizedException):
                await browser.answer(cx, at.pool, wanted.client, wanted.asked, asked.name, asked.session, answer)
        cx, at, wanted = await app.checked(state="s")
        found = await browser.answer(cx, at.pool, wanted.client, wanted.asked, asked.name, asked.session, answer)
        assert isinstance(found, browser.Entered)

    async def test_are_none_of_the_api(self, server: TestServer) -> None:
        """Tokens with another scope would be the prize."""
        app, asked = await self.challenged(server)
        members = {"ChallengeName": asked.name, "Session": asked.session, "ClientId": app.client}
        responses = {"USERNAME": "anna", "NEW_PASSWORD": PASSWORD + "!"}
        found = await refusal(server, "RespondToAuthChallenge", **members, ChallengeResponses=responses)
        assert found == ("NotAuthorizedException", "Invalid session for the user.")

    async def test_and_the_apis_are_none_of_theirs(self, server: TestServer) -> None:
        from cognomen.api.errors import NotAuthorizedException
        from cognomen.userpools import browser

        app, asked = await self.challenged(server)
        session = (await server.sign_in(app.client, "anna"))["Session"]
        cx, at, wanted = await app.checked(state="s")
        with pytest.raises(NotAuthorizedException):
            await browser.answer(cx, at.pool, wanted.client, wanted.asked, asked.name, session, {"NEW_PASSWORD": PASSWORD + "!"})


async def test_all_scopes_where_none_is_asked(server: TestServer) -> None:
    app = await App(server).made()
    tokens = (await app.exchange((await app.entered(scope=None))["code"])).json
    assert claims(tokens["access_token"])["scope"].split(" ") == SCOPES
