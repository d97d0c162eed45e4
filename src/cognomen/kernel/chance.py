"""Random bytes of the operating system, for what is drawn in every request: ids, nonces, marks. Keys are drawn from the system itself."""

from __future__ import annotations

import os
import threading


class _Chance(threading.local):
    """Fetched 4 KiB at a time and by each thread for itself: a call to the system gives the interpreter lock away, and beside busy workers
    it takes 70 us to get it back, ten times in a sign-in."""

    kept = b""
    at = 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.kept):
            self.kept, self.at = os.urandom(4096), 0
        taken = self.kept[self.at : self.at + count]
        self.at += count
        return taken

    def forget(self) -> None:
        self.kept, self.at = b"", 0


_chance = _Chance()
os.register_at_fork(after_in_child=_chance.forget)  # a child must not draw its parent's ids


def draw(count: int) -> bytes:
    """`count` random bytes, at most 4096."""
    return _chance.take(count)
