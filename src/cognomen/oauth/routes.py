"""The table of the endpoints. Each is asked by the pool's path, or by a domain of the pool, which leads to that path (doors.py)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cognomen.api import errors
from cognomen.context import Context
from cognomen.metering.rates import Rates
from cognomen.oauth import answers, authorize, federated, logout, revoke, token, userinfo
from cognomen.oauth.doors import Door, door
from cognomen.oauth.errors import OAuthError, ToApp, ToPage

Endpoint = Callable[[Context, Door, Request], Awaitable[Response]]

# path, methods, what answers, whether a browser's script of any origin may read it, and the category of AWS's rates that it counts in
ENDPOINTS: tuple[tuple[str, tuple[str, ...], Endpoint, bool, str], ...] = (
    ("/oauth2/authorize", ("GET",), authorize.authorize, False, ""),
    ("/authorize", ("GET",), authorize.authorize, False, ""),
    (federated.OAUTH_PATH, ("GET",), federated.arrive_by_get, False, "UserFederation"),
    (federated.OAUTH_PATH, ("POST",), federated.arrive_by_post, False, "UserFederation"),
    (federated.SAML_PATH, ("POST",), federated.arrive_by_post, False, "UserFederation"),
    ("/oauth2/token", ("POST",), token.token, True, "UserAuthentication"),
    ("/oauth2/userInfo", ("GET", "POST"), userinfo.userinfo, True, "UserRead"),
    ("/oauth2/revoke", ("POST",), revoke.revoke, True, "UserToken"),
    ("/logout", ("GET",), logout.logout, False, ""),
)


def routes(context: Callable[[Request], Context], rates: Rates) -> Sequence[BaseRoute]:
    return [_route(context, rates, *row) for row in ENDPOINTS]


def _route(
    context: Callable[[Request], Context],
    rates: Rates,
    path: str,
    methods: tuple[str, ...],
    endpoint: Endpoint,
    for_scripts: bool,
    category: str,
) -> BaseRoute:
    async def answer(request: Request) -> Response:
        if for_scripts and request.method == "OPTIONS":
            return answers.preflight(request, ", ".join(("OPTIONS", *methods)))
        cx = context(request)
        try:
            if category and rates.active:
                await _charge(rates, category)
            return await endpoint(cx, await door(cx, request), request)
        except ToPage as error:
            if not for_scripts:
                raise
            raise OAuthError(error.code, error.description, status=error.status) from error  # no user looks at these

    return Route("/{pool_id}" + path, answer, methods=[*methods, "OPTIONS"] if for_scripts else list(methods))


async def _charge(rates: Rates, category: str) -> None:
    try:
        await rates.charge_endpoint(category)
    except errors.TooManyRequestsException as error:
        raise ToPage("temporarily_unavailable", error.message, status=429) from error


async def refused(_request: Request, error: Exception) -> Response:
    """For the table of exceptions: back to the app, or as JSON."""
    return answers.refused(error) if isinstance(error, ToApp) else answers.failed(error)  # type: ignore[arg-type]


ERRORS = (ToApp, OAuthError)
