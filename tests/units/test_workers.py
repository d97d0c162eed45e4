"""Workers: off the loop, in parallel, errors as they are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from cognomen.kernel.workers import Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers()
    yield made
    made.stop()


@pytest.fixture(params=["run", "begin"])
def run(workers: Workers, request: pytest.FixtureRequest) -> Any:
    return getattr(workers, request.param)


async def test_the_result_comes_back(run: Any) -> None:
    """It is what the function returns for its arguments, from another thread."""
    assert await run(divmod, 7, 3) == (2, 1)
    assert await run(threading.get_ident) != threading.get_ident()


async def test_so_does_the_error(run: Any) -> None:
    """What it raises is raised here, unchanged; the thread lives on."""
    with pytest.raises(ZeroDivisionError):
        await run(divmod, 1, 0)
    assert await run(divmod, 1, 1) == (1, 0)


async def test_two_run_at_once(workers: Workers) -> None:
    """Two pieces of work that wait for each other both end: there are two threads."""
    meeting = threading.Barrier(2)
    places = await asyncio.gather(workers.run(meeting.wait, 5), workers.run(meeting.wait, 5))
    assert sorted(places) == [0, 1]


async def test_after_stop_nothing_starts(workers: Workers) -> None:
    """Work given after `stop` is refused, not forgotten in a queue."""
    assert await workers.run(divmod, 1, 1) == (1, 0)
    workers.stop()
    with pytest.raises(RuntimeError):
        await workers.run(divmod, 1, 1)


async def test_who_gives_up_harms_nobody(workers: Workers) -> None:
    """A cancelled call takes nothing from the next one, whether its work had begun or not."""
    begun, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        let_go.wait(5)

    held = [asyncio.create_task(workers.run(hold)) for _ in range(2)]
    waiting = asyncio.create_task(workers.run(divmod, 1, 1))
    await asyncio.to_thread(begun.wait, 5)
    for task in (*held, waiting):
        task.cancel()
    outcomes = await asyncio.gather(*held, waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 3
    let_go.set()
    assert await workers.run(divmod, 7, 3) == (2, 1)
