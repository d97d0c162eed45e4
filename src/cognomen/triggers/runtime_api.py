"""The Lambda Runtime API for one child process, on a loopback port of its own: the child asks for an event, and answers it.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

from cognomen.kernel import ids, received
from cognomen.kernel.clock import Clock
from cognomen.triggers.runner import MOST_ANSWER, FunctionFailed

MOST = MOST_ANSWER + 100  # bytes of what is posted, as AWS's own message has it
_HEAD = 65_536
_PATH = "/2018-06-01/runtime/"
_ACCEPTED = b'HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{"status":"OK"}'
_NO = b"HTTP/1.1 %d No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Invocation:
    def __init__(self, arn: str, event: bytes, seconds: float) -> None:
        self.id = ids.uuid()
        self.arn = arn
        self.event = event
        self.seconds = seconds
        self.taken = False
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def fail(self, message: str, kind: type[Exception] = FunctionFailed) -> None:
        if not self.answer.done():
            self.answer.set_exception(kind(message))


class RuntimeApi:
    """`hand_out` an invocation, and wait for its `answer`. `asked` is set once the child has begun, `init_error` when it said that it cannot."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: asyncio.Queue[Invocation] = asyncio.Queue()
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._closed = False
        self.current: Invocation | None = None
        self.asked = False
        self.init_error: str | None = None

    async def open(self) -> str:
        """Its address, host and port."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=_HEAD)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        self._closed = True
        if self._server is not None:
            self._server.close()
        connections = dict(self._connections)
        for task, writer in connections.items():
            task.cancel()
            writer.transport.abort()  # here too: a task that is cancelled before it began runs no line of its own
        await asyncio.gather(*connections, return_exceptions=True)

    def hand_out(self, invocation: Invocation) -> None:
        self.current = invocation
        if self.init_error is not None:
            invocation.fail(self.init_error)
        else:
            self._waiting.put_nowait(invocation)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A plain function, so that there is no moment in which a connection is open and not known. One may still come in while this closes."""
        if self._closed:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(lambda done: self._connections.pop(done, None))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _is_ours(writer):
                while await self._answer_one(reader, writer):
                    pass
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # a child that died, somebody who speaks no HTTP, or the end: nothing waits for this task
        finally:
            with contextlib.suppress(OSError):
                writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; True if the connection goes on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        parts = path.removeprefix(_PATH).split("/") if path.startswith(_PATH) else []
        if method == "GET" and parts == ["invocation", "next"]:
            await self._next(writer)
            return True
        length = int(headers.get("content-length", "0"))
        if method == "POST" and length > MOST:
            self._fail_current(f"Response payload size exceeded maximum allowed payload size ({MOST} bytes).")
            writer.write(_NO % 413)
            return False
        body = await _body(reader, headers, length)
        if method != "POST" or not self._take(parts, body):
            writer.write(_NO % 404)
            return False
        writer.write(_ACCEPTED)
        await writer.drain()
        return True

    async def _next(self, writer: asyncio.StreamWriter) -> None:
        self.asked = True
        waiting = await self._waiting.get()
        while waiting.answer.done():  # given up meanwhile
            waiting = await self._waiting.get()
        waiting.taken = True
        deadline = int((self._clock.now() + waiting.seconds) * 1000)
        head = (
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
            f"lambda-runtime-aws-request-id: {waiting.id}\r\nlambda-runtime-deadline-ms: {deadline}\r\n"
            f"lambda-runtime-invoked-function-arn: {waiting.arn}\r\nlambda-runtime-trace-id: Root=1-{waiting.id[:8]}\r\n"
            f"content-length: {len(waiting.event)}\r\n\r\n"
        )
        writer.write(head.encode("latin-1") + waiting.event)
        await writer.drain()

    def _take(self, parts: list[str], body: bytes) -> bool:
        """An answer, an error, or the news that the child cannot begin. False for what is none of them."""
        if parts == ["init", "error"]:
            self.init_error = _message(body)
            self._fail_current(self.init_error)
            return True
        present = self.current
        if present is None or len(parts) != 3 or parts[0] != "invocation" or parts[1] != present.id or present.answer.done():
            return False
        if parts[2] == "response":
            present.answer.set_result(body)
        elif parts[2] == "error":
            present.fail(_message(body))
        return parts[2] in ("response", "error")

    def _fail_current(self, message: str) -> None:
        if self.current is not None:
            self.current.fail(message)


async def _body(reader: asyncio.StreamReader, headers: dict[str, str], length: int) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(length)
    parts, size = [], 0
    while chunk := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        size += chunk
        if size > MOST:
            raise ValueError("too large")
        parts.append(await reader.readexactly(chunk))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(parts)


def _message(body: bytes) -> str:
    try:
        found = received.json(body)
        return str(found["errorMessage"])
    except (received.NotJson, KeyError, TypeError):
        return "Unknown application error occurred"


def _is_ours(writer: asyncio.StreamWriter) -> bool:
    """Events hold passwords and codes: on a machine with several users a connection of another user's gets none. Linux tells who it is."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        return True
    host, port = writer.get_extra_info("peername")[:2]
    wanted = f"{int.from_bytes(bytes(map(int, host.split('.'))), 'little'):08X}:{port:04X}"
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == wanted:
            return int(fields[7]) == os.getuid()
    return True
