"""Pages made from Jinja templates, with the headers that every page has: nothing from another origin, no frame around it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse, Response

_SAFE = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store"}
# Scripts are files of ours, never words in a page: what slips past the escaping still does not run.
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; img-src {images}; "
    "form-action {form_action}; frame-ancestors 'none'; base-uri 'none'"
)

_environment = Environment(
    loader=PackageLoader("cognomen.hosted", "pages"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters["day"] = lambda seconds: datetime.fromtimestamp(seconds, UTC).strftime("%a %d %b %Y")
_environment.filters["moment"] = lambda seconds: datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S UTC")
_environment.filters["iso"] = lambda seconds: datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def page(name: str, status: int = 200, *, policy: str | None = None, **values: object) -> HTMLResponse:
    body = _environment.get_template(name).render(values)
    return HTMLResponse(body, status, {**_SAFE, "content-security-policy": policy_of() if policy is None else policy})


def policy_of(*, form_action: str = "'self'", images: str = "data:") -> str:
    return _POLICY.format(form_action=form_action, images=images)


def script(name: str) -> Response:
    return Response(text(name), headers=_SAFE, media_type="text/javascript")


@cache
def text(name: str) -> str:
    """A file beside the templates, as it is."""
    return files("cognomen.hosted").joinpath("pages", name).read_text(encoding="utf-8")
