"""A pool whose users sign in on this server's own pages: an app, and a browser that comes from it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from tests.kit.browser import Browser, Form, Page
from tests.kit.oauth import App, claims
from tests.kit.oauth import sent_to as parts_of
from tests.kit.server import PASSWORD, TestServer


class Site(App):
    """An app beside the browser of somebody who uses it."""

    def __init__(self, server: TestServer) -> None:
        super().__init__(server)
        self.browser = Browser(server)

    async def opened(self, **parameters: str | None) -> Page:
        """Where the app's link to sign in leads."""
        return await self.browser.get(f"/{self.pool}/oauth2/authorize?{urlencode(self.request(**parameters))}")

    async def page(self, path: str, **parameters: str | None) -> Page:
        return await self.browser.get(f"/{self.pool}/{path}?{urlencode(self.request(**parameters))}")

    async def sign_in(self, username: str = "anna", password: str = PASSWORD, **parameters: str | None) -> Page:
        return await self.browser.submit(await self.opened(**parameters), {"username": username, "password": password})

    async def user_of(self, page: Page) -> str:
        """Whose tokens the app gets with what the page brought back; and that it got back at all."""
        _, query, _ = parts_of(page.reply)
        answered = await self.exchange(query["code"])
        assert answered.status == 200, answered.body
        return str(claims(answered.json["id_token"])["cognito:username"])


def button(form: Form, name: str, value: str = "") -> dict[str, str]:
    """The form's button of this name (and value); by its address, where it has no name."""
    found: list[dict[str, Any]] = [
        each for each in form.buttons[name] if value in (each.get("value", ""), each.get("formaction", "")[: len(value)])
    ]
    return found[0]
