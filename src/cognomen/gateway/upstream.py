"""The way to what lies behind: HTTP/1.1 over kept connections, in bounded memory, with a limit to every wait. The bytes of a request are the caller's
own: nothing is normalised, added or followed here."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import AsyncIterator
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import httptools

from cognomen.wire.request import Header

CONNECT: Final = 5.0  # seconds
_HELD: Final = 256 << 10  # bytes of an answer that wait for the client
_UNSENT: Final = 128 << 10  # bytes of a request that wait for the service
_IDLE: Final = 30.0  # seconds that a connection is kept
_SURE: Final = 1.0  # seconds within which one is taken to be alive, where the request could not be sent again
_KEPT: Final = 64
_HEAD: Final = 64 << 10  # bytes of an answer's head
_AGAIN: Final = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS"))


class Unreachable(Exception):
    """Nobody answers there: nothing was sent."""


class Broken(Exception):
    """It hung up, or answered with what is no HTTP."""


class Slow(Exception):
    """It took longer than it may."""


class Stream(NamedTuple):
    """A body on its way: with its length, or in chunks where that is None. If `pieces` raises, the connection is broken off."""

    pieces: AsyncIterator[bytes]
    length: int | None


class Answer:
    """Status and headers; `pieces` is the body. Whoever has one ends with `close`."""

    def __init__(self, upstream: Upstream, link: _Link) -> None:
        self._upstream = upstream
        self._link = link
        self.status = link.status
        self.headers = link.headers

    async def pieces(self) -> AsyncIterator[bytes]:
        """Raises Broken, Slow."""
        while piece := await self._link.read(self._upstream.seconds):
            yield piece

    def close(self) -> None:
        """The connection is kept if the answer is whole, and broken off if not."""
        self._upstream.give_back(self._link)


class Upstream:
    """One service, by its http or https address."""

    def __init__(self, url: str, seconds: float, ca_file: str = "") -> None:
        parts = urlsplit(url)
        self.seconds = seconds
        self.authority = parts.netloc
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context(cafile=ca_file or None) if parts.scheme == "https" else None
        self._idle: list[_Link] = []

    async def send(self, method: str, target: bytes, headers: list[Header], body: bytes | Stream = b"") -> Answer:
        """`headers` have a host and no framing. Raises Unreachable, Broken, Slow, and whatever the body's pieces raise."""
        again = not isinstance(body, Stream) and method in _AGAIN
        link, kept = await self._link(_IDLE if again else _SURE)
        try:
            return await self._exchange(link, method, target, headers, body)
        except Broken:
            if not (kept and again and not link.heard):
                raise
        link, _ = await self._link(0)  # it was given up there meanwhile, before it took the request
        return await self._exchange(link, method, target, headers, body)

    async def _exchange(self, link: _Link, method: str, target: bytes, headers: list[Header], body: bytes | Stream) -> Answer:
        try:
            link.begin(bodiless=method == "HEAD")
            head = [method.encode(), b" ", target, b" HTTP/1.1\r\n"]
            for name, value in (*headers, *_framing(method, body)):
                head += (name, b": ", value, b"\r\n")
            head.append(b"\r\n")
            if isinstance(body, Stream):
                link.write(b"".join(head))
                await self._pour(link, body)
            else:
                link.write(b"".join((*head, body)))
            await link.head(self.seconds)
        except BaseException:
            link.abort()
            raise
        return Answer(self, link)

    async def _pour(self, link: _Link, body: Stream) -> None:
        sent = 0
        async with contextlib.aclosing(body.pieces) as pieces:  # type: ignore[type-var]  # they are generators, all of them
            async for piece in pieces:
                if link.headed:
                    break  # it has answered already and wants no more
                if not piece:
                    continue
                sent += len(piece)
                if body.length is None:
                    link.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                elif sent > body.length:
                    raise Broken("more than was announced")
                else:
                    link.write(piece)
                await link.drain(self.seconds)
            else:
                if body.length is None:
                    link.write(b"0\r\n\r\n")
                elif sent < body.length:
                    raise Broken("less than was announced")
                return
        link.keep = False

    async def _link(self, idle: float) -> tuple[_Link, bool]:
        now = asyncio.get_running_loop().time()
        while self._idle:
            link = self._idle.pop()
            if not link.lost and now - link.since < idle:
                return link, True
            link.abort()
        try:
            async with asyncio.timeout(CONNECT):
                loop = asyncio.get_running_loop()
                _, made = await loop.create_connection(
                    _Link, self._host, self._port, ssl=self._tls, server_hostname=self._host if self._tls else None
                )
        except (OSError, TimeoutError) as cause:
            raise Unreachable(f"{self._host} port {self._port} does not answer: {cause or 'too slow'}") from cause
        return made, False

    def give_back(self, link: _Link) -> None:
        if link.complete and link.keep and not link.lost and not link.pieces and len(self._idle) < _KEPT:
            link.since = asyncio.get_running_loop().time()
            self._idle.append(link)
        else:
            link.abort()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().abort()


