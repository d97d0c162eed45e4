"""The port by which a function is run: an event goes in as JSON, its answer comes back as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol


class NoFunction(Exception):
    """Nothing runs under this ARN here, or we may not call it."""


# Bytes of an answer, Lambda's own limit for synchronous calls.
MOST_ANSWER = 6 << 20
_LONGEST_MESSAGE = 1_000  # characters


class FunctionFailed(Exception):
    """The function raised; the text is its own error message, cut: it goes to the client. It may repeat a password, so no log has it."""

    def __init__(self, message: str) -> None:
        super().__init__(message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}…")


class FunctionUnreachable(Exception):
    """The function could not be asked, or did not answer in time. Another try may do."""


class FunctionBusy(FunctionUnreachable):
    """It has as much to do as it can: another try would only wait longer."""


class NoKey(Exception):
    """The key that codes are encrypted under cannot be used. The text says why, and holds no key."""


class Runner(Protocol):
    async def run(self, arn: str, event: bytes, limit: asyncio.Timeout | None = None) -> bytes:
        """The function's answer. Raises NoFunction, FunctionFailed, FunctionUnreachable, FunctionBusy. Cancelled when its time, the
        caller's `limit`, is up; where events wait before the function has them, the limit may be set anew once it has."""
        ...


class NoFunctions:
    """Runs nothing: a server that was given no functions and no way to any."""

    async def run(self, arn: str, event: bytes, limit: asyncio.Timeout | None = None) -> bytes:  # the port's form
        raise NoFunction(arn)


class Routes:
    """Several places where functions run, asked in order: the first that has the function runs it."""

    def __init__(self, places: Sequence[Runner]) -> None:
        self._places = places

    async def run(self, arn: str, event: bytes, limit: asyncio.Timeout | None = None) -> bytes:
        for place in self._places:
            try:
                return await place.run(arn, event, limit)
            except NoFunction:
                continue
        raise NoFunction(arn)
