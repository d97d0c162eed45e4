"""Workers: off the loop, in parallel, errors as they are."""

from __future__ import annotations

import asyncio
import os
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


@pytest.fixture(params=["run", "run_brief"])
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


async def test_a_thousand_brief_ones_at_once(workers: Workers) -> None:
    """Each gets its own result, whoever computed it."""
    results = await asyncio.gather(*(workers.run_brief(pow, 3, number, 1009) for number in range(1000)))
    assert results == [pow(3, number, 1009) for number in range(1000)]


async def test_the_loop_helps_while_the_threads_are_busy(workers: Workers) -> None:
    """With every thread held, what else is asked for is done all the same: a piece a turn, so that the loop goes on between them."""
    begun, let_go = threading.Semaphore(0), threading.Event()

    def hold() -> bool:
        begun.release()
        return let_go.wait(60)

    cores = len(os.sched_getaffinity(0))
    held = [asyncio.create_task(workers.run_brief(hold)) for _ in range(min(max(cores - 1, 1), 3))]
    for _ in held:
        await asyncio.to_thread(begun.acquire)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    places = await asyncio.wait_for(asyncio.gather(*(workers.run_brief(threading.get_ident) for _ in range(100))), 30)
    assert places == [threading.get_ident()] * 100
    assert turns >= 100
    counting.cancel()
    let_go.set()
    assert await asyncio.gather(*held) == [True] * len(held)


async def test_two_run_at_once(workers: Workers) -> None:
    """Two pieces of work that wait for each other both end: there are two threads."""
    meeting = threading.Barrier(2)
    places = await asyncio.gather(workers.run(meeting.wait, 5), workers.run(meeting.wait, 5))
    assert sorted(places) == [0, 1]


async def test_after_stop_nothing_starts(workers: Workers) -> None:
    """Work given after `stop` is refused, not forgotten in a queue."""
    assert await workers.run_brief(divmod, 1, 1) == (1, 0)
    workers.stop()
    for refused in (workers.run(divmod, 1, 1), workers.run_brief(divmod, 1, 1)):
        with pytest.raises(RuntimeError):
            await refused


async def test_what_waits_at_the_stop_is_dropped(workers: Workers) -> None:
    """It ends as cancelled, and nobody waits for ever."""
    let_go = threading.Event()
    asked = [asyncio.create_task(workers.run_brief(let_go.wait, 5)) for _ in range(8)]
    threading.Timer(0.05, let_go.set).start()
    await asyncio.sleep(0)  # asked for; the loop helps with one of them
    workers.stop()
    outcomes = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 5)
    assert all(outcome is True or isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    assert any(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)


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
