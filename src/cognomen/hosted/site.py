"""What a browser or a verifier asks: a first page, health, keys and discovery, inbox, links in mails; and all of a sign-in through a browser, which is
loaded when it is asked for. What is not in a table of paths gets a JSON error, as everything here that is no page."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cognomen.context import Context, Rooms
from cognomen.delivery.inbox import Inbox
from cognomen.delivery.sync.payloads import Payloads
from cognomen.hosted import confirm, feedback, inbox, templates, updates, uploads, well_known
from cognomen.kernel import ids
from cognomen.metering.rates import Rates
from cognomen.oauth.doors import ByDomain
from cognomen.storage.errors import Unavailable
from cognomen.tokens import keys

BaseUrl = Callable[[str, str], str]


def site(rooms: Rooms, kept: Inbox, payloads: Payloads, base_url: BaseUrl, rates: Rates) -> ASGIApp:
    def context(request: Request) -> Context:
        client = request.client.host if request.client else ""
        agent = request.headers.get("user-agent", "")
        where = partial(base_url, request.url.scheme, request.headers.get("host", ""))
        return Context(rooms, request_id=ids.uuid(), locate=where, source_ip=client, user_agent=agent)

    async def home(request: Request) -> Response:
        url = base_url(request.url.scheme, request.headers.get("host", ""))
        return templates.page("home.html", url=url, region=rooms.settings.region, inbox=inbox.is_shown(rooms, kept))

    async def health(request: Request) -> Response:
        try:
            await rooms.store.check()
        except Unavailable as error:
            return _json({"status": "unavailable", "reason": str(error)}, status=503)
        return _json({"status": "ok"})

    pages = Starlette(
        routes=[
            Route("/", home),
            Route("/health", health),
            *well_known.routes(rooms, context),
            *inbox.routes(rooms, kept),
            *confirm.routes(context, rates),
            *feedback.routes(context),
            *uploads.routes(context),
            *updates.routes(payloads),
        ],
        exception_handlers=_FAILED,
    )
    pages.router.default = _Later(lambda: importlib.import_module("cognomen.hosted.sign_in").sign_in(context, rates, _FAILED))
    return ByDomain(pages, rooms.store, rooms.settings.public_url)


class _Later:
    """An application that is made when the first request comes to it."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._made: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._made is None:
            self._made = self._make()
        await self._made(scope, receive, send)


async def _no_page(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = {404: "There is nothing at this path.", 405: "This path does not take this method."}.get(status, "The request failed.")
    return _json({"message": text}, status=status, headers=dict(getattr(error, "headers", None) or {}))


async def _unavailable(_request: Request, _error: Exception) -> Response:
    return _json({"message": "The database cannot be reached now."}, status=503, headers={"retry-after": "1"})


async def _left(_request: Request, _error: Exception) -> Response:
    """Whoever sent half a form has gone: nobody reads this."""
    return Response(status_code=400)


def _json(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


_FAILED: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    HTTPException: _no_page,
    Unavailable: _unavailable,
    ClientDisconnect: _left,
    keys.NoKeys: well_known.gone,
}
