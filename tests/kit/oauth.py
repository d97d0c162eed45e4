"""An app that signs its users in through the pool's OAuth 2.0 endpoints, and the browser that it sends them with."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from cognomen.context import Context
from cognomen.oauth import checks
from cognomen.oauth.doors import Door
from cognomen.userpools import browser
from tests.kit.server import PASSWORD, Reply, TestServer

CALLBACK = "https://app.example/back"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
SCOPES = ["openid", "email", "phone", "profile", "aws.cognito.signin.user.admin"]


def claims(token: str) -> dict[str, Any]:
    """What a token says; unverified."""
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def sent_to(reply: Reply) -> tuple[str, dict[str, str], dict[str, str]]:
    """Where a redirect leads: the address, and the parameters of its query and of its fragment."""
    assert reply.status == 302, reply.body
    parts = urlsplit(reply.headers["location"])
    query, fragment = (dict(parse_qsl(text, keep_blank_values=True)) for text in (parts.query, parts.fragment))
    return f"{parts.scheme}://{parts.netloc}{parts.path}", query, fragment


class App:
    """One client of one pool, with the user anna."""

    def __init__(self, server: TestServer) -> None:
        self.server = server
        self.pool = self.client = self.sub = ""
        self.secret: str | None = None

    async def made(self, *, pool: dict[str, Any] | None = None, user: dict[str, str] | None = None, **members: Any) -> Self:
        self.pool = await self.server.pool(**(pool or {}))
        self.sub = await self.server.user(self.pool, "anna", **(user or {"email": "anna@example.com"}))
        return await self.another(**members)

    async def another(self, **members: Any) -> Self:
        """Another client of the pool, from now on this app's own."""
        given = {
            "UserPoolId": self.pool,
            "ClientName": "app",
            "AllowedOAuthFlowsUserPoolClient": True,
            "AllowedOAuthFlows": ["code", "implicit"],
            "AllowedOAuthScopes": SCOPES,
            "CallbackURLs": [CALLBACK],
            "LogoutURLs": ["https://app.example/bye"],
            "SupportedIdentityProviders": ["COGNITO"],
            **members,
        }
        made = (await self.server.call("CreateUserPoolClient", **given))["UserPoolClient"]
        self.client, self.secret = made["ClientId"], made.get("ClientSecret")
        return self

    def request(self, **parameters: str | None) -> dict[str, str]:
        """An authorization request; None leaves a parameter out."""
        usual = {"response_type": "code", "client_id": self.client, "redirect_uri": CALLBACK, "scope": "openid email"}
        return {name: value for name, value in {**usual, **parameters}.items() if value is not None}

    async def authorize(self, cookie: str = "", **parameters: str | None) -> Reply:
        headers = {"cookie": cookie} if cookie else {}
        return await self.server.send("GET", f"/{self.pool}/oauth2/authorize", query=urlencode(self.request(**parameters)), headers=headers)

    async def entered(self, username: str = "anna", password: str = PASSWORD, **parameters: str | None) -> dict[str, str]:
        """What the redirect URI gets once the user signed in, as a page would have it: `sso` is the single sign-on session beside it."""
        cx, at, wanted = await self.checked(**parameters)
        found = await browser.begin(cx, at.pool, wanted.client, wanted.asked, username, password)
        assert isinstance(found, browser.Entered), found
        return {**found.granted.parameters, "sso": found.sso_session or ""}

    async def checked(self, **parameters: str | None) -> tuple[Context, Door, checks.Authorization]:
        cx = Context(self.server.server.rooms, locate=lambda: "http://localhost:2646", source_ip="192.0.2.7", user_agent="Firefox")
        pool = await cx.store.pools.get(self.pool)
        assert pool is not None
        at = Door(pool, f"http://localhost:2646/{self.pool}")
        return cx, at, await checks.authorization(cx, at, self.request(**parameters))

    async def post(self, path: str, form: dict[str, str | None], *, basic: bool = False, **headers: str) -> Reply:
        """A form to an endpoint, with the client's own proof."""
        given = dict(form)
        if basic:
            text = f"{quote(self.client, safe='')}:{quote(self.secret or '', safe='')}"
            headers["authorization"] = "Basic " + base64.b64encode(text.encode()).decode()
        else:
            given = {"client_id": self.client, "client_secret": self.secret, **given}
        body = urlencode({name: value for name, value in given.items() if value is not None}).encode()
        headers.setdefault("content-type", "application/x-www-form-urlencoded")
        return await self.server.send("POST", f"/{self.pool}{path}", body, headers)

    async def token(self, *, basic: bool = False, **form: str | None) -> Reply:
        return await self.post("/oauth2/token", form, basic=basic)

    async def exchange(self, code: str, *, basic: bool = False, **form: str | None) -> Reply:
        return await self.token(basic=basic, **{"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **form})
