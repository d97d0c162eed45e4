"""The generator's side of the wire: one keep-alive connection, requests as byte strings, SigV4 where AWS asks for it. No SDK: one core of
the generator must be able to ask more than a server can answer."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from typing import Any, cast
from urllib.parse import urlsplit

import httptools
import msgspec

TARGET = "AWSCognitoIdentityProviderService"
# what AWS authorises with IAM; the others carry a client id or a token
SIGNED = frozenset(
    {
        "CreateUserPool",
        "CreateUserPoolClient",
        "AdminCreateUser",
        "AdminSetUserPassword",
        "AdminGetUser",
        "ListUsers",
        "SetUserPoolMfaConfig",
    },
)


class Refused(Exception):
    """An answer other than 200, or none at all. The text holds its status and the beginning of its body."""


class Connection(asyncio.Protocol):
    """One request in flight; opened at the first request and again after the server closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._status = 0
        self._fresh = True

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Status and body. A connection that was kept and is found closed is opened again, once. Raises Refused."""
        loop = asyncio.get_running_loop()
        for _ in range(2):
            if self._transport is None or self._transport.is_closing():
                await loop.create_connection(lambda: self, *self._address)
            assert self._transport is not None
            fresh, self._fresh = self._fresh, False
            self._answer = loop.create_future()
            self._transport.write(request)
            try:
                return await self._answer
            except ConnectionResetError:
                if fresh:
                    break
        raise Refused("the connection was closed without an answer")

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpResponseParser(self)
        self._status, self._fresh = 0, True

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(Refused(f"not HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._status:
            self._finish()  # a body without a length ends with its connection
        else:
            self._fail(ConnectionResetError())

    # httptools

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if not self._parser.should_keep_alive() and self._transport is not None:
            self._transport.close()
            self._transport = None
        self._finish()

    def _finish(self) -> None:
        status, body = self._status, b"".join(self._body)
        self._status, self._body = 0, []
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, body))

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


class Endpoint:
    """Where a server listens, and how a request to it is written."""

    def __init__(self, url: str, region: str = "us-east-1", access_key: str = "test", secret_key: str = "test") -> None:
        parts = urlsplit(url)
        if parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise SystemExit("only servers on loopback are put under load")
        self.host, self.port = parts.hostname, parts.port or 80
        self._authority, self._base = parts.netloc, parts.path.rstrip("/")
        self._region, self._access_key = region, access_key
        self._secret = secret_key
        self._signing_keys: dict[str, bytes] = {}

    def connect(self) -> Connection:
        return Connection(self.host, self.port)

    def get(self, path: str) -> bytes:
        return f"GET {self._base}{path} HTTP/1.1\r\nHost: {self._authority}\r\n\r\n".encode()

    def request(self, operation: str, **members: Any) -> bytes:
        """A whole JSON 1.1 request, signed if AWS wants that operation signed."""
        body = msgspec.json.encode(members)
        headers = {"content-type": "application/x-amz-json-1.1", "host": self._authority, "x-amz-target": f"{TARGET}.{operation}"}
        if operation in SIGNED:
            headers = self._sign(headers, body)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {self._base}/ HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n".encode() + body

    async def call(self, connection: Connection, operation: str, **members: Any) -> dict[str, Any]:
        return await ask(connection, self.request(operation, **members), operation)

    def _sign(self, headers: dict[str, str], body: bytes) -> dict[str, str]:
        """Signature version 4 (https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html)."""
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{moment[:8]}/{self._region}/cognito-idp/aws4_request"
        headers = {**headers, "x-amz-date": moment}
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        canonical = f"POST\n{self._base}/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._signing_key(scope), text.encode(), "sha256").hex()
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={self._access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return headers

    def _signing_key(self, scope: str) -> bytes:
        if scope not in self._signing_keys:
            key = f"AWS4{self._secret}".encode()
            for part in scope.split("/"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._signing_keys[scope] = key
        return self._signing_keys[scope]


async def ask(connection: Connection, request: bytes, what: str, needs: str = "") -> dict[str, Any]:
    """The decoded answer, which must be 200 and hold the member `needs`. Raises Refused."""
    status, body = await connection.exchange(request)
    if status != 200:
        raise Refused(f"{what}: {status} {body[:160].decode(errors='replace')}")
    answer: dict[str, Any] = msgspec.json.decode(body) if body else {}
    if needs and needs not in answer:
        raise Refused(f"{what}: no {needs} in {body[:160].decode(errors='replace')}")
    return answer
