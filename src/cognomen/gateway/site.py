"""The gateway: each request's route, and an answer to whatever goes wrong. Holds no rule: who may what is asked at `doors`."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from cognomen.gateway import payload
from cognomen.gateway.head import Head, Refused, decoded, read
from cognomen.gateway.http_service import HttpRoute
from cognomen.gateway.relay import Relay, log
from cognomen.gateway.s3 import S3Route
from cognomen.gateway.s3_errors import answer as s3_answer
from cognomen.gateway.upstream import Upstream
from cognomen.wire.request import Answer


class Route(msgspec.Struct, frozen=True):
    """`host` and `path` as configured; `serves` is what stands behind."""

    name: str
    host: str
    path: str
    upstream: Upstream
    serves: S3Route | HttpRoute

    def takes(self, host: str, path: str) -> bool:
        named = not self.host or host == self.host or (isinstance(self.serves, S3Route) and host.endswith(f".{self.host}"))
        return named and (not self.path or path == self.path or path.startswith(f"{self.path}/"))


class Gateway:
    """An ASGI application. The route with a host comes before one without, and of those the one with the longest path."""

    def __init__(self, routes: list[Route]) -> None:
        self._routes = sorted(routes, key=lambda route: (bool(route.host), len(route.host), len(route.path)), reverse=True)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        relay = Relay(scope, receive, send)
        try:
            head = await self._read(scope, relay)
            if head is not None:
                await self._serve(head, relay)
        except payload.Gone:
            await relay.abort()
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - a fault of ours must not become half an answer
            log.exception("a request failed")
            if relay.started:
                await relay.abort()
            else:
                await relay.whole(_json(500, "Internal server error"))

    def close(self) -> None:
        for route in self._routes:
            route.upstream.close()

    async def _read(self, scope: Any, relay: Relay) -> Head | None:
        try:
            return read(scope)
        except Refused as error:
            await relay.whole(_json(400, error.text))
            return None

    async def _serve(self, head: Head, relay: Relay) -> None:
        try:
            path = decoded(head.request.raw_path)
        except Refused as error:
            found = self._route(head.host, "/")
            if found is not None and isinstance(found.serves, S3Route):
                await relay.whole(s3_answer(found.serves.refused(error, ""), head.request.raw_path.decode("latin-1")))
            else:
                await relay.whole(_json(400, error.text))
            return
        route = self._route(head.host, path)
        if route is None:
            await relay.whole(Answer(200, [(b"content-type", b"text/plain")], b"ok") if path == "/health" else _json(404, "Not Found"))
            return
        await route.serves.serve(head, relay)

    def _route(self, host: str, path: str) -> Route | None:
        return next((route for route in self._routes if route.takes(host, path)), None)


def _json(status: int, text: str) -> Answer:
    return Answer(status, [(b"content-type", b"application/json")], msgspec.json.encode({"message": text}))
