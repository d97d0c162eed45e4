"""Whatever is typed into the pages, or sent in their place: a page, and never an error of the server's own."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.kit.oauth import CALLBACK
from tests.kit.pages import Site
from tests.kit.server import PASSWORD, TestServer

ODD = (
    "",
    " ",
    "a" * 129,
    "a" * 20_000,
    "\r\nset-cookie: a=b",
    "\u202eanna",
    "a\u0000b",
    "\ufffe",
    "😀" * 40,
    "İstanbul",
    "../../etc",
    "%00",
    "{{ 1 }}",
    "{",
    '["a"]',
    "null",
    "-1",
    "1e999",
    "anna@example.com",
    "+15550001234",
    "00000000-0000-0000-0000-000000000000",
)
FIELDS = ("username", "password", "code", "state", "again", "choose", "continue", "attribute.email", "attribute.birthdate", "attribute.")
PATHS = ("login", "challenge", "signup", "confirm", "resendcode", "forgotPassword", "confirmForgotPassword")
POOL: dict[str, Any] = {
    "AutoVerifiedAttributes": ["email"],
    "Schema": [{"Name": "birthdate", "Required": True}],
    "Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP", "WEB_AUTHN"]}},
}
STATUSES = frozenset((200, 302, 400, 403, 413, 429))


@pytest.mark.parametrize("path", PATHS)
async def test_in_every_field(server: TestServer, path: str) -> None:
    """One odd value at a time, among good ones, with the form's own proof."""
    app = await Site(server).made(
        pool=POOL, user={"email": "anna@example.com", "birthdate": "2000-01-01"}, ExplicitAuthFlows=["ALLOW_USER_AUTH"]
    )
    page = await app.page("login")
    good = {
        "username": "anna",
        "password": PASSWORD,
        "code": "123456",
        "attribute.email": "b@example.com",
        "attribute.birthdate": "2000-01-01",
    }
    for field in FIELDS:
        for value in ODD:
            found = await app.browser.post(page.url.replace("/login", f"/{path}"), {**page.form.fields, **good, field: value})
            assert found.status in STATUSES and (not found.away or found.away.startswith(CALLBACK)), (path, field, value[:40])


@pytest.mark.parametrize("seed", range(6))
async def test_in_several_at_once(server: TestServer, seed: int) -> None:
    app = await Site(server).made(
        pool=POOL, user={"email": "anna@example.com", "birthdate": "2000-01-01"}, ExplicitAuthFlows=["ALLOW_USER_AUTH"]
    )
    page, chance = await app.page("login"), random.Random(seed)
    for _ in range(40):
        fields = {field: chance.choice(ODD) for field in chance.sample(FIELDS, chance.randint(0, len(FIELDS)))}
        path = chance.choice(PATHS)
        found = await app.browser.post(page.url.replace("/login", f"/{path}"), {**page.form.fields, **fields})
        assert found.status in STATUSES, (path, fields)


@pytest.mark.parametrize(
    "name", ["client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "login_hint", "lang", "prompt", "code_challenge"]
)
async def test_in_every_parameter(server: TestServer, name: str) -> None:
    """A page, or back to the app."""
    app = await Site(server).made()
    for value in ODD:
        for path in ("oauth2/authorize", "login", "signup"):
            found = await app.page(path, **{name: value})
            assert found.status in STATUSES, (path, value[:40])
