"""What delivers beside the requests goes its rounds: whenever it is woken, and now and then, whatever happened in the round before."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from cognomen.storage.errors import StorageError

_POLL_SECONDS = 5.0


async def rounds(
    name: str, deliver: Callable[[], Awaitable[None]], woken: asyncio.Event, log: structlog.stdlib.BoundLogger, *, gather: float
) -> None:
    """Until it is cancelled. What happens within `gather` seconds is delivered together."""
    waits, failed = f"{name} waits for the database", f"{name} failed"
    while True:
        with contextlib.suppress(TimeoutError):
            # Not wait_for: until Python 3.12 it may lose a cancellation, and a server that stops would wait for ever.
            async with asyncio.timeout(_POLL_SECONDS):
                await woken.wait()
            await asyncio.sleep(gather)
        woken.clear()
        try:
            await deliver()
        except StorageError as error:
            log.warning(waits, reason=str(error))
            await asyncio.sleep(_POLL_SECONDS)
        except Exception:  # one thing that cannot be told must not end the delivery of all others
            log.exception(failed)
            await asyncio.sleep(_POLL_SECONDS)


def pause(failures: int) -> float:
    """Seconds until the next try after so many failures in a row before this one."""
    return min(2.0 ** min(failures, 16), 300.0)
