"""A local function's processes. One, as long as nobody waits for it; more, up to MOST, where somebody does; one again when they are idle.

Who waits longer than a moment gets a process of their own, as Lambda would give them one at once. The function's time runs from when it has
the event: a queue before it costs none of it, and has bounds of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from cognomen.triggers.child import Child, Code
from cognomen.triggers.runner import FunctionBusy, FunctionUnreachable

MOST = 8
MOST_WAITING = 1_000
WAIT_SECONDS = 5.0
_MOMENT = 0.05  # an answer of a warm function takes less, a start more


class Children:
    """`made` makes a child, cold. `seconds` is what the function has, `idle` after how many a process that is one too many ends."""

    def __init__(self, made: Callable[[], Child], *, seconds: float, idle: float) -> None:
        self._made = made
        self._seconds = seconds
        self._idle_seconds = idle
        self._all: list[Child] = []
        self._idle: list[tuple[Child, float]] = []  # with the loop's time since when; the one that was used last is used next
        self._waiting: deque[asyncio.Future[Child]] = deque()
        self._code: Code | None = None
        self._reaper: asyncio.Task[None] | None = None
        self._closed = False

    async def run(self, code: Code, arn: str, event: bytes, limit: asyncio.Timeout | None) -> bytes:
        """Raises FunctionFailed, FunctionUnreachable, FunctionBusy. `limit` stands still while the event waits for its turn."""
        if code != self._code:
            self._code = code
            await self._end_idle()
        child = self._unused()
        if child is None:
            if limit is not None:
                limit.reschedule(None)
            child = await self._next()
            if limit is not None:
                limit.reschedule(asyncio.get_running_loop().time() + self._seconds)
        try:
            return await child.run(code, arn, event)
        finally:
            self._give_back(child)

    def _unused(self) -> Child | None:
        """A child that has nothing to do, or the first one."""
        if self._closed:
            raise FunctionUnreachable("the server stops")
        if self._idle:
            return self._idle.pop()[0]
        return None if self._all else self._another()

    def _another(self) -> Child:
        child = self._made()
        self._all.append(child)
        return child

    async def _next(self) -> Child:
        """The child that is free next, or after a moment one more. Raises FunctionBusy."""
        if len(self._waiting) >= MOST_WAITING:
            raise FunctionBusy("too many events wait for this function")
        turn: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await asyncio.wait([turn], timeout=_MOMENT)
            if not turn.done() and len(self._all) < MOST:
                self._waiting.remove(turn)
                return self._another()
            await asyncio.wait([turn], timeout=WAIT_SECONDS)
        except asyncio.CancelledError:
            self._leave(turn)
            raise
        if not turn.done():
            self._waiting.remove(turn)
            raise FunctionBusy(f"the function had no time for an event within {WAIT_SECONDS:g} seconds")
        return turn.result()

    def _leave(self, turn: asyncio.Future[Child]) -> None:
        if not turn.done():
            self._waiting.remove(turn)
        elif turn.exception() is None:
            self._give_back(turn.result())

    def _give_back(self, child: Child) -> None:
        if self._waiting and not self._closed:
            self._waiting.popleft().set_result(child)
            return
        if not child.is_warm and len(self._all) > 1:
            self._all.remove(child)
            return
        self._idle.append((child, asyncio.get_running_loop().time()))
        if len(self._all) > 1 and (self._reaper is None or self._reaper.done()) and not self._closed:
            self._reaper = asyncio.create_task(self._shrink())

    async def _shrink(self) -> None:
        while len(self._all) > 1:
            await asyncio.sleep(self._idle_seconds / 2)
            before = asyncio.get_running_loop().time() - self._idle_seconds
            while len(self._all) > 1 and self._idle and self._idle[0][1] <= before:
                child, _ = self._idle.pop(0)
                self._all.remove(child)
                await asyncio.shield(child.close())

    async def _end_idle(self) -> None:
        """Ends what runs code that has changed; what works on an event finishes it, and is started anew for the next."""
        await asyncio.gather(*(child.stop() for child, _ in self._idle))

    async def close(self) -> None:
        """Ends all; who waits for a turn or an answer is told that there will be none."""
        self._closed = True
        if self._reaper is not None:
            self._reaper.cancel()
            await asyncio.gather(self._reaper, return_exceptions=True)
        while self._waiting:
            self._waiting.popleft().set_exception(FunctionUnreachable("the server stops"))
        await asyncio.gather(*(child.close() for child in self._all))
