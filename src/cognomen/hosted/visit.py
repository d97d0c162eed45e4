"""One visit of a browser to a page of the sign-in: which pool, which authorization request, and that a form came from a page of ours.

The authorization request stays in each page's query, and is checked anew with each of them. A form carries a token that only the browser which got the
page can have made good: it is bound to a cookie that no script and no other site reads (OWASP, "Signed Double-Submit Cookie").
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cognomen.api import errors
from cognomen.api.operation import OPERATIONS
from cognomen.context import Context
from cognomen.hosted import brand, templates
from cognomen.metering.rates import Rates
from cognomen.oauth import checks, cookies, parameters
from cognomen.oauth.checks import Authorization
from cognomen.oauth.doors import Door
from cognomen.oauth.errors import ToPage
from cognomen.storage.clients import Client
from cognomen.storage.pools import Pool
from cognomen.userpools import client_auth

_PURPOSE = "form"
_TOKEN = "_csrf"
_LONGEST = 64
HERE = "COGNITO"  # among a client's SupportedIdentityProviders: the pool's own users


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """`browser` is the secret of the browser's cookie; `fresh` where it has just been made."""

    cx: Context
    at: Door
    request: Request
    wanted: Authorization
    look: brand.Look
    rates: Rates
    browser: str
    fresh: bool

    @property
    def pool(self) -> Pool:
        return self.at.pool

    @property
    def client(self) -> Client:
        return self.wanted.client

    @property
    def query(self) -> str:
        """The authorization request, for links to the other pages."""
        return urlencode(self.wanted.given)

    async def show(
        self, template: str, *, error: errors.ServiceError | str | None = None, notice: str = "", status: int = 200, **values: object
    ) -> Response:
        """A page; the text of an error, or of a notice, stands where it is read aloud at once."""
        text = error.message.strip() if isinstance(error, errors.ServiceError) else error
        response = templates.page(
            template,
            400 if text and status == 200 else status,
            policy=_policy(self.wanted.asked.redirect_uri),
            look=self.look,
            app=self.client.settings.client_name or "",
            query=self.query,
            token=_token(self.cx, self.at, self.browser),
            error=text,
            notice=notice,
            **values,
        )
        if self.fresh:
            cookies.put(self.at, response, cookies.name(self.at, "form"), self.browser)
        return response

    async def form(self) -> dict[str, str]:
        """What was posted from a page of this server to this browser. Raises ToPage for anything else."""
        given = await parameters.of_form(self.request)
        token = given.pop(_TOKEN, "")
        right = not self.fresh and hmac.compare_digest(token.encode(), _token(self.cx, self.at, self.browser).encode())
        if not right or not _from_here(self.request, self.at):
            raise ToPage("invalid_request", "This form has expired. Go back to the app and sign in again.", status=403)
        return given

    async def charge(self, operation: str) -> None:
        """The rate of the operation that the page stands for. Raises TooManyRequestsException."""
        if self.rates.active:
            await self.rates.charge("cognito-idp", operation, None, b"")

    async def operate(self, operation: str, username: str, **members: object) -> Any:
        """An operation in the client's name, its members checked as those of any request. Raises what it raises."""
        await self.charge(operation)
        known = OPERATIONS.by_name["cognito-idp", operation]
        secret_hash = client_auth.secret_hash(self.cx, self.client, username)
        given = {"ClientId": self.client.client_id, "Username": username, "SecretHash": secret_hash, **members}
        return await known.handler(self.cx, known.decode({name: value for name, value in given.items() if value is not None}))


async def visit(cx: Context, at: Door, request: Request, rates: Rates) -> Visit:
    """Raises ToPage, ToApp."""
    wanted = await checks.authorization(cx, at, parameters.of_query(request))
    known = request.cookies.get(cookies.name(at, "form"), "")
    fresh = not (known and len(known) <= _LONGEST and known.isascii())
    return Visit(
        cx=cx,
        at=at,
        request=request,
        wanted=wanted,
        look=await brand.look(cx, at, wanted.client),
        rates=rates,
        browser=secrets.token_urlsafe(24) if fresh else known,
        fresh=fresh,
    )


def takes_own_users(client: Client) -> bool:
    return HERE in (client.settings.supported_identity_providers or [])


def _token(cx: Context, at: Door, browser: str) -> str:
    return cx.sealer.mac(_PURPOSE, at.pool.pool_id.encode(), browser.encode()).hex()[:32]


def _from_here(request: Request, at: Door) -> bool:
    """What browsers say of where a form comes from, where they say it."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin", "")
    own = urlsplit(at.base)
    return site in ("same-origin", "none") and origin in ("", "null", f"{own.scheme}://{own.netloc}")


def _policy(redirect_uri: str) -> str:
    """Chrome holds the redirect after a form to `form-action` too, so the app's own address is in it; an address of an app on a device is
    its scheme alone."""
    parts = urlsplit(redirect_uri)
    target = f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
    return templates.policy_of(form_action=f"'self' {target}", images="'self' data:")
