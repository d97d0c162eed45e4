"""Pure processor work that releases the GIL (RSA, SRP, password hashes), off the event loop. Never for I/O or for code that touches shared state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple, final

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@final
class Workers:
    """Threads are started as they are needed, and live until `stop`."""

    __slots__ = ("_pool",)

    def __init__(self, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="worker")

    async def run(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """Runs `work(*args)` off the event loop; gives its result or raises its exception."""
        return await self.begin(work, *args)

    def begin(self, work: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """The same, begun now and awaited later, while whoever asked does something else."""
        return asyncio.get_running_loop().run_in_executor(self._pool, work, *args)

    def stop(self) -> None:
        """Lets what runs finish, drops what waits."""
        self._pool.shutdown(wait=True, cancel_futures=True)
