"""How a channel tries: a few times, with pauses, within the seconds that an operation can wait for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from cognomen.delivery.message import Unavailable

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_PAUSES = (0.2, 0.6, 1.5)
_AT_ONCE = 16


class Tries:
    """`within` bounds all tries together, `each` one of them, in seconds: one that hangs leaves time for another."""

    def __init__(self, within: float) -> None:
        self.within = within
        self.each = within * 0.6
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="messages")

    async def until_taken(self, once: Callable[[], Awaitable[T]]) -> T:
        """Repeats `once` while it raises Unavailable. Raises the last Unavailable, and at once any other NotDelivered."""
        why = Unavailable("there was no answer in time")
        try:
            async with asyncio.timeout(self.within):
                for pause in _PAUSES:
                    try:
                        return await once()
                    except Unavailable as error:
                        why = error
                    await asyncio.sleep(pause)
                return await once()
        except TimeoutError as error:
            raise why from error

    async def in_thread(self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """A call that blocks, off the loop. A caller that gives up leaves it to end by its own time limit."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)

    def stop(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
