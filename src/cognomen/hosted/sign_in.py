"""All of a sign-in through a browser, as an application of its own: the OAuth endpoints, the pages, and what the pages link to. site.py loads it with the
first request for any of it: 5 MB that a server whose clients speak the API alone need not have.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from cognomen.context import Context
from cognomen.hosted import again, brand, entrance
from cognomen.metering.rates import Rates
from cognomen.oauth import routes as oauth
from cognomen.oauth.errors import Again, ToPage

Failed = Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]]


def sign_in(context: Callable[[Request], Context], rates: Rates, failed: Failed) -> Starlette:
    """`failed` answers what is no matter of a sign-in: no such path, no database."""
    return Starlette(
        routes=[*oauth.routes(context, rates), *entrance.routes(context, rates), *brand.routes(context), *again.routes()],
        exception_handlers={
            **failed,
            Again: again.page,
            **dict.fromkeys(oauth.ERRORS, oauth.refused),
            ToPage: entrance.broken,
        },
    )
