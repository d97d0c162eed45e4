"""The least that an HTTP server in this stack costs: a bare ASGI callable that reads the request and gives a canned answer of the usual size."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

USER = {
    "Username": "user000000",
    "Attributes": [
        {"Name": "sub", "Value": "00000000-0000-4000-8000-000000000000"},
        {"Name": "email", "Value": "user000000@example.com"},
        {"Name": "email_verified", "Value": "true"},
        {"Name": "name", "Value": "User 0"},
    ],
    "UserCreateDate": 1700000000.123,
    "UserLastModifiedDate": 1700000000.123,
    "Enabled": True,
    "UserStatus": "CONFIRMED",
}
ONE = msgspec.json.encode(USER)
PAGE = msgspec.json.encode({"Users": [USER] * 60, "PaginationToken": "t" * 200})


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    page = any(name == b"x-amz-target" and value.endswith(b".ListUsers") for name, value in scope["headers"])
    body = PAGE if page else ONE
    headers = [
        (b"content-type", b"application/x-amz-json-1.1"),
        (b"content-length", b"%d" % len(body)),
        (b"x-amzn-requestid", b"00000000-0000-4000-8000-000000000000"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
