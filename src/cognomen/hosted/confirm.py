"""The page behind the link in a verification mail (`CONFIRM_WITH_LINK`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cognomen.api import errors
from cognomen.api.operation import OPERATIONS, Operation
from cognomen.context import Context
from cognomen.hosted import templates
from cognomen.metering.rates import Rates
from cognomen.userpools import find, sign_up

_AFTERWARDS = (errors.UserLambdaValidationException, errors.UnexpectedLambdaException, errors.InvalidLambdaResponseException)


def _confirm_sign_up() -> Operation:
    """Its validator: a link is as strange an input as a request."""
    return OPERATIONS.by_name["cognito-idp", "ConfirmSignUp"]


def routes(context: Callable[[Request], Context], rates: Rates) -> Sequence[BaseRoute]:
    async def confirm_user(request: Request) -> Response:
        if request.method == "HEAD":
            return templates.page("confirmed.html", confirmed=False)  # who only looks (mail scanners do) uses no code up
        cx = context(request)
        asked = request.query_params
        if rates.active:  # else the link were a way to guess codes around the operation's own rate
            try:
                await rates.charge("cognito-idp", "ConfirmSignUp", None, b"")
            except errors.TooManyRequestsException:
                return templates.page("confirmed.html", 429, confirmed=False)
        members = {"ClientId": "client_id", "Username": "user_name", "ConfirmationCode": "confirmation_code"}
        try:
            given: Any = _confirm_sign_up().decode({member: asked.get(name) for member, name in members.items()})
            pool, client = await find.client(cx, given.client_id)
            if client.pool_id != request.path_params["pool_id"]:
                raise find.no_client(client.client_id)
            user = await find.user(cx, pool, given.username)
            if user is None:
                raise find.no_user()
            await sign_up.confirm(cx, pool, user, given.confirmation_code, force_alias=False, client_id=client.client_id)
        except _AFTERWARDS:
            pass  # PostConfirmation is asked once the user is confirmed, and they stay so
        except errors.ServiceError:
            # One text for every reason: the link is in a mail, and what is wrong with it is nobody else's to learn.
            return templates.page("confirmed.html", 400, confirmed=False)
        return templates.page("confirmed.html", confirmed=True)

    return [Route("/{pool_id}/confirmUser", confirm_user)]
