"""Pure processor work that releases the GIL (RSA, SRP, password hashes), off the event loop. Never for I/O or for code that touches shared state."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar, TypeVarTuple, final

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
_MOST_BRIEF = 3  # threads: more than that one event loop cannot keep busy


class _Job(NamedTuple):
    future: asyncio.Future[Any]
    work: Callable[..., Any]
    args: tuple[Any, ...]


class _Done(NamedTuple):
    future: asyncio.Future[Any]
    result: Any
    failed: BaseException | None


@final
class Workers:
    """Threads are started as they are needed, and live until `stop`.

    Work of any length goes by `run`; what takes well under a millisecond by `run_brief`, where the hop to a thread and back would cost as much as
    what it spares: it is handed over once in a turn of the loop, its results come back together, and where all threads have something to do, the
    loop does the next piece itself between two looks at its sockets, instead of waiting for a core. (On two cores, with two signatures a refresh:
    0.65 ms of processor time and 2,400 a second by an executor of two threads, 0.56 and 3,200 so.)
    """

    __slots__ = ("_brief", "_done", "_helping", "_outstanding", "_pool", "_stopped", "_threads", "_told")

    def __init__(self, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="worker")
        self._threads: list[threading.Thread] = []
        self._brief: SimpleQueue[_Job | None] = SimpleQueue()
        self._done: deque[_Done] = deque()
        # Touched by the loop's thread alone: pieces that were asked for and are not delivered yet.
        self._outstanding = 0
        self._helping = False
        self._told = False
        self._stopped = False

    async def run(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """Runs `work(*args)` off the event loop; gives its result or raises its exception."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)

    async def run_brief(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """The same for work of well under a millisecond, which nearly all of its time leaves the GIL alone."""
        return await self.begin_brief(work, *args)

    def begin_brief(self, work: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """The same, begun now and awaited later, while whoever asked does something else."""
        if self._stopped:
            raise RuntimeError("the workers have stopped")
        loop = asyncio.get_running_loop()
        if not self._threads:
            self._start(loop)
        future: asyncio.Future[T] = loop.create_future()
        self._brief.put(_Job(future, work, args))
        self._outstanding += 1
        if not self._helping and self._outstanding > len(self._threads):
            self._helping = True
            loop.call_soon(self._help, loop)
        return future

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        count = min(max(len(os.sched_getaffinity(0)) - 1, 1), _MOST_BRIEF)
        for number in range(count):
            thread = threading.Thread(target=self._work, args=(loop,), name=f"brief-worker-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _help(self, loop: asyncio.AbstractEventLoop) -> None:
        """One piece in the loop's own thread, then the loop's other business, as long as there is more than the threads have at hand."""
        self._helping = False
        if self._outstanding <= len(self._threads):
            return
        try:
            job = self._brief.get_nowait()
        except Empty:
            return
        if job is None:  # `stop` came between
            self._brief.put(None)
            return
        self._settle(_do(job))
        if self._outstanding > len(self._threads):
            self._helping = True
            loop.call_soon(self._help, loop)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """A thread's life. Results that come while the loop is on its way to fetch others need no call of their own."""
        while (job := self._brief.get()) is not None:
            self._done.append(_do(job))
            if not self._told:
                self._told = True
                try:
                    loop.call_soon_threadsafe(self._deliver)
                except RuntimeError:  # the loop was closed: nobody waits any more
                    return

    def _deliver(self) -> None:
        self._told = False
        while self._done:
            self._settle(self._done.popleft())

    def _settle(self, done: _Done) -> None:
        self._outstanding -= 1
        if done.future.done():  # who asked has given up
            return
        if done.failed is None:
            done.future.set_result(done.result)
        else:
            done.future.set_exception(done.failed)

    def stop(self) -> None:
        """Lets what runs finish, drops what waits."""
        self._stopped = True
        while True:
            try:
                job = self._brief.get_nowait()
            except Empty:
                break
            if job is not None:
                job.future.cancel()
        for _ in self._threads:
            self._brief.put(None)
        for thread in self._threads:
            thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)


def _do(job: _Job) -> _Done:
    try:
        return _Done(job.future, job.work(*job.args), None)
    except BaseException as error:  # noqa: BLE001  # it is raised where the work was asked for
        return _Done(job.future, None, error)
