"""Bodies on their way, in bounded memory: no byte goes on before what vouches for it was checked, and the last one only when all of it fits.

Whoever reads to the end without an exception has read what was signed. Forms: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NamedTuple

from cognomen.wire import chunks

LARGEST_SIGNED: Final = 4 << 20  # bytes of one signed chunk, which must be held until its signature is known
_PIECE: Final = 256 << 10
_TRAILERS: Final = 4096
_HEAD: Final = re.compile(rb"([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?")
_CHECKSUM: Final = re.compile(rb"(x-amz-checksum-[a-z0-9]{1,16}):[ \t]*([A-Za-z0-9+/=-]{1,100})")

Receive = Callable[[], Awaitable[Any]]


class Gone(Exception):
    """The client hung up."""


class Wrong(Exception):
    """The body is not what was signed or announced. `code` is S3's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


async def pieces(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it comes. Raises Gone."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body: bytes = message.get("body", b"")
        if body:
            yield body
        if not message.get("more_body"):
            return


async def whole(source: AsyncIterator[bytes], most: int) -> bytes:
    """Raises Wrong("EntityTooLarge")."""
    out = bytearray()
    async for piece in source:
        out += piece
        if len(out) > most:
            raise Wrong("EntityTooLarge")
    return bytes(out)


async def hashed(source: AsyncIterator[bytes], digest: str) -> AsyncIterator[bytes]:
    """The body whose SHA-256 was signed: its last piece goes on when the digest fits. Raises Wrong."""
    found, held = hashlib.sha256(), b""
    async for piece in source:
        found.update(piece)
        if held:
            yield held
        held = piece
    if not hmac.compare_digest(found.hexdigest().encode(), digest.encode("utf-8", "replace")):
        raise Wrong("XAmzContentSHA256Mismatch")
    if held:
        yield held


class Chunked(NamedTuple):
    """How a body in chunks was announced. `seal` is None where its chunks are not signed; `trailers` are the names that x-amz-trailer lists."""

    seal: chunks.Seal | None
    length: int
    trailers: frozenset[bytes]
    signed_trailers: bool


async def unchunked(source: AsyncIterator[bytes], said: Chunked, found: list[tuple[bytes, bytes]]) -> AsyncIterator[bytes]:
    """The data of a body in chunks; its trailers are in `found` when it has ended. Raises Wrong, and what a bad signature raises (errors of
    wire/chunks.py)."""
    body, seal, total = _Body(source), said.seal, 0
    held = b""
    while True:
        head = _HEAD.fullmatch(await body.line())
        if head is None:
            raise Wrong("IncompleteBody")
        size = int(head[1], 16)
        total += size
        if total > said.length:
            raise Wrong("IncompleteBody")
        if seal is not None:
            if size > LARGEST_SIGNED:
                raise Wrong("InvalidChunkSizeError")
            data = await body.exactly(size)
            text = f"{chunks.NOTHING}\n{hashlib.sha256(data).hexdigest()}"
            seal = chunks.check(seal, "AWS4-HMAC-SHA256-PAYLOAD", text, (head[2] or b"").decode())
            if held and size:
                yield held
            held = data or held  # the empty chunk at the end does not set the last one free: what follows it may be wrong
        while seal is None and size:
            if held:
                yield held
            held = await body.some(size)
            size -= len(held)
        if head[1].strip(b"0") == b"":
            break
        if await body.line():
            raise Wrong("IncompleteBody")
    if total != said.length:
        raise Wrong("IncompleteBody")
    found += _trailers(await body.rest(_TRAILERS), said, seal)
    if held:
        yield held


def _trailers(rest: bytes, said: Chunked, seal: chunks.Seal | None) -> list[tuple[bytes, bytes]]:
    """Only checksums, and only those that were announced: a store could take another field for a header."""
    if said.signed_trailers and seal is not None:
        chunks.check_trailers(rest, seal)
    found = []
    for line in filter(None, rest.replace(b"\r\n", b"\n").split(b"\n")):
        if said.signed_trailers and line.lower().startswith(b"x-amz-trailer-signature:"):
            continue
        field = _CHECKSUM.fullmatch(line.rstrip())
        if field is None or field[1] not in said.trailers:
            raise Wrong("MalformedTrailerError")
        found.append((field[1], field[2]))
    if len(found) != len(said.trailers) or {name for name, _ in found} != said.trailers:
        raise Wrong("MalformedTrailerError")
    return found


async def rechunked(data: AsyncIterator[bytes], trailers: list[tuple[bytes, bytes]]) -> AsyncIterator[bytes]:
    """The data in unsigned chunks of our own, with the trailers that `data` has found when it ends."""
    async for piece in data:
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n" + b"".join(b"%b:%b\r\n" % field for field in trailers) + b"\r\n"


class _Body:
    """What has come and was not read yet: at most a chunk that must be whole, and the piece behind it."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self._source = source
        self._held = bytearray()

    async def line(self) -> bytes:
        while (end := self._held.find(b"\r\n", 0, 258)) < 0:
            if len(self._held) >= 258:
                raise Wrong("IncompleteBody")
            await self._more()
        found = bytes(self._held[:end])
        del self._held[: end + 2]
        return found

    async def exactly(self, size: int) -> bytes:
        while len(self._held) < size:
            await self._more()
        return self._cut(size)

    async def some(self, most: int) -> bytes:
        if not self._held:
            await self._more()
        return self._cut(min(most, _PIECE))

    async def rest(self, most: int) -> bytes:
        async for piece in self._source:
            self._held += piece
            if len(self._held) > most:
                raise Wrong("MalformedTrailerError")
        return bytes(self._held)

    def _cut(self, size: int) -> bytes:
        found = bytes(self._held[:size])
        del self._held[:size]
        return found

    async def _more(self) -> None:
        piece = await anext(self._source, None)
        if piece is None:
            raise Wrong("IncompleteBody")
        self._held += piece
