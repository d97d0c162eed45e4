"""A signing process as the server sees it: what it was given to sign, and what comes back. What it reads and writes is described in signing_child.py."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import socket
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from cognomen.tokens.signing_child import FRAME, KEY, PAIR, READY, SIGN, SLOT, numbers_of

_KEYS: Final = 1_000  # that the process holds at once: those used last
_READ: Final = 65_536
_INHERITED: Final = ("LD_LIBRARY_PATH", "OPENSSL_CONF", "PYTHONHOME")


class Job(NamedTuple):
    """Contents and the key of each, with its kid. `done` gets the signatures, in that order."""

    done: asyncio.Future[list[bytes]]
    keys: Sequence[tuple[str, RSAPrivateKey]]
    contents: Sequence[bytes]


class SigningProcess:
    """Started by `start`; from `on_ready` on it takes jobs, and answers them in their order. `on_free` is called after answers came, `on_gone` with the jobs that
    were not answered when the process ended. Lives in the loop's thread."""

    def __init__(
        self,
        on_ready: Callable[[SigningProcess], None],
        on_free: Callable[[], None],
        on_gone: Callable[[SigningProcess, list[Job]], None],
    ) -> None:
        self._on_ready, self._on_free, self._on_gone = on_ready, on_free, on_gone
        self._loop = asyncio.get_running_loop()
        self._jobs: deque[Job] = deque()
        self._slots: OrderedDict[str, int] = OrderedDict()
        self._received = bytearray()
        self._unsent = bytearray()
        self._ours: socket.socket | None = None
        self._ready = False
        self.used = True  # since somebody set it to False

    def __len__(self) -> int:
        """Jobs that it has and has not answered."""
        return len(self._jobs)

    async def run(self) -> None:
        """Starts the process, and ends when it has ended, after `close` or by itself. Raises OSError when there can be none."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._ours = ours
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-P", "-s", "-m", "cognomen.tokens.signing_child"),
                    env=_environment(),
                    stdin=theirs.fileno(),
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                )
            if self._ours is not None:  # else it was closed meanwhile
                self._loop.add_reader(ours.fileno(), self._readable)
            await process.wait()
        finally:
            self.close()

    def close(self) -> None:
        """The process ends with what it is at; what it has not answered is given back."""
        ours, self._ours = self._ours, None
        if ours is None:
            return
        self._loop.remove_reader(ours.fileno())
        self._loop.remove_writer(ours.fileno())
        ours.close()
        left = list(self._jobs)
        self._jobs.clear()
        self._on_gone(self, left)

    def give(self, job: Job) -> None:
        self.used = True
        self._jobs.append(job)
        pairs = [
            PAIR.pack(self._slot(kid, key), hashlib.sha256(content).digest())
            for (kid, key), content in zip(job.keys, job.contents, strict=True)
        ]
        self._send(FRAME.pack(SIGN, PAIR.size * len(pairs)) + b"".join(pairs))

    def _slot(self, kid: str, key: RSAPrivateKey) -> int:
        """Where the process keeps the key, which it is told if it does not have it. What was asked for before is signed before a slot is used again."""
        slot = self._slots.get(kid)
        if slot is not None:
            self._slots.move_to_end(kid)
            return slot
        slot = len(self._slots) if len(self._slots) < _KEYS else self._slots.popitem(last=False)[1]
        self._slots[kid] = slot
        numbers = numbers_of(key)
        self._send(FRAME.pack(KEY, SLOT.size + len(numbers)) + SLOT.pack(slot) + numbers)
        return slot

    def _send(self, frame: bytes) -> None:
        """At once, so that the process begins while the loop has other things to do; the rest when the socket takes it."""
        if self._ours is None:
            return
        sent = 0
        if not self._unsent:
            with contextlib.suppress(BlockingIOError, ConnectionError):  # a process that ended is noticed by `run`
                sent = self._ours.send(frame)
            if sent < len(frame):
                self._loop.add_writer(self._ours.fileno(), self._writable)
        self._unsent += frame[sent:]

    def _writable(self) -> None:
        assert self._ours is not None  # noqa: S101 - its writer is removed when it is closed
        with contextlib.suppress(BlockingIOError, ConnectionError):
            del self._unsent[: self._ours.send(self._unsent)]
        if not self._unsent:
            self._loop.remove_writer(self._ours.fileno())

    def _readable(self) -> None:
        assert self._ours is not None  # noqa: S101 - its reader is removed when it is closed
        try:
            read = self._ours.recv(_READ)
        except BlockingIOError:
            return
        except ConnectionError:
            read = b""
        if not read:
            self.close()
            return
        self._received += read
        if not self._ready:
            self._ready = True
            del self._received[: len(READY)]
            self._on_ready(self)
            return
        while self._jobs and self._answer(self._jobs[0]):
            self._jobs.popleft()
        self._on_free()

    def _answer(self, job: Job) -> bool:
        """False while not all of its signatures are there."""
        sizes = [key.key_size // 8 for _, key in job.keys]
        if len(self._received) < sum(sizes):
            return False
        signatures, at = [], 0
        for size in sizes:
            signatures.append(bytes(self._received[at : at + size]))
            at += size
        del self._received[:at]
        if not job.done.done():  # else who asked has given up
            job.done.set_result(signatures)
        return True


def _environment() -> dict[str, Any]:
    """What it needs to find its libraries; no settings, no secrets."""
    own = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**own, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
