"""The inbox over HTTP: a page for people, JSON for tests. Shown only where the delivery is the inbox."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cognomen.context import Rooms
from cognomen.delivery.inbox import Inbox
from cognomen.hosted import templates

_MOST = 100


def routes(rooms: Rooms, kept: Inbox) -> Sequence[BaseRoute]:
    """No route at all where messages go elsewhere, or in production: codes are nobody's to read there."""
    if rooms.delivery is not kept or rooms.settings.mode != "dev":
        return []

    async def as_json(request: Request) -> Response:
        messages = await kept.newest(request.query_params.get("to"), _MOST)
        return Response(msgspec.json.encode({"messages": messages}), media_type="application/json", headers={"cache-control": "no-store"})

    async def page(request: Request) -> Response:
        to = request.query_params.get("to") or None
        return templates.page("inbox.html", messages=await kept.newest(to, _MOST), to=to)

    return [Route("/inbox.json", as_json), Route("/inbox", page)]
