"""The records of an update that was too large for its pool's stream, at the address that the stream names."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cognomen.delivery.sync.payloads import PATH, Payloads


def routes(payloads: Payloads) -> Sequence[BaseRoute]:
    async def update(request: Request) -> Response:
        found = await payloads.at(request.path_params["token"])
        if found is None:
            return Response(b'{"message":"There is nothing at this address any more."}', 404, media_type="application/json")
        return Response(found, headers={"cache-control": "no-store"}, media_type="application/json")

    return [Route(f"{PATH}/{{token}}", update, methods=["GET"])]
