"""What a browser or a verifier asks by GET: a first page, health, inbox, confirmation links, keys and discovery. The table of paths is
at the end; what is not in it gets a JSON error, as everything here that is no page."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from cognomen.context import Context, Rooms
from cognomen.delivery.inbox import Inbox
from cognomen.delivery.sync.payloads import Payloads
from cognomen.hosted import confirm, feedback, inbox, templates, updates, uploads
from cognomen.metering.rates import Rates
from cognomen.oauth import routes as oauth
from cognomen.storage.errors import Unavailable
from cognomen.storage.pools import Pool
from cognomen.tokens import identity_tokens, issuer, keys
from cognomen.userpools import issue

BaseUrl = Callable[[str, str], str]
_ANYONE = {"access-control-allow-origin": "*"}
_PUBLIC = {**_ANYONE, "cache-control": "public, max-age=300"}
_POOL_ID = re.compile(r"[\w-]+_[0-9a-zA-Z]+", re.ASCII)
_IDENTITY_POOL_ID = re.compile(r"[\w-]+:[0-9a-f-]+", re.ASCII)


def site(rooms: Rooms, kept: Inbox, payloads: Payloads, base_url: BaseUrl, rates: Rates) -> ASGIApp:
    def context(request: Request) -> Context:
        client = request.client.host if request.client else ""
        agent = request.headers.get("user-agent", "")
        where = partial(base_url, request.url.scheme, request.headers.get("host", ""))
        return Context(rooms, locate=where, source_ip=client, user_agent=agent)

    async def home(request: Request) -> Response:
        url = base_url(request.url.scheme, request.headers.get("host", ""))
        return templates.page("home.html", url=url, region=rooms.settings.region, inbox=inbox.is_shown(rooms, kept))

    async def health(request: Request) -> Response:
        try:
            await rooms.store.check()
        except Unavailable as error:
            return _json({"status": "unavailable", "reason": str(error)}, status=503)
        return _json({"status": "ok"})

    async def pool_of(request: Request) -> Pool | None:
        pool_id = request.path_params["pool_id"]
        return await rooms.store.pools.get(pool_id) if _POOL_ID.fullmatch(pool_id) else None

    async def jwks(request: Request) -> Response:
        if request.method == "OPTIONS":
            return _preflight(request)
        if (identity_pool_id := await _identity_pool(rooms, request)) is not None:
            return _json({"keys": keys.jwks(await rooms.keys.for_pool(identity_pool_id))["keys"][:1]}, headers=_PUBLIC)
        pool = await pool_of(request)
        if pool is None:
            return _no_pool()
        return _json(keys.jwks(await rooms.keys.for_pool(pool.pool_id)), headers=_PUBLIC)

    async def discovery(request: Request) -> Response:
        if request.method == "OPTIONS":
            return _preflight(request)
        cx = context(request)
        base = issuer.own_base(rooms.settings.public_url or None, cx.base_url)
        if (identity_pool_id := await _identity_pool(rooms, request)) is not None:
            return _json(identity_tokens.discovery(identity_pool_id, base), headers=_PUBLIC)
        pool = await pool_of(request)
        if pool is None:
            return _no_pool()
        return _json(issuer.discovery(issue.issuer_of(cx, pool), pool.pool_id, base), headers=_PUBLIC)

    return Starlette(
        routes=[
            Route("/", home),
            Route("/health", health),
            Route("/{pool_id}/.well-known/jwks.json", jwks, methods=["GET", "OPTIONS"]),
            Route("/{pool_id}/.well-known/openid-configuration", discovery, methods=["GET", "OPTIONS"]),
            *oauth.routes(context),
            *inbox.routes(rooms, kept),
            *confirm.routes(context, rates),
            *feedback.routes(context),
            *uploads.routes(context),
            *updates.routes(payloads),
        ],
        exception_handlers={
            HTTPException: _no_page,
            Unavailable: _unavailable,
            keys.NoKeys: _pool_gone,
            **dict.fromkeys(oauth.ERRORS, oauth.refused),
        },
    )


async def _identity_pool(rooms: Rooms, request: Request) -> str | None:
    """An identity pool has a key and an issuer of its own, at the same paths."""
    pool_id = request.path_params["pool_id"]
    found = await rooms.store.identity_pools.get(pool_id) if _IDENTITY_POOL_ID.fullmatch(pool_id) else None
    return found.pool_id if found else None


def _preflight(request: Request) -> Response:
    """Keys and discovery are public: a browser may ask from any page, with whatever headers it likes."""
    asked = request.headers.get("access-control-request-headers", "")
    allowed = {**_ANYONE, "access-control-allow-methods": "GET, HEAD, OPTIONS", "access-control-max-age": "172800"}
    if asked:
        allowed |= {"access-control-allow-headers": asked, "vary": "access-control-request-headers"}
    return Response(status_code=204, headers=allowed)


async def _no_page(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = {404: "There is nothing at this path.", 405: "This path does not take this method."}.get(status, "The request failed.")
    return _json({"message": text}, status=status, headers=dict(getattr(error, "headers", None) or {}))


async def _unavailable(_request: Request, _error: Exception) -> Response:
    return _json({"message": "The database cannot be reached now."}, status=503, headers={"retry-after": "1"})


async def _pool_gone(_request: Request, _error: Exception) -> Response:
    return _no_pool()


def _json(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def _no_pool() -> Response:
    return _json({"message": "User pool does not exist."}, status=404, headers=_ANYONE)
