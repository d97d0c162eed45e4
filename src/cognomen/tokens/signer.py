"""Signatures off the event loop: each sign-in and refresh needs two, 0.43 ms of arithmetic beside 0.1 to 0.3 ms of everything else (docs/adr/0007-signatures.md)."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from typing import Final, final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from cognomen.kernel.log import get_logger
from cognomen.kernel.workers import Workers
from cognomen.tokens.signing_process import Job, SigningProcess

_PADDING: Final = PKCS1v15()
_SHA256: Final = SHA256()
_PRESSURE: Final = 4  # jobs at once: more than the worker threads have done before a request notices
_DEPTH: Final = 8  # jobs that one process has at hand: it must not run out of them while the loop works through one turn
_HELPED: Final = 4  # jobs that the loop does in a turn: what it does next finds the caches cold, so that one at a time costs each request a twentieth more
_MOST: Final = 3  # processes: more than that one event loop cannot keep busy
_IDLE_SECONDS: Final = 30.0
_AGAIN_SECONDS: Final = 60.0  # after a process could not be started, or ended by itself

log = get_logger("tokens")


@final
class Signer:
    """A few at a time are signed in worker threads. When more come together, a process of its own is started, as many as there are cores but one, and signs as
    long as there is enough to do: there nobody waits for the GIL. Where every process has its hands full, the loop does a few itself between two
    looks at its sockets. Without a second core, and where no process can be started, all stay with the threads."""

    def __init__(self, workers: Workers, *, most: int | None = None, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._workers = workers
        self._most = min(len(os.sched_getaffinity(0)) - 1, _MOST) if most is None else most
        self._idle_seconds = idle_seconds
        self._processes: list[SigningProcess] = []
        self._starting: SigningProcess | None = None
        self._not_before = 0.0
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: deque[Job] = deque()
        self._in_threads = 0
        self._helping = False
        self._stopped = False

    @property
    def processes(self) -> int:
        """How many sign beside this one now."""
        return len(self._processes)

    def begin(self, keys: Sequence[tuple[str, RSAPrivateKey]], contents: Sequence[bytes]) -> asyncio.Future[list[bytes]]:
        """RS256 signatures of each content with its key (and that one's kid), begun now; whoever asked may do something else before it waits."""
        if self._stopped:
            raise RuntimeError("the signer has stopped")
        job = Job(asyncio.get_running_loop().create_future(), keys, contents)
        if self._processes:
            self._waiting.append(job)
            self._feed()
        else:
            self._to_thread(job)
            if self._in_threads > _PRESSURE:
                self._grow()
        return job.done

    async def stop(self) -> None:
        """What waits is dropped, and the processes end."""
        self._stopped = True
        for process in (*self._processes, *([self._starting] if self._starting else ())):
            process.close()
        for job in self._waiting:
            job.done.cancel()
        self._waiting.clear()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _to_thread(self, job: Job) -> None:
        self._in_threads += 1

        def deliver(signed: asyncio.Future[list[bytes]]) -> None:
            self._in_threads -= 1
            if job.done.done():
                return
            if signed.cancelled():
                job.done.cancel()
            elif (error := signed.exception()) is not None:
                job.done.set_exception(error)
            else:
                job.done.set_result(signed.result())

        self._workers.begin(_sign_each, job).add_done_callback(deliver)

    def _feed(self) -> None:
        """To each process what it takes; the loop helps with the rest."""
        while self._waiting:
            process = min(self._processes, key=len)
            if len(process) >= _DEPTH:
                break
            process.give(self._waiting.popleft())
        if self._waiting and not self._helping:
            self._helping = True
            asyncio.get_running_loop().call_soon(self._help)
            self._grow()

    def _help(self) -> None:
        self._helping = False
        for _ in range(min(_HELPED, len(self._waiting))):
            job = self._waiting.popleft()
            if not job.done.done():
                job.done.set_result(_sign_each(job))
        self._feed()

    def _grow(self) -> None:
        loop = asyncio.get_running_loop()
        if self._starting is not None or len(self._processes) >= self._most or loop.time() < self._not_before:
            return
        self._starting = SigningProcess(self._come, self._feed, self._gone)
        task = asyncio.create_task(self._run(self._starting))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, process: SigningProcess) -> None:
        try:
            await process.run()
        except OSError as error:
            log.warning("no process can be started to sign tokens", reason=error.strerror)
        if process is self._starting:  # it came to nothing before there was one
            self._gone(process, [])

    def _come(self, process: SigningProcess) -> None:
        self._starting = None
        self._processes.append(process)
        asyncio.get_running_loop().call_later(self._idle_seconds, self._look_at, process)

    def _look_at(self, process: SigningProcess) -> None:
        """One that had nothing to do since the last look ends, and gives its memory back."""
        if process not in self._processes:
            return
        if process.used:
            process.used = False
            asyncio.get_running_loop().call_later(self._idle_seconds, self._look_at, process)
        else:
            self._processes.remove(process)
            process.close()

    def _gone(self, process: SigningProcess, left: list[Job]) -> None:
        known = process is self._starting or process in self._processes
        if process is self._starting:
            self._starting = None
        if process in self._processes:
            self._processes.remove(process)
        if self._stopped:
            for job in left:
                job.done.cancel()
            return
        if known:
            self._not_before = asyncio.get_running_loop().time() + _AGAIN_SECONDS
            log.warning("tokens are signed by threads for a while, more slowly: a process that did it ended")
        waiting = left if self._processes else [*left, *self._waiting]
        if not self._processes:
            self._waiting.clear()
        for job in waiting:
            self._to_thread(job)


def _sign_each(job: Job) -> list[bytes]:
    return [key.sign(content, _PADDING, _SHA256) for (_, key), content in zip(job.keys, job.contents, strict=True)]