def _framing(method: str, body: bytes | Stream) -> list[Header]:
    if isinstance(body, Stream):
        return [(b"transfer-encoding", b"chunked")] if body.length is None else [(b"content-length", b"%d" % body.length)]
    return [(b"content-length", b"%d" % len(body))] if body or method in ("PUT", "POST", "PATCH") else []


class _Link(asyncio.Protocol):
    """One connection, with at most one request under way."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.lost = False
        self.since = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._full = False
        self._paused = False
        self.begin(bodiless=False)
        self.complete = True  # nothing is under way yet: what comes now was not asked for

    def begin(self, *, bodiless: bool) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._bodiless = bodiless
        self._interim = False
        self._size = 0
        self._to_the_end = False
        self._wrong: str | None = None
        self.status = 0
        self.headers: list[Header] = []
        self.pieces: deque[bytes] = deque()
        self._held = 0
        self.heard = self.headed = self.complete = False
        self.keep = True

    # What the caller does

    def write(self, data: bytes) -> None:
        if self.lost or self.transport is None:
            raise Broken("it hung up")
        self.transport.write(data)

    async def drain(self, seconds: float) -> None:
        while self._full and not self.headed:
            if self.lost:
                raise Broken("it hung up")
            await self._wait(seconds)

    async def head(self, seconds: float) -> None:
        while not self.headed:
            if self.lost or self._wrong:
                raise Broken(self._wrong or "it hung up")
            await self._wait(seconds)

    async def read(self, seconds: float) -> bytes:
        """Empty at the end."""
        while not self.pieces:
            if self.complete:
                return b""
            if self.lost or self._wrong:
                raise Broken(self._wrong or "it hung up")
            await self._wait(seconds)
        piece = self.pieces.popleft()
        self._held -= len(piece)
        if self._paused and self._held < _HELD // 2 and self.transport is not None:
            self._paused = False
            self.transport.resume_reading()
        return piece

    def abort(self) -> None:
        self.lost = True
        if self.transport is not None:
            self.transport.abort()

    async def _wait(self, seconds: float) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await self._waiter
        except TimeoutError as cause:
            raise Slow("it takes too long") from cause
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What the connection brings

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # TCP has no other
        self.transport = transport
        transport.set_write_buffer_limits(high=_UNSENT)

    def data_received(self, data: bytes) -> None:
        if self.complete:
            self.abort()  # nothing was asked: whatever it is, it would be the answer to the next request
            return
        self.heard = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("it wants another protocol")
        except httptools.HttpParserError:
            # What follows the head of an answer to HEAD is nothing that was asked for; `on_headers_complete` has ended it.
            if not self._is_ended():
                self._fail("it speaks no HTTP")
        if not self.headed:
            self._size += len(data)
            if self._size > _HEAD:
                self._fail("its head has no end")
        self._wake()

    def _is_ended(self) -> bool:
        return self.complete and self._bodiless

    def _fail(self, why: str) -> None:
        self._wrong = why
        self.keep = self.complete = False
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self.headed and self._to_the_end and exc is None and not self._wrong:
            self.complete = True
        self._wake()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._wake()

    # What the parser finds

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.headed:  # those behind a chunked body are left out
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self.complete:  # a second answer, to nothing
            self.keep = False
            return
        self.status = self._parser.get_status_code()
        self._interim = 100 <= self.status < 200
        if self._interim:
            return
        self.headed = True
        self.keep = self.keep and self._parser.should_keep_alive()
        names = {name for name, _ in self.headers}
        self._to_the_end = not names & {b"content-length", b"transfer-encoding"}
        if self._bodiless or self.status in (204, 304):
            self.complete = True

    def on_body(self, body: bytes) -> None:
        if self.complete:
            self.keep = False
            return
        self.pieces.append(body)
        self._held += len(body)
        if self._held > _HELD and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._interim:
            self.headers = []
            self._interim = False
        else:
            self.complete = True
