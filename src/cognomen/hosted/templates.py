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
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src {styles}; img-src {images}; "
    "{form_action}frame-ancestors 'none'; base-uri 'none'"
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


def page(name: str, status: int = 200, *, forms_stay: bool = True, **values: object) -> HTMLResponse:
    """Unless `forms_stay`, a form may lead on to wherever its answer says."""
    policy = _POLICY.format(styles="'unsafe-inline'", images="data:", form_action="form-action 'self'; " if forms_stay else "")
    return HTMLResponse(_environment.get_template(name).render(values), status, {**_SAFE, "content-security-policy": policy})


def entrance(name: str, status: int, targets: str, **values: object) -> HTMLResponse:
    """A page of sign-in. `targets` are where a form may lead beside this server (form-action). Its own forms are told where they come from, which
    `no-referrer` would hide (Origin: null); nobody else is told."""
    policy = _POLICY.format(styles="'self'", images="'self' data:", form_action=f"form-action 'self' {targets}".rstrip() + "; ")
    headers = {**_SAFE, "referrer-policy": "same-origin", "content-security-policy": policy}
    return HTMLResponse(_environment.get_template(name).render(values), status, headers)


def script(name: str) -> Response:
    return Response(text(name), headers=_SAFE, media_type="text/javascript")


@cache
def text(name: str) -> str:
    """A file beside the templates, as it is."""
    return files("cognomen.hosted").joinpath("pages", name).read_text(encoding="utf-8")
