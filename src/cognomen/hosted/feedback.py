"""The page behind the links of a notification about a risky sign-in. To look at it changes nothing, since mail scanners do: a button does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cognomen.api import errors
from cognomen.context import Context
from cognomen.hosted import templates
from cognomen.userpools import auth_events, find, notices, protection

_VALUES = ("Valid", "Invalid")
_MOST = 16_384  # bytes of a form


def routes(context: Callable[[Request], Context]) -> Sequence[BaseRoute]:
    async def feedback(request: Request) -> Response:
        cx = context(request)
        posted = request.method == "POST"
        value, token = await _posted(request) if posted else (request.query_params.get("value", ""), request.query_params.get("token", ""))
        try:
            pool = await find.pool(cx, request.path_params["pool_id"])
            protection.check_enabled(pool)
            notices.open_token(cx, pool.pool_id, token)
            if value not in _VALUES:
                raise notices.bad_token()
            if posted:
                await auth_events.by_token(cx, pool.pool_id, token, value)
        except errors.ServiceError:
            # One text for every reason: what is wrong with a link is nobody else's to learn.
            return templates.page("feedback.html", 400, state="broken", value="", token="")
        return templates.page("feedback.html", state="given" if posted else "asked", value=value, token=token)

    return [Route("/{pool_id}/authEventFeedback", feedback, methods=["GET", "POST"])]


async def _posted(request: Request) -> tuple[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST:
            return "", ""
    form = parse_qs(body.decode("latin-1"), max_num_fields=8) if body.count(b"&") < 8 else {}
    return form.get("value", [""])[0], form.get("token", [""])[0]
