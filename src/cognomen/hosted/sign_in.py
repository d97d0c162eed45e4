"""The table of the sign-in's pages, by a pool's path or at its domains."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cognomen.context import Context
from cognomen.hosted import accounts, brand, login, templates
from cognomen.hosted.visit import Visit, visit
from cognomen.metering.rates import Rates
from cognomen.oauth.doors import door
from cognomen.oauth.errors import OAuthError

Page = Callable[[Visit], Awaitable[Response]]

# path, what shows it, what a form posted to it does
PAGES: tuple[tuple[str, Page | None, Page], ...] = (
    ("/login", login.show, login.post),
    ("/signup", accounts.show_sign_up, accounts.post_sign_up),
    ("/confirm", None, accounts.post_confirm),
    ("/forgotPassword", accounts.show_forgot, accounts.post_forgot),
    ("/confirmForgotPassword", None, accounts.post_reset),
)


def routes(context: Callable[[Request], Context], rates: Rates) -> Sequence[BaseRoute]:
    async def sheet(request: Request) -> Response:
        cx = context(request)
        return await brand.sheet(cx, await door(cx, request), request)

    async def image(request: Request) -> Response:
        cx = context(request)
        return await brand.image(cx, await door(cx, request), request)

    return [
        *(_route(context, rates, *row) for row in PAGES),
        Route("/{pool_id}/brand.css", sheet),
        Route("/{pool_id}/branding/{image_id}", image),
    ]


def _route(context: Callable[[Request], Context], rates: Rates, path: str, show: Page | None, post: Page) -> BaseRoute:
    async def answer(request: Request) -> Response:
        cx = context(request)
        here = await visit(cx, await door(cx, request), request, rates)
        if request.method == "POST":
            return await post(here)
        return await (show or login.show)(here)  # a page that only a form leads to begins anew when it is opened by itself

    return Route("/{pool_id}" + path, answer, methods=["GET", "POST"])


async def failed(_request: Request, error: Exception) -> Response:
    """For the table of exceptions: what cannot be told to the app is told to the user."""
    found = error if isinstance(error, OAuthError) else OAuthError("invalid_request")
    return templates.page("error.html", found.status, code=found.code, text=found.description or "The request cannot be answered.")
