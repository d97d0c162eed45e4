"""A browser's visit to a sign-in page: the authorization request that it serves, checked anew each time, and what proves that a form which comes
back was one of ours, in this very browser.

Each form carries a token made of a cookie that only this browser has (login CSRF too: RFC 9700, 4.7); beside it stand the browser's own words on
where the form was, Sec-Fetch-Site and Origin.
"""

from __future__ import annotations

import re
import secrets as chance
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cognomen.context import Context
from cognomen.hosted import brand, texts
from cognomen.kernel import secrets
from cognomen.kernel.secrets import Unsealable
from cognomen.oauth import checks, cookies, parameters
from cognomen.oauth.checks import Authorization
from cognomen.oauth.doors import Door, door
from cognomen.oauth.errors import OAuthError, ToPage
from cognomen.storage.clients import Client
from cognomen.storage.pools import Pool

TOKEN = "_csrf"
_COOKIE = "form"
_PURPOSE = "page form"
_KEY = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


class NotOurs(Exception):
    """The form was not given out to this browser, or its cookie is gone: nothing is done, the page is shown again."""


class Anew(Exception):
    """The sign-in begins once more, at its first page: with what went wrong (`alert`), or well (`notice`)."""

    def __init__(self, alert: str = "", status: int = 200, *, notice: str = "", username: str | None = None) -> None:
        super().__init__("anew")
        self.alert = alert
        self.status = status
        self.notice = notice
        self.username = username


class Visit(msgspec.Struct, frozen=True):
    """`key` is the browser's cookie, which has to be set where it is `fresh`."""

    cx: Context
    at: Door
    wanted: Authorization
    request: Request
    look: brand.Look
    key: str
    fresh: bool

    @property
    def pool(self) -> Pool:
        return self.at.pool

    @property
    def client(self) -> Client:
        return self.wanted.client

    @property
    def text(self) -> Mapping[str, str]:
        """All that the page says, in the language that the request asks for (`lang`)."""
        return texts.of(self.wanted.lang)

    @property
    def token(self) -> str:
        return self.cx.sealer.mac("form token", self.pool.pool_id.encode(), self.key.encode()).hex()

    def link(self, path: str, **changed: str | None) -> str:
        """Another page for the same authorization request. All pages stand beside each other, so this is good by every door."""
        given = {**self.wanted.given, **changed}
        return f"{path}?{urlencode({name: value for name, value in given.items() if value is not None})}"

    def seal(self, state: object) -> str:
        """What a form carries for us alone: good in this browser, for this pool."""
        return self.cx.sealer.seal_text(_PURPOSE, msgspec.json.encode(state), self._bound())

    def open(self, sealed: str) -> bytes:
        """Raises NotOurs."""
        try:
            return self.cx.sealer.open_text(_PURPOSE, sealed, self._bound())
        except Unsealable as cause:
            raise NotOurs from cause

    def _bound(self) -> bytes:
        return f"{self.pool.pool_id} {self.key}".encode()


async def visit(cx: Context, request: Request) -> Visit:
    """Raises ToPage and ToApp, as the authorization endpoint does: a page is nothing without a good request."""
    at = await door(cx, request)
    given = _clean(parameters.of_query(request))
    wanted = await checks.authorization(cx, at, given)
    if not wanted.client.settings.supported_identity_providers:
        raise ToPage("unauthorized_client", "Login pages unavailable. Please contact an administrator.")
    kept = request.cookies.get(cookies.name(at, _COOKIE), "")
    good = _KEY.fullmatch(kept) is not None
    look = await brand.look(cx, at, wanted.client)
    return Visit(cx, at, wanted, request, look, kept if good else chance.token_urlsafe(32), not good)


async def read(of: Visit) -> dict[str, str]:
    """The fields of a form of ours. Raises NotOurs, and OAuthError for what is no form at all."""
    form = _clean(await parameters.of_form(of.request))
    given = form.pop(TOKEN, "")
    if of.fresh or not secrets.equal(given, of.token) or not _from_here(of):
        raise NotOurs
    return form


def remember(of: Visit, response: Response) -> None:
    if of.fresh:
        cookies.put(of.at, response, cookies.name(of.at, _COOKIE), of.key)


def _from_here(of: Visit) -> bool:
    """What the browser itself says; those that say nothing have the token alone."""
    headers = of.request.headers
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "none":  # no page has a say in it, so it decides
        return site == "same-origin"
    if origin is None:
        return True
    base = urlsplit(of.at.base)
    # In dev a server may be reached by other names than its own: a page of another origin has another host than the request.
    return origin in (f"{base.scheme}://{base.netloc}", f"{base.scheme}://{headers.get('host', '').lower()}")


def _clean(given: Mapping[str, str]) -> dict[str, str]:
    """No database keeps a NUL character, and nobody types one."""
    if any("\0" in name or "\0" in value for name, value in given.items()):
        raise OAuthError("invalid_request")
    return dict(given)
