"""The look of the pages by each door, and what they fetch for it."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode, urljoin

import pytest

from tests.kit.browser import Browser, Page
from tests.kit.pages import Site
from tests.kit.pictures import PNG, SVG
from tests.kit.server import TestServer

CSS = ".submitButton-customizable { background-color: #ff0001; }"
SETTINGS: dict[str, Any] = {
    "components": {
        "primaryButton": {"lightMode": {"defaults": {"backgroundColor": "00ff01ff"}}},
        "form": {"logo": {"enabled": True}},
        "pageBackground": {"image": {"enabled": True}},
    }
}
CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-4000-8000-000000000000"


async def site(server: TestServer) -> Site:
    """At the domains classic.auth.localhost (version 1) and modern.example.com (2)."""
    app = await Site(server).made()
    await server.call("CreateUserPoolDomain", UserPoolId=app.pool, Domain="classic", ManagedLoginVersion=1)
    own: dict[str, Any] = {"CustomDomainConfig": {"CertificateArn": CERTIFICATE}, "ManagedLoginVersion": 2}
    await server.call("CreateUserPoolDomain", UserPoolId=app.pool, Domain="modern.example.com", **own)
    return app


async def customize(app: Site, **members: Any) -> None:
    await app.server.call("SetUICustomization", UserPoolId=app.pool, CSS=CSS, ImageFile=base64.b64encode(PNG).decode(), **members)


async def style(app: Site, **members: Any) -> None:
    assets = [
        {"Category": category, "ColorMode": "DYNAMIC", "Extension": extension, "Bytes": base64.b64encode(content).decode()}
        for category, extension, content in (("FORM_LOGO", "SVG", SVG), ("PAGE_BACKGROUND", "PNG", PNG))
    ]
    given = {"Settings": SETTINGS, "Assets": assets, **members}
    await app.server.call("CreateManagedLoginBranding", UserPoolId=app.pool, ClientId=app.client, **given)


async def sheet(browser: Browser, page: Page) -> str:
    [address] = page.sheets
    got = await browser.get(urljoin(page.url, address))
    assert (got.status, got.reply.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert got.reply.headers["x-content-type-options"] == "nosniff"
    return got.reply.body.decode()


async def by_host(app: Site, host: str) -> tuple[Browser, Page]:
    browser = Browser(app.server, f"http://{host}")
    return browser, await browser.get(f"/login?{urlencode(app.request())}")


class TestOwn:
    async def test_one_style_sheet_and_nothing_else(self, server: TestServer) -> None:
        app = await Site(server).made()
        page = await app.opened()
        assert page.pictures == []
        assert "--primary:" in await sheet(app.browser, page)


class TestClassic:
    @pytest.mark.parametrize("members", [{}, {"ClientId": "ALL"}])
    async def test_by_path(self, server: TestServer, members: dict[str, str]) -> None:
        """The style sheet after our own, so that it counts; the logo with its type."""
        app = await site(server)
        await customize(app, **members)
        page = await app.opened()
        text = await sheet(app.browser, page)
        assert text.endswith(CSS) and text.startswith(":root") and "prefers-color-scheme" not in text
        [logo] = page.pictures
        got = await app.browser.get(urljoin(page.url, logo))
        assert (got.reply.body, got.reply.headers["content-type"]) == (PNG, "image/png")

    async def test_for_another_client_alone(self, server: TestServer) -> None:
        app = await site(server)
        await customize(app, ClientId=app.client)
        await app.another()
        page = await app.opened()
        assert (page.pictures, "#ff0001" in await sheet(app.browser, page)) == ([], False)

    @pytest.mark.parametrize(
        ("path", "classes"),
        [("login", ("submitButton", "inputField", "label", "redirect", "background")), ("signup", ("passwordCheck-notValid",))],
    )
    async def test_classes(self, server: TestServer, path: str, classes: tuple[str, ...]) -> None:
        """AWS's names are where AWS has them."""
        app = await site(server)
        body = (await app.page(path)).reply.body.decode()
        assert [name for name in classes if f"{name}-customizable" not in body] == []


