"""The forms that answers have: a redirect to the app, JSON that nobody keeps, and the permission for browsers of any origin to read it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cognomen.oauth.errors import OAuthError, ToApp
from cognomen.userpools.authorization import Granted

_ANYONE = {"access-control-allow-origin": "*"}
_AS_IT_IS = bytes(range(0x21, 0x7F)).decode()  # all that an address may have, "%" among it
_UNKEPT = {"cache-control": "no-store", "pragma": "no-cache"}


def to_app(redirect_uri: str, granted: Granted) -> Response:
    return redirect(_with(redirect_uri, granted.parameters, in_fragment=granted.in_fragment))


def refused(error: ToApp) -> Response:
    """Where the app's own redirect URI takes the error (RFC 6749, 4.1.2.1 and 4.2.2.1)."""
    said = {"error_description": error.description, "error": error.code, "state": error.state}
    parameters = {name: value for name, value in said.items() if value is not None}
    return redirect(_with(error.redirect_uri, parameters, in_fragment=error.in_fragment))


def redirect(url: str) -> Response:
    """A header is ASCII: what is not goes as a browser would write it (RFC 3987, 3.1), and all else to the letter."""
    return Response(status_code=302, headers={"location": quote(url, safe=_AS_IT_IS), **_UNKEPT, "referrer-policy": "no-referrer"})


def tokens(value: Mapping[str, object]) -> Response:
    return Response(msgspec.json.encode(value), headers={**_ANYONE, **_UNKEPT}, media_type="application/json;charset=UTF-8")


def failed(error: OAuthError, headers: Mapping[str, str] | None = None) -> Response:
    """RFC 6749, 5.2."""
    said = {"error": error.code, "error_description": error.description}
    body = msgspec.json.encode({name: value for name, value in said.items() if value is not None})
    return Response(body, error.status, {**_ANYONE, **_UNKEPT, **(headers or {})}, media_type="application/json;charset=UTF-8")


def preflight(request: Request, methods: str) -> Response:
    """Any page may ask, with whatever headers it likes: nothing here is proved by a cookie."""
    asked = request.headers.get("access-control-request-headers", "")
    allowed = {**_ANYONE, "access-control-allow-methods": methods, "access-control-max-age": "172800"}
    if asked:
        allowed |= {"access-control-allow-headers": asked, "vary": "access-control-request-headers"}
    return Response(status_code=204, headers=allowed)


def _with(url: str, parameters: Mapping[str, str], *, in_fragment: bool) -> str:
    """The redirect URI keeps its own query (RFC 6749, 3.1.2) and its every letter: `app://` is an address too. It has no fragment."""
    mark = "#" if in_fragment else "?" if "?" not in url else "" if url.endswith(("?", "&")) else "&"
    return f"{url}{mark}{urlencode(parameters)}"
