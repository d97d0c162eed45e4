"""The client's side of one request: its body, and the answer that it gets, piece by piece. An answer that breaks off breaks the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

from cognomen.gateway import payload
from cognomen.gateway.head import HOP_BY_HOP
from cognomen.gateway.upstream import Answer as Given
from cognomen.gateway.upstream import Broken, Slow
from cognomen.kernel.log import get_logger
from cognomen.wire.request import Answer, Header

_SECONDS: Final = 60.0  # that a client may take for a piece of its answer
_SMALL: Final = 256 << 10  # an answer of this length that is there goes out in one piece
_DROPPED: Final = HOP_BY_HOP | {b"date"}  # the server writes its own
log = get_logger("gateway")


class Relay:
    def __init__(self, scope: Mapping[str, Any], receive: payload.Receive, send: Callable[[Any], Awaitable[None]]) -> None:
        self._connection = scope.get("connection")
        self._head = scope["method"] == "HEAD"
        self._expects = any(name == b"expect" for name, _ in scope["headers"])
        self._receive = receive
        self._send = send
        self.read = False
        self.started = False

    async def body(self) -> AsyncIterator[bytes]:
        """Raises Gone."""
        self.read = True  # whoever asked for 100-continue has it now
        async for piece in payload.pieces(self._receive):
            yield piece

    async def whole(self, answer: Answer) -> None:
        """An answer of our own."""
        body = b"" if self._head else answer.body
        headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
        if self._expects and not self.read:
            headers.append((b"connection", b"close"))  # nobody can tell whether a body comes now
        self.started = True
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def xml(self, status: int, body: bytes) -> None:
        await self.whole(Answer(status, [(b"content-type", b"application/xml")], body))

    async def answer(self, given: Given) -> None:
        """The answer of what lies behind."""
        try:
            bare = given.status in (204, 304)
            headers: list[Header] = [
                (name, value) for name, value in given.headers if name not in _DROPPED and not (bare and name == b"content-length")
            ]
            if self._expects and not self.read:
                headers.append((b"connection", b"close"))
            self.started = True
            await self._send({"type": "http.response.start", "status": given.status, "headers": headers})
            async for piece in given.pieces():
                async with asyncio.timeout(_SECONDS):
                    await self._send({"type": "http.response.body", "body": piece, "more_body": True})
                if self._gone():
                    raise payload.Gone
            await self._send({"type": "http.response.body", "body": b""})
        except (Broken, Slow, TimeoutError) as error:
            log.warning("an answer broke off", reason=str(error) or "the client does not read")
            await self.abort()
        finally:
            given.close()

    async def abort(self) -> None:
        if self._connection is not None:
            self._connection.transport.abort()
            await asyncio.sleep(0.001)  # until uvicorn has seen that it is gone, and does not miss the rest of the answer

    def _gone(self) -> bool:
        return self._connection is not None and bool(self._connection.transport.is_closing())
