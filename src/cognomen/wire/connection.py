"""One HTTP connection, within bounds: what uvicorn's own lacks. A head without an end and a client that never finishes are hung up on.

Bodies are bounded by the dispatcher. And an answer that is whole leaves in one piece.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

HEAD = 64 << 10  # bytes of a request line with its headers, beyond the piece in which they began
SECONDS = 60.0  # for a whole request, from the connection or from its first byte
UPLOAD = 900.0  # seconds more for a file of users to import: as long as its URL lives
UPLOADS = "/user-import/"
IDLE = 60.0  # that a connection is kept at least after an answer, for the next request
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


_FRAMING = frozenset({b"connection", b"transfer-encoding"})


class Cycle(RequestResponseCycle):
    """Head and body of a whole answer are written at once. uvicorn writes them apart: a second call to the system and a second packet,
    a fifth of the time that a small answer takes. What is not plainly whole goes uvicorn's way."""

    _start: Any = None  # the head that waits for its body

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            if not message.get("more_body") and self._write_whole(start["status"], start["headers"], message.get("body", b"")):
                return
            await super().send(start)
        await super().send(message)

    def _write_whole(self, status: int, headers: Any, body: bytes) -> bool:
        if self.flow.write_paused or self.disconnected or not self.keep_alive or self.scope["method"] == "HEAD":
            return False
        parts, length, lines = [STATUS_LINE[status]], b"", 1
        for name, value in (*self.default_headers, *headers):
            if name in _FRAMING:
                return False
            if name == b"content-length":
                length = value
            parts += (name, b": ", value, b"\r\n")
            lines += 1
        head = b"".join(parts)
        # A line break inside a header would begin another: uvicorn says so in its own words.
        if length != b"%d" % len(body) or head.count(b"\n") != lines or head.count(b"\r") != lines:
            return False
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(b"".join((head, b"\r\n", body)))
        self.message_event.set()
        self.on_response()
        return True


httptools_impl.RequestResponseCycle = Cycle  # type: ignore[misc]  # uvicorn has no setting for it


class _Nowhere(list[tuple[bytes, bytes]]):
    """Fields behind a chunked body are no headers (RFC 9110, 6.5.1): who wrote them there could add what was neither signed nor looked at, or
    change what was. uvicorn would put them among the headers."""

    def append(self, field: tuple[bytes, bytes]) -> None:
        pass


_NOWHERE = _Nowhere()
_received = HttpToolsProtocol.data_received
_headed = HttpToolsProtocol.on_headers_complete
_complete = HttpToolsProtocol.on_message_complete


class Connection(HttpToolsProtocol):
    _head = 0
    _before: object = None  # the answer under way when the request that is coming in began: another one once its head is whole
    _watch: asyncio.TimerHandle | None = None
    _due: float | None = None  # when the request that is coming in must be whole; None between requests
    _answered = 0.0  # when the last answer was complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        super().connection_made(transport)
        self._due = self.loop.time() + SECONDS
        self._watch = self.loop.call_later(SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # Nearly every request comes in one piece: such a one costs two clauses here, and no look at the clock that a hook of its own would.
        if self._due is None:
            self._due, self._head, self._before = self.loop.time() + SECONDS, 0, self.cycle
        elif self.cycle is self._before:
            self._head += len(data)
        else:
            self._receive_body(data)
            return
        _received(self, data)
        if self._head > HEAD and self.cycle is self._before and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def _receive_body(self, data: bytes) -> None:
        """What brings a request on without adding to its body are fields behind it, which the parser keeps until they end."""
        cycle, before = self.cycle, len(self.cycle.body)
        _received(self, data)
        behind = cycle is self.cycle and self._due is not None and not cycle.response_complete and len(cycle.body) == before
        self._head = self._head + len(data) if behind else 0
        if self._head > HEAD and not self.transport.is_closing():
            self.transport.close()

    def on_headers_complete(self) -> None:
        _headed(self)
        self.headers = _NOWHERE

    def on_message_complete(self) -> None:
        self._due = None
        _complete(self)

    def on_response_complete(self) -> None:
        """As uvicorn's, without its timer: one made and one cancelled at each request."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        else:
            self._answered = self.loop.time()

    def _look(self) -> None:
        """One timer a connection, not one a request: it looks whether what it waits for is overdue, and else comes again."""
        now = self.loop.time()
        idle = self._due is None and self.cycle.response_complete and self._answered + IDLE <= now
        overdue = self._due is not None and self._due <= now
        if overdue and self._due is not None and now < self._due + UPLOAD and self._is_upload():
            self._watch = self.loop.call_later(SECONDS, self._look)
            return
        if idle or overdue:
            self._watch = None
            if not self.transport.is_closing():
                self.transport.close()
            return
        self._watch = self.loop.call_later(SECONDS if self._due is None else self._due - now, self._look)

    def _is_upload(self) -> bool:
        """Is what comes in, once its head is whole, a large file at the path that takes some?"""
        return self.cycle is not self._before and str(self.cycle.scope["path"]).startswith(UPLOADS)
