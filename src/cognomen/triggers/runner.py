"""The port by which a function is run: an event goes in as JSON, its answer comes back as JSON."""

from __future__ import annotations

from typing import Protocol


class NoFunction(Exception):
    """Nothing runs under this ARN here, or we may not call it."""


class FunctionFailed(Exception):
    """The function raised; the text is its own error message."""


class FunctionUnreachable(Exception):
    """The function could not be asked, or did not answer in time. Another try may do."""


class Runner(Protocol):
    async def run(self, arn: str, event: bytes) -> bytes:
        """The function's answer. Raises NoFunction, FunctionFailed, FunctionUnreachable."""
        ...


class NoFunctions:
    """Runs nothing: a server that was given no functions and no way to any."""

    async def run(self, arn: str, event: bytes) -> bytes:  # the port's form
        raise NoFunction(arn)
