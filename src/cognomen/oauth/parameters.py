"""Parameters of a query or a form (RFC 6749, 3.1 and 3.2): none may come twice, an empty one counts as left out."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from cognomen.oauth.errors import OAuthError

_MOST = 65_536  # bytes of a form; a SAML response has an endpoint with a limit of its own
_MOST_FIELDS = 64
_LONGEST_QUERY = 16_384


def of_query(request: Request) -> dict[str, str]:
    """Raises OAuthError."""
    raw = request.scope.get("query_string", b"")
    if len(raw) > _LONGEST_QUERY:
        raise OAuthError("invalid_request")
    return _read(raw.decode("latin-1"))


async def of_form(request: Request, most: int = _MOST) -> dict[str, str]:
    """Raises OAuthError for another content type, or one that is too large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise OAuthError("invalid_request", status=413)
    return _read(body.decode("latin-1"))


def _read(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as cause:
        raise OAuthError("invalid_request") from cause
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise OAuthError("invalid_request")
        found[name] = value
    return {name: value for name, value in found.items() if value}
