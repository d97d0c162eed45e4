"""Keys and discovery, of user pools and of identity pools: what verifiers ask, and browsers of any origin (OpenID Connect Discovery 1.0)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cognomen.context import Context, Rooms
from cognomen.oauth import answers
from cognomen.storage.pools import Pool
from cognomen.tokens import identity_tokens, issuer, keys
from cognomen.userpools import issue

_ANYONE = {"access-control-allow-origin": "*"}
_PUBLIC = {**_ANYONE, "cache-control": "public, max-age=300"}
_METHODS = ["GET", "OPTIONS"]
_POOL_ID = re.compile(r"[\w-]+_[0-9a-zA-Z]+", re.ASCII)
_IDENTITY_POOL_ID = re.compile(r"[\w-]+:[0-9a-f-]+", re.ASCII)


def routes(rooms: Rooms, context: Callable[[Request], Context]) -> Sequence[BaseRoute]:
    async def jwks(request: Request) -> Response:
        if request.method == "OPTIONS":
            return answers.preflight(request, "GET, HEAD, OPTIONS")
        if (identity_pool_id := await _identity_pool(rooms, request)) is not None:
            return _public({"keys": keys.jwks(await rooms.keys.for_pool(identity_pool_id))["keys"][:1]})
        pool = await _pool(rooms, request)
        if pool is None:
            return _no_pool()
        return _public(keys.jwks(await rooms.keys.for_pool(pool.pool_id)))

    async def discovery(request: Request) -> Response:
        if request.method == "OPTIONS":
            return answers.preflight(request, "GET, HEAD, OPTIONS")
        cx = context(request)
        base = issuer.own_base(rooms.settings.public_url or None, cx.base_url)
        if (identity_pool_id := await _identity_pool(rooms, request)) is not None:
            return _public(identity_tokens.discovery(identity_pool_id, base))
        pool = await _pool(rooms, request)
        if pool is None:
            return _no_pool()
        return _public(issuer.discovery(issue.issuer_of(cx, pool), pool.pool_id, base))

    return [
        Route("/{pool_id}/.well-known/jwks.json", jwks, methods=_METHODS),
        Route("/{pool_id}/.well-known/openid-configuration", discovery, methods=_METHODS),
    ]


async def gone(_request: Request, _error: Exception) -> Response:
    """Its keys went with it, between two reads."""
    return _no_pool()


async def _pool(rooms: Rooms, request: Request) -> Pool | None:
    pool_id = request.path_params["pool_id"]
    return await rooms.store.pools.get(pool_id) if _POOL_ID.fullmatch(pool_id) else None


async def _identity_pool(rooms: Rooms, request: Request) -> str | None:
    """An identity pool has a key and an issuer of its own, at the same paths."""
    pool_id = request.path_params["pool_id"]
    found = await rooms.store.identity_pools.get(pool_id) if _IDENTITY_POOL_ID.fullmatch(pool_id) else None
    return found.pool_id if found else None


def _public(value: object) -> Response:
    return Response(msgspec.json.encode(value), headers=_PUBLIC, media_type="application/json")


def _no_pool() -> Response:
    return Response(msgspec.json.encode({"message": "User pool does not exist."}), 404, _ANYONE, media_type="application/json")