class TestManaged:
    async def test_by_path(self, server: TestServer) -> None:
        """Colours and images of the style; where both are there, it goes before a customization."""
        app = await site(server)
        await customize(app)
        await style(app)
        page = await app.opened()
        text = await sheet(app.browser, page)
        assert ("--primary:#00ff01ff" in text, "background-image:url(branding/" in text, "#ff0001" in text) == (True, True, False)
        [logo] = page.pictures
        got = (await app.browser.get(urljoin(page.url, logo))).reply
        assert (got.body, got.headers["content-type"]) == (SVG, "image/svg+xml")
        assert (got.headers["x-content-type-options"], "sandbox" in got.headers["content-security-policy"]) == ("nosniff", True)

    @pytest.mark.parametrize(("mode", "sources"), [("DYNAMIC", 1), ("LIGHT", 0), ("DARK", 0)])
    async def test_a_logo_for_dark_pages(self, server: TestServer, mode: str, sources: int) -> None:
        """Where the style leaves it to the browser, which of the two is shown; else the one of its mode alone."""
        app = await site(server)
        given = {"LIGHT": ("SVG", SVG), "DARK": ("PNG", PNG)}
        assets = [
            {"Category": "FORM_LOGO", "ColorMode": each, "Extension": kind, "Bytes": base64.b64encode(content).decode()}
            for each, (kind, content) in given.items()
        ]
        await style(app, Assets=assets, Settings={**SETTINGS, "categories": {"global": {"colorSchemeMode": mode}}})
        page = await app.opened()
        assert page.reply.body.decode().count("<source") == sources
        [logo] = page.pictures
        assert (await app.browser.get(urljoin(page.url, logo))).reply.body == given["DARK" if mode == "DARK" else "LIGHT"][1]

    async def test_the_domain_decides(self, server: TestServer) -> None:
        """ManagedLoginVersion 1 is the classic look, 2 managed login, whatever else there is."""
        app = await site(server)
        await customize(app)
        await style(app)
        found = {}
        for host in ("classic.auth.localhost:2646", "modern.example.com"):
            browser, page = await by_host(app, host)
            text = await sheet(browser, page)
            found[host] = ("#ff0001" in text, "#00ff01ff" in text)
        assert found == {"classic.auth.localhost:2646": (True, False), "modern.example.com": (False, True)}

    async def test_a_style_of_our_own_values(self, server: TestServer) -> None:
        app = await site(server)
        await app.server.call("CreateManagedLoginBranding", UserPoolId=app.pool, ClientId=app.client, UseCognitoProvidedValues=True)
        page = await app.opened()
        assert (page.pictures, page.status) == ([], 200)

    async def test_an_image_of_another_pool(self, server: TestServer) -> None:
        """Is none here."""
        app, other = await site(server), await Site(server).made()
        await style(app)
        [logo] = (await app.opened()).pictures
        assert (await other.browser.get(f"/{other.pool}/{logo}")).status == 404

    async def test_changes_have_addresses_of_their_own(self, server: TestServer) -> None:
        """A browser may keep a style sheet for a day: the next version is another."""
        app = await site(server)
        await style(app)
        before = (await app.opened()).sheets
        server.clock.advance(5)
        found = await server.call("DescribeManagedLoginBrandingByClient", UserPoolId=app.pool, ClientId=app.client)
        named = {"UserPoolId": app.pool, "ManagedLoginBrandingId": found["ManagedLoginBranding"]["ManagedLoginBrandingId"]}
        changed = {"components": {"primaryButton": {"lightMode": {"defaults": {"backgroundColor": "0000ffff"}}}}}
        await server.call("UpdateManagedLoginBranding", **named, Settings=changed)
        page = await app.opened()
        assert page.sheets != before
        assert "--primary:#0000ffff" in await sheet(app.browser, page)


class TestByDomain:
    async def test_a_whole_sign_in(self, server: TestServer) -> None:
        """At the pool's own host the pages keep to it: links, forms, cookies."""
        app = await site(server)
        browser, page = await by_host(app, "modern.example.com")
        wrong = await browser.submit(page, {"username": "anna", "password": "Wrong-Horse-9"})
        assert (wrong.alert, wrong.url.startswith("http://modern.example.com/login?")) == ("Incorrect username or password.", True)
        forgot = await browser.get(urljoin(wrong.url, wrong.links["Forgot your password?"]))
        assert (forgot.status, forgot.url.startswith("http://modern.example.com/forgotPassword?")) == (200, True)
        done = await browser.submit(wrong, {"username": "anna", "password": "Correct-Horse-9"})
        assert await app.user_of(done) == "anna"
