"""The only source of the time of day. Everything else is handed a Clock, so tests move time instead of waiting for it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time in seconds since 1970 (UTC), with fractions."""

    def now(self) -> float: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()


class ManualClock:
    """A clock that stands still until `advance` moves it: the in-process twin for tests."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Moves the time on by `seconds`. It never goes back: code may rely on order."""
        if seconds < 0:
            raise ValueError("A clock does not run backwards.")
        self._now += seconds
