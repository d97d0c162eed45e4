"""What a browser or a verifier asks by GET: health, inbox, confirmation links, keys and discovery. The table of paths is at the end."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from cognomen.context import Context, Rooms
from cognomen.delivery.inbox import Inbox
from cognomen.hosted import confirm, inbox
from cognomen.storage.errors import Unavailable
from cognomen.storage.pools import Pool
from cognomen.tokens import issuer, keys
from cognomen.userpools import issue

BaseUrl = Callable[[str, str], str]
_PUBLIC = {"access-control-allow-origin": "*", "cache-control": "public, max-age=300"}


def site(rooms: Rooms, kept: Inbox, base_url: BaseUrl) -> ASGIApp:
    def context(request: Request) -> Context:
        client = request.client.host if request.client else ""
        return Context(rooms, base_url=base_url(request.url.scheme, request.headers.get("host", "")), source_ip=client)

    async def health(request: Request) -> Response:
        try:
            await rooms.store.check()
        except Unavailable as error:
            return _json({"status": "unavailable", "reason": str(error)}, status=503)
        return _json({"status": "ok"})

    async def pool_of(request: Request) -> Pool | None:
        return await rooms.store.pools.get(request.path_params["pool_id"])

    async def jwks(request: Request) -> Response:
        pool = await pool_of(request)
        if pool is None:
            return _no_pool()
        return _json(keys.jwks(await rooms.keys.for_pool(pool.pool_id)), headers=_PUBLIC)

    async def discovery(request: Request) -> Response:
        pool = await pool_of(request)
        if pool is None:
            return _no_pool()
        cx = context(request)
        base = issuer.own_base(rooms.settings.public_url or None, cx.base_url)
        return _json(issuer.discovery(issue.issuer_of(cx, pool), pool.pool_id, base), headers=_PUBLIC)

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/{pool_id}/.well-known/jwks.json", jwks),
            Route("/{pool_id}/.well-known/openid-configuration", discovery),
            *inbox.routes(rooms, kept),
            *confirm.routes(context),
        ]
    )


def _json(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def _no_pool() -> Response:
    return _json({"message": "User pool does not exist."}, status=404, headers={"access-control-allow-origin": "*"})
