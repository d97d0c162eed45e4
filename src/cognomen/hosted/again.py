"""A form posted once more, from here: what a provider's page posts comes without the browser's cookie, what this page posts comes with it."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cognomen.hosted import templates
from cognomen.oauth.errors import Again


async def page(_request: Request, error: Exception) -> Response:
    """For the table of exceptions. The form goes to the address that it came to, and the browser on to the app: which one, is in a cookie that did
    not come. Chrome holds form-action against that redirect too (w3c/webappsec-csp #8), so there is none."""
    return templates.page("again.html", forms_stay=False, form=error.form if isinstance(error, Again) else {})


def routes() -> Sequence[BaseRoute]:
    async def script(_request: Request) -> Response:
        return templates.script("again.js")

    return [Route("/{pool_id}/{folder}/again.js", script)]
