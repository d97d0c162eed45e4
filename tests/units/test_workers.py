"""Workers: off the loop, in parallel, errors as they are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from cognomen.kernel.workers import Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers()
    yield made
    made.stop()


async def test_the_result_comes_back(workers: Workers) -> None:
    """`run` gives what the function returns for its arguments, from another thread."""
    assert await workers.run(divmod, 7, 3) == (2, 1)
    assert await workers.run(threading.get_ident) != threading.get_ident()


async def test_so_does_the_error(workers: Workers) -> None:
    """What it raises is raised here, unchanged; the thread lives on."""
    with pytest.raises(ZeroDivisionError):
        await workers.run(divmod, 1, 0)
    assert await workers.run(divmod, 1, 1) == (1, 0)


async def test_two_run_at_once(workers: Workers) -> None:
    """Two pieces of work that wait for each other both end: there are two threads."""
    meeting = threading.Barrier(2)
    places = await asyncio.gather(workers.run(meeting.wait, 5), workers.run(meeting.wait, 5))
    assert sorted(places) == [0, 1]


async def test_after_stop_nothing_starts(workers: Workers) -> None:
    """Work given after `stop` is refused, not forgotten in a queue."""
    workers.stop()
    with pytest.raises(RuntimeError):
        await workers.run(divmod, 1, 1)
