"""What others may try with the pages: forms of theirs, sessions of others, markup in every parameter, other addresses."""

from __future__ import annotations

import asyncio
import html
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import pytest

from tests.kit.browser import Browser, Page
from tests.kit.mfa import CONTACTS, mfa_pool
from tests.kit.oauth import CALLBACK, claims
from tests.kit.pages import Site, button
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, Reply, TestServer

ANNA = {"username": "anna", "password": PASSWORD}
MARKUP = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"
PATHS = ("login", "challenge", "signup", "confirm", "resendcode", "forgotPassword", "confirmForgotPassword")


async def at_code(server: TestServer, **client: Any) -> tuple[Site, Page]:
    """anna's browser, asked for the code of her mail."""
    app = Site(server)
    app.pool = await mfa_pool(server, "ON", "email")
    await app.another(ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"], **client)
    await server.user(app.pool, "anna", **CONTACTS, email_verified="true")
    return app, await app.sign_in()


def action(page: Page) -> str:
    """Where the page's form goes."""
    return urljoin(page.url, page.form.action)


class TestForeignForms:
    @pytest.mark.parametrize("path", PATHS)
    async def test_without_the_token(self, server: TestServer, path: str) -> None:
        """Nothing is done, whatever page it is for; the page is shown again, with a form that works."""
        app = await Site(server).made()
        await app.opened()
        url = f"/{app.pool}/{path}?{urlencode(app.request())}"
        page = await app.browser.post(url, {**ANNA, "code": "000000"})
        assert (page.status, page.away) == (403, "")
        assert page.alert == "This page was open for too long, or your browser keeps no cookies. Please try again."

    async def test_with_anothers_token(self, server: TestServer) -> None:
        """Login CSRF: the attacker's own form, with the attacker's own token, in the victim's browser."""
        app = await Site(server).made()
        theirs = await Browser(server).get((await app.opened()).url)
        assert (await app.browser.submit(theirs, ANNA)).status == 403
        assert app.browser.cookies.keys() == {f"cognito-form-{app.pool}"}

    async def test_without_the_cookie(self, server: TestServer) -> None:
        app = await Site(server).made()
        page = await app.opened()
        app.browser.cookies.clear()
        again = await app.browser.submit(page, ANNA)
        assert again.status == 403
        assert await app.user_of(await app.browser.submit(again, ANNA)) == "anna"

    async def test_of_another_pool(self, server: TestServer) -> None:
        """Two pools behind one host: the cookie of one proves nothing to the other, even where it is copied."""
        app, other = await Site(server).made(), await Site(server).made()
        page = await app.opened()
        other.browser.cookies = {f"cognito-form-{other.pool}": app.browser.cookies[f"cognito-form-{app.pool}"]}
        target = await other.opened()
        assert (await other.browser.post(target.url, {**page.form.fields, **ANNA})).status == 403

    @pytest.mark.parametrize(
        "said",
        [
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"sec-fetch-site": "", "origin": "https://evil.example"},
            {"sec-fetch-site": "", "origin": "null"},
            {"sec-fetch-site": "", "origin": "http://localhost:2646.evil.example"},
            {"sec-fetch-site": "", "origin": "http://["},
        ],
    )
    async def test_from_elsewhere(self, server: TestServer, said: dict[str, str]) -> None:
        """With the right token, but from another site by the browser's own words."""
        app = await Site(server).made()
        page = await app.opened()
        assert (await app.browser.submit(page, ANNA, said=said)).status == 403

    async def test_a_browser_that_says_nothing(self, server: TestServer) -> None:
        app = await Site(server).made()
        assert (await app.browser.submit(await app.opened(), ANNA, said={"sec-fetch-site": "", "origin": ""})).away

    async def test_cookie(self, server: TestServer) -> None:
        """Read by no script, sent from no other site; on https for this very host alone."""
        app = await Site(server).made()
        reply = (await app.opened()).reply
        [given] = [value for name, value in reply.headers.items() if name == "set-cookie"]
        parts = {part.strip().lower() for part in given.split(";")[1:]}
        assert parts == {"httponly", "path=/", "samesite=lax"}

    @pytest.mark.parametrize(
        ("body", "kind", "status"),
        [
            (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
            (b"&".join(b"a%d=1" % at for at in range(100)), "application/x-www-form-urlencoded", 400),
            (b'{"username": "anna"}', "application/json", 400),
            (b"username=%00", "application/x-www-form-urlencoded", 400),
            (b"username=%ff", "application/x-www-form-urlencoded", 400),
            (b"username=a&username=b", "application/x-www-form-urlencoded", 400),
        ],
    )
    async def test_what_is_no_form(self, server: TestServer, body: bytes, kind: str, status: int) -> None:
        """A page that says so, and nothing else."""
        app = await Site(server).made()
        await app.opened()
        cookie = "; ".join(f"{name}={value}" for name, value in app.browser.cookies.items())
        reply = await server.send(
            "POST", f"/{app.pool}/login", body, {"content-type": kind, "cookie": cookie}, query=urlencode(app.request())
        )
        assert (reply.status, reply.headers["content-type"]) == (status, "text/html; charset=utf-8")


class TestRequests:
    """The authorization request is checked at each step."""

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize("changed", [{"redirect_uri": "https://evil.example/"}, {"client_id": "x" * 26}, {"client_id": "\0"}])
    async def test_a_bad_one_has_no_page(self, server: TestServer, path: str, changed: dict[str, str]) -> None:
        """Seen or posted: an error page, no redirect."""
        app = await Site(server).made()
        page = await app.opened()
        url = f"/{app.pool}/{path}?{urlencode(app.request(**changed))}"
        for found in (await app.browser.get(url), await app.browser.post(url, {**page.form.fields, **ANNA})):
            assert (found.status, found.away, found.title) == (400, "", "Something is wrong with this link")

    async def test_no_such_pool(self, server: TestServer) -> None:
        page = await Browser(server).get("/us-east-1_AAAAAAAAA/login?client_id=x")
        assert (page.status, page.alert) == (404, "User pool does not exist.")

    async def test_a_wrong_scope_goes_to_the_app(self, server: TestServer) -> None:
        app = await Site(server).made()
        page = await app.page("login", scope="other", state="s")
        assert page.away == f"{CALLBACK}?error=invalid_scope&state=s"

    async def test_another_redirect_uri_in_the_middle(self, server: TestServer) -> None:
        """One that is the client's as well: the sign-in began for the first, and ends there or not at all."""
        app, asked = await at_code(server, CallbackURLs=[CALLBACK, "https://app.example/other"])
        url = action(asked).replace("%2Fback", "%2Fother")
        assert url != action(asked)
        page = await app.browser.post(url, {**asked.form.fields, "code": await server.code("anna@example.com")})
        assert (page.away, page.alert) == ("", "Invalid session for the user.")

    async def test_looking_changes_nothing(self, server: TestServer) -> None:
        """HEAD, and a look at the address of an answer."""
        app, asked = await at_code(server)
        reply = await server.send("HEAD", urlsplit(action(asked)).path, query=urlsplit(action(asked)).query)
        assert reply.status == 200
        assert "password" in (await app.browser.get(action(asked))).form.fields
        code = await server.code("anna@example.com")
        assert await app.user_of(await app.browser.submit(asked, {"code": code})) == "anna"


class TestSessions:
    async def test_of_another_browser(self, server: TestServer) -> None:
        """A copied form, with the other browser's own token."""
        _, asked = await at_code(server)
        other = Browser(server)
        token = (await other.get(asked.url)).form.fields["_csrf"]
        code = await server.code("anna@example.com")
        page = await other.post(action(asked), {**asked.form.fields, "_csrf": token, "code": code})
        assert (page.status, page.away) == (403, "")

    async def test_of_another_client(self, server: TestServer) -> None:
        app, asked = await at_code(server)
        await app.another()
        url = f"/{app.pool}/challenge?{urlencode(app.request())}"
        page = await app.browser.post(url, {**asked.form.fields, "code": await server.code("anna@example.com")})
        assert (page.away, page.alert) == ("", "Invalid session for the user.")

    async def test_of_the_api(self, server: TestServer) -> None:
        """A Session of InitiateAuth is no form of ours; and what our form holds is no Session."""
        app, asked = await at_code(server)
        api = await server.sign_in(app.client, "anna")
        page = await app.browser.submit(asked, {"state": api["Session"], "code": await server.code("anna@example.com")})
        assert (page.status, page.away) == (403, "")
        for state in (asked.form.fields["state"], asked.form.fields["_csrf"]):
            responses = {"USERNAME": "anna", "EMAIL_OTP_CODE": "123456"}
            refused = await refusal(
                server,
                "RespondToAuthChallenge",
                ClientId=app.client,
                ChallengeName="EMAIL_OTP",
                Session=state,
                ChallengeResponses=responses,
            )
            assert refused[0] == "NotAuthorizedException"

    async def test_replayed(self, server: TestServer) -> None:
        """Once, whatever comes again: the page before too."""
        app, asked = await at_code(server)
        code = await server.code("anna@example.com")
        assert (await app.browser.submit(asked, {"code": code})).away
        again = await app.browser.submit(asked, {"code": code})
        assert (again.away, again.alert) == ("", "Invalid session for the user, session can only be used once.")
        resent = await app.browser.submit(asked, button=button(asked.form, "again"))
        assert (resent.away, resent.alert) == ("", "Invalid session for the user, session can only be used once.")

    async def test_late(self, server: TestServer) -> None:
        app, asked = await at_code(server)
        server.clock.advance(181)
        page = await app.browser.submit(asked, {"code": "123456"})
        assert page.alert == "Invalid session for the user, session is expired."

    async def test_guessing(self, server: TestServer) -> None:
        """Twenty wrong codes an hour, as at the API: after them the right one is refused too."""
        app, asked = await at_code(server)
        code = await server.code("anna@example.com")
        wrong = "000000" if code != "000000" else "111111"
        page = asked
        for _ in range(20):
            page = await app.browser.submit(asked, {"code": wrong})
        assert page.alert == "Invalid code or auth state for the user."
        page = await app.browser.submit(asked, {"code": code})
        assert (page.away, page.alert) == ("", "Attempt limit exceeded, please try after some time.")


class TestMarkup:
    @pytest.mark.parametrize("path", ["login", "signup", "confirm", "forgotPassword", "confirmForgotPassword"])
    async def test_of_the_request(self, server: TestServer, path: str) -> None:
        """In each parameter that may hold anything: never as markup."""
        app = await Site(server).made()
        page = await app.page(path, state=MARKUP, login_hint=MARKUP, nonce=MARKUP, lang=MARKUP, other=MARKUP)
        assert page.status == 200
        assert_clean(page.reply)

    async def test_of_forms(self, server: TestServer) -> None:
        """Names, codes, attributes: given back as they were, as text."""
        app = await Site(server).made(pool={"AutoVerifiedAttributes": ["email"]})
        for path in PATHS:
            page = await app.page("login" if path in ("challenge", "resendcode") else path)
            fields = {**page.form.fields, "username": MARKUP, "code": MARKUP, "password": MARKUP, "attribute.email": MARKUP}
            assert_clean((await app.browser.post(page.url.replace("/login", f"/{path}"), fields)).reply)

    async def test_of_the_app_and_the_user(self, server: TestServer) -> None:
        app = await Site(server).made(user={"email": "anna@example.com", "preferred_username": MARKUP}, ClientName="App + = , . @")
        assert (await app.opened()).says("App + = , . @")
        await app.sign_in()
        assert_clean((await app.opened(prompt="select_account")).reply)

    async def test_of_functions(self, server: TestServer) -> None:
        """A function's own text is shown, as text."""

        def refuse(event: dict[str, Any]) -> None:
            raise RuntimeError(MARKUP)

        app = await Site(server).made(pool={"LambdaConfig": {"PreAuthentication": server.functions.add("pre", refuse)}})
        page = await app.sign_in()
        assert page.alert.startswith("PreAuthentication failed with error")
        assert_clean(page.reply)

    async def test_headers(self, server: TestServer) -> None:
        """Nothing of another origin, no frame, no script but ours, nothing kept, no address told to others."""
        app = await Site(server).made()
        headers = (await app.opened()).reply.headers
        policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
        assert policy == {
            "default-src": "'none'",
            "script-src": "'self'",
            "connect-src": "'self'",
            "style-src": "'self'",
            "img-src": "'self' data:",
            "form-action": "'self' https:",
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
        }
        assert (headers["referrer-policy"], headers["cache-control"], headers["x-content-type-options"]) == (
            "same-origin",
            "no-store",
            "nosniff",
        )

    @pytest.mark.parametrize(
        ("redirect", "allowed"),
        [("http://localhost:3000/back", "http:"), ("myapp://back", "myapp:"), (CALLBACK, "https:")],
    )
    async def test_forms_lead_to_where_apps_are(self, server: TestServer, redirect: str, allowed: str) -> None:
        """By the scheme of the app's own address."""
        app = await Site(server).made(CallbackURLs=[redirect])
        page = await app.opened(redirect_uri=redirect)
        assert f"form-action 'self' {allowed}; " in page.reply.headers["content-security-policy"] + "; "

    async def test_no_referrer_with_the_code(self, server: TestServer) -> None:
        app = await Site(server).made()
        page = await app.sign_in()
        assert (page.status, page.reply.headers["referrer-policy"]) == (302, "no-referrer")
        assert claims((await app.exchange(page.away.partition("code=")[2])).json["id_token"])["aud"] == app.client


class TestOverHttps:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"public_url": "https://id.example.com"}

    async def test_cookies_are_this_hosts_alone(self, server: TestServer) -> None:
        """By names that browsers take from no other host, and never without TLS; a page that came without it proves nothing."""
        app = await Site(server).made()
        app.browser = Browser(server, "https://id.example.com")
        page = await app.opened()
        assert (await app.browser.submit(page, ANNA, said={"sec-fetch-site": "", "origin": "http://id.example.com"})).status == 403
        done = await app.browser.submit(page, ANNA)
        assert done.away.startswith(CALLBACK)
        assert app.browser.cookies.keys() == {f"__Host-cognito-{kind}-{app.pool}" for kind in ("form", "session")}
        for reply in (page.reply, done.reply):
            assert "; secure" in reply.headers["set-cookie"].lower()


class TestRaces:
    async def test_one_form_twice_at_once(self, server: TestServer) -> None:
        """A double click: one goes to the app, the other is told that it came too late."""
        app, asked = await at_code(server)
        form = {"code": await server.code("anna@example.com")}
        pages = await asyncio.gather(*(app.browser.submit(asked, form) for _ in range(4)))
        assert sum(bool(page.away) for page in pages) == 1


class TestRates:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"rate_limits": "aws"}

    async def test_pages_count_as_operations(self, server: TestServer) -> None:
        """A recovery a second more than the category has is refused on the page."""
        app = await Site(server).made()
        page = await app.page("forgotPassword")
        found = [await app.browser.submit(page, {"username": f"nobody{at}"}) for at in range(31)]
        assert (found[-1].status, found[-1].alert) == (429, "There are too many requests now. Please try again in a moment.")


def assert_clean(reply: Reply) -> None:
    """The markup is nowhere as such, and nothing in it was carried out."""
    text = reply.body.decode()
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "onerror=alert(1)>49" not in html.unescape(text)
