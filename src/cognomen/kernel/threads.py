"""Threads in which calls that block wait for others to answer. Each kind of other has its own, so that one that hangs holds up none but itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, final

T = TypeVar("T")


@final
class Threads:
    """Made as they are needed, at most `most`; further calls wait. Who gives up leaves a call to end by its own time limit."""

    __slots__ = ("_pool",)

    def __init__(self, name: str, most: int = 32) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)

    async def run(self, call: Callable[[], T]) -> T:
        """Gives its result or raises its exception."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def stop(self) -> None:
        """Drops what waits; what runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
