"""How a client proves itself at the token and the revocation endpoint (RFC 6749, 2.3.1): HTTP Basic, or its secret in the form; never both."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import unquote

from starlette.requests import Request

from cognomen.context import Context
from cognomen.oauth.doors import Door
from cognomen.oauth.errors import OAuthError
from cognomen.storage.clients import Client
from cognomen.userpools import client_auth


async def client_of(cx: Context, at: Door, request: Request, form: Mapping[str, str]) -> tuple[Client, str | None]:
    """The client, proved, and the secret by which it was. Raises OAuthError: a wrong secret uses up no code."""
    client_id, secret = _named(request, form)
    client = await cx.store.clients.get(at.pool.pool_id, client_id)
    if client is None or not client_auth.secret_fits(cx, client, secret):
        raise invalid()
    return client, secret


def invalid() -> OAuthError:
    # 400, as live: a 401 must ask for a scheme, and browsers would then ask the user for a password.
    return OAuthError("invalid_client")


def _named(request: Request, form: Mapping[str, str]) -> tuple[str, str | None]:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret")
    try:
        text = base64.b64decode(given.strip(), validate=True).decode("utf-8")
    except ValueError as cause:  # no base64, not ASCII, not UTF-8
        raise invalid() from cause
    # Both were form-encoded before (RFC 6749, 2.3.1); a plus stays one, as many libraries send it (FIDELITY A.3).
    client_id, _, secret = (unquote(part) for part in text.partition(":"))
    if "client_secret" in form or form.get("client_id", client_id) != client_id:
        raise OAuthError("invalid_request", "The client is named twice.")
    return client_id, secret or None
