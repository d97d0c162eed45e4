"""The page behind the link in a verification mail (`CONFIRM_WITH_LINK`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cognomen.api import errors
from cognomen.context import Context
from cognomen.hosted import templates
from cognomen.userpools import find, sign_up


def routes(context: Callable[[Request], Context]) -> Sequence[BaseRoute]:
    async def confirm_user(request: Request) -> Response:
        cx = context(request)
        asked = request.query_params
        try:
            pool, _ = await find.client_in(cx, request.path_params["pool_id"], asked.get("client_id", ""))
            user = await find.user(cx, pool, asked.get("user_name", ""))
            if user is None:
                raise find.no_user()
            await sign_up.confirm(cx, pool, user, asked.get("confirmation_code", ""), force_alias=False)
        except errors.ServiceError:
            # One text for every reason: the link is in a mail, and what is wrong with it is nobody else's to learn.
            return templates.page("confirmed.html", 400, confirmed=False)
        return templates.page("confirmed.html", confirmed=True)

    return [Route("/{pool_id}/confirmUser", confirm_user)]
