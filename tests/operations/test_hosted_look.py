"""The images of a managed login style on the sign-in pages, and the look of what is nobody's page (test_hosted_brand.py has the rest)."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.kit.pages import Site
from tests.kit.server import Reply, TestServer

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
SETTINGS = {
    "categories": {"global": {"colorSchemeMode": "LIGHT"}},
    "components": {
        "primaryButton": {"lightMode": {"defaults": {"backgroundColor": "00aa77ff"}}},
        "form": {"logo": {"enabled": True}, "borderRadius": 3},
        "pageBackground": {"image": {"enabled": True}},
    },
}


def asset(category: str, **more: str) -> dict[str, Any]:
    return {"Category": category, "ColorMode": "LIGHT", "Extension": "PNG", "Bytes": base64.b64encode(PNG).decode(), **more}


async def linked(app: Site, address: str, host: str = "localhost:2646", base: str | None = None) -> Reply:
    """What a page links to, by the page's own address."""
    parts = urlsplit(address)
    path = (f"/{app.pool}" if base is None else base) + "/" + parts.path
    return await app.server.send("GET", path, query=parts.query, host=host)


async def sheet_of(app: Site) -> str:
    page = await app.opened()
    address = page.reply.body.decode().split('rel="stylesheet" href="')[1].split('"')[0].replace("&amp;", "&")
    reply = await linked(app, address)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/css; charset=utf-8")
    return reply.body.decode()


class TestImages:
    async def styled(self, server: TestServer, *assets: dict[str, Any]) -> Site:
        app = await Site(server).made()
        await server.call("CreateManagedLoginBranding", UserPoolId=app.pool, ClientId=app.client, Settings=SETTINGS, Assets=list(assets))
        return app

    async def test_its_images_where_the_document_shows_them(self, server: TestServer) -> None:
        """The logo and the background, which are switched on; not the footer's logo, which is not."""
        app = await self.styled(server, asset("FORM_LOGO"), asset("PAGE_BACKGROUND"), asset("PAGE_FOOTER_LOGO"))
        page = (await app.opened()).reply.body.decode()
        assert page.count('src="branding/') == 1
        sheet = await sheet_of(app)
        background = sheet.split("body{background-image:url(")[1].split(")")[0]
        assert (await linked(app, background)).body == PNG

    async def test_an_icon_on_a_providers_button(self, server: TestServer) -> None:
        app = await self.styled(server, asset("IDP_BUTTON_ICON", ResourceId="Acme"))
        details = {"client_id": "c", "client_secret": "s", "authorize_scopes": "openid", "oidc_issuer": "http://localhost:9"}
        more = {f"{name}_url": f"http://localhost:9/{name}" for name in ("authorize", "token", "attributes")}
        details |= {**more, "jwks_uri": "http://localhost:9/j", "attributes_request_method": "GET"}
        await server.call("CreateIdentityProvider", UserPoolId=app.pool, ProviderName="Acme", ProviderType="OIDC", ProviderDetails=details)
        providers = ["COGNITO", "Acme"]
        given = (await server.call("DescribeUserPoolClient", UserPoolId=app.pool, ClientId=app.client))["UserPoolClient"]
        kept = {name: given[name] for name in given if name.startswith(("Allowed", "Callback"))}
        await server.call("UpdateUserPoolClient", UserPoolId=app.pool, ClientId=app.client, SupportedIdentityProviders=providers, **kept)
        page = (await app.opened()).reply.body.decode()
        assert page.count('<img src="branding/') == 1


class TestWhatIsNotThere:
    @pytest.mark.parametrize("path", ["branding/00000000-0000-4000-8000-000000000000", "brand.css?look=classic&client_id=nobody"])
    async def test_is_not_found(self, server: TestServer, path: str) -> None:
        app = await Site(server).made()
        assert (await linked(app, path)).status == 404

    async def test_an_error_has_our_own_look(self, server: TestServer) -> None:
        """Wherever it is shown: of an unknown pool, and beside the authorization endpoint."""
        for base in ("/us-east-1_missing00", "/us-east-1_missing00/oauth2"):
            page = (await server.send("GET", f"{base}/authorize")).body.decode()
            address = page.split('rel="stylesheet" href="')[1].split('"')[0]
            sheet = await server.send("GET", f"{base}/{urlsplit(address).path}", query=urlsplit(address).query)
            assert (sheet.status, ".card" in sheet.body.decode()) == (200, True)
